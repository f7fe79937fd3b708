//! The notice to the owner when wakes have failed for a day: a mail, a notification of macOS, or a command.
//!
//! Must stay true: the claim is written before anything goes, so that a crash loses a notice rather than repeating it; in doubt
//! (no lease, a claim that can't be written, quiet hours) there is none; a mail goes through the ledger and its brakes, to the
//! owner's address of the settings and to no other.

mod mail;
mod program;

use chrono::{DateTime, Utc};

use crate::brakes::quiet_until;
use crate::environment::Environment;
use crate::failed::Failed;
use crate::failure::{Failure, Kind, Outcome};
use crate::home::Home;
use crate::lease::Lease;
use crate::observe::Scene;
use crate::settings::{By, Settings, notice_alone};

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
    if scene.as_ref().is_some_and(|scene| quiet_until(scene, now).is_some()) {
        return Ok(None);
    }
    // Whoever holds it is at work, so nothing is stuck.
    let lease = Lease::take(home, now)?;
    lease.check()?;
    let Some(failed) = Failed::read(home).filter(Failed::is_due) else { return Ok(None) };
    let claimed = failed.claimed(now);
    claimed.keep(home)?;
    let words = words(home, &claimed);
    let sent = match (&by, &scene) {
        (By::Email, Some(scene)) => mail::send(scene, &lease, &words),
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
