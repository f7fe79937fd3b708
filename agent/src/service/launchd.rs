//! A LaunchAgent, through launchctl(1): `bootstrap` in the user's own domain, or `load` where an old launchctl has no `bootstrap`.
//!
//! Must stay true: an exit code of launchctl proves nothing (`load` ends with 0 when it failed): it is asked for the agent.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use super::{Machine, Note, Said, Service, refused, remove};
use crate::failure::Outcome;

/// How often an agent is looked for that is just leaving, and how long in between.
const LOOKS: u32 = 25;
const PAUSE: Duration = Duration::from_millis(200);

/// What `bootout` ends with while the agent is leaving (`EINPROGRESS` of macOS).
const IN_PROGRESS: i32 = 36;

/// Where the agent's property list is.
pub(super) fn place(machine: &Machine<'_>) -> PathBuf {
    machine.user_folder(None, "Library/LaunchAgents").join(format!("{}.plist", machine.label()))
}

/// The domain of the user's session at the screen.
fn domain() -> String {
    format!("gui/{}", rustix::process::getuid().as_raw())
}

fn target(machine: &Machine<'_>) -> String {
    format!("{}/{}", domain(), machine.label())
}

pub(super) fn steps(machine: &Machine<'_>) -> Vec<String> {
    let path = place(machine);
    vec![
        format!("launchctl bootstrap {} {}", domain(), path.display()),
        format!("where launchctl has no `bootstrap`: launchctl load -w {}", path.display()),
    ]
}

pub(super) fn install(machine: &Machine<'_>) -> Outcome {
    if machine.is_current(Service::Launchd)? && loaded(machine)? {
        return Ok(());
    }
    machine.write_files(Service::Launchd)?;
    unload(machine)?;
    let path = place(machine);
    let words = |words: &[&str]| words.iter().map(OsString::from).chain([path.clone().into_os_string()]).collect::<Vec<_>>();
    let mut said = launchctl(machine, words(&["bootstrap", &domain()]))?;
    if !said.well() {
        // An agent that was disabled once is not taken before it is enabled.
        let _ = launchctl(machine, ["enable".into(), OsString::from(target(machine))])?;
        let again = launchctl(machine, words(&["bootstrap", &domain()]))?;
        if !again.well() {
            said = launchctl(machine, words(&["load", "-w"]))?;
        }
    }
    if loaded(machine)? {
        return Ok(());
    }
    Err(refused("launchctl", &said, "log in at this Mac's own screen, for an agent belongs to that session, and run this again"))
}

pub(super) fn uninstall(machine: &Machine<'_>) -> Outcome {
    if machine.environment.has_tool("launchctl") {
        unload(machine)?;
    }
    remove(&place(machine))
}

/// Takes it out, and waits until it is: `bootout` returns before that.
fn unload(machine: &Machine<'_>) -> Outcome {
    if !loaded(machine)? {
        return Ok(());
    }
    let mut said = launchctl(machine, ["bootout", &target(machine)])?;
    // One that does not know `bootout`; one that is still at it must not be told twice, or the second time hits the next agent.
    if !said.well() && said.code != Some(IN_PROGRESS) && loaded(machine)? {
        said = launchctl(machine, [OsString::from("unload"), place(machine).into_os_string()])?;
    }
    for _ in 0..LOOKS {
        if !loaded(machine)? {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(refused("launchctl bootout", &said, "wait until the wake that runs has ended, and run this again"))
}

/// Why it starts nothing, if it does not.
pub(super) fn idle(machine: &Machine<'_>) -> Outcome<Option<Note>> {
    let note = || Note {
        what: format!("launchd has not loaded {}", machine.label()),
        hint: "`reveille service install launchd` loads it again".to_owned(),
    };
    Ok((!loaded(machine)?).then(note))
}

/// Whether launchd has it: by `print`, or by `list` where there is no `print`.
fn loaded(machine: &Machine<'_>) -> Outcome<bool> {
    Ok(launchctl(machine, ["print", &target(machine)])?.well() || launchctl(machine, ["list", machine.label()])?.well())
}

fn launchctl<S: AsRef<OsStr>>(machine: &Machine<'_>, words: impl IntoIterator<Item = S>) -> Outcome<Said> {
    machine.call("launchctl", words.into_iter().map(|word| word.as_ref().to_owned()))
}
