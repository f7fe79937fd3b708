//! Tiers: what a reader has, as the settings name it, and whether that is paid for.
//!
//! Must stay true: a name that nobody has set pays for nothing.

use std::collections::BTreeMap;

/// The tier of whoever has no other.
pub const FREE: &str = "free";
/// The tier of those who pay, where the settings name no more.
pub const PAID: &str = "paid";

/// The tiers of a publication: `free`, `paid`, and what the settings add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiers {
    paying: BTreeMap<String, bool>,
}

impl Default for Tiers {
    fn default() -> Self {
        Self::new([])
    }
}

impl Tiers {
    /// The two that are always there, and these: each name with whether it is paid for.
    #[must_use]
    pub fn new(more: impl IntoIterator<Item = (String, bool)>) -> Self {
        let always = [(FREE.to_owned(), false), (PAID.to_owned(), true)];
        Self { paying: always.into_iter().chain(more.into_iter().map(|(name, paying)| (tier_name(&name), paying))).collect() }
    }

    /// Whether somebody in this tier pays; one that is not known is not paid for.
    #[must_use]
    pub fn pays(&self, tier: &str) -> bool {
        self.paying.get(&tier_name(tier)) == Some(&true)
    }

    /// Whether there is such a tier.
    #[must_use]
    pub fn knows(&self, tier: &str) -> bool {
        self.paying.contains_key(&tier_name(tier))
    }
}

/// A tier's name as it is compared: in one case, without surrounding space; nothing stands for `free`.
#[must_use]
pub fn tier_name(text: &str) -> String {
    let name = text.trim().to_lowercase();
    if name.is_empty() { FREE.to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_tier_pays_for_nothing() {
        let tiers = Tiers::new([("Patron".to_owned(), true), ("guest".to_owned(), false), ("paid".to_owned(), false)]);
        for (name, pays, known) in [
            ("free", false, true),
            ("", false, true),
            (" PATRON ", true, true),
            ("guest", false, true),
            ("paid", false, true),
            ("gold", false, false),
        ] {
            assert_eq!((tiers.pays(name), tiers.knows(name)), (pays, known), "{name:?}");
        }
        assert!(Tiers::default().pays("Paid") && !Tiers::default().pays("patron"));
    }
}
