//! Observing: facts before a decision, each with its source and its time. Nothing here changes anything.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reveille_memory::Memory;
use reveille_mission::{Channel, Fact, FactKey, FactValue, Facts, Need, NeedState, Progress, Shelf, Stage, check_after};
use reveille_skills::offer::Told;
use reveille_skills::readers::Counts;

use crate::credential::{self, Standing};
use crate::environment::Environment;
use crate::failure::{Failure, OrFail, Outcome};
use crate::home::Home;
use crate::list;
use crate::retain;
use crate::settings::{SecretState, Settings};

/// How long an address in `needs:url:` may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a wake looks at.
pub(crate) struct Scene<'a> {
    pub(crate) home: &'a Home,
    pub(crate) settings: &'a Settings,
    pub(crate) environment: &'a Environment,
    pub(crate) now: DateTime<Utc>,
}

/// The facts that are measured here, and what `--assume` puts in their place. A list of readers that can't be read is a need
/// that is not met, and counts nobody.
pub(crate) fn facts(
    scene: &Scene<'_>,
    shelf: &Shelf,
    memory: Option<&Memory>,
    assumed: &[(String, String)],
) -> Outcome<(Facts, Option<Counts>)> {
    let mut facts = Facts::default();
    if let Some(memory) = memory {
        remembered(scene, memory, &mut facts)?;
        crate::visits::observe(scene, memory, &mut facts)?;
    }
    let count = |value: u64, source: &str| Fact { value: FactValue::Count(value), source: source.to_owned(), measured_at: Some(scene.now) };
    if let Some(memory) = memory {
        retain::observe(scene, memory, &mut facts)?;
    }
    let readers = match list::counted(scene.home, scene.settings, memory)? {
        Ok(readers) => {
            let source = match (readers.listed, readers.by_site > 0) {
                (true, false) => "readers.csv",
                (false, false) => "no readers.csv",
                (true, true) => "readers.csv and the site",
                (false, true) => "the site",
            };
            facts.set(FactKey::SubscribersConfirmed, count(readers.confirmed, source));
            facts.set(FactKey::CustomersActive, count(readers.paying, source));
            Some(readers)
        }
        Err(error) => {
            let hint = error.hint().map(|hint| format!(": {hint}")).unwrap_or_default();
            facts.set_need(Need::Readers, unmet(error.to_string(), format!("mend the list of readers ({error}){hint}")));
            None
        }
    };
    facts.set(FactKey::DraftsReady, count(shelf.ready().count() as u64, "drafts/"));
    for channel in scene.settings.configured() {
        if let Some(standing) = credential::standing(scene, memory, channel)? {
            let (ready, source) = match standing {
                Standing::Ready { source } => (true, source),
                Standing::Missing { why, .. } => (false, why),
                Standing::Refused { source, .. } => (false, format!("{source}, not accepted")),
            };
            facts.set(FactKey::Ready(channel), Fact { value: FactValue::Bool(ready), source, measured_at: Some(scene.now) });
        }
    }
    for (key, value) in assumed {
        facts.assume(key, value).map_err(|error| Failure::new(crate::failure::Kind::Usage, error))?;
    }
    retain::assume(&mut facts, assumed);
    Ok((facts, readers))
}

/// Counts of followers, posts and engagements come from earlier measurements.
fn remembered(scene: &Scene<'_>, memory: &Memory, facts: &mut Facts) -> Outcome {
    for row in memory.latest_facts().or_fail()? {
        let (Ok(key), Ok(count)) = (row.key.parse::<FactKey>(), row.value_json.parse::<u64>()) else { continue };
        // Where visits are not counted any more, what they once were decides nothing.
        let of_site = matches!(key, FactKey::SiteVisitors30d | FactKey::SiteConfirmed30d | FactKey::Visitors(_));
        if (of_site && scene.settings.site.is_none()) || retain::is_of_silence(key) {
            continue;
        }
        facts.set(key, Fact { value: FactValue::Count(count), source: row.source, measured_at: Some(row.measured_at) });
    }
    Ok(())
}

/// Checks every need that a task could have now.
pub(crate) fn needs(
    scene: &Scene<'_>,
    facts: &mut Facts,
    progress: &Progress,
    shelf: &Shelf,
    asked: &BTreeSet<Need>,
    approved: &dyn Fn(&str) -> bool,
    told: &dyn Fn(&str, Channel) -> Told,
) {
    check_after(&progress.items, facts);
    for need in asked {
        let state = match need {
            Need::Env(name) => env(scene, name),
            Need::File(path) => file(scene, path),
            Need::Tool(name) => tool(scene, name),
            Need::Url(address) => url(scene, address),
            Need::Credential(channel) => credential_of(scene, facts, *channel),
            Need::Configured(channel) => configured(scene, *channel),
            Need::Approval(digest) => approval(digest, approved(digest)),
            Need::Published(id) => published(shelf, id),
            Need::PostedByHand { channel, issue } => posted(shelf, *channel, issue, &told(issue, *channel)),
            // These are answered where the line, the list or the past is read.
            Need::After(_)
            | Need::Human
            | Need::Subject
            | Need::Words
            | Need::Mend
            | Need::Readers
            | Need::Again
            | Need::Heard
            | Need::WinBack(_) => {
                continue;
            }
        };
        facts.set_need(need.clone(), state);
    }
}

fn unmet(why: impl Into<String>, unblock: impl Into<String>) -> NeedState {
    NeedState::Unmet { why: why.into(), unblock: unblock.into() }
}

fn env(scene: &Scene<'_>, name: &str) -> NeedState {
    match scene.environment.get(name) {
        Some(_) => NeedState::Met,
        None => unmet(format!("{name} is not set"), format!("set the environment variable {name}")),
    }
}

fn file(scene: &Scene<'_>, path: &str) -> NeedState {
    match scene.home.inside(path) {
        Some(_) => NeedState::Met,
        None => unmet(format!("there is no file {path} in the home"), format!("put {path} into the home")),
    }
}

fn tool(scene: &Scene<'_>, name: &str) -> NeedState {
    match scene.environment.has_tool(name) {
        true => NeedState::Met,
        false => unmet(format!("`{name}` is not on the search path"), format!("install `{name}`")),
    }
}

fn url(scene: &Scene<'_>, address: &str) -> NeedState {
    let parsed = url::Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(host) = parsed.as_ref().and_then(|url| url.host_str()) else {
        return unmet(format!("`{address}` is no web address"), "write it with https://");
    };
    if !scene.settings.allows_host(host) {
        return unmet(
            format!("{host} is not a host that the settings allow"),
            format!("add \"{host}\" to `hosts` in reveille.toml if it may be asked"),
        );
    }
    let client = reqwest::blocking::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
    match client.and_then(|client| client.get(address).send()) {
        Ok(answer) if answer.status().is_success() => NeedState::Met,
        Ok(answer) => unmet(format!("{address} answers {}", answer.status().as_u16()), format!("make {address} answer")),
        Err(_) => unmet(format!("{address} does not answer"), format!("make {address} answer")),
    }
}

fn credential_of(scene: &Scene<'_>, facts: &Facts, channel: Channel) -> NeedState {
    if facts.flag(FactKey::Ready(channel)) == Some(true) {
        return NeedState::Met;
    }
    match scene.settings.secret(channel).map(|secret| secret.state(scene.environment, scene.home)) {
        Some(SecretState::Missing { why, unblock }) => unmet(why, format!("{unblock} ({})", channel.title())),
        Some(SecretState::Present { source }) => not_accepted(channel, &source),
        None => configured(scene, channel),
    }
}

fn configured(scene: &Scene<'_>, channel: Channel) -> NeedState {
    match scene.settings.configured().contains(&channel) {
        true => NeedState::Met,
        false => unmet(format!("{} is not in the settings", channel.title()), format!("add [channels.{channel}] to reveille.toml")),
    }
}

fn approval(digest: &str, given: bool) -> NeedState {
    match given {
        true => NeedState::Met,
        false => {
            let short: String = digest.chars().take(8).collect();
            unmet("it waits for your word", format!("tick it under “Needs you”, or `reveille approve {short}`"))
        }
    }
}

fn published(shelf: &Shelf, id: &str) -> NeedState {
    match shelf.by_id(id) {
        Some(issue) if issue.stage == Stage::Published => NeedState::Met,
        Some(issue) => unmet(format!("{} is not published yet", issue.name()), format!("publish {} first", issue.name())),
        None => unmet(format!("{id} is not there"), "correct the line"),
    }
}

fn posted(shelf: &Shelf, channel: Channel, issue: &str, told: &Told) -> NeedState {
    let name = shelf.name_of(issue);
    match told {
        Told::Done { prepared: false, .. } => NeedState::Met,
        Told::Done { prepared: true, .. } | Told::Prepared | Told::NotYet | Told::UnderWay => unmet(
            format!("the text for {} is ready; {name} waits for you to post it", channel.title()),
            format!("post {name} on {}, then write its address behind this line", channel.title()),
        ),
    }
}

fn not_accepted(channel: Channel, source: &str) -> NeedState {
    unmet(format!("the credential of {} ({source}) is not accepted", channel.title()), credential::unblock(channel, source))
}

/// Whether a channel's credential is there, and was not refused as it is.
pub(crate) fn credential_now(scene: &Scene<'_>, memory: Option<&Memory>, channel: Channel) -> Outcome<NeedState> {
    Ok(match credential::standing(scene, memory, channel)? {
        Some(Standing::Missing { why, unblock }) => unmet(why, unblock),
        Some(Standing::Refused { source, .. }) => not_accepted(channel, &source),
        Some(Standing::Ready { .. }) | None => NeedState::Met,
    })
}
