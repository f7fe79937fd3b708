//! How the server goes: its place in the home (`memory/serve.lock`), and `memory/serve.json`, which `status` and `doctor` read.
//!
//! Must stay true: whether it runs is the lock's word; the file only says what the one that holds the lock wrote. A server that ends in
//! order takes the file away; one that was killed leaves one that nobody believes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::post::{Post, Stays};
use crate::record::write_whole;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// The version of this form: 1.
    schema: u32,
    /// The server's process.
    pub(crate) pid: u32,
    /// When it began.
    pub(crate) since: DateTime<Utc>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Why the mails that readers asked for did not go out at the last try.
    pub(crate) mails: Option<Held>,
}

/// Why something does not go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Why.
    pub(crate) why: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

impl From<&Failure> for Held {
    fn from(failure: &Failure) -> Self {
        Self { why: failure.to_string(), hint: failure.hint.clone() }
    }
}

fn path(home: &Home) -> PathBuf {
    home.memory().join("serve.json")
}

/// A server at its post.
pub(crate) struct AtPost {
    home: Home,
    now: Mutex<Now>,
}

struct Now {
    post: Post,
    since: DateTime<Utc>,
    /// Nothing before it listens.
    address: Option<SocketAddr>,
    mails: Option<Held>,
    /// What went wrong with the file or the lock the last time.
    said: String,
}

impl AtPost {
    /// Takes the server's place in a home, or says who has it and where that one listens.
    ///
    /// # Errors
    /// Another one is there.
    pub(crate) fn take(home: &Home, since: DateTime<Utc>) -> Outcome<Self> {
        let post = Post::take(Stays::Server, home, since).map_err(|failure| match Server::of(home).health {
            Some(health) => Failure { error: anyhow::anyhow!("{failure}: it listens on http://{}", health.address), ..failure },
            None => failure,
        })?;
        Ok(Self { home: home.clone(), now: Mutex::new(Now { post, since, address: None, mails: None, said: String::new() }) })
    }

    /// It listens there.
    pub(crate) fn listens(&self, address: SocketAddr) {
        let mut now = self.now();
        now.address = Some(address);
        self.write(&mut now);
    }

    /// What came of the last try to mail: also the time to look after the lock.
    pub(crate) fn mailed(&self, mails: Option<Held>) {
        let mut now = self.now();
        let kept = now.post.renew(&self.home).map_err(|failure| failure.with_hint());
        self.complain(&mut now, kept);
        if now.mails != mails || (now.address.is_some() && !path(&self.home).is_file()) {
            now.mails = mails;
            self.write(&mut now);
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file that can't be written stops nothing.
    fn write(&self, now: &mut Now) {
        let Some(address) = now.address else { return };
        let health = Health { schema: 1, pid: std::process::id(), since: now.since, address, mails: now.mails.clone() };
        let path = path(&self.home);
        let json = serde_json::to_vec_pretty(&health).map_err(std::io::Error::from);
        let written = json.and_then(|json| write_whole(&path, &json));
        // Its words name a file that is another one each time.
        let written = written.map_err(|error| format!("failed to write {}: {}; the server goes on without", path.display(), error.kind()));
        self.complain(now, written);
    }

    /// Once, and again when it is something else.
    fn complain(&self, now: &mut Now, came_of: Result<(), String>) {
        let said = came_of.err().unwrap_or_default();
        if !said.is_empty() && said != now.said {
            tracing::warn!("{said}");
        }
        now.said = said;
    }
}

impl Drop for AtPost {
    fn drop(&mut self) {
        match std::fs::remove_file(path(&self.home)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!("failed to remove {}: {error}", path(&self.home).display());
            }
            _ => {}
        }
    }
}

/// What there is to know of a home's server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Server {
    /// Whether one runs.
    pub(crate) running: bool,
    /// What it wrote, where it runs.
    #[serde(flatten)]
    pub(crate) health: Option<Health>,
}

impl Server {
    /// Looks; a lock that can't be looked at counts as free.
    pub(crate) fn of(home: &Home) -> Self {
        let holder = Stays::Server.holder(home).ok().flatten();
        let written = std::fs::read(path(home)).ok().and_then(|bytes| serde_json::from_slice::<Health>(&bytes).ok());
        // One that has just begun has written nothing yet: what is there is its killed predecessor's.
        let is_of = |holder: &str, health: &Health| holder.starts_with(&format!("process {} ", health.pid));
        let health = written.filter(|health| holder.as_deref().is_some_and(|holder| is_of(holder, health)));
        Self { running: holder.is_some(), health }
    }

    /// In a few words, after `serve`. `expected` says that letters lead there.
    pub(crate) fn shown(&self, expected: bool) -> String {
        match &self.health {
            Some(health) => {
                let since = health.since.format("%Y-%m-%d %H:%M UTC");
                format!("running since {since} on {} (process {})", health.address, health.pid)
            }
            None if self.running => "running, it has just begun".to_owned(),
            None if expected => "not running, and your letters lead there".to_owned(),
            None => "not running".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::failure::Kind;

    fn home(folder: &std::path::Path) -> Home {
        std::fs::write(folder.join("reveille.toml"), "").expect("written");
        Home::find(Some(folder), &Environment::of(&[])).expect("a home")
    }

    #[test]
    fn the_lock_says_whether_one_runs_and_the_file_only_what_it_wrote() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = home(folder.path());
        let (since, address) = (DateTime::UNIX_EPOCH, "127.0.0.1:8080".parse().expect("an address"));
        assert_eq!(Server::of(&home).shown(true), "not running, and your letters lead there");
        let at_post = AtPost::take(&home, since).expect("free");
        assert_eq!(Server::of(&home).shown(true), "running, it has just begun");
        at_post.listens(address);
        let shown = format!("running since 1970-01-01 00:00 UTC on 127.0.0.1:8080 (process {})", std::process::id());
        assert_eq!(Server::of(&home).shown(true), shown);
        let another = AtPost::take(&home, since).err().expect("taken");
        assert_eq!(another.kind, Kind::Busy);
        let said = another.to_string();
        assert!(said.contains(&format!("process {}", std::process::id())) && said.contains("http://127.0.0.1:8080"), "{said}");

        // What a killed one leaves: the file, and the words in a lock that nobody holds.
        let (json, lock) = (folder.path().join("memory/serve.json"), folder.path().join("memory/serve.lock"));
        let left = (std::fs::read(&json).expect("a file"), std::fs::read(&lock).expect("a file"));
        drop(at_post);
        assert!(!json.exists(), "who leaves in order takes it away");
        std::fs::write(&json, &left.0).expect("written");
        std::fs::write(&lock, &left.1).expect("written");
        assert_eq!(Server::of(&home), Server { running: false, health: None });
        // Its successor is not taken for it.
        let other = String::from_utf8(left.0).expect("text").replace(&format!("\"pid\": {}", std::process::id()), "\"pid\": 1");
        std::fs::write(&json, other).expect("written");
        let at_post = AtPost::take(&home, since).expect("free");
        assert_eq!(Server::of(&home), Server { running: true, health: None });
        // Files that somebody removed come back, and so does the lock.
        at_post.listens(address);
        std::fs::remove_dir_all(folder.path().join("memory")).expect("removed");
        assert!(!Server::of(&home).running);
        std::fs::create_dir(folder.path().join("memory")).expect("made");
        at_post.mailed(None);
        assert!(Server::of(&home).health.is_some() && AtPost::take(&home, since).is_err());
    }
}
