//! Answers as they are shown: a quotation between ticks, which Markdown takes for nothing but text.
//!
//! Must stay true: whatever an answer says, the list has the same items, the block can be found and replaced, and nothing in it is a
//! link, a heading, a comment or a key.

use reveille_memory::{AnswerRow, Memory};
use reveille_mission::{shown, unmarked};

use super::counts;
use crate::failure::{OrFail, Outcome};

/// How many are shown in the block.
const LISTED: u32 = 5;

/// The section of the block; empty where nobody ever answered.
pub(crate) fn section(memory: &Memory) -> Outcome<String> {
    let Some((all, new)) = counts(memory)? else { return Ok(String::new()) };
    let mut out =
        format!("\n\n### Answers\n\n{all} in all, {new} new: answer them yourself, where they came from. All are in `inbox/`.\n\n");
    for answer in memory.answers(LISTED).or_fail()? {
        out.push_str(&format!("- {}\n", markdown(&answer)));
    }
    Ok(out.trim_end().to_owned())
}

/// An answer in the block.
pub(super) fn markdown(answer: &AnswerRow) -> String {
    let day = answer.at.format("%Y-%m-%d");
    let words = if answer.excerpt.is_empty() { String::new() } else { format!(": {}", code(&answer.excerpt)) };
    format!("{} {} on {day} from {}{words} ({})", answer.channel, answer.kind, code(&answer.sender), code(&answer.file))
}

/// Foreign text as a code span: no tick ends it, no mark opens or closes a comment, and it never begins like a key.
fn code(text: &str) -> String {
    let folded = shown(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    let harmless = unmarked(&folded).replace('`', "'").replace(['\u{2028}', '\u{2029}'], " ");
    format!("`“{harmless}”`")
}

/// An answer on a terminal, on two lines.
pub(crate) fn shown_line(answer: &AnswerRow) -> String {
    let line = |text: &str| shown(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    let when = answer.at.format("%Y-%m-%d %H:%M UTC");
    format!(
        "{when}  {} {} from {}\n    {}\n    {}\n",
        answer.channel,
        answer.kind,
        line(&answer.sender),
        line(&answer.excerpt),
        answer.file
    )
}
