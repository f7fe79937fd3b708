//! Readers who came by the site: from asking to confirming to leaving, and the mails that this calls for.
//!
//! Must stay true: who asks is sent one mail a day at most, two when they left in between, and no more than the caps allow, whatever
//! network they ask from; nothing of a request that is over a cap is kept; a confirmed reader is one commit; who has left has no row, only their digest among the
//! suppressed, and comes back by confirming once more only.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};
use strum::{Display, EnumString};

use crate::answers::forget_words;
use crate::clicks::judge_leaving;
use crate::error::MemoryError;
use crate::former::{carry_over, carry_over_now};
use crate::letters::SUPPRESS;
use crate::listed::is_listed_reader;
use crate::open::{Memory, micros, time};
use crate::turned_away;

/// How long an address waits between two mails that were asked for with it, and for how long the caps count.
const DAY: TimeDelta = TimeDelta::days(1);

/// The most of these a day to one address: one, and one more for who left meanwhile, which only who has a reader's own link can do.
const MOST_A_DAY: u32 = 2;
/// How many mails an address was asked for since a time.
const OWN: &str = "SELECT count(*) FROM wanted_mails WHERE subscriber = ?1 AND kind IN ('confirm', 'known') AND wanted_at > ?2";

/// Somebody asks for the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUp {
    /// The subscriber's id.
    pub id: String,
    /// The address, of the plain shape, as it was written.
    pub email: String,
    /// A digest of the network that asks.
    pub network: i64,
    /// What brought them, where it is known: a channel's name.
    pub via: String,
    /// Whether they count: the owner and test domains are sent everything that they ask for, and are nobody in the funnel.
    pub is_person: bool,
}

/// The most mails in 24 hours that people who ask may cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignUpCaps {
    /// By one network.
    pub network: u32,
    /// By all.
    pub all: u32,
}

/// What a sign-up came to. Whoever asked is told the same in every case but `Full`, which says nothing of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedUp {
    /// A mail to confirm is wanted.
    Asked,
    /// They are a confirmed reader, by the site or by readers.csv: a mail that says so is wanted.
    Known,
    /// No mail: one went out within a day and they have not left since, or the address bounced, complained or was taken off by the owner.
    Quiet,
    /// No mail and no row: the cap of their network is reached.
    Capped,
    /// No mail and no row: the cap of all together is reached.
    Full,
}

/// What confirming came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// They are a reader now; a welcome is wanted.
    New,
    /// They were one.
    Already,
    /// They never asked, or too long ago, or may not be mailed.
    NotAsked,
}

/// A reader who came by the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// The subscriber's id.
    pub id: String,
    /// The address.
    pub email: String,
    /// The tier, a name of the settings.
    pub tier: String,
    /// What brought them first; empty when nothing is known.
    pub via: String,
    /// When they asked last.
    pub asked_at: DateTime<Utc>,
    /// When they confirmed; not yet without it.
    pub confirmed_at: Option<DateTime<Utc>>,
}

/// How often a reader wants the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Frequency {
    /// Every issue, when it is out.
    #[default]
    Each,
    /// What came out in a week, in one mail.
    Weekly,
}

/// What a reader chose. The default is every issue at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preferences {
    /// How often.
    pub frequency: Frequency,
    /// No mail until then.
    pub paused_until: Option<DateTime<Utc>>,
    /// Tags of issues; all when empty.
    pub topics: Vec<String>,
}

/// Why a mail is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum WantedFor {
    /// To confirm a subscription.
    Confirm,
    /// A reader asked once more: it says that they are one, and where their preferences are.
    Known,
    /// Somebody has confirmed.
    Welcome,
}

/// A mail that something a reader did calls for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedMail {
    /// Its number.
    pub id: i64,
    /// The subscriber's id.
    pub subscriber: String,
    /// The address.
    pub email: String,
    /// Why.
    pub kind: WantedFor,
    /// Since when.
    pub wanted_at: DateTime<Utc>,
}

impl Memory {
    /// Takes sign-ups, all in one commit, and says what each came to.
    ///
    /// # Errors
    /// The rows can't be written: none is then.
    pub fn sign_up(&mut self, asked: &[SignUp], caps: SignUpCaps, now: DateTime<Utc>) -> Result<Vec<SignedUp>, MemoryError> {
        self.transact(|conn| {
            let came = asked.iter().map(|one| sign_up(conn, one, caps, now)).collect::<rusqlite::Result<_>>()?;
            // Each commit waits for the disk, also one that keeps nothing: its time would tell who was asked before. A row that is
            // written as it stands already would not wait.
            conn.prepare_cached("INSERT OR REPLACE INTO texts VALUES ('asked', hex(randomblob(8)))")?.execute([])?;
            Ok(came)
        })
    }

    /// Somebody confirms. Whoever asked before `asked_since` has to ask anew.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn confirm_reader(&mut self, id: &str, asked_since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Confirmed, MemoryError> {
        self.transact(|conn| {
            if banned(conn, id)? {
                return Ok(Confirmed::NotAsked);
            }
            let row = subscriber(conn, id)?;
            match row {
                Some(Subscriber { confirmed_at: Some(_), .. }) => Ok(Confirmed::Already),
                Some(Subscriber { asked_at, email, .. }) if asked_at >= asked_since => {
                    // Later than a leaving in the same microsecond: coming back is the later word.
                    let at = left_at(conn, id)?.map_or(micros(now), |left| micros(now).max(left + 1));
                    conn.prepare_cached("UPDATE subscribers SET state = 'confirmed', confirmed_at = ?2 WHERE id = ?1")?
                        .execute(params![id, at])?;
                    want(conn, id, &email, WantedFor::Welcome, None, now)?;
                    conn.prepare_cached("INSERT OR IGNORE INTO signs VALUES (?1, 'confirmation', '', ?2)")?.execute(params![id, at])?;
                    Ok(Confirmed::New)
                }
                _ => Ok(Confirmed::NotAsked),
            }
        })
    }

    /// Somebody leaves: nothing of them is kept but their digest, among the suppressed.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn leave(&mut self, id: &str, now: DateTime<Utc>) -> Result<(), MemoryError> {
        self.transact(|conn| {
            judge_leaving(conn, id, now)?;
            conn.prepare_cached(&format!("INSERT INTO suppressed VALUES (?1, 'left', ?2) {SUPPRESS}"))?
                .execute(params![id, micros(now)])?;
            // An id that nobody has now may be the one that somebody had.
            if subscriber(conn, id)?.is_none() {
                carry_over_now(conn)?;
            }
            forget(conn, id)
        })
    }

    /// Forgets who asked before a time and never confirmed, and which networks asked more than a day ago. How many people.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn forget_unconfirmed(&mut self, asked_before: DateTime<Utc>, now: DateTime<Utc>) -> Result<usize, MemoryError> {
        self.transact(|conn| {
            conn.execute("UPDATE wanted_mails SET network = NULL WHERE network IS NOT NULL AND wanted_at < ?1", [micros(now - DAY)])?;
            conn.execute("DELETE FROM wanted_mails WHERE done_at IS NOT NULL AND wanted_at < ?1", [micros(asked_before.min(now - DAY))])?;
            let forgotten = conn.execute("DELETE FROM subscribers WHERE state = 'pending' AND asked_at < ?1", [micros(asked_before)])?;
            // What could not be sent in all that time keeps no address either.
            let of_nobody = "UPDATE wanted_mails SET email = '', done_at = wanted_at
                WHERE done_at IS NULL AND subscriber NOT IN (SELECT id FROM subscribers)
                  AND NOT (kind = 'known' AND subscriber IN (SELECT subscriber FROM listed WHERE standing = 'confirmed'))";
            conn.execute(of_nobody, [])?;
            turned_away::forget(conn, now)?;
            Ok(forgotten)
        })
    }

    /// A reader who came by the site.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn subscriber(&self, id: &str) -> Result<Option<Subscriber>, MemoryError> {
        subscriber(&self.connection, id).map_err(|error| self.wrong(error))
    }

    /// Everybody who came by the site, by their ids.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn subscribers(&self) -> Result<Vec<Subscriber>, MemoryError> {
        self.rows(&format!("SELECT {COLUMNS} FROM subscribers ORDER BY id"), [], of)
    }

    /// What a reader chose.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn preferences(&self, id: &str) -> Result<Preferences, MemoryError> {
        let found = self.rows("SELECT frequency, paused_until, topics FROM preferences WHERE subscriber = ?1", [id], chosen)?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// Keeps what a reader chose.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn prefer(&mut self, id: &str, chosen: &Preferences, now: DateTime<Utc>) -> Result<(), MemoryError> {
        let topics = serde_json::to_string(&chosen.topics).map_err(|error| MemoryError::Value(error.to_string()))?;
        self.transact(|conn| {
            conn.prepare_cached("INSERT OR REPLACE INTO preferences VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![id, chosen.frequency.to_string(), chosen.paused_until.map(micros), topics, micros(now)])
                .map(|_| ())
        })
    }

    /// The mails that are wanted, the oldest first, behind the one with the number `after`.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn wanted_mails(&self, after: i64, most: u32) -> Result<Vec<WantedMail>, MemoryError> {
        self.rows(
            "SELECT id, subscriber, email, kind, wanted_at FROM wanted_mails WHERE done_at IS NULL AND id > ?1 ORDER BY id LIMIT ?2",
            params![after, most],
            |row| {
                let kind = row.get::<_, String>(3)?.parse().unwrap_or(WantedFor::Known);
                Ok(WantedMail { id: row.get(0)?, subscriber: row.get(1)?, email: row.get(2)?, kind, wanted_at: time(row.get(4)?) })
            },
        )
    }

    /// Whether a mail is wanted still: the last look before it goes. Not when they left or confirmed meanwhile, or may not be mailed.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn is_wanted(&self, mail: &WantedMail) -> Result<bool, MemoryError> {
        let asked = || {
            let conn = &self.connection;
            let open = conn.prepare_cached("SELECT 1 FROM wanted_mails WHERE id = ?1 AND done_at IS NULL")?.exists([mail.id])?;
            let stands = match (mail.kind, subscriber(conn, &mail.subscriber)?) {
                (WantedFor::Confirm, row) => row.is_some_and(|row| row.confirmed_at.is_none()),
                (WantedFor::Known, None) => is_listed_reader(conn, &mail.subscriber)?,
                (_, row) => row.is_some_and(|row| row.confirmed_at.is_some()),
            };
            Ok(open && stands && !banned(conn, &mail.subscriber)?)
        };
        asked().map_err(|error| self.wrong(error))
    }

    /// A wanted mail needs no further thought: it stands in the ledger, or will not be sent.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn mail_done(&mut self, id: i64, now: DateTime<Utc>) -> Result<(), MemoryError> {
        self.transact(|conn| {
            conn.prepare_cached("UPDATE wanted_mails SET done_at = ?2, email = '' WHERE id = ?1 AND done_at IS NULL")?
                .execute(params![id, micros(now)])
                .map(|_| ())
        })
    }
}

const COLUMNS: &str = "id, email, tier, via, asked_at, confirmed_at";

fn of(row: &Row<'_>) -> rusqlite::Result<Subscriber> {
    Ok(Subscriber {
        id: row.get(0)?,
        email: row.get(1)?,
        tier: row.get(2)?,
        via: row.get(3)?,
        asked_at: time(row.get(4)?),
        confirmed_at: row.get::<_, Option<i64>>(5)?.map(time),
    })
}

/// What cannot be read is the careful choice: no mail of a topic that nobody chose.
pub(crate) fn chosen(row: &Row<'_>) -> rusqlite::Result<Preferences> {
    Ok(Preferences {
        frequency: row.get::<_, String>(0)?.parse().unwrap_or_default(),
        paused_until: row.get::<_, Option<i64>>(1)?.map(time),
        topics: serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or_default(),
    })
}

fn subscriber(conn: &Connection, id: &str) -> rusqlite::Result<Option<Subscriber>> {
    conn.prepare_cached(&format!("SELECT {COLUMNS} FROM subscribers WHERE id = ?1"))?.query_row([id], of).optional()
}

/// Deletes what is kept of somebody; that they are suppressed stays.
pub(crate) fn forget(conn: &Connection, id: &str) -> rusqlite::Result<()> {
    for forget in [
        "DELETE FROM subscribers WHERE id = ?1",
        "DELETE FROM preferences WHERE subscriber = ?1",
        "DELETE FROM signs WHERE subscriber = ?1",
        "DELETE FROM clicks WHERE subscriber = ?1",
        "DELETE FROM survey_answers WHERE subscriber = ?1",
        "DELETE FROM letters_got WHERE subscriber = ?1",
        "DELETE FROM sunsets WHERE subscriber = ?1",
        "DELETE FROM listed WHERE subscriber = ?1 AND standing = 'confirmed'",
        "UPDATE wanted_mails SET email = '', done_at = coalesce(done_at, wanted_at) WHERE subscriber = ?1",
    ] {
        conn.prepare_cached(forget)?.execute([id])?;
    }
    forget_words(conn, id)
}

/// Whether somebody is suppressed for a reason that their own word does not lift, or gone by the author's hand.
fn banned(conn: &Connection, id: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM suppressed WHERE subscriber = ?1 AND why <> 'left'
        UNION ALL SELECT 1 FROM listed WHERE subscriber = ?1 AND standing = 'gone'";
    conn.prepare_cached(sql)?.exists([id])
}

fn sign_up(conn: &Connection, asked: &SignUp, caps: SignUpCaps, now: DateTime<Utc>) -> rusqlite::Result<SignedUp> {
    let since = micros(now - DAY);
    carry_over(conn, &asked.id, &asked.email)?;
    // Every look is taken in every case: known and unknown addresses cost the same.
    let count = |sql: &str, values: &[&dyn rusqlite::ToSql]| conn.prepare_cached(sql)?.query_row(values, |row| row.get::<_, u32>(0));
    let all = count("SELECT count(*) FROM wanted_mails WHERE kind IN ('confirm', 'known') AND wanted_at > ?1", &[&since])?;
    let network = count(
        "SELECT count(*) FROM wanted_mails WHERE kind IN ('confirm', 'known') AND wanted_at > ?1 AND network = ?2",
        &[&since, &asked.network],
    )?;
    let own = count(OWN, &[&asked.id, &since])?;
    let since_they_left = count(OWN, &[&asked.id, &left_at(conn, &asked.id)?.map_or(since, |left| left.max(since))])?;
    let (banned, known) = (banned(conn, &asked.id)?, subscriber(conn, &asked.id)?);
    let is_listed = is_listed_reader(conn, &asked.id)?;
    if all >= caps.all {
        return turned_away::count(conn, "all", now).map(|()| SignedUp::Full);
    }
    if network >= caps.network {
        return turned_away::count(conn, "network", now).map(|()| SignedUp::Capped);
    }
    if banned || since_they_left > 0 || own >= MOST_A_DAY {
        return Ok(SignedUp::Quiet);
    }
    let has_confirmed = known.as_ref().is_some_and(|known| known.confirmed_at.is_some());
    if is_listed && known.is_none() {
        // A reader of readers.csv: theirs is the list's row, and they have not signed up.
        want(conn, &asked.id, &asked.email, WantedFor::Known, Some(asked.network), now)?;
        return Ok(SignedUp::Known);
    }
    conn.prepare_cached(
        "INSERT INTO subscribers (id, email, state, via, asked_at, is_person) VALUES (?1, ?2, 'pending', ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET asked_at = excluded.asked_at, is_person = excluded.is_person, via = CASE via WHEN '' THEN excluded.via ELSE via END",
    )?
    .execute(params![asked.id, asked.email, asked.via, micros(now), asked.is_person])?;
    let kind = if has_confirmed { WantedFor::Known } else { WantedFor::Confirm };
    want(conn, &asked.id, &asked.email, kind, Some(asked.network), now)?;
    Ok(if has_confirmed { SignedUp::Known } else { SignedUp::Asked })
}

/// When somebody left last; nothing for who did not, or is suppressed for good.
fn left_at(conn: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT at FROM suppressed WHERE subscriber = ?1 AND why = 'left'";
    conn.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()
}

fn want(conn: &Connection, id: &str, email: &str, kind: WantedFor, network: Option<i64>, now: DateTime<Utc>) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT INTO wanted_mails (subscriber, email, kind, network, wanted_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![id, email, kind.to_string(), network, micros(now)])
        .map(|_| ())
}

#[cfg(test)]
mod tests;
