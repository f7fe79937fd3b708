//! The readers' side, as a reader and as the author sees it.

mod retain;
