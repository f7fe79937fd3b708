//! `inbox/` in the home: a Markdown file an answer, for a person to read.
//!
//! Must stay true: nothing of it is ever read back; a file's name is made here, of date, channel and digest; its text stands
//! indented, where Markdown takes it for nothing but text; a file that is there is never written again, for a human may have
//! edited it; none is ever removed.

use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};
use reveille_memory::AnswerKind;
use reveille_mission::Channel;

use crate::disk::{DiskError, Root, sha256};

/// The folder's name in the home.
pub const FOLDER: &str = "inbox";

/// The most files that it holds; what is too many waits on its server.
pub const MOST: usize = 500;

/// How many digits of the digest are in a file's name.
const DIGITS: usize = 16;

/// What stands in a file.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The channel.
    pub channel: Channel,
    /// The server's name for it.
    pub name: &'a str,
    /// How.
    pub kind: AnswerKind,
    /// Who.
    pub from: &'a str,
    /// When it was made or came in.
    pub at: DateTime<Utc>,
    /// Its address or Message-ID.
    pub place: &'a str,
    /// The issue that it answers, as people call it.
    pub issue: Option<&'a str>,
    /// What it says, plain.
    pub text: &'a str,
}

/// How many more files it takes.
///
/// # Errors
/// The folder leads out of the home, or can't be made or read.
pub fn room(home: &Path) -> Result<usize, DiskError> {
    let folder = Root::open(home)?.folder(FOLDER)?;
    let failed = |source| DiskError::Io { path: FOLDER.into(), source };
    Ok(MOST.saturating_sub(fs::read_dir(folder).map_err(failed)?.take(MOST).count()))
}

/// The file of an answer, relative to the home: `inbox/2026-11-21-mastodon-0123456789abcdef.md`.
pub fn path(page: &Page<'_>) -> String {
    let digest = sha256(format!("{}\n{}", page.channel, page.name).as_bytes());
    format!("{FOLDER}/{}-{}-{}.md", page.at.format("%Y-%m-%d"), page.channel, &digest[..DIGITS])
}

/// Files an answer; one that is filed already stays as it is. Its path, relative to the home.
///
/// # Errors
/// The folder leads out of the home, or the system says no.
pub fn file(home: &Path, page: &Page<'_>) -> Result<String, DiskError> {
    let (root, path) = (Root::open(home)?, path(page));
    match root.create(&path, rendered(page).as_bytes()) {
        Err(DiskError::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists => Ok(path),
        filed => filed.map(|()| path),
    }
}

/// The front matter, each value in JSON's quotes (a YAML scalar on one line, whatever it holds), and the text indented.
fn rendered(page: &Page<'_>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut out = format!(
        "---\nchannel: {}\nkind: {}\nfrom: {}\nat: {}\n",
        page.channel,
        page.kind,
        quoted(page.from),
        page.at.format("%Y-%m-%dT%H:%M:%SZ")
    );
    let named = if page.kind == AnswerKind::Mail { "message_id" } else { "url" };
    if !page.place.is_empty() {
        out.push_str(&format!("{named}: {}\n", quoted(page.place)));
    }
    if let Some(issue) = page.issue {
        out.push_str(&format!("in_reply_to: {}\n", quoted(issue)));
    }
    out.push_str("---\n\n");
    let text = if page.text.trim().is_empty() { "(no text)" } else { page.text };
    for line in text.lines() {
        let indented = if line.trim().is_empty() { String::new() } else { format!("    {line}") };
        out.push_str(&format!("{indented}\n"));
    }
    out
}
