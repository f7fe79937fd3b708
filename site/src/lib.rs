#![doc = include_str!("../README.md")]

mod app;
mod files;
mod headers;
mod leave;
mod origin;
mod own;
mod pages;
mod preferences;
mod router;
mod server;
mod writer;

pub use app::{App, Clock, Publication, Topics};
pub use pages::{PageError, Pages};
pub use router::router;
pub use server::{ServeError, Server};
pub use writer::{WriteError, Writer};
