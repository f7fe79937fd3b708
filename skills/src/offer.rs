//! What each skill says of a task: whether the program can do it, and what must be there first. And what the skills
//! propose by themselves: only what the author has already decided.
//!
//! Must stay true: a task line can't name a channel that the settings do not have; nobody proposes mail unless the author
//! wrote `mail: true`.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use reveille_mission::experiment::{Asked, Kind, asked};
use reveille_mission::{Channel, Issue, Need, Offer, Reading, Shelf, Skill, Source, Stage, Subject, Tags, Task, TaskId, Who, silent_days};

/// For how long after its publication an issue is proposed for telling, in days.
const FRESH_DAYS: i64 = 14;

/// Where telling an issue on a channel stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Not at all.
    NotYet,
    /// A text lies in the outbox for a person to post.
    Prepared,
    /// It has begun and is not at its end: a letter takes several wakes.
    UnderWay,
    /// It was told.
    Done {
        /// The proof of the last telling.
        proof: String,
        /// How many tellings are proved.
        tellings: usize,
        /// When the last one went out; one that nobody can tell of counts as well.
        last_at: DateTime<Utc>,
        /// A text for one more telling lies in the outbox for a person to post.
        prepared: bool,
    },
}

/// What the skills look at.
pub struct View<'a> {
    /// Issues and drafts.
    pub shelf: &'a Shelf,
    /// The channels that the settings have; the web is always one of them.
    pub configured: &'a BTreeSet<Channel>,
    /// Where telling an issue (by stable id) on a channel stands.
    pub told: &'a dyn Fn(&str, Channel) -> Told,
}

/// What the program can do with a task.
pub fn offer(task: &Task, reading: &Reading, view: &View<'_>) -> Offer {
    match asked(&task.text) {
        Some(Asked::On(Kind::Subject)) => {
            return by_person("write `subjects: [\"One\", \"Another\"]` into the draft: its letter is then the experiment");
        }
        Some(Asked::On(Kind::Headline)) => {
            return by_person("write the headlines into experiments/NAME.toml, see docs/site.md: the site then shares them out");
        }
        Some(Asked::OnSomething) => return by_person("the program tries subject lines and headlines only"),
        None => {}
    }
    match (reading.skill, reading.channel) {
        (Some(Skill::Publish), None | Some(Channel::Web)) if rest_is_yours(task, reading, view) => {
            by_person("that issue is out already; what else the line means is yours")
        }
        (Some(Skill::Publish), None | Some(Channel::Web)) => match is_out_already(reading, view.shelf) {
            Some(issue) => {
                by_person(&format!("{} is this very draft, published already: delete the draft, or give it another title", issue.name()))
            }
            None => Offer::Can { needs: vec![Need::Subject] },
        },
        (Some(Skill::Publish), Some(Channel::Email)) => tell(task, reading, Channel::Email, view),
        (Some(Skill::Distribute), None | Some(Channel::Web)) => by_person("the line names no channel that the program can post to"),
        (Some(Skill::Publish | Skill::Distribute), Some(channel)) => tell(task, reading, channel, view),
        // Only when the human says so outright: most measuring means looking at a page or a server, which it can't yet.
        (Some(Skill::Measure), _) if task.tags.skill == Some(Skill::Measure) => Offer::Can { needs: vec![] },
        (Some(Skill::Measure), _) => by_person("the program counts drafts, issues and readers; trying things out is yours"),
        (Some(Skill::Compose), _) => by_person("the writing is yours"),
        (Some(Skill::Engage), _) => by_person("talking with people is yours"),
        (Some(Skill::Onboard), _) => by_person("trying the way in is yours: subscribe once as a reader would"),
        (Some(Skill::Retain), Some(Channel::Email)) if reading.who == Some(Who::Subscribers) => win_back(task, view),
        (Some(Skill::Retain), _) => by_person("the program wins back readers by mail, and only readers of the letter; this is yours"),
        (Some(Skill::Sell), _) => by_person("prices and checkout are yours"),
        (Some(Skill::Maintain), _) => by_person("upkeep is yours"),
        (None, _) => by_person("only you can do this"),
    }
}

/// A line about an issue that is out, and no exact order: a correction, an audio version, a teaser.
fn rest_is_yours(task: &Task, reading: &Reading, view: &View<'_>) -> bool {
    let published = |id: &String| view.shelf.by_id(id).is_some_and(|issue| issue.stage == Stage::Published);
    !task.is_order() && matches!(&reading.subject, Subject::One(id) if published(id))
}

/// The published issue that a draft is once more: an editor saved it again, or a backup brought it back. Its title says so, with its
/// number or, where one has none, its other words.
fn is_out_already<'a>(reading: &Reading, shelf: &'a Shelf) -> Option<&'a Issue> {
    let Subject::One(id) = &reading.subject else { return None };
    let draft = shelf.by_id(id).filter(|draft| draft.stage != Stage::Published)?;
    let words = |issue: &Issue| (issue.summary.clone(), issue.hooks.clone(), issue.tags.clone());
    let is_same = |issue: &&Issue| match (issue.number, draft.number) {
        (Some(one), Some(other)) => one == other,
        _ => words(issue) == words(draft),
    };
    shelf.published().filter(|issue| issue.title.trim().eq_ignore_ascii_case(draft.title.trim())).find(is_same)
}

fn by_person(why: &str) -> Offer {
    Offer::HumanOnly { why: why.to_owned(), by_hand: None }
}

/// Why the program can't, and, when no text can be prepared for the line names no single issue, why that is so.
fn only_a_person(channel: Channel, subject: &Subject) -> String {
    let why = format!("only a person may post on {}", channel.title());
    match (subject, subject.unsettled()) {
        (Subject::None, _) | (_, None) => why,
        (_, Some((unsettled, how))) => format!("{why}; no text is prepared, for {unsettled}; {how}"),
    }
}

fn tell(task: &Task, reading: &Reading, channel: Channel, view: &View<'_>) -> Offer {
    if !view.configured.contains(&channel) {
        return Offer::Can { needs: vec![Need::Configured(channel)] };
    }
    let subject = match &reading.subject {
        Subject::One(id) => view.shelf.by_id(id),
        _ => None,
    };
    if channel.person_only() {
        let by_hand =
            subject.filter(|issue| issue.stage == Stage::Published).map(|issue| Need::PostedByHand { channel, issue: issue.id.clone() });
        return Offer::HumanOnly { why: only_a_person(channel, &reading.subject), by_hand };
    }
    if channel == Channel::Email && task.asks_again() {
        return by_person("readers get a letter once; sending it again is yours");
    }
    if !task.is_order() && subject.is_some_and(|issue| matches!((view.told)(&issue.id, channel), Told::Done { .. })) {
        return by_person("that issue was told there already; what else the line means is yours");
    }
    let mut needs = vec![Need::Configured(channel), Need::Credential(channel), Need::Subject];
    if let Some(issue) = subject {
        if issue.stage != Stage::Published {
            needs.push(Need::Published(issue.id.clone()));
        }
        let waits = match (view.told)(&issue.id, channel) {
            Told::Prepared => true,
            Told::Done { prepared, .. } => prepared && task.asks_again(),
            Told::NotYet | Told::UnderWay => false,
        };
        if waits {
            needs.push(Need::PostedByHand { channel, issue: issue.id.clone() });
        }
    }
    Offer::Can { needs }
}

/// Writing to silent readers: first it is to be known who they are, then there must be the author's letter to them.
fn win_back(task: &Task, view: &View<'_>) -> Offer {
    let mut needs = vec![Need::Heard, Need::WinBack(silent_days(&task.text)), Need::Configured(Channel::Email)];
    if view.configured.contains(&Channel::Email) {
        needs.push(Need::Credential(Channel::Email));
    }
    Offer::Can { needs }
}

/// What the skills propose: drafts that the author released, and fresh issues where they have not been told.
pub fn propose(view: &View<'_>, today: NaiveDate) -> Vec<Task> {
    let drafts =
        view.shelf.ready().map(|draft| proposal(Skill::Publish, Channel::Web, Who::Strangers, draft, format!("Publish {}", draft.name())));
    let is_fresh = |issue: &Issue| issue.date.is_some_and(|date| date <= today && today - date <= TimeDelta::days(FRESH_DAYS));
    let tellings = view.shelf.published().flat_map(move |issue| {
        let channels = view.configured.iter().copied().filter(|channel| *channel != Channel::Web);
        let wanted = move |channel: &Channel| match (view.told)(&issue.id, *channel) {
            Told::Done { .. } => false,
            // What has begun is brought to its end, however long it takes.
            Told::UnderWay => true,
            Told::NotYet | Told::Prepared => is_fresh(issue) && (*channel != Channel::Email || issue.mail),
        };
        channels.filter(wanted).map(|channel| match channel {
            Channel::Email => proposal(Skill::Publish, channel, Who::Subscribers, issue, format!("Send {} to the readers", issue.name())),
            _ => proposal(Skill::Distribute, channel, Who::Strangers, issue, format!("Tell {} on {}", issue.name(), channel.title())),
        })
    });
    drafts.chain(tellings).collect()
}

/// Measuring, proposed when a channel is due (see [`crate::measure::due`]): what is learned decides where the next post goes. It is
/// for strangers on no channel in particular, so that a dead channel can't keep the others from being measured.
pub fn propose_measuring() -> Task {
    let text = "Measure which channel brings people".to_owned();
    let tags = Tags { who: Some(Who::Strangers), skill: Some(Skill::Measure), ..Tags::default() };
    Task { id: TaskId::of_words(&text, 0), text, tags, source: Source::Skill(Skill::Measure), problems: vec![], content: String::new() }
}

fn proposal(skill: Skill, channel: Channel, who: Who, issue: &Issue, text: String) -> Task {
    let tags = Tags { who: Some(who), skill: Some(skill), channel: Some(channel), issue: Some(issue.id.clone()), ..Tags::default() };
    // The id goes by what is meant, so that a reworded title is the same proposal.
    let id = TaskId::of_words(&format!("{skill} {channel} {}", issue.id), 0);
    Task { id, text, tags, source: Source::Skill(skill), problems: vec![], content: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reveille_mission::{GreyZone, read};

    fn issue(number: u32, stage: Stage, date: &str) -> Issue {
        Issue {
            id: format!("id-{number}"),
            number: Some(number),
            title: format!("Title {number}"),
            slug: format!("title-{number}"),
            date: date.parse().ok(),
            summary: None,
            hooks: vec![],
            tags: vec![],
            mail: number == 45,
            thread: false,
            stage,
            path: format!("issues/{number}.md"),
        }
    }

    fn shelf() -> Shelf {
        Shelf {
            issues: vec![
                issue(44, Stage::Published, "2026-11-01"),
                issue(45, Stage::Published, "2026-11-10"),
                issue(46, Stage::Ready, ""),
                issue(47, Stage::Draft, ""),
            ],
        }
    }

    fn task(text: &str, tags: Tags) -> Task {
        Task {
            id: TaskId::of_words(text, 0),
            text: text.into(),
            tags,
            source: Source::Progress { line: 1 },
            problems: vec![],
            content: String::new(),
        }
    }

    fn done(prepared: bool) -> Told {
        Told::Done { proof: "there".into(), tellings: 1, last_at: DateTime::UNIX_EPOCH, prepared }
    }

    #[test]
    fn an_issue_is_told_again_only_by_an_exact_order_that_says_so() {
        let shelf = shelf();
        let configured = BTreeSet::from([Channel::Mastodon, Channel::Email, Channel::Hackernews]);
        let told = |id: &str, _| if id == "id-44" { done(true) } else { done(false) };
        let view = View { shelf: &shelf, configured: &configured, told: &told };
        for (text, expected) in [
            ("Post issue 45 to Mastodon", "settings:mastodon credential:mastodon issue"),
            ("Post issue 45 to Mastodon again", "settings:mastodon credential:mastodon issue"),
            ("Post issue 44 to Mastodon", "settings:mastodon credential:mastodon issue"),
            ("Repost issue 44 to Mastodon", "settings:mastodon credential:mastodon issue posted:mastodon"),
            ("Post issue 45 to Mastodon for Ann again", "that issue was told there already; what else the line means is yours"),
            ("Re-post issue 45 on Hacker News", "only a person may post on Hacker News"),
        ] {
            let task = task(text, Tags { skill: None, ..Tags::default() });
            let reading = read(&task, None, GreyZone::default(), &shelf, "2026-11-20".parse().expect("a date"));
            assert_eq!(reading.subject, Subject::One(if text.contains("44") { "id-44" } else { "id-45" }.into()), "{text}");
            let offered = match offer(&task, &reading, &view) {
                Offer::Can { needs } => needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
                Offer::HumanOnly { why, .. } => why,
            };
            assert_eq!(offered, expected, "{text}");
        }
        let by_tag = task("Post issue 45 again", Tags { channel: Some(Channel::Email), skill: Some(Skill::Publish), ..Tags::default() });
        let reading = read(&by_tag, None, GreyZone::default(), &shelf, "2026-11-20".parse().expect("a date"));
        assert!(matches!(offer(&by_tag, &reading, &view), Offer::HumanOnly { .. }), "no letter goes out twice");
    }

    #[test]
    fn every_need_of_a_telling_is_named() {
        let shelf = shelf();
        let configured = BTreeSet::from([Channel::Web, Channel::Mastodon, Channel::Hackernews]);
        let prepared = |id: &str, _| if id == "id-44" { Told::Prepared } else { Told::NotYet };
        let view = View { shelf: &shelf, configured: &configured, told: &prepared };
        let needs = |text: &str| {
            let task = task(text, Tags::default());
            match offer(&task, &read(&task, None, GreyZone::default(), &shelf, "2026-11-20".parse().expect("a date")), &view) {
                Offer::Can { needs } => needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
                Offer::HumanOnly { why, by_hand } => format!("human: {why}; {}", by_hand.map(|need| need.to_string()).unwrap_or_default()),
            }
        };
        for (text, expected) in [
            ("Post issue 45 to Mastodon", "settings:mastodon credential:mastodon issue"),
            ("Post issue 44 to Mastodon", "settings:mastodon credential:mastodon issue posted:mastodon"),
            ("Post issue 46 to Mastodon", "settings:mastodon credential:mastodon issue published:id-46"),
            ("Post issue 45 to Bluesky", "settings:bluesky"),
            ("Submit issue 45 to Hacker News", "human: only a person may post on Hacker News; posted:hackernews"),
            ("Publish draft 46", "issue"),
            ("Refactor the queue", "human: only you can do this; "),
            ("Win back readers silent for 60 days", "heard retain:60 settings:email"),
        ] {
            assert_eq!(needs(text), expected, "{text}");
        }
    }

    #[test]
    fn only_what_the_author_decided_is_proposed() {
        let shelf = shelf();
        let configured = BTreeSet::from([Channel::Web, Channel::Mastodon, Channel::Email]);
        let told = |id: &str, _| if id == "id-44" { done(false) } else { Told::NotYet };
        let view = View { shelf: &shelf, configured: &configured, told: &told };
        let texts = |today: &str| propose(&view, today.parse().expect("a date")).into_iter().map(|task| task.text).collect::<Vec<_>>();
        assert_eq!(texts("2026-11-12"), ["Publish draft 46 “Title 46”", "Tell issue 45 on Mastodon", "Send issue 45 to the readers"]);
        assert_eq!(texts("2026-12-24"), ["Publish draft 46 “Title 46”"]);
        assert_eq!(texts("2026-11-05"), ["Publish draft 46 “Title 46”"], "an issue of the future is not told");
    }
}
