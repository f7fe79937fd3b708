use chrono::{DateTime, Utc};
use reveille_memory::{Frequency, Preferences};

use super::form::read;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

#[test]
fn a_form_is_taken_whole_or_not_at_all() {
    let now = at("2026-11-30T12:00:00Z");
    let paused = Some(at("2026-12-24T12:00:00Z"));
    let standing = Preferences { frequency: Frequency::Each, paused_until: paused, topics: vec!["old".into()] };
    let offered = ["rust & co".to_owned(), "data".to_owned()];
    let chosen = |frequency, paused_until, topics: &[&str]| {
        Some(Preferences { frequency, paused_until, topics: topics.iter().map(|topic| (*topic).to_owned()).collect() })
    };
    for (body, expected) in [
        ("frequency=weekly&pause=keep", chosen(Frequency::Weekly, paused, &[])),
        ("frequency=each&pause=no&topic=rust+%26+co&topic=data&topic=data", chosen(Frequency::Each, None, &["rust & co", "data"])),
        ("frequency=each&pause=3&topic=old", chosen(Frequency::Each, Some(at("2027-02-28T12:00:00Z")), &["old"])),
        ("frequency=each", chosen(Frequency::Each, paused, &[])),
        ("", None),
        ("pause=no", None),
        ("frequency=daily", None),
        ("frequency=each&pause=4", None),
        ("frequency=each&pause=", None),
        ("frequency=each&topic=%3Cscript%3E", None),
        ("frequency=each&admin=1", None),
    ] {
        assert_eq!(read(body.as_bytes(), &standing, &offered, now), expected, "{body}");
    }
}
