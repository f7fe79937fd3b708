//! What a human drops into a home: a list of readers out of any program.

use std::collections::HashSet;
use std::sync::OnceLock;

use chrono::NaiveDate;
use reveille_mission::{is_address, subscriber_id};
use reveille_skills::readers::Readers;

/// An empty home, for a list begins in one; nothing is written there.
fn home() -> &'static std::path::Path {
    static HOME: OnceLock<tempfile::TempDir> = OnceLock::new();
    HOME.get_or_init(|| tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"))).path()
}

/// A list that is imported: only addresses come in, no suppressed one, no reason repeats a cell; what goes out comes in again.
pub fn csv(data: &[u8]) {
    let suppressed = HashSet::from([subscriber_id("ann@home.net")]);
    let import = |bytes: &[u8]| {
        let mut readers = Readers::load(home(), &[]).unwrap_or_else(|error| panic!("{error}"));
        let imported = readers.import(bytes, "list.csv", None, &suppressed, NaiveDate::default());
        imported.map(|imported| (readers, imported))
    };
    let (readers, imported) = match import(data) {
        Ok(done) => done,
        Err(error) => return assert!(error.hint().is_some() && !error.to_string().contains('@'), "{error}"),
    };
    for row in readers.rows() {
        assert!(is_address(&row.email) && !suppressed.contains(&row.id), "{row:?}");
    }
    for bad in &imported.bad {
        assert!(!bad.reason.contains('@') && bad.line > 0, "{bad:?}");
    }
    let out = readers.export(&suppressed).unwrap_or_else(|error| panic!("{error}"));
    let (again, _) = import(&out).unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(&out)));
    let rows = |readers: &Readers| readers.rows().iter().map(|row| (row.id.clone(), row.status.is_gone())).collect::<Vec<_>>();
    assert_eq!(rows(&again), rows(&readers));
}
