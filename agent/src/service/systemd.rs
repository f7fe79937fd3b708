//! A timer of the user's systemd, through systemctl(1).

use std::path::PathBuf;

use super::{Machine, Note, Said, Service, refused, remove};
use crate::failure::Outcome;

/// What to do when the user's systemd can't be reached.
const NO_MANAGER: &str = "log in by a session of your own (not through `su`), or `reveille service install cron`";

fn timer(machine: &Machine<'_>) -> String {
    format!("{}.timer", machine.label())
}

fn folder(machine: &Machine<'_>) -> PathBuf {
    machine.user_folder(Some("XDG_CONFIG_HOME"), ".config").join("systemd/user")
}

/// The service, and the timer that starts it.
pub(super) fn places(machine: &Machine<'_>) -> Vec<PathBuf> {
    vec![folder(machine).join(format!("{}.service", machine.label())), folder(machine).join(timer(machine))]
}

pub(super) fn steps(machine: &Machine<'_>) -> Vec<String> {
    loading(machine).iter().map(|step| format!("systemctl --user {}", step.join(" "))).collect()
}

/// The steps of loading. `restart`, so that a timer that runs takes changed times.
fn loading(machine: &Machine<'_>) -> [Vec<String>; 3] {
    [vec!["daemon-reload".to_owned()], vec!["enable".to_owned(), timer(machine)], vec!["restart".to_owned(), timer(machine)]]
}

/// Whether a user's systemd answers here.
pub(super) fn works(machine: &Machine<'_>) -> bool {
    systemctl(machine, &["show", "--property=Version"]).is_ok_and(|said| said.well())
}

pub(super) fn install(machine: &Machine<'_>) -> Outcome {
    let said = systemctl(machine, &["show", "--property=Version"])?;
    if !said.well() {
        return Err(refused("systemctl --user", &said, NO_MANAGER));
    }
    if machine.is_current(Service::Systemd)? && idle(machine)?.is_none() {
        return Ok(());
    }
    machine.write_files(Service::Systemd)?;
    for step in loading(machine) {
        let said = systemctl(machine, &step.iter().map(String::as_str).collect::<Vec<_>>())?;
        if !said.well() {
            return Err(refused(&format!("systemctl --user {}", step.join(" ")), &said, NO_MANAGER));
        }
    }
    Ok(())
}

/// A user's systemd that does not answer holds nothing back: without the files it has nothing at its next start.
pub(super) fn uninstall(machine: &Machine<'_>) -> Outcome {
    let reached = machine.environment.has_tool("systemctl") && works(machine);
    if reached {
        let said = systemctl(machine, &["disable", "--now", &timer(machine)])?;
        // One that is not there any more is no hindrance.
        if !said.well() && idle(machine)?.is_none() {
            return Err(refused("systemctl --user disable", &said, NO_MANAGER));
        }
    }
    for path in places(machine) {
        remove(&path)?;
    }
    remove(&folder(machine).join("timers.target.wants").join(timer(machine)))?;
    // When it started last, kept for `Persistent=true`.
    let stamps = machine.user_folder(Some("XDG_DATA_HOME"), ".local/share").join("systemd/timers");
    remove(&stamps.join(format!("stamp-{}", timer(machine))))?;
    if reached {
        let _ = systemctl(machine, &["daemon-reload"])?;
        // A wake that failed is remembered by name.
        let _ = systemctl(machine, &["reset-failed", &format!("{}.service", machine.label())])?;
    }
    Ok(())
}

/// Why it starts nothing, if it does not.
pub(super) fn idle(machine: &Machine<'_>) -> Outcome<Option<Note>> {
    for (question, what) in [("is-enabled", "is not enabled"), ("is-active", "is not active")] {
        let said = systemctl(machine, &[question, "--quiet", &timer(machine)])?;
        if !said.well() {
            let words = said.complaint.lines().next().map(|words| format!(" ({words})")).unwrap_or_default();
            let hint = "`reveille service install systemd` loads it again".to_owned();
            return Ok(Some(Note { what: format!("{} {what}{words}", timer(machine)), hint }));
        }
    }
    Ok(None)
}

/// Without lingering a user's systemd ends with the last session.
pub(super) fn notes(machine: &Machine<'_>) -> Vec<Note> {
    let user = rustix::process::getuid().as_raw().to_string();
    let said = machine.call("loginctl", ["show-user", &user, "--property=Linger"]);
    let rests = said.is_ok_and(|said| said.well() && String::from_utf8_lossy(&said.answer).trim() == "Linger=no");
    let note = || Note { what: "it starts nothing while you are logged out".to_owned(), hint: "`loginctl enable-linger`".to_owned() };
    rests.then(note).into_iter().collect()
}

fn systemctl(machine: &Machine<'_>, words: &[&str]) -> Outcome<Said> {
    machine.call("systemctl", ["--user"].iter().chain(words))
}
