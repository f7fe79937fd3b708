//! What a candidate and a sheet are found by. Must stay true: everything that is stored with the row is in its digest, and
//! nothing else; every field is framed by its length, so no two rows share the bytes that are hashed.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::CandidateRow;

/// Without `line`: that belongs to the sheet.
pub(super) fn of_candidate(row: &CandidateRow) -> [u8; 32] {
    let mut hash = Framed::new("candidate 1");
    hash.text(&row.task_id);
    hash.text(&row.text);
    hash.text(&row.source);
    hash.text(&row.who);
    hash.option(row.skill.as_deref());
    hash.option(row.channel.as_deref());
    hash.text(&row.read_by);
    hash.float(Some(row.confidence));
    row.p.iter().for_each(|share| hash.float(Some(*share)));
    hash.option(row.refusal_kind.as_deref());
    hash.option(row.why.as_deref());
    hash.option(row.unblock.as_deref());
    hash.json(&row.audience_count);
    hash.option(row.audience_source.as_deref());
    hash.float(row.reach);
    hash.float(row.fit);
    hash.float(row.value);
    hash.json(&row.parts);
    hash.end()
}

/// The candidates' digests in order, each with its line, and the asks.
pub(super) fn of_sheet(rows: &[CandidateRow], digests: &[[u8; 32]], asks: &str) -> [u8; 32] {
    let mut hash = Framed::new("sheet 1");
    for (row, digest) in rows.iter().zip(digests) {
        hash.bytes(digest);
        hash.json(&row.line);
    }
    hash.text(asks);
    hash.end()
}

struct Framed(Sha256);

impl Framed {
    fn new(kind: &str) -> Self {
        let mut hash = Self(Sha256::new());
        hash.text(kind);
        hash
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn option(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            // No length can be that large.
            None => self.0.update([0xff; 8]),
        }
    }

    /// The bits: what differs in the last place is another row. NaN is stored as NULL and so counts as none.
    fn float(&mut self, number: Option<f64>) {
        match number.filter(|number| !number.is_nan()) {
            Some(number) => self.bytes(&number.to_bits().to_le_bytes()),
            None => self.option(None),
        }
    }

    fn json(&mut self, value: &impl Serialize) {
        // What can't be written as JSON can't be stored as JSON either: storing it then fails, not this.
        self.option(serde_json::to_string(value).ok().as_deref());
    }

    fn end(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
