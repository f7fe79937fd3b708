//! What the human answered in the agent's block, carried out: approvals, refusals, addresses of posts, things done by hand.
//! An answer counts only for an ask that is still there, under its key: an old or invented key does nothing.

use reveille_memory::Memory;
use reveille_mission::{Answer, Ask, AskKind, Channel, Edit, Need, Progress, Said, TaskId};
use reveille_skills::distribute::belongs;

use crate::deliberate::Deliberation;
use crate::failure::{OrFail, Outcome};
use crate::ledger;
use crate::observe::Scene;
use crate::tried;

/// What came of the answers.
#[derive(Default)]
pub(crate) struct Heard {
    /// Ticks that the answers lead to.
    pub(crate) edits: Vec<Edit>,
    /// What to tell the human about them.
    pub(crate) said: Vec<String>,
    /// Whether anything changed that a decision depends on.
    pub(crate) changed: bool,
}

/// Carries out the answers to `asks`.
pub(crate) fn hear(scene: &Scene<'_>, memory: &mut Memory, deliberation: &Deliberation, asks: &[Ask]) -> Outcome<Heard> {
    let mut heard = Heard::default();
    for answer in &deliberation.loaded.progress.answers {
        match asks.iter().find(|ask| ask.key == answer.key) {
            Some(ask) => one(scene, memory, deliberation, ask, answer, &mut heard)?,
            // The line may be gone or ticked by now; where the post is counts all the same.
            None => late_address(scene, memory, answer, &mut heard)?,
        }
    }
    for ask in asks {
        if let AskKind::PostedByHand { need: Need::PostedByHand { channel, issue } } = &ask.kind {
            memory.keep_text(&format!("ask {}", ask.key), &format!("{channel} {issue}")).or_fail()?;
        }
    }
    Ok(heard)
}

fn one(scene: &Scene<'_>, memory: &mut Memory, deliberation: &Deliberation, ask: &Ask, answer: &Answer, heard: &mut Heard) -> Outcome {
    let agreed = answer.agrees();
    match (&ask.kind, &answer.said) {
        (_, Said::No) => {
            for id in &ask.unlocks {
                if let Some(case) = deliberation.cases.iter().find(|case| case.task.id == *id) {
                    memory.turn_down(&case.task.digest(), &case.task.text, "PROGRESS.md", scene.now).or_fail()?;
                    heard.changed = true;
                }
            }
        }
        (AskKind::Approve { digest }, _) if agreed => {
            memory.approve(digest, &ask.text, "PROGRESS.md", scene.now).or_fail()?;
            heard.changed = true;
        }
        (AskKind::PostedByHand { need }, Said::Address(address)) => {
            let Need::PostedByHand { channel, issue } = need else { return Ok(()) };
            if !posted(scene, memory, *channel, issue, address, heard)? {
                return Ok(());
            }
            let evidence = evidence(scene, address);
            heard.edits.extend(ask.unlocks.iter().filter_map(|id| tick(deliberation, id, &evidence)));
            heard.changed = true;
        }
        (AskKind::PostedByHand { .. }, _) if agreed => {
            heard.said.push(format!("“{}”: write the address of the post behind the `#key`; then it is measured and ticked", ask.text));
        }
        (AskKind::TryAgain, _) if agreed => {
            ask.unlocks.iter().try_for_each(|id| tried::again(memory, id.as_str(), scene.now))?;
            heard.changed = true;
        }
        (AskKind::DoYourself, _) if agreed => {
            let evidence = format!("done by you, {}", scene.now.format("%Y-%m-%d"));
            heard.edits.extend(ask.unlocks.iter().filter_map(|id| tick(deliberation, id, &evidence)));
            heard.changed = true;
        }
        (_, Said::Other(words)) => {
            heard.said.push(format!("line {}: “{words}” is no answer that I know (yes, no, or an address)", answer.line));
        }
        _ => {}
    }
    Ok(())
}

/// The address of a post whose ask is no longer there, by the key under which it was asked.
fn late_address(scene: &Scene<'_>, memory: &mut Memory, answer: &Answer, heard: &mut Heard) -> Outcome {
    let Said::Address(address) = &answer.said else { return Ok(()) };
    let Some(asked) = memory.text(&format!("ask {}", answer.key)).or_fail()? else { return Ok(()) };
    if let Some((channel, issue)) = asked.split_once(' ')
        && let Ok(channel) = channel.parse()
    {
        let there = posted(scene, memory, channel, issue, address, heard)?;
        heard.changed |= there;
    }
    Ok(())
}

fn evidence(scene: &Scene<'_>, address: &str) -> String {
    format!("done {}, {address} (your word)", scene.now.format("%Y-%m-%d %H:%M"))
}

/// The human's word that the prepared text stands at this address; whether it can stand there. One that does not belong to the
/// channel is said in the notes, and nothing is confirmed.
fn posted(scene: &Scene<'_>, memory: &mut Memory, channel: Channel, issue: &str, address: &str, heard: &mut Heard) -> Outcome<bool> {
    match belongs(channel, address, scene.settings.server(channel)) {
        Ok(url) => {
            ledger::confirm_by_hand(memory, issue, channel, url.as_str(), scene.now)?;
            Ok(true)
        }
        Err(error) => {
            let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
            heard.said.push(format!("“{address}” confirms nothing: {error}{hint}"));
            Ok(false)
        }
    }
}

/// The tick of an open item; a proposal has no line to tick.
pub(crate) fn tick(deliberation: &Deliberation, id: &TaskId, evidence: &str) -> Option<Edit> {
    let at = deliberation.identities.iter().position(|(known, _)| known == id)?;
    let progress: &Progress = &deliberation.loaded.progress;
    let text = progress.items.get(at)?.text();
    let words = &deliberation.identities[at].1;
    let nth = deliberation.identities[..at].iter().filter(|(_, other)| other == words).count();
    Some(Edit::Tick { text: text.to_owned(), nth, evidence: evidence.to_owned() })
}
