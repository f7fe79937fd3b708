//! A notice by mail: an effect like any other, written down before it goes, under a key that there is once a day.

use std::cell::Cell;

use reveille_memory::{Key, Memory, NOTICE, NewEffect, NewRun, RunEnd, RunId, RunState, Standing};
use reveille_mission::Channel;
use reveille_skills::channels::{Connection, Frozen};
use reveille_skills::delivery::{self, Brakes, Delivered};

use super::Words;
use crate::brakes::Guard;
use crate::connect::connect;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::fault::Faults;
use crate::lease::Lease;
use crate::observe::Scene;

/// Mails the owner.
pub(super) fn send(scene: &Scene<'_>, lease: &Lease, words: &Words) -> Outcome<String> {
    let failed = |why: String| Failure::message(Kind::Failed, why);
    let owner = scene.settings.owner.first().ok_or_else(|| failed("the settings name no owner".to_owned()))?;
    let connection = connect(scene.settings, scene.home, scene.environment, Channel::Email)?;
    let Connection::Email(server) = &connection else { return Err(failed("mail has no mail server".to_owned())) };
    let mut memory = Memory::open(&scene.home.database(), scene.now).or_fail()?;
    let run = run_of(scene, &mut memory)?;
    let issue = format!("notice:{}", scene.now.format("%Y-%m-%d"));
    let frozen = server.notice(owner, &words.subject, &words.text, scene.now).or_fail()?;
    let key = Key { issue, channel: Channel::Email.to_string(), part: NOTICE.to_owned(), recipient: "owner".to_owned() };
    let new = |frozen: &Frozen| NewEffect { key: key.clone(), text: frozen.text.clone(), token: frozen.token.clone(), run };
    let faults = Faults::of(scene.environment)?;
    let guard = Guard { scene, lease, stopped: &|| false, faults: &faults, begun: Cell::new(0) };
    let may = |memory: &Memory| guard.may_begin(memory, Channel::Email, &[]);
    let (step, now) = (|step| guard.faults.reach(step), || guard.now());
    let brakes = Brakes { may: &may, step: &step, now: &now };
    let standing = delivery::intend(&mut memory, &frozen, new, &brakes).or_fail()?;
    if !matches!(standing, Standing::Intended(_)) {
        return Err(failed("there was one today already".to_owned()));
    }
    let why = match delivery::deliver(&mut memory, &connection, standing, &brakes).or_fail()? {
        Delivered::Confirmed(receipt) => return Ok(format!("taken by the mail server: {}", receipt.text)),
        Delivered::Held { why } | Delivered::Refused { why } | Delivered::Unsure { why } => why,
        Delivered::Failed(fault) => crate::credential::said(scene, Channel::Email, &fault),
    };
    // The next notice is another one: this one does not wait in the ledger.
    if let Some(Standing::Intended(intended)) = memory.effect(&key).or_fail()?.map(Memory::standing) {
        intended.refuse(&mut memory, &why, guard.now()).or_fail()?;
    }
    Err(failed(why))
}

/// The run that failed; where none was begun, a row for this one.
fn run_of(scene: &Scene<'_>, memory: &mut Memory) -> Outcome<RunId> {
    if let Some(run) = memory.last_run().or_fail()? {
        return Ok(run.id);
    }
    let new = NewRun {
        started_at: scene.now,
        slot: None,
        trigger: "notice".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
    };
    let run = memory.begin_run(&new).or_fail()?;
    let end = RunEnd { ended_at: scene.now, state: RunState::Failed, outcome: None, pick: None, error: Some("only a notice".to_owned()) };
    memory.finish_run(run, &end).or_fail()?;
    Ok(run)
}
