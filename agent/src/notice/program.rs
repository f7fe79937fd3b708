//! A notice by a program on this machine: a command of the settings, or `osascript` on macOS.
//!
//! Must stay true: no shell is asked; the words are never part of a script (a command has them on standard input, AppleScript as
//! an argument of its own); the child has PATH and HOME and no other variable, the home as its folder, and half a minute.

use std::time::Duration;

use secrecy::SecretString;

use super::Words;
use crate::child::{self, Call, Ran};
use crate::environment::Environment;
use crate::failure::{Failure, Kind, Outcome};
use crate::home::Home;

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(30);

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
    let input = SecretString::from(input);
    let call = Call {
        arguments: arguments.iter().map(Into::into).collect(),
        input: Some(&input),
        variables: Some(environment.only(&["PATH", "HOME"])),
        limit: LIMIT,
        folder: Some(home.root()),
    };
    match child::run(&place, &call) {
        Ran::Ended { code: Some(0), .. } => Ok(()),
        Ran::Ended { code: Some(code), .. } => Err(failed(format!("`{program}` ended with exit code {code}"))),
        Ran::Ended { code: None, .. } => Err(failed(format!("`{program}` was ended by a signal"))),
        Ran::TooLong => Err(failed(format!("`{program}` did not end within {} s and was killed", LIMIT.as_secs()))),
        Ran::NotStarted(why) => Err(failed(why)),
    }
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
