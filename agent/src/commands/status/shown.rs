//! `status` for a person: a part a function.

use chrono::{DateTime, Utc};

use super::{Answers, Standing};
use crate::commands::Ready;
use crate::daemon::Heard;
use crate::failed::Failed;
use crate::sheet::people;
use crate::sheet::terminal::fold;

fn when(at: &DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Wakes that failed as a whole, in lines.
pub(super) fn failing(failed: &Failed) -> String {
    let hint = failed.hint.as_ref().map(|hint| format!("hint: {hint}"));
    let notice = failed.notice.as_ref().map(|notice| format!("notice to you: {notice}"));
    let lines: Vec<String> = [Some(failed.sentence()), hint, notice].into_iter().flatten().collect();
    let pieces = lines.iter().flat_map(|line| fold(line, 76));
    pieces.enumerate().map(|(at, piece)| format!("{}{piece}\n", if at == 0 { "failing     " } else { "            " })).collect()
}

fn readers(standing: &Standing) -> String {
    match (&standing.readers, &standing.readers_problem) {
        (Some(readers), _) => {
            let left_out = match readers.left_out {
                0 => String::new(),
                1 => " (1 address does not count)".to_owned(),
                more => format!(" ({more} addresses do not count)"),
            };
            let chosen = readers.letters.shown().map(|chosen| format!("            {chosen}\n")).unwrap_or_default();
            format!("readers     {} confirmed, {} paying{left_out}\n{chosen}", readers.confirmed, readers.paying)
        }
        (None, problem) => format!("readers     not counted: {}\n", problem.as_deref().unwrap_or_default()),
    }
}

/// What channels brought, and who came.
fn tables(standing: &Standing, ready: &Ready<'_>) -> String {
    let every = ready.settings.wake.measure_every.delta();
    let reach = crate::reached::table(&standing.reach, every, ready.environment.now());
    reach + &crate::visits::table(standing.visits.as_ref())
}

/// What is tried, in lines.
fn experiments(standing: &Standing) -> String {
    let mut out = String::new();
    for line in standing.experiments.iter().map(crate::experiments::line) {
        for (at, piece) in fold(&line, 76).iter().enumerate() {
            out.push_str(&format!("{:<12}{piece}\n", if at == 0 { "experiment" } else { "" }));
        }
    }
    out
}

/// Mails that readers wait for, in lines.
fn mails(standing: &Standing) -> String {
    let Some(waiting) = &standing.mails else { return String::new() };
    let hint = waiting.hint().map(|hint| format!("hint: {hint}"));
    let lines = [Some(waiting.sentence()), hint];
    let pieces = lines.iter().flatten().flat_map(|line| fold(line, 76));
    pieces.enumerate().map(|(at, piece)| format!("{:<12}{piece}\n", if at == 0 { "mails" } else { "" })).collect()
}

/// Readers who have fallen silent, in a line.
fn silent(standing: &Standing) -> String {
    standing.silence.as_ref().map(|silence| format!("silent      {}\n", silence.shown())).unwrap_or_default()
}

/// The whole of it, for a person.
pub(super) fn shown(standing: &Standing, ready: &Ready<'_>) -> String {
    let parts = [
        format!("{}\n\n", standing.name),
        waking(standing, ready),
        readers(standing),
        silent(standing),
        mails(standing),
        crate::visits::turned_away(standing.turned_away).map(|said| format!("{said}\n")).unwrap_or_default(),
        experiments(standing),
        kept(standing),
        reached(standing, ready),
        stopped(standing),
        open_ends(standing),
    ];
    parts.concat()
}

/// The last wakes, and what brings the next.
fn waking(standing: &Standing, ready: &Ready<'_>) -> String {
    let mut out = String::new();
    match &standing.last {
        None => out.push_str("No wake yet: `reveille wake`.\n"),
        Some(last) => {
            let end = last.outcome.clone().unwrap_or_else(|| last.state.clone());
            out.push_str(&format!("last wake   {} (run {}): {end}\n", when(&last.started_at), last.run));
            if let Some(error) = &last.error {
                out.push_str(&format!("            {error}\n"));
            }
        }
    }
    out.push_str(&standing.failing.as_ref().map(failing).unwrap_or_default());
    if let Some(next) = &standing.next_wake {
        out.push_str(&format!("next due    {}\n", when(next)));
    }
    match standing.service.as_slice() {
        [] if standing.daemon.is_some() => {}
        [] => out.push_str("service     none: `reveille service install`\n"),
        some => out.push_str(&format!("service     {}\n", some.join("; "))),
    }
    for (at, line) in standing.daemon.iter().flat_map(Heard::lines).enumerate() {
        out.push_str(&format!("{:<12}{line}\n", if at == 0 { "daemon" } else { "" }));
    }
    if let Some(server) = &standing.serve {
        out.push_str(&format!("serve       {}\n", server.shown(ready.settings.channels.email.is_some())));
    }
    out.push_str(&format!("wakes       {}\n", standing.runs));
    for missed in standing.missed.iter().take(3) {
        let span = if missed.count == 1 { when(&missed.first) } else { format!("{} to {}", when(&missed.first), when(&missed.last)) };
        out.push_str(&format!("missed      {} ({span}): {}\n", missed.count, missed.why));
    }
    let more: u32 = standing.missed.iter().skip(3).map(|missed| missed.count).sum();
    if more > 0 {
        out.push_str(&format!("            and {more} more in the last seven days: `reveille status --json`\n"));
    }
    out
}

/// What is remembered and kept safe.
fn kept(standing: &Standing) -> String {
    let mut out = String::new();
    if standing.learned.lines > 0 {
        let used = if standing.learned.set_aside.is_some() { ", kept but not used" } else { "" };
        out.push_str(&format!("learned     {} lines from you{used}\n", standing.learned.lines));
    }
    let backups = &standing.backups;
    if let Some(newest) = &backups.newest {
        out.push_str(&format!("backups     {}, the newest of {}\n", backups.good, when(newest)));
    }
    if let Some(trouble) = &backups.trouble {
        out.push_str(&format!("            the last one failed: {trouble}\n"));
    }
    if let Some(Answers { all, new }) = &standing.answers {
        out.push_str(&format!("answers     {new} new by the last wake, {all} in all: `reveille answers`\n"));
    }
    out
}

/// The channels, what they brought, and who came.
fn reached(standing: &Standing, ready: &Ready<'_>) -> String {
    let mut out = String::new();
    for channel in &standing.channels {
        let missing = channel.missing.as_ref().map(|missing| format!(" ({missing})")).unwrap_or_default();
        out.push_str(&format!("{:<11} {}{missing}\n", channel.channel, channel.at));
    }
    out + &tables(standing, ready)
}

/// What keeps it from waking.
fn stopped(standing: &Standing) -> String {
    let mut out = String::new();
    if let Some(reason) = &standing.paused {
        let end = standing.paused_until.map_or_else(|| "until `reveille resume`".to_owned(), |until| format!("until {}", when(&until)));
        out.push_str(&format!("paused      {end}: {reason}\n"));
    }
    if standing.stopped {
        out.push_str("stopped     by a file STOP in the home\n");
    }
    out
}

/// What waits for the human.
fn open_ends(standing: &Standing) -> String {
    let mut out = String::new();
    if !standing.awaiting_you.is_empty() {
        out.push_str("\nReady for you to post:\n");
        for post in &standing.awaiting_you {
            out.push_str(&format!("  {post}\n"));
        }
    }
    if !standing.unsettled.is_empty() {
        out.push_str("\nNobody can tell yet:\n");
        for unsettled in &standing.unsettled {
            for (at, piece) in textwrap::wrap(unsettled, 76).iter().enumerate() {
                out.push_str(&format!("  {}{piece}\n", if at == 0 { "" } else { "  " }));
            }
        }
    }
    if !standing.needs_you.is_empty() {
        out.push_str("\nNeeds you:\n");
        for need in standing.needs_you.iter().take(8) {
            for (at, piece) in textwrap::wrap(&format!("{} (reaches about {})", need.ask, people(need.reach)), 76).iter().enumerate() {
                out.push_str(&format!("  {}{piece}\n", if at == 0 { "" } else { "  " }));
            }
        }
    }
    out
}
