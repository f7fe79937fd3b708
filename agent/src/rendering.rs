//! Bringing the site up to date with issues that the human edited. A site that can't be rendered stops nothing else; three times
//! running, and it waits until a file of it changes or the human says so.

use std::fmt::Write as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use reveille_memory::Memory;
use reveille_mission::{Past, Skill, Source, Tags, Task, TaskId, Who};
use sha2::{Digest, Sha256};

use crate::act::publication;
use crate::deliberate::Deliberation;
use crate::failure::{OrFail, Outcome};
use crate::observe::Scene;
use crate::tried::{self, Tried};

/// Renders what has changed; what has not is not touched. What to tell of it.
pub(crate) fn refresh(scene: &Scene<'_>, memory: &mut Memory, deliberation: &Deliberation) -> Outcome<Vec<String>> {
    if deliberation.loaded.shelf.published().next().is_none() {
        return Ok(vec![]);
    }
    let task = task(scene);
    if deliberation.ledger.tried.past(scene, &task).is_some() {
        return Ok(vec![]);
    }
    let Err(failure) = reveille_skills::site::render(scene.home.root(), &publication(scene)).or_fail() else {
        tried::succeeded(memory, &task, scene.now)?;
        return Ok(vec![]);
    };
    let stopped = matches!(tried::failed(scene, memory, &task, None, &failure)?, Past::Stopped { .. });
    let behind = if stopped { "; it is not tried again until a file of it changes, or you say so" } else { "" };
    Ok(vec![format!("the site could not be rendered: {}{behind}", failure.with_hint())])
}

/// Rendering as a task, where it was stopped: so that it is asked about like any other.
pub(crate) fn stopped(scene: &Scene<'_>, tried: &Tried) -> Option<Task> {
    if !tried.knows(&id()) {
        return None;
    }
    let task = task(scene);
    matches!(tried.past(scene, &task), Some(Past::Stopped { .. })).then_some(task)
}

fn id() -> TaskId {
    TaskId::stored("render")
}

fn task(scene: &Scene<'_>) -> Task {
    let tags = Tags { who: Some(Who::Strangers), skill: Some(Skill::Publish), ..Tags::default() };
    let source = Source::Skill(Skill::Publish);
    Task { id: id(), text: "Render the site".to_owned(), tags, source, problems: vec![], content: seen(scene.home.root(), "issues") }
}

/// The home's own templates as they are, in a digest.
pub(crate) fn templates(scene: &Scene<'_>) -> String {
    seen(scene.home.root(), "templates")
}

/// Names, sizes and times of a folder's files in a digest: cheap, and another one once a file changed.
fn seen(root: &Path, folder: &str) -> String {
    let mut files: Vec<String> = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten().map(|entry| line(&entry)).collect();
    files.sort();
    Sha256::digest(files.concat().as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn line(entry: &std::fs::DirEntry) -> String {
    let meta = std::fs::metadata(entry.path()).ok();
    let changed = meta.as_ref().and_then(|meta| meta.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    let mut line = entry.path().display().to_string();
    let _ = writeln!(line, " {:?} {:?}", meta.map(|meta| meta.len()), changed);
    line
}
