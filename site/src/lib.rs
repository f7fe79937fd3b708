#![doc = include_str!("../README.md")]

mod app;
mod files;
mod headers;
mod pages;
mod router;
mod server;
mod visits;
mod writer;

pub use app::{App, Clock, Publication};
pub use pages::{PageError, Pages};
pub use router::router;
pub use server::{ServeError, Server};
pub use visits::{Counting, Visits};
pub use writer::{WriteError, Writer};
