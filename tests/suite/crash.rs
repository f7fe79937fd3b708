//! A wake that is killed (SIGKILL, as by a power cut) at every step of an effect, on every channel, and then woken again: nothing
//! goes out twice, nothing is lost, every row of the ledger is settled. `make crash` repeats each point 25 times
//! (`REVEILLE_CRASHES`); the suite does a tenth of that. `crash/` has the whole wake, disks that fail, and humans who edit meanwhile.

mod disk;
mod edits;
mod frozen;
pub(crate) mod matrix;

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use reveille_tests::Home;
use reveille_tests::scripted::{Play, Request, Scripted};
use reveille_tests::servers::{Mastodon, Pds, Smtp};

/// The steps of an effect (`skills/src/delivery.rs`).
const STEPS: [&str; 9] = [
    "before-claim",
    "after-claim",
    "before-intent",
    "after-intent",
    "before-call",
    "after-answer",
    "after-confirm",
    "before-record",
    "after-record",
];

const SIGKILL: i32 = 9;

/// Sends a signal to a process that this test started.
pub(super) fn signal(process: u32, name: &str) {
    let sent = std::process::Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().expect("it starts");
    assert!(sent.success(), "no {name} to {process}");
}

/// Waits until a process has frozen itself.
pub(super) fn wait_until_stopped(process: u32) {
    let begun = std::time::Instant::now();
    loop {
        let state = std::process::Command::new("ps").args(["-o", "stat=", "-p", &process.to_string()]).output().expect("it starts");
        let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
        if state.starts_with('T') {
            return;
        }
        assert!(!state.starts_with('Z') && !state.is_empty(), "it ended instead of freezing");
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "it is not frozen but {state:?}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn repeats() -> usize {
    std::env::var("REVEILLE_CRASHES").ok().and_then(|times| times.parse().ok()).unwrap_or(3)
}

/// A home with one published issue and one line about it. `name` is in the address, so that a server can be shared.
fn home(name: &str, channel: &str, line: &str) -> Home {
    let mut home = Home::new(format!("# Plan\n\n- [ ] {line}\n"));
    let head = "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n";
    home.write("reveille.toml", format!("{head}\n{channel}"));
    let front = format!(
        "title: \"The {name} fog\"\nsummary: \"What {name} fog does to a lighthouse.\"\nslug: \"{name}\"\ndate: 2026-11-19\nid: \"tag:letter.example,2026:{name}\""
    );
    home.write("issues/045-fog.md", format!("---\n{front}\n---\nThe lamp was lit.\n"));
    home.write("readers.csv", "email,name,status,tier,confirmed_at,source\nann@lighthouse.net,Ann,confirmed,free,2026-01-01,form\n");
    home.env("TEST_TOKEN", "cnry-token-of-none");
    home
}

/// Wakes with a fault, which must end it by SIGKILL, and then without, two hours and four hours later.
fn crash_and_wake(home: &mut Home, step: &str) {
    let mut killed = home.command(&["wake", "--no-model"]);
    let ended = killed.env("REVEILLE_FAULT", step).stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it starts");
    assert_eq!(ended.signal(), Some(SIGKILL), "the fault point {step} was not reached: {ended:?}");
    wake_again(home);
}

fn wake_again(home: &mut Home) {
    for later in ["2026-11-20T16:00:00Z", "2026-11-20T18:00:00Z"] {
        let _ = home.at(later).run(&["wake", "--no-model"]).ok();
    }
}

/// Every row of the ledger but the page's is `state`, and the line is ticked.
fn settled(home: &Home, what: &str) {
    let database = rusqlite::Connection::open(home.join("memory/reveille.db")).expect("a database");
    let mut rows = database.prepare("SELECT state, count(*) FROM effects WHERE channel <> 'web' GROUP BY state").expect("a query");
    let states: Vec<(String, i64)> = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows").flatten().collect();
    assert_eq!(states, [("confirmed".to_owned(), 1)], "{what}: {}", home.read("PROGRESS.md"));
    assert!(home.read("PROGRESS.md").contains("- [x] "), "{what}: {}", home.read("PROGRESS.md"));
}

fn mastodon_section(url: &str) -> String {
    format!("[channels.mastodon]\nserver = \"{url}\"\ntoken = {{ env = \"TEST_TOKEN\" }}\n")
}

/// A server that passes everything on to `target`, and kills the program when it has passed on a request whose path holds
/// `path`: the write is done, its answer is never seen.
fn killing_proxy(target: &str, path: &'static str, victim: &Arc<AtomicU32>) -> Scripted {
    let (target, victim) = (target.to_owned(), Arc::clone(victim));
    let client = Mutex::new(reqwest::blocking::Client::new());
    Scripted::start(move |request: &Request, _| {
        let method = reqwest::Method::from_bytes(request.method.as_bytes()).expect("a method");
        let client = client.lock().expect("a client").clone();
        let mut passed = client.request(method, format!("{target}{}", request.path)).body(request.body.clone());
        for (name, value) in
            request.headers.iter().filter(|(name, _)| !["host", "content-length", "accept-encoding"].contains(&name.as_str()))
        {
            passed = passed.header(name, value);
        }
        let answer = passed.send().expect("an answer");
        let status = answer.status().as_u16();
        let headers = answer.headers().iter().filter(|(name, _)| *name == "content-type");
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned())).collect();
        let body = answer.bytes().expect("a body").to_vec();
        let pid = victim.swap(0, Ordering::SeqCst);
        if pid != 0 && request.method == "POST" && request.path.contains(path) {
            let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
            return Play::Cut;
        }
        if pid != 0 {
            victim.store(pid, Ordering::SeqCst);
        }
        Play::Answer { status, headers, body }
    })
}

/// Wakes once; the proxy kills it in the middle of its call.
fn killed_in_the_call(home: &mut Home, victim: &AtomicU32) {
    let mut wake = home.command(&["wake", "--no-model"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    victim.store(wake.id(), Ordering::SeqCst);
    let ended = wake.wait().expect("it ends");
    assert_eq!(ended.signal(), Some(SIGKILL), "it was not killed in its call");
    wake_again(home);
}

#[test]
fn mastodon_posts_once() {
    let server = Mastodon::start();
    for step in STEPS {
        for nth in 0..repeats() {
            let name = format!("m-{step}-{nth}");
            let mut home = home(&name, &mastodon_section(&server.url), "Post issue 45 to Mastodon");
            home.env("TEST_TOKEN", &server.token);
            crash_and_wake(&mut home, step);
            settled(&home, &name);
        }
    }
    let victim = Arc::new(AtomicU32::new(0));
    let proxy = killing_proxy(&server.url, "/api/v1/statuses", &victim);
    for nth in 0..repeats() {
        let name = format!("m-call-{nth}");
        let mut home = home(&name, &mastodon_section(&proxy.url), "Post issue 45 to Mastodon");
        home.env("TEST_TOKEN", &server.token);
        killed_in_the_call(&mut home, &victim);
        settled(&home, &name);
    }
    let statuses: Vec<String> = server.statuses().iter().map(|status| status["content"].to_string()).collect();
    assert_eq!(statuses.len(), (STEPS.len() + 1) * repeats(), "twice or lost");
    for name in STEPS.iter().map(|step| format!("m-{step}")).chain(["m-call".to_owned()]) {
        for nth in 0..repeats() {
            let link = format!("https://letter.example/issues/{name}-{nth}/");
            assert_eq!(statuses.iter().filter(|status| status.contains(&link)).count(), 1, "{link}");
        }
    }
}

#[test]
fn bluesky_posts_once() {
    let server = Pds::start();
    let section = |url: &str| {
        format!("[channels.bluesky]\nservice = \"{url}\"\nhandle = \"{}\"\npassword = {{ env = \"TEST_TOKEN\" }}\n", server.handle)
    };
    // Logging in is limited to 30 times in five minutes: one session for all homes.
    let session = std::cell::RefCell::new(None::<Vec<u8>>);
    let lend = |home: &Home| {
        if let Some(bytes) = &*session.borrow() {
            let path = home.join("memory/bluesky-session.json");
            std::fs::create_dir_all(home.join("memory")).expect("a folder");
            std::fs::write(&path, bytes).expect("written");
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("private");
        }
    };
    let keep = |home: &Home| *session.borrow_mut() = Some(home.bytes("memory/bluesky-session.json"));
    for step in STEPS {
        for nth in 0..repeats() {
            let name = format!("b-{step}-{nth}");
            let mut home = home(&name, &section(&server.url), "Post issue 45 to Bluesky");
            home.env("TEST_TOKEN", &server.app_password);
            lend(&home);
            crash_and_wake(&mut home, step);
            settled(&home, &name);
            keep(&home);
        }
    }
    let victim = Arc::new(AtomicU32::new(0));
    let proxy = killing_proxy(&server.url, "com.atproto.repo.putRecord", &victim);
    for nth in 0..repeats() {
        let name = format!("b-call-{nth}");
        let mut home = home(&name, &section(&proxy.url), "Post issue 45 to Bluesky");
        home.env("TEST_TOKEN", &server.app_password);
        killed_in_the_call(&mut home, &victim);
        settled(&home, &name);
    }
    let posts: Vec<String> = server.posts().iter().map(ToString::to_string).collect();
    assert_eq!(posts.len(), (STEPS.len() + 1) * repeats(), "twice or lost");
}

fn mail_section(server: &Smtp) -> String {
    format!(
        "[channels.email]\nsmtp = \"smtp://127.0.0.1:{}\"\nfrom = \"The Letter <letter@letter.example>\"\nrate = 60000\n",
        server.plain_port
    )
}

/// Nobody can see whether a mail has arrived: one that was on its way in the crash waits for the human's word.
#[test]
fn mail_is_never_sent_twice() {
    let server = Smtp::start();
    let mut sent = 0;
    for step in STEPS {
        for nth in 0..repeats() {
            let name = format!("e-{step}-{nth}");
            let mut home = home(&name, &mail_section(&server), "Send issue 45 to the mailing list");
            crash_and_wake(&mut home, step);
            let arrived = server.plain_messages().len() - sent;
            if arrived == 0 {
                let said = home.run(&["posted", "45 email", "--not"]).ok();
                let _ = home.at("2026-11-20T20:00:00Z").run(&["wake", "--no-model"]).ok();
                assert_eq!(server.plain_messages().len() - sent, 1, "{name}: {said:?}");
            } else {
                assert_eq!(arrived, 1, "{name}");
                let _ = home.run(&["posted", "45 email", "--there"]);
                let _ = home.at("2026-11-20T20:00:00Z").run(&["wake", "--no-model"]).ok();
                assert_eq!(server.plain_messages().len() - sent, 1, "{name}: sent again");
            }
            sent += 1;
            settled(&home, &name);
        }
    }
}

/// Addresses in the order of the list, and how often a mail for each has arrived.
fn arrived(server: &Smtp) -> std::collections::BTreeMap<String, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for message in server.plain_messages() {
        let text = String::from_utf8_lossy(&message).into_owned();
        let to = text.lines().find_map(|line| line.strip_prefix("Delivered-To: ")).unwrap_or_else(|| panic!("no recipient in {text}"));
        *counts.entry(to.trim().to_owned()).or_insert(0) += 1;
    }
    counts
}

/// A list is mailed; the wake is killed again and again, at moments that nobody chose; what was on its way is settled by the
/// human, who can see in this mailbox what arrived.
fn killed_on_the_way(recipients: usize, kills: u32) {
    let server = Smtp::start();
    let mut home = home("list", &mail_section(&server), "Send issue 45 to the mailing list");
    let row = |at: usize| format!("reader{at}@lighthouse.net,Reader {at},confirmed,free,2026-01-01,form\n");
    let list: String = (0..recipients).map(row).collect();
    home.write("readers.csv", format!("email,name,status,tier,confirmed_at,source\n{list}"));
    let mut hour = 0;
    let mut later = |home: &mut Home| {
        hour += 1;
        home.at(&format!("2026-11-{:02}T{:02}:00:00Z", 20 + hour / 24, hour % 24));
    };
    for kill in 0..kills {
        later(&mut home);
        let already = server.plain_count();
        let mut wake = home.command(&["wake", "--no-model"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let share = recipients / (kills as usize + 1);
        while server.plain_count() < already + share.max(1) - usize::from(kill % 2 == 0) {
            assert!(wake.try_wait().expect("asked").is_none(), "the wake ended before it was killed");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        wake.kill().expect("killed");
        let _ = wake.wait().expect("ended");
        settle_by_hand(&home, &server);
    }
    for _ in 0..3 {
        later(&mut home);
        let _ = home.run(&["wake", "--no-model"]).ok();
        settle_by_hand(&home, &server);
    }
    let counts = arrived(&server);
    assert_eq!(counts.len(), recipients, "lost");
    let twice: Vec<&String> = counts.iter().filter(|(_, count)| **count != 1).map(|(to, _)| to).collect();
    assert!(twice.is_empty(), "twice: {twice:?}");
    let progress = home.read("PROGRESS.md");
    assert!(progress.contains("- [x] Send issue 45"), "{progress}");
}

/// The human looks which of the open mails has arrived, and says so.
fn settle_by_hand(home: &Home, server: &Smtp) {
    let database = rusqlite::Connection::open(home.join("memory/reveille.db")).expect("a database");
    let mut rows =
        database.prepare("SELECT text FROM effects WHERE channel = 'email' AND state IN ('sending', 'unknown')").expect("a query");
    let open: Vec<Vec<u8>> = rows.query_map([], |row| row.get(0)).expect("rows").flatten().collect();
    assert!(open.len() <= 1, "{} mails were on their way at once", open.len());
    let Some(mail) = open.first() else { return };
    let mail: serde_json::Value = serde_json::from_slice(mail).expect("a mail");
    let to = mail["to"].as_str().expect("a recipient");
    let there = arrived(server).keys().any(|other| to.contains(other.as_str()));
    let _ = home.run(&["posted", "45 email", if there { "--there" } else { "--not" }]).ok();
}

#[test]
fn a_list_that_is_killed_on_its_way_reaches_every_address_once() {
    killed_on_the_way(300, 3);
}

#[test]
#[ignore = "ten thousand mails take minutes: `make crash`"]
fn ten_thousand_readers_killed_ten_times_get_one_mail_each() {
    killed_on_the_way(10_000, 10);
}
