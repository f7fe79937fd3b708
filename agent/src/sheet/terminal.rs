//! The sheet in a terminal: 80 columns, grasped at once. Colour only marks; without it nothing is lost.

use anstyle::{AnsiColor, Style};

use super::{Candidate, KINDS, Outcome, Sheet, people, short, worth};

const WIDTH: usize = 80;
/// More of one kind than this are counted, not listed.
const LISTED: usize = 6;

const BOLD: Style = Style::new().bold();
const GOOD: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
const WANTED: Style = Style::new().bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
const DIM: Style = Style::new().dimmed();

/// What stands above the sheet.
pub(crate) struct Heading<'a> {
    pub(crate) name: &'a str,
    /// "0 of 50 paid subscribers".
    pub(crate) goal: String,
    /// What the values count.
    pub(crate) unit: &'a str,
}

/// The sheet as text.
pub(crate) fn render(sheet: &Sheet, heading: &Heading<'_>) -> String {
    let mut out = String::new();
    let left = format!("{} · {}", heading.name, sheet.now.format("%Y-%m-%d %H:%M UTC"));
    let gap = WIDTH.saturating_sub(width(&left) + width(&heading.goal)).max(2);
    line(&mut out, &format!("{BOLD}{left}{BOLD:#}{}{}", " ".repeat(gap), heading.goal));
    line(&mut out, "");
    decision(&mut out, sheet, heading.unit);
    eligible(&mut out, sheet);
    refused(&mut out, sheet);
    wanted(&mut out, sheet);
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

fn decision(out: &mut String, sheet: &Sheet, unit: &str) {
    match (sheet.outcome, sheet.picked()) {
        (Outcome::Act, Some(pick)) => {
            line(out, &format!("{GOOD}DOES{GOOD:#}  {}", short(&pick.text, WIDTH - 6)));
            wrapped(out, &because(sheet, pick, unit), 6);
        }
        (Outcome::Ask, _) => {
            line(out, &format!("{WANTED}ASKS{WANTED:#}  Nothing can be done now that anybody would notice."));
            line(out, "      What you could give is below.");
        }
        _ => {
            line(out, &format!("{GOOD}RESTS{GOOD:#} Nothing is worth doing now, and nothing needs you."));
        }
    }
    line(out, "");
}

/// Why this one, in a sentence.
pub(crate) fn because(sheet: &Sheet, pick: &Candidate, unit: &str) -> String {
    let eligible = sheet.eligible().len();
    let channel = pick.channel.as_deref().map(|channel| format!(" on {channel}")).unwrap_or_default();
    let among = match eligible {
        1 => "the only one that can be done now".to_owned(),
        _ => format!("the best of {eligible} that can be done now"),
    };
    let taken_for = pick.taken_for.as_ref().map(|issue| format!("it is taken for {issue}; ")).unwrap_or_default();
    format!(
        "{taken_for}for {}{channel}; reaches about {}, worth {} {unit}; {among}",
        pick.r#for,
        people(pick.reach.unwrap_or(0.0)),
        worth(pick.value.unwrap_or(0.0)),
    )
}

fn eligible(out: &mut String, sheet: &Sheet) {
    let eligible = sheet.eligible();
    if eligible.is_empty() {
        return;
    }
    line(out, &format!("{BOLD}CAN BE DONE{BOLD:#}   reach   value"));
    for candidate in eligible.iter().take(LISTED) {
        let (reach, value) = (people(candidate.reach.unwrap_or(0.0)), worth(candidate.value.unwrap_or(0.0)));
        line(out, &format!("{}{reach:>8} {value:>7}  {}", place(candidate), short(&candidate.text, WIDTH - 29)));
    }
    more(out, eligible.len());
    line(out, "");
}

/// Where it stands, in eleven columns.
fn place(candidate: &Candidate) -> String {
    let place = candidate.line.map_or_else(|| "proposed".to_owned(), |number| format!("line {number}"));
    format!("  {place:<9}")
}

fn more(out: &mut String, count: usize) {
    if count > LISTED {
        line(out, &format!("  {DIM}… and {} more: `reveille plan --json` lists all{DIM:#}", count - LISTED));
    }
}

fn refused(out: &mut String, sheet: &Sheet) {
    let total = sheet.candidates.iter().filter(|candidate| candidate.refusal.is_some()).count();
    if total == 0 {
        return;
    }
    line(out, &format!("{BOLD}REFUSED{BOLD:#}  {total} of {}", sheet.candidates.len()));
    for (kind, title) in KINDS {
        let refused = sheet.refused(kind);
        if refused.is_empty() {
            continue;
        }
        line(out, &format!("  {title} ({})", refused.len()));
        for candidate in refused.iter().take(LISTED) {
            line(out, &format!("  {}{}", place(candidate), short(&candidate.text, WIDTH - 13)));
            if let Some(reason) = reason(candidate) {
                line(out, &format!("{}{DIM}{}{DIM:#}", " ".repeat(13), short(&reason, WIDTH - 13)));
            }
        }
        more(out, refused.len());
    }
    line(out, "");
}

/// The reason, where the heading above does not say it already.
fn reason(candidate: &Candidate) -> Option<String> {
    let refusal = candidate.refusal.as_ref()?;
    match refusal.kind.as_str() {
        _ if candidate.is_for_nobody() => None,
        "no_skill" | "unclear" | "no_audience" => Some(refusal.why.clone()),
        _ => Some(refusal.unblock.clone().map_or(refusal.why.clone(), |unblock| format!("→ {unblock}"))),
    }
}

fn wanted(out: &mut String, sheet: &Sheet) {
    if sheet.needs_you.is_empty() {
        return;
    }
    line(out, &format!("{WANTED}NEEDS YOU{WANTED:#}  what reaches the most people comes first"));
    for (at, wanted) in sheet.needs_you.iter().take(LISTED).enumerate() {
        let unlocks = sheet.unlocks(wanted);
        let text = format!("{}. {}{unlocks} (reaches about {})", at + 1, capitalised(&wanted.ask), people(wanted.reach));
        for (number, piece) in fold(&text, WIDTH - 5).into_iter().enumerate() {
            line(out, &format!("{}{piece}", if number == 0 { "  " } else { "     " }));
        }
    }
    more(out, sheet.needs_you.len());
    line(out, "");
}

/// Breaks at spaces only, so that an address stays in one piece where it fits.
pub(crate) fn fold(text: &str, width: usize) -> Vec<std::borrow::Cow<'_, str>> {
    let options = textwrap::Options::new(width)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options)
}

fn wrapped(out: &mut String, text: &str, indent: usize) {
    for piece in fold(text, WIDTH - indent) {
        line(out, &format!("{}{piece}", " ".repeat(indent)));
    }
}

/// With a capital letter at the start.
pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// What was done, with its proof.
pub(crate) fn done(sheet: &Sheet, did: &str, evidence: &[String]) -> String {
    let mut out = String::new();
    if sheet.outcome != Outcome::Act {
        return out;
    }
    line(&mut out, &format!("{GOOD}DONE{GOOD:#}"));
    wrapped(&mut out, &capitalised(did), 2);
    for proof in evidence {
        for (number, piece) in fold(proof, WIDTH - 11).into_iter().enumerate() {
            line(&mut out, &format!("  {}{piece}", if number == 0 { "proof: " } else { "       " }));
        }
    }
    line(&mut out, "");
    out
}

/// What the human should know besides.
pub(crate) fn notes(said: &[String]) -> String {
    let mut out = String::new();
    if said.is_empty() {
        return out;
    }
    line(&mut out, &format!("{WANTED}NOTES{WANTED:#}"));
    for note in said {
        for (number, piece) in fold(note, WIDTH - 4).into_iter().enumerate() {
            line(&mut out, &format!("  {}{piece}", if number == 0 { "" } else { "  " }));
        }
    }
    line(&mut out, "");
    out
}

/// What changed in PROGRESS.md, as a unified diff.
pub(crate) fn difference(before: &str, after: &str) -> String {
    const ADDED: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
    const REMOVED: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
    let mut out = String::new();
    if before == after {
        line(&mut out, "PROGRESS.md is as it was.");
        return out;
    }
    line(&mut out, &format!("{BOLD}PROGRESS.md{BOLD:#}"));
    let mut options = diffy::DiffOptions::new();
    options.set_context_len(1);
    for change in options.create_patch(before, after).to_string().lines().skip(2) {
        let shown = short(change, WIDTH - 2);
        let styled = match change.as_bytes().first() {
            Some(b'+') => format!("  {ADDED}{shown}{ADDED:#}"),
            Some(b'-') => format!("  {REMOVED}{shown}{REMOVED:#}"),
            Some(b'@') => format!("  {DIM}{shown}{DIM:#}"),
            _ => format!("  {shown}"),
        };
        line(&mut out, &styled);
    }
    out
}
