//! The catalogue of models: what each is, where it comes from, and the sum its file must have. It is part of the program. A
//! sum stands there only if it was checked; an entry without one is not verified, and never called so.

use serde::Deserialize;

use crate::digest::Digest;

const CATALOG: &str = include_str!("../catalog.toml");

/// The catalogue that the program carries is not in order.
#[derive(Debug, thiserror::Error)]
#[error("the catalogue of models is damaged: {0}")]
pub struct CatalogError(String);

impl CatalogError {
    /// What mends it.
    pub fn hint(&self) -> Option<String> {
        Some("build the program again".to_owned())
    }
}

/// All models that the program knows by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// The entries, in the order in which they are listed.
    #[serde(rename = "model")]
    pub models: Vec<Entry>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name in the settings and commands.
    pub name: String,
    /// What it is, in a few words.
    pub about: String,
    /// Its file's name in the cache folder.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// The sum of its file; none if it could not be checked when the catalogue was written.
    pub sha256: Option<Digest>,
    /// Whether the sum was checked against the file itself.
    pub verified: bool,
    /// Whether the program carries it.
    #[serde(default)]
    pub carried: bool,
    /// Its licence: an SPDX name, or the name of its terms.
    pub licence: String,
    /// Where its licence can be read.
    pub licence_url: String,
    /// Addresses of the file.
    #[serde(default)]
    pub https: Vec<String>,
    /// Python packages that hold the file, one part each, in order.
    #[serde(default)]
    pub packages: Vec<Package>,
}

/// A Python package that holds a file or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where the file stands in its wheel.
    pub path: String,
}

impl Catalog {
    /// The catalogue that the program carries.
    ///
    /// # Errors
    /// [`CatalogError`] if the program was built with a damaged one.
    pub fn carried() -> Result<Self, CatalogError> {
        Self::parse(CATALOG)
    }

    fn parse(text: &str) -> Result<Self, CatalogError> {
        let catalog: Self = toml::from_str(text).map_err(|error| CatalogError(error.to_string()))?;
        match catalog.models.iter().find_map(|entry| entry.fault().map(|fault| format!("{}: {fault}", entry.name))) {
            Some(fault) => Err(CatalogError(fault)),
            None => Ok(catalog),
        }
    }

    /// The entry of that name.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.models.iter().find(|entry| entry.name == name)
    }
}

impl Entry {
    fn fault(&self) -> Option<&'static str> {
        let plain = |name: &str| !name.is_empty() && !name.starts_with(['.', '-']) && !name.contains(['/', '\\']);
        if !plain(&self.name) || !plain(&self.file) {
            Some("a name leads out of the folder")
        } else if self.verified != self.sha256.is_some() {
            Some("verified and sha256 belong together")
        } else if self.https.iter().any(|address| !address.starts_with("https://")) {
            Some("an address is not https")
        } else if self.packages.iter().any(|package| !plain(&package.name) || !plain(&package.version)) {
            Some("a package's name is not plain")
        } else if !self.carried && self.https.is_empty() && self.packages.is_empty() {
            Some("it has no source")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carried::{CARRIED, carried_sum};

    #[test]
    fn ours_is_in_order() {
        let catalog = Catalog::carried().unwrap();
        let names: Vec<&str> = catalog.models.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, [CARRIED, "smollm2-135m-instruct", "gemma-3-270m", "tinyllama-1.1b-chat", "multilingual-e5-small"]);
        let carried = catalog.find(CARRIED).unwrap();
        assert!(carried.carried);
        assert_eq!(carried.sha256, Some(carried_sum().unwrap()), "catalog.toml must follow models/reader/reader-en.gguf");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/reader/reader-en.gguf");
        assert_eq!(carried.size, std::fs::metadata(file).unwrap().len());
    }

    #[test]
    fn odd_entries_are_refused() {
        let good = "[[model]]\nname = \"a\"\nabout = \"\"\nfile = \"a.gguf\"\nsize = 1\nverified = false\nlicence = \"\"\nlicence_url = \"\"\nhttps = [\"https://example.org/a\"]\n";
        assert!(Catalog::parse(good).is_ok());
        for (from, to) in [
            ("a.gguf", "../a.gguf"),
            ("a.gguf", "-a.gguf"),
            ("verified = false", "verified = true"),
            ("https://example.org/a", "http://example.org/a"),
            ("[\"https://example.org/a\"]", "[]"),
            ("size = 1", "size = 1\nother = 2"),
            ("size = 1", "size = 1\nsha256 = \"12\""),
        ] {
            assert!(Catalog::parse(&good.replace(from, to)).is_err(), "{to}");
        }
    }
}
