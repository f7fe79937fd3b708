//! The notice to the owner when wakes have failed for a day: a mail, a notification of macOS, or a command.
//!
//! Must stay true: the claim is written before anything goes, so that a crash loses a notice rather than repeating it; in doubt
//! (no lease, a claim that can't be written, a pause, quiet hours or none that can be read) there is none; a mail goes through the
//! ledger and its brakes, to the owner's address of the settings and to no other.

mod mail;
mod program;

use chrono::{DateTime, Utc};
use reveille_memory::Memory;

use crate::brakes::quiet_until;
use crate::environment::Environment;
use crate::failed::Failed;
use crate::failure::{Failure, Kind, Outcome};
use crate::home::Home;
use crate::lease::Lock;
use crate::observe::Scene;
use crate::settings::{By, Settings, notice_alone, quiet_alone};

/// Tells the owner, if the settings say how and nothing speaks against it; what became of it is kept beside the failures.
pub(crate) fn tell(home: &Home, environment: &Environment, now: DateTime<Utc>) {
    match claim_and_send(home, environment, now) {
        Ok(Some(said)) => tracing::info!("notice to the owner: {said}"),
        Ok(None) => {}
        Err(failure) => tracing::warn!("no notice to the owner: {failure}"),
    }
}

fn claim_and_send(home: &Home, environment: &Environment, now: DateTime<Utc>) -> Outcome<Option<String>> {
    let text = std::fs::read_to_string(home.settings())?;
    let settings = Settings::parse(&text).ok();
    let by = match &settings {
        Some(settings) => settings.notice.as_ref().map(|notice| notice.by.clone()),
        None => notice_alone(&text).map(|notice| notice.by),
    };
    let Some(by) = by else { return Ok(None) };
    let scene = settings.as_ref().map(|settings| Scene { home, settings, environment, now });
    // Quiet hours that can't be read may be now.
    let quiet = scene.as_ref().map_or_else(|| quiet_alone(&text, now), |scene| Some(quiet_until(scene, now).is_some()));
    if quiet != Some(false) || is_paused(home, now) {
        return Ok(None);
    }
    // Whoever holds it is at work, so nothing is stuck.
    let lock = Lock::take(home, now)?;
    lock.not_stopped()?;
    let Some(failed) = Failed::read(home).filter(Failed::is_due) else { return Ok(None) };
    let claimed = failed.claimed(now);
    claimed.keep(home)?;
    let words = words(home, &claimed);
    let sent = match (&by, &scene) {
        (By::Email, Some(scene)) => mail::send(scene, &lock, &words),
        (By::Email, None) => Err(Failure::message(Kind::Settings, "a mail needs settings that are right")),
        (By::Macos, _) => program::macos(home, environment, &words),
        (By::Command { program, arguments }, _) => program::command(home, environment, program, arguments, &words),
    };
    let said = match &sent {
        Ok(said) => said.clone(),
        Err(failure) => format!("it could not be given: {failure}"),
    };
    claimed.with_notice(said).keep(home)?;
    sent.map(Some)
}

/// Whether memory says so; one that can't be opened may be what is to be told of.
fn is_paused(home: &Home, now: DateTime<Utc>) -> bool {
    Memory::open_read_only(&home.database()).is_ok_and(|memory| memory.paused(now).is_ok_and(|pause| pause.is_some()))
}

/// What is told: a subject and a text.
struct Words {
    subject: String,
    text: String,
}

fn words(home: &Home, failed: &Failed) -> Words {
    let hint = failed.hint.as_ref().map(|hint| format!("\n\nhint: {hint}")).unwrap_or_default();
    let place = home.root().display();
    let since = failed.since.format("%Y-%m-%d %H:%M UTC");
    Words {
        subject: format!("Reveille is stuck since {since}"),
        text: format!(
            "{}{hint}\n\n`reveille --home {place} status` shows more. After it is mended the next wake goes on by itself; the next notice \
             comes in a day at the earliest.\n",
            failed.sentence()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A home whose wakes have failed for two days, with settings that are wrong; a notice would write `told`.
    fn home(folder: &std::path::Path, wake: &str) -> Home {
        let by = "[notice]\nby = [\"/bin/sh\", \"-c\", \"cat > told; env > seen\"]";
        std::fs::write(folder.join("reveille.toml"), format!("nmae = 1\n{wake}\n{by}\n")).expect("written");
        std::fs::create_dir_all(folder.join("memory")).expect("made");
        let failed = serde_json::json!({
            "schema": 1, "since": "2026-11-18T03:00:00Z", "last": "2026-11-20T03:00:00Z", "times": 9, "code": 78,
            "message": "wrong", "hint": null, "unsaid": 172_800, "noticed": null, "notice": null,
        });
        std::fs::write(folder.join("memory/failed.json"), failed.to_string()).expect("written");
        Home::find(Some(folder), &Environment::of(&[])).expect("a home")
    }

    /// Whether it was told, and the variables that the command saw.
    fn told(wake: &str, paused: bool) -> (bool, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let home = home(folder.path(), wake);
        let now = "2026-11-20T03:00:00Z".parse().expect("a time");
        if paused {
            let mut memory = Memory::open(&home.database(), now).expect("made");
            memory.pause("away", None, now).expect("paused");
        }
        let environment = Environment::of(&[("PATH", "/usr/bin:/bin"), ("HOME", "/h"), ("SMTP_PASSWORD", "hunter2")]);
        tell(&home, &environment, now);
        (folder.path().join("told").exists(), std::fs::read_to_string(folder.path().join("seen")).unwrap_or_default())
    }

    #[test]
    fn a_notice_is_silent_in_quiet_hours_and_in_a_pause_also_with_wrong_settings() {
        let (heard, seen) = told("", false);
        assert!(heard && seen.contains("HOME=/h") && seen.contains("PATH=/usr/bin:/bin") && !seen.contains("hunter2"), "{seen}");
        assert!(told("[wake]\nquiet = \"07:00-09:00\"", false).0);
        assert!(!told("[wake]\nquiet = \"23:00-07:00\"", false).0);
        assert!(!told("[wake]\nquiet = \"at night\"", false).0, "it may be now");
        assert!(!told("", true).0);
    }
}
