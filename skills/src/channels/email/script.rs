//! A small real mail server for tests, on a free port of this machine: what it does with a mail stands in the recipient's
//! local part.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A mail that it took.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
}

/// The server; its threads end with the test.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) port: u16,
    taken: Arc<Mutex<Vec<Taken>>>,
    lines: Arc<AtomicUsize>,
}

impl Script {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (taken, lines) = (Arc::new(Mutex::new(vec![])), Arc::new(AtomicUsize::new(0)));
        let (kept, counted) = (Arc::clone(&taken), Arc::clone(&lines));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                counted.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || converse(&stream, &kept));
            }
        });
        Self { port, taken, lines }
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("kept").clone()
    }

    /// How many lines were opened to it.
    pub(crate) fn lines(&self) -> usize {
        self.lines.load(Ordering::SeqCst)
    }
}

/// One line, until it is cut.
fn converse(stream: &TcpStream, kept: &Mutex<Vec<Taken>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let say = |line: &str| { stream }.write_all(format!("{line}\r\n").as_bytes()).ok();
    let (mut from, mut to) = (String::new(), String::new());
    say("220 here ESMTP")?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        let local = |line: &str| line.split(['<', '@']).nth(1).unwrap_or_default().to_owned();
        match line.get(..4)? {
            "EHLO" => say("250-here\r\n250 AUTH PLAIN")?,
            "AUTH" => say(if line.ends_with("AHUAcA==") { "235 in" } else { "535 5.7.8 no" })?,
            "MAIL" => {
                from = line.split(['<', '>']).nth(1)?.to_owned();
                say(if from.starts_with("banned") { "550 5.7.1 not you" } else { "250 ok" })?;
            }
            "RCPT" => {
                to = line.split(['<', '>']).nth(1)?.to_owned();
                match local(line).as_str() {
                    "reject" => say("550 5.1.1 no such user")?,
                    "policy" => say("554 5.7.1 relay access denied")?,
                    "later" => say("451 4.7.1 try again later")?,
                    "closing" => say("421 4.3.2 closing").and(None)?,
                    "drop" => return None,
                    _ => say("250 ok")?,
                }
            }
            "DATA" => {
                say("354 go on")?;
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") {
                    if reader.read_line(&mut text).ok()? == 0 {
                        return None;
                    }
                }
                match to.split('@').next()? {
                    "spam" => say("554 5.6.0 not such words")?,
                    "busy" => say("452 4.3.1 full")?,
                    "odd" => say("354 more?")?,
                    other => {
                        let number = {
                            let mut kept = kept.lock().ok()?;
                            kept.push(Taken { from: from.clone(), to: to.clone(), text });
                            kept.len()
                        };
                        match other {
                            "lost" => return None,
                            "silent" => thread::sleep(std::time::Duration::from_secs(5)),
                            _ => say(&format!("250 2.0.0 Ok: queued as Q{number}"))?,
                        }
                    }
                }
            }
            "QUIT" => return say("221 bye").and(None),
            _ => say("250 ok")?,
        }
    }
}
