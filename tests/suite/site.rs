//! The readers' side through the program: `reveille serve` in a home, asked by real connections.

mod health;
mod leave;
mod retain;
mod server;
mod subscribe;
mod survey;
mod visits;
mod whom;
