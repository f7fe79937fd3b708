//! From a look at a source to files in the inbox and rows in memory.
//!
//! Must stay true: the file comes before the row, so that a crash in between loses nothing, and a row before the next look, so
//! that what a human removed stays away; a reply is a sign of life of a reader only when it comes from their address and names a
//! Message-ID that was sent to them alone: either of the two can be had by others.

use std::path::Path;

use chrono::{DateTime, Utc};
use reveille_memory::{AnswerKind, AnswerRow, Heard, Memory, MemoryError, RunId, Sign, SignKind};
use reveille_mission::{Channel, Shelf, former_ids, subscriber_id};

use super::folder::{self, Page};
use super::{Answer, Looked, MOST, Source, text};
use crate::DiskError;
use crate::channels::Fault;
use crate::measure::{MadePost, Name, posts};

/// What became of a look.
#[derive(Debug, Default)]
pub struct Gathered {
    /// How many answers are new.
    pub new: usize,
    /// What there is to say, in sentences.
    pub notes: Vec<String>,
}

/// Why nothing was gathered.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// The source.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The inbox.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// Where answers are put.
#[derive(Debug, Clone, Copy)]
pub struct Inbox<'a> {
    /// The home.
    pub home: &'a Path,
    /// What issues are called.
    pub shelf: &'a Shelf,
    /// The wake.
    pub run: RunId,
    /// The time.
    pub now: DateTime<Utc>,
}

/// Looks at a source once, and files what is new. `account` tells one account of a channel from another.
///
/// # Errors
/// The source, the inbox or memory says no. What was filed before that is known.
pub fn gather(inbox: Inbox<'_>, memory: &mut Memory, source: Source<'_>, account: &str) -> Result<Gathered, GatherError> {
    let room = folder::room(inbox.home)?;
    if room == 0 {
        let most = folder::MOST;
        let note = format!("inbox/ is full ({most} files): no answers are fetched until you move or remove some");
        return Ok(Gathered { new: 0, notes: vec![note] });
    }
    let (channel, name) = (source.channel(), format!("{} {account}", source.channel()));
    let place = memory.answer_place(&name)?;
    let looked = match source {
        Source::Account(connection) => connection.mentions(place.as_deref(), MOST.min(room), inbox.now)?,
        Source::Mailbox(mailbox) => mailbox.look(place.as_deref(), MOST.min(room), inbox.now)?,
    };
    keep(inbox, memory, channel, name, looked)
}

pub(super) fn keep(
    inbox: Inbox<'_>,
    memory: &mut Memory,
    channel: Channel,
    source: String,
    looked: Looked,
) -> Result<Gathered, GatherError> {
    let made = posts(memory, inbox.now)?;
    let mut heard = Heard { source, place: looked.place, ..Heard::default() };
    let mut signs = Vec::new();
    for incoming in looked.incoming {
        match incoming.what {
            Err(other) => heard.others.push((channel.to_string(), other)),
            Ok(answer) if memory.knows_answer(&channel.to_string(), &answer.name)? => {}
            // A server may give the same page twice.
            Ok(answer) if heard.answers.iter().any(|known| known.name == answer.name) => {}
            Ok(answer) => {
                let (row, sign) = filed(inbox, memory, channel, &made, &answer)?;
                heard.answers.push(row);
                signs.extend(sign);
            }
        }
    }
    let new = heard.answers.len();
    memory.record_signs(&signs)?;
    memory.record_answers(&heard, inbox.now)?;
    let notes = looked.left_out.map(|what| format!("answers on {}: {what} were left out", channel.title())).into_iter().collect();
    Ok(Gathered { new, notes })
}

/// Files one answer: its row, and the sign of life that it is.
fn filed(
    inbox: Inbox<'_>,
    memory: &Memory,
    channel: Channel,
    made: &[MadePost],
    answer: &Answer,
) -> Result<(AnswerRow, Option<Sign>), GatherError> {
    let (issue, sign) = match answer.kind {
        AnswerKind::Mail => of_mail(memory, answer)?,
        AnswerKind::Reply | AnswerKind::Mention => (of_post(channel, made, answer), None),
    };
    let named = issue.as_deref().map(|issue| inbox.shelf.name_of(issue));
    let page = Page {
        channel,
        name: &answer.name,
        kind: answer.kind,
        from: &answer.sender,
        at: answer.at,
        place: &answer.place,
        issue: named.as_deref(),
        text: &answer.text,
    };
    let row = AnswerRow {
        channel: channel.to_string(),
        name: answer.name.clone(),
        kind: answer.kind,
        sender: answer.sender.clone(),
        subscriber: sign.as_ref().map(|sign| sign.subscriber.clone()),
        issue: issue.unwrap_or_default(),
        place: answer.place.clone(),
        excerpt: text::excerpt(&answer.text),
        file: folder::file(inbox.home, &page)?,
        at: answer.at,
        run: inbox.run,
    };
    Ok((row, sign))
}

/// The issue that a reply is about: one of our posts is what it answers.
fn of_post(channel: Channel, made: &[MadePost], answer: &Answer) -> Option<String> {
    let ours = |post: &&MadePost| post.channel == channel && matches!(&post.name, Name::Id(id) if answer.answers_to.contains(id));
    made.iter().find(ours).map(|post| post.issue.clone())
}

/// The issue that a mail is about, and whose sign of life it is.
fn of_mail(memory: &Memory, answer: &Answer) -> Result<(Option<String>, Option<Sign>), MemoryError> {
    let from = subscriber_id(&answer.sender);
    let mut about = None;
    for id in &answer.answers_to {
        let Some((issue, recipient)) = memory.mail_of(id)? else { continue };
        let is_theirs = recipient.eq_ignore_ascii_case(&from) || former_ids(&answer.sender).contains(&recipient);
        // Who left under a former digest has left.
        let came_back = || Ok::<_, MemoryError>(memory.came_back()?.contains(&from));
        let has_left = memory.is_suppressed(&from)? || memory.is_suppressed(&recipient)? && !came_back()?;
        if is_theirs && !has_left {
            let sign = Sign { subscriber: from, kind: SignKind::Reply, about: issue.clone(), at: answer.at };
            return Ok((Some(issue), Some(sign)));
        }
        about = about.or(Some(issue));
    }
    Ok((about, None))
}
