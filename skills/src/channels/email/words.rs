//! The words of a mail to a reader about their own subscription: to confirm it, that they are a reader already, welcome. All mails of
//! an occasion share them. The program carries templates; a file of the same name in the home's `templates/` takes the place of one.
//!
//! Must stay true: nothing that a stranger typed comes in here; a variable that is not there is an error; where a link has its token,
//! the words hold a stand-in, so that what is kept lets nobody in.

use std::path::Path;

use minijinja::{Environment, UndefinedBehavior, Value, context};
use reveille_memory::WantedFor;
use reveille_mission::{Issue, Purpose};
use serde::{Deserialize, Serialize};

use super::super::{Attached, Fault};
use super::Email;
use super::fit::{header_text, refused};
use super::letter::{escaped, list_id};
use crate::disk::sha256;
use crate::settings::Publication;
use crate::site::fault;

/// For how many days the link to confirm is good, and an address that is not confirmed is kept.
pub const CONFIRM_DAYS: i64 = 7;
/// For how many days a link to one's preferences is good, in whatever mail: a quarter, so that the one of the last letter mostly is.
pub const PREFERENCES_DAYS: i64 = 90;

/// What stands where the token to leave will.
pub(super) const LEAVE: &str = "{leave-token}";

/// The pages that links lead to: below which address, what stands where the token will, and what that is good for, for how many days.
pub(super) const LINKS: [(&str, &str, Purpose, Option<i64>); 3] = [
    ("confirm", "{confirm-token}", Purpose::Confirm, Some(CONFIRM_DAYS)),
    ("preferences", "{preferences-token}", Purpose::Preferences, Some(PREFERENCES_DAYS)),
    ("leave", LEAVE, Purpose::Leave, None),
];

/// What all mails of an occasion share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// The sender, as `Name <address>`.
    pub(super) from: String,
    /// Where answers go, if not to the sender.
    pub(super) reply_to: Option<String>,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    /// The `List-ID` and the address of `List-Unsubscribe`, in a welcome: the other mails go to people who are on no list.
    pub(super) list: Option<(String, String)>,
}

impl Words {
    /// As they are kept beside the ledger.
    ///
    /// # Errors
    /// They can't be written down.
    pub fn frozen(&self) -> Result<Attached, Fault> {
        let bytes = serde_json::to_vec(self).map_err(|error| refused(error.to_string()))?;
        Ok(Attached { digest: sha256(&bytes), bytes })
    }

    /// From what is kept; nothing if it is not what the digest says.
    pub(super) fn of(attached: &Attached) -> Option<Self> {
        (sha256(&attached.bytes) == attached.digest).then(|| serde_json::from_slice(&attached.bytes).ok()).flatten()
    }
}

fn carried(kind: WantedFor) -> (&'static str, &'static str) {
    match kind {
        WantedFor::Confirm => ("confirm.txt", include_str!("notes/confirm.txt")),
        WantedFor::Known => ("known.txt", include_str!("notes/known.txt")),
        WantedFor::Welcome => ("welcome.txt", include_str!("notes/welcome.txt")),
    }
}

/// A template of the home that words can't be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("templates/{name}:{line}: {message}")]
pub struct WrongWords {
    name: &'static str,
    line: usize,
    message: String,
    /// What the template may use.
    known: &'static str,
}

impl WrongWords {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        Some(format!("it may use {}; mend it, or remove it to use the one that the program carries", self.known))
    }
}

impl From<WrongWords> for Fault {
    fn from(wrong: WrongWords) -> Self {
        refused(wrong.to_string())
    }
}

/// What a template of an occasion may use, in words.
fn known(kind: WantedFor) -> &'static str {
    match kind {
        WantedFor::Confirm => "publication, confirm and days",
        WantedFor::Known => "publication, preferences and days",
        WantedFor::Welcome => "publication, issues (each with title and link), preferences, leave and days",
    }
}

/// Tries the words of an occasion with sample values, before somebody waits for them. A welcome is tried with the issues that it would
/// name now, and with one more.
///
/// # Errors
/// The home's own template is wrong.
pub fn try_words(templates: &Path, publication: &Publication, kind: WantedFor, start: &[Issue]) -> Result<(), WrongWords> {
    let link = publication.base();
    let now = issues(publication, start);
    let more = now.iter().cloned().chain([context! { title => "An issue", link => link.as_str() }]).collect();
    for issues in [now, more] {
        rendered(templates, publication, kind, issues)?;
    }
    Ok(())
}

/// Makes the words of an occasion. `templates` is the home's folder of templates, `start` the issues that a welcome names.
///
/// # Errors
/// A template of the home is wrong, or what stands in a header can't.
pub fn words(templates: &Path, publication: &Publication, email: &Email, kind: WantedFor, start: &[Issue]) -> Result<Words, Fault> {
    let (subject, text) = rendered(templates, publication, kind, issues(publication, start))?;
    let leave = || format!("{}leave/{LEAVE}", publication.base());
    let list = (kind == WantedFor::Welcome).then(|| (list_id(publication), leave()));
    Ok(Words {
        from: email.from.clone(),
        reply_to: email.reply_to.clone(),
        subject,
        html: html(&publication.language, &text),
        text: format!("{text}\n"),
        list,
    })
}

/// Issues as a welcome names them.
fn issues(publication: &Publication, start: &[Issue]) -> Vec<Value> {
    start.iter().map(|issue| context! { title => &issue.title, link => publication.issue_address(&issue.slug) }).collect()
}

/// The subject and the text.
fn rendered(templates: &Path, publication: &Publication, kind: WantedFor, issues: Vec<Value>) -> Result<(String, String), WrongWords> {
    let (name, carried) = carried(kind);
    let wrong = |line: usize, message: String| WrongWords { name, line, message, known: known(kind) };
    let source = match std::fs::read_to_string(templates.join(name)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => carried.to_owned(),
        read => read.map_err(|error| wrong(1, format!("it can't be read: {error}")))?,
    };
    let base = publication.base();
    let link = |(page, stand_in, ..): (&str, &str, Purpose, Option<i64>)| format!("{base}{page}/{stand_in}");
    let [confirm, preferences, leave] = LINKS.map(link);
    let about = context! { name => &publication.name, url => base.as_str(), language => &publication.language, description => &publication.description };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let context = match kind {
        // Each occasion has its links only: a mail to somebody who has not confirmed opens no door but that one.
        WantedFor::Confirm => context! { publication => about, confirm, days => CONFIRM_DAYS },
        WantedFor::Known => context! { publication => about, preferences, days => PREFERENCES_DAYS },
        WantedFor::Welcome => context! { publication => about, issues, preferences, leave, days => PREFERENCES_DAYS },
    };
    let page = environment.render_named_str(name, &source, context).map_err(|error| {
        let (_, line, message) = fault(&error);
        wrong(line, message)
    })?;
    let page = page.replace("\r\n", "\n");
    let (subject, text) = page
        .split_once('\n')
        .and_then(|(first, rest)| Some((first.strip_prefix("Subject:")?.trim(), rest.trim())))
        .filter(|(subject, text)| !subject.is_empty() && !text.is_empty())
        .ok_or_else(|| wrong(1, "its first line is `Subject: …`, and text comes after it".to_owned()))?;
    if kind == WantedFor::Confirm && !text.contains(LINKS[0].1) {
        return Err(wrong(1, "without `{{ confirm }}` nobody can confirm".to_owned()));
    }
    let subject = header_text("subject", subject).map_err(|fault| match fault {
        Fault::Refused { why, .. } => wrong(1, why),
        fault => wrong(1, fault.to_string()),
    })?;
    Ok((subject, text.to_owned()))
}

/// The text as a plain page: paragraphs, and addresses as links.
fn html(language: &str, text: &str) -> String {
    let word = |word: &str| match word.starts_with("https://") || word.starts_with("http://") {
        true => format!("<a href=\"{0}\">{0}</a>", escaped(word)),
        false => escaped(word),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    let paragraph = |block: &str| format!("<p>{}</p>\n", block.trim().lines().map(line).collect::<Vec<_>>().join("<br>\n"));
    let body: String = text.split("\n\n").filter(|block| !block.trim().is_empty()).map(paragraph).collect();
    let style = "max-width:38em;margin:0 auto;padding:1em;font:16px/1.5 sans-serif";
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head><meta charset=\"utf-8\"></head>\n<body style=\"{style}\">\n{body}</body>\n</html>\n",
        escaped(language)
    )
}
