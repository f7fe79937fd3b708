//! Acting: the one thing that was chosen, through the ledger, proved by what was read back. And finishing what a crash left.

use reveille_memory::{Memory, RunId};
use reveille_mission::{Action, Ask, AskKind, Channel, Edit, Issue, Need, Skill, Stage, Subject, Task};
use reveille_skills::distribute::{self, Filing, Post};
use reveille_skills::publish;

use crate::answers::tick;
use crate::brakes::Guard;
use crate::connect::connect;
use crate::deliberate::Deliberation;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::ledger::{self, Turn, evidence_rows};
use crate::letter;
use crate::measuring;
use crate::numbers::many;
use crate::observe::Scene;
use crate::retain;
use crate::sheet::Sheet;
use crate::telling;
use crate::tellings;
use crate::tried;

/// What was done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Done {
    /// In a sentence.
    pub(crate) did: String,
    /// The proofs.
    pub(crate) evidence: Vec<String>,
    /// The ticks that it earned.
    pub(crate) edits: Vec<Edit>,
    /// What could not be done on the way, and why.
    pub(crate) hurt: Vec<String>,
    /// Something was tried, and nothing came of it.
    pub(crate) failed: bool,
    /// Nothing was tried: nobody is there any more for whom it was decided.
    pub(crate) for_nobody: bool,
}

impl Done {
    /// Nothing was done, and why.
    pub(crate) fn nothing(why: &str) -> Self {
        Self { did: why.to_owned(), ..Self::default() }
    }

    /// Nothing was done, for whoever was to get it has paused, left or chosen otherwise since it was decided.
    pub(crate) fn for_nobody() -> Self {
        Self { for_nobody: true, ..Self::default() }
    }
}

/// Puts back what a human saved into a displaced PROGRESS.md; finishes publications that were cut off, and proves them; looks what
/// became of posts that were let go. What to tell of it.
pub(crate) fn recover(guard: &Guard<'_>, memory: &mut Memory, run: RunId) -> Outcome<Vec<String>> {
    let mut said = crate::record::recover(&guard.scene.home.progress(), guard.scene.environment)?;
    said.extend(recover_pages(guard.scene, memory, run)?);
    telling::give_up_cut_off_mails(guard, memory)?;
    said.extend(telling::look_back(guard, memory)?);
    tried::look::look(guard.scene, memory)?;
    Ok(said)
}

/// What can't be finished or proved now is said, and keeps the rest of the wake from nothing.
fn recover_pages(scene: &Scene<'_>, memory: &mut Memory, run: RunId) -> Outcome<Vec<String>> {
    let publication = publication(scene);
    let mut said = Vec::new();
    match publish::repair(scene.home.root(), &publication).or_fail() {
        Ok(repaired) => repaired.iter().for_each(|issue| tracing::info!(issue = issue.id, "a publication that was cut off is finished")),
        Err(failure) => said.push(format!("a publication that was cut off can't be finished: {}", failure.with_hint())),
    }
    let under_way = ledger::pages_under_way(memory)?;
    if under_way.is_empty() {
        return Ok(said);
    }
    let shelf = reveille_skills::shelf::load(scene.home.root()).or_fail()?.shelf;
    for effect in under_way {
        // One that never began is published when it is chosen again: the same key finds the same row.
        let Some(issue) = shelf.by_id(&effect.issue).filter(|issue| issue.stage == Stage::Published) else { continue };
        match publish::prove(scene.home.root(), &publication, issue, scene.now).or_fail() {
            Ok(proofs) => {
                let sending = ledger::send_page(memory, run, &effect.issue, scene.now)?;
                sending.confirm(memory, &evidence_rows(&proofs), scene.now).or_fail()?;
            }
            Err(failure) => said.push(format!("{} is published, and not proved yet: {}", issue.name(), failure.with_hint())),
        }
    }
    Ok(said)
}

/// Does what was chosen.
pub(crate) fn act(guard: &Guard<'_>, memory: &mut Memory, run: RunId, deliberation: &Deliberation, action: &Action<'_>) -> Outcome<Done> {
    let scene = guard.scene;
    let eligible = action.chosen().eligible();
    let (task, reading) = (eligible.task(), eligible.reading());
    guard.lease.check(memory, guard.now())?;
    crate::commands::not_paused(memory, guard.now())?;
    let subject = || match &reading.subject {
        Subject::One(id) => deliberation.loaded.shelf.by_id(id).cloned(),
        _ => None,
    };
    let approvals = deliberation.approvals(&task.id);
    if !approvals.is_empty() && !crate::deliberate::is_unchanged(scene, task, reading, subject().as_ref()) {
        let failure = Failure::message(Kind::Failed, format!("what “{}” is about was changed after it was approved", task.text));
        return Err(failure.hint("the next wake asks again, for what it is now"));
    }
    let mut done = match (reading.skill, reading.channel, subject()) {
        (Some(Skill::Publish), None | Some(Channel::Web), Some(draft)) => publish_draft(guard, memory, run, &draft)?,
        (Some(Skill::Publish | Skill::Distribute), Some(Channel::Email), Some(issue)) => {
            letter::send(guard, memory, run, &issue, &approvals)?
        }
        (Some(Skill::Publish | Skill::Distribute), Some(channel), Some(issue)) if !channel.person_only() => {
            let turn = deliberation.ledger.turn(task, &issue.id, channel);
            claim(memory, task, &issue, channel, &turn)?;
            let told = telling::tell(guard, memory, run, &issue, channel, &turn, &approvals);
            if told.is_err() {
                telling::remember_refusal(memory, &issue.id, channel, &turn, &task.content, scene.now)?;
            }
            told?
        }
        (Some(Skill::Retain), Some(Channel::Email), _) => retain::send(guard, memory, run, task, &approvals)?,
        (Some(Skill::Measure), _, _) => measure(scene, memory, run, deliberation)?,
        _ => return Err(Failure::message(Kind::Failed, format!("“{}” was chosen, but no skill does it", task.text))),
    };
    // Only what is proved is ticked, and only a line that says just that; counting is never finished.
    if !done.evidence.is_empty() && task.is_order() && reading.skill != Some(Skill::Measure) {
        let evidence = format!("done {}, {}", scene.now.format("%Y-%m-%d %H:%M"), done.evidence.join("; "));
        done.edits.extend(tick(deliberation, &task.id, &evidence));
    }
    Ok(done)
}

fn publish_draft(guard: &Guard<'_>, memory: &mut Memory, run: RunId, draft: &Issue) -> Outcome<Done> {
    let scene = guard.scene;
    let (home, publication) = (scene.home.root(), publication(scene));
    let id = publish::id_for(home, &publication, draft, scene.now).or_fail()?;
    let sending = ledger::send_page(memory, run, &id, scene.now)?;
    let published = match publish::publish(home, &publication, draft, scene.now, &|step| guard.faults.reach(step)) {
        Ok(published) => published,
        Err(error) => {
            // Publishing again writes the same files, so the next wake may look and try again.
            let _ = sending.lose_sight(memory, &error.to_string(), scene.now).or_fail()?;
            return Err(error).or_fail();
        }
    };
    let proofs = publish::prove(home, &publication, &published.issue, scene.now).or_fail()?;
    let evidence: Vec<String> = proofs.iter().map(|proof| format!("{} (sha256 {})", proof.place, short_hash(&proof.sha256))).collect();
    sending.confirm(memory, &evidence_rows(&proofs), scene.now).or_fail()?;
    for warning in &published.warnings {
        tracing::warn!("{warning}");
    }
    let issue = &published.issue;
    Ok(Done { did: format!("published {} “{}”: {}", issue.name(), issue.title, published.url), evidence, ..Done::default() })
}

fn short_hash(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// A line that asks again has its telling from now on.
fn claim(memory: &mut Memory, task: &Task, issue: &Issue, channel: Channel, turn: &Turn) -> Outcome {
    if task.asks_again() { tellings::claim(memory, &task.id, &issue.id, channel, turn.telling) } else { Ok(()) }
}

/// The post for a channel that only a person may use, and its page in the outbox.
fn compose(scene: &Scene<'_>, issue: &Issue, channel: Channel, turn: &Turn) -> Outcome<(String, Post)> {
    let post = telling::compose(scene, issue, channel, turn, None)?;
    Ok((distribute::outbox_path(issue, channel), post))
}

/// Puts a post into the outbox; a page that a human edited stays as it is.
fn file(scene: &Scene<'_>, issue: &Issue, post: &Post) -> Outcome {
    let filed = distribute::write_outbox(scene.home.root(), issue, post).or_fail()?;
    if filed.filing == Filing::EditedByHand {
        tracing::info!(path = %filed.path.display(), "this text was edited by hand and stays as it is");
    }
    Ok(())
}

/// Says, in the asks that wait for a post, where its text is (a wake puts it there) and where its form; nothing is written.
pub(crate) fn show_prepared(scene: &Scene<'_>, deliberation: &Deliberation, asks: &[Ask], sheet: &mut Sheet, woken: bool) {
    for (ask, issue, channel) in by_hand(deliberation, asks) {
        let turn = wanted_by(deliberation, ask).first().map(|task| deliberation.ledger.turn(task, &issue.id, channel)).unwrap_or_default();
        let Some(wanted) = sheet.needs_you.iter_mut().find(|wanted| wanted.key == ask.key) else { continue };
        match compose(scene, issue, channel, &turn) {
            Ok((path, post)) => {
                let ready = if woken || scene.home.root().join(&path).exists() { "is ready" } else { "will be" };
                wanted.ask.push_str(&format!("; the text {ready} in {path}"));
                wanted.form = post.prefilled;
            }
            Err(failure) => wanted.ask.push_str(&format!("; no text could be made: {failure}")),
        }
    }
}

/// Puts, in passing, the texts that only a person may post into the outbox: they are asks, never the wake's pick.
pub(crate) fn prepare_by_hand(
    guard: &Guard<'_>,
    memory: &mut Memory,
    run: RunId,
    deliberation: &Deliberation,
    asks: &[Ask],
) -> Outcome<Vec<String>> {
    let scene = guard.scene;
    let mut said = Vec::new();
    for (ask, issue, channel) in by_hand(deliberation, asks) {
        guard.lease.check(memory, guard.now())?;
        let wanted_by = wanted_by(deliberation, ask);
        let turn = wanted_by.first().map(|task| deliberation.ledger.turn(task, &issue.id, channel)).unwrap_or_default();
        // An issue that no text can be made of is said in its ask; the others go on.
        let Ok((_, post)) = compose(scene, issue, channel, &turn) else { continue };
        // One post answers all lines that ask for it.
        wanted_by.iter().try_for_each(|task| claim(memory, task, issue, channel, &turn))?;
        if let Err(failure) = file(scene, issue, &post) {
            said.push(format!(
                "the text of {} for {} could not be put into the outbox: {}",
                issue.name(),
                channel.title(),
                failure.with_hint()
            ));
            continue;
        }
        ledger::await_human(memory, run, &issue.id, turn.telling, &post, scene.now)?;
    }
    Ok(said)
}

/// The tasks that an ask would unlock; while the issue was never told there, those that ask for the first telling come first.
fn wanted_by<'a>(deliberation: &'a Deliberation, ask: &Ask) -> Vec<&'a Task> {
    let mut tasks: Vec<&Task> = deliberation.cases.iter().map(|case| &case.task).filter(|task| ask.unlocks.contains(&task.id)).collect();
    tasks.sort_by_key(|task| task.asks_again());
    tasks
}

/// The asks that a post's address answers, with what is to be posted where.
fn by_hand<'a>(deliberation: &'a Deliberation, asks: &'a [Ask]) -> Vec<(&'a Ask, &'a Issue, Channel)> {
    let one = |ask: &'a Ask| match &ask.kind {
        AskKind::PostedByHand { need: Need::PostedByHand { channel, issue } } => {
            Some((ask, deliberation.loaded.shelf.by_id(issue)?, *channel))
        }
        _ => None,
    };
    asks.iter().filter_map(one).collect()
}

/// Measures every connected channel and keeps today's counts; the proof is what memory gives back.
fn measure(scene: &Scene<'_>, memory: &mut Memory, run: RunId, deliberation: &Deliberation) -> Outcome<Done> {
    memory.keep_text("measured", &scene.now.to_rfc3339()).or_fail()?;
    let connect = |channel| connect(scene.settings, scene.home, scene.environment, channel);
    let heard = measuring::measure(scene, memory, run, &deliberation.facts, &connect)?;
    let counted = ledger::record_counts(memory, run, &deliberation.facts, scene.now)?;
    let readers = deliberation.readers.as_ref().map_or_else(
        || "no readers, for the list can't be read".to_owned(),
        |readers| format!("{}, {} paying", many(readers.confirmed, "confirmed reader"), readers.paying),
    );
    let here = format!(
        "counted: {readers}, {} ready, {} published",
        many(deliberation.loaded.shelf.ready().count() as u64, "draft"),
        many(deliberation.loaded.shelf.published().count() as u64, "issue"),
    );
    let did = if heard.learned.is_empty() { here } else { format!("measured {}; {here}", heard.learned.join("; ")) };
    Ok(Done {
        did: did.clone(),
        evidence: vec![format!("{did} ({counted} facts read back from memory)")],
        hurt: heard.notes,
        ..Done::default()
    })
}

/// The publication as the skills know it.
pub(crate) fn publication(scene: &Scene<'_>) -> reveille_skills::settings::Publication {
    let settings = scene.settings;
    reveille_skills::settings::Publication {
        name: settings.name.clone(),
        url: settings.url.clone(),
        owner: settings.owner.first().cloned().unwrap_or_default(),
        language: settings.language.clone(),
        description: settings.description.clone(),
        served: settings.served,
        readers_side: settings.site.is_some(),
    }
}
