//! `[notice]`: how the owner is told when wakes have failed for a day.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use reveille_schedules::Quiet;
use serde::{Deserialize, Deserializer};

/// `[notice]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Notice {
    /// The way.
    pub(crate) by: By,
}

/// The way of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum By {
    /// A mail to the owner through `[channels.email]`.
    Email,
    /// A notification of macOS.
    Macos,
    /// A program with its arguments; the words come on its standard input.
    Command {
        /// Its name on the search path, or its absolute place.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

impl<'de> Deserialize<'de> for By {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "\"email\", \"macos\", or a command as a list of words")]
        enum Raw {
            Word(String),
            Command(Vec<String>),
        }
        let wrong =
            || serde::de::Error::custom("`by` is \"email\", \"macos\", or a command as a list: [\"/path/to/program\", \"argument\"]");
        match Raw::deserialize(from)? {
            Raw::Word(word) if word == "email" => Ok(By::Email),
            Raw::Word(word) if word == "macos" => Ok(By::Macos),
            Raw::Command(words) => match words.split_first() {
                // A name on the search path or an absolute place: a relative one would hang on the folder of whoever wakes.
                Some((program, arguments)) if !program.is_empty() && (program.starts_with('/') || !program.contains('/')) => {
                    Ok(By::Command { program: program.clone(), arguments: arguments.to_vec() })
                }
                _ => Err(wrong()),
            },
            Raw::Word(_) => Err(wrong()),
        }
    }
}

/// `[notice]` of settings that are wrong elsewhere, where at least it can be read.
pub(crate) fn notice_alone(text: &str) -> Option<Notice> {
    #[derive(Deserialize)]
    struct Only {
        notice: Option<Notice>,
    }
    toml::from_str::<Only>(text).ok()?.notice
}

/// Whether `[wake]` of such settings says that it is quiet now; none where that can't be read.
pub(crate) fn quiet_alone(text: &str, now: DateTime<Utc>) -> Option<bool> {
    #[derive(Deserialize)]
    struct Only {
        wake: Option<Hours>,
    }
    #[derive(Deserialize)]
    struct Hours {
        quiet: Option<String>,
        timezone: Option<String>,
    }
    let Some(hours) = toml::from_str::<Only>(text).ok()?.wake else { return Some(false) };
    let Some(quiet) = hours.quiet else { return Some(false) };
    let zone = hours.timezone.map_or(Ok(Tz::UTC), |zone| zone.parse()).ok()?;
    Some(quiet.parse::<Quiet>().ok()?.contains(now, zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_read_and_also_from_settings_that_are_wrong_elsewhere() {
        let by = |value: &str| notice_alone(&format!("nmae = 1\n[notice]\nby = {value}\n")).map(|notice| notice.by);
        assert_eq!(by("\"email\""), Some(By::Email));
        assert_eq!(by("\"macos\""), Some(By::Macos));
        let command = By::Command { program: "/bin/tell".into(), arguments: vec!["-x".into()] };
        assert_eq!(by("[\"/bin/tell\", \"-x\"]"), Some(command));
        for wrong in ["\"pigeon\"", "[]", "[\"\"]", "[\"hooks/tell\"]", "1", "[1]"] {
            assert_eq!(by(wrong), None, "{wrong}");
        }
        assert_eq!(notice_alone("[notice"), None);
    }
    #[test]
    fn quiet_hours_are_read_from_settings_that_are_wrong_elsewhere() {
        let quiet = |wake: &str| quiet_alone(&format!("nmae = 1\n{wake}\n"), "2026-11-20T03:00:00Z".parse().expect("a time"));
        for none in ["", "[wake]", "[wake]\nevery = 1"] {
            assert_eq!(quiet(none), Some(false), "{none}");
        }
        assert_eq!(quiet("[wake]\nquiet = \"23:00-07:00\""), Some(true));
        assert_eq!(quiet("[wake]\nquiet = \"23:00-07:00\"\ntimezone = \"Asia/Tokyo\""), Some(false));
        for wrong in ["[wake]\nquiet = 23", "[wake]\nquiet = \"at night\"", "[wake]\nquiet = \"23:00-07:00\"\ntimezone = \"Mars\""] {
            assert_eq!(quiet(wrong), None, "{wrong}");
        }
    }
}
