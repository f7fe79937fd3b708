#![doc = include_str!("../README.md")]

mod address;
pub mod answers;
pub mod channels;
pub mod delivery;
mod disk;
pub mod distribute;
pub mod experiments;
pub mod front_matter;
pub mod measure;
pub mod offer;
pub mod publish;
pub mod readers;
pub mod retain;
pub mod settings;
pub mod shelf;
pub mod site;

pub use disk::{DiskError, disk_hint};
