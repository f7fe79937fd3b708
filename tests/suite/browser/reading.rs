//! Reading: accessible, installable, offline, by keys only.

use reveille_tests::browser::Browser;
use serde_json::{Value, json};

use super::Served;

const ISSUE: &str = "issues/the-infrastructure-nobody-uses/";

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Every page of a kind; the table is printed with `--nocapture`.
#[test]
#[expect(clippy::print_stdout, reason = "the table is for people")]
fn pages_are_quiet_accessible_and_inside_the_screen_in_light_and_dark() {
    let site = Served::start(|_| ());
    let pages = ["", ISSUE, "archive/", "tags/autonomy/", "offline.html"].map(|path| site.at(path));
    let seen = Browser::run("page", &pages.each_ref().map(String::as_str));
    let mut table = String::from("page | forms | requests | KB | first paint | axe passes | papers\n");
    for page in list(&seen) {
        assert_eq!(page["status"], 200, "{page}");
        for kind in ["console", "errors", "failed"] {
            assert_eq!(page[kind], json!([]), "{}: {kind}", page["url"]);
        }
        assert_eq!((&page["headings"], &page["language"]), (&json!(1), &json!("en")), "{}", page["url"]);
        let form = i32::from(!page["url"].as_str().unwrap().ends_with("offline.html"));
        assert_eq!(page["forms"], form, "{}", page["url"]);
        let views = list(&page["views"]);
        assert_eq!(views.len(), 4);
        for view in views {
            assert_eq!(view["violations"], json!([]), "{} {} {}", page["url"], view["view"], view["scheme"]);
            assert_eq!(view["overflow"], false, "{} {}", page["url"], view["view"]);
            assert!(list(&view["passes"]).contains(&json!("color-contrast")), "contrast was not looked at: {view}");
        }
        assert_ne!(views[0]["paper"], views[1]["paper"], "dark is light: {}", page["url"]);
        let (first, kilobytes) = (&page["paint_ms"], page["bytes"].as_f64().unwrap_or_default() / 1000.0);
        let passes = list(&views[0]["passes"]).len();
        table.push_str(&format!(
            "{} | {} | {} | {kilobytes:.0} | {first} ms | {passes} | {}\n",
            page["url"], page["forms"], page["requests"], views[1]["paper"]
        ));
    }
    println!("{table}");
}

#[test]
fn chromium_would_install_it() {
    let site = Served::start(|_| ());
    let seen = Browser::run("install", &[&site.url]);
    assert_eq!((&seen["errors"], &seen["installability"]), (&json!([]), &json!([])), "{seen}");
    assert_eq!(seen["worker"], site.url.as_str());
    assert_eq!((&seen["said"]["name"], &seen["said"]["display"]), (&json!("From The Inside"), &json!("standalone")));
    let icons = list(&seen["icons"]);
    assert_eq!(icons.len(), 3);
    for icon in icons {
        assert_eq!(icon["sizes"], format!("{}x{}", icon["width"], icon["height"]), "{icon}");
    }
    assert!(icons.iter().any(|icon| icon["purpose"] == "maskable"));
    assert_eq!(seen["apple"], json!({ "width": 180, "height": 180 }));
}

#[test]
fn an_issue_is_read_offline_and_says_that_it_is_a_copy() {
    let site = Served::start(|_| ());
    let seen = Browser::run("offline", &[&site.url, &site.at(ISSUE), &site.at("issues/never-written/")]);
    assert_eq!(seen["network"], false, "the network was still there: {seen}");
    assert_eq!((&seen["online"]["note"], &seen["again"]["note"]), (&Value::Null, &Value::Null), "{seen}");

    let read = &seen["reloaded"];
    assert!(read["text"].as_str().unwrap().len() > 2000, "{read}");
    assert_eq!(read["text"], seen["online"]["text"]);
    assert!(read["note"].as_str().unwrap().starts_with("A copy as of "), "{read}");
    assert_eq!((&read["styled"], &read["broken"]), (&json!(true), &json!([])), "{read}");
    assert_ne!(read["pictures"], 0, "the issue lost its picture");
    assert!(seen["home"]["note"].is_string(), "{}", seen["home"]);

    let lost = &seen["unknown"];
    assert_eq!(lost["address"], site.at("issues/never-written/"), "a reload would not ask for the page again");
    assert!(lost["title"].as_str().unwrap().starts_with("Offline") && lost["styled"] == true, "{lost}");
    assert_eq!(lost["forms"], 0);

    let caches = seen["kept"].as_object().unwrap();
    assert_eq!(caches.len(), 1, "{caches:?}");
    let kept: Vec<&str> = caches.values().flat_map(list).map(|url| url.as_str().unwrap()).collect();
    assert_eq!(kept.iter().filter(|url| url.contains("/issues/") && url.contains("/?")).count(), 6, "{kept:?}");
    for url in kept {
        assert!(url.contains("?kept="), "who counts visits takes it for one: {url}");
        assert!(url.starts_with(&site.url), "{url}");
        for never in ["subscribe", "confirm", "leave", "preferences"] {
            assert!(!url.contains(never), "{url}");
        }
    }
}

#[test]
fn a_new_release_replaces_the_old_and_keeps_what_is_the_same() {
    let site = Served::start(|_| ());
    let path = site.home.join("issues/045-the-infrastructure-nobody-uses.md");
    let render = format!(
        "printf '\\nOne more line.\\n' >>'{}' && REVEILLE_NOW=2026-11-20T15:00:00Z '{}' --home '{}' render",
        path.display(),
        reveille_tests::program().display(),
        site.home.path().display()
    );
    let seen = Browser::run("release", &[&site.url, "sh", "-c", &render]);
    let (before, after) = (seen["before"].as_object().unwrap(), seen["after"].as_object().unwrap());
    assert_eq!((before.len(), after.len()), (1, 1), "{seen}");
    assert_ne!(before.keys().next(), after.keys().next(), "the release has the same name");
    let urls = |caches: &serde_json::Map<String, Value>| -> Vec<String> {
        let mut urls: Vec<String> = caches.values().flat_map(list).map(|url| url.as_str().unwrap().to_owned()).collect();
        urls.sort();
        urls
    };
    let (before, after) = (urls(before), urls(after));
    assert_eq!(before.len(), after.len());
    let new: Vec<&String> = after.iter().filter(|url| !before.contains(url)).collect();
    // Its page and no other issue's; the pages that list it show how long it takes to read, which is the same.
    assert_eq!(new.len(), 1, "{new:?}");
    assert!(new[0].starts_with(&site.at(ISSUE)), "{new:?}");
}

#[test]
fn keys_alone_reach_everything_and_send_the_form() {
    let site = Served::start(|_| ());
    for path in ["", ISSUE, "archive/", "tags/autonomy/"] {
        let seen = Browser::run("keyboard", &[&site.at(path)]);
        let (controls, visited) = (list(&seen["controls"]), list(&seen["visited"]));
        let order: Vec<i64> = visited.iter().map(|stop| stop["index"].as_i64().unwrap()).collect();
        let all: Vec<i64> = (0..).take(controls.len()).collect();
        assert_eq!(order, all, "{path}: {controls:?} {visited:?}");
        for stop in visited {
            assert_eq!((&stop["outlined"], &stop["on_screen"]), (&json!(true), &json!(true)), "{path}: {stop}");
            assert_ne!(stop["name"], "website", "{path}: the trap has the focus");
        }
        let form = &seen["form"];
        assert_eq!((&form["touched"], &form["button"]), (&json!(["email"]), &json!("BUTTON")), "{path}: {form}");
        assert_eq!(form["url"], site.at("subscribe"), "{path}");
        assert_eq!(form["body"], "email=stranger%40reader.example&website=", "{path}");
    }
}

#[test]
fn scripts_are_for_phones_of_2018() {
    let site = Served::start(|_| ());
    let files = ["app.js", "sw.js"].map(|file| site.home.join(&format!("site/{file}")).display().to_string());
    let seen = Browser::run("syntax", &["2017", &files[0], &files[1]]);
    assert_eq!(list(&seen).len(), 2);
    for file in list(&seen) {
        assert_eq!(file["error"], Value::Null, "{file}");
    }
}
