//! A real server on a free port, with less patience than readers are given.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::app::tests::app;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const SHORT: Limits = Limits {
    connections: 64,
    head: Duration::from_millis(300),
    head_when_crowded: Duration::from_millis(100),
    request: Duration::from_millis(300),
    taking: Duration::from_millis(300),
    grace: PATIENCE,
};

/// A server that serves until it is told to end.
struct Running {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServeError>>,
    folder: tempfile::TempDir,
}

impl Running {
    async fn start(limits: Limits) -> Self {
        Self::of(limits, |_| {}).await
    }

    async fn of(limits: Limits, change: impl FnOnce(&mut App)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut app = app(folder.path());
        change(&mut app);
        std::fs::write(folder.path().join("site/index.html"), "<p>front</p>").unwrap();
        let mut server = Server::listen("127.0.0.1:0".parse().unwrap(), app).await.unwrap();
        server.limits = limits;
        let address = server.address().unwrap();
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(server.serve(async {
            let _ = ended.await;
        }));
        Self { address, end: Some(end), task, folder }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes over a connection of their own, and all that comes back until the server ends it.
    async fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        rest(&mut stream).await
    }
}

/// Everything until the server ends the connection, which it must.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server holds the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &str = "GET / HTTP/1.1\r\nHost: letter.example\r\n\r\n";
const GET_AND_CLOSE: &str = "GET / HTTP/1.1\r\nHost: letter.example\r\nConnection: close\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_client_is_let_go_and_others_are_served_meanwhile() {
    let server = Running::start(SHORT).await;
    let mut slow = server.connect().await;
    let writer = tokio::spawn(async move {
        // A byte now and then: each alone would be in time.
        for byte in GET.bytes().cycle() {
            if slow.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        rest(&mut slow).await
    });
    assert!(server.say(GET_AND_CLOSE).await.starts_with("HTTP/1.1 200 OK"));
    tokio::time::timeout(PATIENCE, writer).await.expect("the slow one is never let go").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_is_let_go() {
    let server = Running::start(SHORT).await;
    assert_eq!(rest(&mut server.connect().await).await, "");
    let kept = server.say(GET).await;
    assert!(kept.ends_with("<p>front</p>"), "answered once, then let go: {kept}");
    let half = server.say("GET / HTTP/1.1\r\nHost: letter").await;
    assert!(!half.contains("200"), "{half}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_nothing_of_an_answer_is_let_go() {
    let server = Running::start(Limits { connections: 1, ..SHORT }).await;
    // More than the buffers of both ends hold.
    std::fs::write(server.folder.path().join("site/large.mp3"), vec![0; 64 << 20]).unwrap();
    let mut stream = server.connect().await;
    stream.write_all(GET.replace("/ HTTP", "/large.mp3 HTTP").as_bytes()).await.unwrap();
    stream.readable().await.unwrap();
    // The only place becomes free although nothing is read.
    assert!(server.say(GET_AND_CLOSE).await.ends_with("<p>front</p>"));
    assert!(rest(&mut stream).await.len() < 64 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_silent_clients_keeps_nobody_out() {
    let server = Running::start(Limits { connections: 8, ..SHORT }).await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(server.connect().await);
    }
    assert!(server.say(GET_AND_CLOSE).await.ends_with("<p>front</p>"));
    for mut one in silent {
        assert_eq!(rest(&mut one).await, "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_are_too_large_are_refused() {
    let server = Running::start(Limits { head: PATIENCE, ..SHORT }).await;
    let large = "x".repeat(HEAD_BYTES);
    let many: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    for head in [
        format!("GET / HTTP/1.1\r\nHost: letter.example\r\nX: {large}\r\n\r\n"),
        format!("GET /{large} HTTP/1.1\r\nHost: letter.example\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: letter.example\r\n{many}\r\n"),
    ] {
        let answer = server.say(&head).await;
        // Who still sends when the answer goes out may lose it; nobody gets the page.
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shapes_that_two_servers_read_differently_are_refused() {
    let server = Running::start(Limits { head: PATIENCE, ..SHORT }).await;
    let post = |headers: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: letter.example\r\n{headers}\r\n\r\n{body}");
    let hidden = "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";
    for shape in [
        post("Content-Length: 4\r\nContent-Length: 60", "abcdGET /hidden HTTP/1.1\r\n\r\n"),
        post("Content-Length: 4, 60", "abcd"),
        post("Content-Length: +4", "abcd"),
        post("Content-Length: 0x4", "abcd"),
        post("Content-Length: -1", ""),
        post("Content-Length: 99999999999999999999", ""),
        post("Transfer-Encoding: chunked, identity", hidden),
        post("Transfer-Encoding: xchunked", hidden),
        post("Transfer-Encoding : chunked", hidden),
        post("X: y\n Content-Length: 4", "abcd"),
        "GET / HTTP/1.1\r\n Host: folded\r\n\r\n".to_owned(),
        "GET  / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nX: no host\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\nHost: x\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03 a browser that speaks TLS".to_owned(),
    ] {
        let answer = server.say(&shape).await;
        assert!(answer.starts_with("HTTP/1.1 400 ") && !answer.contains("<p>front</p>"), "{shape:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{shape:?}: {answer}");
    }
    // Two lengths of two kinds: chunks decide, and nothing that comes after is believed to be a request (RFC 9112, 6.1 and 6.3).
    for shape in [
        post("Content-Length: 6\r\nTransfer-Encoding: chunked", hidden),
        post("Transfer-Encoding: chunked\r\nContent-Length: 6", hidden),
        post("Transfer-Encoding: chunked\r\nContent-Length: 60", hidden),
    ] {
        let answer = server.say(&shape).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{shape:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{shape:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_one_go_are_answered_in_their_order_until_the_first_nonsense() {
    let server = Running::start(Limits { head: PATIENCE, ..SHORT }).await;
    let missing = GET.replace("/ HTTP", "/nothing HTTP");
    let answer = server.say(format!("{GET}{missing}{GET}\0\0rubbish\r\n\r\n{GET}")).await;
    let status: Vec<_> = answer.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(status, ["200", "404", "200", "400"], "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_bodies_are_refused_and_slow_ones_given_up() {
    let server = Running::start(Limits { request: PATIENCE, ..SHORT }).await;
    let answer = server.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("content-security-policy"), "{answer}");
    // A body that nobody waits for is not waited for.
    let answer = server.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(server.say(GET_AND_CLOSE).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_waits_for_what_has_begun_and_for_nothing_else() {
    let mut server = Running::start(Limits { head: PATIENCE, taking: PATIENCE, ..SHORT }).await;
    std::fs::write(server.folder.path().join("site/large.mp3"), vec![7; 64 << 20]).unwrap();
    let mut busy = server.connect().await;
    busy.write_all(GET.replace("/ HTTP", "/large.mp3 HTTP").as_bytes()).await.unwrap();
    busy.readable().await.unwrap();
    let (mut silent, mut idle) = (server.connect().await, server.connect().await);
    idle.write_all(GET.as_bytes()).await.unwrap();
    idle.readable().await.unwrap();
    server.end.take().unwrap().send(()).unwrap();
    // These have nothing to wait for.
    assert!(rest(&mut idle).await.ends_with("<p>front</p>"));
    assert_eq!(rest(&mut silent).await, "");
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody is taken any more");
    assert!(!server.task.is_finished(), "an answer is on its way");
    let mut answer = Vec::new();
    busy.read_to_end(&mut answer).await.unwrap();
    assert!(answer.len() > 64 << 20, "{} bytes of it", answer.len());
    tokio::time::timeout(PATIENCE, server.task).await.expect("the server does not end").unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_does_not_wait_for_ever() {
    let mut server = Running::start(Limits { taking: PATIENCE, grace: Duration::from_millis(200), ..SHORT }).await;
    std::fs::write(server.folder.path().join("site/large.mp3"), vec![7; 64 << 20]).unwrap();
    let mut never_reads = server.connect().await;
    never_reads.write_all(GET.replace("/ HTTP", "/large.mp3 HTTP").as_bytes()).await.unwrap();
    never_reads.readable().await.unwrap();
    server.end.take().unwrap().send(()).unwrap();
    tokio::time::timeout(PATIENCE, server.task).await.expect("the server does not end").unwrap().unwrap();
}

#[tokio::test]
async fn a_handler_is_told_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = app(folder.path());
    app.proxies = ["127.0.0.1".parse().unwrap()].into();
    let router = Router::new().route("/", axum::routing::get(|peer: Peer| async move { peer.network() }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    let graceful = GracefulShutdown::new();
    let serving = tokio::spawn(connection(
        protocol(PATIENCE),
        stream,
        peer,
        Answers { router, app, not_believed: Arc::default() },
        PATIENCE,
        graceful.watcher(),
    ));
    let asked = GET_AND_CLOSE.replace("Host", "X-Forwarded-For: 10.9.9.9, 198.51.100.7\r\nHost");
    client.write_all(asked.as_bytes()).await.unwrap();
    assert!(rest(&mut client).await.ends_with("\r\n\r\n198.51.100.0/24"));
    serving.await.unwrap();
}
