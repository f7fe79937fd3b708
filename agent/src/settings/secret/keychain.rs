//! Secrets in the system's keychain, through its own program: a child that has two seconds, for a keychain that is locked
//! asks in a dialog that nobody sees, and a call into a library could not be left.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret, SecretString};

use super::platform::{Call, HERE};
use super::{Trouble, value};
use crate::environment::Environment;

/// How long the keychain may take.
const LIMIT: Duration = Duration::from_secs(2);

/// How often the child is looked at.
const TICK: Duration = Duration::from_millis(5);

/// The most bytes of an answer.
const MOST: u64 = 64 << 10;

/// Looks whether the item is there.
pub(super) fn look(environment: &Environment, name: &str) -> Result<(), Trouble> {
    ask(environment, name, &HERE.look(name)).map(drop)
}

/// The item's value.
pub(super) fn find(environment: &Environment, name: &str) -> Result<Vec<u8>, Trouble> {
    ask(environment, name, &HERE.find(name))
}

/// Keeps a value, and reads it back: only then it is stored.
pub(super) fn store(environment: &Environment, name: &str, secret: &SecretString) -> Result<(), Trouble> {
    let not_kept = |why: &str| Trouble { why: format!("the keychain did not keep `{name}`: {why}"), unblock: by_hand(name) };
    let call = HERE.store(name, secret).ok_or_else(|| not_kept("it takes no value of several lines, and none so long"))?;
    match run(environment, &tool(environment, name)?, &call) {
        Ran::Well(_) => {}
        Ran::Badly => return Err(not_kept("it said no")),
        Ran::TooLong => return Err(silent(name)),
        Ran::NotStarted(why) => return Err(not_kept(&why)),
    }
    let kept = value(find(environment, name)?, "the keychain")?;
    if kept.expose_secret() == secret.expose_secret() { Ok(()) } else { Err(not_kept("it gives back something else")) }
}

fn ask(environment: &Environment, name: &str, call: &Call) -> Result<Vec<u8>, Trouble> {
    let missing = |why: &str| Trouble { why: format!("the keychain has no item `{name}`{why}"), unblock: by_hand(name) };
    match run(environment, &tool(environment, name)?, call) {
        Ran::Well(bytes) => Ok(bytes),
        Ran::Badly => Err(missing("")),
        Ran::TooLong => Err(silent(name)),
        Ran::NotStarted(why) => Err(missing(&format!(" that can be read: {why}"))),
    }
}

fn by_hand(name: &str) -> String {
    format!("`{}`", HERE.by_hand(name))
}

fn silent(name: &str) -> Trouble {
    Trouble {
        why: format!("the keychain did not answer within {} seconds (item `{name}`)", LIMIT.as_secs()),
        unblock: "unlock the keychain and allow access for good: a wake can't answer a dialog; or use `{ file = … }` in reveille.toml"
            .to_owned(),
    }
}

fn tool(environment: &Environment, name: &str) -> Result<std::path::PathBuf, Trouble> {
    let program = HERE.program();
    environment.tool(program).ok_or_else(|| Trouble {
        why: format!("the keychain item `{name}` can't be read: there is no `{program}`"),
        unblock: format!("install `{program}`, or use `{{ env = … }}` or `{{ file = … }}` in reveille.toml"),
    })
}

/// How a child ended.
#[derive(Debug)]
enum Ran {
    /// With 0, and this on standard output.
    Well(Vec<u8>),
    /// With anything else.
    Badly,
    /// It did not, and was killed.
    TooLong,
    /// It never began.
    NotStarted(String),
}

fn run(environment: &Environment, program: &Path, call: &Call) -> Ran {
    let deadline = Instant::now() + LIMIT;
    let input = if call.input.is_some() { Stdio::piped() } else { Stdio::null() };
    // A group of its own, so that what it starts dies with it; what it complains of is not shown, for it could be anything.
    let mut command = Command::new(program);
    command.args(&call.arguments).env_clear().envs(environment.for_child()).process_group(0);
    let started = command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Ran::NotStarted(format!("{} can't be started: {error}", program.display())),
    };
    let heard = listen(&mut child);
    // Less than a pipe holds: it can't block. Whoever does not read it will not end well.
    if let (Some(mut stdin), Some(words)) = (child.stdin.take(), &call.input) {
        let _ = stdin.write_all(words.expose_secret().as_bytes());
    }
    let Some(status) = wait(&mut child, deadline) else {
        end(&mut child);
        return Ran::TooLong;
    };
    if !status.success() {
        return Ran::Badly;
    }
    // Something that it left behind may hold the pipe open.
    heard.recv_timeout(deadline.saturating_duration_since(Instant::now())).map_or(Ran::TooLong, Ran::Well)
}

/// Reads the child's answer beside it.
fn listen(child: &mut Child) -> mpsc::Receiver<Vec<u8>> {
    let (say, heard) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if stdout.take(MOST).read_to_end(&mut bytes).is_ok() {
                let _ = say.send(bytes);
            }
        });
    }
    heard
}

fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(TICK),
            Ok(None) | Err(_) => return None,
        }
    }
}

fn end(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}
