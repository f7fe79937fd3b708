//! How the mails stand that readers asked for and have not got.

use chrono::{DateTime, Utc};

use crate::error::MemoryError;
use crate::ledger::SUBSCRIBING;
use crate::open::{Memory, micros, time};

impl Memory {
    /// How many mails are wanted and not done with, and when the first of them was asked for; nothing when all are. Mails to confirm
    /// that were asked for before `asked_since` are too late to go out, and don't count.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn open_mails(&self, asked_since: DateTime<Utc>) -> Result<Option<(u64, DateTime<Utc>)>, MemoryError> {
        let sql = "SELECT count(*), min(wanted_at) FROM wanted_mails WHERE done_at IS NULL AND (kind <> 'confirm' OR wanted_at >= ?1)";
        let rows =
            self.rows(sql, [micros(asked_since)], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, Option<i64>>(1)?)))?;
        Ok(rows.into_iter().find_map(|(count, first)| Some((count, time(first?)))))
    }

    /// Why the open mail that was put off last was, in the server's words, and until when. Nothing where none is.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn last_put_off(&self) -> Result<Option<(String, DateTime<Utc>)>, MemoryError> {
        let sql = "SELECT e.error, e.not_before FROM wanted_mails AS w
            JOIN effects AS e ON e.recipient = w.subscriber AND e.issue = ?1 AND e.part = w.kind || '-' || w.wanted_at
            WHERE w.done_at IS NULL AND e.state = 'intended' AND e.error IS NOT NULL AND e.not_before IS NOT NULL
            ORDER BY e.sending_at DESC, e.id DESC LIMIT 1";
        Ok(self.rows(sql, [SUBSCRIBING], |row| Ok((row.get(0)?, time(row.get(1)?))))?.into_iter().next())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::subscribers::{SignUp, SignUpCaps};
    use crate::{Key, NewEffect, Standing, WantedMail};

    /// The server wants this mail later.
    fn put_off(memory: &mut Memory, mail: &WantedMail, why: &str, until: DateTime<Utc>) {
        let now = until - TimeDelta::hours(1);
        let run = memory.run_of_serve("0", now).expect("begun");
        let part = format!("{}-{}", mail.kind, mail.wanted_at.timestamp_micros());
        let key = Key { issue: SUBSCRIBING.to_owned(), channel: "email".to_owned(), part, recipient: mail.subscriber.clone() };
        let new = NewEffect { key, text: b"{}".to_vec(), token: format!("<{}@a.example>", mail.id), run };
        let Standing::Intended(intended) = memory.intend(&new, now).expect("kept") else { panic!("it is new") };
        intended.send(memory, now).expect("let go").put_back(memory, why, Some(until), now).expect("put back");
    }

    #[test]
    fn open_mails_are_counted_from_the_first_that_can_still_go_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |hour: i64| DateTime::UNIX_EPOCH + TimeDelta::hours(hour);
        let mut memory = Memory::open(&folder.path().join("a.db"), at(0)).expect("made");
        assert_eq!(memory.open_mails(at(0)).expect("read"), None);
        let caps = SignUpCaps { network: 9, all: 9 };
        for (hour, id) in [(1, "a"), (2, "b"), (3, "c")] {
            let asked = SignUp { id: id.repeat(32), email: format!("{id}@home.net"), network: 1, is_person: true, via: String::new() };
            memory.sign_up(&[asked], caps, at(hour)).expect("kept");
        }
        assert_eq!(memory.open_mails(at(0)).expect("read"), Some((3, at(1))));
        assert_eq!(memory.open_mails(at(2)).expect("read"), Some((2, at(2))), "the first is too old to be confirmed");
        let wanted = memory.wanted_mails(0, 9).expect("read");
        let (a, b) = (&wanted[0], &wanted[1]);
        put_off(&mut memory, a, "450 busy", at(5));
        put_off(&mut memory, b, "451 greylisted", at(6));
        assert_eq!(memory.last_put_off().expect("read"), Some(("451 greylisted".to_owned(), at(6))));
        memory.mail_done(b.id, at(4)).expect("done");
        assert_eq!(memory.last_put_off().expect("read"), Some(("450 busy".to_owned(), at(5))), "the other one is wanted no more");
        for mail in wanted {
            memory.mail_done(mail.id, at(4)).expect("done");
        }
        assert_eq!(memory.open_mails(at(0)).expect("read"), None);
        assert_eq!(memory.last_put_off().expect("read"), None);
    }
}
