//! Taking in a file of readers. The list is changed in memory only: what a rehearsal shows is what a save writes.
//!
//! Must stay true: an address that is suppressed or gone is not brought back; nobody becomes confirmed but by a day of consent,
//! of the file's or of the human's word; an import never makes a confirmed reader unconfirmed, except by their leaving.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Serialize;

use super::formats::{Format, Incoming, Said};
use super::table::{BadRow, Table};
use super::{Consent, Reader, Readers, ReadersError, Status, SuppressedIds};
use reveille_mission::{former_ids, is_address, subscriber_id};

/// What an import did with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A new row, with this status.
    Added(Status),
    /// Their status changed to this one.
    Became(Status),
    /// Something else of the row changed: a name, a tier, the day of consent.
    Completed,
    /// Nothing changed.
    Unchanged,
    /// Memory suppresses the address: it stays away.
    Suppressed,
    /// The list says that they left, bounced or complained: so it stays.
    StaysGone,
}

/// A row of the file, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedRow {
    /// Its line, from 1.
    pub line: u64,
    /// See [`subscriber_id`].
    pub id: String,
    /// The address.
    pub email: String,
    /// What was done.
    pub what: What,
    /// What the file says that suppresses them, if it does.
    pub gone: Option<Status>,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Where the file comes from.
    pub format: Format,
    /// Its rows, in order.
    pub rows: Vec<ImportedRow>,
    /// Rows that were skipped.
    pub bad: Vec<BadRow>,
}

impl Readers {
    /// Takes in a file of readers; nothing is written before [`Readers::save`]. `file` is its name, `consent` the human's word
    /// for rows that say nothing of consent. Suppress those with [`ImportedRow::gone`] before saving.
    ///
    /// # Errors
    /// It is no table, or has no column of addresses: then nothing has changed.
    pub fn import(
        &mut self,
        bytes: &[u8],
        file: &str,
        consent: Option<&Consent>,
        suppressed: &SuppressedIds,
        today: NaiveDate,
    ) -> Result<Imported, ReadersError> {
        let wrong = |bad: BadRow| ReadersError::Row { file: file.to_owned(), line: bad.line, reason: bad.reason };
        let (table, mut bad) = Table::parse(bytes).map_err(wrong)?;
        let headless = |reason: &str| wrong(BadRow { line: 1, reason: reason.to_owned() });
        if table.starts_with_a_row() {
            return Err(headless("an address stands where the names of the columns belong"));
        }
        let format = Format::of(&table).ok_or_else(|| headless("no column is called `email`"))?;
        let mut merge = Merge::into(&mut self.rows, suppressed);
        let mut rows = Vec::new();
        for row in &table.rows {
            let incoming = format.read(&table, row, file, today);
            if !is_address(&incoming.email) {
                bad.push(BadRow { line: row.line, reason: "not a mail address".to_owned() });
                continue;
            }
            let id = subscriber_id(&incoming.email);
            let gone = if let Said::Gone(status) = incoming.said { Some(status) } else { None };
            let what = merge.take(wanted(&id, &incoming, consent), incoming.tier.is_some());
            rows.push(ImportedRow { line: row.line, id, email: incoming.email, what, gone });
        }
        bad.sort_by_key(|bad| bad.line);
        Ok(Imported { format, rows, bad })
    }
}

/// The row as the file and the human's word would have it.
fn wanted(id: &str, incoming: &Incoming, consent: Option<&Consent>) -> Reader {
    let mut row = Reader { name: incoming.name.clone(), source: incoming.source.clone(), ..Reader::blank(id.to_owned(), &incoming.email) };
    if let Some(tier) = &incoming.tier {
        row.tier.clone_from(tier);
    }
    match (incoming.said, consent) {
        (Said::Confirmed(date), _) => (row.status, row.confirmed_at) = (Status::Confirmed, date.to_string()),
        (Said::Nothing, Some(consent)) => {
            (row.status, row.confirmed_at) = (Status::Confirmed, consent.date.to_string());
            row.source = super::words::plain_words(&consent.source);
        }
        (Said::Gone(status), _) => row.status = status,
        (Said::Nothing, None) | (Said::Unconfirmed, _) => {}
    }
    row
}

/// The list while it takes in rows.
struct Merge<'a> {
    rows: &'a mut Vec<Reader>,
    /// Where an id stands: a list may have an address twice.
    places: HashMap<String, Vec<usize>>,
    suppressed: &'a SuppressedIds,
}

impl<'a> Merge<'a> {
    fn into(rows: &'a mut Vec<Reader>, suppressed: &'a SuppressedIds) -> Self {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, row) in rows.iter().enumerate() {
            places.entry(row.id.clone()).or_default().push(at);
        }
        Self { rows, places, suppressed }
    }

    fn take(&mut self, wanted: Reader, knows_tier: bool) -> What {
        let by_former = || former_ids(&wanted.email).iter().any(|former| self.suppressed.contains(former));
        if self.suppressed.contains(&wanted.id) || by_former() {
            return What::Suppressed;
        }
        let Some(places) = self.places.get(&wanted.id).cloned() else {
            let status = wanted.status;
            self.places.insert(wanted.id.clone(), vec![self.rows.len()]);
            self.rows.push(wanted);
            return What::Added(status);
        };
        if places.iter().any(|at| self.rows[*at].status.is_gone()) {
            return if wanted.status.is_gone() { What::Unchanged } else { What::StaysGone };
        }
        if wanted.status.is_gone() {
            places.iter().for_each(|at| self.rows[*at].status = wanted.status);
            return What::Became(wanted.status);
        }
        // The first of them is the one that counts.
        complete(&mut self.rows[places[0]], &wanted, knows_tier)
    }
}

fn complete(row: &mut Reader, wanted: &Reader, knows_tier: bool) -> What {
    let before = row.clone();
    if wanted.status == Status::Confirmed {
        if row.status != Status::Confirmed || row.confirmed_at.is_empty() {
            row.confirmed_at.clone_from(&wanted.confirmed_at);
            row.source.clone_from(&wanted.source);
        }
        row.status = Status::Confirmed;
    }
    if row.name.is_empty() {
        row.name.clone_from(&wanted.name);
    }
    if knows_tier {
        row.tier.clone_from(&wanted.tier);
    }
    match *row == before {
        true => What::Unchanged,
        false if row.status != before.status => What::Became(row.status),
        false => What::Completed,
    }
}
