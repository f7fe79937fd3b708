//! Experiments by the program: refused with too few people; subject lines shared out by the published hashing, whatever crashes;
//! headlines served, counted, and frozen once somebody has seen them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::{FactRow, Memory, NewRun, Sign, SignKind};
use reveille_mission::experiment::{subject_key, variant_of};
use reveille_mission::subscriber_id;
use reveille_tests::servers::Smtp;
use reveille_tests::{Home, NOW};

const NEEDS: &str = "needs about 2,210 people a side to see 5 % become 7 % (α 0.05, power 0.8)";
const ID: &str = "tag:letter.example,2026:fog";
const SUBJECTS: [&str; 2] = ["What fog does", "A lamp in the fog"];

/// The readers of the tests below.
fn readers(count: usize) -> Vec<String> {
    (0..count).map(|nth| format!("reader{nth}@lighthouse.net")).collect()
}

fn settings(port: u16, experiments: &str) -> String {
    format!(
        "name = \"The Letter\"\nurl = \"https://letter.example\"\nowner = \"me@letter.example\"\ndescription = \"As it is\"\n\n\
         [channels.email]\nsmtp = \"smtp://127.0.0.1:{port}\"\nfrom = \"The Letter <letter@letter.example>\"\n{experiments}"
    )
}

const SMALL: &str = "\n[experiments]\nbase = 0.1\nwanted = 0.9\n";

fn home(port: u16, experiments: &str, count: usize, subjects: &[&str]) -> Home {
    let home = Home::new("- [ ] Send issue 45 to the mailing list\n");
    home.write("reveille.toml", settings(port, experiments));
    write_issue(&home, subjects);
    let rows: String = readers(count).iter().map(|email| format!("{email},confirmed\n")).collect();
    home.write("readers.csv", format!("email,status\n{rows}"));
    let _ = home.run(&["render"]).ok();
    home
}

fn write_issue(home: &Home, subjects: &[&str]) {
    let front = format!("title: The long fog\ndate: 2026-11-19\nid: \"{ID}\"\nsubjects: {subjects:?}\n");
    home.write("issues/045-fog.md", format!("---\n{front}---\nThe lamp was lit.\n"));
}

/// Who got which subject: each reader's own, once.
fn subjects(smtp: &Smtp) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for mail in smtp.plain_messages() {
        let mail = String::from_utf8(mail).unwrap();
        let header =
            |name: &str| mail.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {mail}")).to_owned();
        assert!(mail.contains("The long fog"), "the title stands in the letter: {mail}");
        assert_eq!(found.insert(header("Delivered-To: "), header("Subject: ")), None, "a mail was sent twice");
    }
    found
}

fn assigned(count: usize) -> BTreeMap<String, String> {
    let subject = |email: &str| SUBJECTS[variant_of(&subject_key(ID), &subscriber_id(email), SUBJECTS.len())].to_owned();
    readers(count).into_iter().map(|email| (email.clone(), subject(&email))).collect()
}

#[test]
fn a_line_that_asks_for_one_with_two_readers_is_refused_with_the_numbers() {
    let home = Home::new("- [ ] A/B test two subject lines\n- [ ] Test two headlines on the landing page\n");
    home.write("readers.csv", "email,status\nann@home.net,confirmed\nbob@home.net,confirmed\n");
    let refusals = |more: &[&str]| {
        let plan = home.plan(more);
        let refusal = |at: usize| {
            let refusal = &plan["candidates"][at]["refusal"];
            (refusal["kind"].as_str().unwrap().to_owned(), refusal["why"].as_str().unwrap().to_owned())
        };
        assert_eq!(plan["pick"], serde_json::Value::Null);
        [refusal(0), refusal(1)]
    };
    let today = refusals(&[]);
    assert_eq!(today[0], ("no_audience".to_owned(), format!("{NEEDS}; today there are 2 (subscribers.confirmed, readers.csv)")));
    assert_eq!(today[1], ("no_audience".to_owned(), format!("{NEEDS}; today there are 0 (site.visitors_30d, never counted)")));
    // Also where no reader would notice it: the reason stands where a person reads it.
    let shown = home.run(&["plan"]).ok().stdout;
    assert_eq!(shown.matches("needs about 2,210 people a side").count(), 2, "{shown}");
    let _ = home.run(&["wake", "--no-model"]).ok();
    assert_eq!(home.read("PROGRESS.md").matches("needs about 2,210 people a side").count(), 2, "{}", home.read("PROGRESS.md"));
    let many = refusals(&["--assume", "subscribers.confirmed=5000"]);
    assert_ne!(many[0].0, "no_audience", "{many:?}");
    assert_eq!(many[1].0, "no_audience");
}

#[test]
fn each_reader_gets_the_subject_that_is_theirs_whatever_crashes_and_changes_in_between() {
    let smtp = Smtp::start();
    let mut home = home(smtp.plain_port, SMALL, 24, &SUBJECTS);
    let killed = home.command(&["wake", "--no-model"]).env("REVEILLE_FAULT", "after-answer:9").output().unwrap();
    assert_eq!(killed.status.code(), None, "{killed:?}");
    assert_eq!(smtp.plain_count(), 9);

    // Other words now would be told from nobody's clicks.
    write_issue(&home, &[SUBJECTS[1], SUBJECTS[0]]);
    let said = home.at("2026-11-20T16:00:00Z").run(&["wake", "--no-model"]);
    let told = format!("{}{}", said.stdout, home.read("PROGRESS.md"));
    assert!(told.contains("`subjects` was changed after the first mails were written down with them"), "{said:?} {told}");
    assert_eq!(smtp.plain_count(), 9, "nothing was sent");

    // It goes on as it was frozen, also where it could not begin any more.
    write_issue(&home, &SUBJECTS);
    home.write("reveille.toml", settings(smtp.plain_port, ""));
    let _ = home.at("2026-11-20T18:00:00Z").run(&["wake", "--no-model"]).ok();
    assert_eq!(subjects(&smtp), assigned(24));
    let both: Vec<usize> = SUBJECTS.iter().map(|one| subjects(&smtp).values().filter(|subject| subject == one).count()).collect();
    assert!(both.iter().all(|count| *count > 5), "{both:?}");

    // Everybody with the second subject clicks, one of the first ones does: nobody looks before the horizon.
    clicks(&home);
    let name = subject_key(ID);
    let running = home.at("2026-11-23T00:00:00Z").run(&["experiment", "show", &name, "--json"]).ok().json();
    assert_eq!((running["state"].as_str(), running["variants"][0]["outcomes"].as_u64()), (Some("running"), None), "{running}");
    assert!(running["next"].as_str().unwrap().starts_with("nobody looks at clicks before 2026-11-27"), "{running}");
    assert!(home.run(&["status"]).ok().stdout.contains("experiment  subject-tag:letter.example,2026:fog: running"));
    let done = home.at("2026-11-28T00:00:00Z").run(&["experiment", "show", &name, "--json"]).ok().json();
    assert_eq!((done["state"].as_str(), done["best"].as_str()), (Some("done"), Some(SUBJECTS[1])), "{done}");
    // Of the mail that the crash cut off nobody can tell: it is no exposure.
    let shown: u64 = (0..2).map(|at| done["variants"][at]["shown"].as_u64().unwrap()).sum();
    assert_eq!(shown, 23, "{done}");
    assert!(home.run(&["experiment", "show", &name]).ok().stdout.contains("brought more readers to click"));
    assert!(home.run(&["experiment", "show", "subject-tag:letter.example,2026:fig"]).stderr.contains("did you mean"));
}

/// Clicks a day later: of who has the second subject, of one who has the first, and some that do not count.
fn clicks(home: &Home) {
    let mut memory = Memory::open(&home.join("memory/reveille.db"), NOW.parse().unwrap()).unwrap();
    let at: DateTime<Utc> = "2026-11-21T18:00:00Z".parse().unwrap();
    let (first, second): (Vec<_>, Vec<_>) = assigned(24).into_iter().partition(|(_, subject)| subject == SUBJECTS[0]);
    let click = |email: &str, kind, about: &str, at| Sign { subscriber: subscriber_id(email), kind, about: about.to_owned(), at };
    let mut signs: Vec<Sign> = second.iter().chain(&first[..1]).map(|(email, _)| click(email, SignKind::Click, ID, at)).collect();
    signs.push(click(&first[0].0, SignKind::Click, ID, at + TimeDelta::hours(1)));
    signs.push(click(&first[1].0, SignKind::Click, "another issue", at));
    signs.push(click(&first[2].0, SignKind::Reply, ID, at));
    signs.push(click(&first[3].0, SignKind::Click, ID, at + TimeDelta::days(8)));
    memory.record_signs(&signs).unwrap();
}

#[test]
fn with_too_few_readers_a_letter_goes_out_with_its_first_subject_and_says_why() {
    let smtp = Smtp::start();
    let home = home(smtp.plain_port, "", 3, &SUBJECTS);
    let why = format!("issue 45 goes out with the first of its subjects: an experiment {NEEDS}; today there are 3 (confirmed readers)");
    let listed = home.run(&["experiment", "list", "--json"]).ok().json();
    assert_eq!((listed[0]["state"].as_str(), listed[0]["next"].as_str()), (Some("waiting"), Some(why.as_str())), "{listed}");
    let _ = home.run(&["wake", "--no-model"]).ok();
    assert!(home.read("PROGRESS.md").contains(&why), "{}", home.read("PROGRESS.md"));
    assert_eq!(subjects(&smtp).into_values().collect::<Vec<_>>(), [SUBJECTS[0]; 3]);
    assert_eq!(home.run(&["experiment", "list", "--json"]).ok().json()[0]["state"], "skipped");
}

#[test]
fn subjects_that_are_no_experiment_are_refused_with_their_line() {
    let home = home(1, SMALL, 24, &["One"]);
    let said = home.run(&["wake", "--no-model"]);
    let told = format!("{said:?}{}", home.read("PROGRESS.md"));
    assert!(told.contains("`subjects`: one wording is no experiment: it takes two to four"), "{told}");
    let draft = "---\ntitle: A\nready: true\nsubjects: [\"One\", \"one\"]\n---\nWords.\n";
    home.write("drafts/a.md", draft);
    let said = home.run(&["wake", "--no-model"]);
    let told = format!("{said:?}{}", home.read("PROGRESS.md"));
    assert!(told.contains("drafts/a.md:4:1: `subjects`: “one” stands there twice"), "{told}");
    assert_eq!(home.read("drafts/a.md"), draft, "it is not published");
}

/// `reveille serve`, ended when it is dropped.
struct Serving(Child, String);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn serve(home: &Home) -> Serving {
    let mut child = home.command(&["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Serving(child, line.trim().trim_start_matches("serving ").to_owned())
}

impl Serving {
    fn home_page(&self, browser: &str) -> String {
        let client = reqwest::blocking::Client::new();
        let agent = format!("Mozilla/5.0 (X11; Linux x86_64) {browser}");
        client.get(format!("{}/", self.1)).header("User-Agent", agent).send().unwrap().error_for_status().unwrap().text().unwrap()
    }
}

fn count_visitors(home: &Home, count: u64) {
    let mut memory = Memory::open(&home.join("memory/reveille.db"), NOW.parse().unwrap()).unwrap();
    let run = NewRun { started_at: NOW.parse().unwrap(), slot: None, trigger: "hand".into(), version: "0".into(), pid: 1 };
    let run = memory.begin_run(&run).unwrap();
    let fact = FactRow {
        key: "site.visitors_30d".into(),
        value_json: count.to_string(),
        source: "the site".into(),
        measured_at: NOW.parse().unwrap(),
    };
    memory.record_facts(&[fact], run).unwrap();
}

#[test]
fn headlines_are_shared_out_among_visitors_and_frozen_once_somebody_has_seen_them() {
    let mut home = home(1, &format!("{SMALL}\n[site]\n"), 1, &SUBJECTS);
    home.write("experiments/home-1.toml", "kind = \"headline\"\nvariants = [\"Letters <from> a lighthouse\", \"Fog, weekly\"]\n");
    let show = |home: &Home| home.run(&["experiment", "show", "home-1", "--json"]).ok().json();
    let _ = home.run(&["wake", "--no-model"]);
    assert!(show(&home)["next"].as_str().unwrap().ends_with("today there are 0 (site.visitors_30d, never counted)"), "{}", show(&home));
    assert!(serve(&home).home_page("Firefox/140").contains("<!--headline-->As it is<!--/headline-->"), "too few: the page as it is");
    count_visitors(&home, 300);
    let serving = serve(&home);
    let mut seen = [0_u64; 2];
    for browser in 0..20 {
        let page = serving.home_page(&format!("Firefox/{browser}"));
        assert_eq!(page, serving.home_page(&format!("Firefox/{browser}")));
        let second = page.contains("<!--headline-->Fog, weekly<!--/headline-->");
        assert!(second || page.contains("<!--headline-->Letters &lt;from&gt; a lighthouse<!--/headline-->"), "{page}");
        seen[usize::from(second)] += 1;
    }
    drop(serving);
    assert!(home.read("site/index.html").contains("<!--headline-->As it is<!--/headline-->"), "the file stays as it is");
    let running = show(&home);
    assert_eq!([0, 1].map(|at| running["variants"][at]["shown"].as_u64().unwrap()), seen, "{running}");
    assert_eq!((running["state"].as_str(), running["variants"][0]["outcomes"].as_u64()), (Some("running"), None));

    home.write("experiments/home-1.toml", "kind = \"headline\"\n\nvariants = [\"Letters\", \"Fog, weekly\"]\n");
    let wrong = show(&home);
    assert_eq!(wrong["state"], "wrong");
    assert!(
        wrong["next"].as_str().unwrap().starts_with("experiments/home-1.toml:3:1: `variants` was changed after people saw them"),
        "{wrong}"
    );
    assert!(serve(&home).home_page("Firefox/1").contains("As it is"), "it is not shown");
    home.write("experiments/home-2.toml", "kind = \"headline\"\nvariants = [\"A\"]\nwinner = 1\n");
    let _ = home.at("2026-11-20T16:00:00Z").run(&["wake", "--no-model"]);
    assert!(home.read("PROGRESS.md").contains("experiments/home-2.toml:3"), "{}", home.read("PROGRESS.md"));
}
