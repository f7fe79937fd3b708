//! Every step of a wake, hit by SIGKILL and by a disk that is full, fails or can only be read from then on; each time in another
//! home (drawn by a seed). After the blow no file of the human's is torn; the next wake repairs, the one after it finds nothing
//! to do, and the servers have everything once. `make crash` hits each point 50 times by SIGKILL and 10 times by each error
//! (`REVEILLE_CRASHES`); the suite does a tenth of that.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use reveille_tests::servers::{Mastodon, Smtp};
use reveille_tests::{Home, Said, repository};

use super::SIGKILL;

/// The points of the wake itself (`agent/src/fault.rs`).
pub(super) const WAKE: [&str; 13] = [
    "before-claim",
    "after-claim",
    "after-begin",
    "after-recover",
    "after-load",
    "after-reading",
    "after-decision",
    "before-record",
    "before-exchange",
    "after-exchange",
    "after-record",
    "before-letter",
    "before-end",
];
/// Those of an effect (`skills/src/delivery.rs`).
pub(super) const EFFECT: [&str; 5] = ["before-intent", "after-intent", "before-call", "after-answer", "after-confirm"];
/// Those of a publication (`skills/src/publish/step.rs`).
const PUBLICATION: [&str; 6] = ["after-mark", "after-name", "after-pictures", "after-issue", "after-remove", "after-pages"];

/// What happens at a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Blow {
    Kill,
    /// From then on nothing can be written: the error's name and number.
    Disk(&'static str, i32),
}

pub(super) const DISK: [Blow; 3] = [Blow::Disk("ENOSPC", 28), Blow::Disk("EIO", 5), Blow::Disk("EROFS", 30)];

/// What there is to do in a home.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    Draft,
    Post,
    Mail,
}

/// Numbers that look random and are the same in every run (xorshift64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: &str) -> Self {
        // FNV-1a
        Self(seed.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)) | 1)
    }

    /// One of 0 to `below` − 1.
    pub(super) fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }
}

pub(super) struct Servers {
    mastodon: Mastodon,
    smtp: Smtp,
}

impl Servers {
    pub(super) fn start() -> Self {
        Self { mastodon: Mastodon::start(), smtp: Smtp::start() }
    }
}

pub(super) struct Case {
    pub(super) name: String,
    work: Work,
    pub(super) home: Home,
    progress: String,
    mission: String,
}

/// A home drawn by its name, which also stands in the issue's address.
pub(super) fn draw(name: &str, point: &str, nth: usize, servers: &Servers) -> Case {
    let mut dice = Dice::new(name);
    let work = match point {
        _ if PUBLICATION.contains(&point) => Work::Draft,
        _ if EFFECT.contains(&point) => [Work::Post, Work::Mail][nth % 2],
        // A wake that reads has a line that only the model understands.
        _ => [Work::Draft, Work::Post, Work::Mail][nth % 3],
    };
    let order = match work {
        Work::Draft => "Publish \"The long fog\"".to_owned(),
        Work::Post => "Post issue 45 to Mastodon".to_owned(),
        Work::Mail => "Send issue 45 to the mailing list".to_owned(),
    };
    let eol = if dice.below(4) == 0 { "\r\n" } else { "\n" };
    let mut lines = vec!["# Plan".to_owned(), String::new(), format!("- [ ] {order}")];
    for at in 0..3 + dice.below(30) {
        let place = 2 + usize::try_from(dice.below(lines.len() as u64 - 1)).unwrap();
        let line = match dice.below(5) {
            0 => format!("- [x] Done long ago {at}"),
            1 => format!("- [ ] Türe №{at} ölen 🔧 for:nobody"),
            2 => format!("* [ ] Tidy shelf {at} for:nobody"),
            3 => format!("- A thought {at}, {}", "and more of it ".repeat(usize::try_from(dice.below(9)).unwrap())),
            _ => format!("## Part {at}"),
        };
        lines.insert(place, line);
    }
    if point == "after-reading" {
        lines.push("- [ ] Refactor the template loader".to_owned());
    }
    let progress = lines.join(eol) + if dice.below(5) == 0 { "" } else { eol };
    let mut home = Home::new(&progress);
    let mission = format!("{}\nNumber {}.\n", reveille_tests::MISSION, dice.below(1000));
    home.write("mission/MISSION.md", &mission);
    home.write("reveille.toml", settings(servers));
    let front = format!("title: \"The long fog\"\nsummary: \"What {name} fog does to a lighthouse.\"\n");
    let body = "The lamp was lit. ".repeat(1 + usize::try_from(dice.below(200)).unwrap());
    match work {
        Work::Draft => home.write("drafts/fog.md", format!("---\n{front}ready: true\n---\n{body}\n")),
        _ => {
            let more = format!("slug: \"{name}\"\ndate: 2026-11-19\nid: \"tag:letter.example,2026:{name}\"\n");
            home.write("issues/045-fog.md", format!("---\n{front}{more}---\n{body}\n"));
        }
    }
    let row = format!("{name}@lighthouse.net,Ann,confirmed,free,2026-01-01,form");
    home.write("readers.csv", format!("email,name,status,tier,confirmed_at,source\n{row}\n"));
    home.env("TEST_TOKEN", &servers.mastodon.token);
    Case { name: name.to_owned(), work, home, progress, mission }
}

fn settings(servers: &Servers) -> String {
    format!(
        "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n\n\
         [channels.mastodon]\nserver = \"{}\"\ntoken = {{ env = \"TEST_TOKEN\" }}\n\n\
         [channels.email]\nsmtp = \"smtp://127.0.0.1:{}\"\nfrom = \"The Letter <letter@letter.example>\"\n",
        servers.mastodon.url, servers.smtp.plain_port
    )
}

/// The library that lets the disk fail (`tests/faults/disk.c`), compiled once.
pub(crate) fn failing_disk() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let library = folder.join(format!("disk-{}.so", std::process::id()));
        let source = repository().join("tests/faults/disk.c");
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl").status();
        assert!(compiled.expect("a C compiler").success());
        library
    })
}

/// Wakes with a blow at a point, which must be reached.
pub(super) fn strike(home: &Home, point: &str, blow: Blow) {
    let reads = point == "after-reading";
    let mut wake = home.command(if reads { &["wake"] } else { &["wake", "--no-model"] });
    wake.stdout(Stdio::piped()).stderr(Stdio::piped());
    match blow {
        Blow::Kill => {
            let ended = wake.env("REVEILLE_FAULT", point).output().expect("it starts");
            assert_eq!(ended.status.signal(), Some(SIGKILL), "the point {point} was not reached: {ended:?}");
        }
        Blow::Disk(error, number) => {
            let folder = tempfile::tempdir().expect("a folder");
            let mark = folder.path().join("mark");
            wake.env("REVEILLE_FAULT", format!("{point}=mark")).env("REVEILLE_FAULT_MARK", &mark);
            wake.env("LD_PRELOAD", failing_disk()).env("REVEILLE_DISK_ERRNO", number.to_string());
            let root = home.path().canonicalize().expect("a path");
            let said = Said::of(&wake.env("REVEILLE_DISK_ROOT", &root).output().expect("it starts"));
            assert!(mark.exists(), "the point {point} was not reached: {said:?}");
            refused(&said, &root.to_string_lossy(), &format!("{error} at {point}"));
        }
    }
}

/// A wake that could not write says which file and what to do.
pub(super) fn refused(said: &Said, root: &str, what: &str) {
    assert_eq!(said.code, 1, "{what}: {said:?}");
    let error = said.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{what}: {said:?}"));
    let names = [root, "memory/", "drafts/", "issues/", "site/", "outbox/"];
    assert!(names.iter().any(|name| error.contains(name)), "{what}: no file is named: {said:?}");
    assert!(said.stderr.lines().any(|line| line.starts_with("hint: ")), "{what}: no hint: {said:?}");
    assert_eq!(said.stdout, "", "{what}: it says that it did something");
}

impl Case {
    /// The human's lines, each as it was or ticked, in their order, with nothing but the block and copies of reworded lines added.
    pub(super) fn is_whole(&self, when: &str) {
        assert_eq!(self.home.read("mission/MISSION.md"), self.mission, "{} {when}: MISSION.md", self.name);
        let now = self.home.read("PROGRESS.md");
        let mut lines = now.lines();
        for line in self.progress.lines() {
            let ticked = line.replacen("- [ ]", "- [x]", 1);
            let there = lines.next().unwrap_or_else(|| panic!("{} {when}: lost {line:?} in {now}", self.name));
            let same = there == line || ticked != line && there.strip_prefix(&*ticked).is_some_and(|rest| rest.starts_with(" — "));
            assert!(same, "{} {when}: {line:?} became {there:?}", self.name);
        }
        let rest: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        let block =
            rest.first().is_none_or(|line| *line == "<!-- reveille -->") && rest.last().is_none_or(|line| *line == "<!-- /reveille -->");
        assert!(block, "{} {when}: a torn block in {now}", self.name);
        let Some(database) = self.database() else { return };
        let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
        assert_eq!(check, "ok", "{} {when}", self.name);
    }

    fn database(&self) -> Option<rusqlite::Connection> {
        let path = self.home.join("memory/reveille.db");
        path.exists().then(|| rusqlite::Connection::open(path).expect("a database"))
    }

    /// The rows of a query of one column.
    fn rows(&self, sql: &str) -> Vec<String> {
        let database = self.database().expect("a database");
        let mut rows = database.prepare(sql).expect("a query");
        rows.query_map([], |row| row.get(0)).expect("rows").flatten().collect()
    }

    /// What the ledger says of the effect that this home is about.
    fn states(&self) -> Vec<String> {
        let channel = match self.work {
            Work::Draft => "web",
            Work::Post => "mastodon",
            Work::Mail => "email",
        };
        self.rows(&format!("SELECT state FROM effects WHERE channel = '{channel}'"))
    }

    /// How often it has gone out.
    pub(super) fn sent(&self, servers: &Servers) -> usize {
        match self.work {
            Work::Draft => self.issues().len(),
            Work::Post => {
                let link = format!("/issues/{}/", self.name);
                servers.mastodon.statuses().iter().filter(|status| status["content"].to_string().contains(&link)).count()
            }
            Work::Mail => {
                let to = format!("Delivered-To: {}@lighthouse.net", self.name);
                let to_us = |mail: &&Vec<u8>| String::from_utf8_lossy(mail).contains(&to);
                servers.smtp.plain_messages().iter().filter(to_us).count()
            }
        }
    }

    fn issues(&self) -> Vec<PathBuf> {
        let all = std::fs::read_dir(self.home.join("issues")).into_iter().flatten().flatten().map(|entry| entry.path());
        all.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
    }

    /// What a server has taken stands in the ledger, though nobody saw the answer.
    fn is_acknowledged(&self, servers: &Servers) {
        if self.work != Work::Draft && self.sent(servers) > 0 {
            let states = self.states();
            let known = states.iter().any(|state| ["sending", "unknown", "confirmed"].contains(&&**state));
            assert!(known, "{}: it went out and the ledger says {states:?}", self.name);
        }
    }

    /// Two hours later, and four: the first wake repairs, the second finds nothing to do.
    pub(super) fn recovers(&mut self, servers: &Servers) {
        let wake = |case: &mut Self, at: &str| {
            let said = case.home.at(at).run(&["wake", "--no-model"]).ok();
            case.is_whole(at);
            said
        };
        let _ = wake(self, "2026-11-20T16:00:00Z");
        let open = self.rows("SELECT state FROM runs WHERE state NOT IN ('done', 'failed', 'interrupted', 'abandoned')");
        assert!(open.is_empty(), "{}: {open:?}", self.name);
        let states = self.states();
        match (self.work, &states[..]) {
            (Work::Draft | Work::Post, [one]) if one == "confirmed" => {}
            // It may be on its way still: the wake after it looks once more and sends it again.
            (Work::Post, [one]) if one == "unknown" && self.sent(servers) == 0 => {}
            // Whether a mail has arrived can be said by its reader only.
            (Work::Mail, [one]) if one == "unknown" => {
                let word = if self.sent(servers) > 0 { "--there" } else { "--not" };
                let _ = self.home.run(&["posted", "45 email", word]).ok();
            }
            (Work::Mail, [one]) => assert_eq!(one, "confirmed", "{}", self.name),
            _ => panic!("{}: {states:?}", self.name),
        }
        let _ = wake(self, "2026-11-20T18:00:00Z");
        assert_eq!(self.states(), ["confirmed"], "{}", self.name);
        let progress = self.home.read("PROGRESS.md");
        let ticked = progress.lines().any(|line| line.starts_with("- [x] ") && line.contains(" — "));
        assert!(ticked || self.work == Work::Mail && progress.contains("- [x] Send"), "{}: {progress}", self.name);
        let left: Vec<String> = std::fs::read_dir(self.home.path())
            .expect("listed")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".part") || name.starts_with("PROGRESS.saved"))
            .collect();
        assert!(left.is_empty(), "{}: {left:?}", self.name);
        if self.work == Work::Draft {
            assert!(!self.home.join("drafts/fog.md").exists() && self.home.join("site/feed.xml").exists(), "{}", self.name);
        }
    }
}

/// How often each point is hit: by SIGKILL, and by each error of the disk.
fn repeats() -> (usize, usize) {
    match std::env::var("REVEILLE_CRASHES").ok().and_then(|times| times.parse::<usize>().ok()) {
        Some(times) => (times * 2, (times * 2).div_ceil(5)),
        None => (5, 1),
    }
}

/// Hits each of these points with each of these blows.
#[expect(clippy::print_stdout, reason = "the figure is for a document")]
fn matrix(points: &[&str], blows: &[(Blow, usize)]) {
    let servers = Servers::start();
    let mut cases = Vec::new();
    for point in points {
        for (kind, (blow, times)) in blows.iter().enumerate() {
            for nth in 0..*times {
                let name = format!("x-{point}-{kind}-{nth}");
                let mut case = draw(&name, point, nth + kind, &servers);
                strike(&case.home, point, *blow);
                case.is_whole("after the blow");
                case.is_acknowledged(&servers);
                case.recovers(&servers);
                cases.push(case);
            }
        }
    }
    for case in &cases {
        assert_eq!(case.sent(&servers), 1, "{}: twice or lost", case.name);
    }
    println!("{} points, {} homes, every effect once", points.len(), cases.len());
}

fn blows() -> Vec<(Blow, usize)> {
    let (kills, errors) = repeats();
    let disk = if cfg!(target_os = "linux") { &DISK[..] } else { &[] };
    [(Blow::Kill, kills)].into_iter().chain(disk.iter().map(|blow| (*blow, errors))).collect()
}

#[test]
fn a_wake_that_is_hit_anywhere_is_repaired_by_the_next() {
    matrix(&WAKE, &blows());
}

#[test]
fn an_effect_that_is_hit_anywhere_happens_once() {
    matrix(&EFFECT, &blows());
}

#[test]
fn a_publication_that_is_hit_anywhere_is_finished_by_the_next_wake() {
    matrix(&PUBLICATION, &blows());
}
