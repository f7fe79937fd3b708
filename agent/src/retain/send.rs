//! The author's letter to the silent readers of a stage: a round of mails through the ledger, across as many wakes as it takes.

use reveille_memory::{Memory, RETAIN, RunId};
use reveille_mission::{Channel, Task, silent_days};
use reveille_skills::channels::{Connection, email};
use reveille_skills::delivery::letter::Progress;
use reveille_skills::retain::{released, round_id, under_way};

use super::{people, silence};
use crate::act::{Done, publication};
use crate::brakes::Guard;
use crate::connect::connect;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::letter::{at_site, deliver, held, totals, went};
use crate::numbers::many;
use crate::telling::failed;

/// Writes to the readers of the stage that the task names: to those who are in it now and had no message of it.
pub(crate) fn send(guard: &Guard<'_>, memory: &mut Memory, run: RunId, task: &Task, approvals: &[String]) -> Outcome<Done> {
    let (scene, stage) = (guard.scene, silent_days(&task.text));
    let Connection::Email(server) = connect(scene.settings, scene.home, scene.environment, Channel::Email)? else {
        return Err(Failure::message(Kind::Failed, "mail has no mail server"));
    };
    let letters = reveille_skills::shelf::load(scene.home.root()).or_fail()?.win_backs;
    let draft = released(&letters, stage, scene.now.date_naive()).filter(|draft| approvals.is_empty() || draft.digest == task.content);
    let draft = draft.ok_or_else(|| {
        Failure::message(Kind::Failed, format!("the letter to readers silent for {stage} days was changed since it was decided to send it"))
            .hint("the next wake looks at what it is now")
    })?;
    let everybody = people(scene, memory, false)?;
    let silence = silence(scene, memory, &everybody)?;
    let silence = silence.ok_or_else(|| Failure::message(Kind::Failed, "nobody can tell who is silent"))?;
    let tallies = memory.tallies().or_fail()?;
    let begun = under_way(tallies.iter().filter(|tally| tally.part == RETAIN), stage).map(|round| round.issue.clone());
    let round_of = begun.clone().unwrap_or_else(|| round_id(stage, scene.now));
    let recipients = silence.recipients(&everybody.recipients, stage);
    if recipients.is_empty() && begun.is_none() {
        // There were some when it was decided.
        return Ok(Done::for_nobody());
    }
    let settings = scene.settings.channels.email.as_ref();
    let unsubscribe = settings.and_then(|email| email.unsubscribe.as_deref());
    let letter = email::compose_win_back(scene.home.root(), &publication(scene), draft, &round_of, &server, unsubscribe)
        .map_err(|fault| failed(guard, memory, fault))?;
    let may = if begun.is_some() { guard.may_go_on(memory) } else { guard.may_begin(memory, Channel::Email, approvals) };
    may.map_err(|why| held(&why))?;
    let letter = at_site(scene, memory, letter, &[&draft.path])?;
    let progress = deliver(guard, memory, run, &server, (&round_of, RETAIN), &[(&letter, &recipients)])?;
    come_of(guard, memory, stage, &progress)
}

/// What a round came to, in words; one that reached nobody is a failure with its reason.
fn come_of(guard: &Guard<'_>, memory: &mut Memory, stage: u16, progress: &Progress) -> Outcome<Done> {
    if progress.total() == 0 {
        let why = format!("no mail could be made for the {} readers silent for {stage} days", progress.unfit);
        return Err(Failure::message(Kind::Failed, why).hint("see whether their addresses can stand in a mail"));
    }
    let hurt = went(guard, memory, progress)?;
    let totals = totals(progress);
    let whom = |readers: u64| format!("{} silent for {stage} days", many(readers, "reader"));
    let done = progress.is_done();
    let did = match done {
        true => format!("wrote to {} ({totals})", whom(progress.sent)),
        false => {
            format!("wrote to {}, {} are left for the next wake ({totals})", whom(progress.sent_now), progress.left + progress.put_back)
        }
    };
    let evidence = if done && progress.sent > 0 { vec![format!("taken by the mail server: {totals}")] } else { vec![] };
    Ok(Done { did, evidence, hurt, ..Done::default() })
}
