//! What readers.csv says of people, for others than those who mail: their standing, for memory; their cells, for themselves.
//!
//! Must stay true: what the author wrote of somebody's going counts until the author takes it back; what an import wrote of a leaving
//! that memory knows, too, does not, for that is undone by who left.

use std::collections::{HashMap, HashSet};

use reveille_memory::Listing;

use super::{Readers, Status, SuppressedIds};

impl Readers {
    /// What the file alone (see [`Readers::load`]) says of everybody of whom it says something: who is a reader by it, and who is gone by the author's hand.
    /// `own_leaving` are those whose leaving memory knows as their own, also if they have come back since.
    pub fn standings(&self, suppressed: &SuppressedIds, own_leaving: &HashSet<String>) -> HashMap<String, Listing> {
        let listed = self.judged(suppressed).into_iter().filter(|(_, why)| why.is_none());
        let mut told: HashMap<String, Listing> = listed.map(|(row, _)| (row.id.clone(), Listing::Confirmed)).collect();
        let gone = self.rows.iter().filter(|row| row.status.is_gone());
        let by_hand = gone.filter(|row| row.status != Status::Left || !own_leaving.contains(&row.id));
        told.extend(by_hand.map(|row| (row.id.clone(), Listing::Gone)));
        told
    }

    /// Every row of somebody in the file, whole: the names of its columns with what stands there.
    pub fn cells_of(&self, id: &str) -> Vec<Vec<(String, String)>> {
        let theirs = self.rows.iter().zip(&self.table.rows).filter(|(row, _)| row.id == id);
        theirs.map(|(_, row)| self.table.named(row)).collect()
    }
}
