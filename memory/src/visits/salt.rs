//! The day's salt: 32 random bytes in a file beside the database, for the owner's eyes only, and in no copy of the home. With it gone
//! the numbers of that day's visitors, wherever a copy of them lies, are nobody's.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use chrono::NaiveDate;

use crate::error::MemoryError;
use crate::open::{Memory, cannot, private};

/// Its file, beside the database.
const FILE: &str = "visitors.salt";

/// Bytes of a file of ours: a date, then the salt.
const LENGTH: usize = 10 + 32;

impl Memory {
    fn salt_file(&self) -> PathBuf {
        self.path.with_file_name(FILE)
    }

    /// The salt of a day, if it has one.
    pub(super) fn known_salt(&self, day: NaiveDate) -> Result<Option<[u8; 32]>, MemoryError> {
        Ok(self.kept_salt()?.filter(|(of, _)| *of == day).map(|(_, salt)| salt))
    }

    /// The salt of a day, made when it has none; the salt of another day is gone then.
    pub(super) fn salt(&self, day: NaiveDate) -> Result<[u8; 32], MemoryError> {
        if let Some(salt) = self.known_salt(day)? {
            return Ok(salt);
        }
        let wrong = |error: io::Error| cannot(&self.salt_file(), &error);
        let mut salt = [0; 32];
        File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut salt)).map_err(wrong)?;
        let fresh = self.path.with_file_name(format!("{FILE}.new"));
        remove(&fresh).map_err(wrong)?;
        let write = || -> io::Result<()> {
            let mut file = private().open(&fresh)?;
            file.write_all(day.format("%Y-%m-%d").to_string().as_bytes())?;
            file.write_all(&salt)?;
            fs::rename(&fresh, self.salt_file())
        };
        write().map_err(wrong)?;
        Ok(salt)
    }

    /// Removes the salt of every day but this one.
    pub(super) fn forget_salt(&self, today: NaiveDate) -> Result<(), MemoryError> {
        match self.kept_salt()? {
            Some((day, _)) if day == today => Ok(()),
            _ => remove(&self.salt_file()).map_err(|error| cannot(&self.salt_file(), &error)),
        }
    }

    /// The salt that is kept, and its day; a file that is none of ours counts as none.
    fn kept_salt(&self) -> Result<Option<(NaiveDate, [u8; 32])>, MemoryError> {
        let bytes = match fs::read(self.salt_file()) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(&self.salt_file(), &error)),
        };
        let whole = bytes.split_at_checked(10).filter(|_| bytes.len() == LENGTH);
        Ok(whole.and_then(|(day, salt)| Some((std::str::from_utf8(day).ok()?.parse().ok()?, salt.try_into().ok()?))))
    }
}

fn remove(path: &std::path::Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
