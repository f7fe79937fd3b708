//! Leaving, choosing, taking one's data along and having it deleted, as a reader and as a mail program do it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use chrono::{DateTime, Utc};
use reqwest::blocking::{Client, Response};
use reveille_memory::{Frequency, Memory, Preferences, SignKind, SignUp, SignUpCaps};
use reveille_mission::{leaving_token, subscriber_id};
use reveille_tests::Home;
use reveille_tests::servers::Smtp;

const URL: &str = "https://letter.example";

/// `reveille serve` on a free port.
pub(super) struct Served {
    process: Child,
    address: String,
    client: Client,
}

impl Served {
    pub(super) fn start(home: &Home) -> Self {
        let mut process = home.command(&["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("serving ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { process, address, client }
    }

    pub(super) fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.address)).send().unwrap()
    }

    /// A form, as a page of `origin` sends it; without one as a program does.
    pub(super) fn post(&self, path: &str, origin: Option<&str>, body: &'static str) -> Response {
        let request = self.client.post(format!("{}{path}", self.address)).header("content-type", "application/x-www-form-urlencoded");
        origin.map_or(request.try_clone().unwrap(), |origin| request.header("origin", origin)).body(body).send().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It is ours, and it may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(super) fn home(smtp: &Smtp) -> Home {
    let home = Home::new("- [ ] Tidy up for:nobody\n");
    home.write(
        "reveille.toml",
        format!(
            "name = \"The Letter\"\nurl = \"{URL}\"\nowner = \"me@letter.example\"\n\n[site]\n\n\
             [channels.email]\nsmtp = \"smtp://127.0.0.1:{}\"\nfrom = \"The Letter <letter@letter.example>\"\n",
            smtp.plain_port
        ),
    );
    home.write("readers.csv", "email,name,status\nann@lighthouse.net,Ann,confirmed\n");
    write_issue(&home, 45, "2026-11-19", "fog");
    home
}

pub(super) fn write_issue(home: &Home, number: u32, date: &str, tag: &str) {
    home.write(
        &format!("issues/0{number}-x.md"),
        format!(
            "---\nid: \"tag:letter.example,2026:{number}\"\ntitle: Number {number}\nslug: number-{number}\ndate: {date}\ntags: [{tag}]\nmail: true\n---\n\nBody {number}.\n"
        ),
    );
}

/// They asked and confirmed by the site.
pub(super) fn subscribes(home: &Home, name: &str) {
    let now: DateTime<Utc> = "2026-11-18T12:00:00Z".parse().unwrap();
    std::fs::create_dir_all(home.join("memory")).unwrap();
    let mut memory = Memory::open(&home.join("memory/reveille.db"), now).unwrap();
    let email = format!("{name}@lighthouse.net");
    let id = subscriber_id(&email);
    memory
        .sign_up(
            &[SignUp { id: id.clone(), email, network: 1, via: "mastodon".into(), is_person: true }],
            SignUpCaps { network: 9, all: 9 },
            now,
        )
        .unwrap();
    memory.confirm_reader(&id, now, now).unwrap();
    // Their welcome is not what is looked at here.
    for mail in memory.wanted_mails(0, 9).unwrap() {
        memory.mail_done(mail.id, now).unwrap();
    }
}

/// The mails of an issue: to whom, and the paths at which they leave and choose.
fn mails(smtp: &Smtp, number: u32) -> Vec<(String, String, String)> {
    let unfolded = |message: &[u8]| String::from_utf8_lossy(message).replace("=\r\n", "").replace("\r\n ", " ").replace("=3D", "=");
    let all = smtp.plain_messages().iter().map(|message| unfolded(message)).collect::<Vec<_>>();
    let after = |text: &str, start: &str, end: char| {
        text.split_once(start).unwrap_or_else(|| panic!("{start} in {text}")).1.split(end).next().unwrap_or_default().trim().to_owned()
    };
    let of = |text: &String| {
        let leave = after(text, "List-Unsubscribe: <https://letter.example", '>');
        assert!(text.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"), "{text}");
        assert_eq!(after(text, "Unsubscribe: https://letter.example", '\r'), leave, "{text}");
        (after(text, "Delivered-To: ", '@'), leave, after(text, "Preferences: https://letter.example", '\r'))
    };
    let mut found: Vec<_> = all.iter().filter(|text| text.contains(&format!("Subject: Number {number}\r\n"))).map(of).collect();
    found.sort();
    found
}

pub(super) fn mailed(smtp: &Smtp, number: u32) -> Vec<String> {
    mails(smtp, number).into_iter().map(|(to, ..)| to).collect()
}

fn confirmed(home: &Home) -> u64 {
    home.run(&["readers", "list", "--json"]).ok().json()["confirmed"].as_u64().unwrap()
}

/// Wakes until the letter of an issue has gone out.
pub(super) fn send(home: &mut Home, at: &str) {
    home.at(at);
    let _ = home.run(&["wake", "--no-model"]).ok();
}

#[test]
fn readers_leave_by_one_click_and_by_page_and_a_look_changes_nothing() {
    let smtp = Smtp::start();
    let mut home = home(&smtp);
    ["bob", "zoe"].iter().for_each(|name| subscribes(&home, name));
    send(&mut home, "2026-11-20T14:00:00Z");
    let letters = mails(&smtp, 45);
    assert_eq!(letters.iter().map(|(to, ..)| to.as_str()).collect::<Vec<_>>(), ["ann", "bob", "zoe"]);
    let [(_, ann, anns), (_, bob, _), _] = &letters[..] else { panic!("{letters:?}") };
    let served = Served::start(&home);
    let (list, before) = (home.read("readers.csv"), confirmed(&home));

    // Programs that follow links, and a strange page's form, change nothing.
    for path in [ann, bob, anns] {
        let answer = served.get(path);
        assert_eq!((answer.status().as_u16(), answer.headers()["cache-control"].to_str().unwrap()), (200, "no-store"));
        assert!(answer.headers().get("set-cookie").is_none() && answer.text().unwrap().contains("<form method=\"post\""));
    }
    let cut = &ann[..ann.len() - 1];
    let swapped = anns.replace("/preferences/", "/leave/");
    for path in [cut, swapped.as_str(), "/leave/x", "/unsubscribe/0123456789012345678901234567890123456789"] {
        assert_eq!(served.post(path, None, "List-Unsubscribe=One-Click").status(), 400, "{path}");
    }
    assert_eq!(confirmed(&home), before);

    // As a mail provider posts it: no page before, no origin, no redirect; twice is once.
    for _ in 0..2 {
        let answer = served.post(ann, None, "List-Unsubscribe=One-Click");
        assert!(answer.status() == 200 && answer.headers().get("set-cookie").is_none(), "{answer:?}");
        assert!(answer.text().unwrap().contains("no more mail"));
    }
    assert_eq!(confirmed(&home), before - 1);
    assert_eq!(home.read("readers.csv"), list, "the human's file is theirs");
    assert_eq!(served.post(bob, Some(URL), "").status(), 200, "by the button of the page");
    assert!(served.get(bob).text().unwrap().contains("You have left"));
    assert_eq!(confirmed(&home), before - 2);

    // The next issue goes to who is left, and nobody who left gets a row.
    write_issue(&home, 46, "2026-11-20", "fog");
    send(&mut home, "2026-11-20T18:00:00Z");
    assert_eq!(mailed(&smtp, 46), ["zoe"]);
    // A letter from before the site had tokens that name nobody.
    let key = home.bytes("memory/unsubscribe.key");
    let old = format!("/unsubscribe/{}", leaving_token(&key, &subscriber_id("zoe@lighthouse.net")));
    assert!(served.get(&old).text().unwrap().contains("<form"));
    assert_eq!(served.post(&old, None, "List-Unsubscribe=One-Click").status(), 200);
    assert_eq!(confirmed(&home), 0);
    let rows = home.run(&["readers", "export"]).ok().stdout;
    assert!(rows.contains("ann@lighthouse.net,Ann,left") && !rows.contains("bob@") && !rows.contains("zoe@"), "{rows}");
}

#[test]
fn readers_choose_take_their_data_along_and_have_it_deleted() {
    let smtp = Smtp::start();
    let mut home = home(&smtp);
    write_issue(&home, 44, "2026-09-01", "fog");
    write_issue(&home, 43, "2026-08-01", "ships");
    ["eve", "kim"].iter().for_each(|name| subscribes(&home, name));
    send(&mut home, "2026-11-20T14:00:00Z");
    let letters = mails(&smtp, 45);
    let [_, (_, _, eve), (_, _, kim)] = &letters[..] else { panic!("{letters:?}") };
    let served = Served::start(&home);
    let page = served.get(eve).text().unwrap();
    assert!(page.contains("value=\"each\" checked") && page.contains("value=\"fog\"") && !page.contains("ships"), "{page}");

    // Only our own page's form is taken, and only whole.
    let choice = "frequency=each&pause=2&topic=fog";
    for (origin, body, status) in [
        (None, choice, 403),
        (Some("https://evil.example"), choice, 403),
        (Some("null"), choice, 403),
        (Some(URL), "frequency=each&topic=%3Cscript%3E", 400),
        (Some(URL), "", 400),
    ] {
        assert_eq!(served.post(eve, origin, body).status(), status, "{origin:?} {body}");
    }
    assert!(served.get(eve).text().unwrap().contains("not paused"));
    let kept = served.post(eve, Some(URL), choice);
    assert!(kept.status() == 200 && kept.text().unwrap().contains("Kept."));
    drop(served);
    let served = Served::start(&home);
    let page = served.get(eve).text().unwrap();
    assert!(page.contains("paused until 2027-01-20") && page.contains("value=\"fog\" checked"), "it survives a restart: {page}");

    // All that is known of her, and of nobody else.
    let answer = served.get(&format!("{eve}/data"));
    assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let text = answer.text().unwrap();
    let data: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((data["address"].as_str(), data["came_by"].as_str()), (Some("eve@lighthouse.net"), Some("mastodon")));
    assert_eq!((data["topics"][0].as_str(), data["mails"][0]["about"].as_str()), (Some("fog"), Some("tag:letter.example,2026:45")));
    let signs: Vec<_> = data["signs"].as_array().unwrap().iter().map(|sign| sign["kind"].as_str().unwrap()).collect();
    assert_eq!(signs, ["confirmation", "visit"], "a form is a sign of life, a look is none");
    assert!(!text.contains("kim@") && !text.contains("ann@"), "{text}");
    let table = served.get(&format!("{eve}/data?as=csv")).text().unwrap();
    assert!(table.starts_with("what,when,about\n") && table.contains("address,,eve@lighthouse.net\n"), "{table}");

    // Deleted is deleted, when they are sure.
    let delete = format!("{kim}/delete");
    assert_eq!(served.post(&delete, None, "sure=yes").status(), 403);
    assert_eq!(served.post(&delete, Some(URL), "").status(), 400);
    assert_eq!(confirmed(&home), 3);
    assert_eq!(served.post(&delete, Some(URL), "sure=yes").status(), 200);
    assert_eq!(confirmed(&home), 2);
    let memory = Memory::open_read_only(&home.join("memory/reveille.db")).unwrap();
    let own = memory.own_data(&subscriber_id("kim@lighthouse.net")).unwrap();
    assert!(own.subscriber.is_none() && own.signs.is_empty() && own.is_suppressed, "{own:?}");
    assert_eq!(served.post(kim, Some(URL), choice).status(), 200);
    assert!(memory.all_preferences().unwrap().len() == 1, "nothing is kept of who has left");

    // Who paused gets nothing until then; and then what has her topics.
    write_issue(&home, 46, "2026-11-20", "fog");
    send(&mut home, "2026-11-20T18:00:00Z");
    assert_eq!(mailed(&smtp, 46), ["ann"]);
    write_issue(&home, 47, "2027-01-21", "ships");
    send(&mut home, "2027-01-21T14:00:00Z");
    assert_eq!(mailed(&smtp, 47), ["ann"]);
    write_issue(&home, 48, "2027-01-22", "FOG");
    send(&mut home, "2027-01-22T14:00:00Z");
    assert_eq!(mailed(&smtp, 48), ["ann", "eve"]);
    // Her first link has had its time.
    home.at("2027-03-01T14:00:00Z");
    drop(served);
    let served = Served::start(&home);
    let expired = served.get(eve);
    assert_eq!(expired.status(), 410);
    assert!(expired.text().unwrap().contains("action=\"/subscribe\""));
    assert_eq!(served.post(eve, Some(URL), "frequency=weekly").status(), 410);
}

#[test]
fn a_reader_of_the_file_is_known_to_the_form_and_sees_their_row_and_who_is_gone_there_gets_nothing() {
    let smtp = Smtp::start();
    let mut home = home(&smtp);
    home.write("readers.csv", "email,name,status,Notes\nann@lighthouse.net,Ann,confirmed,met at the fair\nbob@lighthouse.net,Bob,left,\n");
    send(&mut home, "2026-11-20T14:00:00Z");
    let letters = mails(&smtp, 45);
    let [(_, _, ann)] = &letters[..] else { panic!("{letters:?}") };
    let served = Served::start(&home);
    let data = served.get(&format!("{ann}/data")).text().unwrap();
    assert!(data.contains("met at the fair") && !data.contains("bob@"), "{data}");
    for (name, body) in [("bob", "email=bob%40lighthouse.net&website="), ("ann", "email=ann%40lighthouse.net&website=")] {
        let asked = served.post("/subscribe", Some(URL), body);
        assert!(asked.status() == 200 && asked.text().unwrap().contains("Look into your mail"), "{name}");
    }
    let known = || {
        let all = smtp.plain_messages();
        all.iter().map(|mail| String::from_utf8_lossy(mail).into_owned()).filter(|mail| !mail.contains("Number 45")).collect::<Vec<_>>()
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while known().is_empty() {
        assert!(std::time::Instant::now() < until, "no mail");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let all = known();
    assert!(
        all.len() == 1 && all[0].contains("Delivered-To: ann@") && all[0].contains("already") && !all[0].contains("/confirm/"),
        "{all:?}"
    );
    let memory = Memory::open_read_only(&home.join("memory/reveille.db")).unwrap();
    assert!(memory.subscribers().unwrap().is_empty(), "nobody signed up");
}

#[test]
fn a_domain_in_letters_and_in_ascii_is_one_reader() {
    let smtp = Smtp::start();
    let mut home = home(&smtp);
    let former = reveille_mission::former_ids("ida@münchen.de").remove(0);
    home.write("readers.csv", "email,name,status\nida@münchen.de,Ida,confirmed\nann@lighthouse.net,Ann,confirmed\n");
    assert_eq!(confirmed(&home), 2);
    let served = Served::start(&home);
    let wanted = || Memory::open_read_only(&home.join("memory/reveille.db")).unwrap().wanted_mails(0, 9).unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let listed = || Memory::open_read_only(&home.join("memory/reveille.db")).unwrap().listed(&subscriber_id("ida@münchen.de")).unwrap();
    while listed().is_none() {
        assert!(std::time::Instant::now() < until, "serve has not read the list");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // She types it into the form as her mail program shows it.
    assert_eq!(served.post("/subscribe", Some(URL), "email=ida%40xn--mnchen-3ya.de").status(), 200);
    drop(served);
    let memory = Memory::open_read_only(&home.join("memory/reveille.db")).unwrap();
    assert!(memory.subscribers().unwrap().is_empty(), "she is a reader already: {:?}", wanted());
    assert_eq!(confirmed(&home), 2);
    // She is mailed at the address that mail programs write.
    write_issue(&home, 44, "2026-11-18", "fog");
    send(&mut home, "2026-11-18T14:00:00Z");
    assert!(smtp.plain_messages().iter().any(|mail| String::from_utf8_lossy(mail).contains("Delivered-To: ida@xn--mnchen-3ya.de")));
    // She left when her id was another one: nobody mails her, and the first wake knows it by the new one, too.
    let now = "2026-11-19T13:00:00Z".parse().unwrap();
    let mut memory = Memory::open(&home.join("memory/reveille.db"), now).unwrap();
    memory.leave(&former, now).unwrap();
    assert_eq!(confirmed(&home), 1);
    send(&mut home, "2026-11-19T14:00:00Z");
    assert_eq!(mailed(&smtp, 45), ["ann"]);
    assert!(memory.is_suppressed(&subscriber_id("ida@xn--mnchen-3ya.de")).unwrap());
    assert_eq!(confirmed(&home), 1);
}

#[test]
fn weekly_readers_get_the_issues_of_a_week_in_one_mail() {
    let smtp = Smtp::start();
    let mut home = home(&smtp);
    ["eve", "kim", "zoe"].iter().for_each(|name| subscribes(&home, name));
    send(&mut home, "2026-11-19T14:00:00Z");
    assert_eq!(mailed(&smtp, 45), ["ann", "eve", "kim", "zoe"]);
    let served = Served::start(&home);
    let letters = mails(&smtp, 45);
    for (name, choice) in [("eve", "frequency=weekly"), ("kim", "frequency=weekly&pause=1"), ("zoe", "frequency=weekly")] {
        let (_, _, path) = letters.iter().find(|(to, ..)| to == name).unwrap();
        assert_eq!(served.post(path, Some(URL), choice).status(), 200);
    }
    write_issue(&home, 46, "2026-11-20", "fog");
    write_issue(&home, 47, "2026-11-21", "ships");
    send(&mut home, "2026-11-21T14:00:00Z");
    send(&mut home, "2026-11-21T16:00:00Z");
    assert_eq!((mailed(&smtp, 46), mailed(&smtp, 47)), (vec!["ann".to_owned()], vec!["ann".to_owned()]));
    let weekly = || {
        let all = smtp.plain_messages();
        let of = |message: &Vec<u8>| String::from_utf8_lossy(message).into_owned();
        all.iter()
            .map(of)
            .filter(|text| text.contains("Message-ID") && text.contains("Number 46") && text.contains("Number 47"))
            .collect::<Vec<_>>()
    };
    send(&mut home, "2026-11-22T23:59:00Z");
    assert!(weekly().is_empty(), "the week is not over");
    let left = &letters.iter().find(|(to, ..)| to == "zoe").unwrap().1;
    assert_eq!(served.post(left, None, "List-Unsubscribe=One-Click").status(), 200);
    send(&mut home, "2026-11-23T00:00:00Z");
    send(&mut home, "2026-11-23T02:00:00Z");
    let mails = weekly();
    let [mail] = &mails[..] else { panic!("{mails:?}") };
    assert!(mail.contains("Delivered-To: eve@") && mail.contains("Body 46.") && mail.contains("Body 47."), "{mail}");
    assert!(!mail.contains("Body 45."), "what she had is not sent once more: {mail}");
    assert!(mail.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{mail}");
    // What she follows in it is about the issue in which it stands.
    let mail = mail.replace("=\r\n", "").replace("=3D", "=");
    let paths = mail.split("https://letter.example").skip(1).filter(|rest| rest.starts_with("/c/"));
    let paths = paths.map(|rest| rest.split(['"', ' ', '\r', ')', '>']).next().unwrap()).collect::<std::collections::BTreeSet<_>>();
    let leads = |path: &str| served.get(path).headers()["location"].to_str().unwrap().to_owned();
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let number_47 = paths.iter().find(|path| leads(path).contains("number-47")).unwrap_or_else(|| panic!("{paths:?}"));
    home.at("2026-11-23T09:00:00Z");
    drop(served);
    let served = Served::start(&home);
    let followed = served.client.get(format!("{}{number_47}", served.address)).header("user-agent", browser).send().unwrap();
    assert_eq!(followed.status(), 302);
    drop(served);
    home.at("2026-11-23T10:00:00Z");
    let _ = home.run(&["wake", "--no-model"]);
    let memory = Memory::open_read_only(&home.join("memory/reveille.db")).unwrap();
    let clicks = memory.signs_since("2026-11-23T00:00:00Z".parse().unwrap()).unwrap();
    let told: Vec<_> = clicks.iter().map(|sign| (sign.subscriber.clone(), sign.kind, sign.about.as_str())).collect();
    assert_eq!(told, [(subscriber_id("eve@lighthouse.net"), SignKind::Click, "tag:letter.example,2026:47")]);
}

fn chooses(home: &Home, name: &str, frequency: Frequency, at: &str) {
    let mut memory = Memory::open(&home.join("memory/reveille.db"), at.parse().unwrap()).unwrap();
    let chosen = Preferences { frequency, ..Preferences::default() };
    memory.prefer(&subscriber_id(&format!("{name}@lighthouse.net")), &chosen, at.parse().unwrap()).unwrap();
}

#[test]
fn what_did_not_go_out_in_its_week_goes_out_late_to_those_who_wanted_it_then() {
    let smtp = Smtp::start();
    let mut home = home(&smtp);
    ["eve", "kim", "zoe"].iter().for_each(|name| subscribes(&home, name));
    ["eve", "zoe"].iter().for_each(|name| chooses(&home, name, Frequency::Weekly, "2026-11-18T13:00:00Z"));
    send(&mut home, "2026-11-19T14:00:00Z");
    assert_eq!(mailed(&smtp, 45), ["ann", "kim"]);
    send(&mut home, "2026-11-23T08:00:00Z");
    // A week of one issue has its title.
    assert_eq!(mailed(&smtp, 45), ["ann", "eve", "kim", "zoe"]);
    // Then the computer is off for a Monday and a week.
    write_issue(&home, 46, "2026-11-25", "fog");
    send(&mut home, "2026-11-25T14:00:00Z");
    send(&mut home, "2026-11-25T16:00:00Z");
    assert_eq!(mailed(&smtp, 46), ["ann", "kim"]);
    chooses(&home, "kim", Frequency::Weekly, "2026-12-01T09:00:00Z");
    chooses(&home, "zoe", Frequency::Weekly, "2026-12-01T10:00:00Z");
    send(&mut home, "2026-12-08T14:00:00Z");
    send(&mut home, "2026-12-08T16:00:00Z");
    assert_eq!(mailed(&smtp, 46), ["ann", "eve", "kim"], "zoe chose anew after that Monday, kim had it");
    assert_eq!(mailed(&smtp, 45), ["ann", "eve", "kim", "zoe"], "nothing goes out twice");
}

#[test]
fn the_list_shows_what_readers_chose_and_says_what_is_so_when_they_have_left() {
    let smtp = Smtp::start();
    let mut home = home(&smtp);
    ["bob", "cyd", "dan"].iter().for_each(|name| subscribes(&home, name));
    let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().unwrap();
    let mut memory = Memory::open(&home.join("memory/reveille.db"), now).unwrap();
    let id = |name: &str| subscriber_id(&format!("{name}@lighthouse.net"));
    let pause = |until: &str| Preferences { paused_until: Some(until.parse().unwrap()), ..Preferences::default() };
    let topics = ["fog", "rust"].map(str::to_owned).to_vec();
    for (name, chosen) in [
        ("bob", pause("2026-12-24T12:00:00Z")),
        ("cyd", Preferences { frequency: Frequency::Weekly, topics, paused_until: None }),
        ("dan", pause("2026-11-19T12:00:00Z")),
    ] {
        memory.prefer(&id(name), &chosen, now).unwrap();
    }
    memory.end_letters(&[id("ann")], now).unwrap();
    drop(memory);
    home.at("2026-11-20T14:00:00Z");
    let said = home.run(&["readers", "list"]).ok().stdout;
    assert!(said.starts_with("3 people, nobody pays; 1 more row does not count\n"), "{said}");
    for (name, end) in [
        ("ann", "  does not count: silent, letters ended on 2026-11-20"),
        ("bob", ", via mastodon  paused until 2026-12-24"),
        ("cyd", ", via mastodon  one letter a week; only fog, rust"),
        ("dan", ", via mastodon"),
    ] {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {said}"));
        assert!(line.ends_with(end), "{line}");
    }
    let rows = home.run(&["readers", "list", "--json"]).ok().json()["rows"].clone();
    let letters = |name: &str| rows.as_array().unwrap().iter().find(|row| row["id"] == id(name)).unwrap()["letters"].clone();
    assert_eq!(letters("cyd"), serde_json::json!({"ended_since": null, "paused_until": null, "weekly": true, "topics": ["fog", "rust"]}));
    assert_eq!(
        (&letters("ann")["ended_since"], &letters("bob")["paused_until"]),
        (&"2026-11-20T14:00:00Z".into(), &"2026-12-24T12:00:00Z".into())
    );
    assert_eq!(letters("dan")["paused_until"], serde_json::Value::Null, "it is over");
    let status = home.run(&["status", "--json"]).ok().json();
    assert_eq!(status["readers"]["letters"], serde_json::json!({"paused": 1, "weekly": 1, "some_topics": 1}));
    let status = home.run(&["status"]).ok().stdout;
    assert!(
        status.contains(
            "3 confirmed, 0 paying (1 address does not count)\n            of them 1 paused, 1 weekly, 1 with some topics only\n"
        ),
        "{status}"
    );

    // All gone: what is said of an empty list is so, and who left may come back by the form, and by no list.
    std::fs::remove_file(home.join("readers.csv")).unwrap();
    let mut memory = Memory::open(&home.join("memory/reveille.db"), now).unwrap();
    ["bob", "cyd", "dan"].iter().for_each(|name| memory.leave(&id(name), now).unwrap());
    drop(memory);
    let said = home.run(&["readers", "list"]).ok().stdout;
    assert!(
        said.contains("There are no readers. Who subscribes on the site shows up here") && !said.contains("There is no readers.csv"),
        "{said}"
    );
    assert!(said.contains("3 addresses are not mailed"), "{said}");
    let added = home.run(&["readers", "add", "bob@lighthouse.net", "--consent", "2026-11-20"]);
    assert!(
        added.code == 1 && added.stderr.contains("left, and no list brings it back") && !added.stderr.contains("for ever"),
        "{added:?}"
    );
    assert!(added.stderr.contains("https://letter.example/subscribe"), "{added:?}");
    let _ = home.run(&["readers", "remove", "cyd@lighthouse.net"]).ok();
    let added = home.run(&["readers", "add", "cyd@lighthouse.net"]);
    assert!(added.code == 1 && added.stderr.contains("taken off for good") && !added.stderr.contains("/subscribe"), "{added:?}");
}
