//! What the ledger, the approvals and the caps say, read once before a decision; and the decision written back.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{
    AskRow, CandidateRow, Effect, EffectState, EvidenceRow, FactRow, Key, Memory, NewEffect, RETAIN, RunId, Sending, Standing, Tally,
};
use reveille_mission::{Channel, FactKey, FactValue, Facts, Skill, Task};
use reveille_skills::delivery::letter;
use reveille_skills::distribute::Post;
use reveille_skills::offer::Told;
use reveille_skills::publish::{Evidence, EvidenceKind};

use crate::deliberate::Deliberation;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::sheet::{Candidate, Sheet};
use crate::tellings::{self, Claim, Part, Tellings};
use crate::tried::Tried;

/// The part of an issue that its page is. A public post has a [`Part`], mail one part a subscriber.
pub(crate) const PAGE: &str = "page";

/// What has gone out, and what the human said.
#[derive(Default)]
pub(crate) struct Ledger {
    tellings: HashMap<(String, Channel), Tellings>,
    /// The mails of each issue, counted.
    letters: HashMap<String, Tally>,
    /// What a channel refused for good: the digest of the content, and why.
    refused: HashMap<(String, Channel), (String, String)>,
    claims: Vec<Claim>,
    /// Pages that were let go, and the proof of those that are public.
    pages: HashMap<String, Option<String>>,
    approved: HashSet<String>,
    turned_down: HashMap<String, DateTime<Utc>>,
    today: BTreeMap<Channel, u64>,
    /// When the local counts were last asked for.
    pub(crate) measured: Option<DateTime<Utc>>,
    /// What failed lately.
    pub(crate) tried: Tried,
}

impl Ledger {
    /// Reads it; a home without memory has an empty one.
    pub(crate) fn read(memory: Option<&Memory>, now: DateTime<Utc>) -> Outcome<Self> {
        let mut ledger = Self::default();
        let Some(memory) = memory else { return Ok(ledger) };
        for effect in memory.effects().or_fail()? {
            let Ok(channel) = effect.channel.parse::<Channel>() else { continue };
            let proofs = match effect.state {
                EffectState::Confirmed => memory.evidence(effect.id).or_fail()?,
                _ => vec![],
            };
            match Part::of(&effect.part) {
                Some(part) => ledger.tellings.entry((effect.issue.clone(), channel)).or_default().add(part, &effect, &proofs),
                None if effect.part == PAGE && effect.state == EffectState::Confirmed => {
                    let place = proofs.into_iter().map(|row| row.place).next().unwrap_or_default();
                    ledger.pages.insert(effect.issue.clone(), Some(place));
                }
                None if effect.part == PAGE && matches!(effect.state, EffectState::Sending | EffectState::Unknown) => {
                    ledger.pages.insert(effect.issue, None);
                }
                None => {}
            }
        }
        ledger.letters = memory.tallies().or_fail()?.into_iter().map(|tally| (tally.issue.clone(), tally)).collect();
        for (issue, channel) in ledger.tellings.keys() {
            let kept = memory.text(&refused_key(issue, *channel)).or_fail()?.unwrap_or_default();
            if let Some((content, why)) = kept.split_once('\n') {
                ledger.refused.insert((issue.clone(), *channel), (content.to_owned(), why.to_owned()));
            }
        }
        ledger.claims = tellings::claims(memory)?;
        ledger.tried = Tried::read(memory)?;
        for approval in memory.approvals().or_fail()? {
            match approval.granted {
                true => ledger.approved.insert(approval.digest),
                false => ledger.turned_down.insert(approval.digest, approval.at).is_none(),
            };
        }
        ledger.measured = memory.text("measured").or_fail()?.and_then(|at| at.parse().ok());
        for channel in Channel::ALL {
            ledger.today.insert(channel, memory.sent_since(&channel.to_string(), now - TimeDelta::hours(24), now).or_fail()?);
        }
        Ok(ledger)
    }

    /// Where telling an issue on a channel stands.
    pub(crate) fn told(&self, issue: &str, channel: Channel) -> Told {
        if channel == Channel::Email
            && let Some(letter) = self.letters.get(issue)
        {
            return letter_told(letter);
        }
        self.tellings.get(&(issue.to_owned(), channel)).map_or(Told::NotYet, Tellings::told)
    }

    /// Until when telling an issue there has to wait, as the channel said, and why.
    pub(crate) fn not_before(&self, issue: &str, channel: Channel) -> Option<(DateTime<Utc>, String)> {
        if channel == Channel::Email {
            let until = self.letters.get(issue)?.next_try?;
            return Some((until, "the mail server wants what is left later".to_owned()));
        }
        self.tellings.get(&(issue.to_owned(), channel))?.not_before()
    }

    /// The mails of an issue, counted.
    pub(crate) fn letter(&self, issue: &str) -> Option<&Tally> {
        self.letters.get(issue)
    }

    /// The rounds of messages to silent readers, counted.
    pub(crate) fn rounds(&self) -> impl Iterator<Item = &Tally> {
        self.letters.values().filter(|tally| tally.part == RETAIN)
    }

    /// Why a channel refused for good what has this digest, if it did.
    pub(crate) fn refused(&self, issue: &str, channel: Channel, content: &str) -> Option<&str> {
        let (refused, why) = self.refused.get(&(issue.to_owned(), channel))?;
        (refused == content).then_some(why)
    }

    /// The telling that a line has claimed already, and its proof once it is told.
    pub(crate) fn own(&self, task: &Task, issue: &str, channel: Channel) -> Option<(usize, Option<String>)> {
        let claim = self.claims.iter().find(|claim| claim.task == task.id.as_str() && claim.is_of(issue, channel))?;
        let tellings = self.tellings.get(&(issue.to_owned(), channel));
        Some((claim.telling, tellings.and_then(|tellings| tellings.proof(claim.telling)).map(str::to_owned)))
    }

    /// Which telling, from 0, a task gets there: the first, or where it asks again the one that it has claimed, else the next. And
    /// the words that must not be told again.
    pub(crate) fn turn(&self, task: &Task, issue: &str, channel: Channel) -> Turn {
        let tellings = self.tellings.get(&(issue.to_owned(), channel));
        let telling = match self.own(task, issue, channel) {
            _ if !task.asks_again() => tellings.map_or(0, Tellings::first_open),
            Some((telling, _)) => telling,
            None => {
                let claimed = self.claims.iter().filter(|claim| claim.is_of(issue, channel)).map(|claim| claim.telling).collect();
                tellings.map_or(0, |tellings| tellings.next(&claimed))
            }
        };
        Turn {
            telling,
            before: tellings.map_or(0, |tellings| tellings.out_but(telling)),
            earlier: tellings.map(|tellings| tellings.texts_but(telling)).unwrap_or_default(),
        }
    }

    /// The proof that an issue's page is public.
    pub(crate) fn published(&self, issue: &str) -> Option<String> {
        self.pages.get(issue).cloned().flatten()
    }

    /// Whether an issue's page was let go, and nobody has seen it yet.
    pub(crate) fn is_unproved(&self, issue: &str) -> bool {
        matches!(self.pages.get(issue), Some(None))
    }

    /// Whether the human approved the content with this digest.
    pub(crate) fn approved(&self, digest: &str) -> bool {
        self.approved.contains(digest)
    }

    /// When the human turned down what has this digest.
    pub(crate) fn turned_down(&self, digest: &str) -> Option<DateTime<Utc>> {
        self.turned_down.get(digest).copied()
    }

    /// Effects of the last 24 hours.
    pub(crate) fn effects_today(&self) -> u64 {
        self.today.values().sum()
    }

    /// Effects of the last 24 hours on one channel.
    pub(crate) fn effects_today_on(&self, channel: Channel) -> u64 {
        self.today.get(&channel).copied().unwrap_or(0)
    }
}

/// Whose turn it is: which telling of an issue on a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Its number, from 0.
    pub(crate) telling: usize,
    /// How many tellings went out there before, or may have.
    pub(crate) before: usize,
    /// Their texts.
    pub(crate) earlier: Vec<String>,
}

/// A letter is told once every mail is settled as far as the program can settle it.
fn letter_told(letter: &Tally) -> Told {
    if letter.intended + letter.sending > 0 {
        return Told::UnderWay;
    }
    if letter.confirmed == 0 {
        return Told::NotYet;
    }
    let unknown = if letter.unknown > 0 { format!(", {} unknown", letter.unknown) } else { String::new() };
    let proof = format!("taken by the mail server: {} of {}{unknown}", letter.confirmed, letter.total());
    Told::Done { proof, tellings: 1, last_at: DateTime::<Utc>::MIN_UTC, prepared: false }
}

fn refused_key(issue: &str, channel: Channel) -> String {
    format!("refused words {channel} {issue}")
}

/// Remembers that a channel refused for good what has this digest: the same is not tried again.
pub(crate) fn keep_refused(memory: &mut Memory, issue: &str, channel: Channel, content: &str, why: &str) -> Outcome {
    let line: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    memory.keep_text(&refused_key(issue, channel), &format!("{content}\n{line}")).or_fail()
}

/// The channel on which a task tells an issue, if telling is what it does.
pub(crate) fn told_key(skill: Option<Skill>, channel: Option<Channel>) -> Option<Channel> {
    match skill {
        Some(Skill::Publish | Skill::Distribute) => channel.filter(|channel| *channel != Channel::Web),
        _ => None,
    }
}

/// Writes a publication down and lets it go: after this it may be done.
pub(crate) fn send_page(memory: &mut Memory, run: RunId, issue: &str, now: DateTime<Utc>) -> Outcome<Sending> {
    let new = NewEffect { key: key(issue, Channel::Web, PAGE), text: issue.as_bytes().to_vec(), token: issue.to_owned(), run };
    match memory.intend(&new, now).or_fail()? {
        Standing::Intended(effect) => Ok(effect.send(memory, now).or_fail()?),
        // Publishing again writes the same files: it is safe after a crash.
        Standing::Sending(effect) => Ok(effect),
        Standing::Unknown(effect) => Ok(effect.send_again(memory, now).or_fail()?),
        Standing::Awaiting(_) | Standing::Settled(_) => Err(Failure::message(Kind::Failed, format!("{issue} was published before"))
            .hint("`reveille why` shows the run; give the draft another id")),
    }
}

/// Publications that were let go but not proved: a crash came in between.
pub(crate) fn pages_under_way(memory: &Memory) -> Outcome<Vec<Effect>> {
    let mut effects = memory.effects_in(EffectState::Sending).or_fail()?;
    effects.extend(memory.effects_in(EffectState::Unknown).or_fail()?);
    effects.extend(memory.effects_in(EffectState::Intended).or_fail()?);
    effects.retain(|effect| effect.part == PAGE);
    Ok(effects)
}

/// Writes down that a person is to post this text. The first text stays: it is what the human was shown.
pub(crate) fn await_human(memory: &mut Memory, run: RunId, issue: &str, telling: usize, post: &Post, now: DateTime<Utc>) -> Outcome {
    let part = Part::first(telling).to_string();
    let new = NewEffect { key: key(issue, post.channel, &part), text: post.text.as_bytes().to_vec(), token: post.digest(), run };
    if let Standing::Intended(effect) = memory.intend(&new, now).or_fail()? {
        let _ = effect.await_human(memory, now).or_fail()?;
    }
    Ok(())
}

/// What the human was asked about an issue on a channel, or only they can tell: what they are to post, or what may have
/// gone out. Mails and pages are not among them.
pub(crate) fn asked_of_human(memory: &Memory, issue: &str, channel: Channel) -> Outcome<Option<Standing>> {
    let mut effects = memory.effects_in(EffectState::AwaitingHuman).or_fail()?;
    effects.extend(memory.effects_in(EffectState::Unknown).or_fail()?);
    let meant = |effect: &Effect| {
        effect.issue == issue && effect.channel == channel.to_string() && effect.part != PAGE && effect.recipient.is_empty()
    };
    let latest =
        effects.into_iter().filter(meant).filter_map(|effect| Some((Part::of(&effect.part)?, effect))).max_by_key(|(part, _)| *part);
    Ok(latest.map(|(_, effect)| Memory::standing(effect)))
}

/// The human says where the post is; whether they were asked for it.
pub(crate) fn confirm_by_hand(memory: &mut Memory, issue: &str, channel: Channel, address: &str, now: DateTime<Utc>) -> Outcome<bool> {
    let row = by_word(address, now);
    match asked_of_human(memory, issue, channel)? {
        Some(Standing::Awaiting(effect)) => effect.confirm(memory, &[row], now).or_fail()?,
        Some(Standing::Unknown(effect)) => effect.confirm(memory, &[row], now).or_fail()?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// The human says that what may have gone out is not there; whether it was asked.
pub(crate) fn deny_by_hand(memory: &mut Memory, issue: &str, channel: Channel, now: DateTime<Utc>) -> Outcome<bool> {
    let Some(Standing::Unknown(effect)) = asked_of_human(memory, issue, channel)? else { return Ok(false) };
    effect.put_back_by_hand(memory, &by_word("reveille posted --not", now), now).or_fail()?;
    Ok(true)
}

/// The human says of all mails of a letter that may have gone out whether they have arrived; how many those were. No wake may be
/// running: what is on its way then is on its way.
pub(crate) fn settle_mails(memory: &mut Memory, issue: &str, arrived: bool, now: DateTime<Utc>) -> Outcome<usize> {
    let mut settled = 0;
    for state in [EffectState::Sending, EffectState::Unknown] {
        let part = if reveille_memory::stage_of(issue).is_some() { RETAIN } else { letter::PART };
        for mail in memory.mails(issue, part, state, now, u32::MAX).or_fail()? {
            let unknown = match Memory::standing(mail) {
                Standing::Sending(sending) => sending.lose_sight(memory, "the program ended while it was sent", now).or_fail()?,
                Standing::Unknown(unknown) => unknown,
                _ => continue,
            };
            match arrived {
                true => unknown.confirm(memory, &[by_word("reveille posted --there", now)], now).or_fail()?,
                false => unknown.put_back_by_hand(memory, &by_word("reveille posted --not", now), now).or_fail()?,
            }
            settled += 1;
        }
    }
    Ok(settled)
}

/// The human's word, as a row of evidence.
fn by_word(place: &str, now: DateTime<Utc>) -> EvidenceRow {
    EvidenceRow { kind: "human".to_owned(), place: place.to_owned(), sha256: None, text: None, fetched_at: now }
}

/// What waits for a person to post it.
pub(crate) fn awaiting(memory: &Memory) -> Outcome<Vec<Effect>> {
    memory.effects_in(EffectState::AwaitingHuman).or_fail()
}

/// The key of a part of an issue on a channel.
pub(crate) fn key(issue: &str, channel: Channel, part: &str) -> Key {
    Key { issue: issue.to_owned(), channel: channel.to_string(), part: part.to_owned(), recipient: String::new() }
}

/// A proof of the skills as a row of evidence.
pub(crate) fn evidence_rows(proofs: &[Evidence]) -> Vec<EvidenceRow> {
    let kind = |kind| match kind {
        EvidenceKind::Page => "page",
        EvidenceKind::Feed => "feed",
    };
    let row = |proof: &Evidence| EvidenceRow {
        kind: kind(proof.kind).to_owned(),
        place: proof.place.clone(),
        sha256: Some(proof.sha256.clone()),
        text: None,
        fetched_at: proof.fetched_at,
    };
    proofs.iter().map(row).collect()
}

/// Whether a fact is kept by measuring a channel, not by every wake: what a wake remembers of it is older than what it measures.
fn is_of_channel(key: FactKey) -> bool {
    matches!(key, FactKey::Followers(_) | FactKey::Posts(_) | FactKey::Engagements(_))
}

/// Keeps today's counts and reads them back; how many there are.
pub(crate) fn record_counts(memory: &mut Memory, run: RunId, facts: &Facts, now: DateTime<Utc>) -> Outcome<usize> {
    let rows: Vec<FactRow> = facts
        .iter()
        .filter(|(key, _)| !is_of_channel(*key))
        .filter_map(|(key, fact)| match fact.value {
            FactValue::Count(count) => Some(FactRow {
                key: key.to_string(),
                value_json: count.to_string(),
                source: fact.source.clone(),
                measured_at: fact.measured_at.unwrap_or(now),
            }),
            FactValue::Bool(_) => None,
        })
        .collect();
    memory.record_facts(&rows, run).or_fail()?;
    let kept = memory.latest_facts().or_fail()?;
    let found = rows.iter().filter(|row| kept.iter().any(|other| other.key == row.key && other.value_json == row.value_json)).count();
    if found == rows.len() { Ok(found) } else { Err(Failure::message(Kind::Failed, "memory gave back other counts than were written")) }
}

/// Keeps what was decided and done: the sheet, the counts, the names of the lines.
pub(crate) fn record_decision(
    memory: &mut Memory,
    run: RunId,
    sheet: &Sheet,
    deliberation: &Deliberation,
    did: &str,
    now: DateTime<Utc>,
) -> Outcome {
    let candidates = sheet.candidates.iter().map(candidate_row).collect();
    let asks = sheet
        .needs_you
        .iter()
        .map(|wanted| AskRow { ask: wanted.ask.clone(), unlocks: wanted.unlocks.clone(), reach: wanted.reach })
        .collect();
    memory.record_sheet(run, &reveille_memory::Sheet { candidates, asks }, did).or_fail()?;
    record_counts(memory, run, &deliberation.facts, now)?;
    let names: Vec<(String, String)> = deliberation.identities.iter().map(|(id, words)| (id.to_string(), words.clone())).collect();
    memory.remember_tasks(&names, now).or_fail()
}

fn candidate_row(candidate: &Candidate) -> CandidateRow {
    let refusal = candidate.refusal.as_ref();
    CandidateRow {
        task_id: candidate.id.clone(),
        text: candidate.text.clone(),
        source: candidate.source.clone(),
        line: candidate.line.and_then(|line| u32::try_from(line).ok()),
        who: candidate.r#for.clone(),
        skill: candidate.skill.clone(),
        channel: candidate.channel.clone(),
        read_by: candidate.read_by.clone(),
        confidence: candidate.confidence,
        p: candidate.shares,
        refusal_kind: refusal.map(|refusal| refusal.kind.clone()),
        why: refusal.map(|refusal| refusal.why.clone()),
        unblock: refusal.and_then(|refusal| refusal.unblock.clone()),
        audience_count: candidate.audience.as_ref().map(|audience| audience.count),
        audience_source: candidate.audience.as_ref().map(|audience| audience.source.clone()),
        reach: candidate.reach,
        fit: candidate.fit,
        value: candidate.value,
        parts: serde_json::to_value(&candidate.parts).unwrap_or(serde_json::Value::Null),
    }
}
