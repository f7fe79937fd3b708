//! reveille.toml: one documented struct a section. Unknown keys are refused with the nearest right name; secrets stand
//! here by reference only, and no message repeats a value.

mod answers;
mod backup;
mod channels;
mod days;
mod email;
#[cfg(test)]
mod fuzz;
mod keys;
mod notice;
mod patience;
mod retain;
mod secret;
mod site;
mod tiers;

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono_tz::Tz;
use reveille_mission::experiment::Rates;
use reveille_mission::{Channel, Diagnostic, Priors, Skill};
use reveille_schedules::{Cron, Every, Quiet, Schedule};
use serde::{Deserialize, Deserializer};
use url::Url;

pub(crate) use answers::Answers;
pub(crate) use backup::Backup;
pub(crate) use channels::Channels;
pub(crate) use days::Days;
pub(crate) use email::{Dkim, Email};
pub(crate) use keys::place;
pub(crate) use notice::{By, Notice, notice_alone, quiet_alone};
pub(crate) use patience::Patience;
pub(crate) use retain::Retain;
pub(crate) use secret::{Secret, SecretState, read_by_others};
pub(crate) use site::Site;
pub(crate) use tiers::Tiers;

/// The whole file.
#[derive(Debug, Deserialize)]
pub(crate) struct Settings {
    /// The publication's name.
    pub(crate) name: String,
    /// Its address, where the site will be.
    pub(crate) url: Url,
    /// The owner's mail address, or several: never counted as readers.
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) owner: Vec<String>,
    /// The language of the publication (BCP 47), default `en`.
    #[serde(default = "english")]
    pub(crate) language: String,
    /// One sentence for feeds and search engines.
    pub(crate) description: Option<String>,
    /// Whether the site is served at `url` already: then a page counts as published only when it was fetched from there.
    #[serde(default)]
    pub(crate) served: bool,
    #[serde(default)]
    pub(crate) wake: Wake,
    #[serde(default)]
    pub(crate) model: Model,
    #[serde(default)]
    pub(crate) channels: Channels,
    #[serde(default)]
    pub(crate) caps: Caps,
    #[serde(default)]
    pub(crate) approve: Approve,
    #[serde(default)]
    pub(crate) backup: Backup,
    #[serde(default)]
    pub(crate) priors: Priors,
    /// `[experiments]`: which difference an experiment must be able to see.
    #[serde(default)]
    pub(crate) experiments: Rates,
    #[serde(default)]
    pub(crate) tiers: Tiers,
    /// `[site]`: the readers' side.
    pub(crate) site: Option<Site>,
    /// `[answers]`: what comes in.
    pub(crate) answers: Option<Answers>,
    /// `[retain]`: when letters end.
    #[serde(default)]
    pub(crate) retain: Retain,
    /// `[notice]`: how the owner is told when wakes have failed for a day.
    pub(crate) notice: Option<Notice>,
    /// Hosts that `needs:url:` may ask, besides those of `url` and the channels.
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
}

/// `[wake]`: when and for how long.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Wake {
    /// The time from one wake to the next, like `2h`: elapsed time. Two hours when there is no `cron` either.
    #[serde(deserialize_with = "parsed_option")]
    every: Option<Every>,
    /// The times of wakes in `timezone` instead, as a cron pattern of five fields.
    #[serde(deserialize_with = "parsed_option")]
    cron: Option<Cron>,
    /// Local hours without effects outside the home, like `23:00-07:00`.
    #[serde(deserialize_with = "parsed_option")]
    pub(crate) quiet: Option<Quiet>,
    /// The time zone of `cron` and `quiet` (IANA), default UTC.
    #[serde(deserialize_with = "parsed")]
    pub(crate) timezone: Tz,
    /// How long one wake may take, like `20m`.
    #[serde(deserialize_with = "parsed")]
    pub(crate) limit: Every,
    /// How long a server may take to answer, like `30s`.
    #[serde(deserialize_with = "parsed")]
    pub(crate) patience: Patience,
    /// How old a measured number may be, like `7d`, until measuring is proposed.
    #[serde(deserialize_with = "parsed")]
    pub(crate) measure_every: Days<1, 90>,
}

impl Default for Wake {
    fn default() -> Self {
        Self {
            every: None,
            cron: None,
            quiet: None,
            timezone: Tz::UTC,
            limit: Every::minutes(20),
            patience: Patience::default(),
            measure_every: Days::of(7),
        }
    }
}

impl Wake {
    /// When wakes come.
    pub(crate) fn schedule(&self) -> Schedule {
        match &self.cron {
            Some(cron) => Schedule::Cron(Box::new(cron.clone()), self.timezone),
            None => Schedule::Every(self.every.unwrap_or(Every::minutes(120))),
        }
    }

    /// What can't be meant.
    fn problem(&self) -> Option<&'static str> {
        (self.every.is_some() && self.cron.is_some()).then_some("`every` and `cron` say the same thing twice: keep one of them")
    }
}

/// `[model]`: who reads the lines that neither tags nor words explain.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Model {
    /// A name from the catalogue; `reader-en` is the one the program carries.
    pub(crate) name: String,
    /// A GGUF file of your own instead, with its heads beside it.
    pub(crate) path: Option<PathBuf>,
}

impl Default for Model {
    fn default() -> Self {
        Self { name: "reader-en".to_owned(), path: None }
    }
}

/// `[caps]`: the most effects, counted in the ledger, and the most reading of a wake.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Caps {
    /// Effects in 24 hours over all channels.
    pub(crate) day: u64,
    /// Effects in 24 hours on one channel.
    pub(crate) channel: u64,
    /// Effects in one wake: it does one thing.
    pub(crate) run: u64,
    /// Tokens that one wake may give to the encoder. A line has about twelve, so 200,000 are a list of 10,000 new lines and the
    /// newest 5,000 that the home's human corrected: more than anybody writes between two wakes.
    pub(crate) tokens: usize,
    /// Seconds of reading in one wake. Ten minutes, half of the usual `limit`, so that there is time left to do something; the
    /// slowest processor of the tables reads all those tokens in three.
    pub(crate) seconds: u64,
}

impl Caps {
    /// Which cap is reached, in words, by the effects of a day: on all channels, and on this one.
    pub(crate) fn reached(&self, today: u64, on_channel: u64, channel: Option<Channel>) -> Option<String> {
        match channel {
            _ if today >= self.day => Some(format!("{} effects a day", self.day)),
            Some(channel) if on_channel >= self.channel => Some(format!("{} effects a day on {}", self.channel, channel.title())),
            _ => None,
        }
    }
}

impl Default for Caps {
    fn default() -> Self {
        Self { day: 12, channel: 4, run: 1, tokens: 200_000, seconds: 600 }
    }
}

/// `[approve]`: what waits for a human's word.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Approve {
    /// Skills.
    pub(crate) skills: BTreeSet<Skill>,
    /// Channels.
    pub(crate) channels: BTreeSet<Channel>,
}

impl Settings {
    /// Reads the file's text; every problem has its line and column.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let unknown = keys::check(text)?;
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let settings: Settings = toml::from_str(text).map_err(|error| {
            let (line, column) = keys::place(text, error.span().map_or(0, |span| span.start));
            vec![Diagnostic::error(line, column, first_line(error.message()), "see docs/settings.md")]
        })?;
        settings
            .priors
            .problem()
            .map_or(Ok(()), |problem| Err(vec![Diagnostic::error(keys::line_of(text, "[priors]"), 1, problem, "see docs/settings.md")]))?;
        if let Some(problem) = settings.wake.problem() {
            return Err(vec![Diagnostic::error(keys::line_of(text, "[wake]"), 1, problem, "see docs/settings.md")]);
        }
        if let Some(problem) = settings.backup.problem() {
            return Err(vec![Diagnostic::error(keys::line_of(text, "[backup]"), 1, problem, "see docs/settings.md")]);
        }
        if let Some(problem) = settings.experiments.problem() {
            return Err(vec![Diagnostic::error(keys::line_of(text, "[experiments]"), 1, problem, "see docs/settings.md")]);
        }
        if let Some(problem) = settings.site.as_ref().and_then(Site::problem) {
            return Err(vec![Diagnostic::error(keys::line_of(text, "[site]"), 1, problem, "see docs/settings.md")]);
        }
        if let Some(problem) = settings.site.as_ref().and_then(|_| site::below_a_path(&settings.url)) {
            let (line, column) = keys::place_of(text, "url");
            return Err(vec![Diagnostic::error(line, column, problem, site::OWN_HOST)]);
        }
        if let Some(problem) = settings.answers.as_ref().and_then(Answers::problem) {
            return Err(vec![Diagnostic::error(keys::line_of(text, "[answers]"), 1, problem, "see docs/settings.md")]);
        }
        if let Some(problem) = settings.channels.email.as_ref().and_then(Email::problem) {
            return Err(vec![Diagnostic::error(keys::line_of(text, "[channels.email]"), 1, problem, "see docs/settings.md")]);
        }
        if settings.channels.email.is_none() && settings.notice.as_ref().is_some_and(|notice| notice.by == By::Email) {
            let problem = "a notice by mail needs [channels.email]";
            return Err(vec![Diagnostic::error(keys::line_of(text, "[notice]"), 1, problem, "see docs/settings.md")]);
        }
        Ok(settings)
    }

    /// The channels that are configured; the web is always one.
    pub(crate) fn configured(&self) -> BTreeSet<Channel> {
        let channels = &self.channels;
        let present = [
            (Channel::Web, true),
            (Channel::Mastodon, channels.mastodon.is_some()),
            (Channel::Bluesky, channels.bluesky.is_some()),
            (Channel::Email, channels.email.is_some()),
            (Channel::Hackernews, channels.hackernews.is_some()),
            (Channel::Reddit, channels.reddit.is_some()),
            (Channel::X, channels.x.is_some()),
            (Channel::Lobsters, channels.lobsters.is_some()),
            (Channel::Linkedin, channels.linkedin.is_some()),
        ];
        present.into_iter().filter(|(_, there)| *there).map(|(channel, _)| channel).collect()
    }

    /// Where a channel goes and as whom, for a person to recognise.
    pub(crate) fn describe(&self, channel: Channel) -> String {
        let channels = &self.channels;
        match channel {
            Channel::Web => self.url.to_string(),
            Channel::Mastodon => channels.mastodon.as_ref().map(|mastodon| mastodon.server.to_string()).unwrap_or_default(),
            Channel::Bluesky => {
                channels.bluesky.as_ref().map(|bluesky| format!("{} at {}", bluesky.handle, bluesky.service)).unwrap_or_default()
            }
            Channel::Email => {
                let user = |email: &Email| email.user.as_ref().map(|user| format!(" as {user}")).unwrap_or_default();
                channels.email.as_ref().map(|email| format!("{} through {}{}", email.from, email.smtp, user(email))).unwrap_or_default()
            }
            _ => "by hand".to_owned(),
        }
    }

    /// The secret of a channel, for those that have one.
    pub(crate) fn secret(&self, channel: Channel) -> Option<&Secret> {
        match channel {
            Channel::Mastodon => self.channels.mastodon.as_ref().map(|mastodon| &mastodon.token),
            Channel::Bluesky => self.channels.bluesky.as_ref().map(|bluesky| &bluesky.password),
            Channel::Email => self.channels.email.as_ref().and_then(|email| email.password.as_ref()),
            _ => None,
        }
    }

    /// Files that hold secrets, relative to the home or absolute: no backup takes them.
    pub(crate) fn secret_files(&self) -> Vec<PathBuf> {
        let dkim = self.channels.email.as_ref().and_then(|email| email.dkim.as_ref()).map(|dkim| &dkim.key);
        let mailbox = self.answers.as_ref().and_then(|answers| answers.password.as_ref());
        let all = Channel::ALL.into_iter().filter_map(|channel| self.secret(channel)).chain(dkim).chain(mailbox);
        all.filter_map(|secret| if let Secret::File(path) = secret { Some(path.clone()) } else { None }).collect()
    }

    /// The server that a channel's posts are on, for those that name one.
    pub(crate) fn server(&self, channel: Channel) -> Option<&Url> {
        match channel {
            Channel::Mastodon => self.channels.mastodon.as_ref().map(|mastodon| &mastodon.server),
            Channel::Bluesky => self.channels.bluesky.as_ref().map(|bluesky| &bluesky.service),
            _ => None,
        }
    }

    /// Hosts that a need may ask.
    pub(crate) fn allows_host(&self, host: &str) -> bool {
        let channels = &self.channels;
        let known = [
            Some(&self.url),
            channels.mastodon.as_ref().map(|mastodon| &mastodon.server),
            channels.bluesky.as_ref().map(|bluesky| &bluesky.service),
        ];
        known.into_iter().flatten().any(|url| url.host_str() == Some(host)) || self.hosts.iter().any(|allowed| allowed == host)
    }
}

/// Every `file = "…"` of settings that may be wrong elsewhere: no backup takes them. `None` when they are no TOML at all.
pub(crate) fn secret_files_alone(text: &str) -> Option<Vec<PathBuf>> {
    fn look(value: &toml::Value, found: &mut Vec<PathBuf>) {
        match value {
            toml::Value::Table(table) => {
                found.extend(table.get("file").and_then(toml::Value::as_str).map(PathBuf::from));
                table.values().for_each(|value| look(value, found));
            }
            toml::Value::Array(values) => values.iter().for_each(|value| look(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    look(&toml::Value::Table(toml::from_str(text).ok()?), &mut found);
    Some(found)
}

/// Messages of the parser may go on over lines that show the source; only the first one is ours to show, without the value that an
/// address repeats.
pub(crate) fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim_end_matches('.');
    line.split_once(": \"").map_or(line, |(what, _)| what).to_owned()
}

fn english() -> String {
    "en".to_owned()
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a mail address or a list of them")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(from)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

fn parsed<'de, D: Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

fn parsed_option<'de, D: Deserializer<'de>, T: std::str::FromStr<Err: std::fmt::Display>>(from: D) -> Result<Option<T>, D::Error> {
    parsed(from).map(Some)
}
