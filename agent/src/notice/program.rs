//! A notice by a program on this machine: a command of the settings, or `osascript` on macOS.
//!
//! Must stay true: no shell is asked; the words are never part of a script (a command has them on standard input, AppleScript as
//! an argument of its own); the child has an empty environment, the home as its folder, and half a minute.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::Words;
use crate::environment::Environment;
use crate::failure::{Failure, Kind, Outcome};
use crate::home::Home;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(30);

/// How often the child is looked at.
const TICK: Duration = Duration::from_millis(10);

/// The most characters of a notification.
const SHOWN: usize = 200;

/// Runs the command of the settings with the subject, an empty line and the text on standard input.
pub(super) fn command(home: &Home, environment: &Environment, program: &str, arguments: &[String], words: &Words) -> Outcome<String> {
    run(home, environment, program, arguments, &format!("{}\n\n{}", words.subject, words.text))?;
    Ok(format!("given to `{program}`"))
}

/// Shows a notification.
pub(super) fn macos(home: &Home, environment: &Environment, words: &Words) -> Outcome<String> {
    run(home, environment, "osascript", &notification(words), "")?;
    Ok("shown as a notification".to_owned())
}

/// The arguments of `osascript`: a script that is always the same, and the words as its own arguments.
fn notification(words: &Words) -> Vec<String> {
    let script = ["on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run"];
    let plain = |text: &str| -> String { text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN).collect() };
    let lines = script.into_iter().flat_map(|line| ["-e".to_owned(), line.to_owned()]);
    lines.chain(["--".to_owned(), plain(&words.subject), plain(&words.text)]).collect()
}

fn run(home: &Home, environment: &Environment, program: &str, arguments: &[String], input: &str) -> Outcome {
    let failed = |why: String| Failure::message(Kind::Failed, why);
    let place = environment.tool(program).ok_or_else(|| failed(format!("there is no program `{program}`")))?;
    match child(&place, arguments, home.root(), input) {
        Err(error) => Err(failed(format!("`{program}` can't be started: {error}"))),
        Ok(None) => Err(failed(format!("`{program}` did not end within {} s and was killed", LIMIT.as_secs()))),
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(failed(format!("`{program}` ended with {status}"))),
    }
}

fn child(program: &Path, arguments: &[String], folder: &Path, input: &str) -> std::io::Result<Option<ExitStatus>> {
    // A group of its own, so that what it starts dies with it.
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Less than a pipe holds: it can't block. Whoever does not read it may do without.
        let _ = stdin.write_all(input.as_bytes());
    }
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(TICK);
    }
    end(&mut child);
    Ok(None)
}

fn end(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_notification_are_no_script() {
        let words = Words { subject: "stuck".into(), text: "\" & (do shell script \"x\") & \"\nsecond \\ line".into() };
        let arguments = notification(&words);
        assert_eq!(
            arguments[..7],
            ["-e", "on run argv", "-e", "display notification (item 2 of argv) with title (item 1 of argv)", "-e", "end run", "--"]
        );
        assert_eq!(arguments[7..], ["stuck", "\" & (do shell script \"x\") & \" second \\ line"]);
    }
}
