//! The list, counted: who counts as a person, and why others do not.

use serde::Serialize;

/// Why a row does not count as a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NotCounted {
    /// The owner's own address.
    Owner,
    /// An address of a reserved test domain.
    Test,
    /// Never confirmed.
    Unconfirmed,
    /// They left, bounced or complained, or were taken off the list.
    Suppressed,
    /// They stayed silent for so long that letters have ended for them.
    Silent,
    /// No address.
    Broken,
    /// The address stands further up already.
    Twice,
}

impl NotCounted {
    /// In words, for a human.
    pub fn as_str(self) -> &'static str {
        match self {
            NotCounted::Owner => "yours",
            NotCounted::Test => "test domain",
            NotCounted::Unconfirmed => "unconfirmed",
            NotCounted::Suppressed => "suppressed",
            NotCounted::Silent => "silent, letters ended",
            NotCounted::Broken => "no address",
            NotCounted::Twice => "twice",
        }
    }
}

/// How many rows do not count, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Addresses of the owner.
    pub owner: u64,
    /// Addresses of reserved test domains.
    pub test: u64,
    /// Addresses that were never confirmed.
    pub unconfirmed: u64,
    /// Addresses that left, bounced, complained or were taken off.
    pub suppressed: u64,
    /// Readers who stayed silent, and for whom letters have ended.
    pub silent: u64,
    /// Addresses that are none.
    pub broken: u64,
    /// Addresses that stand further up already.
    pub twice: u64,
}

impl LeftOut {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.owner + self.test + self.unconfirmed + self.suppressed + self.silent + self.broken + self.twice
    }

    pub(super) fn add(&mut self, why: NotCounted) {
        *match why {
            NotCounted::Owner => &mut self.owner,
            NotCounted::Test => &mut self.test,
            NotCounted::Unconfirmed => &mut self.unconfirmed,
            NotCounted::Suppressed => &mut self.suppressed,
            NotCounted::Silent => &mut self.silent,
            NotCounted::Broken => &mut self.broken,
            NotCounted::Twice => &mut self.twice,
        } += 1;
    }
}

/// The list, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Confirmed readers that are people.
    pub confirmed: u64,
    /// Of those, the ones who pay.
    pub paying: u64,
    /// Rows that do not count.
    pub left_out: LeftOut,
    /// Whether there is a readers.csv.
    pub listed: bool,
    /// Confirmed readers that are people and came by the site.
    pub by_site: u64,
}
