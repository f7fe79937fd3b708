//! `reveille serve` in a home of a test, on a free port of 127.0.0.1.
//!
//! Must stay true: the program ends with the value that started it, by its process id; nothing of it stays behind.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Home, Said};

/// How long the program may take to end on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, serving.
pub struct Served<'h> {
    home: &'h Home,
    /// Where it listens.
    pub address: SocketAddr,
    process: Child,
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

impl<'h> Served<'h> {
    /// Starts it; the settings need a line `[site]`.
    ///
    /// # Panics
    /// When it does not say where it listens.
    #[must_use]
    pub fn start(home: &'h Home) -> Self {
        let mut process =
            home.command(&["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{e}"));
        let mut line = String::new();
        let said = process.stdout.as_mut().map(|pipe| BufReader::new(pipe).read_line(&mut line));
        let address = line.trim().strip_prefix("serving http://").and_then(|address| address.parse().ok());
        let Some(address) = address else {
            let _ = process.kill();
            let _ = process.wait();
            panic!("serve said {line:?} ({said:?})");
        };
        Self { home, address, process }
    }

    /// An address of a page: `path` begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// A connection of one's own, for requests that no client library makes. Reading ends with an error after a minute.
    ///
    /// # Panics
    /// When there is none to be had.
    #[must_use]
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap_or_else(|error| panic!("{error}"));
        stream.set_read_timeout(Some(PATIENCE)).unwrap_or_else(|error| panic!("{error}"));
        stream
    }

    /// SIGKILL: nothing is finished.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// SIGTERM, without waiting.
    ///
    /// # Panics
    /// When it can't be sent.
    pub fn terminate(&self) {
        let sent = Command::new("kill").arg(self.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "no SIGTERM was sent");
    }

    /// Waits for its end, and says how it ended.
    ///
    /// # Panics
    /// When it does not end within a minute.
    #[must_use]
    pub fn ended(mut self) -> Said {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => {
                    let code = status.code().unwrap_or(-1);
                    return self.home.heard(Said { code, stdout: String::new(), stderr: String::new() });
                }
                Ok(None) => assert!(Instant::now() < until, "serve does not end"),
                Err(error) => panic!("{error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
