//! Measuring: which channel brings people (`measure/`: the posts there are, asking a channel, rounds, keeping, looking), and counting
//! what can be counted here: readers that are people.
//!
//! Must stay true: an address of the owner, of a reserved domain (RFC 2606, RFC 6761) or one that was never confirmed is not
//! a person, and no address leaves this file.

mod channel;
mod keep;
#[cfg(test)]
#[path = "measure/tests.rs"]
mod measuring_tests;
mod posts;
mod reached;
mod round;

pub use channel::{Measurement, Meter, measure_channel};
pub use keep::{BOUNCED, DELIVERED, Measured, age, measure, measure_mail, not_connected};
pub use posts::{Counter, Counts, MadePost, Name, RIPE_HOURS, Sums, WINDOW_DAYS, engaged, posts, sums};
pub use reached::{Direction, Number, Point, Reached, chart, reached};
pub use round::{Due, Round, due};

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The readers of a home, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readers {
    /// Confirmed readers that are people.
    pub confirmed: u64,
    /// Of those, the ones who pay.
    pub paying: u64,
    /// Rows that do not count, with the reason in words ("2 of the owner").
    pub left_out: LeftOut,
    /// Whether there is a list at all.
    pub listed: bool,
}

/// Why rows of the list do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Addresses of the owner.
    pub owner: u64,
    /// Addresses of reserved test domains.
    pub test: u64,
    /// Addresses that were never confirmed, or left.
    pub unconfirmed: u64,
    /// Addresses that are none, and ones that stand there twice.
    pub broken: u64,
}

impl LeftOut {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.owner + self.test + self.unconfirmed + self.broken
    }
}

/// A list of readers that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadersError {
    /// The file can't be read.
    #[error("failed to read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A row is not understood. The row's content is not repeated.
    #[error("{}:{line}: {reason}", .path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

impl ReadersError {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            ReadersError::Read { .. } => None,
            ReadersError::Row { .. } => Some("the first line names the columns: email,name,status,tier,confirmed_at,source".to_owned()),
        }
    }
}

#[derive(Deserialize)]
struct Row {
    email: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    tier: String,
}

/// Counts the readers of `readers.csv` in the home; without the file there are none.
///
/// # Errors
/// The file can't be read, or a row of it is no row: nothing is counted then, for a wrong count is worse than none.
pub fn count_readers(home: &Path, owner: &[String]) -> Result<Readers, ReadersError> {
    let path = home.join("readers.csv");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Readers::default()),
        Err(source) => return Err(ReadersError::Read { path, source }),
    };
    let owner: HashSet<String> = owner.iter().map(|address| address.trim().to_lowercase()).collect();
    let mut seen = HashSet::new();
    let mut readers = Readers { listed: true, ..Readers::default() };
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes.as_slice());
    let lower: csv::StringRecord = table.headers().map_err(|error| row_error(&path, &error))?.iter().map(str::to_lowercase).collect();
    table.set_headers(lower);
    for row in table.deserialize() {
        let row: Row = row.map_err(|error| row_error(&path, &error))?;
        let address = row.email.to_lowercase();
        let left_out = &mut readers.left_out;
        match address.rsplit_once('@') {
            _ if owner.contains(&address) => left_out.owner += 1,
            Some((local, domain)) if is_address(local, domain) && seen.insert(address.clone()) => {
                if is_reserved(domain) {
                    left_out.test += 1;
                } else if row.status.eq_ignore_ascii_case("confirmed") || row.status.eq_ignore_ascii_case("active") {
                    readers.confirmed += 1;
                    readers.paying += u64::from(row.tier.eq_ignore_ascii_case("paid"));
                } else {
                    left_out.unconfirmed += 1;
                }
            }
            _ => left_out.broken += 1,
        }
    }
    Ok(readers)
}

/// The plain shape of an address; what is stranger is no reader that can be counted on.
fn is_address(local: &str, domain: &str) -> bool {
    let plain =
        |text: &str| !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | ',' | ';' | '@'));
    plain(local) && plain(domain) && !local.is_empty() && domain.contains('.') && domain.split('.').all(|label| !label.is_empty())
}

fn row_error(path: &Path, error: &csv::Error) -> ReadersError {
    let line = error.position().map_or(1, csv::Position::line);
    // csv's own message may repeat a field, and a field is an address.
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!("{len} columns, not {expected_len}"),
        csv::ErrorKind::Utf8 { .. } => "bytes that are no UTF-8".to_owned(),
        _ => "not a row of the list (is there a column `email`?)".to_owned(),
    };
    ReadersError::Row { path: path.to_owned(), line, reason }
}

/// Domains that no person reads mail at: RFC 2606 and RFC 6761.
pub fn is_reserved(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.').to_lowercase();
    let last = domain.rsplit('.').next().unwrap_or_default();
    let second = ["example.com", "example.net", "example.org"];
    matches!(last, "example" | "test" | "invalid" | "localhost" | "local")
        || second.iter().any(|name| domain == *name || domain.ends_with(&format!(".{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(csv: &str) -> Result<Readers, ReadersError> {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::write(home.path().join("readers.csv"), csv).expect("written");
        count_readers(home.path(), &["me@real.dev".to_owned()])
    }

    #[test]
    fn only_people_count() {
        let readers = count(
            "email,name,status,tier\nann@home.net,Ann,confirmed,paid\nANN@home.net,Ann,confirmed,paid\nbob@home.net,Bob,confirmed,free\n\
             eve@home.net,Eve,pending,free\nMe@Real.dev,Me,confirmed,paid\nt@example.com,T,confirmed,paid\nu@mail.test,U,confirmed,free\nnobody,,confirmed,\n\
             Joe <joe@home.net>,Joe,confirmed,free\n@@home.net,X,confirmed,\nj@home..net,J,confirmed,\n",
        )
        .expect("a list");
        assert_eq!((readers.confirmed, readers.paying), (2, 1));
        assert_eq!(readers.left_out, LeftOut { owner: 1, test: 2, unconfirmed: 1, broken: 5 });
    }

    #[test]
    fn no_list_is_no_reader_and_a_broken_list_is_an_error() {
        let empty = tempfile::tempdir().expect("a folder");
        assert_eq!(count_readers(empty.path(), &[]).expect("none"), Readers::default());
        let error = count("email,status\nsecret@home.net,confirmed,more\n").expect_err("three columns");
        assert!(error.to_string().contains(":2: 3 columns, not 2") && !error.to_string().contains("secret"), "{error}");
        assert!(count("name,status\nx,confirmed\n").is_err());
    }

    #[test]
    fn reserved_domains_are_known() {
        for (domain, expected) in [
            ("example.com", true),
            ("a.example.org", true),
            ("x.example", true),
            ("myexample.com", false),
            ("test.com", false),
            ("LOCALHOST.", true),
        ] {
            assert_eq!(is_reserved(domain), expected, "{domain}");
        }
    }
}
