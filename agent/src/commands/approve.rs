//! `approve`: the human's word on exactly one content.

use std::process::ExitCode;

use clap::Args;
use reveille_memory::Memory;
use reveille_mission::{AskKind, Case};

use super::{Ready, print};
use crate::deliberate::{Manner, deliberate};
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::observe::Scene;
use crate::stages::Stages;

/// Approve a task that waits for your word, or take back a no
///
/// ITEM is a task's id (`reveille plan --json`), the key that stands in PROGRESS.md, or the start of its text. The approval
/// holds for exactly the content as it is now.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    item: String,
}

impl Approve {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        if self.item.trim().trim_start_matches('#').is_empty() {
            return Err(Failure::message(Kind::Usage, "no task is named").hint("give its id, its key or the start of its text"));
        }
        let now = ready.environment.now();
        let scene = Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now };
        let mut memory = Memory::open(&ready.home.database(), now).or_fail()?;
        let mut stages = Stages::start(ready.settings.wake.limit.duration())?;
        let deliberation = deliberate(&scene, Some(&mut memory), &Manner::default(), &mut stages)?;
        let (_, _, asks) = deliberation.decide(&scene);
        let item = self.item.trim_start_matches('#');
        let case = deliberation.cases.iter().filter(|case| {
            let key = case.task.digest().chars().take(8).collect::<String>();
            case.task.id.as_str() == item || key == item || case.task.text.starts_with(item)
        });
        let cases: Vec<_> = case.collect();
        let ask =
            |id: &reveille_mission::TaskId| asks.iter().find(|ask| ask.unlocks.contains(id) && matches!(ask.kind, AskKind::Approve { .. }));
        let by_key = asks.iter().find(|ask| ask.key == item && matches!(ask.kind, AskKind::Approve { .. }));
        let (digest, what) = match (by_key, cases.as_slice()) {
            (Some(ask), _) => (digest_of(ask), ask.text.clone()),
            (None, [case]) => match ask(&case.task.id) {
                Some(ask) => (digest_of(ask), case.task.text.clone()),
                // The task's own digest: takes a no back, and meets `needs:human`.
                None => (case.task.digest(), case.task.text.clone()),
            },
            (None, []) => {
                return Err(Failure::message(Kind::Usage, format!("no open task `{}`", self.item))
                    .hint("`reveille plan --json` lists them with their ids"));
            }
            (None, several) => {
                let texts: Vec<&str> = several.iter().map(|case| case.task.text.as_str()).collect();
                return Err(
                    Failure::message(Kind::Usage, format!("`{}` could be any of: {}", self.item, texts.join(" | "))).hint("give the id")
                );
            }
        };
        memory.approve(&digest, &what, "reveille approve", now).or_fail()?;
        // Taking a no back takes back what was learned from it.
        let meant = |case: &&Case| {
            by_key.map_or_else(|| cases.iter().any(|one| one.task.id == case.task.id), |ask| ask.unlocks.contains(&case.task.id))
        };
        for case in deliberation.cases.iter().filter(meant) {
            memory.take_back_no(&case.task.text).or_fail()?;
        }
        print(&format!("Approved, for exactly this content: {what}\n"))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn digest_of(ask: &reveille_mission::Ask) -> String {
    match &ask.kind {
        AskKind::Approve { digest } => digest.clone(),
        _ => ask.key.clone(),
    }
}
