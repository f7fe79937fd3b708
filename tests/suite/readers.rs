//! The list of readers by the program: who counts, what an import does, and that nobody who left is brought back.

use reveille_tests::{Home, Said};

const LIST: &str =
    "email;name;status;note\nann@home.net;Ann;confirmed;from the fair\nme@letter.example;Me;confirmed;\neve@home.net;Eve;pending;\n";

const SUBSTACK: &str = "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n\
     ann@home.net,false,,other,false,2024-03-05T10:11:12.000Z,\n\
     bob@home.net,true,,yearly,false,2024-03-05T10:11:12.000Z,2024-03-05T10:11:12.000Z\n\
     gil@home.net,false,,other,true,2024-03-05T10:11:12.000Z,\n\
     no address,false,,other,false,2024-03-05T10:11:12.000Z,\n\
     short@home.net\n";

fn with_list() -> Home {
    let home = Home::new("- [ ] Tidy up for:nobody\n");
    home.write("readers.csv", LIST);
    home
}

fn refused(said: &Said, code: i32, words: &str) {
    assert!(said.code == code && said.stderr.contains(words) && said.stderr.contains("hint"), "{said:?}");
}

fn confirmed(home: &Home) -> u64 {
    let listed = home.run(&["readers", "list", "--json"]).ok().json();
    let status = home.run(&["status", "--json"]).ok().json();
    assert_eq!(listed["confirmed"], status["readers"]["confirmed"], "one place knows the list");
    listed["confirmed"].as_u64().expect("a number")
}

#[test]
fn list_says_who_counts_and_why_others_do_not() {
    let home = with_list();
    let said = home.run(&["readers", "list"]).ok().stdout;
    assert!(said.starts_with("1 person, nobody pays; 2 more rows do not count\n") && said.contains("does not count: yours"), "{said}");
    let json = home.run(&["readers", "list", "--json"]).ok().json();
    let why: Vec<_> = json["rows"].as_array().unwrap().iter().map(|row| row["why_not"].as_str()).collect();
    assert_eq!(why, [None, Some("owner"), Some("unconfirmed")]);
    assert_eq!(json["left_out"]["owner"], 1);
    assert!(!home.join("memory").exists(), "looking changes nothing");
    let nobody = Home::new("").run(&["readers", "list"]).ok().stdout;
    assert!(nobody.starts_with("There are no readers. `reveille readers add") && nobody.lines().count() == 1, "{nobody}");
}

#[test]
fn who_is_added_is_pending_without_a_consent() {
    let home = with_list();
    assert!(home.run(&["readers", "add", "bob@home.net", "--name", "Bob"]).ok().stdout.contains("pending"));
    assert_eq!(confirmed(&home), 1);
    let _ = home.run(&["readers", "add", "BOB@home.net", "--consent", "2026-11-01", "--source", "a letter"]).ok();
    assert_eq!(confirmed(&home), 2);
    assert_eq!(
        home.read("readers.csv"),
        "email;name;status;note;tier;confirmed_at;source\nann@home.net;Ann;confirmed;from the fair;;;\nme@letter.example;Me;confirmed;;;;\n\
         eve@home.net;Eve;pending;;;;\nbob@home.net;Bob;confirmed;;free;2026-11-01;a letter\n"
    );
    refused(&home.run(&["readers", "add", "eve@home.net", "--consent", "2026-11-21"]), 2, "lies ahead");
    refused(&home.run(&["readers", "add", "Eve <eve@home.net>"]), 1, "no mail address");
    assert_eq!(confirmed(&home), 2);
}

#[test]
fn who_is_removed_is_removed_for_ever() {
    let home = with_list();
    let _ = home.run(&["readers", "remove", " ANN@home.net"]).ok();
    assert!(home.read("readers.csv").contains("ann@home.net;Ann;left;from the fair"));
    assert_eq!(confirmed(&home), 0);
    refused(&home.run(&["readers", "add", "ann@home.net", "--consent", "2026-11-01"]), 1, "taken off for good");
    // Not even by a list that knows nothing of it.
    home.write("readers.csv", LIST);
    assert_eq!(confirmed(&home), 0);
    let _ = home.run(&["wake", "--no-model"]).ok();
    assert!(home.read("PROGRESS.md").contains("| confirmed readers | 0 (3 more"), "{}", home.read("PROGRESS.md"));
    assert!(home.run(&["readers", "export"]).ok().stdout.contains("ann@home.net,Ann,left,from the fair"));
    refused(&home.run(&["readers", "remove", "nonsense"]), 1, "no mail address");
}

#[test]
fn an_import_says_what_it_did_without_addresses_and_can_be_rehearsed() {
    let home = with_list();
    home.write("substack.csv", SUBSTACK);
    let file = home.join("substack.csv").to_string_lossy().into_owned();
    let rehearsed = home.run(&["readers", "import", &file, "--dry-run"]).ok().stdout;
    assert!(rehearsed.contains("Nothing was changed") && rehearsed.contains("line 5: not a mail address"), "{rehearsed}");
    assert!(home.read("readers.csv") == LIST && !home.join("memory").exists());
    let said = home.run(&["readers", "import", &file, "--json"]).ok();
    let json = said.json();
    assert_eq!((json["format"].as_str(), json["rows"].as_u64()), (Some("substack"), Some(5)));
    let counts = ["added_confirmed", "added_gone", "completed", "suppressed"].map(|name| json[name].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 1, 0], "{json}");
    assert_eq!(json["bad"], serde_json::json!([{"line": 5, "reason": "not a mail address"}, {"line": 6, "reason": "1 columns, not 7"}]));
    assert!(!said.stdout.contains('@') && !rehearsed.contains('@'), "no address: {said:?}");
    assert_eq!(confirmed(&home), 2);
    // Who left there is suppressed here, also where the row is gone from the list.
    home.write("readers.csv", LIST);
    home.write("plain.csv", "email,consent_date\ngil@home.net,2026-01-01\nkim@home.net,\n");
    let plain = home.join("plain.csv").to_string_lossy().into_owned();
    let json = home.run(&["readers", "import", &plain, "--json", "-v"]).ok().json();
    assert_eq!((json["suppressed"].as_u64(), json["added_pending"].as_u64()), (Some(1), Some(1)), "{json}");
    assert_eq!(json["addresses"][0]["email"], "gil@home.net");
    let json = home.run(&["readers", "import", &plain, "--json", "--consent", "2026-02-03", "--source", "a form"]).ok().json();
    assert_eq!((json["suppressed"].as_u64(), json["became_confirmed"].as_u64()), (Some(1), Some(1)), "{json}");
    let list = home.read("readers.csv");
    assert!(!list.contains("gil@") && list.contains("a form;2026-02-03"), "{list}");
    refused(&home.run(&["readers", "import", "nowhere.csv"]), 1, "nowhere.csv");
    assert_eq!(home.run(&["readers", "import", &plain, "--consent", "2026-02-03"]).code, 2, "a consent has a source");
}

#[test]
fn an_export_comes_back_and_overwrites_nothing() {
    let home = with_list();
    let file = home.join("out.csv").to_string_lossy().into_owned();
    let _ = home.run(&["readers", "export", &file]).ok();
    assert_eq!(home.read("out.csv"), LIST.replace(';', ","));
    refused(&home.run(&["readers", "export", &file]), 1, "out.csv");
    let json = home.run(&["readers", "import", &file, "--json"]).ok().json();
    assert_eq!(json["unchanged"], 3, "{json}");
    assert_eq!(home.read("readers.csv"), LIST);
}
