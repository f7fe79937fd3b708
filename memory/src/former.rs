//! Readers who were known by another id: since domains are folded to ASCII, an address with a domain in letters of another script has a
//! new one. What suppressed them by the former one is carried over to the one they have now.
//!
//! Must stay true: who was not to be mailed is not mailed; who came back later, by the id they have now, stays a reader; the former
//! row stays as it is.

use reveille_mission::{former_ids, subscriber_id};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::MemoryError;
use crate::letters::{SUPPRESS, is_suppressed};
use crate::open::Memory;
use crate::subscribers::forget;

impl Memory {
    /// Carries over what suppresses these addresses, and those of everybody who came by the site, by an id that they had before.
    ///
    /// # Errors
    /// The rows can't be read or written: nothing is carried over then.
    pub fn carry_over<'a>(&mut self, addresses: impl Iterator<Item = &'a str>) -> Result<(), MemoryError> {
        let mut known = of_the_site(&self.connection).map_err(|error| self.wrong(error))?;
        known.extend(addresses.filter(|address| !former_ids(address).is_empty()).map(str::to_owned));
        // Nearly all lists have no such address: then nothing is written.
        if known.is_empty() {
            return Ok(());
        }
        self.transact(|conn| known.iter().try_for_each(|address| carry_over(conn, &subscriber_id(address), address)))
    }
}

/// Those who came by the site and may have a former id.
fn of_the_site(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    conn.prepare_cached("SELECT email FROM subscribers WHERE email LIKE '%@%xn--%'")?.query_map([], |row| row.get(0))?.collect()
}

/// Carries over what was said just now of an id that may be somebody's former one.
pub(crate) fn carry_over_now(conn: &Connection) -> rusqlite::Result<()> {
    of_the_site(conn)?.iter().try_for_each(|address| carry_over(conn, &subscriber_id(address), address))
}

/// Carries over what suppresses an address by an id that it had before to the one it has. Whoever left by the former one since has left.
pub(crate) fn carry_over(conn: &Connection, id: &str, address: &str) -> rusqlite::Result<()> {
    let stands = |id: &str| -> rusqlite::Result<Option<(String, i64)>> {
        let sql = "SELECT why, at FROM suppressed WHERE subscriber = ?1";
        conn.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    };
    for former in former_ids(address) {
        let Some((why, at)) = stands(&former)? else { continue };
        let is_new = stands(id)?.is_none_or(|(known, since)| known == "left" && (why != "left" || at > since));
        if is_new {
            conn.prepare_cached(&format!("INSERT INTO suppressed VALUES (?1, ?2, ?3) {SUPPRESS}"))?.execute(params![id, why, at])?;
            if is_suppressed(conn, id)? {
                forget(conn, id)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;
    use crate::{Confirmed, SignUp, SignUpCaps, SignedUp, SuppressedFor};

    const ASCII: &str = "ida@xn--mnchen-3ya.de";
    const LETTERS: &str = "ida@münchen.de";

    fn hour(n: i64) -> DateTime<Utc> {
        "2026-11-21T12:00:00Z".parse::<DateTime<Utc>>().expect("a time") + TimeDelta::hours(n)
    }

    fn memory() -> (tempfile::TempDir, Memory) {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = Memory::open(&folder.path().join("a.db"), hour(0)).expect("made");
        (folder, memory)
    }

    fn ask(memory: &mut Memory, at: DateTime<Utc>) -> SignedUp {
        let ida = SignUp { id: subscriber_id(ASCII), email: ASCII.into(), network: 1, is_person: true, via: String::new() };
        memory.sign_up(&[ida], SignUpCaps { network: 9, all: 9 }, at).expect("written")[0]
    }

    #[test]
    fn who_was_suppressed_by_the_former_id_stays_so_until_they_come_back_themselves() {
        let (_folder, mut memory) = memory();
        let (former, id) = (former_ids(LETTERS).remove(0), subscriber_id(LETTERS));
        memory.suppress(std::slice::from_ref(&former), SuppressedFor::Left, hour(0)).expect("written");
        assert!(!memory.is_suppressed(&id).expect("read"), "nobody has said the address yet");
        memory.carry_over(["ann@home.net", LETTERS].into_iter()).expect("carried over");
        assert!(memory.is_suppressed(&id).expect("read") && memory.is_suppressed(&former).expect("read"));
        // Asking lifts nothing, confirming does, and stays so whatever is carried over again.
        assert_eq!(ask(&mut memory, hour(1)), SignedUp::Asked);
        memory.carry_over([LETTERS].into_iter()).expect("carried over");
        assert_eq!(memory.confirm_reader(&id, hour(0), hour(2)).expect("written"), Confirmed::New);
        memory.carry_over([LETTERS].into_iter()).expect("carried over");
        assert!(!memory.is_suppressed(&id).expect("read"));
        assert!(memory.came_back().expect("read").contains(&id));
        // They leave by a letter of then, at once.
        memory.leave(&former, hour(3)).expect("left");
        assert!(memory.is_suppressed(&id).expect("read") && memory.subscriber(&id).expect("read").is_none());
    }

    #[test]
    fn the_form_asks_nobody_who_is_suppressed_for_good_by_the_former_id() {
        for (why, expected) in
            [(SuppressedFor::Removed, SignedUp::Quiet), (SuppressedFor::Bounced, SignedUp::Quiet), (SuppressedFor::Left, SignedUp::Asked)]
        {
            let (_folder, mut memory) = memory();
            memory.suppress(&former_ids(LETTERS), why, hour(0)).expect("written");
            assert_eq!(ask(&mut memory, hour(1)), expected, "{why}");
            assert!(memory.is_suppressed(&subscriber_id(ASCII)).expect("read"), "{why}");
        }
    }
}
