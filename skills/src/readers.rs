//! The list of readers: `readers.csv` in the home, which is the human's, and those who came by the site, who stand in memory. Who
//! stands on it, who of them counts as a person, who is mailed.
//!
//! Must stay true: a person is one, wherever they stand, and their own later word counts; exactly those who count are mailed, never the owner, a reserved test domain (RFC 2606, RFC 6761), one who
//! was never confirmed, who left, or whom memory suppresses; such rows are kept all the same. The file is written whole or
//! not at all, in the human's order, with every column that we do not know, and never over what somebody else wrote
//! meanwhile, and nobody is written into it because they came by the site. No address stands in an error.

mod counts;
mod error;
mod formats;
mod import;
mod row;
mod standings;
mod table;
#[cfg(test)]
mod tests;
mod wishes;
mod words;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use reveille_memory::Subscriber;
use reveille_mission::{NoPerson, Tiers, folded_address, former_ids, is_address, no_person, subscriber_id};

use crate::disk::{DiskError, Root};
use row::write_into;
use table::Table;

pub use counts::{Counts, LeftOut, NotCounted};
pub use error::ReadersError;
pub use formats::Format;
pub use import::{Imported, ImportedRow, What};
pub use row::{Reader, Recipient, Status};
pub use table::BadRow;
pub use wishes::{Reaches, reaches};

/// The list, in the home.
const FILE: &str = "readers.csv";
/// Held by whoever changes the list.
const LOCK: &str = "readers.lock";
/// The columns that are ours.
const COLUMNS: [&str; 6] = ["email", "name", "status", "tier", "confirmed_at", "source"];

/// Subscribers who are never mailed again, by their ids: those of `Memory::suppressed`.
pub type SuppressedIds = HashSet<String>;

/// When and where a reader said that they want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The day.
    pub date: NaiveDate,
    /// Where: a form, a letter, a table at a fair.
    pub source: String,
}

/// What [`Readers::add`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// A new row.
    New(Status),
    /// The row was there; something of it changed.
    Changed(Status),
    /// The row was there, just so.
    Unchanged(Status),
}

/// The list of readers of a home.
#[derive(Debug)]
pub struct Readers {
    root: Root,
    /// The real file, relative to the home: a link inside of it is followed, never replaced.
    place: String,
    /// The bytes that were read; none where there is no file.
    read: Option<Vec<u8>>,
    table: Table,
    owner: HashSet<String>,
    rows: Vec<Reader>,
    /// Those who came by the site.
    site: Vec<Reader>,
    /// Who left and then confirmed once more, by their ids.
    came_back: HashSet<String>,
    /// For whom letters have ended, by their ids.
    silent: SuppressedIds,
    tiers: Tiers,
    /// Held while the list may be changed; the kernel frees it.
    lock: Option<File>,
}

impl Readers {
    /// Reads the list to look at it; without a file it is empty. `owner` are the owner's own addresses.
    ///
    /// # Errors
    /// The file can't be read or leads out of the home, or a row of it is no row: nothing is known then, for a wrong count is
    /// worse than none.
    pub fn load(home: &Path, owner: &[String]) -> Result<Self, ReadersError> {
        let root = Root::open(home)?;
        let (place, read) = match root.inside(FILE) {
            Ok(real) => {
                let place = real.strip_prefix(root.at("")).unwrap_or(Path::new(FILE)).to_string_lossy().into_owned();
                let bytes = root.read(&place)?;
                (place, Some(bytes))
            }
            // A link that leads nowhere is not "no list": what it led to may come back.
            Err(missing) if missing.is_missing() && !root.at(FILE).is_symlink() => (FILE.to_owned(), None),
            Err(error) => return Err(error.into()),
        };
        let table = match read.as_deref() {
            Some(bytes) => understood(bytes)?,
            None => Table::new(&COLUMNS),
        };
        let owner = owner.iter().map(|address| folded_address(address)).collect();
        let rows = table.rows.iter().map(|row| Reader::of(&table, row)).collect();
        let (site, came_back) = (vec![], HashSet::new());
        Ok(Self { root, place, read, table, owner, rows, site, came_back, silent: HashSet::new(), tiers: Tiers::default(), lock: None })
    }

    /// Reads the list to change it: as long as the value lives, whoever else wants to change it waits.
    ///
    /// # Errors
    /// Those of [`Readers::load`], and the lock can't be made.
    pub fn load_to_change(home: &Path, owner: &[String]) -> Result<Self, ReadersError> {
        let path = Root::open(home)?.folder("memory")?.join(LOCK);
        let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
        let lock = locked.map_err(|source| DiskError::Io { path: PathBuf::from("memory").join(LOCK), source })?;
        Ok(Self { lock: Some(lock), ..Self::load(home, owner)? })
    }

    /// The same list with those who came by the site: `Memory::subscribers`, and of them `Memory::came_back`.
    #[must_use]
    pub fn with(mut self, subscribers: &[Subscriber], came_back: HashSet<String>) -> Self {
        (self.site, self.came_back) = (subscribers.iter().map(Reader::of_site).collect(), came_back);
        self
    }

    /// The same list where letters have ended for these: they do not count, and are not mailed.
    #[must_use]
    pub fn without_letters_to(mut self, silent: SuppressedIds) -> Self {
        self.silent = silent;
        self
    }

    /// The same list where these are the tiers.
    #[must_use]
    pub fn in_tiers(mut self, tiers: Tiers) -> Self {
        self.tiers = tiers;
        self
    }

    /// Every row of readers.csv, in the human's order.
    pub fn rows(&self) -> &[Reader] {
        &self.rows
    }

    /// Every row of readers.csv, with what the site knows of the same person, and then those whom only the site knows.
    fn all(&self) -> Vec<Cow<'_, Reader>> {
        let site: HashMap<&str, &Reader> = self.site.iter().map(|one| (one.id.as_str(), one)).collect();
        let listed: HashSet<&str> = self.rows.iter().map(|row| row.id.as_str()).collect();
        let more = self.site.iter().filter(|one| !listed.contains(one.id.as_str())).map(Cow::Borrowed);
        self.rows.iter().map(|row| self.both(row, site.get(row.id.as_str()).copied())).chain(more).collect()
    }

    /// A row of readers.csv, with what the site knows of the same person.
    fn both<'a>(&self, row: &'a Reader, other: Option<&Reader>) -> Cow<'a, Reader> {
        match other {
            Some(other) => Cow::Owned(row.clone().and_of_site(other, self.came_back.contains(&row.id))),
            None => Cow::Borrowed(row),
        }
    }

    /// Everybody, with why they do not count; those without a reason are people.
    pub fn judged(&self, suppressed: &SuppressedIds) -> Vec<(Cow<'_, Reader>, Option<NotCounted>)> {
        let all = self.all();
        let gone = gone(&all);
        let mut seen = HashSet::new();
        let mut judge = |row: &Reader| {
            let no_person = no_person(&row.email, &self.owner);
            if no_person == Some(NoPerson::Owner) {
                Some(NotCounted::Owner)
            } else if !is_address(&row.email) {
                Some(NotCounted::Broken)
            } else if !seen.insert(row.id.clone()) {
                Some(NotCounted::Twice)
            } else if no_person == Some(NoPerson::Reserved) {
                Some(NotCounted::Test)
            } else if self.is_out(&row.id, &row.email, suppressed) || gone.contains(&row.id) {
                Some(NotCounted::Suppressed)
            } else if row.status != Status::Confirmed {
                Some(NotCounted::Unconfirmed)
            } else if self.silent.contains(&row.id) {
                Some(NotCounted::Silent)
            } else {
                None
            }
        };
        all.into_iter().map(|row| (judge(&row), row)).map(|(why, row)| (row, why)).collect()
    }

    /// Whether an address is suppressed, by its id or by one that it had before and has not come back from.
    fn is_out(&self, id: &str, email: &str, suppressed: &SuppressedIds) -> bool {
        suppressed.contains(id) || (!self.came_back.contains(id) && former_ids(email).iter().any(|former| suppressed.contains(former)))
    }

    /// Everybody, counted.
    pub fn counts(&self, suppressed: &SuppressedIds) -> Counts {
        let mut counts = Counts { listed: self.read.is_some(), ..Counts::default() };
        for (row, why) in self.judged(suppressed) {
            match why {
                Some(why) => counts.left_out.add(why),
                None => {
                    counts.confirmed += 1;
                    counts.paying += u64::from(self.tiers.pays(&row.tier));
                    counts.by_site += u64::from(row.via.is_some());
                }
            }
        }
        counts
    }

    /// The tiers that readers have and the settings do not: nobody pays in them.
    pub fn unknown_tiers(&self) -> BTreeSet<String> {
        self.all().iter().filter(|row| !self.tiers.knows(&row.tier)).map(|row| row.tier.clone()).collect()
    }

    /// Who is mailed: exactly those who count, each once.
    pub fn recipients(&self, suppressed: &SuppressedIds) -> Vec<Recipient> {
        let people = self.judged(suppressed).into_iter().filter(|(_, why)| why.is_none());
        let name = |row: &Reader| Some(words::plain_words(&row.name)).filter(|name| !name.is_empty());
        let recipient = |row: &Reader| Recipient { id: row.id.clone(), email: row.email.clone(), name: name(row) };
        people.map(|(row, _)| recipient(&row)).collect()
    }

    /// Puts somebody on the list, or completes their row: confirmed with a consent, else pending. The change is not written
    /// before [`Readers::save`].
    ///
    /// # Errors
    /// It is no address, or one that is suppressed or gone.
    pub fn add(
        &mut self,
        email: &str,
        name: Option<&str>,
        consent: Option<&Consent>,
        suppressed: &SuppressedIds,
    ) -> Result<Added, ReadersError> {
        let (email, id) = (email.trim(), subscriber_id(email));
        if !is_address(email) {
            return Err(ReadersError::NoAddress);
        }
        if self.is_out(&id, email, suppressed) {
            return Err(ReadersError::Suppressed);
        }
        if let Some(gone) = self.rows.iter().find(|row| row.id == id && row.status.is_gone()) {
            return Err(ReadersError::Gone(gone.status));
        }
        let found = self.rows.iter().position(|row| row.id == id);
        let mut row = match found {
            Some(at) => self.rows[at].clone(),
            None => Reader::blank(id, email),
        };
        if let Some(name) = name {
            row.name = words::plain_words(name);
        }
        if let Some(consent) = consent {
            row.status = Status::Confirmed;
            row.confirmed_at = consent.date.to_string();
            row.source = words::plain_words(&consent.source);
        }
        let status = row.status;
        Ok(match found {
            Some(at) if self.rows[at] == row => Added::Unchanged(status),
            Some(at) => {
                self.rows[at] = row;
                Added::Changed(status)
            }
            None => {
                self.rows.push(row);
                Added::New(status)
            }
        })
    }

    /// Sets where somebody stands, in every row of theirs; whether there was one. Not written before [`Readers::save`].
    pub fn mark(&mut self, id: &str, status: Status) -> bool {
        let mut found = false;
        for row in self.rows.iter_mut().filter(|row| row.id == id) {
            row.status = status;
            found = true;
        }
        found
    }

    /// Writes the list, if anything of it changed; whether it was written. A new file is for its owner's eyes only.
    ///
    /// # Errors
    /// The list was not loaded to be changed, somebody else wrote it since, or it can't be written: then it is as it was.
    pub fn save(&mut self) -> Result<bool, ReadersError> {
        let mut table = self.table.clone();
        if !write_into(&mut table, &self.rows) {
            return Ok(false);
        }
        let bytes = table.bytes()?;
        let now = match self.root.read(&self.place) {
            Ok(bytes) => Some(bytes),
            Err(missing) if missing.is_missing() => None,
            Err(error) => return Err(error.into()),
        };
        if self.lock.is_none() || now != self.read {
            return Err(ReadersError::Meanwhile);
        }
        self.root.write_private(&self.place, &bytes)?;
        (self.table, self.read) = (table, Some(bytes));
        Ok(true)
    }

    /// Everybody as CSV with commas, for another program; a cell that a spreadsheet would run has an apostrophe before it, and loses
    /// it when it is imported. Whom memory suppresses goes out as `left`, so that nobody mails them from there either, and for whom letters
    /// have ended as `silent`, which is no consent anywhere.
    ///
    /// # Errors
    /// The table can't be written.
    pub fn export(&self, suppressed: &SuppressedIds) -> Result<Vec<u8>, ReadersError> {
        let all = self.all();
        let gone = gone(&all);
        let mut rows: Vec<Reader> = all.into_iter().map(Cow::into_owned).collect();
        let out = |row: &&mut Reader| !row.status.is_gone() && (self.is_out(&row.id, &row.email, suppressed) || gone.contains(&row.id));
        for row in rows.iter_mut().filter(out) {
            row.status = Status::Left;
        }
        for row in rows.iter_mut().filter(|row| row.status == Status::Confirmed && self.silent.contains(&row.id)) {
            row.status = Status::Silent;
        }
        let mut table = self.table.plain();
        write_into(&mut table, &rows);
        Ok(table.bytes()?)
    }
}

/// Whom any row says to have left: it outweighs another that says that they did not.
fn gone(all: &[Cow<'_, Reader>]) -> HashSet<String> {
    all.iter().filter(|row| row.status.is_gone()).map(|row| row.id.clone()).collect()
}

/// The table of the list; every row must be one, and there must be addresses.
fn understood(bytes: &[u8]) -> Result<Table, ReadersError> {
    let wrong = |bad: BadRow| ReadersError::Row { file: FILE.to_owned(), line: bad.line, reason: bad.reason };
    let (table, bad) = Table::parse(bytes).map_err(wrong)?;
    if let Some(bad) = bad.into_iter().next() {
        return Err(wrong(bad));
    }
    match table.column(&["email"]) {
        Some(_) => Ok(table),
        None => Err(wrong(BadRow { line: 1, reason: "no column is called `email`".to_owned() })),
    }
}
