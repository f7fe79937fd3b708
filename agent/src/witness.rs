//! Whether this memory is the newest one of this home. PROGRESS.md, the hand-over letter and the backups tell which wake was
//! the last; a memory that does not know that wake was put back by hand, or its predecessor was lost. And memory knows which
//! file it is: another file with the same rows is a copy, of a home that was carried here or put back as a whole.
//!
//! Must stay true: such a memory sends nothing until `reveille resume`; what a later copy knows of what has gone out is taken
//! over first; a home that was only moved is told so and goes on.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use chrono::{DateTime, Utc};
use reveille_memory::{Memory, TakenOver};
use reveille_mission::{Channel, Progress};

use crate::backup::{Kept, Store};
use crate::failure::{OrFail, Outcome};
use crate::home::Home;
use crate::noted;
use crate::observe::Scene;

/// Under which key memory keeps where its home is and which file it is.
const MARK: &str = "home";
/// Under which key memory keeps what is known of the time that it does not remember.
const SINCE: &str = "known since";
/// What is said of that time when all of it was learned and there was nothing.
const NOTHING: &str = "Nothing went out since, as far as is known.";
/// What is said when a look was cut off and begun again.
const CUT_OFF: &str = "This was cut off once: what a later copy knew is in the ledger, but may not all be named here.";
/// Under which key memory keeps, until it is done, that it has to learn from the backups: from which wake on, and why.
const BEGUN: &str = "known up to";
/// What keeps something from going out again besides the ledger: which line has which telling, and what was refused with which
/// words. And the block as it was last written, for the merge.
const TEXTS: [&str; 3] = ["tellings", "refused words", "block"];

/// The newest wake that anything but memory tells of.
pub(crate) struct Seen {
    /// Its number, 0 when nothing tells of one.
    pub(crate) run: i64,
    /// What tells of it.
    by: &'static str,
}

/// Looks whether this memory may be trusted to know what has gone out; one that may not is paused. Whether it was.
pub(crate) fn look(scene: &Scene<'_>, memory: &mut Memory) -> Outcome<bool> {
    let seen = seen(scene.home);
    let known = memory.last_run_number().or_fail()?;
    let moved = moved(scene.home, memory)?;
    let begun = begun(memory)?;
    let again = begun.is_some();
    let doubt = if again {
        // A look that a crash cut off: by now memory counts on behind what was seen, and looks like the newest one.
        begun
    } else if seen.run > known {
        Some((
            known,
            match known {
                0 => format!("this memory is new, but {} tells of wake {}", seen.by, seen.run),
                _ => format!("this memory ends with wake {known}, but {} tells of wake {}: an older one was put back", seen.by, seen.run),
            },
        ))
    } else if let Moved::Copied(from) = &moved {
        Some((
            known,
            match from == scene.home.root().to_string_lossy().as_ref() {
                true => "its memory was put back from a copy".to_owned(),
                false => format!("this home is a copy of {from}, which may go on by itself"),
            },
        ))
    } else {
        None
    };
    if let Some((known, why)) = &doubt {
        begin(memory, *known, why, seen.run, scene.now)?;
        learn_from_backups(scene.home, memory, *known, seen.run, again)?;
    } else if let Moved::To(from) = &moved {
        let now = scene.home.root().display();
        noted::keep(memory, &format!("the home has moved from {from} to {now}: what starts its wakes has to name the new place"))?;
    }
    if !matches!(moved, Moved::No) {
        mark(memory, scene.home, &scene.home.database())?;
    }
    Ok(doubt.is_some())
}

/// The same question without an answer to it, for what sends beside the wakes: whether memory is to be believed has to be looked at
/// by a wake first.
pub(crate) fn is_in_doubt(home: &Home, memory: &Memory) -> Outcome<bool> {
    let kept = memory.text(MARK).or_fail()?;
    let file = kept.as_deref().and_then(|kept| kept.split_once(' ')).map(|(file, _)| file.to_owned());
    let is_copied = file.is_some_and(|file| number(&home.database()).ok() != Some(file));
    Ok(is_copied || begun(memory)?.is_some() || seen(home).run > memory.last_run_number().or_fail()?)
}

/// A look that was begun and not ended: the last wake that memory knew, and why it was disarmed.
fn begun(memory: &Memory) -> Outcome<Option<(i64, String)>> {
    let text = memory.text(BEGUN).or_fail()?.filter(|text| !text.is_empty());
    Ok(text.and_then(|text| text.split_once(' ').and_then(|(known, why)| Some((known.parse().ok()?, why.to_owned())))))
}

/// Pauses a memory that does not know all that has gone out, and keeps that it has yet to learn from the backups.
fn begin(memory: &mut Memory, known: i64, why: &str, seen: i64, now: DateTime<Utc>) -> Outcome {
    memory.keep_text(BEGUN, &format!("{known} {why}")).or_fail()?;
    disarm(memory, why, seen, now)
}

/// Learns what the newest backup that can be read knows of the time after wake `known`.
fn learn_from_backups(home: &Home, memory: &mut Memory, known: i64, seen: i64, again: bool) -> Outcome {
    if again {
        // What was taken over before the crash is in the ledger, and is not found a second time.
        remember(home, memory, None, Some(CUT_OFF.to_owned()))?;
    }
    let taken = take_over_newest(home, memory, known);
    let until = taken.as_ref().map_or(known, |(run, _)| *run);
    // A later wake may have been that left no trace: only what was read is known.
    let unknown = (taken.is_none() || until < seen).then(|| format!("What went out after wake {until} is not known."));
    remember(home, memory, taken.map(|(_, taken)| taken), unknown)?;
    memory.keep_text(BEGUN, "").or_fail()
}

/// Takes over from the newest good backup that knows wakes after `known` and can be read: up to which wake it knows, and what.
pub(crate) fn take_over_newest(home: &Home, memory: &mut Memory, known: i64) -> Option<(i64, TakenOver)> {
    let mut later: Vec<_> =
        Store::of(home).good().into_iter().filter(|kept| kept.manifest.database.is_some() && kept.manifest.run > known).collect();
    later.sort_by_key(|kept| std::cmp::Reverse(kept.manifest.run));
    later.iter().find_map(|kept| take_over(memory, kept).map(|taken| (kept.manifest.run, taken)))
}

/// Pauses it until `resume`, and counts runs on behind the newest that was seen.
pub(crate) fn disarm(memory: &mut Memory, why: &str, seen: i64, now: DateTime<Utc>) -> Outcome {
    let reason = format!("{why}; it may not know all that has gone out since: look at your channels first");
    memory.disarm(&reason, seen, env!("CARGO_PKG_VERSION"), now).or_fail()
}

/// What a later backup knows of what has gone out. One that can't be read, or is not what was written, teaches nothing.
pub(crate) fn take_over(memory: &mut Memory, later: &Kept) -> Option<TakenOver> {
    let taken = later.check_database().and_then(|()| memory.take_over(&later.database(), &TEXTS).or_fail());
    if let Err(failure) = &taken {
        tracing::warn!("nothing was learned from {}: {failure}", later.name);
    }
    taken.ok().flatten()
}

/// Keeps for `resume` what was learned and what is not known, behind what it has not said yet.
pub(crate) fn remember(home: &Home, memory: &mut Memory, taken: Option<TakenOver>, unknown: Option<String>) -> Outcome {
    let before = memory.text(SINCE).or_fail()?.filter(|said| !said.is_empty() && said != NOTHING);
    let learned = taken.map(|taken| told(home, &taken)).unwrap_or_default();
    let mut said: Vec<String> = before.iter().flat_map(|said| said.lines()).map(str::to_owned).collect();
    for line in learned.into_iter().chain(unknown) {
        if !said.contains(&line) {
            said.push(line);
        }
    }
    let said = if said.is_empty() { NOTHING.to_owned() } else { said.join("\n") };
    memory.keep_text(SINCE, &said).or_fail()
}

/// What went out, by the names of the issues.
fn told(home: &Home, taken: &TakenOver) -> Vec<String> {
    let shelf = reveille_skills::shelf::load(home.root()).map(|loaded| loaded.shelf).unwrap_or_default();
    let mut said: Vec<String> = taken
        .effects
        .iter()
        .map(|(issue, channel, count)| {
            let (name, title) =
                (shelf.name_of(issue), channel.parse::<Channel>().map_or(channel.clone(), |channel| channel.title().to_owned()));
            let pieces = if *count == 1 { String::new() } else { format!(" ({count})") };
            format!("  {name} on {title}{pieces}")
        })
        .collect();
    if !said.is_empty() {
        said.insert(0, "A later copy knew of these; they are in the ledger now and are not sent again:".to_owned());
    }
    if taken.left > 0 {
        said.push(format!("{} readers had left since; they are not mailed.", taken.left));
    }
    if taken.confirmed > 0 {
        said.push(format!("{} people had confirmed since; they are readers.", taken.confirmed));
    }
    said
}

/// What `resume` has to say of the time that memory does not remember; once.
pub(crate) fn known_since(memory: &mut Memory) -> Outcome<Option<String>> {
    let said = memory.text(SINCE).or_fail()?.filter(|said| !said.is_empty());
    if said.is_some() {
        memory.keep_text(SINCE, "").or_fail()?;
    }
    Ok(said)
}

/// The newest wake that anything but memory tells of.
pub(crate) fn seen(home: &Home) -> Seen {
    let block = std::fs::read(home.progress()).ok().and_then(|bytes| Progress::parse(bytes).ok()).and_then(|progress| progress.last_run());
    let letter = std::fs::read(home.memory().join("handover.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .and_then(|letter| letter["run"].as_i64());
    // Not the newest: what was set aside without a database knows no wake.
    let backup = Store::of(home).good().iter().map(|kept| kept.manifest.run).max();
    let all = [(block, "PROGRESS.md"), (letter, "memory/handover.json"), (backup, "the newest backup")];
    let newest = all
        .into_iter()
        .filter_map(|(run, by)| run.map(|run| Seen { run, by }))
        .reduce(|one, other| if other.run > one.run { other } else { one });
    newest.unwrap_or(Seen { run: 0, by: "nothing" })
}

/// Where the home is by now.
#[derive(Debug, PartialEq, Eq)]
enum Moved {
    /// Where it was, or this is the first look.
    No,
    /// The same file in another place, which was this.
    To(String),
    /// Another file, of a home that was there.
    Copied(String),
}

fn moved(home: &Home, memory: &mut Memory) -> Outcome<Moved> {
    let here = home.root().to_string_lossy().into_owned();
    let Some((file, from)) =
        memory.text(MARK).or_fail()?.and_then(|kept| Some(kept.split_once(' ')?).map(|(file, from)| (file.to_owned(), from.to_owned())))
    else {
        mark(memory, home, &home.database())?;
        return Ok(Moved::No);
    };
    Ok(match (file == number(&home.database())?, from == here) {
        (true, true) => Moved::No,
        (true, false) => Moved::To(from),
        (false, _) => Moved::Copied(from),
    })
}

/// Keeps where the home is and which file its memory is.
pub(crate) fn mark(memory: &mut Memory, home: &Home, file: &Path) -> Outcome {
    memory.keep_text(MARK, &format!("{} {}", number(file)?, home.root().display())).or_fail()
}

/// The file's own number: it stays when the file or its folder is renamed, a copy has another one.
fn number(file: &Path) -> Outcome<String> {
    Ok(file.metadata()?.ino().to_string())
}

#[cfg(test)]
mod tests;
