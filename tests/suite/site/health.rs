//! What the owner is told of the readers' side: whether it runs, what readers wait for, what is wrong before a reader meets it.

use std::time::{Duration, Instant};

use reveille_memory::{Memory, SignUp, SignUpCaps};
use reveille_mission::subscriber_id;
use reveille_tests::served::Served;
use reveille_tests::{Home, NOW, Said};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const MAIL: &str = "[channels.email]\nsmtp = \"smtp://127.0.0.1:9\"\nfrom = \"L <l@letter.example>\"\n";

/// A home with `[site]` and this after it.
fn home(more: &str) -> Home {
    let mut home = Home::new("# P\n");
    let head = "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\n";
    home.write("reveille.toml", format!("{head}{more}\n[site]\n"));
    home.write("site/index.html", "<p>front</p>");
    home.at(NOW);
    home
}

fn sign_up(home: &Home, names: &[&str]) {
    let now = NOW.parse().unwrap();
    let mut memory = Memory::open(&home.join("memory/reveille.db"), now).unwrap();
    let asked: Vec<SignUp> = names
        .iter()
        .map(|name| format!("{name}@home.net"))
        .map(|email| SignUp { id: subscriber_id(&email), email, network: 1, is_person: true, via: String::new() })
        .collect();
    memory.sign_up(&asked, SignUpCaps { network: 99, all: 99 }, now).unwrap();
}

/// What it says without its line breaks.
fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn status(home: &Home) -> String {
    folded(&home.run(&["status"]).ok().stdout)
}

fn found(home: &Home, id: &str) -> Vec<(String, String, String)> {
    let said = home.run(&["doctor", "--json"]).json();
    let of = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let all = said.as_array().unwrap().iter().filter(|finding| finding["id"] == id);
    all.map(|finding| (of(finding, "severity"), of(finding, "message"), of(finding, "hint"))).collect()
}

#[test]
fn whether_it_runs_is_known_and_a_second_one_leaves() {
    let home = home(MAIL);
    assert!(status(&home).contains("serve not running, and your letters lead there"));
    assert_eq!(found(&home, "serve")[0].1, "`reveille serve` is not running, and your letters lead there");
    let mut served = Served::start(&home);
    let runs = format!("serve running since 2026-11-20 14:00 UTC on {} (process {})", served.address, served.id());
    assert!(status(&home).contains(&runs), "{runs}: {}", status(&home));
    let json = home.run(&["status", "--json"]).ok().json();
    assert_eq!((&json["serve"]["running"], &json["serve"]["address"]), (&true.into(), &served.address.to_string().into()));
    assert_eq!(found(&home, "serve"), []);
    let second = home.run(&["serve", "--listen", "127.0.0.1:0"]);
    let said = format!("another `reveille serve` is running in this home (process {} since", served.id());
    assert_eq!(second.code, 75, "{second:?}");
    assert!(second.stderr.contains(&said) && second.stderr.contains(&served.address.to_string()), "{second:?}");
    // The kernel's lock decides, not what a killed one left.
    served.kill();
    assert!(home.join("memory/serve.json").is_file());
    assert!(status(&home).contains("serve not running"), "{}", status(&home));
    assert_eq!(home.run(&["status", "--json"]).ok().json()["serve"]["running"], false);
    let served = Served::start(&home);
    served.terminate();
    assert_eq!(served.ended().code, 0);
    assert!(!home.join("memory/serve.json").exists(), "who leaves in order takes it away");
}

#[test]
fn mails_that_readers_wait_for_are_said_with_why() {
    let mut home = home(&format!("{MAIL}user = \"u\"\npassword = {{ env = \"SMTP_PASSWORD\" }}\n"));
    assert_eq!(home.run(&["status", "--json"]).ok().json()["mails"], serde_json::Value::Null);
    sign_up(&home, &["ann", "bob"]);
    let waits = "mails 2 mails that readers asked for wait since 2026-11-20 14:00 UTC: ";
    let says = |home: &Home, why: &str| {
        let said = status(home);
        assert!(said.contains(&format!("{waits}{why}")), "{why}: {said}");
    };
    says(&home, "the password of [channels.email] is not there: ");
    assert!(found(&home, "mails")[0].2.contains("SMTP_PASSWORD"), "{:?}", found(&home, "mails"));
    home.env("SMTP_PASSWORD", "secret");
    says(&home, "`reveille serve` does not run");
    let wake = home.run(&["wake", "--no-model"]);
    assert_eq!(wake.code, 0, "{wake:?}");
    assert!(folded(&home.read("PROGRESS.md")).contains("2 mails that readers asked for wait since"), "{}", home.read("PROGRESS.md"));
    home.write("templates/welcome.txt", "Subject: Hello\n\n{{ nobody }}");
    says(&home, "templates/welcome.txt:3: a variable that is not there");
    std::fs::remove_file(home.join("templates/welcome.txt")).unwrap();
    home.write("STOP", "");
    says(&home, "the home is stopped");
    std::fs::remove_file(home.join("STOP")).unwrap();
    // A server that nobody can reach: what serve said last, and no word of a wake.
    let served = Served::start(&home);
    let begun = Instant::now();
    let json = || home.run(&["status", "--json"]).ok().json()["mails"].clone();
    while json().is_null() {
        assert!(begun.elapsed() < PATIENCE, "serve says nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
    says(&home, "mail can't be reached now: ");
    assert_eq!(json()["hint"], "`reveille serve` tries again every 30 seconds", "{}", json());
    let json = json();
    assert_eq!((&json["count"], &json["since"]), (&2.into(), &"2026-11-20T14:00:00Z".into()));
    // What whoever looks does not have in their environment is nothing that the server lacks.
    let said = Said::of(&home.command(&["status"]).env("SMTP_PASSWORD", "").output().unwrap()).ok();
    assert!(folded(&said.stdout).contains(&format!("{waits}mail can't be reached now: ")), "{said:?}");
    drop(served);
}

#[test]
fn a_template_that_readers_would_meet_keeps_serve_from_starting() {
    let home = home(MAIL);
    for (name, source, line) in [
        ("confirm.txt", "Subject: Yes?\n\n{{ confrim }}\n", 3),
        ("welcome.txt", "Subject: Hello\nHi.{% for issue in issues %}\n{{ issue.titel }}{% endfor %}", 3),
        ("known.txt", "no subject", 1),
        ("preferences.html", "<form method=post></form>\n{% for topic in topics %}{{ topic.nmae }}{% endfor %}", 2),
        ("confirm.html", "<p>no button", 1),
        ("preferences.html", "<form method=post></form>\n{% if frequency == \"weekly\" %}{{ typo }}{% endif %}", 2),
        ("signup.html", "{% extends \"reader.html\" %}\n{% block main %}{{ action }}{% endblock %}", 2),
    ] {
        let path = format!("templates/{name}");
        home.write(&path, source);
        let said = home.run(&["serve", "--listen", "127.0.0.1:0"]);
        assert_eq!(said.code, 78, "{said:?}");
        let place = format!("{path}:{line}: ");
        assert!(said.stderr.contains(&place) && said.stderr.contains("hint: it may use publication"), "{said:?}");
        let found = found(&home, "templates");
        assert!(matches!(found.as_slice(), [(severity, what, _)] if severity == "error" && what.starts_with(&place)), "{found:?}");
        std::fs::remove_file(home.join(&path)).unwrap();
    }
    // The form on the rendered pages is a template of its own.
    home.write("templates/subscribe.html", "<form method=\"post\" action=\"{{ page.root }}subscribe\"></form>");
    assert_eq!(found(&home, "templates"), []);
    drop(Served::start(&home));
}

#[test]
fn doctor_looks_at_what_only_readers_letters_and_measuring_would_meet() {
    let home = home("[answers]\nimap = \"imaps://imap.example\"\nuser = \"u\"\npassword = { env = \"IMAP_PASSWORD\" }\n");
    home.write("reveille.toml", format!("{}logs = [\"no/access.log\", \"access.log\", \"there.log\"]\n", home.read("reveille.toml")));
    home.write("there.log", "");
    let only = |id: &str, severity: &str, what: &str, hint: &str| {
        let found = found(&home, id);
        let fits = found.iter().any(|one| one.0 == severity && one.1.contains(what) && one.2.contains(hint));
        assert!(fits, "{id} {what} {hint}: {found:?}");
        found.len()
    };
    assert_eq!(only("site", "warning", "subscribing is closed: without [channels.email]", "add [channels.email]"), 1);
    assert_eq!(only("answers", "warning", "answers from the mailbox can't be fetched: ", "IMAP_PASSWORD"), 1);
    only("logs", "warning", "the log no/access.log can't be read", "[site]");
    assert_eq!(only("logs", "warning", "the log access.log can't be read", "[site]"), 2, "the third one is there");
    assert_eq!(found(&home, "survey"), []);
    home.write("survey.toml", "name = \"length\"\n");
    only("survey", "error", "survey.toml:", "docs/site.md");
    home.write("segments.toml", "version = 1\nchort = 1\n\n[[cohort]]\nnmae = \"a\"\n");
    only("segments", "error", "segments.toml:2:1: unknown key `chort`", "docs/site.md");
    assert_eq!(only("segments", "error", "segments.toml:5:1: unknown key `nmae`", "docs/site.md"), 2);
    home.write("experiments/home-1.toml", "kind = \"headline\"\nvariants = [\"One\"]\n");
    only("files", "error", "experiments/home-1.toml:2:", "two to four");
}

/// What stands in a block of docs/site.md behind this line, up to its end.
fn block(first: &str) -> String {
    let page = std::fs::read_to_string(reveille_tests::repository().join("docs/site.md")).unwrap();
    let rest = page.split_once(first).unwrap_or_else(|| panic!("docs/site.md has no {first}")).1;
    format!("{first}{}", rest.split("```").next().unwrap_or_default())
}

#[test]
fn systemd_itself_takes_the_unit_of_the_page() {
    let unit = block("[Unit]\nDescription=The readers' side");
    assert!(unit.contains("Restart=on-failure") && unit.contains("RestartPreventExitStatus=75 78"), "{unit}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reveille-serve.service");
    let program = reveille_tests::program().display().to_string();
    std::fs::write(&file, unit.replace("%h/.cargo/bin/reveille", &program)).unwrap();
    let mut verify = std::process::Command::new("systemd-analyze");
    let Ok(verify) = verify.args(["--user", "verify"]).arg(&file).env("XDG_RUNTIME_DIR", folder.path()).output() else {
        crate::service::skipped("no systemd-analyze here");
        return;
    };
    let said = Said::of(&verify);
    assert!(said.code == 0 && !said.stderr.contains("reveille"), "{said:?}");
}

#[test]
fn the_agent_of_the_page_is_a_property_list_that_launchd_keeps_running() {
    let agent = block("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
    let read = plist::Value::from_reader_xml(agent.as_bytes()).unwrap().into_dictionary().unwrap();
    let keys: Vec<&str> = read.keys().map(String::as_str).collect();
    assert_eq!(keys, ["Label", "ProgramArguments", "RunAtLoad", "KeepAlive", "ThrottleInterval", "StandardErrorPath"]);
    let keep = read["KeepAlive"].as_dictionary().unwrap();
    assert_eq!(keep["SuccessfulExit"].as_boolean(), Some(false));
}
