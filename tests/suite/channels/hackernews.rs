//! Hacker News' two read interfaces, played by a scripted server: what is counted, what is not, and that a limit ends a round which
//! a later wake finishes.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{EvidenceRow, Key, Memory, NewEffect, NewRun, RunId, Standing};
use reveille_mission::Channel;
use reveille_skills::channels::Fault;
use reveille_skills::channels::hackernews::{HackerNews, Story};
use reveille_skills::measure::{self, Due, Meter, Round};
use reveille_tests::scripted::{Play, Request, Scripted};
use serde_json::json;

const WEEK: TimeDelta = TimeDelta::days(7);

fn now() -> DateTime<Utc> {
    "2026-11-20T14:00:00Z".parse().unwrap()
}

fn reader(server: &Scripted) -> HackerNews {
    let base = server.url.parse().unwrap();
    HackerNews::new(&base, &base, Duration::from_secs(2)).unwrap()
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Play {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Play::Answer { status, headers, body: body.as_bytes().to_vec() }
}

fn item(id: u64, score: u64, descendants: u64) -> Play {
    let item = json!({"by": "me", "id": id, "type": "story", "score": score, "descendants": descendants, "url": "https://n.example/a"});
    answer(200, &[], &item.to_string())
}

fn asked_for(request: &Request) -> u64 {
    request.path.trim_start_matches("/v0/item/").trim_end_matches(".json").parse().unwrap_or(0)
}

#[test]
fn a_story_has_points_and_comments_and_what_is_none_has_no_zero() {
    let server = Scripted::start(|request, _| match request.path.as_str() {
        "/v0/item/1.json" => item(1, 57, 12),
        "/v0/item/2.json" => answer(200, &[], "null"),
        "/v0/item/3.json" => answer(200, &[], r#"{"id":3,"type":"story","deleted":true}"#),
        "/v0/item/4.json" => answer(200, &[], r#"{"id":4,"type":"comment","parent":1,"text":"no"}"#),
        "/v0/item/5.json" => item(6, 9, 9),
        "/v0/item/6.json" => answer(200, &[], r#"{"id":6,"type":"sto"#),
        "/v0/item/7.json" => answer(429, &[("retry-after", "90")], "slow down"),
        "/v0/item/8.json" => answer(503, &[], "soon"),
        "/v0/item/9.json" => Play::Redirect("http://127.0.0.1:1/".into()),
        "/v0/item/10.json" => Play::Cut,
        _ => Play::Huge { megabytes: 20 },
    });
    let hackernews = reader(&server);
    let story = |id| hackernews.story(id, now());
    assert_eq!(story(1), Ok(Some(Story { id: 1, points: 57, comments: 12 })));
    assert_eq!((story(2), story(3), story(4)), (Ok(None), Ok(None), Ok(None)));
    assert!(matches!(story(5), Err(Fault::Unclear { .. })), "an answer about another item");
    assert!(matches!(story(6), Err(Fault::Unclear { .. })), "half an answer");
    let limited = story(7).unwrap_err();
    assert!(matches!(&limited, Fault::RateLimited { until, .. } if *until == now() + TimeDelta::seconds(90)), "{limited}");
    assert!(matches!((story(8), story(10), story(11)), (Err(Fault::Later { .. }), Err(Fault::Later { .. }), Err(Fault::Later { .. }))));
    assert!(matches!(story(9), Err(Fault::Refused { .. })), "a redirect is not followed");
    assert!(server.requests().iter().all(|request| request.method == "GET"), "only a person may post");
}

#[test]
fn a_story_is_found_by_its_link_when_only_that_is_known() {
    let server = Scripted::start(|_, _| {
        let hit = |id: &str, url: &str, at: &str| {
            let at: DateTime<Utc> = at.parse().unwrap();
            json!({"objectID": id, "url": url, "created_at_i": at.timestamp(), "points": 3, "num_comments": 1})
        };
        let hits = json!({"hits": [
            hit("30", "https://n.example/issues/045/", "2026-11-19T10:00:00Z"),
            hit("20", "https://n.example/issues/045", "2026-11-18T10:00:00Z"),
            hit("10", "https://n.example/issues/045", "2026-10-01T10:00:00Z"),
            hit("25", "https://n.example/issues/046", "2026-11-18T11:00:00Z"),
            {"objectID": "26", "created_at_i": 1_795_000_000},
        ]});
        answer(200, &[], &hits.to_string())
    });
    let link = "https://n.example/issues/045/".parse().unwrap();
    let found = |since: &str| reader(&server).find(&link, since.parse().unwrap(), now());
    assert_eq!(found("2026-11-18T09:00:00Z"), Ok(Some(20)), "the first since the text was made; an older one is another person's");
    assert_eq!(found("2026-11-19T12:00:00Z"), Ok(None));
    let asked = &server.requests()[0].path;
    assert!(
        asked.contains("query=https%3A%2F%2Fn.example%2Fissues%2F045%2F") && asked.contains("restrictSearchableAttributes=url"),
        "{asked}"
    );
}

struct Kept {
    _folder: tempfile::TempDir,
    memory: Memory,
    run: RunId,
}

/// A memory with stories that a human posted some hours ago.
fn kept(stories: &[(u64, i64)]) -> Kept {
    let folder = tempfile::tempdir().unwrap();
    let mut memory = Memory::open(&folder.path().join("a.db"), now()).unwrap();
    let new = NewRun { started_at: now(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run = memory.begin_run(&new).unwrap();
    for (id, hours) in stories {
        let at = now() - TimeDelta::hours(*hours);
        let key = Key { issue: format!("i{id}"), channel: "hackernews".into(), part: "post".into(), recipient: String::new() };
        let new = NewEffect { key, text: b"T\nhttps://n.example/a".to_vec(), token: "t".into(), run };
        let Standing::Intended(effect) = memory.intend(&new, at).unwrap() else { panic!("it is new") };
        let place = format!("https://news.ycombinator.com/item?id={id}");
        let proof = EvidenceRow { kind: "human".into(), place, sha256: None, text: None, fetched_at: at };
        effect.await_human(&mut memory, at).unwrap().confirm(&mut memory, &[proof], at).unwrap();
    }
    Kept { _folder: folder, memory, run }
}

impl Kept {
    fn fact(&self, key: &str) -> Option<(String, DateTime<Utc>)> {
        let facts = self.memory.latest_facts().unwrap();
        facts.into_iter().find(|fact| fact.key == key).map(|fact| (fact.value_json, fact.measured_at))
    }

    fn measure(&mut self, server: &Scripted, at: DateTime<Utc>) -> measure::Measured {
        measure::measure(&mut self.memory, self.run, Meter::HackerNews(&reader(server)), WEEK, at).unwrap()
    }

    fn due(&self, at: DateTime<Utc>) -> Option<Due> {
        let round = Round::last(&self.memory, Channel::Hackernews).unwrap();
        measure::due(round.as_ref(), &measure::posts(&self.memory, at).unwrap(), false, WEEK, at)
    }
}

#[test]
fn a_limit_ends_a_round_and_a_later_wake_goes_on_with_the_rest() {
    let limited = std::sync::atomic::AtomicBool::new(true);
    let server = Scripted::start(move |request, nth| {
        if nth == 2 && limited.swap(false, std::sync::atomic::Ordering::SeqCst) {
            return answer(429, &[("retry-after", "3600")], "slow down");
        }
        item(asked_for(request), 11, 4)
    });
    let mut kept = kept(&[(101, 90), (102, 80), (103, 70), (104, 60), (105, 3)]);
    assert_eq!(kept.due(now()), Some(Due::Stale));
    let first = kept.measure(&server, now());
    assert_eq!(first.learned, "Hacker News: 2 posts counted");
    assert!(first.notes[0].starts_with("measuring Hacker News: Hacker News says not before 2026-11-20 15:00 UTC"), "{first:?}");
    assert_eq!(first.notes[1], "3 posts on Hacker News are left to measure in a later wake");
    assert_eq!(kept.fact("hackernews.posts"), Some(("2".into(), now())));
    // The first point is the poster's own: 10 and 4 comments, twice.
    assert_eq!(kept.fact("hackernews.engagements"), Some(("28".into(), now())));
    assert_eq!(kept.due(now() + TimeDelta::minutes(59)), None, "not before the time that the server named");
    let later = now() + TimeDelta::hours(2);
    assert_eq!(kept.due(later), Some(Due::Unfinished));
    let second = kept.measure(&server, later);
    assert_eq!((second.learned.as_str(), second.notes.len()), ("Hacker News: 3 posts counted", 0));
    let paths: Vec<u64> = server.requests().iter().map(asked_for).collect();
    assert_eq!(paths, [101, 102, 103, 103, 104, 105], "nobody is asked twice in a round");
    // The one of three hours is counted, and is in no sum yet; the sums are as old as their oldest part.
    assert_eq!(kept.fact("hackernews.posts"), Some(("4".into(), now())));
    assert_eq!(kept.fact("post.5.points").map(|(value, _)| value), Some("11".into()));
    assert_eq!(kept.due(later + TimeDelta::hours(2)), None);
    assert_eq!(kept.due(now() + TimeDelta::hours(22)), Some(Due::Ripe), "a day after the newest post, once");
    kept.measure(&server, now() + TimeDelta::hours(22));
    assert_eq!(kept.due(now() + TimeDelta::hours(24)), None);
    assert_eq!(kept.fact("hackernews.posts").map(|(value, _)| value), Some("5".into()));
}

#[test]
fn a_story_that_is_gone_keeps_what_it_brought_and_one_that_never_was_counts_as_none() {
    let server = Scripted::start(|request, nth| match (asked_for(request), nth) {
        (101, 0) => item(101, 21, 0),
        _ => answer(200, &[], "null"),
    });
    let mut kept = kept(&[(101, 90), (102, 80)]);
    let first = kept.measure(&server, now());
    assert_eq!(first.learned, "Hacker News: 1 posts counted, 1 posts not found");
    let later = now() + WEEK;
    let second = kept.measure(&server, later);
    assert_eq!(second.learned, "Hacker News: 2 posts not found");
    assert_eq!(kept.fact("hackernews.posts"), Some(("1".into(), now())), "its count is as old as it is");
    assert_eq!(kept.fact("hackernews.engagements").map(|(value, _)| value), Some("20".into()));
    assert_eq!(kept.fact("post.2.points"), None, "unknown is not zero");
    assert_eq!(kept.fact("post.1.gone"), Some(("1".into(), later)));
}
