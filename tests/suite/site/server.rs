//! Bad connections against the program, with the patience that readers are given.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reveille_tests::served::Served;
use reveille_tests::{Home, SETTINGS};

const GET: &str = "GET / HTTP/1.1\r\nHost: letter.example\r\nConnection: close\r\n\r\n";
/// More than the buffers of both ends of a connection hold.
const LARGE: usize = 64 << 20;

/// A home with a front page and a large file.
fn home() -> Home {
    let home = Home::new("# P\n");
    home.write("reveille.toml", format!("{SETTINGS}\n[site]\n"));
    home.write("site/index.html", "<p>front</p>");
    let large = std::fs::File::create(home.join("site/talk.mp3")).unwrap();
    large.set_len(LARGE as u64).unwrap();
    home
}

/// What comes over a connection until the program ends it. A reset is an end, too; a minute without one is none.
fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert!(!matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "the connection is held");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn say(served: &Served<'_>, bytes: &str) -> String {
    let mut stream = served.connect();
    // Who is refused in the middle of a request may not be able to send all of it.
    let _ = stream.write_all(bytes.as_bytes());
    rest(&mut stream)
}

/// How long it takes to get the front page.
fn front(served: &Served<'_>) -> Duration {
    let begun = Instant::now();
    let page = say(served, GET);
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("<p>front</p>"), "{page}");
    begun.elapsed()
}

#[test]
fn a_client_of_a_byte_a_second_is_let_go_while_others_are_served() {
    let home = home();
    let served = Served::start(&home);
    let clients: Vec<_> = ["GET / HTTP/1.1\r\nX: ", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"]
        .map(|begin| {
            let mut stream = served.connect();
            stream.write_all(begin.as_bytes()).unwrap();
            std::thread::spawn(move || {
                let begun = Instant::now();
                while stream.write_all(b"x").is_ok() {
                    assert!(begun.elapsed() < Duration::from_secs(120), "it is never let go");
                    std::thread::sleep(Duration::from_secs(1));
                }
                begun.elapsed()
            })
        })
        .into();
    front(&served);
    for client in clients {
        client.join().unwrap();
        front(&served);
    }
}

#[test]
fn what_is_too_large_or_ambiguous_is_refused() {
    let home = home();
    let served = Served::start(&home);
    let large = "x".repeat(20_000);
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: x\r\nX: {large}\r\n\r\n"), "431"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 16385\r\n\r\n".to_owned(), "413"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd".to_owned(), "400"),
        ("GET /%2e%2e/reveille.toml HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(), "404"),
        (GET.replace("GET", "DELETE"), "405"),
    ] {
        let answer = say(&served, &request);
        // Who still sends when the answer goes out may lose it to the reset.
        assert!(answer.is_empty() && status == "431" || answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        assert!(!answer.contains("owner ="), "{answer}");
    }
    front(&served);
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure is for a document")]
fn a_thousand_silent_connections_take_little_and_keep_nobody_out() {
    // Each end of a connection is a file of its process; the other end is here.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let wide = rustix::process::Rlimit { current: limit.maximum.map(|most| most.min(4096)).or(Some(4096)), maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, wide).unwrap();
    let home = home();
    let served = Served::start(&home);
    bounded(&served);
    front(&served);
    let mut silent: Vec<_> = (0..1000).map(|_| served.connect()).collect();
    // Half of them have begun to say something, so that they have a buffer.
    for stream in silent.iter_mut().step_by(2) {
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: letter.example\r\nX: ");
    }
    let waited = front(&served);
    assert!(waited < Duration::from_secs(30), "{waited:?}");
    if let Some(resident) = resident(&served) {
        println!("1,000 connections: {resident} KB resident, a page after {waited:?}");
        assert!(resident < 256 * 1024, "{resident} KB");
    }
    // And all of them are let go.
    for stream in &mut silent {
        assert!(!rest(stream).contains("200 OK"));
    }
    front(&served);
}

/// No more than 256 MB of memory of its own from now on, where the system can do that. (Addresses are no measure: every thread
/// reserves 64 MB of them and uses some pages.)
fn bounded(served: &Served<'_>) {
    if cfg!(target_os = "linux") {
        let most = "--data=268435456:268435456";
        let done = std::process::Command::new("prlimit").arg(most).arg("--pid").arg(served.id().to_string()).status();
        assert!(done.is_ok_and(|status| status.success()), "prlimit failed");
    }
}

/// KB of the program in memory, where the system tells it.
fn resident(served: &Served<'_>) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.id())).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}

#[test]
fn sigterm_ends_it_after_what_has_begun() {
    let home = home();
    let served = Served::start(&home);
    let mut busy = served.connect();
    busy.write_all(GET.replace("/ HTTP", "/talk.mp3 HTTP").as_bytes()).unwrap();
    let mut first = [0; 15];
    busy.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let mut silent = served.connect();
    served.terminate();
    assert_eq!(rest(&mut silent), "");
    let mut whole = Vec::new();
    busy.read_to_end(&mut whole).unwrap();
    assert!(whole.len() > LARGE, "{} bytes of it", whole.len());
    assert_eq!(served.ended().code, 0);
}
