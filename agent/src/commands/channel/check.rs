//! `channel check`: proves credentials without writing anything anywhere else.

use std::process::ExitCode;

use clap::Args;
use reveille_memory::Memory;
use reveille_mission::Channel;

use super::super::{Ready, print, print_json};
use super::connectable;
use super::proof::{Proof, prove};
use crate::connect::{CONNECTABLE, absent};
use crate::failure::{OrFail, Outcome};

/// Prove the credential of a channel, or of all, by a call that only reads
///
/// Prints the account, its followers, and what a post may be. Exit codes: 0 all are accepted, 1 one is not or can't be
/// reached, 78 the settings are wrong.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// mastodon, bluesky or email [default: all that are in the settings]
    #[arg(value_parser = connectable)]
    name: Option<Channel>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let configured = ready.settings.configured();
        let channels: Vec<Channel> = match self.name {
            Some(channel) if !configured.contains(&channel) => return Err(absent(channel)),
            Some(channel) => vec![channel],
            None => CONNECTABLE.into_iter().filter(|channel| configured.contains(channel)).collect(),
        };
        let mut memory = open(ready)?;
        let proofs = channels.iter().map(|channel| prove(ready, memory.as_mut(), *channel, None)).collect::<Outcome<Vec<Proof>>>()?;
        if self.json {
            print_json(&proofs)?;
        } else if proofs.is_empty() {
            print("No channel in the settings has a credential: docs/settings.md says how to add one.\n")?;
        } else {
            print(&proofs.iter().map(Proof::shown).collect::<String>())?;
        }
        Ok(ExitCode::from(u8::from(!proofs.iter().all(Proof::is_good))))
    }
}

/// The memory, where there is one: checking makes none.
pub(super) fn open(ready: &Ready<'_>) -> Outcome<Option<Memory>> {
    let database = ready.home.database();
    database.exists().then(|| Memory::open(&database, ready.environment.now())).transpose().or_fail()
}
