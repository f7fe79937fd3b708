//! A real HTTP/1.1 server that plays what real servers can't be asked for: replies lost after the write, half an answer, silence,
//! a hundred megabytes, a way to another host. One thread a connection, one request a connection.
//!
//! Must stay true: a request counts when it was read whole, before anything is answered; all threads end when the server is
//! dropped, also those in the middle of a silence; a handler that panics fails the test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The server. It ends when it is dropped.
pub struct Scripted {
    /// Its address, without a slash at the end.
    pub url: String,
    address: std::net::SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

/// A request, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path, with the query.
    pub path: String,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// The body; of a chunked one the content.
    pub body: Vec<u8>,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Play {
    /// It is answered.
    Answer {
        /// The status.
        status: u16,
        /// Headers beside the length.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// The line is closed without an answer.
    Cut,
    /// The whole length is announced, the first half of the body sent, the line closed.
    Half {
        /// The status.
        status: u16,
        /// Headers beside the length.
        headers: Vec<(String, String)>,
        /// The whole body.
        body: Vec<u8>,
    },
    /// Nothing for so long, then the line is closed.
    Silence(Duration),
    /// A 200 with so many megabytes of spaces, which are the beginning of any JSON.
    Huge {
        /// Mebibytes.
        megabytes: usize,
    },
    /// A 307 to that address, which asks for the same method and body there.
    Redirect(String),
}

type Handler = dyn Fn(&Request, usize) -> Play + Send + Sync;

struct Shared {
    handler: Box<Handler>,
    requests: Mutex<Vec<Request>>,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    ended: bool,
    /// How many there were.
    count: usize,
    /// Those that are open.
    connections: BTreeMap<usize, TcpStream>,
}

/// A connection that is closed when its thread ends, also by a panic.
struct Open {
    shared: Arc<Shared>,
    number: usize,
    line: TcpStream,
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.line.shutdown(Shutdown::Both);
        lock(&self.shared.state).connections.remove(&self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Play {
    /// An answer in JSON.
    #[must_use]
    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Play::Answer { status, headers, body: value.to_string().into_bytes() }
    }
}

impl Request {
    /// The value of a header, by its name in small letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Sends it on to a real server and returns that server's answer: a handler that then plays something else has lost the reply
    /// after the write.
    ///
    /// # Panics
    /// When that server does not answer.
    #[must_use]
    pub fn forward(&self, server: &str) -> Play {
        let client = reqwest::blocking::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let method = reqwest::Method::from_bytes(self.method.as_bytes()).unwrap_or_default();
        let url = format!("{server}{}", self.path);
        let mut request = client.unwrap_or_else(|error| panic!("{error}")).request(method, &url).body(self.body.clone());
        let of_the_line = ["host", "connection", "content-length", "transfer-encoding"];
        for (name, value) in self.headers.iter().filter(|(name, _)| !of_the_line.contains(&name.as_str())) {
            request = request.header(name, value);
        }
        let answer = request.send().unwrap_or_else(|error| panic!("{url}: {error}"));
        let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value)));
        let headers = headers.filter(|(name, _)| !of_the_line.contains(&name.as_str())).collect();
        let status = answer.status().as_u16();
        Play::Answer { status, headers, body: answer.bytes().unwrap_or_else(|error| panic!("{url}: {error}")).to_vec() }
    }
}

impl Scripted {
    /// Starts a server whose handler says what happens to each request; the number counts requests, from 0. The handler may be
    /// called from several threads at once.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn start(handler: impl Fn(&Request, usize) -> Play + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let shared =
            Arc::new(Shared { handler: Box::new(handler), requests: Mutex::default(), state: Mutex::default(), ended: Condvar::new() });
        let listening = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || listen(&listener, &shared)
        });
        Self { url: format!("http://{address}"), address, shared, listening: Some(listening) }
    }

    /// The requests so far, in the order of their coming.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.shared.state);
            state.ended = true;
            for connection in state.connections.values() {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
        self.shared.ended.notify_all();
        let _ = TcpStream::connect(self.address); // so that `accept` returns
        let ended = self.listening.take().map_or(Ok(()), JoinHandle::join);
        assert!(ended.is_ok() || std::thread::panicking(), "a handler of the scripted server panicked");
    }
}

/// Takes connections until the end, then waits for their threads.
fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads = Vec::new();
    while let Ok((line, _)) = listener.accept() {
        let mut state = lock(&shared.state);
        if state.ended {
            break;
        }
        let Ok(second) = line.try_clone() else { continue };
        state.count += 1;
        let open = Open { shared: Arc::clone(shared), number: state.count, line };
        state.connections.insert(open.number, second);
        drop(state);
        // A client that goes away in the middle is none of the server's business.
        threads.push(std::thread::spawn(move || drop(serve(&open.line, &open.shared))));
    }
    let panicked = threads.into_iter().map(JoinHandle::join).filter(Result::is_err).count();
    assert!(panicked == 0, "{panicked} handlers panicked");
}

/// One connection: a request is read, kept, played, and the line closed.
fn serve(connection: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let Some(request) = read(&mut BufReader::new(connection))? else { return Ok(()) };
    let number = {
        let mut requests = lock(&shared.requests);
        requests.push(request.clone());
        requests.len() - 1
    };
    let play = (shared.handler)(&request, number);
    act(connection, &play, shared)
}

fn act(mut line: &TcpStream, play: &Play, shared: &Shared) -> std::io::Result<()> {
    match play {
        Play::Answer { status, headers, body } => {
            line.write_all(&head(*status, headers, body.len()))?;
            line.write_all(body)
        }
        Play::Cut => Ok(()),
        Play::Half { status, headers, body } => {
            line.write_all(&head(*status, headers, body.len()))?;
            line.write_all(&body[..body.len() / 2])
        }
        Play::Silence(long) => {
            let state = lock(&shared.state);
            drop(shared.ended.wait_timeout_while(state, *long, |state| !state.ended));
            Ok(())
        }
        Play::Huge { megabytes } => {
            let json = [("content-type".to_owned(), "application/json".to_owned())];
            line.write_all(&head(200, &json, megabytes << 20))?;
            let megabyte = vec![b' '; 1 << 20];
            (0..*megabytes).try_for_each(|_| line.write_all(&megabyte))
        }
        Play::Redirect(to) => line.write_all(&head(307, &[("location".to_owned(), to.clone())], 0)),
    }
}

/// The status line and the headers, with the announced length.
fn head(status: u16, headers: &[(String, String)], length: usize) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// A request (RFC 9112), or nothing when the client closed the line without one.
fn read(line: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let first = read_line(line)?;
    let mut words = first.split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let mut request = Request { method: method.to_owned(), path: path.to_owned(), headers: vec![], body: vec![] };
    loop {
        let header = read_line(line)?;
        let Some((name, value)) = header.split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if request.header("transfer-encoding").is_some() {
        request.body = read_chunks(line)?;
    } else if let Some(length) = request.header("content-length") {
        request.body = vec![0; length.parse().map_err(std::io::Error::other)?];
        line.read_exact(&mut request.body)?;
    }
    Ok(Some(request))
}

fn read_chunks(line: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = read_line(line)?;
        let size = u64::from_str_radix(size.split(';').next().unwrap_or_default(), 16).map_err(std::io::Error::other)?;
        if size == 0 {
            while !read_line(line)?.is_empty() {}
            return Ok(body);
        }
        if line.by_ref().take(size).read_to_end(&mut body)? as u64 != size {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let _ = read_line(line)?;
    }
}

/// A line without its end; empty at the end of the stream.
fn read_line(line: &mut impl BufRead) -> std::io::Result<String> {
    let mut text = Vec::new();
    let _ = line.read_until(b'\n', &mut text)?;
    Ok(String::from_utf8_lossy(&text).trim_end_matches(['\r', '\n']).to_owned())
}
