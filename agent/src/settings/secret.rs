//! A secret by reference: looked at here, revealed here, stored here, and kept nowhere in the program.
//!
//! Must stay true: no message repeats a value, not even a part of it; a file that anybody else can read or that is not ours
//! is as good as no secret; a keychain that does not answer is left after two seconds.

mod file;
mod keychain;
mod platform;

use std::path::{Component, Path, PathBuf};

use reveille_mission::Channel;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::environment::Environment;
use crate::failure::{Failure, Kind, Outcome};
use crate::home::Home;

pub(crate) use file::read_by_others;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// `{ env = "NAME" }`
    Env(String),
    /// `{ file = "PATH" }`, readable by its owner only; relative to the home.
    File(PathBuf),
    /// `{ keychain = "NAME" }`: the login keychain of macOS, the secret service of a Linux desktop.
    Keychain(String),
}

/// Whether a secret is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretState {
    /// It is.
    Present {
        /// Where it was found, without its value.
        source: String,
    },
    /// It is not.
    Missing {
        /// Why.
        why: String,
        /// The exact thing to do.
        unblock: String,
    },
}

/// Why a secret can't be had, and the exact thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trouble {
    why: String,
    unblock: String,
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Failure::message(Kind::Failed, trouble.why).hint(trouble.unblock)
    }
}

impl Secret {
    /// Looks whether the secret is there, without keeping it.
    pub(crate) fn state(&self, environment: &Environment, home: &Home) -> SecretState {
        let found = match self {
            Secret::Env(name) => variable(environment, name).map(drop),
            Secret::File(path) => file::look(&home.root().join(path)),
            Secret::Keychain(name) => keychain::look(environment, name),
        };
        match found {
            Ok(()) => SecretState::Present { source: self.source(home) },
            Err(Trouble { why, unblock }) => SecretState::Missing { why, unblock },
        }
    }

    /// The secret itself.
    ///
    /// # Errors
    /// It is not there, it is empty, others can read it, or the keychain does not answer.
    pub(crate) fn reveal(&self, environment: &Environment, home: &Home) -> Outcome<SecretString> {
        let bytes = match self {
            Secret::Env(name) => variable(environment, name)?,
            Secret::File(path) => file::read(&home.root().join(path))?,
            Secret::Keychain(name) => keychain::find(environment, name)?,
        };
        Ok(value(bytes, &self.source(home))?)
    }

    /// Puts a secret there; what was there is replaced.
    ///
    /// # Errors
    /// A variable can't be set from here; the file or the keychain can't be written.
    pub(crate) fn store(&self, environment: &Environment, home: &Home, secret: &SecretString) -> Outcome {
        match self {
            Secret::Env(name) => Err(Failure::message(Kind::Failed, format!("no program can set {name} for the next one"))
                .hint(format!("set the environment variable {name} where wakes are started"))),
            Secret::File(path) => Ok(file::store(&place(home, path)?, secret)?),
            Secret::Keychain(name) => Ok(keychain::store(environment, name, secret)?),
        }
    }

    /// Where it is, for a person to recognise: `env:NAME`, `file:/PATH`, `keychain:NAME`.
    pub(crate) fn source(&self, home: &Home) -> String {
        match self {
            Secret::Env(name) => format!("env:{name}"),
            Secret::File(path) => format!("file:{}", home.root().join(path).display()),
            Secret::Keychain(name) => format!("keychain:{name}"),
        }
    }
}

impl super::Settings {
    /// The variables that hold secrets, with their channels: whoever starts a wake must set them.
    pub(crate) fn secrets_of_environment(&self) -> Vec<(Channel, &str)> {
        let dkim = self.channels.email.as_ref().and_then(|email| email.dkim.as_ref()).map(|dkim| (Channel::Email, &dkim.key));
        let mailbox = self.answers.as_ref().and_then(|answers| answers.password.as_ref()).map(|password| (Channel::Email, password));
        let all = self.configured().into_iter().filter_map(|channel| Some((channel, self.secret(channel)?))).chain(dkim).chain(mailbox);
        all.filter_map(|(channel, secret)| if let Secret::Env(name) = secret { Some((channel, name.as_str())) } else { None }).collect()
    }
}

fn variable(environment: &Environment, name: &str) -> Result<Vec<u8>, Trouble> {
    use std::os::unix::ffi::OsStrExt;
    let missing = || Trouble { why: format!("{name} is not set"), unblock: format!("set the environment variable {name}") };
    environment.get(name).map(|value| value.as_bytes().to_vec()).ok_or_else(missing)
}

/// The bytes as text, without the line ends that an editor or `echo` puts behind it.
fn value(mut bytes: Vec<u8>, source: &str) -> Result<SecretString, Trouble> {
    while bytes.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        bytes.pop();
    }
    let wrong = |what: &str| Trouble { why: format!("the secret in {source} {what}"), unblock: format!("write the secret into {source}") };
    if bytes.is_empty() {
        return Err(wrong("is empty"));
    }
    // The error would hold the bytes.
    String::from_utf8(bytes).map(SecretString::from).map_err(|_| wrong("is no text (UTF-8)"))
}

/// Where a file of secrets may be written: in the home, or at the absolute place that a person named.
fn place(home: &Home, path: &Path) -> Result<PathBuf, Trouble> {
    let outside = || Trouble {
        why: format!("{} leads out of the home", path.display()),
        unblock: "name a place in the home, like secrets/mastodon, or the absolute path of another".to_owned(),
    };
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    if path.as_os_str().is_empty() || !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(outside());
    }
    let full = home.root().join(path);
    // The nearest folder that is there tells where a link leads.
    let nearest = full.ancestors().skip(1).find_map(|folder| std::fs::canonicalize(folder).ok());
    if nearest.is_some_and(|folder| folder.starts_with(home.root())) { Ok(full) } else { Err(outside()) }
}

/// Whether it can be the name of a variable: a secret that was pasted in its place hardly can.
fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    starts && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Whether it can be the name of a keychain item: no option, and nothing that a command line could take for something else.
fn is_item(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_alphanumeric());
    starts && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '@' | ' '))
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "a secret is given by reference: { env = \"NAME\" }, { file = \"PATH\" } or { keychain = \"NAME\" }";
        // Through an untyped value, so that no message can repeat a secret that was pasted here by mistake.
        let value = toml::Value::deserialize(from).map_err(|_| serde::de::Error::custom(EXPECTED))?;
        let table = value.as_table().filter(|table| table.len() == 1).and_then(|table| table.iter().next());
        match table.map(|(key, value)| (key.as_str(), value.as_str())) {
            Some(("env", Some(name))) if is_name(name) => Ok(Secret::Env(name.to_owned())),
            Some(("env", Some(_))) => Err(serde::de::Error::custom("`env` takes the name of a variable, in capitals, not a value")),
            Some(("file", Some(path))) if !path.is_empty() => Ok(Secret::File(PathBuf::from(path))),
            Some(("keychain", Some(name))) if is_item(name) => Ok(Secret::Keychain(name.to_owned())),
            Some(("keychain", Some(_))) => {
                Err(serde::de::Error::custom("`keychain` takes the name of an item: letters, digits and - _ . : / @, not a value"))
            }
            _ => Err(serde::de::Error::custom(EXPECTED)),
        }
    }
}

#[cfg(test)]
mod tests;
