//! The form of preferences, as a browser sends it.
//!
//! Must stay true: a value that is none of ours spoils the whole form; no value but ours is ever kept.

use chrono::{DateTime, Months, Utc};
use reveille_memory::Preferences;

/// The most topics that are kept.
const TOPICS: usize = 100;

/// What a form chooses, where `standing` is what was chosen before, and `offered` the topics there are.
pub(super) fn read(body: &[u8], standing: &Preferences, offered: &[String], now: DateTime<Utc>) -> Option<Preferences> {
    let mut chosen = Preferences { topics: vec![], ..standing.clone() };
    let mut seen_frequency = false;
    for (name, value) in url::form_urlencoded::parse(body) {
        match &*name {
            "frequency" => {
                chosen.frequency = value.parse().ok()?;
                seen_frequency = true;
            }
            "pause" => chosen.paused_until = paused(&value, standing, now)?,
            "topic" => {
                let known = offered.iter().chain(&standing.topics).any(|topic| *topic == value);
                let topic = Some(value.into_owned()).filter(|_| known && chosen.topics.len() < TOPICS)?;
                if !chosen.topics.contains(&topic) {
                    chosen.topics.push(topic);
                }
            }
            _ => return None,
        }
    }
    // Without it this is no form of ours, and an empty one would choose all topics.
    seen_frequency.then_some(chosen)
}

/// Until when, for the form's words; nothing when they are none.
fn paused(words: &str, standing: &Preferences, now: DateTime<Utc>) -> Option<Option<DateTime<Utc>>> {
    match words {
        "keep" => Some(standing.paused_until),
        "no" => Some(None),
        "1" | "2" | "3" => now.checked_add_months(Months::new(words.parse().ok()?)).map(Some),
        _ => None,
    }
}
