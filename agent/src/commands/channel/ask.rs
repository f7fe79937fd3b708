//! Taking a secret: from a hidden prompt, from standard input, or from the page of a Mastodon server.
//!
//! Must stay true: a secret is never an argument, never echoed, and never part of an error.

use std::io::{BufRead, IsTerminal, Read};

use reveille_mission::Channel;
use reveille_skills::channels::mastodon::login;
use secrecy::{ExposeSecret, SecretString};

use super::super::{Ready, print};
use crate::connect::absent;
use crate::failure::{Failure, Kind, OrFail, Outcome};

/// The most bytes of a secret that is typed or piped in.
const MOST: u64 = 4096;

/// The secret, from whoever sits there or from standard input; with `by_page` from the server's own page.
pub(super) fn ask(ready: &Ready<'_>, channel: Channel, by_page: bool) -> Outcome<SecretString> {
    if by_page {
        return from_page(ready);
    }
    let given = if std::io::stdin().is_terminal() { typed(ready, channel)? } else { piped()? };
    if channel == Channel::Mastodon && given.expose_secret().is_empty() && std::io::stdin().is_terminal() {
        return from_page(ready);
    }
    one_line(&given).map_err(|why| Failure::message(Kind::Usage, why).hint("give the secret alone, on one line"))
}

fn typed(ready: &Ready<'_>, channel: Channel) -> Outcome<SecretString> {
    let name = match channel {
        Channel::Mastodon => "Access token, or nothing to fetch one through a page of the server,",
        Channel::Bluesky => "App password",
        _ => "Password",
    };
    let prompt = format!("{name} for {}: ", ready.settings.describe(channel));
    rpassword::prompt_password(prompt).map(SecretString::from).map_err(|error| unread(&error))
}

/// OAuth's code flow: the person allows it on their server and brings the code back.
fn from_page(ready: &Ready<'_>) -> Outcome<SecretString> {
    let section = ready.settings.channels.mastodon.as_ref().ok_or_else(|| absent(Channel::Mastodon))?;
    let begun = login::begin(&section.server, ready.settings.wake.patience.duration()).or_fail()?;
    print(&format!("Open this page, allow it, and give the code that it shows:\n{}\ncode: ", begun.page))?;
    let mut code = String::new();
    std::io::stdin().lock().take(MOST).read_line(&mut code).map_err(|error| unread(&error))?;
    if code.trim().is_empty() {
        return Err(Failure::message(Kind::Usage, "no code was given").hint("begin again: each login has a page of its own"));
    }
    begun.finish(&code).map_err(|fault| {
        Failure::new(Kind::Failed, fault).hint("begin again with `reveille channel login mastodon --oauth`: a code is good for one try")
    })
}

fn unread(error: &std::io::Error) -> Failure {
    Failure::message(Kind::Failed, format!("the secret can't be read: {error}")).hint("give it through standard input, on one line")
}

fn piped() -> Outcome<SecretString> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MOST + 2).read_to_end(&mut bytes).map_err(|error| unread(&error))?;
    // The error of the conversion would hold the bytes.
    let text = String::from_utf8(bytes).map_err(|_| Failure::message(Kind::Usage, "the secret is no text (UTF-8)"));
    Ok(SecretString::from(text.map_err(|failure| failure.hint("give the secret alone, on one line"))?))
}

/// The secret without its line end; what can't be a password or a token is refused before anything is replaced.
fn one_line(given: &SecretString) -> Result<SecretString, &'static str> {
    let text = given.expose_secret().trim_end_matches(['\r', '\n']);
    match text {
        "" => Err("no secret was given"),
        text if text.len() as u64 > MOST => Err("that is too long for a secret"),
        text if text.contains(char::is_control) => Err("a secret has one line, and no control characters"),
        text => Ok(SecretString::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_line_is_a_secret() {
        for (given, expected) in [
            ("hunter2", Ok("hunter2")),
            ("hunter2\n", Ok("hunter2")),
            ("hunter2\r\n", Ok("hunter2")),
            (" a b ", Ok(" a b ")),
            ("", Err("no secret was given")),
            ("\n\n", Err("no secret was given")),
            ("hunter2\nhunter3\n", Err("a secret has one line, and no control characters")),
            ("hunter\u{0}2", Err("a secret has one line, and no control characters")),
        ] {
            let found = one_line(&SecretString::from(given));
            assert_eq!(found.as_ref().map(ExposeSecret::expose_secret).map_err(|why| *why), expected, "{given:?}");
        }
        assert!(one_line(&SecretString::from("x".repeat(5000))).is_err());
    }
}
