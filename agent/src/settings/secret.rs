//! A secret by reference. The value is looked up when it is needed and never stored; no message repeats it.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

use crate::environment::Environment;
use crate::home::Home;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// `{ env = "NAME" }`
    Env(String),
    /// `{ file = "PATH" }`, readable by its owner only; relative to the home.
    File(PathBuf),
    /// `{ keychain = "NAME" }`, on macOS.
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

impl Secret {
    /// Looks whether the secret is there, without keeping it.
    pub(crate) fn state(&self, environment: &Environment, home: &Home) -> SecretState {
        match self {
            Secret::Env(name) if environment.get(name).is_some() => SecretState::Present { source: format!("env:{name}") },
            Secret::Env(name) => {
                SecretState::Missing { why: format!("{name} is not set"), unblock: format!("set the environment variable {name}") }
            }
            Secret::File(path) => file_state(&home.root().join(path)),
            Secret::Keychain(name) => keychain_state(name),
        }
    }
}

fn file_state(path: &std::path::Path) -> SecretState {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display();
    let missing = |why: String, unblock: String| SecretState::Missing { why, unblock };
    match path.metadata() {
        Err(_) => missing(format!("the secret file {shown} is not there"), format!("write the secret into {shown} and `chmod 600` it")),
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
            missing(format!("the secret file {shown} can be read by others"), format!("`chmod 600 {shown}`"))
        }
        Ok(meta) if meta.len() == 0 => missing(format!("the secret file {shown} is empty"), format!("write the secret into {shown}")),
        Ok(_) => SecretState::Present { source: format!("file:{shown}") },
    }
}

#[cfg(target_os = "macos")]
fn keychain_state(name: &str) -> SecretState {
    // `security` shows no value without -w; two streams are closed so that it can't ask.
    let found = std::process::Command::new("/usr/bin/security")
        .args(["find-generic-password", "-s", name])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    match found {
        Ok(status) if status.success() => SecretState::Present { source: format!("keychain:{name}") },
        _ => SecretState::Missing {
            why: format!("the keychain has no item `{name}`"),
            unblock: format!("`security add-generic-password -s {name} -a reveille -w`"),
        },
    }
}

#[cfg(not(target_os = "macos"))]
fn keychain_state(name: &str) -> SecretState {
    SecretState::Missing {
        why: format!("the keychain item `{name}` can't be read: there is a keychain on macOS only"),
        unblock: "use `{ env = … }` or `{ file = … }` in reveille.toml".to_owned(),
    }
}

/// Whether it can be the name of a variable: a secret that was pasted in its place hardly can.
fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    starts && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
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
            Some(("file", Some(path))) => Ok(Secret::File(PathBuf::from(path))),
            Some(("keychain", Some(name))) => Ok(Secret::Keychain(name.to_owned())),
            _ => Err(serde::de::Error::custom(EXPECTED)),
        }
    }
}
