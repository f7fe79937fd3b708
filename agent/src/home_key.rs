//! The home's secret, which the tokens in readers' links are made of.
//!
//! Must stay true: it is made once and stays; whoever else can read it makes it useless, so then nothing is sent or served.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use crate::failure::{Failure, Kind, OnDisk, Outcome};
use crate::home::Home;
use crate::record::write_whole;

/// Where it is, in the home's memory.
const KEY: &str = "unsubscribe.key";

/// The home's secret, made when it is first needed: 32 bytes of the system's randomness, for the owner's eyes only.
pub(crate) fn home_key(home: &Home) -> Outcome<Vec<u8>> {
    let path = home.memory().join(KEY);
    match std::fs::read(&path) {
        Ok(key) if key.len() == 32 && path.metadata()?.permissions().mode() & 0o077 == 0 => return Ok(key),
        Ok(_) => {
            let failure = Failure::message(Kind::Failed, format!("{} is not the home's key, or others can read it", path.display()));
            return Err(
                failure.hint(format!("`chmod 600 {}`, or bring it back from a backup: links in sent letters hang on it", path.display()))
            );
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let mut key = vec![0; 32];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    // A temporary file is for its owner only from its first byte on, and stays so.
    write_whole(&path, &key).on(&path)?;
    Ok(key)
}
