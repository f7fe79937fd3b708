//! Tellings: an issue may be told on a channel more than once, and in several pieces. How that stands by the parts of the
//! ledger, and which line of PROGRESS.md wanted which telling.
//!
//! Must stay true: an open line that asks again gets one telling more, and one only. Before its effect is written down, the
//! telling is claimed for the line; a line whose telling is proved is done, whatever crashed before it was ticked; what is
//! claimed for one line is no other's. A telling is told when all its pieces are settled and the first is proved: all pieces are
//! written down before the first is let go.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use chrono::{DateTime, Utc};
use reveille_memory::{Effect, EffectState, EvidenceRow, Memory};
use reveille_mission::{Channel, ItemState, Progress, TaskId, folded};
use reveille_skills::offer::Told;
use serde::{Deserialize, Serialize};

use crate::failure::{OrFail, Outcome};

/// Why the ledger gave up a piece that the author took out of a thread: it is no refusal.
pub(crate) const LEFT_OUT: &str = "the author took this piece out";

/// Under which key memory keeps the claims.
const CLAIMS: &str = "tellings";

/// A part of an issue on a channel: `post`, then `again1`, `again2`; the further pieces of a thread are `post/1`, `again1/2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    /// Which telling, from 0.
    pub(crate) telling: usize,
    /// Which piece of it, from 0.
    pub(crate) piece: usize,
}

impl Part {
    /// The first piece of a telling.
    pub(crate) fn first(telling: usize) -> Self {
        Self { telling, piece: 0 }
    }

    /// From the ledger's word; nothing for a page or a mail.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let (telling, piece) = word.split_once('/').map_or((word, Some(0)), |(telling, piece)| (telling, piece.parse().ok()));
        let telling = if telling == "post" { Some(0) } else { telling.strip_prefix("again").and_then(|number| number.parse().ok()) };
        // Only the word that is written for it means it: no `again01`, no `post/0`.
        Some(Self { telling: telling?, piece: piece? }).filter(|part| part.to_string() == word)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.telling {
            0 => f.write_str("post")?,
            number => write!(f, "again{number}")?,
        }
        if self.piece > 0 { write!(f, "/{}", self.piece) } else { Ok(()) }
    }
}

/// One telling, as far as it came.
#[derive(Debug, Default)]
struct Telling {
    states: Vec<EffectState>,
    /// The proof of its first piece.
    proof: Option<String>,
    /// When a piece went out last, or may have.
    out_at: Option<DateTime<Utc>>,
    /// The words of the pieces that went out, or may have.
    texts: Vec<String>,
    /// The channel wants it later, from then on.
    not_before: Option<DateTime<Utc>>,
    /// The last error.
    why: Option<String>,
}

impl Telling {
    /// Nothing will happen to it any more.
    fn is_settled(&self) -> bool {
        self.states.iter().all(|state| matches!(state, EffectState::Confirmed | EffectState::Refused))
    }

    /// All of it is out.
    fn is_told(&self) -> bool {
        self.proof.is_some() && self.states.iter().all(|state| *state == EffectState::Confirmed)
    }

    /// It was refused for good, or a piece of it.
    fn is_spent(&self) -> bool {
        self.is_settled() && !self.is_told()
    }

    fn awaits_human(&self) -> bool {
        self.states.contains(&EffectState::AwaitingHuman)
    }
}

/// All tellings of one issue on one channel, by their number.
#[derive(Debug, Default)]
pub(crate) struct Tellings(BTreeMap<usize, Telling>);

impl Tellings {
    /// Takes in an effect with the proofs of it.
    pub(crate) fn add(&mut self, part: Part, effect: &Effect, proofs: &[EvidenceRow]) {
        if effect.state == EffectState::Refused && effect.error.as_deref() == Some(LEFT_OUT) {
            return;
        }
        let telling = self.0.entry(part.telling).or_default();
        telling.not_before = telling.not_before.max(effect.not_before.filter(|_| effect.state == EffectState::Intended));
        telling.why = effect.error.clone().or(telling.why.take());
        telling.states.push(effect.state);
        if part.piece == 0 && effect.state == EffectState::Confirmed {
            telling.proof = Some(proofs.first().map(|row| row.place.clone()).unwrap_or_default());
        }
        if matches!(effect.state, EffectState::Confirmed | EffectState::Sending | EffectState::Unknown) {
            // What a person posted was never let go by us: their word has the time.
            let at = effect.sending_at.or(proofs.first().map(|row| row.fetched_at)).unwrap_or(effect.intended_at);
            telling.out_at = telling.out_at.max(Some(at));
            telling.texts.extend(said(&effect.text));
        }
    }

    /// Where telling it stands.
    pub(crate) fn told(&self) -> Told {
        let prepared = self.0.values().any(Telling::awaits_human);
        let told = || self.0.values().filter(|telling| telling.is_told());
        match told().next_back().and_then(|last| last.proof.clone()) {
            Some(proof) => Told::Done {
                proof,
                tellings: told().count(),
                last_at: self.0.values().filter_map(|telling| telling.out_at).max().unwrap_or(DateTime::<Utc>::MAX_UTC),
                prepared,
            },
            None if prepared => Told::Prepared,
            None => Told::NotYet,
        }
    }

    /// The proof of one telling, if it is told.
    pub(crate) fn proof(&self, telling: usize) -> Option<&str> {
        self.0.get(&telling).filter(|telling| telling.is_told()).and_then(|telling| telling.proof.as_deref())
    }

    /// The first telling that is not settled and not claimed: the next one.
    pub(crate) fn next(&self, claimed: &HashSet<usize>) -> usize {
        let settled = |number: &usize| self.0.get(number).is_some_and(Telling::is_settled);
        (0..).find(|number| !settled(number) && !claimed.contains(number)).unwrap_or(usize::MAX)
    }

    /// The first telling that was not refused for good: words that were changed since get a new one.
    pub(crate) fn first_open(&self) -> usize {
        let spent = |number: &usize| self.0.get(number).is_some_and(Telling::is_spent);
        (0..).find(|number| !spent(number)).unwrap_or(usize::MAX)
    }

    /// Until when the channel wants no try of any telling, and why.
    pub(crate) fn not_before(&self) -> Option<(DateTime<Utc>, String)> {
        let waiting = self.0.values().filter_map(|telling| Some((telling.not_before?, telling.why.clone().unwrap_or_default())));
        waiting.max_by_key(|(until, _)| *until)
    }

    /// How many tellings but this one went out, or may have.
    pub(crate) fn out_but(&self, telling: usize) -> usize {
        self.0.iter().filter(|(number, other)| **number != telling && other.out_at.is_some()).count()
    }

    /// What went out, or may have, in all tellings but this one.
    pub(crate) fn texts_but(&self, telling: usize) -> Vec<String> {
        self.0.iter().filter(|(number, _)| **number != telling).flat_map(|(_, telling)| telling.texts.clone()).collect()
    }
}

/// The words in the frozen bytes of an effect: the bytes themselves, or the `status` or `text` of the JSON that they are.
fn said(frozen: &[u8]) -> Vec<String> {
    fn walk(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                let words = |name: &&str| fields.get(*name).and_then(|words| words.as_str()).map(str::to_owned);
                found.extend(["status", "text"].iter().filter_map(words));
                fields.values().for_each(|inner| walk(inner, found));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|inner| walk(inner, found)),
            _ => {}
        }
    }
    let mut found = vec![];
    match serde_json::from_slice::<serde_json::Value>(frozen) {
        Ok(value @ serde_json::Value::Object(_)) => walk(&value, &mut found),
        _ => found.push(String::from_utf8_lossy(frozen).into_owned()),
    }
    found
}

/// That a telling is a line's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// The line.
    pub(crate) task: String,
    /// The issue's stable id.
    pub(crate) issue: String,
    /// Where it is told.
    pub(crate) channel: Channel,
    /// Which telling.
    pub(crate) telling: usize,
}

impl Claim {
    /// Whether it is for telling this issue there.
    pub(crate) fn is_of(&self, issue: &str, channel: Channel) -> bool {
        self.issue == issue && self.channel == channel
    }
}

/// All claims.
pub(crate) fn claims(memory: &Memory) -> Outcome<Vec<Claim>> {
    Ok(memory.text(CLAIMS).or_fail()?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Claims a telling for a line, before its effect is written down; the first claim of a line stays.
pub(crate) fn claim(memory: &mut Memory, task: &TaskId, issue: &str, channel: Channel, telling: usize) -> Outcome {
    let mut all = claims(memory)?;
    if all.iter().any(|claim| claim.task == task.as_str() && claim.is_of(issue, channel)) {
        return Ok(());
    }
    all.push(Claim { task: task.to_string(), issue: issue.to_owned(), channel, telling });
    keep(memory, &all)
}

fn keep(memory: &mut Memory, claims: &[Claim]) -> Outcome {
    memory.keep_text(CLAIMS, &serde_json::Value::from_iter(claims.iter().map(|claim| serde_json::json!(claim))).to_string()).or_fail()
}

/// Forgets the claims of lines that are not open in what PROGRESS.md says now: the same words, written anew, ask anew.
/// `identities` are the ids of its lines with the words that they go by.
pub(crate) fn forget(memory: &mut Memory, identities: &[(TaskId, String)], progress: &[u8]) -> Outcome {
    let all = claims(memory)?;
    // A file that can't be read as a list tells nothing of its lines.
    let Ok(progress) = Progress::parse(progress.to_vec()) else { return Ok(()) };
    let open: HashSet<String> =
        progress.items.iter().filter(|item| item.state == ItemState::Open).map(|item| folded(item.text())).collect();
    let is_open = |claim: &&Claim| identities.iter().any(|(id, words)| id.as_str() == claim.task && open.contains(words));
    let kept: Vec<Claim> = all.iter().filter(is_open).cloned().collect();
    if kept.len() == all.len() { Ok(()) } else { keep(memory, &kept) }
}

#[cfg(test)]
mod tests;
