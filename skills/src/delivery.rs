//! The way of what goes out through the ledger: one file a kind of thing.

pub mod letter;
