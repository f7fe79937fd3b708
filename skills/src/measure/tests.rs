//! Measuring without a server: which posts there are, what they come to, when a channel is due, what is kept and how it looks.
//! Asking real sockets is tested in `tests/suite/channels/hackernews.rs`.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{EffectId, EvidenceRow, FactRow, Key, Memory, NewEffect, NewRun, RunId, Standing};
use reveille_mission::{Channel, Priors};

use super::*;
use crate::channels::Receipt;

const WEEK: TimeDelta = TimeDelta::days(7);

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().expect("a time")
}

fn ago(hours: i64) -> DateTime<Utc> {
    now() - TimeDelta::hours(hours)
}

struct Kept {
    _folder: tempfile::TempDir,
    memory: Memory,
    run: RunId,
}

fn kept() -> Kept {
    let folder = tempfile::tempdir().expect("a folder");
    let mut memory = Memory::open(&folder.path().join("a.db"), now()).expect("made");
    let new = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run = memory.begin_run(&new).expect("begun");
    Kept { _folder: folder, memory, run }
}

impl Kept {
    fn intend(&mut self, issue: &str, channel: &str, part: &str, recipient: &str, text: &str, at: DateTime<Utc>) -> Standing {
        let key = Key { issue: issue.into(), channel: channel.into(), part: part.into(), recipient: recipient.into() };
        self.memory.intend(&NewEffect { key, text: text.into(), token: "t".into(), run: self.run }, at).expect("intended")
    }

    /// A post that was sent and proved.
    fn sent(&mut self, issue: &str, channel: &str, part: &str, at: DateTime<Utc>) -> EffectId {
        let Standing::Intended(effect) = self.intend(issue, channel, part, "", "words", at) else { panic!("it is new") };
        let id = effect.id();
        let receipt = Receipt {
            kind: "status".into(),
            place: format!("https://social.example/{issue}"),
            id: format!("server-{issue}-{part}"),
            cid: None,
            text: "words".into(),
            fetched_at: at,
        };
        effect.send(&mut self.memory, at).expect("let go").confirm(&mut self.memory, &[receipt.row()], at).expect("confirmed");
        id
    }

    /// A post that a human made.
    fn by_hand(&mut self, issue: &str, text: &str, address: &str, at: DateTime<Utc>) -> EffectId {
        let Standing::Intended(effect) = self.intend(issue, "hackernews", "post", "", text, at) else { panic!("it is new") };
        let id = effect.id();
        let proof = EvidenceRow { kind: "human".into(), place: address.into(), sha256: None, text: None, fetched_at: at };
        effect.await_human(&mut self.memory, at).expect("waits").confirm(&mut self.memory, &[proof], at).expect("confirmed");
        id
    }

    /// A post on a channel where only a human posts.
    fn confirmed(&mut self, issue: &str, channel: &str, part: &str, at: DateTime<Utc>) {
        let Standing::Intended(effect) = self.intend(issue, channel, part, "", "words", at) else { panic!("it is new") };
        let proof = EvidenceRow { kind: "human".into(), place: "https://a.example/".into(), sha256: None, text: None, fetched_at: at };
        effect.await_human(&mut self.memory, at).expect("waits").confirm(&mut self.memory, &[proof], at).expect("confirmed");
    }

    fn facts(&mut self, facts: &[(&str, u64)], at: DateTime<Utc>) {
        let row = |(key, value): &(&str, u64)| FactRow {
            key: (*key).to_owned(),
            value_json: value.to_string(),
            source: "s".into(),
            measured_at: at,
        };
        self.memory.record_facts(&facts.iter().map(row).collect::<Vec<_>>(), self.run).expect("kept");
    }
}

#[test]
fn the_posts_are_those_that_the_ledger_proves() {
    let mut kept = kept();
    let old = kept.sent("40", "mastodon", "post", ago(24 * 31));
    let told = kept.sent("45", "mastodon", "post", ago(30));
    let again = kept.sent("45", "mastodon", "again1", ago(20));
    let item = kept.by_hand("45", "Title\nhttps://n.example/issues/045", "https://news.ycombinator.com/item?id=4242", ago(50));
    let link = kept.by_hand("44", "Title\nhttps://n.example/issues/044", "https://n.example/elsewhere", ago(40));
    kept.sent("45", "web", "page", ago(30));
    let _ = kept.intend("46", "mastodon", "post", "", "never sent", ago(1));
    kept.facts(&[(&format!("post.{}.replies", told.0), 3), (&format!("post.{}.gone", again.0), 1)], ago(2));
    let posts = posts(&kept.memory, now()).expect("read");
    assert!(posts.iter().all(|post| post.effect != old), "30 days are measured");
    let shown: Vec<(EffectId, &Name, &str, bool)> =
        posts.iter().map(|post| (post.effect, &post.name, post.telling.as_str(), post.gone)).collect();
    let id = |id: &str| Name::Id(id.to_owned());
    // Those that nobody has looked at come first, the oldest before the newer.
    assert_eq!(
        shown,
        [
            (item, &id("4242"), "post", false),
            (link, &Name::Link("https://n.example/issues/044".parse().expect("an address")), "post", false),
            (told, &id("server-45-post"), "post", false),
            (again, &id("server-45-again1"), "again1", true),
        ]
    );
    assert_eq!(posts[2].counted, Some((ago(2), BTreeMap::from([(Counter::Replies, 3)]))));
    assert_eq!((posts[3].looked_at, posts[3].counted.is_none()), (Some(ago(2)), true));
}

fn post(effect: i64, part: &str, made_at: DateTime<Utc>, counted: Option<(DateTime<Utc>, u64)>) -> MadePost {
    MadePost {
        effect: EffectId(effect),
        channel: Channel::Mastodon,
        issue: "45".into(),
        telling: part.split('/').next().unwrap_or_default().into(),
        name: Name::Id(effect.to_string()),
        made_at,
        looked_at: counted.map(|(at, _)| at),
        counted: counted.map(|(at, replies)| (at, BTreeMap::from([(Counter::Replies, replies)]))),
        gone: false,
    }
}

#[test]
fn sums_are_of_posts_that_were_a_day_old_when_they_were_counted() {
    let of = |posts: &[MadePost]| {
        let sums = sums(posts, Channel::Mastodon);
        (sums.posts, sums.engagements, sums.oldest)
    };
    assert_eq!(of(&[]), (0, 0, None));
    assert_eq!(of(&[post(1, "post", ago(100), None)]), (0, 0, None), "never counted is not zero");
    assert_eq!(of(&[post(1, "post", ago(23), Some((now(), 0)))]), (0, 0, None), "too fresh to say anything");
    assert_eq!(of(&[post(1, "post", ago(100), Some((ago(80), 9)))]), (0, 0, None), "its only count was made too soon");
    let two = [post(1, "post", ago(100), Some((ago(10), 9))), post(2, "again1", ago(24), Some((now(), 0)))];
    assert_eq!(of(&two), (2, 9, Some(ago(10))), "the sums are as old as their oldest part");
    let thread = [
        post(1, "post/1", ago(100), Some((now(), 4))),
        post(2, "post/2", ago(100), Some((now(), 1))),
        post(3, "post/3", ago(100), Some((now(), 0))),
    ];
    assert_eq!(of(&thread), (1, 3, Some(now())), "a thread is one telling, and its own replies are nobody's");
    assert_eq!(sums(&thread, Channel::Bluesky), Sums::default());
    let counts = BTreeMap::from([(Counter::Points, 5), (Counter::Comments, 2)]);
    assert_eq!((engaged(&counts), engaged(&BTreeMap::from([(Counter::Points, 0)]))), (6, 0));
}

#[test]
fn a_channel_is_due_once_a_period_and_once_after_a_post() {
    let round = |began: i64, open: bool, not_before: Option<i64>| {
        Some(Round { began_at: ago(began), open, not_before: not_before.map(|hours| now() + TimeDelta::hours(hours)) })
    };
    let made = |hours: i64| vec![post(1, "post", ago(hours), None)];
    for (last, posts, account, expected) in [
        (None, vec![], true, Some(Due::Stale)),
        (None, vec![], false, None),
        (None, made(2), false, None),
        (None, made(25), false, Some(Due::Stale)),
        (round(24 * 7, false, None), vec![], true, Some(Due::Stale)),
        (round(24 * 7 - 1, false, None), vec![], true, None),
        (round(30, false, None), made(23), true, None),
        (round(30, false, None), made(25), true, Some(Due::Ripe)),
        (round(30, false, None), made(47), true, Some(Due::Ripe)),
        (round(1, false, None), made(25), true, None),
        (round(30, false, None), made(49), true, None),
        (round(5, true, Some(1)), made(100), true, None),
        (round(5, true, Some(0)), made(100), true, Some(Due::Unfinished)),
        (round(5, true, None), made(100), true, Some(Due::Unfinished)),
        // What a server forbids until a time is not asked before, however old the round is.
        (round(24 * 8, true, Some(1)), made(100), true, None),
    ] {
        assert_eq!(due(last.as_ref(), &posts, account, WEEK, now()), expected, "{last:?} {posts:?} {account}");
    }
}

#[test]
fn what_can_not_be_fetched_keeps_its_value_and_says_how_old_it_is() {
    let mut kept = kept();
    kept.facts(&[("mastodon.followers", 120), ("mastodon.posts", 4)], ago(24 * 9));
    let why = "the credential is not there";
    let measured = not_connected(&mut kept.memory, Channel::Mastodon, why, WEEK, now()).expect("kept");
    assert_eq!(measured.learned, "");
    assert_eq!(
        measured.notes,
        [
            "measuring Mastodon: the credential is not there; the last numbers stay: 120 followers as of 9 days ago, 4 measured posts as of 9 days ago"
        ]
    );
    let followers = kept.memory.latest_facts().expect("read").into_iter().find(|fact| fact.key == "mastodon.followers").expect("there");
    assert_eq!((followers.value_json.as_str(), followers.measured_at), ("120", ago(24 * 9)));
    let round = Round::last(&kept.memory, Channel::Mastodon).expect("read").expect("there");
    assert_eq!(due(Some(&round), &[], true, WEEK, now() + TimeDelta::hours(2)), None, "not by every wake");
    assert_eq!(due(Some(&round), &[], true, WEEK, now() + TimeDelta::hours(21)), Some(Due::Unfinished));
    for (hours, expected) in [(0, "less than an hour ago"), (1, "an hour ago"), (47, "47 hours ago"), (48, "2 days ago")] {
        assert_eq!(age(TimeDelta::hours(hours)), expected);
    }
}

#[test]
fn mails_are_counted_by_the_ledger() {
    let mut kept = kept();
    for (reader, end) in [("a", "there"), ("b", "there"), ("c", "refused"), ("d", "waits")] {
        let Standing::Intended(mail) = kept.intend("45", "email", "letter", reader, "m", now()) else { panic!("it is new") };
        if end == "waits" {
            continue;
        }
        let sending = mail.send(&mut kept.memory, now()).expect("let go");
        match end {
            "refused" => sending.refuse(&mut kept.memory, "550", now()).expect("refused"),
            _ => {
                let proof = EvidenceRow { kind: "smtp".into(), place: "250".into(), sha256: None, text: None, fetched_at: now() };
                sending.confirm(&mut kept.memory, &[proof], now()).expect("confirmed");
            }
        }
    }
    let run = kept.run;
    let measured = measure_mail(&mut kept.memory, run, WEEK, now()).expect("kept");
    assert_eq!(measured.learned, "mail: 2 delivered, 1 bounced");
    let facts = kept.memory.latest_facts().expect("read");
    let value = |key: &str| facts.iter().find(|fact| fact.key == key).map(|fact| fact.value_json.clone());
    assert_eq!((value(DELIVERED), value(BOUNCED)), (Some("2".to_owned()), Some("1".to_owned())));
}

#[test]
fn the_trend_of_two_weeks_is_a_line_of_bars() {
    let mut kept = kept();
    for day in 0..=14i64 {
        let at = ago(24 * (14 - day));
        let posts = day.unsigned_abs() * 2;
        kept.facts(
            &[
                ("mastodon.followers", 40),
                ("mastodon.posts", posts),
                ("mastodon.engagements", posts * 12),
                ("bluesky.followers", 0),
                ("bluesky.posts", posts),
                ("bluesky.engagements", 0),
            ],
            at,
        );
    }
    let reached = reached(&kept.memory, &Priors::default(), now()).expect("read");
    let [mastodon, bluesky] = reached.as_slice() else { panic!("{reached:?}") };
    assert_eq!((mastodon.channel, bluesky.channel), (Channel::Mastodon, Channel::Bluesky), "the one with more people comes first");
    assert_eq!(mastodon.posts.map(|posts| (posts.count, posts.measured_at)), Some((28, now())));
    // (5·(3 + 0.05·40) + 336) / (5 + 28) and 15 / 33.
    assert!((mastodon.people.mean - 361.0 / 33.0).abs() < 1e-9 && (bluesky.people.mean - 15.0 / 33.0).abs() < 1e-9, "{reached:?}");
    assert!(bluesky.people.high < mastodon.people.low, "nobody doubts which channel brings people");
    assert_eq!((mastodon.direction(), bluesky.direction()), (Some(Direction::Up), Some(Direction::Down)));
    assert_eq!(chart(&mastodon.trend), "·····▆▇███");
    assert_eq!(chart(&bluesky.trend), "·····█▅▄▃▃");
    assert_eq!(mastodon.measured_at(), Some(now()));
}

#[test]
fn what_was_never_measured_is_not_shown() {
    let mut kept = kept();
    assert_eq!(reached(&kept.memory, &Priors::default(), now()).expect("read"), []);
    kept.facts(&[("mastodon.followers", 40)], ago(1));
    let reached = reached(&kept.memory, &Priors::default(), now()).expect("read");
    assert_eq!(reached.len(), 1);
    assert_eq!((reached[0].direction(), chart(&reached[0].trend)), (None, "·········█".to_owned()), "one measurement is no trend");
    assert_eq!(chart(&[Point { at: now(), people: Some(0.0) }]), "▁");
}

#[test]
fn posts_by_hand_are_counted_by_telling_in_their_thirty_days() {
    let mut kept = kept();
    for (issue, channel, part, hours) in [
        ("45", "reddit", "post", 48),
        ("45", "x", "post/1", 48),
        ("45", "x", "post/2", 47),
        ("44", "x", "post", 24 * 29),
        // Too young, too old, and none of these.
        ("46", "reddit", "post", 1),
        ("40", "reddit", "post", 24 * 31),
        ("45", "mastodon", "post", 48),
    ] {
        kept.confirmed(issue, channel, part, ago(hours));
    }
    measure_by_hand(&mut kept.memory, kept.run, now()).expect("measured");
    let facts: BTreeMap<String, String> =
        kept.memory.latest_facts().expect("read").into_iter().map(|fact| (fact.key, fact.value_json)).collect();
    let expected = [("reddit.posts", "1"), ("x.posts", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(facts, BTreeMap::from(expected));
    // What was known once is measured down to nothing.
    measure_by_hand(&mut kept.memory, kept.run, now() + WEEK * 6).expect("measured");
    let later = kept.memory.latest_facts().expect("read");
    assert!(later.iter().all(|fact| fact.value_json == "0"), "{later:?}");
}
