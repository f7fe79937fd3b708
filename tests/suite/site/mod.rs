//! The readers' side: `reveille serve` and the wakes beside it, with a real mail server.

mod leave;
