//! The readers' side, served by the program.

mod subscribe;
