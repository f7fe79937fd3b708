//! A real Chromium that looks at pages for the tests: the commands of `tests/browser/check.mjs`, installed once like the test
//! servers.
//!
//! Must stay true: it reaches no host but 127.0.0.1, and ends when the test does, also when that is killed.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::servers::installs;

/// Chromium, headless: each call starts one with a profile of its own.
#[derive(Debug, Clone, Copy)]
pub struct Browser;

impl Browser {
    /// Runs a command of `tests/browser/check.mjs` and gives what it saw.
    ///
    /// # Panics
    /// When it can't be installed or started, or the check itself fails; what the page does wrong stands in the value.
    #[must_use]
    pub fn run(command: &str, arguments: &[&str]) -> Value {
        let script = crate::repository().join("tests/browser/run");
        let mut child = Command::new(&script)
            .arg(installs().join("browser"))
            .arg(command)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        // Held open until it has ended: the browser goes when this closes.
        let input = child.stdin.take();
        let output = child.wait_with_output().unwrap_or_else(|error| panic!("{command}: {error}"));
        drop(input);
        assert!(output.status.success(), "tests/browser/run {command} {arguments:?} failed; what it says stands above");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{command}: {error}"))
    }
}
