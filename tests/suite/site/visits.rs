//! Visits, the funnel and clicks through the program: the server counts, a human's click is told from a scanner's, a log is read, and
//! what came of it stands in the facts, in `status` and in the next decision.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

use reveille_memory::{Memory, SignKind};
use reveille_tests::{Home, SETTINGS};
use serde_json::Value;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0";
const SAFARI: &str =
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_12_6) AppleWebKit/603.3.8 (KHTML, like Gecko) Version/10.1.2 Safari/603.3.8";

/// `reveille serve` in a home.
struct Serving {
    process: Child,
    address: String,
}

impl Serving {
    fn start(home: &Home) -> Self {
        let mut process = home.command(&["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("serving http://").expect("an address").to_owned();
        Self { process, address }
    }

    /// The head of the answer.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let mut line = TcpStream::connect(&self.address).unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(line, "{method} {path} HTTP/1.1\r\nHost: letter.example\r\nConnection: close\r\n{headers}\r\n").unwrap();
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).split("\r\n\r\n").next().unwrap_or_default().to_owned()
    }

    fn look(&self, path: &str, agent: &str) {
        let head = self.ask("GET", path, &[("User-Agent", agent)]);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }

    /// Ends it as a service manager does; what was seen is written by then.
    fn end(mut self) {
        let told = std::process::Command::new("kill").arg(self.process.id().to_string()).status().unwrap();
        assert!(told.success() && self.process.wait().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const NOON: &str = "2026-11-20T12:00:00Z";

/// A home with a published issue, `[site]`, and a clock in a file.
fn home() -> Home {
    let mut home = Home::new("# P\n");
    home.write("clock", NOON);
    let clock = format!("@{}", home.join("clock").display());
    home.at(&clock);
    let program = home.join("sendmail");
    home.write("sendmail", format!("#!/bin/sh\ncat >> {}/mails\n", home.path().display()));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mastodon = SETTINGS.split("[channels.email]").next().unwrap();
    let mail = format!("[channels.email]\nsmtp = \"sendmail://{}\"\nfrom = \"The Letter <letter@letter.example>\"\n", program.display());
    home.write("reveille.toml", format!("{mastodon}{mail}\n[site]\n"));
    home.write(
        "issues/045-x.md",
        "---\nid: \"tag:letter.example,2026:45\"\ntitle: X\ndate: 2026-11-19\n---\n\n\
         Go [there](https://there.example/?a=1&b=2), [b](https://b.example/), [c](https://c.example/) or [d](https://d.example/).\n",
    );
    let _ = home.run(&["render"]).ok();
    home
}

fn facts(home: &Home) -> Value {
    home.run(&["status", "--json"]).ok().json()["visits"].clone()
}

fn count(home: &Home, table: &str) -> i64 {
    let database = rusqlite::Connection::open(home.join("memory/reveille.db")).unwrap();
    database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn what_the_server_counts_is_in_status_and_moves_the_decision_and_who_it_was_is_forgotten() {
    let home = home();
    assert_eq!(facts(&home), Value::Null);
    let assumed = ["--assume", "mastodon.ready=true", "--assume", "subscribers.confirmed=0"];
    let value = |home: &Home| {
        let plan = home.plan(&assumed);
        plan["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["channel"] == "mastodon")
            .and_then(|one| one["value"].as_f64())
            .unwrap()
    };
    let before = value(&home);
    let server = Serving::start(&home);
    server.look("/?via=mastodon", FIREFOX);
    server.look("/issues/x/", FIREFOX);
    server.look("/issues/x/", SAFARI);
    server.look("/", "curl/8.5.0");
    server.ask("HEAD", "/", &[("User-Agent", FIREFOX)]);
    server.ask("GET", "/", &[("User-Agent", FIREFOX), ("Sec-Purpose", "prefetch")]);
    server.ask("GET", "/nothing", &[("User-Agent", FIREFOX)]);
    server.look("/", &format!("{SAFARI} another"));
    let head = server.ask("GET", "/", &[("User-Agent", SAFARI), ("Sec-GPC", "1")]);
    assert!(head.starts_with("HTTP/1.1 200") && !head.to_lowercase().contains("set-cookie"), "{head}");
    server.end();
    let visits = facts(&home);
    assert_eq!((&visits["views"], &visits["robots"]), (&Value::from(5), &Value::from(3)));
    let landing = &visits["funnel"][0];
    assert_eq!((&landing["step"], &landing["people"], &landing["to"]), (&"landing".into(), &Value::from(3), &"2026-11-20".into()));
    assert_eq!(landing["by_source"], serde_json::json!([["direct", 2], ["mastodon", 1]]));
    let shown = home.run(&["status"]).ok().stdout;
    assert!(shown.contains("landing    3              2026-10-22 to 2026-11-20   direct 2, mastodon 1"), "{shown}");
    // Three strangers came and none confirmed: a little less is expected of strangers.
    let after = value(&home);
    assert!((after / before - 100.0 / 103.0).abs() < 1e-9, "{before}, then {after}");
    // The next day everybody is forgotten, and the counts stay.
    assert_eq!((count(&home, "visitors"), home.join("memory/visitors.salt").exists()), (3, true));
    home.write("clock", "2026-11-21T00:00:01Z");
    Serving::start(&home).end();
    assert_eq!((count(&home, "visitors"), count(&home, "visitor_pages"), home.join("memory/visitors.salt").exists()), (0, 0, false));
    let visits = facts(&home);
    assert_eq!((&visits["views"], &visits["funnel"][0]["people"]), (&Value::from(5), &Value::from(3)));
}

#[test]
fn a_human_s_click_makes_a_reader_active_and_a_scanner_s_does_not() {
    let mut home = home();
    home.write("PROGRESS.md", "- [ ] Send issue 45 to the mailing list\n");
    let confirmed = "email,name,status,tier,confirmed_at,source\nann@lighthouse.net,Ann,confirmed,free,2026-01-01,form\nbob@harbour.net,Bob,confirmed,free,2026-01-02,form\n";
    home.write("readers.csv", confirmed);
    home.env("LC_ALL", "C");
    let _ = home.run(&["wake", "--no-model"]);
    // Quoted-printable: soft breaks and the escaped `=` are undone.
    let mails = home.read("mails").replace("\r\n", "\n").replace("=\n", "").replace("=3D", "=");
    let links = |to: &str| -> Vec<String> {
        let mail = mails.split("\nTo: ").find(|mail| mail.contains(to)).unwrap_or_else(|| panic!("no mail to {to}: {mails}"));
        let found = mail.split("https://letter.example").skip(1).filter(|rest| rest.starts_with("/c/"));
        let paths = found.map(|rest| rest.split(['"', ')', '>', ' ', '\n', '&']).next().unwrap().trim_end_matches(['.', ',']).to_owned());
        paths.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    };
    let (ann, bob) = (links("ann@lighthouse.net"), links("bob@harbour.net"));
    assert!(ann.len() >= 5 && ann.len() == bob.len() && ann != bob, "{ann:?} {bob:?}");
    assert!(!mails.contains("there.example"), "{mails}");
    home.write("clock", "2026-11-20T13:00:00Z");
    let server = Serving::start(&home);
    let mut led: Vec<String> = vec![];
    for path in &ann {
        let head = server.ask("GET", path, &[("User-Agent", FIREFOX)]);
        assert!(head.starts_with("HTTP/1.1 302"), "{head}");
        led.extend(head.lines().find_map(|line| line.strip_prefix("location: ")).map(str::to_owned));
    }
    for expected in ["https://there.example/?a=1&b=2", "https://b.example/", "https://letter.example/issues/x/?via=email"] {
        assert!(led.iter().any(|address| address == expected), "{expected}: {led:?}");
    }
    // Nobody clicked five links in a second; one link, once, somebody did.
    let _ = server.ask("HEAD", &bob[0], &[("User-Agent", FIREFOX)]);
    let _ = server.ask("GET", &bob[1], &[("User-Agent", SAFARI)]);
    server.end();
    home.write("clock", "2026-11-20T14:00:00Z");
    let _ = home.run(&["wake", "--no-model"]);
    let memory = Memory::open_read_only(&home.join("memory/reveille.db")).unwrap();
    let signs = memory.signs_since("2026-11-20T00:00:00Z".parse().unwrap()).unwrap();
    let told: Vec<_> = signs.iter().map(|sign| (sign.subscriber.clone(), sign.kind, sign.about.as_str())).collect();
    assert_eq!(told, [(reveille_mission::subscriber_id("bob@harbour.net"), SignKind::Click, "tag:letter.example,2026:45")]);
}

#[test]
fn a_log_of_another_web_server_is_counted_once() {
    let home = home();
    let line = |day: u32, address: &str, path: &str, agent: &str| {
        format!("{address} - - [{day}/Nov/2026:09:00:00 +0000] \"GET {path} HTTP/1.1\" 200 1 \"-\" \"{agent}\"\n")
    };
    let yesterday = [
        line(19, "203.0.113.7", "/?via=mastodon", FIREFOX),
        line(19, "203.0.113.8", "/issues/x/", SAFARI),
        line(19, "203.0.113.9", "/", "curl/8.5.0"),
    ];
    home.write("access.log", [yesterday.concat(), line(20, "203.0.113.7", "/", FIREFOX), "nonsense\n".to_owned()].concat());
    let import = |more: &[&str]| {
        let path = home.join("access.log").display().to_string();
        home.run(&[&["measure", "import-log", &path, "--json"], more].concat()).ok().json()
    };
    let day = serde_json::json!([{"day": "2026-11-19", "views": 2, "visitors": 2, "robots": 1}]);
    assert_eq!(import(&["--dry-run"])["days"], day);
    assert_eq!(facts(&home), Value::Null);
    let read = import(&[]);
    assert_eq!((&read["days"], &read["lines"], &read["broken"]), (&day, &5.into(), &1.into()));
    assert_eq!(import(&[])["days"], serde_json::json!([]));
    assert_eq!(facts(&home)["funnel"][0]["by_source"], serde_json::json!([["direct", 1], ["mastodon", 1]]));
    // What is no log is said, and keeps the others from being counted with a file missing.
    home.write("other.log", line(18, "203.0.113.7", "/", FIREFOX));
    std::fs::write(home.join("picture.png"), [0x89, b'P', b'N', b'G', b'\n', 0xff, 0xfe]).unwrap();
    let paths = ["other.log", "picture.png"].map(|name| home.join(name).display().to_string());
    for more in [&[][..], &["--dry-run"]] {
        let said = home.run(&[&["measure", "import-log", &paths[0], &paths[1]], more].concat());
        assert!(said.code == 1 && said.stderr.contains("picture.png is no log") && said.stderr.contains("hint"), "{said:?}");
    }
    assert_eq!(home.run(&["measure", "import-log", &paths[0]]).ok().stdout.lines().last(), Some("1 line, 1 new day counted"));
    let missing = home.run(&["measure", "import-log", "/nowhere/access.log"]);
    assert!(missing.code == 1 && missing.stderr.contains("/nowhere/access.log"), "{missing:?}");
}

#[test]
fn what_the_owner_tries_out_is_nobody_s_sign_up() {
    let home = home();
    home.write("reveille.toml", home.read("reveille.toml").replacen("owner = \"", "owner = \"Me@Home.net\" # \"", 1));
    let served = super::leave::Served::start(&home);
    for body in ["email=me%40home.net&website=", "email=ann%40letter.example&website=", "email=ann%40home.net&website="] {
        assert_eq!(served.post("/subscribe", Some("https://letter.example"), body).status(), 200);
    }
    drop(served);
    assert_eq!(count(&home, "subscribers"), 3);
    let visits = facts(&home);
    assert_eq!((&visits["funnel"][1]["step"], &visits["funnel"][1]["people"]), (&"signup".into(), &Value::from(1)), "{visits}");
    let shown = home.run(&["status"]).ok().stdout;
    assert!(shown.contains("\n  signup     1              "), "of nobody who landed it is no share: {shown}");
}
