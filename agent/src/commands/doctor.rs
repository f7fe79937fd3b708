//! `doctor`: read-only checks, each with an id, a severity, a message and a hint.

mod readers_side;

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use reveille_memory::Memory;
use reveille_mission::{NeedState, Severity, shown};
use serde::Serialize;

use super::{Ready, print, print_json, ready};
use crate::connect::BLUESKY_SESSION;
use crate::deliberate::load;
use crate::environment::Environment;
use crate::failed::Failed;
use crate::failure::{Failure, OrFail, Outcome};
use crate::home::Home;
use crate::list;
use crate::observe::{self, Scene};
use crate::readings;
use crate::service::{Machine, State};
use crate::settings::{By, read_by_others};

/// Check the home without changing anything
///
/// Exit codes: 0 clean, 1 findings, 2 could not run.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// One finding.
#[derive(Debug, Serialize)]
struct Finding {
    id: &'static str,
    severity: &'static str,
    message: String,
    hint: Option<String>,
}

impl Finding {
    fn error(id: &'static str, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { id, severity: "error", message: message.into(), hint }
    }

    fn warning(id: &'static str, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { severity: "warning", ..Self::error(id, message, hint) }
    }

    fn of(id: &'static str, failure: &Failure) -> Self {
        Self::error(id, failure.to_string(), failure.hint.clone())
    }
}

impl Doctor {
    pub(super) fn run(self, home: Outcome<Home>, environment: &Environment) -> Outcome<ExitCode> {
        let failing = home.as_ref().ok().and_then(Failed::read).map(|failed| failing(&failed));
        let mut findings = match home.and_then(|home| ready(home, environment)) {
            Ok(ready) => examine(&ready),
            Err(failure) => {
                let settings = Finding::of("settings", &failure);
                self.show(&[settings].into_iter().chain(failing).collect::<Vec<_>>())?;
                return Ok(ExitCode::from(2));
            }
        };
        findings.extend(failing);
        self.show(&findings)?;
        Ok(ExitCode::from(u8::from(!findings.is_empty())))
    }

    fn show(&self, findings: &[Finding]) -> Outcome {
        if self.json {
            return print_json(&findings);
        }
        if findings.is_empty() {
            return print("Everything that was checked is in order.\n");
        }
        let mut out = String::new();
        for finding in findings {
            out.push_str(&format!("{:<8} {:<12} {}\n", finding.severity, finding.id, finding.message));
            if let Some(hint) = &finding.hint {
                out.push_str(&format!("{:22}→ {hint}\n", ""));
            }
        }
        print(&out)
    }
}

/// Wakes that failed as a whole.
fn failing(failed: &Failed) -> Finding {
    let notice = failed.notice.as_ref().map(|notice| format!("; notice to you: {notice}")).unwrap_or_default();
    Finding::error("wakes", format!("{}{notice}", failed.sentence()), failed.hint.clone())
}

fn examine(ready: &Ready<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    files(ready, &mut findings);
    readers(ready, &mut findings);
    channels(ready, &mut findings);
    secrets(&ready.home, &mut findings);
    database(&ready.home, &mut findings);
    reader(ready, &mut findings);
    service(ready, &mut findings);
    links(ready.home.root(), &mut findings);
    notice(ready, &mut findings);
    readers_side::examine(ready, &mut findings);
    if ready.home.stop_file().exists() {
        findings.push(Finding::warning("stop", "the home is stopped by a file STOP", Some("remove the file to go on".to_owned())));
    }
    findings
}

fn scene<'a>(ready: &'a Ready<'_>) -> Scene<'a> {
    Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now: ready.environment.now() }
}

fn files(ready: &Ready<'_>, findings: &mut Vec<Finding>) {
    match load(&scene(ready)) {
        Err(failure) => findings.push(Finding::of("files", &failure)),
        Ok(loaded) => findings.extend(loaded.problems.into_iter().map(|problem| {
            let message =
                format!("{}:{}:{}: {}", problem.path, problem.diagnostic.line, problem.diagnostic.column, problem.diagnostic.message);
            match problem.diagnostic.severity {
                Severity::Error => Finding::error("files", message, problem.diagnostic.hint),
                Severity::Warning => Finding::warning("files", message, problem.diagnostic.hint),
            }
        })),
    }
}

fn readers(ready: &Ready<'_>, findings: &mut Vec<Finding>) {
    // A memory that can't be read is a finding of its own.
    let memory = Memory::open_read_only(&ready.home.database()).ok();
    match list::readers(&ready.home, &ready.settings, memory.as_ref()) {
        Err(failure) => findings.push(Finding::of("readers", &failure)),
        Ok(readers) => findings.extend(readers.unknown_tiers().into_iter().map(|tier| {
            let message = format!("readers are in the tier `{}`, which the settings do not have: it counts as free", shown(&tier));
            Finding::warning("readers", message, Some("add it under [tiers] in reveille.toml, or correct the readers' rows".to_owned()))
        })),
    }
}

fn channels(ready: &Ready<'_>, findings: &mut Vec<Finding>) {
    // A memory that can't be read is a finding of its own.
    let memory = Memory::open_read_only(&ready.home.database()).ok();
    for channel in ready.settings.configured() {
        match observe::credential_now(&scene(ready), memory.as_ref(), channel) {
            Ok(NeedState::Met) => {}
            Ok(NeedState::Unmet { why, unblock }) => {
                findings.push(Finding::warning("channel", format!("{}: {why}", channel.title()), Some(unblock)));
            }
            Err(failure) => findings.push(Finding::of("channel", &failure)),
        }
    }
}

/// Files of secrets that somebody else can read, whether the settings name them or not.
fn secrets(home: &Home, findings: &mut Vec<Finding>) {
    let kept = std::fs::read_dir(home.root().join("secrets")).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in kept.chain([home.memory().join(BLUESKY_SESSION)]).filter(|path| read_by_others(path)) {
        let shown = path.display();
        findings.push(Finding::error("secrets", format!("{shown} can be read by others"), Some(format!("`chmod 600 {shown}`"))));
    }
}

fn database(home: &Home, findings: &mut Vec<Finding>) {
    if !home.database().exists() {
        return;
    }
    let checked = Memory::open_read_only(&home.database()).and_then(|memory| memory.integrity_check());
    match checked.or_fail() {
        Ok(()) => {}
        Err(failure) => findings.push(Finding::of("memory", &failure)),
    }
}

fn reader(ready: &Ready<'_>, findings: &mut Vec<Finding>) {
    if let Err(failure) = readings::open(&ready.settings, &ready.home, ready.environment, vec![]) {
        findings.push(Finding::of("model", &failure));
    }
}

/// Whoever wakes the home by hand has no service, and that is no finding.
fn service(ready: &Ready<'_>, findings: &mut Vec<Finding>) {
    let machine = Machine::of(ready.environment, &ready.home, Some(&ready.settings));
    match machine.and_then(|machine| machine.standing()) {
        Ok(states) => {
            let problems = states.iter().flat_map(State::problems);
            findings.extend(problems.map(|note| Finding::warning("service", note.what, Some(note.hint))));
        }
        Err(failure) => findings.push(Finding::of("service", &failure)),
    }
}

/// A notice that could not be given is found before it is wanted.
fn notice(ready: &Ready<'_>, findings: &mut Vec<Finding>) {
    let program = match ready.settings.notice.as_ref().map(|notice| &notice.by) {
        Some(By::Command { program, .. }) => program.as_str(),
        Some(By::Macos) => "osascript",
        Some(By::Email) | None => return,
    };
    if ready.environment.tool(program).is_none() {
        let hint = "correct `by` in [notice]".to_owned();
        findings.push(Finding::error("notice", format!("a notice could not be given: there is no program `{program}`"), Some(hint)));
    }
}

/// Links out of the home are never followed: say so, rather than let the human wonder.
fn links(root: &Path, findings: &mut Vec<Finding>) {
    for name in ["mission", "PROGRESS.md", "drafts", "issues", "site", "memory", "outbox", "inbox"] {
        let path = root.join(name);
        let leaves = path.is_symlink() && std::fs::canonicalize(&path).is_ok_and(|real| !real.starts_with(root));
        if leaves {
            findings.push(Finding::error(
                "links",
                format!("{name} is a link out of the home"),
                Some("put the real folder into the home".to_owned()),
            ));
        }
    }
}
