#![doc = include_str!("../README.md")]

mod app;
mod files;
mod headers;
mod pages;
mod router;
mod server;
mod survey;
mod writer;

pub use app::{App, Clock, Publication};
pub use pages::{PageError, Pages};
pub use router::router;
pub use server::{ServeError, Server};
pub use writer::{WriteError, Writer};
