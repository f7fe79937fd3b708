#![doc = include_str!("../README.md")]

mod app;
mod experiment;
mod files;
mod floods;
mod headers;
mod leave;
mod often;
mod origin;
mod own;
mod pages;
mod peer;
mod preferences;
mod reader;
mod router;
mod server;
mod subscribe;
mod survey;
mod visits;
mod writer;

pub use app::{App, Clock, Listed, Publication, Row, Topics};
pub use experiment::Headline;
pub use pages::{PageError, Pages};
pub use peer::Peer;
pub use reader::Reader;
pub use router::router;
pub use server::{ServeError, Server};
pub use subscribe::{CONFIRM_WITHIN, Subscribing};
pub use visits::Visits;
pub use writer::{WriteError, Writer};
