#![doc = include_str!("../README.md")]

mod calibrate;
mod carried;
mod catalog;
mod check;
mod corpus;
mod course;
mod crowding;
mod digest;
mod encoder;
mod features;
mod gguf;
mod heads;
mod home;
mod pull;
mod reader;
mod report;
mod softmax;
mod train;

pub use carried::{CARRIED, CarriedError, carried_sum, materialize};
pub use catalog::{Catalog, CatalogError, Entry, Package};
pub use check::{CheckReport, Finding, check};
pub use corpus::{Corpus, CorpusError, Line, LineFault, row};
pub use course::{Course, CourseError, write_heads};
pub use digest::{Digest, NotADigest};
pub use encoder::{EncodeError, Encoder, default_threads};
pub use gguf::{Checked, Fault, Gguf, GgufError, check_file};
pub use heads::{Card, Heads, HeadsError};
pub use home::{HomeLine, Learned};
pub use pull::{Attempt, Progress, PullError, PullFault, PullOptions, Pulled, pull};
pub use reader::{Reader, ReaderChoice, ReaderError, ReaderKey, heads_path};
pub use report::{Figures, Report};
pub use train::{Recipe, Trained, Vectors, train};
