//! A pause as the human sees it: in `status`, and in the agent's block of PROGRESS.md, which no wake writes while it lasts.

use chrono::{DateTime, Utc};
use reveille_memory::{Memory, Pause};
use reveille_mission::{Edit, LAST_WAKE, Progress};

use crate::environment::Environment;
use crate::failure::{OrFail, Outcome};
use crate::home::Home;
use crate::lease::Lock;
use crate::record;

/// What the block begins with.
const HEAD: &str = "## Reveille\n\n";
/// What the line of a pause begins with.
const LINE: &str = "> Paused since ";

/// A pause in a sentence.
pub(crate) fn sentence(pause: &Pause) -> String {
    let when = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M UTC").to_string();
    let end = pause.until.map_or_else(|| "until `reveille resume`".to_owned(), |until| format!("until {}", when(until)));
    format!("Paused since {}, {end}: {}", when(pause.since), pause.reason)
}

/// Says in the block that the home is paused, or no more. A home that never woke has no block; while a wake runs, that writes it.
pub(crate) fn show(home: &Home, environment: &Environment, memory: &mut Memory) -> Outcome {
    let Ok(lock) = Lock::take(home, environment.now()) else { return Ok(()) };
    show_with(home, environment, memory, &lock)
}

/// The same for whoever holds the lock.
pub(crate) fn show_with(home: &Home, environment: &Environment, memory: &mut Memory, _lock: &Lock) -> Outcome {
    let now = environment.now();
    let Some(last) = memory.text("block").or_fail()?.filter(|last| last.starts_with(HEAD)) else { return Ok(()) };
    let body = with_pause(&last, memory.paused(now).or_fail()?.as_ref());
    let Ok(bytes) = std::fs::read(home.progress()) else { return Ok(()) };
    let base = Progress::parse(bytes)?;
    // An old memory was put back: what it wrote last is not what stands there, and must not take its place.
    let wake = last.lines().find(|line| line.starts_with(LAST_WAKE));
    if !base.block().is_some_and(|block| wake.is_some_and(|wake| block.lines().any(|line| line == wake))) {
        return Ok(());
    }
    record::write(&home.progress(), environment, &base, &[Edit::Block { body: body.clone(), last: Some(last) }], &|_| {})?;
    memory.keep_text("block", &body).or_fail()
}

/// The block with the line of this pause, and of no other.
fn with_pause(block: &str, pause: Option<&Pause>) -> String {
    let rest = block.strip_prefix(HEAD).unwrap_or(block);
    let rest = match rest.strip_prefix(LINE) {
        Some(paused) => paused.split_once("\n\n").map_or("", |(_, rest)| rest),
        None => rest,
    };
    let line = pause.map(|pause| format!("> {}\n\n", one_line(&sentence(pause)))).unwrap_or_default();
    format!("{HEAD}{line}{rest}")
}

/// A reason is the human's, but it is one line and opens or closes nothing.
fn one_line(text: &str) -> String {
    let folded = reveille_mission::shown(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    reveille_mission::unmarked(&folded).replace("`#", "` #")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_stands_there_once_and_goes_without_a_trace() {
        let block = "## Reveille\n\nLast wake 2026-11-20 14:00 UTC: nothing.\n\n### Needs you\n\nNothing.";
        let since = "2026-11-20T14:00:00Z".parse().expect("a time");
        let pause = |reason: &str, until| Pause { reason: reason.to_owned(), since, until };
        let paused = with_pause(block, Some(&pause("on\nholiday -->", None)));
        assert_eq!(
            paused,
            block.replace("Last wake", "> Paused since 2026-11-20 14:00 UTC, until `reveille resume`: on holiday ->\n\nLast wake")
        );
        let other = with_pause(&paused, Some(&pause("moving", Some(since))));
        assert!(!other.contains("holiday") && other.contains("until 2026-11-20 14:00 UTC: moving\n\nLast wake"), "{other}");
        assert_eq!(with_pause(&other, None), block);
    }
}
