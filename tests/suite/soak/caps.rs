//! Caps hold whatever the reader says. A model file with heads that were trained on a corpus in which everything is for strangers
//! (the program's own training, the real encoder), priors by which every line is worth a million readers, and a hundred lines that
//! want to be told: in no 24 hours does more go out than the caps allow, and no wake does two things or reads more than its share.

use chrono::{DateTime, TimeDelta, Utc};
use reveille_tests::Home;
use reveille_tests::servers::Mastodon;
use rusqlite::Connection;

/// Effects in 24 hours, on one channel, in one wake; tokens in one wake.
const CAPS: [usize; 4] = [3, 2, 1, 300];

/// What the corpus and the list are made of: none of it says by plain words what is to be done.
const WORDS: [&str; 8] = ["Whisper of", "Mumble about", "Hum about", "Dream of", "Wonder about", "Worry about", "Sing of", "Think about"];

fn settings(server: &str, caps: &str) -> String {
    format!(
        "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n\n[model]\npath = \"everything.gguf\"\n\n\
         [caps]\n{caps}\n\n[priors]\nreach_base = 1000000.0\nreach_per_follower = 1.0\n\
         stranger_to_confirmed = {{ yes = 999999, no = 1 }}\nconfirmed_to_paying = {{ yes = 999999, no = 1 }}\n\n\
         [channels.mastodon]\nserver = \"{server}\"\ntoken = {{ env = \"TOKEN\" }}\n"
    )
}

/// A home whose reader says of every line that it is for strangers.
fn home(server: &Mastodon, caps: &str, issues: usize) -> Home {
    let lines = |number: usize| format!("- [ ] {} issue {number} on Mastodon\n", WORDS[number % WORDS.len()]);
    let mut home = Home::new(format!("# Plan\n\n{}", (1..=issues).map(lines).collect::<String>()));
    home.write("reveille.toml", settings(&server.url, caps));
    for number in 1..=issues {
        home.write(&format!("issues/{number:04}-old-{number}.md"), super::human::old_issue(number));
        let words = "It is about the lamp. ".repeat(number % 7 + 1);
        home.write(&format!("drafts/new-{number}.md"), format!("---\ntitle: \"New {number}\"\nready: true\n---\n\n{words}\n"));
    }
    for hand in ["a", "b"] {
        let row = |at: usize| {
            format!("{} issue {at} on Mastodon by hand {hand}\tstrangers\t{}\t\t\n", WORDS[at % 8], ["distribute", "publish"][at / 36])
        };
        home.write(&format!("corpus/hand-{hand}.tsv"), (0..40).map(row).collect::<String>());
    }
    // The carried encoder as a file of its own, and heads beside it. Training unpacks it into the cache first.
    let corpus = home.join("corpus").display().to_string();
    let _ = home.run(&["model", "train", "--corpus", &corpus]).ok();
    let cache = home.command(&[]).get_envs().find(|(name, _)| *name == "REVEILLE_CACHE").and_then(|(_, path)| path.map(Into::into));
    let cache: std::path::PathBuf = cache.expect("a cache");
    let _ = std::fs::copy(cache.join("reader-en.gguf"), home.join("everything.gguf")).expect("the encoder");
    let (encoder, heads) = (home.join("everything.gguf").display().to_string(), home.join("everything.heads.jsonl").display().to_string());
    let _ = home.run(&["model", "train", "--corpus", &corpus, "--encoder", &encoder, "--out", &heads]).ok();
    home.env("TOKEN", &server.token);
    home
}

/// What a day of the ledger saw: times of effects, by channel.
fn effects(home: &Home) -> Vec<(i64, String)> {
    let database = Connection::open(home.join("memory/reveille.db")).expect("a database");
    let mut rows = database.prepare("SELECT sending_at, channel FROM effects WHERE sending_at IS NOT NULL ORDER BY 1").expect("a query");
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows").collect::<Result<_, _>>().expect("read")
}

/// In every 24 hours that begin with an effect, the most effects that `counts` says belong together.
fn most(effects: &[(i64, String)], hours: i64, counts: impl Fn(&str) -> bool) -> usize {
    let window = hours * 3_600_000_000;
    let times: Vec<i64> = effects.iter().filter(|(_, channel)| counts(channel)).map(|(at, _)| *at).collect();
    times.iter().map(|from| times.iter().filter(|at| (*from..from + window.max(1)).contains(at)).count()).max().unwrap_or(0)
}

/// Lines and tokens that were given to the encoder, by what the log of all wakes says from `from` on; where the log ends now.
fn given(home: &Home, from: usize) -> (u64, u64, usize) {
    let logs = std::fs::read_dir(home.join("memory/logs")).into_iter().flatten().flatten();
    let mut paths: Vec<_> = logs.map(|entry| entry.path()).collect();
    paths.sort();
    let text = paths.iter().map(|path| std::fs::read_to_string(path).unwrap_or_default()).collect::<String>();
    let events = text[from..]
        .lines()
        .filter(|line| line.contains("encoding"))
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let sums = events.fold((0, 0), |(lines, tokens), event| {
        let number = |name: &str| event["fields"][name].as_u64().unwrap_or(0);
        (lines + number("lines"), tokens + number("tokens"))
    });
    (sums.0, sums.1, text.len())
}

fn wakes_within_caps(wakes: usize, issues: usize) {
    let [day, channel, run, tokens] = CAPS;
    let server = Mastodon::start();
    let mut home = home(&server, &format!("day = {day}\nchannel = {channel}\nrun = {run}\ntokens = {tokens}"), issues);
    let mut now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().expect("a time");
    let (mut read, mut at, mut capped) = (0, 0, 0);
    for _ in 0..wakes {
        now += TimeDelta::hours(2);
        home.at(&now.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        let _ = home.run(&["--quiet", "wake"]).ok();
        if read < issues as u64 {
            let (lines, taken, end) = given(&home, at);
            (read, at) = (read + lines, end);
            assert!(taken <= tokens as u64, "{taken} tokens in one wake");
            let said = home.read("PROGRESS.md").contains("the cap is reached: 300 tokens in one wake");
            assert_eq!(said, read < issues as u64, "what is left unread is said: {}", home.read("PROGRESS.md"));
            capped += usize::from(said);
        }
    }
    assert!(capped > 0 && read == issues as u64, "{read} lines read, {capped} wakes capped: each line once, in the end all");
    let all = effects(&home);
    assert_eq!(most(&all, 24, |_| true), day, "in 24 hours");
    let on = ["mastodon", "web"].map(|name| most(&all, 24, |one| one == name));
    assert_eq!(on.into_iter().max(), Some(channel), "in 24 hours on a channel: {on:?}");
    assert_eq!(most(&all, 0, |_| true), run, "at once");
    let told = all.iter().filter(|(_, channel)| channel == "mastodon").count();
    assert_eq!(server.statuses().len(), told, "the server has seen what the ledger says");
    let database = Connection::open(home.join("memory/reveille.db")).expect("a database");
    let value: f64 = database
        .query_row("SELECT max(value) FROM candidates WHERE read_by = 'model' AND verdict = 'eligible'", [], |row| row.get(0))
        .expect("a line that the model read was eligible");
    assert!(value > 900_000.0, "{value} is no million");
}

#[test]
fn a_reader_that_wants_everything_stays_within_the_caps() {
    wakes_within_caps(100, 60);
}

#[test]
#[ignore = "1,000 wakes: a minute or two; `make soak`"]
fn a_reader_that_wants_everything_stays_within_the_caps_for_a_thousand_wakes() {
    wakes_within_caps(1_000, 300);
}

#[test]
fn without_time_to_read_nothing_is_read_and_that_is_said() {
    let home = Home::new("- [ ] Refactor the cache\n- [ ] Refactor the queue\n");
    home.write("reveille.toml", format!("{}\n[caps]\nseconds = 0\n", reveille_tests::SETTINGS));
    let _ = home.run(&["--quiet", "wake"]).ok();
    let progress = home.read("PROGRESS.md");
    assert!(progress.contains("0 s of reading in one wake; 2 lines are left unread, the next wake reads on"), "{progress}");
    assert_eq!(given(&home, 0).0, 0);
    home.write("reveille.toml", reveille_tests::SETTINGS);
    let _ = home.run(&["--quiet", "wake"]).ok();
    assert!(given(&home, 0).0 == 2 && !home.read("PROGRESS.md").contains("left unread"));
}
