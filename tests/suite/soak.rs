//! A year of wakes in one home: a human who edits it now and then, servers that fail now and then, a clock that is injected. It
//! stays as quick and as small as in its first week. `make soak` does all 4,380 wakes and prints the table of BENCHMARKS.md; the
//! suite does 150 wakes over more than a year, without the model, whose reading is no matter of the past.

mod caps;
mod human;

use std::process::{Command, Stdio};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_tests::Home;
use reveille_tests::servers::{Mastodon, Smtp};
use rusqlite::Connection;
use serde_json::json;

use human::Human;

/// How many wakes around one are measured.
const MEASURED: usize = 25;

/// Runs a program, and prints how long it took, how long it had a processor (seconds), and its peak memory (bytes). Python, like
/// the servers of the tests, because Rust's own library does not tell what a child used.
const MEASURE: &str = r#"
import json, os, sys, time
silence = [(os.POSIX_SPAWN_OPEN, n, "/dev/null", os.O_RDWR, 0) for n in (1, 2)]
began = time.monotonic()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=silence)
_, status, used = os.wait4(child, 0)
took = time.monotonic() - began
peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([took, used.ru_utime + used.ru_stime, peak, os.waitstatus_to_exitcode(status)]))
"#;

/// What some wakes in a row took.
#[derive(Debug, Clone, Copy)]
struct Figure {
    wake: usize,
    /// Medians, in milliseconds.
    wall: f64,
    processor: f64,
    /// The most, in megabytes.
    memory: f64,
    /// The database, in megabytes.
    database: f64,
}

/// A home that wakes, with what acts on it from outside.
struct Soak {
    home: Home,
    human: Human,
    mastodon: Mastodon,
    _smtp: Smtp,
    now: DateTime<Utc>,
    step: TimeDelta,
    wakes: usize,
    /// How it is woken.
    arguments: &'static [&'static str],
}

impl Soak {
    fn new(lines: usize, step: TimeDelta, arguments: &'static [&'static str]) -> Self {
        let (mastodon, smtp) = (Mastodon::start(), Smtp::start());
        let mut home = Home::new(human::first_list(lines));
        home.write("reveille.toml", settings(&mastodon.url, smtp.plain_port));
        for number in 1..=45 {
            home.write(&format!("issues/{number:03}-old-{number}.md"), human::old_issue(number));
        }
        home.write("readers.csv", human::readers());
        home.env("TOKEN", &mastodon.token);
        let now = "2026-01-01T00:00:00Z".parse().expect("a time");
        Self { home, human: Human::new(lines), mastodon, _smtp: smtp, now, step, wakes: 0, arguments }
    }

    /// The next wake: before it the human may do something, and a server may begin to fail. Measuring takes as long as a wake, so
    /// only some are measured.
    fn wake(&mut self, is_measured: bool) -> [f64; 3] {
        self.wakes += 1;
        self.now += self.step;
        self.human.acts(&self.home, self.wakes);
        match self.wakes % 90 {
            13 => self.fail("POST", "/api/v1/statuses", 503, 1),
            40 => self.fail("GET", "/api/v2/instance", 500, 2),
            70 => self.fail("GET", "*", 502, 3),
            _ => {}
        }
        self.home.at(&self.now.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        if is_measured {
            return measured(&self.home, self.arguments);
        }
        let said = self.home.run(self.arguments);
        assert!(said.code <= 1, "{said:?}");
        [0.0; 3]
    }

    fn fail(&self, method: &str, path: &str, status: u16, count: u32) {
        self.mastodon.clear_faults();
        let effect = json!({"type": "status", "status": status});
        self.mastodon.fault(&json!({"match": {"methods": [method], "path": path}, "effect": effect, "count": count}));
    }

    /// Wakes until that many wakes are done; what the last of them took.
    fn until(&mut self, wakes: usize) -> Figure {
        let mut last: Vec<[f64; 3]> = Vec::new();
        while self.wakes < wakes {
            let is_measured = self.wakes + MEASURED >= wakes;
            let took = self.wake(is_measured);
            last.extend(is_measured.then_some(took));
        }
        let median = |which: usize| {
            let mut values: Vec<f64> = last.iter().map(|took| took[which]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2] * 1e3
        };
        let memory = last.iter().map(|took| took[2]).fold(0.0, f64::max) / 1e6;
        Figure { wake: wakes, wall: median(0), processor: median(1), memory, database: self.size() }
    }

    fn database(&self) -> Connection {
        Connection::open(self.home.join("memory/reveille.db")).expect("a database")
    }

    fn size(&self) -> f64 {
        let size = |name: &str| std::fs::metadata(self.home.join(name)).map_or(0, |file| file.len());
        #[expect(clippy::cast_precision_loss, reason = "megabytes for a table")]
        let bytes = (size("memory/reveille.db") + size("memory/reveille.db-wal")) as f64;
        bytes / 1e6
    }

    fn count(&self, sql: &str) -> i64 {
        self.database().query_row(sql, [], |row| row.get(0)).expect("a number")
    }

    /// What must hold after however many wakes.
    fn check(&self) {
        let wakes = i64::try_from(self.wakes).expect("a number");
        assert_eq!(self.count("SELECT count(*) FROM runs"), wakes, "every wake has its row");
        assert_eq!(self.count("SELECT count(*) FROM runs WHERE state <> 'done'"), 0);
        assert_eq!(self.count("SELECT count(*) FROM effects WHERE state IN ('sending', 'unknown')"), 0, "all is settled");
        let whole: String = self.database().query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
        assert_eq!(whole, "ok");
        assert!(!self.database().prepare("PRAGMA foreign_key_check").expect("asked").exists([]).expect("asked"));
        // The stand-in has every telling once, and the ledger knows no other.
        let told = self.count("SELECT count(*) FROM effects WHERE channel = 'mastodon' AND state = 'confirmed'");
        self.mastodon.clear_faults();
        assert_eq!(i64::try_from(self.mastodon.statuses().len()).expect("a number"), told);
        assert!(told > 0 && self.count("SELECT count(*) FROM effects WHERE channel = 'email' AND state = 'confirmed'") > 0);
        let progress = self.home.read("PROGRESS.md");
        let block = progress.split("<!-- reveille -->").nth(1).expect("a block");
        assert!(block.lines().count() < 100 && block.len() < 20_000, "the block grows: {block}");
        assert!(progress.len() < 200_000, "PROGRESS.md grows: {} bytes", progress.len());
        assert_eq!(self.count("SELECT count(*) FROM runs WHERE state <> 'done'"), 0, "a wake failed as a whole");
        let texts = self.count("SELECT max(length(text)) FROM texts");
        assert!(texts < 20_000, "a text of memory grows: {texts} bytes");
    }
}

fn settings(mastodon: &str, smtp: u16) -> String {
    format!(
        "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n\n\
         [channels.mastodon]\nserver = \"{mastodon}\"\ntoken = {{ env = \"TOKEN\" }}\n\n\
         [channels.email]\nsmtp = \"smtp://127.0.0.1:{smtp}\"\nfrom = \"The Letter <letter@letter.example>\"\nrate = 100000\n\n\
         [channels.hackernews]\n"
    )
}

/// Runs the program, which must end well: seconds, seconds of a processor, bytes.
fn measured(home: &Home, arguments: &[&str]) -> [f64; 3] {
    let inner = home.command(arguments);
    let mut outer = Command::new("python3");
    outer.arg("-c").arg(MEASURE).arg(inner.get_program()).args(inner.get_args()).env_clear().stdin(Stdio::null());
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = outer.output().expect("python3 runs");
    let told: [f64; 4] = serde_json::from_slice(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    // 1 says that all that was tried failed, on a day when the server did; `check` looks that the wake itself went well.
    assert!(told[3] == 0.0 || told[3] == 1.0, "a wake ended with {}: {}", told[3], home.run(&["log"]).stdout);
    [told[0], told[1], told[2]]
}

#[test]
fn a_home_that_wakes_for_a_year_stays_small() {
    let mut soak = Soak::new(60, TimeDelta::hours(65), &["--quiet", "wake", "--no-model"]);
    let early = soak.until(60);
    let last = soak.until(150);
    soak.check();
    // The sheets of the newest sixty runs, and those of ninety days; the rest is thinned out.
    let (sheets, thinned) =
        (soak.count("SELECT count(*) FROM sheets"), soak.count("SELECT count(*) FROM runs WHERE thinned_at IS NOT NULL"));
    assert!(sheets <= 62 && thinned >= 60, "{sheets} sheets, {thinned} thinned out");
    assert!(soak.count("SELECT count(*) FROM stages WHERE run < 60") == 0);
    assert!(last.database < early.database * 2.0 && last.database < 3.0, "{early:?} {last:?}");
    let why = soak.home.run(&["why", "3"]).ok().stdout;
    assert!(why.contains("the sheet of this run was thinned out on 20") && why.contains("verdicts   eligible"), "{why}");
    let acted = soak.count("SELECT min(run) FROM effects WHERE state = 'confirmed'").to_string();
    let why = soak.home.run(&["why", &acted]).ok().stdout;
    assert!(why.contains("picked") && why.contains("evidence"), "{why}");
    let said = soak.home.run(&["why", "3", "Refactor"]);
    assert!(said.code == 2 && said.stderr.contains("why 3"), "{said:?}");
}

#[test]
#[ignore = "4,380 wakes: some minutes; `make soak`"]
#[expect(clippy::print_stdout, reason = "the table is for a document")]
fn a_year_of_wakes() {
    let began = Instant::now();
    let mut soak = Soak::new(300, TimeDelta::hours(2), &["--quiet", "wake"]);
    println!("| wake | wall time, ms | processor time, ms | peak memory, MB | database, MB |\n|---|---|---|---|---|");
    let mut figures = Vec::new();
    for wakes in [10, 100, 1_000, 4_380] {
        let figure = soak.until(wakes);
        let Figure { wake, wall, processor, memory, database } = figure;
        println!("| {wake} | {wall:.1} | {processor:.1} | {memory:.1} | {database:.1} |");
        figures.push(figure);
    }
    soak.check();
    let (hundredth, last) = (figures[1], figures[3]);
    let ratio = last.processor / hundredth.processor;
    println!(
        "\nthe last against the hundredth: {ratio:.2} (wall {:.2}); {} s for all",
        last.wall / hundredth.wall,
        began.elapsed().as_secs()
    );
    for table in
        ["runs", "sheets", "candidates", "phrases", "stages", "facts", "readings", "tasks", "effects", "evidence", "texts", "labels"]
    {
        println!("{table}: {}", soak.count(&format!("SELECT count(*) FROM {table}")));
    }
    println!("{}", soak.home.run(&["why"]).ok().stdout.split("Where the time went").nth(1).unwrap_or_default());
    assert!(last.database < 25.0, "{figures:?}");
    assert!(ratio <= 1.3, "{figures:?}");
}
