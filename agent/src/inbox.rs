//! Fetching answers in a wake: from each source in turn, bounded in time, and what of them is shown.
//!
//! Must stay true: an answer is data: it is shown as a quotation and is never a task, an order or a setting; fetching changes nothing
//! outside the home, is no pick, fails no wake; a source that failed is left alone for a while, one that refused its credential until
//! that changes, and either is said once.

mod shown;
mod trouble;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use reveille_memory::{Memory, RunId};
use reveille_mission::{Channel, NeedState, Shelf};
use reveille_skills::answers::imap::{Mailbox, MailboxAt};
use reveille_skills::answers::{GatherError, Gathered, Inbox, Source, gather, survey};
use reveille_skills::channels::Fault;

use crate::connect;
use crate::credential;
use crate::failure::{OrFail, Outcome};
use crate::observe::{Scene, credential_now};
use crate::settings::Settings;

use trouble::Troubles;

pub(crate) use shown::{section, shown_line};

/// How long one server may take for one answer: nothing waits for it but the end of the wake.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a look into a mailbox may take.
const MAILBOX: Duration = Duration::from_secs(30);

/// After this no other source is begun.
const ALL: Duration = Duration::from_secs(60);

/// Where answers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Network(Channel),
    Mailbox,
}

impl Origin {
    fn name(self) -> String {
        match self {
            Origin::Network(channel) => channel.to_string(),
            Origin::Mailbox => "mailbox".to_owned(),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Origin::Network(channel) => channel.title(),
            Origin::Mailbox => "the mailbox",
        }
    }
}

/// Fetches what came in, if the settings say so, and looks whether letters can ask the survey of the home. What there is to say, in
/// sentences.
pub(crate) fn fetch(scene: &Scene<'_>, memory: &mut Memory, run: RunId, shelf: &Shelf, stopped: &dyn Fn() -> bool) -> Vec<String> {
    let mut notes = Vec::new();
    if let Err(error) = survey::in_home(scene.home.root()) {
        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        notes.push(format!("{error}{hint}"));
    }
    let fetched = fetch_all(scene, memory, run, shelf, stopped);
    notes.extend(fetched.unwrap_or_else(|failure| vec![format!("answers were not fetched: {}", failure.with_hint())]));
    notes
}

fn fetch_all(scene: &Scene<'_>, memory: &mut Memory, run: RunId, shelf: &Shelf, stopped: &dyn Fn() -> bool) -> Outcome<Vec<String>> {
    let mut troubles = Troubles::read(memory)?;
    let before = troubles.clone();
    let (mut notes, begun) = (Vec::new(), Instant::now());
    let sources = sources(scene.settings);
    troubles.keep_only(&sources.iter().map(|from| from.name()).collect());
    for from in sources {
        if stopped() || begun.elapsed() > ALL {
            break;
        }
        let mark = mark(scene, from);
        if !troubles.lets(&from.name(), &mark, scene.now) || !is_ready(scene, memory, from)? {
            continue;
        }
        let inbox = Inbox { home: scene.home.root(), shelf, run, now: scene.now };
        match one(scene, memory, inbox, from) {
            Ok(gathered) => {
                troubles.over(&from.name());
                notes.extend(gathered.notes);
            }
            Err(why) => {
                tracing::info!("answers from {}: {}", from.title(), why.words);
                let said = format!("answers from {} can't be fetched: {}", from.title(), why.words);
                notes.extend(troubles.add(&from.name(), &mark, why, scene.now).then_some(said));
            }
        }
    }
    if troubles != before {
        troubles.keep(memory)?;
    }
    Ok(notes)
}

/// The sources of the settings; none without `[answers]`.
fn sources(settings: &Settings) -> Vec<Origin> {
    let Some(answers) = &settings.answers else { return vec![] };
    let configured = settings.configured();
    let networks = [Channel::Mastodon, Channel::Bluesky].into_iter().filter(|channel| configured.contains(channel));
    networks.map(Origin::Network).chain(answers.imap.as_ref().map(|_| Origin::Mailbox)).collect()
}

/// The sources in trouble, a line each: those of the settings, where they are known.
pub(crate) fn trouble(memory: &Memory, settings: Option<&Settings>) -> Outcome<Vec<String>> {
    let mut troubles = Troubles::read(memory)?;
    if let Some(settings) = settings {
        troubles.keep_only(&sources(settings).into_iter().map(Origin::name).collect());
    }
    Ok(troubles.lines())
}

/// A channel that lacks its credential, or whose credential was refused, is asked for elsewhere.
fn is_ready(scene: &Scene<'_>, memory: &Memory, from: Origin) -> Outcome<bool> {
    match from {
        Origin::Network(channel) => Ok(credential_now(scene, Some(memory), channel)? == NeedState::Met),
        Origin::Mailbox => Ok(true),
    }
}

fn mark(scene: &Scene<'_>, from: Origin) -> String {
    match from {
        Origin::Network(channel) => credential::mark(scene, Some(channel)),
        Origin::Mailbox => credential::mark_of_mailbox(scene),
    }
}

/// Looks at one source.
fn one(scene: &Scene<'_>, memory: &mut Memory, inbox: Inbox<'_>, from: Origin) -> Result<Gathered, trouble::Why> {
    let (settings, home, environment) = (scene.settings, scene.home, scene.environment);
    let patience = settings.wake.patience.duration();
    let gathered = match from {
        Origin::Network(channel) => {
            let connection = connect::connect_within(settings, home, environment, channel, patience.min(PATIENCE));
            let connection = connection.map_err(|failure| trouble::Why::later(failure.with_hint()))?;
            gather(inbox, memory, Source::Account(&connection), &settings.describe(channel))
        }
        Origin::Mailbox => {
            let mailbox = connect::mailbox(settings, home, environment, patience.min(MAILBOX));
            let mailbox = mailbox.map_err(|failure| trouble::Why::later(failure.with_hint()))?;
            let name = mailbox.name();
            gather(inbox, memory, Source::Mailbox(&mailbox), &name)
        }
    };
    gathered.map_err(|error| why(scene, from, error))
}

/// What went wrong, without a secret that a server repeated.
fn why(scene: &Scene<'_>, from: Origin, error: GatherError) -> trouble::Why {
    match error {
        GatherError::Fault(Fault::RateLimited { until, why, .. }) => trouble::Why { until: Some(until), ..trouble::Why::later(why) },
        GatherError::Fault(fault) => {
            let words = match from {
                Origin::Network(channel) => credential::said(scene, channel, &fault),
                Origin::Mailbox => fault.to_string(),
            };
            match fault {
                Fault::Credential { .. } => trouble::Why { refused: true, ..trouble::Why::later(format!("{words} ({})", mend(from))) },
                _ => trouble::Why::later(words),
            }
        }
        GatherError::Disk(error) => {
            let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
            trouble::Why::later(format!("{error}{hint}"))
        }
        GatherError::Memory(error) => trouble::Why::later(error.to_string()),
    }
}

/// What would make a refused credential a good one; posting may go on with it as it is.
fn mend(from: Origin) -> &'static str {
    match from {
        Origin::Network(Channel::Mastodon) => "its token has to be allowed to read notifications: scope `read` or `read:notifications`",
        Origin::Network(_) => "`reveille channel check` says whether its credential is still good",
        Origin::Mailbox => "correct `user` or `password` of [answers]; it is not tried again until that changes",
    }
}

/// The mailbox of the settings, when there is one: for [`connect::mailbox`].
pub(crate) fn mailbox_at(scene_settings: &Settings, root: &std::path::Path) -> Option<Unopened> {
    let answers = scene_settings.answers.as_ref()?;
    let mut own = scene_settings.owner.clone();
    // `Name <address>`, or the address alone.
    let address = |text: &str| text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>')).to_owned();
    own.extend(scene_settings.channels.email.as_ref().map(|email| address(&email.from)));
    Some(Unopened {
        address: answers.imap.clone()?,
        user: answers.user.clone()?,
        ca: answers.ca.as_ref().map(|ca| root.join(ca)),
        folder: answers.folder.clone(),
        own,
    })
}

/// A mailbox without its password.
pub(crate) struct Unopened {
    address: url::Url,
    user: String,
    ca: Option<PathBuf>,
    folder: String,
    own: Vec<String>,
}

impl Unopened {
    /// With its password.
    ///
    /// # Errors
    /// The settings can't be used.
    pub(crate) fn open(self, password: secrecy::SecretString, patience: Duration) -> Result<Mailbox, Fault> {
        let Self { address, user, ca, folder, own } = self;
        Mailbox::new(MailboxAt { address, user, password, ca, folder, own, patience })
    }
}

/// How many answers there are, and how many of them the last wake found; nothing where there never was one.
pub(crate) fn counts(memory: &Memory) -> Outcome<Option<(u32, u32)>> {
    let last = memory.last_run().or_fail()?.map(|run| run.id);
    let counts = memory.answer_counts(last).or_fail()?;
    Ok(Some(counts).filter(|(all, _)| *all > 0))
}

#[cfg(test)]
mod tests;
