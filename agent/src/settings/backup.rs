//! `[backup]`: how many are kept, and what carries them away.

use std::path::Path;

use reveille_schedules::Every;
use serde::{Deserialize, Deserializer};

use super::parsed;
use crate::backup::{Call, filled};

/// `[backup]`
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Backup {
    /// Of how many days a backup is kept.
    pub(crate) keep: u16,
    /// A program with its arguments, run behind each good backup; `{path}` stands for the backup's folder. No shell.
    #[serde(deserialize_with = "words")]
    hook: Vec<String>,
    /// How long it may take, like `10m`.
    #[serde(deserialize_with = "parsed")]
    hook_limit: Every,
    /// Names of variables that it gets, besides PATH and HOME.
    #[serde(deserialize_with = "words")]
    env: Vec<String>,
}

/// A list of words; what stands there instead is never repeated, for it could hold a password.
fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a list of words is wanted here, like [\"rsync\", \"-a\"]")]
    enum Words {
        List(Vec<String>),
    }
    let Words::List(list) = Words::deserialize(from)?;
    Ok(list)
}

impl Default for Backup {
    fn default() -> Self {
        Self { keep: 7, hook: vec![], hook_limit: Every::minutes(10), env: vec![] }
    }
}

impl Backup {
    /// What can't be meant.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let is_name = |name: &String| {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !name.is_empty()
                && !name.as_bytes()[0].is_ascii_digit()
        };
        if !(1..=366).contains(&self.keep) {
            Some("`keep` is a number of days from 1 to 366")
        } else if self.hook.first().is_some_and(String::is_empty) || self.hook.iter().any(|word| word.contains('\0')) {
            Some("`hook` is a list: a program and its arguments, like [\"rsync\", \"-a\", \"{path}\", \"/mnt/backup/\"]")
        } else if self.hook.first().is_some_and(|program| program.contains("{path}")) {
            Some("the first word of `hook` is a program")
        } else if !self.env.iter().all(is_name) {
            Some("`env` holds names of variables, not values")
        } else {
            None
        }
    }

    /// The hook's program.
    pub(crate) fn program(&self) -> Option<&str> {
        self.hook.first().map(String::as_str)
    }

    /// The variables that the hook wants besides PATH and HOME.
    pub(crate) fn variables(&self) -> &[String] {
        &self.env
    }

    /// What to run behind a backup, if anything.
    pub(crate) fn hook(&self, backup: &Path, home: &Path) -> Option<Call> {
        let (program, arguments) = self.hook.split_first()?;
        Some(Call {
            program: program.clone(),
            arguments: arguments.iter().map(|argument| filled(argument, backup)).collect(),
            variables: self.env.clone(),
            limit: self.hook_limit.duration(),
            folder: home.to_owned(),
        })
    }
}
