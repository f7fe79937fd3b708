//! Programs of the system that are asked something: each in a group of its own, with a time that it may take.
//!
//! Must stay true: the call returns when its time is over, and a program that goes on by then is killed with its group.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};

/// How often the child is looked at.
const TICK: Duration = Duration::from_millis(5);

/// The most bytes of an answer.
const MOST: u64 = 4 << 20;

/// What a program is given.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) arguments: Vec<OsString>,
    /// Less than a pipe holds (64 KB): writing it can't block.
    pub(crate) input: Option<&'a SecretString>,
    /// The variables that it sees; all of ours when there is none.
    pub(crate) variables: Option<Vec<(OsString, OsString)>>,
    pub(crate) limit: Duration,
    /// Where it runs, if not where we do.
    pub(crate) folder: Option<&'a Path>,
}

/// How a child ended.
#[derive(Debug)]
pub(crate) enum Ran {
    /// By itself.
    Ended {
        /// Its exit code; none when a signal ended it.
        code: Option<i32>,
        /// What it answered.
        answer: Vec<u8>,
        /// What it complained of.
        complaint: Vec<u8>,
    },
    /// It did not end in its time, and was killed.
    TooLong,
    /// It never began.
    NotStarted(String),
}

/// Starts a program and waits for its end.
pub(crate) fn run(program: &Path, call: &Call<'_>) -> Ran {
    let deadline = Instant::now() + call.limit;
    let mut command = Command::new(program);
    command.args(&call.arguments).stdin(if call.input.is_some() { Stdio::piped() } else { Stdio::null() });
    if let Some(variables) = &call.variables {
        command.env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
    }
    if let Some(folder) = call.folder {
        command.current_dir(folder);
    }
    // A group of its own, so that what it starts dies with it.
    let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Ran::NotStarted(format!("{} can't be started: {error}", program.display())),
    };
    let (answer, complaint) = (listen(child.stdout.take()), listen(child.stderr.take()));
    // Whoever does not read it will not end well.
    if let (Some(mut stdin), Some(words)) = (child.stdin.take(), call.input) {
        let _ = stdin.write_all(words.expose_secret().as_bytes());
    }
    // Taken before it is waited for: nobody else's group has this number while something of it goes on.
    let group = Pid::from_child(&child);
    let Some(status) = wait(&mut child, deadline, &|| false) else {
        end(&mut child);
        return Ran::TooLong;
    };
    // Something that it left behind may hold the pipes open: it has the same time, and ends with the group.
    let left = || deadline.saturating_duration_since(Instant::now());
    let Ok(answer) = answer.recv_timeout(left()) else {
        let _ = kill_process_group(group, Signal::KILL);
        return Ran::TooLong;
    };
    let complaint = complaint.recv_timeout(left().min(Duration::from_millis(200))).unwrap_or_default();
    Ran::Ended { code: status.code(), answer, complaint }
}

/// Reads what the child says beside it.
fn listen(from: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (say, heard) = mpsc::channel();
    if let Some(from) = from {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if from.take(MOST).read_to_end(&mut bytes).is_ok() {
                let _ = say.send(bytes);
            }
        });
    }
    heard
}

/// How a child ended; none when it goes on at its deadline, or when it is to be stopped before.
pub(crate) fn wait(child: &mut Child, deadline: Instant, stopped: &dyn Fn() -> bool) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline && !stopped() => std::thread::sleep(TICK),
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Ends a child that leads a group of its own, with all that it started.
pub(crate) fn end(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_leaves_behind_on_its_pipe_is_killed_at_the_end_of_its_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("late");
        let script = format!("(sleep 1.5; touch {}) & exit 0", file.display());
        let arguments = vec!["-c".into(), script.into()];
        let call = Call { arguments, input: None, variables: None, limit: Duration::from_millis(300), folder: None };
        assert!(matches!(run(Path::new("/bin/sh"), &call), Ran::TooLong));
        std::thread::sleep(Duration::from_millis(2_500));
        assert!(!file.exists(), "it went on");
    }
}
