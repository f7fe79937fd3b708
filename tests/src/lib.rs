//! What every integration test needs: a temporary home, the program with an injected clock and nothing of this machine's
//! environment, and ways to look at what it left. Collaborators are real; nothing is mocked.
//!
//! Must stay true: a home that is dropped has been searched for its credentials; one that stands where it must not fails the test.

pub mod browser;
pub mod fuzzed;
mod leaks;
pub mod scripted;
pub mod served;
pub mod servers;
pub mod torture;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// The program under test: `make test` builds it before the tests run.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn program() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    // target/release/deps/suite-… → target/release/reveille
    let path = exe.parent().and_then(Path::parent).map(|folder| folder.join("reveille")).unwrap_or_default();
    assert!(path.is_file(), "{} is not built: run `make test`, or `cargo build --release` first", path.display());
    path
}

/// The repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// The settings that most tests start from: a letter with four channels and no credentials.
pub const SETTINGS: &str = r#"name = "The Letter"
url = "https://letter.example"
owner = "me@letter.example"

[channels.mastodon]
server = "https://social.example"
token = { env = "TEST_MASTODON_TOKEN" }

[channels.email]
smtp = "smtps://smtp.example"
user = "letter"
password = { env = "TEST_SMTP_PASSWORD" }
from = "The Letter <letter@letter.example>"

[channels.hackernews]
"#;

/// The mission that most tests start from.
pub const MISSION: &str = "# The Letter\n\nA letter.\n\n## Goal\n- paid subscribers: 50 by 2026-12-31\n";

/// The time at which tests happen, unless they say otherwise.
pub const NOW: &str = "2026-11-20T14:00:00Z";

/// A home in a temporary folder, removed when it is dropped.
pub struct Home {
    folder: tempfile::TempDir,
    now: String,
    environment: Vec<(String, String)>,
    /// All that was heard of the program.
    said: Mutex<String>,
}

impl Drop for Home {
    fn drop(&mut self) {
        // A test that has failed says why already.
        if !std::thread::panicking() {
            let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            let leaks = leaks::find(self.path(), &self.environment, &said);
            assert!(leaks.is_empty(), "a credential stands where it must not: {leaks:?}");
        }
    }
}

/// What the program said and how it ended.
#[derive(Debug)]
pub struct Said {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
}

impl Said {
    /// Of a finished process.
    #[must_use]
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// The data as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Itself, when the program ended well.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

impl Home {
    /// A home with these settings, mission and list.
    ///
    /// # Panics
    /// When the folder can't be made.
    #[must_use]
    pub fn new(progress: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let home = Self { folder, now: NOW.to_owned(), environment: vec![], said: Mutex::default() };
        home.write("reveille.toml", SETTINGS);
        home.write("mission/MISSION.md", MISSION);
        home.write("PROGRESS.md", progress);
        home
    }

    /// An empty folder that is no home.
    ///
    /// # Panics
    /// When the folder can't be made.
    #[must_use]
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        Self { folder, now: NOW.to_owned(), environment: vec![], said: Mutex::default() }
    }

    /// A copy of the example home.
    ///
    /// # Panics
    /// When it can't be copied.
    #[must_use]
    pub fn example() -> Self {
        let home = Self::empty();
        copy(&repository().join("examples/from-the-inside"), home.path()).unwrap_or_else(|error| panic!("{error}"));
        home
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path in it.
    #[must_use]
    pub fn join(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Writes a file of the home.
    ///
    /// # Panics
    /// When it can't.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.join(path);
        let done = std::fs::create_dir_all(path.parent().unwrap_or(self.path())).and_then(|()| std::fs::write(&path, text));
        done.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Reads a file of the home.
    ///
    /// # Panics
    /// When it can't.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        String::from_utf8_lossy(&self.bytes(path)).into_owned()
    }

    /// Reads a file's bytes.
    ///
    /// # Panics
    /// When it can't.
    #[must_use]
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// From now on it is this time.
    pub fn at(&mut self, now: &str) -> &mut Self {
        now.clone_into(&mut self.now);
        self
    }

    /// From now on this variable is set.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The program in this home, with nothing of this machine's environment but the search path.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path());
        command.env("REVEILLE_NOW", &self.now).env("REVEILLE_CACHE", cache());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.arg("--home").arg(self.path()).args(arguments).stdin(std::process::Stdio::null());
        command
    }

    /// Runs the program.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Said {
        self.heard(Said::of(&self.command(arguments).output().unwrap_or_else(|error| panic!("{error}"))))
    }

    /// What a program of this home said that was not started by [`Home::run`]: it is searched for credentials, too.
    #[must_use]
    pub fn heard(&self, said: Said) -> Said {
        let mut all = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend([said.stdout.as_str(), "\n", said.stderr.as_str(), "\n"]);
        drop(all);
        said
    }

    /// `plan --json`, without the model: tests of decisions are not tests of the reader.
    #[must_use]
    pub fn plan(&self, more: &[&str]) -> serde_json::Value {
        self.run(&[&["plan", "--json", "--no-model"], more].concat()).ok().json()
    }
}

/// One cache for all tests, so that the carried reader is unpacked once.
fn cache() -> PathBuf {
    program().parent().and_then(Path::parent).unwrap_or(Path::new(".")).join("test-cache")
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy(&entry.path(), &target)? } else { std::fs::copy(entry.path(), target).map(|_| ())? }
    }
    Ok(())
}
