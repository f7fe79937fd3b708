//! Proving a credential by a call that only reads, and keeping what it told: limits, followers, whether it was accepted.

use reveille_memory::{FactRow, Memory};
use reveille_mission::{Channel, FactKey};
use reveille_skills::channels::{Account, Fault, PostLimits};
use secrecy::SecretString;
use serde::Serialize;

use super::super::Ready;
use crate::connect::{connect, connect_with};
use crate::credential;
use crate::failure::{OrFail, Outcome};
use crate::observe::Scene;
use crate::telling::keep_limits;

/// What came of a proof.
#[derive(Debug, Serialize)]
pub(super) struct Proof {
    pub(super) channel: Channel,
    /// Where it goes and as whom.
    pub(super) at: String,
    pub(super) account: Option<Account>,
    pub(super) error: Option<String>,
    pub(super) hint: Option<String>,
}

/// Asks the channel who we are there, by the secret of the settings or by one that was just `given`. What went wrong there is
/// part of the proof; only memory makes it fail.
pub(super) fn prove(ready: &Ready<'_>, memory: Option<&mut Memory>, channel: Channel, given: Option<&SecretString>) -> Outcome<Proof> {
    let scene = scene(ready);
    let at = ready.settings.describe(channel);
    let connection = match given {
        Some(secret) => connect_with(&ready.settings, &ready.home, ready.environment, channel, Some(secret.clone())),
        None => connect(&ready.settings, &ready.home, ready.environment, channel),
    };
    let connection = match connection {
        Ok(connection) => connection,
        Err(failure) => return Ok(Proof { channel, at, account: None, error: Some(failure.to_string()), hint: failure.hint }),
    };
    match connection.account(scene.now) {
        Ok(account) => {
            if let Some(memory) = memory {
                keep(ready, memory, channel, &account)?;
            }
            Ok(Proof { channel, at, account: Some(account), error: None, hint: None })
        }
        Err(fault) => {
            if let (Fault::Credential { why, .. }, Some(memory)) = (&fault, memory) {
                match given {
                    Some(secret) => credential::refused_value(&scene, memory, channel, secret, why)?,
                    None => credential::refused(&scene, memory, channel, why)?,
                }
            }
            let said = match given {
                Some(secret) => credential::without(&fault.to_string(), secret),
                None => credential::said(&scene, channel, &fault),
            };
            Ok(Proof { channel, at, account: None, error: Some(said), hint: hint(&fault) })
        }
    }
}

fn scene<'a>(ready: &'a Ready<'_>) -> Scene<'a> {
    Scene { home: &ready.home, settings: &ready.settings, environment: ready.environment, now: ready.environment.now() }
}

/// What a person who sits there can do; the fault's own hints speak of wakes.
fn hint(fault: &Fault) -> Option<String> {
    match fault {
        Fault::Credential { .. } => fault.hint(),
        Fault::RateLimited { channel, .. } => Some(format!("`reveille channel check {channel}` after that time")),
        Fault::Refused { channel, .. } => Some(format!("correct [channels.{channel}] in reveille.toml")),
        Fault::Later { channel, .. } => {
            Some(format!("is the address in reveille.toml right, and this machine online? then `reveille channel check {channel}`"))
        }
        Fault::Unclear { channel, .. } => Some(format!("try again: `reveille channel check {channel}`")),
    }
}

fn keep(ready: &Ready<'_>, memory: &mut Memory, channel: Channel, account: &Account) -> Outcome {
    credential::accepted(memory, channel)?;
    // A letter has no limits that a text could be composed for.
    if channel.is_public() {
        keep_limits(&scene(ready), memory, channel, &account.limits)?;
    }
    // A fact belongs to a run; before the first wake there is none to know it.
    if let (Some(followers), Some(run)) = (account.followers, memory.last_run().or_fail()?) {
        let fact = FactRow {
            key: FactKey::Followers(channel).to_string(),
            value_json: followers.to_string(),
            source: ready.settings.describe(channel),
            measured_at: ready.environment.now(),
        };
        memory.record_facts(&[fact], run.id).or_fail()?;
    }
    Ok(())
}

impl Proof {
    pub(super) fn is_good(&self) -> bool {
        self.account.is_some()
    }

    /// As a person reads it.
    pub(super) fn shown(&self) -> String {
        let mut lines = Vec::new();
        if let Some(account) = &self.account {
            lines.push(format!("{} ({})", account.name, self.at));
            lines.extend(account.page.clone());
            lines.extend(account.followers.map(|followers| format!("{followers} followers")));
            if self.channel.is_public() {
                lines.push(limits(account.limits));
            }
        }
        if let Some(error) = &self.error {
            lines.push(format!("{error} ({})", self.at));
            lines.extend(self.hint.as_ref().map(|hint| format!("→ {hint}")));
        }
        let name = |at: usize| if at == 0 { self.channel.to_string() } else { String::new() };
        // What a server says is text, not orders to the terminal.
        let plain = |line: &str| line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
        lines.iter().enumerate().map(|(at, line)| format!("{:<11} {}\n", name(at), plain(line))).collect()
    }
}

fn limits(limits: PostLimits) -> String {
    let link = match limits.link {
        0 => "a link counts as it is".to_owned(),
        count => format!("a link counts {count}"),
    };
    format!("{} characters a post, {link}", limits.characters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_s_words_give_the_terminal_no_orders() {
        let limits = PostLimits { characters: 500, link: 23 };
        let account = Account { name: "@a\u{1b}[2J@s".into(), page: None, followers: Some(3), limits };
        let proof = Proof { channel: Channel::Mastodon, at: "https://s.example/".into(), account: Some(account), error: None, hint: None };
        assert_eq!(
            proof.shown(),
            "mastodon    @a [2J@s (https://s.example/)\n            3 followers\n            500 characters a post, a link counts 23\n"
        );
    }
}
