//! The publication in a real Chromium: as the program renders and serves it.

mod attacks;
mod harness;
mod reading;
mod stranger;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use reveille_tests::Home;

/// A home whose site is rendered and served by the program. It ends when it is dropped.
struct Served {
    home: Home,
    url: String,
    process: Child,
}

impl Served {
    /// The example home with `[site]`; `change` may make more of it before it is rendered.
    fn start(change: impl FnOnce(&Home)) -> Self {
        let mut home = Home::example();
        home.write("clock", reveille_tests::NOW);
        home.at(&format!("@{}", home.join("clock").display()));
        // The settings have to name the address, so the port is chosen before.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}/");
        let settings = home.read("reveille.toml").replace("https://fromtheinside.example", url.trim_end_matches('/'));
        home.write("reveille.toml", format!("{settings}\n[site]\n"));
        change(&home);
        let _ = home.run(&["render"]).ok();
        let listen = format!("127.0.0.1:{port}");
        let mut process = home.command(&["serve", "--listen", &listen]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("serving "), "{line:?}");
        Self { home, url, process }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
