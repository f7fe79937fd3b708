//! Answers that came in: who said what where, and how far each source was read. What they say is data: nothing here or above
//! takes it for an order.
//!
//! Must stay true: an answer is known by its channel and its name there, once and for ever; how far a source was read is kept in
//! the same commit as what was found there; of what is no answer only the number is kept.

use chrono::{DateTime, Utc};
use reveille_mission::subscriber_id;
use rusqlite::{Connection, OptionalExtension, Row, params};
use strum::{Display, EnumString};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};
use crate::runs::RunId;

/// How somebody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum AnswerKind {
    /// In public, below a post of ours.
    Reply,
    /// In public, naming us.
    Mention,
    /// By mail.
    Mail,
}

/// What came in and is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum NoAnswer {
    /// A program answered, or wrote to many (RFC 3834).
    Automatic,
    /// It says that a mail was not delivered. Anybody can write that: nobody is taken off a list for it.
    Bounce,
    /// We wrote it ourselves.
    Own,
    /// It can't be read.
    Unreadable,
}

/// An answer, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRow {
    /// The channel.
    pub channel: String,
    /// The server's name for it, or for a mail the digest of its bytes.
    pub name: String,
    /// How.
    pub kind: AnswerKind,
    /// Who, as it was given there.
    pub sender: String,
    /// The subscriber's id, where it was proved.
    pub subscriber: Option<String>,
    /// The id of the issue that it answers; empty when none is known.
    pub issue: String,
    /// Its public address, or the Message-ID.
    pub place: String,
    /// Its first words.
    pub excerpt: String,
    /// Its file, relative to the home.
    pub file: String,
    /// When it was made or came in.
    pub at: DateTime<Utc>,
    /// The wake that found it.
    pub run: RunId,
}

/// What a look at one source gave.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// The source: a channel and the account there.
    pub source: String,
    /// Where the next look goes on; nothing leaves it where it was.
    pub place: Option<String>,
    /// Answers.
    pub answers: Vec<AnswerRow>,
    /// What is none, one each.
    pub others: Vec<(String, NoAnswer)>,
}

impl Memory {
    /// Keeps what a look at a source gave, all or nothing. An answer that is known changes nothing.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn record_answers(&mut self, heard: &Heard, now: DateTime<Utc>) -> Result<(), MemoryError> {
        self.transact(|conn| {
            let mut write = conn.prepare_cached(&format!(
                "INSERT OR IGNORE INTO answers ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            ))?;
            for one in &heard.answers {
                let (kind, at) = (one.kind.to_string(), micros(one.at));
                write.execute(params![
                    one.channel,
                    one.name,
                    kind,
                    one.sender,
                    one.subscriber,
                    one.issue,
                    one.place,
                    one.excerpt,
                    one.file,
                    at,
                    one.run.0
                ])?;
            }
            for (channel, kind) in &heard.others {
                conn.prepare_cached("INSERT INTO no_answers VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET count = count + 1")?
                    .execute([channel, &kind.to_string()])?;
            }
            if let Some(place) = &heard.place {
                conn.prepare_cached("INSERT OR REPLACE INTO answer_places VALUES (?1, ?2, ?3)")?.execute(params![
                    heard.source,
                    place,
                    micros(now)
                ])?;
            }
            Ok(())
        })
    }

    /// Whether an answer is known.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn knows_answer(&self, channel: &str, name: &str) -> Result<bool, MemoryError> {
        let mut ask =
            self.connection.prepare_cached("SELECT 1 FROM answers WHERE channel = ?1 AND name = ?2").map_err(|error| self.wrong(error))?;
        ask.exists([channel, name]).map_err(|error| self.wrong(error))
    }

    /// Where reading a source goes on; nothing for one that was never read.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn answer_place(&self, source: &str) -> Result<Option<String>, MemoryError> {
        let found = self.connection.query_row("SELECT place FROM answer_places WHERE source = ?1", [source], |row| row.get(0));
        found.optional().map_err(|error| self.wrong(error))
    }

    /// The answers, those found last first.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn answers(&self, most: u32) -> Result<Vec<AnswerRow>, MemoryError> {
        self.rows(&format!("SELECT {COLUMNS} FROM answers ORDER BY run DESC, at DESC, id DESC LIMIT ?1"), [most], of)
    }

    /// How many answers there are, and how many of them a wake found.
    ///
    /// # Errors
    /// The rows can't be counted.
    pub fn answer_counts(&self, run: Option<RunId>) -> Result<(u32, u32), MemoryError> {
        let sql = "SELECT count(*), count(*) FILTER (WHERE run = ?1) FROM answers";
        let counted = self.connection.query_row(sql, [run.map(|run| run.0)], |row| Ok((row.get(0)?, row.get(1)?)));
        counted.map_err(|error| self.wrong(error))
    }

    /// How many came in that are no answers, by channel and kind.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn no_answers(&self) -> Result<Vec<(String, NoAnswer, u32)>, MemoryError> {
        let known = self.rows("SELECT channel, kind, count FROM no_answers ORDER BY channel, kind", [], |row| {
            let kind = row.get::<_, String>(1)?.parse().unwrap_or(NoAnswer::Unreadable);
            Ok((row.get(0)?, kind, row.get(2)?))
        })?;
        Ok(known)
    }

    /// The issue and the subscriber of the mail with this Message-ID, if it is one of ours that went out or may have.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn mail_of(&self, message_id: &str) -> Result<Option<(String, String)>, MemoryError> {
        let sql =
            "SELECT issue, recipient FROM effects WHERE channel = 'email' AND key = ?1 AND state IN ('confirmed', 'sending', 'unknown')";
        let found = self.connection.query_row(sql, [message_id], |row| Ok((row.get(0)?, row.get(1)?)));
        found.optional().map_err(|error| self.wrong(error))
    }
}

/// Takes a reader's name and words out of their answers: those that were proved to be theirs, and all mails from their address.
pub(crate) fn forget_words(conn: &Connection, id: &str) -> rusqlite::Result<()> {
    let mut forget = conn.prepare_cached("UPDATE answers SET sender = '', excerpt = '', subscriber = NULL WHERE id = ?1")?;
    of_reader(conn, id)?.into_iter().try_for_each(|(answer, _)| forget.execute([answer]).map(|_| ()))
}

/// The answers of a reader with their numbers, the oldest first. Who wrote a mail is its address, proved or not.
pub(crate) fn of_reader(conn: &Connection, id: &str) -> rusqlite::Result<Vec<(i64, AnswerRow)>> {
    let sql = format!("SELECT {COLUMNS}, id FROM answers WHERE subscriber = ?1 OR (kind = 'mail' AND sender <> '') ORDER BY at, id");
    let mut ask = conn.prepare_cached(&sql)?;
    let rows = ask.query_map([id], |row| Ok((row.get(11)?, of(row)?)))?;
    let is_theirs = |row: &AnswerRow| row.subscriber.as_deref() == Some(id) || subscriber_id(&row.sender) == id;
    rows.filter(|row| row.as_ref().map_or(true, |(_, row)| is_theirs(row))).collect()
}

const COLUMNS: &str = "channel, name, kind, sender, subscriber, issue, place, excerpt, file, at, run";

fn of(row: &Row<'_>) -> rusqlite::Result<AnswerRow> {
    Ok(AnswerRow {
        channel: row.get(0)?,
        name: row.get(1)?,
        kind: row.get::<_, String>(2)?.parse().unwrap_or(AnswerKind::Mention),
        sender: row.get(3)?,
        subscriber: row.get(4)?,
        issue: row.get(5)?,
        place: row.get(6)?,
        excerpt: row.get(7)?,
        file: row.get(8)?,
        at: time(row.get(9)?),
        run: RunId(row.get(10)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn answer(name: &str, run: i64) -> AnswerRow {
        AnswerRow {
            channel: "mastodon".to_owned(),
            name: name.to_owned(),
            kind: AnswerKind::Reply,
            sender: "@ann@social.example".to_owned(),
            subscriber: Some("ann".to_owned()),
            issue: "45".to_owned(),
            place: "https://social.example/@ann/1".to_owned(),
            excerpt: "Thanks".to_owned(),
            file: "inbox/a.md".to_owned(),
            at: at("2026-11-20T13:00:00Z"),
            run: RunId(run),
        }
    }

    #[test]
    fn an_answer_is_known_once_and_the_place_moves_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = at("2026-11-20T14:00:00Z");
        let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        assert_eq!(memory.answer_place("mastodon").expect("read"), None);
        let one = answer("1", 1);
        let heard = Heard {
            source: "mastodon".to_owned(),
            place: Some("1".to_owned()),
            answers: vec![one.clone(), AnswerRow { excerpt: "other".to_owned(), ..one.clone() }],
            others: vec![("email".to_owned(), NoAnswer::Bounce), ("email".to_owned(), NoAnswer::Bounce)],
        };
        memory.record_answers(&heard, now).expect("kept");
        memory.record_answers(&Heard { place: None, answers: vec![answer("2", 2)], others: vec![], ..heard }, now).expect("kept");
        assert_eq!(memory.answers(9).expect("read"), [answer("2", 2), one]);
        assert_eq!(memory.answer_counts(Some(RunId(2))).expect("counted"), (2, 1));
        assert_eq!(memory.no_answers().expect("read"), [("email".to_owned(), NoAnswer::Bounce, 2)]);
        assert_eq!(memory.answer_place("mastodon").expect("read").as_deref(), Some("1"));
        assert!(memory.knows_answer("mastodon", "2").expect("read") && !memory.knows_answer("bluesky", "2").expect("read"));
    }

    #[test]
    fn whoever_leaves_takes_their_words_along() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = at("2026-11-20T14:00:00Z");
        let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        let mail = |name: &str, sender: &str| AnswerRow {
            channel: "email".to_owned(),
            kind: AnswerKind::Mail,
            sender: sender.to_owned(),
            subscriber: None,
            ..answer(name, 1)
        };
        // Mails that answer no letter have nobody's id: the address says whose they are.
        let answers = vec![answer("1", 1), mail("2", "Ann@home.net"), mail("3", "bob@home.net")];
        memory.record_answers(&Heard { source: "m".to_owned(), place: None, answers, others: vec![] }, now).expect("kept");
        memory.leave("ann", now).expect("left");
        memory.leave(&subscriber_id("ann@home.net"), now).expect("left");
        let mut left = memory.answers(9).expect("read");
        left.sort_by(|one, other| one.name.cmp(&other.name));
        let left: Vec<_> = left.iter().map(|one| (one.sender.as_str(), one.excerpt.as_str(), one.subscriber.as_deref())).collect();
        assert_eq!(left, [("", "", None), ("", "", None), ("bob@home.net", "Thanks", None)]);
        assert!(memory.knows_answer("mastodon", "1").expect("read"), "it came back");
    }
}
