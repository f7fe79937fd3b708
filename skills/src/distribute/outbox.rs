//! The outbox: one page a post in the home's folder `outbox/`, for a person to copy from.
//!
//! Must stay true: nothing is written outside the home; a page is written whole or not at all; a page that a human changed
//! is never overwritten; writing the same post twice changes nothing.

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reveille_mission::{Channel, Issue};
use thiserror::Error;

use super::Post;
use crate::disk::{DiskError, Root, sha256};

/// The folder's name in the home.
const FOLDER: &str = "outbox";

/// The most letters that a slug gives to a file's name.
const SLUG_LETTERS: usize = 80;

/// What became of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filing {
    /// It is new or has a new text.
    Written,
    /// It said the same already.
    Unchanged,
    /// A human changed the page; it was left alone and may say something else than the post.
    EditedByHand,
}

/// A page in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filed {
    /// The file.
    pub path: PathBuf,
    /// What became of it.
    pub filing: Filing,
}

/// Why a page can't be written. Nothing was changed.
#[derive(Debug, Error)]
pub enum OutboxError {
    /// There is something of that name that is no page of this issue.
    #[error("{path} is taken by something else")]
    Taken {
        /// The file, relative to the home.
        path: PathBuf,
    },
    /// The outbox leads out of the home, or the file system says no.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl OutboxError {
    /// What a human can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            OutboxError::Taken { .. } => Some("move it away, or give one of the two issues another number or slug".into()),
            OutboxError::Disk(error) => error.hint(),
        }
    }
}

/// The page of an issue and a channel, relative to the home, with `/`: `outbox/046-mastodon.md`. The name is made of the
/// number, else of the slug; whatever the slug is, the page is in the outbox.
pub fn outbox_path(issue: &Issue, channel: Channel) -> String {
    let name = issue.number.map_or_else(|| slug_name(issue), |number| format!("{number:03}"));
    format!("{FOLDER}/{name}-{channel}.md")
}

fn slug_name(issue: &Issue) -> String {
    let name: String = slug::slugify(&issue.slug).chars().take(SLUG_LETTERS).collect();
    // A slug that leaves no letter behind still needs a name of its own.
    if name.is_empty() { sha256(issue.id.as_bytes()).chars().take(12).collect() } else { name }
}

/// Writes the page of `post` into the outbox of `home`.
///
/// # Errors
///
/// When the outbox leads out of the home, when the name is taken by something else, and what the file system says.
pub fn write_outbox(home: &Path, issue: &Issue, post: &Post) -> Result<Filed, OutboxError> {
    let root = Root::open(home)?;
    root.folder(FOLDER)?;
    let relative = outbox_path(issue, post.channel);
    let page = page(issue, post);
    let filing = match standing(&root, &home.join(&relative), &relative, issue, &page)? {
        Standing::Same => Filing::Unchanged,
        Standing::Edited => Filing::EditedByHand,
        Standing::Free => {
            root.write(&relative, page.as_bytes())?;
            Filing::Written
        }
    };
    Ok(Filed { path: home.join(relative), filing })
}

enum Standing {
    /// There is no page, or one of ours that no human touched.
    Free,
    Same,
    Edited,
}

fn standing(root: &Root, path: &Path, relative: &str, issue: &Issue, page: &str) -> Result<Standing, OutboxError> {
    let taken = || OutboxError::Taken { path: PathBuf::from(relative) };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Standing::Free),
        Ok(found) if !found.is_file() => return Err(taken()),
        _ => {}
    }
    let found = root.read(relative)?;
    if found == page.as_bytes() {
        return Ok(Standing::Same);
    }
    let found = String::from_utf8_lossy(&found);
    let Some((front, body)) = found.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")) else {
        return Ok(Standing::Edited);
    };
    if front.lines().any(|line| line.starts_with("issue: ") && line != issue_line(issue)) {
        return Err(taken());
    }
    let untouched = front.lines().any(|line| line == page_line(body));
    Ok(if untouched { Standing::Free } else { Standing::Edited })
}

/// The page: what it is, the text to copy, the prefilled link.
fn page(issue: &Issue, post: &Post) -> String {
    let channel = post.channel.title();
    let blocks = match (&post.title, post.channel) {
        (Some(title), Channel::Email) => format!("Subject:\n\n{}\nText:\n\n{}", fenced(title), fenced(&post.text)),
        (Some(title), _) => format!("Title:\n\n{}\nAddress:\n\n{}", fenced(title), fenced(&post.link)),
        (None, _) => post.pieces.iter().map(|piece| fenced(piece)).collect::<Vec<_>>().join("\nThen, as a reply to the one before:\n\n"),
    };
    let form = match (&post.prefilled, post.channel) {
        (None, _) => String::new(),
        (Some(address), Channel::Linkedin) => format!("\nThe form, with the address filled in (paste the text): <{address}>\n"),
        (Some(address), _) => format!("\nThe form, filled in: <{address}>\n"),
    };
    let body = format!("\nFor {channel}, as it stands:\n\n{blocks}{form}");
    let front = format!("{}\nchannel: {}\ndigest: {}\n{}", issue_line(issue), post.channel, post.digest(), page_line(&body));
    format!("---\n{front}\n---\n{body}")
}

/// The issue's id as a YAML text: JSON's quoting is YAML's too.
fn issue_line(issue: &Issue) -> String {
    format!("issue: {}", serde_json::Value::from(issue.id.as_str()))
}

/// The digest of the page below its front matter: tells whether a human changed it.
fn page_line(body: &str) -> String {
    format!("page: {}", sha256(body.as_bytes()))
}

/// `text` between fences longer than any run of backticks in it.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}text\n{text}\n{fence}\n")
}
