//! Doing the best task, and the next best where that one fails.

use reveille_memory::{Memory, RunId};
use reveille_mission::{Ask, Decision};

use crate::act::{self, Done};
use crate::brakes::Guard;
use crate::deliberate::Deliberation;
use crate::failure::{Kind, Outcome};
use crate::fault::Moment;
use crate::sheet::markdown;
use crate::sheet::{self, Sheet};
use crate::stages::Stages;
use crate::tried;

/// How many tasks may fail in one wake before it gives up.
const FAILURES: usize = 3;

/// Does the best task; one that fails is said and set aside, and the next best has its turn.
pub(super) fn act_or_next(
    guard: &Guard<'_>,
    memory: &mut Memory,
    run: RunId,
    deliberation: &mut Deliberation,
    stages: &mut Stages,
    said: &mut Vec<String>,
) -> Outcome<(Sheet, Done, Vec<Ask>)> {
    let scene = guard.scene;
    let mut failed = false;
    for _ in 0..FAILURES {
        let (mut sheet, decision, asks) = deliberation.decide(scene);
        act::show_prepared(scene, deliberation, &asks, &mut sheet, true);
        let Decision::Act(action) = &decision else {
            let done = Done { failed, ..Done::nothing(markdown::at_rest(sheet.outcome)) };
            return Ok((sheet, done, asks));
        };
        stages.check()?;
        guard.faults.reach(Moment::AfterDecision);
        let task = action.chosen().eligible().task().clone();
        let channel = action.chosen().eligible().reading().channel;
        match stages.run("act", || act::act(guard, memory, run, deliberation, action)) {
            Ok(done) if done.for_nobody => {
                tracing::info!("“{}” is for nobody any more", task.text);
                deliberation.count_readers(scene, memory)?;
            }
            Ok(done) => {
                tried::succeeded(memory, &task, scene.now)?;
                return Ok((sheet, done, asks));
            }
            Err(failure) if failure.kind != Kind::Failed || stages.stop().is_some() => return Err(failure),
            // Whoever has lost the lease, or was stopped, has no next best either.
            Err(failure) if guard.lease.check(memory, guard.now()).is_err() => return Err(failure),
            Err(failure) => {
                tracing::warn!("{failure}");
                said.push(format!("“{}” failed: {}", task.text, failure.with_hint()));
                if deliberation.look_at_credential(scene, memory, &task.id)? {
                    // Blocked now, and asked for in this very wake.
                    continue;
                }
                failed |= !failure.held;
                let past = match failure.held {
                    true => None,
                    false => Some(tried::failed(scene, memory, &task, channel, &failure)?),
                };
                deliberation.set_aside(&task.id, &failure.to_string(), scene.now, past);
            }
        }
    }
    let (sheet, _, asks) = deliberation.decide(scene);
    let done = Done { failed, ..Done::nothing("what was tried failed; see the notes.") };
    Ok((Sheet { outcome: sheet::Outcome::Ask, pick: None, ..sheet }, done, asks))
}
