//! From a stranger to a confirmed, welcomed reader: `reveille serve`, a mail server, and what a crash, a scanner, a flood or a brake
//! makes of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::blocking::{Client, Response};
use reveille_memory::{Memory, SignUp, SignUpCaps, WantedFor};
use reveille_mission::{Purpose, Token, subscriber_bytes, subscriber_id};
use reveille_tests::servers::Smtp;
use reveille_tests::{Home, NOW};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const ORIGIN: &str = "https://letter.example";

fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
}

/// A home with `[site]`, quiet hours that are now, and this for a mail channel.
fn home(mail: &str) -> Home {
    let mut home = Home::new("# P\n");
    let head = "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n";
    home.write("reveille.toml", format!("{head}{mail}\n[wake]\nquiet = \"13:00-16:00\"\n\n[site]\n"));
    for number in 1..=4 {
        let front = format!("---\ntitle: Fog {number} & more\nsummary: s\ndate: 2026-11-0{number}\n---\nWords.\n");
        home.write(&format!("issues/00{number}-fog-{number}.md"), front);
    }
    home.at(NOW);
    home
}

fn with(smtp: &Smtp) -> Home {
    let port = smtp.plain_port;
    home(&format!("[channels.email]\nsmtp = \"smtp://127.0.0.1:{port}\"\nfrom = \"The Letter <letter@letter.example>\"\nrate = 60000\n"))
}

/// `reveille serve`, killed when the test ends.
struct Served {
    process: Child,
    url: String,
    talk: PathBuf,
    client: Client,
    _beside: tempfile::TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Served {
    fn start(home: &Home) -> Self {
        let beside = tempfile::tempdir().unwrap();
        let talk = beside.path().join("talk");
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut process = command.stdout(Stdio::piped()).stderr(std::fs::File::create(&talk).unwrap()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = std::fs::read_to_string(&talk).unwrap_or_default();
        let url = line.trim().strip_prefix("serving ").unwrap_or_else(|| panic!("{line:?} {said}")).to_owned();
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { process, url, talk, client, _beside: beside }
    }

    fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().unwrap()
    }

    /// What came of a POST; nothing when the server was gone.
    fn try_post(&self, path: &str, body: &str) -> Option<(u16, String)> {
        let form = "application/x-www-form-urlencoded";
        let request = self.client.post(format!("{}{path}", self.url)).header("origin", ORIGIN).header("content-type", form);
        let answer = request.body(body.to_owned()).send().ok()?;
        Some((answer.status().as_u16(), answer.text().ok()?))
    }

    fn post(&self, path: &str, body: &str) -> (u16, String) {
        self.try_post(path, body).expect("an answer")
    }

    fn ask(&self, email: &str) {
        let (status, page) = self.post("/subscribe", &format!("email={}&website=", email.replace('@', "%40")));
        assert!(status == 200 && page.contains("Look into your mail"), "{status} {page}");
    }

    fn talk(&self) -> String {
        std::fs::read_to_string(&self.talk).unwrap_or_default()
    }

    /// SIGTERM, and how it left.
    fn leave(mut self) -> bool {
        signal(self.process.id(), "TERM");
        wait_for("its end", || self.process.try_wait().unwrap().is_some());
        self.process.wait().unwrap().success()
    }
}

/// The mails that arrived, the encoding undone as far as links need it.
fn mails(smtp: &Smtp) -> Vec<String> {
    smtp.plain_messages().iter().map(|mail| String::from_utf8_lossy(mail).replace("=\r\n", "").replace("=3D", "=")).collect()
}

fn arrived(smtp: &Smtp, count: usize) -> Vec<String> {
    wait_for(&format!("mail {count}"), || smtp.plain_count() >= count);
    let mails = mails(smtp);
    assert_eq!(mails.len(), count, "{mails:#?}");
    mails
}

/// The path of a link of ours in a mail.
fn link(mail: &str, page: &str) -> String {
    let path = format!("/{page}/");
    let rest = mail.split_once(&format!("{ORIGIN}{path}")).unwrap_or_else(|| panic!("no {page} in {mail}")).1;
    path + &rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect::<String>()
}

fn memory(home: &Home) -> Memory {
    Memory::open(&home.join("memory/reveille.db"), now()).unwrap()
}

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

fn confirmed(home: &Home) -> Vec<String> {
    memory(home).subscribers().unwrap().into_iter().filter(|one| one.confirmed_at.is_some()).map(|one| one.email).collect()
}

/// To whom each mail of the ledger went, with its kind and its state.
fn ledger(home: &Home) -> Vec<(String, String, String)> {
    let database = rusqlite::Connection::open(home.join("memory/reveille.db")).unwrap();
    let mut rows = database.prepare("SELECT recipient, substr(part, 1, instr(part, '-') - 1), state FROM effects ORDER BY id").unwrap();
    let all = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    all.map(Result::unwrap).collect()
}

#[test]
fn a_stranger_becomes_a_reader_and_is_welcomed() {
    let smtp = Smtp::start();
    let mut home = with(&smtp);
    let served = Served::start(&home);
    assert!(served.get("/subscribe").text().unwrap().contains("<form method=\"post\" action=\"/subscribe\""));
    served.ask("Ann@home.net");
    let mail = &arrived(&smtp, 1)[0];
    assert!(mail.starts_with("Return-Path: <letter@letter.example>\r\nDelivered-To: Ann@home.net\r\n"), "{mail}");
    let (head, _) = mail.split_once("\r\n\r\n").unwrap();
    let names: Vec<&str> =
        head.lines().skip(2).filter(|line| !line.starts_with(' ')).filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    let known = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"];
    assert!(names.iter().all(|name| known.contains(name)) && names.len() == known.len(), "{names:?}");

    // A scanner follows every link of the mail, and what those pages hold.
    let confirm = link(mail, "confirm");
    for _ in 0..3 {
        assert_eq!(served.get(&confirm).status(), 200);
        assert_eq!(served.client.head(format!("{}{confirm}", served.url)).send().unwrap().status(), 200);
        let _ = served.get("/subscribe");
    }
    assert_eq!(confirmed(&home), Vec::<String>::new());

    assert_eq!(served.post(&confirm, "").0, 200);
    assert_eq!(confirmed(&home), ["Ann@home.net"]);
    let welcome = arrived(&smtp, 2).pop().unwrap();
    for part in [
        "Subject: Welcome to The Letter\r\n",
        "Fog 4 & more\r\nhttps://letter.example/issues/fog-4/",
        "Fog 3 & more",
        "Fog 2 & more",
        "\r\nList-Unsubscribe: <https://letter.example/leave/",
        "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    ] {
        assert!(welcome.contains(part), "{part} in {welcome}");
    }
    assert!(!welcome.contains("Fog 1"), "three of four: {welcome}");
    assert!(link(&welcome, "preferences").len() > 60 && link(&welcome, "leave").len() > 60);
    assert!(served.post(&confirm, "").1.contains("a reader already"));
    assert!(served.leave(), "it leaves in peace");

    // Two days later somebody asks with the same address; and no wake has been.
    home.at("2026-11-22T14:00:00Z");
    let served = Served::start(&home);
    served.ask("ann@home.net");
    let known = arrived(&smtp, 3).pop().unwrap();
    assert!(known.contains("You are a reader of The Letter already") && !known.contains("/confirm/"), "{known}");
    let id = subscriber_id("ann@home.net");
    let row = |kind: &str| (id.clone(), kind.to_owned(), "confirmed".to_owned());
    wait_for("the ledger", || ledger(&home) == [row("confirm"), row("welcome"), row("known")]);
    assert_eq!(memory(&home).run_count().unwrap(), 0, "serve is no wake");
    let wake = home.run(&["wake", "--no-model"]);
    assert_eq!(wake.code, 0, "a wake takes nothing of it for its own: {wake:?}");
    assert_eq!(memory(&home).run_count().unwrap(), 1);
}

#[test]
fn stop_and_pause_hold_mails_back_and_they_go_out_after() {
    let smtp = Smtp::start();
    let home = with(&smtp);
    home.write("STOP", "");
    let served = Served::start(&home);
    served.ask("ann@home.net");
    wait_for("the brake", || served.talk().contains("the home is stopped"));
    let _ = home.run(&["pause", "--reason", "holidays"]).ok();
    std::fs::remove_file(home.join("STOP")).unwrap();
    served.ask("bob@home.net");
    wait_for("the pause", || served.talk().contains("holidays"));
    assert_eq!(smtp.plain_count(), 0);
    let _ = home.run(&["resume"]).ok();
    served.ask("cyd@home.net");
    let mails = arrived(&smtp, 3);
    for (mail, name) in mails.iter().zip(["ann", "bob", "cyd"]) {
        assert!(mail.contains(&format!("\r\nTo: {name}@home.net\r\n")), "{mail}");
    }
}

#[test]
fn without_a_mail_channel_subscribing_is_closed() {
    let home = home("");
    let served = Served::start(&home);
    let page = served.get("/subscribe");
    assert_eq!(page.status(), 503);
    assert!(page.text().unwrap().contains("Subscribing is closed"));
    assert_eq!(served.post("/subscribe", "email=ann@home.net").0, 503);
    wait_for("the word", || served.talk().contains("[channels.email]"));
    assert!(memory(&home).subscribers().unwrap().is_empty());
}

#[test]
fn a_memory_that_was_put_back_mails_nobody_before_a_wake_has_looked() {
    let smtp = Smtp::start();
    let home = with(&smtp);
    home.write("memory/handover.json", "{\"schema\": 1, \"run\": 7}");
    let served = Served::start(&home);
    served.ask("ann@home.net");
    wait_for("the doubt", || served.talk().contains("may not know all"));
    assert_eq!(smtp.plain_count(), 0);
}

#[test]
fn killed_at_any_step_of_a_mail_nothing_goes_twice_and_nothing_wanted_is_lost() {
    for (step, sent) in
        [("before-intent", true), ("after-intent", true), ("before-call", false), ("after-answer", true), ("after-confirm", true)]
    {
        let smtp = Smtp::start();
        let mut home = with(&smtp);
        home.env("REVEILLE_FAULT", step);
        let mut served = Served::start(&home);
        let _ = served.try_post("/subscribe", "email=ann%40home.net");
        wait_for("the kill", || served.process.try_wait().unwrap().is_some());
        home.env("REVEILLE_FAULT", "");
        let served = Served::start(&home);
        served.ask("bob@home.net");
        arrived(&smtp, if sent { 2 } else { 1 });
        wait_for("the ledger", || memory(&home).wanted_mails(0, 9).unwrap().is_empty());
        let counted = mails(&smtp).iter().filter(|mail| mail.contains("\r\nTo: ann@home.net\r\n")).count();
        assert_eq!(counted, usize::from(sent), "{step}");
        let settled = if matches!(step, "before-call" | "after-answer") { "unknown" } else { "confirmed" };
        assert_eq!(ledger(&home)[0].2, settled, "{step}");
    }
}

#[test]
fn whom_a_cap_turned_away_is_counted_where_the_owner_looks() {
    let home = home("");
    let asked: Vec<SignUp> = ["a", "b", "c"]
        .map(|name| SignUp {
            id: subscriber_id(&format!("{name}@home.net")),
            email: format!("{name}@home.net"),
            network: 1,
            via: String::new(),
            is_person: true,
        })
        .to_vec();
    let before = home.run(&["status"]).ok();
    assert!(!before.stdout.contains("turned away"), "{before:?}");
    memory(&home).sign_up(&asked, SignUpCaps { network: 9, all: 1 }, now()).unwrap();
    let said = "sign-ups turned away since yesterday: 2 by `mails_a_day` of [site]";
    let after = home.run(&["status"]).ok();
    assert!(after.stdout.contains(said), "{after:?}");
    assert_eq!(home.run(&["status", "--json"]).ok().json()["turned_away"]["all"], 2);
    let _ = home.run(&["wake", "--no-model"]).ok();
    assert!(home.read("PROGRESS.md").contains(said), "{}", home.read("PROGRESS.md"));
}

#[test]
fn changed_settings_and_a_web_server_that_is_not_believed_are_said_once() {
    let smtp = Smtp::start();
    let home = with(&smtp);
    let served = Served::start(&home);
    let settings = home.read("reveille.toml");
    let write = |text: &str| {
        home.write("written", text);
        std::fs::rename(home.join("written"), home.join("reveille.toml")).unwrap();
    };
    write(&settings);
    served.ask("ann@lighthouse.net");
    arrived(&smtp, 1);
    assert!(!served.talk().contains("has changed"), "the same bytes once more are no change: {}", served.talk());
    write(&settings.replace("13:00", "12:00"));
    served.ask("bob@lighthouse.net");
    wait_for("a word on the settings", || served.talk().contains("reveille.toml has changed, and this `reveille serve` goes on"));
    write(&settings.replace("13:00", "11:00"));
    served.ask("cyd@lighthouse.net");
    for _ in 0..3 {
        let asked = served.client.get(&served.url).header("x-forwarded-for", "198.51.100.7").send();
        assert!(asked.is_ok(), "{asked:?}");
    }
    arrived(&smtp, 3);
    let talk = served.talk();
    assert_eq!(talk.matches("has changed").count(), 1, "{talk}");
    let lines: Vec<&str> = talk.lines().filter(|line| line.contains("X-Forwarded-For")).collect();
    assert!(lines.len() == 1 && lines[0].contains("WARN") && lines[0].contains("add \"127.0.0.1\" to `[site] proxies`"), "{talk}");
}

/// Readers who asked and were mailed, with the tokens of their links.
fn asked(home: &Home, count: usize) -> Vec<(String, String)> {
    drop(Served::start(home)); // it makes the key
    let key = home.bytes("memory/unsubscribe.key");
    let mut memory = memory(home);
    let one = |at: usize| {
        let email = format!("reader{at}@home.net");
        SignUp { id: subscriber_id(&email), email, network: 1, via: String::new(), is_person: true }
    };
    let all: Vec<SignUp> = (0..count).map(one).collect();
    memory.sign_up(&all, SignUpCaps { network: 9_999, all: 9_999 }, now()).unwrap();
    for mail in memory.wanted_mails(0, 9_999).unwrap() {
        memory.mail_done(mail.id, now()).unwrap();
    }
    let token = |one: &SignUp| {
        let subscriber = subscriber_bytes(&one.id).unwrap();
        Token { purpose: Purpose::Confirm, subscriber, item: 0, expires: Some(now() + TimeDelta::days(7)) }.mint(&key)
    };
    all.iter().map(|one| (one.email.clone(), token(one))).collect()
}

#[test]
fn who_was_told_that_they_are_a_reader_is_one_after_any_kill() {
    let smtp = Smtp::start();
    let home = with(&smtp);
    let readers = asked(&home, 200);
    let told = AtomicUsize::new(0);
    for kill in 1..=3_usize {
        let served = Served::start(&home);
        let pid = served.process.id();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while let Some((_, token)) = readers.get(told.load(Ordering::SeqCst)) {
                    // One that was cut off is sent again to the next server.
                    let Some((200, _)) = served.try_post(&format!("/confirm/{token}"), "") else { return };
                    told.fetch_add(1, Ordering::SeqCst);
                }
            });
            wait_for("answers", || told.load(Ordering::SeqCst) >= kill * 50);
            signal(pid, "KILL");
        });
        let there = confirmed(&home);
        let count = told.load(Ordering::SeqCst);
        let lost: Vec<&String> = readers[..count].iter().map(|(email, _)| email).filter(|email| !there.contains(email)).collect();
        assert!(lost.is_empty() && there.len() <= count + 1, "told {count}, {} are there, lost {lost:?}", there.len());
    }
    let served = Served::start(&home);
    for (_, token) in &readers {
        assert_eq!(served.post(&format!("/confirm/{token}"), "").0, 200);
    }
    assert_eq!(confirmed(&home).len(), readers.len());
    wait_for("the welcomes", || memory(&home).wanted_mails(0, 999).unwrap().is_empty());
    let mut welcomes = BTreeMap::<String, usize>::new();
    for (recipient, kind, _) in ledger(&home) {
        assert_eq!(kind, WantedFor::Welcome.to_string());
        *welcomes.entry(recipient).or_default() += 1;
    }
    assert!(welcomes.len() == readers.len() && welcomes.values().all(|count| *count == 1), "{welcomes:?}");
    let mut to = BTreeMap::<String, usize>::new();
    for mail in mails(&smtp) {
        *to.entry(mail.lines().nth(1).unwrap_or_default().to_owned()).or_default() += 1;
    }
    assert!(to.values().all(|count| *count == 1) && to.len() + 3 >= readers.len(), "a kill may leave one unknown: {to:?}");
}

#[test]
fn a_flood_over_one_line_causes_no_more_mails_than_the_cap() {
    let smtp = Smtp::start();
    let home = with(&smtp);
    let served = Served::start(&home);
    let mut statuses = BTreeMap::<u16, usize>::new();
    for at in 0..2_000 {
        *statuses.entry(served.post("/subscribe", &format!("email=flood{at}@home.net")).0).or_default() += 1;
    }
    assert!(statuses.len() == 2 && statuses[&429] > 1_000, "{statuses:?}");
    arrived(&smtp, 20);
    wait_for("the rest", || memory(&home).wanted_mails(0, 99).unwrap().is_empty());
    assert_eq!((smtp.plain_count(), memory(&home).subscribers().unwrap().len()), (20, 20));
}

#[test]
fn who_never_confirms_is_forgotten_after_a_week() {
    let smtp = Smtp::start();
    let mut home = with(&smtp);
    let served = Served::start(&home);
    served.ask("ann@home.net");
    let confirm = link(&arrived(&smtp, 1)[0], "confirm");
    wait_for("the ledger", || memory(&home).wanted_mails(0, 9).unwrap().is_empty());
    assert!(served.leave());
    home.at("2026-11-27T14:00:01Z");
    let served = Served::start(&home);
    wait_for("forgetting", || memory(&home).subscribers().unwrap().is_empty());
    let (status, page) = served.post(&confirm, "");
    assert!(status == 410 && page.contains("This link is too old") && page.contains("action=\"/subscribe\""), "{status} {page}");
    assert!(served.leave());
    let _ = memory(&home).copy_to(&home.join("copy.db"), PATIENCE).unwrap();
    let bytes = home.bytes("copy.db");
    assert!(!bytes.windows(12).any(|part| part == b"ann@home.net"), "the address stands nowhere");
}
