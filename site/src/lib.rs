#![doc = include_str!("../README.md")]

mod app;
mod experiment;
mod files;
mod headers;
mod pages;
mod router;
mod server;
mod writer;

pub use app::{App, Clock, Publication};
pub use experiment::Headline;
pub use pages::{PageError, Pages};
pub use router::router;
pub use server::{ServeError, Server};
pub use writer::{WriteError, Writer};
