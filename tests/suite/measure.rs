//! Measuring through the program: a wake proposes it, asks the server, keeps what it says, and the next decision goes by it.

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{FactRow, Key, Memory, NewEffect, NewRun, RunId, Standing};
use reveille_skills::channels::Receipt;
use reveille_tests::scripted::{Play, Scripted};
use reveille_tests::{Home, NOW, SETTINGS};
use serde_json::json;

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

/// A home whose Mastodon is this server and that has a credential for it.
fn home(server: &Scripted) -> Home {
    let mut home = Home::new("# P\n");
    home.write("reveille.toml", SETTINGS.replace("https://social.example", &server.url));
    home.env("TEST_MASTODON_TOKEN", "cnry-a-token");
    home
}

fn open(home: &Home, at: DateTime<Utc>) -> (Memory, RunId) {
    std::fs::create_dir_all(home.join("memory")).unwrap();
    let mut memory = Memory::open(&home.join("memory/reveille.db"), at).unwrap();
    let new = NewRun { started_at: at, slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run = memory.begin_run(&new).unwrap();
    (memory, run)
}

/// A status that was posted and proved.
fn posted(memory: &mut Memory, run: RunId, issue: &str, id: &str, at: DateTime<Utc>) {
    let key = Key { issue: issue.into(), channel: "mastodon".into(), part: "post".into(), recipient: String::new() };
    let new = NewEffect { key, text: b"words".to_vec(), token: id.into(), run };
    let Standing::Intended(effect) = memory.intend(&new, at).unwrap() else { panic!("it is new") };
    let receipt = Receipt {
        kind: "status".into(),
        place: format!("https://s.example/{id}"),
        id: id.into(),
        cid: None,
        text: "words".into(),
        fetched_at: at,
    };
    effect.send(memory, at).unwrap().confirm(memory, &[receipt.row()], at).unwrap();
}

fn json_answer(value: &serde_json::Value) -> Play {
    Play::Answer { status: 200, headers: vec![("content-type".into(), "application/json".into())], body: value.to_string().into_bytes() }
}

/// A server with 120 followers that has the statuses `a` and `b`; it refuses everything from the `until`-th request on.
fn mastodon(until: usize) -> Scripted {
    Scripted::start(move |request, nth| {
        let status = |id: &str| {
            json!({"id": id, "uri": format!("https://s.example/{id}"), "url": format!("https://s.example/{id}"), "content": "words",
                "created_at": "2026-11-17T14:00:00.000Z", "replies_count": 2, "reblogs_count": 3, "favourites_count": 5, "visibility": "public"})
        };
        match request.path.as_str() {
            _ if nth >= until => Play::Answer { status: 401, headers: vec![], body: br#"{"error":"cnry-a-token is revoked"}"#.to_vec() },
            "/api/v1/accounts/verify_credentials" => json_answer(
                &json!({"id": "1", "acct": "inside", "username": "inside", "url": "https://s.example/@inside", "followers_count": 120}),
            ),
            "/api/v2/instance" => {
                let limits = json!({"statuses": {"max_characters": 500, "characters_reserved_per_url": 23}});
                json_answer(&json!({"domain": "s.example", "version": "4.3.0", "configuration": limits}))
            }
            path if path.starts_with("/api/v1/statuses?") => json_answer(&json!([status("a"), status("b")])),
            "/api/v1/statuses/a" => json_answer(&status("a")),
            "/api/v1/statuses/b" => json_answer(&status("b")),
            _ => Play::Answer { status: 404, headers: vec![], body: br#"{"error":"Record not found"}"#.to_vec() },
        }
    })
}

#[test]
fn a_wake_with_nothing_better_to_do_measures_once_a_week() {
    let server = mastodon(usize::MAX);
    let mut home = home(&server);
    let (mut memory, run) = open(&home, now());
    posted(&mut memory, run, "i1", "a", now() - TimeDelta::days(3));
    posted(&mut memory, run, "i2", "b", now() - TimeDelta::days(2));
    drop(memory);
    let said = home.run(&["wake", "--no-model"]).ok();
    assert!(said.stdout.contains("measured Mastodon: 120 followers, 2 posts counted"), "{said:?}");
    let progress = home.read("PROGRESS.md");
    // (5·(3 + 0.05·120) + 20) / (5 + 2)
    assert!(progress.contains("### Reach\n\n- Mastodon: 120 followers, 9.3 people a post (7.8 to 10.8)\n"), "{progress}");
    let status = home.run(&["status", "--json"]).ok().json();
    let reach = &status["reach"][0];
    assert_eq!(
        (reach["channel"].as_str(), reach["posts"]["count"].as_u64(), reach["engagements"]["count"].as_u64()),
        (Some("mastodon"), Some(2), Some(20))
    );
    assert!(home.run(&["status"]).ok().stdout.contains("mastodon    9.3 (7.8 to 10.8)    ·········█"), "{status}");
    let asked = server.requests().len();
    home.at("2026-11-20T16:00:00Z");
    let second = home.run(&["wake", "--no-model", "--json"]).ok().json();
    assert_ne!(second["outcome"], "act", "not by every wake: {second}");
    assert_eq!(server.requests().len(), asked);
    home.at("2026-11-27T14:00:00Z");
    assert!(home.run(&["wake", "--no-model"]).ok().stdout.contains("measured Mastodon"), "a week later");
}

#[test]
fn a_count_that_can_not_be_fetched_stays_and_says_its_age_and_the_secret_is_in_no_word() {
    let server = mastodon(0);
    let home = home(&server);
    let (mut memory, run) = open(&home, now());
    let nine_days_ago = now() - TimeDelta::days(9);
    let followers =
        FactRow { key: "mastodon.followers".into(), value_json: "77".into(), source: "Mastodon".into(), measured_at: nine_days_ago };
    memory.record_facts(&[followers], run).unwrap();
    drop(memory);
    let said = home.run(&["wake", "--no-model"]).ok();
    let progress = home.read("PROGRESS.md");
    assert!(progress.contains("the last numbers stay: 77 followers as of 9 days ago"), "{progress}");
    assert!([&progress, &said.stdout, &said.stderr].iter().all(|text| !text.contains("a-token")), "{said:?}");
    let status = home.run(&["status"]).ok().stdout;
    assert!(status.contains("77 followers, measured 9 days ago"), "{status}");
    let kept = Memory::open_read_only(&home.join("memory/reveille.db")).unwrap().latest_facts().unwrap();
    let fact = kept.iter().find(|fact| fact.key == "mastodon.followers").unwrap();
    assert_eq!((fact.value_json.as_str(), fact.measured_at), ("77", nine_days_ago), "a wake does not make it younger");
}

#[test]
fn after_two_weeks_the_living_channel_is_preferred_and_the_dead_one_refused_with_its_numbers() {
    let bluesky =
        "\n[channels.bluesky]\nservice = \"https://pds.example\"\nhandle = \"i.pds.example\"\npassword = { env = \"TEST_BLUESKY\" }\n";
    let mut home = Home::new("# P\n");
    home.write("reveille.toml", format!("{SETTINGS}{bluesky}"));
    home.env("TEST_MASTODON_TOKEN", "cnry-a").env("TEST_BLUESKY", "cnry-b");
    home.write("issues/045-a.md", "---\nid: 45\nnumber: 45\ntitle: A letter\nslug: a\ndate: 2026-11-19\n---\n\nWords.\n");
    let (mut memory, run) = open(&home, now() - TimeDelta::days(14));
    for day in 1..=14u64 {
        let at = now() - TimeDelta::days(14 - i64::try_from(day).unwrap());
        let counted = (day - 1) * 2;
        for (key, value) in [
            ("mastodon.followers", 20 + day),
            ("mastodon.posts", counted),
            ("mastodon.engagements", counted * 4),
            ("bluesky.followers", 0),
            ("bluesky.posts", counted),
            ("bluesky.engagements", 0),
        ] {
            let fact = FactRow { key: key.into(), value_json: value.to_string(), source: "measured".into(), measured_at: at };
            memory.record_facts(&[fact], run).unwrap();
        }
        for channel in ["mastodon", "bluesky"] {
            let round = json!({"began_at": at, "open": false, "not_before": null}).to_string();
            memory.keep_text(&format!("measure {channel}"), &round).unwrap();
        }
    }
    drop(memory);
    let plan = home.run(&["plan", "--json", "--no-model"]).ok().json();
    let candidates = plan["candidates"].as_array().unwrap();
    let on = |channel: &str| candidates.iter().find(|one| one["channel"] == channel).unwrap_or_else(|| panic!("{channel} in {plan}"));
    assert_eq!(plan["pick"], on("mastodon")["id"], "{plan}");
    let refusal = &on("bluesky")["refusal"];
    assert_eq!(refusal["kind"], "no_audience", "{plan}");
    let why = refusal["why"].as_str().unwrap();
    assert!(why.contains("bluesky.posts 26, bluesky.engagements 0, bluesky.followers 0"), "{why}");
    let status = home.run(&["status"]).ok().stdout;
    let place = |channel: &str| status.lines().position(|line| line.starts_with(&format!("  {channel} "))).unwrap();
    assert!(place("mastodon") < place("bluesky") && status.contains('↓'), "{status}");
}
