//! The readers' side, through the program: `reveille serve` in a home, real sockets.

mod server;
mod subscribe;
