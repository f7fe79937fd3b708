//! The fuzz targets: each calls a parser of foreign text with any bytes, and holds what must be true of what it makes of them. The
//! stable harness (`tests/suite/fuzz.rs`) and cargo-fuzz (`tests/fuzz`) call the same functions.

mod answers;
mod home;

use reveille_mission::{Edit, Mission, Progress, ProgressError, folded, merge};
use reveille_schedules::{Cron, Due, Every, Quiet, Schedule, due};
use reveille_skills::front_matter;

pub use answers::{answers, replies};
pub use home::csv;

/// A parser under any input.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and its folder in `tests/fuzz/corpus`.
    pub name: &'static str,
    /// Panics when something is not as it must be.
    pub read: fn(&[u8]),
    /// Words that are put in whole.
    pub words: &'static [&'static str],
}

/// All of them. The settings have theirs in `agent/src/settings/fuzz.rs`, for the program is no library.
pub const TARGETS: [Target; 7] = [
    Target {
        name: "progress",
        read: progress,
        words: &[
            "- [ ] ",
            "- [x] ",
            "<!-- reveille -->\n",
            "<!-- /reveille -->\n",
            "```\n",
            "<!--",
            "-->",
            "---\n",
            "> ",
            " for:strangers",
            " due:2026-11-20",
            "~~",
            "`#ab12cd34`",
            "    ",
        ],
    },
    Target {
        name: "mission",
        read: mission,
        words: &["## Goal\n", "- paid subscribers: 50 by 2026-12-31\n", "---\n", "- ", ": ", " by ", "- [ ] ", "```\n"],
    },
    Target {
        name: "front_matter",
        read: matter,
        words: &[
            "---\n",
            "title: ",
            "ready: true\n",
            "id: ",
            "date: 2026-11-20\n",
            "&a ",
            "*a",
            "<<: ",
            "!!binary ",
            "tags: [",
            "|\n",
            ">-\n",
            "? ",
            "{",
            "}",
        ],
    },
    Target {
        name: "csv",
        read: csv,
        words: &["email,name\n", "ann@home.net", ",", ";", "\"", "\"\"", "confirmed", "unsubscribed", "bounced", "2026-01-01", "\r\n"],
    },
    Target {
        name: "answers",
        read: answers,
        words: &[
            "{",
            "}",
            "[",
            "]",
            "null",
            "\"id\":",
            "\"content\":",
            "<p>",
            "<a href=\"https://x.example\">",
            "</a>",
            "&amp;",
            "\"error\":",
            "\"uri\":",
            "\"hits\":",
            "../",
            "\"max_characters\":",
            "429",
        ],
    },
    Target { name: "replies", read: replies, words: &["550", "421 ", "250-", "\r\n", "5.1.1", "#5.2.1", "<a@b.example>", "relay", "-"] },
    Target {
        name: "schedule",
        read: schedule,
        words: &["*", "*/", "-", ",", "L", "W", "#", "?", "MON", "@daily", "59", "H", "00:00", "1 "],
    },
];

/// What no input holds by itself: the evidence of a tick.
const EVIDENCE: &str = "proof-7f3a91";

/// PROGRESS.md: without edits the same bytes; a tick changes its box and appends its evidence; the block hides no task.
pub fn progress(data: &[u8]) {
    let progress = match Progress::parse(data) {
        Ok(progress) => progress,
        Err(ProgressError::Binary { .. }) => return assert!(data.contains(&0), "called binary"),
        Err(error) => panic!("{error}"),
    };
    let bytes = |edits: &[Edit]| merge(&progress, &progress, edits).map(|merged| merged.bytes);
    assert!(progress.bytes() == data && bytes(&[]).as_deref() == Ok(data), "not the same bytes");
    if let Some(item) = progress.open().last() {
        let same = |other: &&reveille_mission::Item| folded(other.text()) == folded(item.text()) && other.line < item.line;
        let nth = progress.items.iter().filter(same).count();
        let ticked = bytes(&[Edit::Tick { text: item.text().to_owned(), nth, evidence: EVIDENCE.to_owned() }]).unwrap_or_default();
        let added = format!(" — {EVIDENCE}");
        let at = ticked.windows(added.len()).position(|part| part == added.as_bytes());
        let Some(at) = at else { panic!("no evidence in {:?}", String::from_utf8_lossy(&ticked)) };
        let without = [&ticked[..at], &ticked[at + added.len()..]].concat();
        let other: Vec<_> = data.iter().zip(&without).filter(|(old, new)| old != new).collect();
        assert!(without.len() == data.len() && other == [(&b' ', &b'x')], "more than a box: {other:?}");
    }
    let Ok(written) = bytes(&[Edit::Block { body: "### Needs you\n- [ ] one `#aa11aa11`".to_owned(), last: None }]) else { return };
    let after = Progress::parse(written).unwrap_or_else(|error| panic!("{error}"));
    let texts = |progress: &Progress| progress.items.iter().map(|item| (item.text().to_owned(), item.state)).collect::<Vec<_>>();
    let texts = (texts(&progress), texts(&after));
    assert!(texts.0.iter().all(|item| texts.1.contains(item)), "a task was lost: {texts:?}");
}

/// MISSION.md: what is said of a line is said of one that is there.
pub fn mission(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mission = Mission::parse(&text);
    let last = text.split(['\n', '\r']).count().max(1);
    let places = mission.goals.iter().map(|goal| goal.line).chain(mission.diagnostics.iter().map(|said| said.line));
    for line in places {
        assert!((1..=last).contains(&line), "line {line} of {last}");
    }
    assert!(mission.goals.len() + mission.diagnostics.len() > 0, "neither a goal nor a word about none");
}

/// Front matter: its parts are the file; a completed one says what was asked, releases nothing, and has the same body.
pub fn matter(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let parsed = front_matter::parse(&text);
    let Ok(parts) = front_matter::split(&text) else { return assert!(parsed.is_err(), "fields of no front matter") };
    assert_eq!([parts.open, parts.yaml, parts.close, parts.body].concat(), text);
    let Ok(before) = parsed else { return };
    let Ok(set) = front_matter::complete(&text, &[("id", "\"tag:x,2026:46\"".to_owned()), ("number", "46".to_owned())], &["ready"]) else {
        return;
    };
    let after = front_matter::parse(&set).unwrap_or_else(|error| panic!("completed and unreadable: {error:?} in {set:?}"));
    assert_eq!(front_matter::split(&set).map(|parts| parts.body), Ok(parts.body));
    let value = |of: &front_matter::FrontMatter| of.title.clone().map(|title| title.value);
    assert_eq!((after.number.as_ref().map(|number| number.value), value(&after)), (Some(46), value(&before)));
}

/// A schedule: the first byte chooses a zone, the rest is a pattern, a period or quiet hours. The next wake is later, and not due.
pub fn schedule(data: &[u8]) {
    let (Some((first, rest)), Some(now)) = (data.split_first(), chrono::DateTime::from_timestamp(1_795_183_200, 0)) else { return };
    let text = String::from_utf8_lossy(rest);
    let zone = ["UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"][usize::from(first % 4)].parse().ok();
    if let (Ok(quiet), Some(zone)) = (text.parse::<Quiet>(), zone) {
        assert!(quiet.until(now, zone).is_none_or(|until| until > now), "quiet until before now");
    }
    let cron = text.parse::<Cron>().ok().zip(zone).map(|(cron, zone)| Schedule::Cron(Box::new(cron), zone));
    for schedule in text.parse::<Every>().ok().map(Schedule::Every).into_iter().chain(cron) {
        assert!(schedule.next(now) > now, "the next wake is not later");
        let Some(slot) = schedule.slot(now) else { continue };
        assert!(slot.begins() <= now, "a slot that has not begun");
        assert!(matches!(due(now, Some(slot), &schedule), Due::NotUntil(_)), "a slot twice");
    }
}
