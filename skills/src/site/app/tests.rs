//! The app of whole sites in folders of their own.

use std::path::Path;

use serde_json::Value;

use super::super::tests::{files, home, issue, page, publication, put, site};
use super::super::{RenderReport, render};
use super::*;

fn with_readers() -> Publication {
    Publication { readers_side: true, ..publication() }
}

fn rendered(home: &Path) -> RenderReport {
    render(home, &with_readers()).expect("rendered")
}

/// The first line of the worker.
fn kept(home: &tempfile::TempDir) -> Value {
    let worker = page(home, "sw.js");
    let line = worker.lines().next().and_then(|line| line.strip_prefix("const KEPT = ")?.strip_suffix(';')).expect("a line").to_owned();
    serde_json::from_str(&line).expect("JSON")
}

fn addresses(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|entry| entry[0].as_str().expect("an address")).collect()
}

#[test]
fn every_page_has_one_form_and_the_offline_page_none() {
    let home = home();
    rendered(home.path());
    for (path, root) in
        [("index.html", "./"), ("issues/s1/index.html", "../../"), ("archive/index.html", "../"), ("tags/all/index.html", "../../")]
    {
        let html = page(&home, path);
        assert_eq!(html.matches("<form ").count(), 1, "{path}");
        for part in [
            format!("<form class=\"subscribe\" method=\"post\" action=\"{root}subscribe\">"),
            format!("<link rel=\"manifest\" href=\"{root}manifest.webmanifest\">"),
            format!("<script src=\"{root}app.js?"),
            "<label for=\"subscribe:email\">".to_owned(),
            "name=\"email\" type=\"email\" required".to_owned(),
            "<div class=\"away\" aria-hidden=\"true\">".to_owned(),
            "name=\"website\" type=\"text\" tabindex=\"-1\" autocomplete=\"off\"".to_owned(),
        ] {
            assert!(html.contains(&part), "{path} has no {part}");
        }
        assert_eq!(html.matches("<script").count(), 1, "{path}");
    }
    let home_page = page(&home, "index.html");
    assert!(home_page.find("<form").expect("a form") < home_page.find("class=\"latest\"").expect("the newest"), "the form is on top");
    assert!(!page(&home, "offline.html").contains("<form"));
    assert!(!page(&home, "sitemap.xml").contains("offline"));
}

#[test]
fn without_the_readers_side_nothing_of_it_is_there_and_what_was_goes() {
    let home = home();
    render(home.path(), &publication()).expect("rendered");
    let plain = site(&home);
    for name in plain.keys() {
        let ours = ["app.js", "sw.js", MANIFEST, OFFLINE].contains(&name.as_str()) || name.ends_with(".png");
        assert!(!ours, "{name}");
    }
    assert!(!page(&home, "style.css").contains("subscribe"));
    rendered(home.path());
    assert_ne!(site(&home), plain);
    let report = render(home.path(), &publication()).expect("rendered");
    assert_eq!(site(&home), plain);
    assert_eq!(report.removed.len(), 8, "{:?}", report.removed);
}

#[test]
fn a_second_render_writes_nothing_and_bytes_depend_on_the_home_only() {
    let (one, other) = (home(), home());
    rendered(one.path());
    let report = rendered(one.path());
    assert_eq!((report.written, report.removed), (vec![], vec![]));
    rendered(other.path());
    assert_eq!(site(&one), files(&other.path().join("site")));
}

#[test]
fn the_newest_issues_are_kept_and_only_what_changed_has_another_name() {
    let home = tempfile::tempdir().expect("a folder");
    for number in 1..=25 {
        put(home.path(), &format!("issues/{number:03}-x.md"), issue(number, &format!("Title {number}"), "Text."));
    }
    rendered(home.path());
    let before = kept(&home);
    let newest: Vec<String> = (6..=25).rev().map(|number| format!("issues/s{number}/")).collect();
    assert_eq!(addresses(&before["issues"]), newest);
    assert_eq!(
        addresses(&before["shell"]),
        ["", "archive/", "offline.html", "style.css", "app.js", "manifest.webmanifest", "icon-192.png"]
    );
    // Nothing that is kept shows the text of an old issue.
    put(home.path(), "issues/002-x.md", issue(2, "Title 2", "Another text."));
    assert!(!rendered(home.path()).written.contains(&"site/sw.js".to_owned()));
    put(home.path(), "issues/020-x.md", issue(20, "Title 20", "Another text."));
    assert!(rendered(home.path()).written.contains(&"site/sw.js".to_owned()));
    let after = kept(&home);
    assert_ne!(after["release"], before["release"]);
    let changed = |list: &str| -> Vec<String> {
        let pairs = after[list].as_array().expect("a list").iter().zip(before[list].as_array().expect("a list"));
        pairs.filter(|(a, b)| a != b).map(|(a, _)| a[0].as_str().expect("an address").to_owned()).collect()
    };
    assert_eq!((changed("issues"), changed("shell")), (vec!["issues/s20/".to_owned()], vec![]));
}

#[test]
fn pictures_are_kept_while_they_are_few() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0\x1f\x15\xc4\x89";
    let home = home();
    let large = [PNG, &vec![0; usize::try_from(PICTURES).expect("fits")]].concat();
    put(home.path(), "issues/large.png", large);
    put(home.path(), "issues/ü b.png", PNG);
    put(home.path(), "issues/002-x.md", issue(2, "Two", "![a](large.png) ![b](<ü b.png>)"));
    rendered(home.path());
    let kept = kept(&home);
    assert_eq!(addresses(&kept["issues"]), ["issues/s3/", "issues/s2/", "issues/s2/u-b.png", "issues/s1/"]);
}

#[test]
fn the_manifest_says_what_launchers_ask() {
    let home = home();
    rendered(home.path());
    let manifest: Value = serde_json::from_str(&page(&home, MANIFEST)).expect("JSON");
    assert_eq!((&manifest["name"], &manifest["short_name"]), (&"From <The> Inside".into(), &"From <The>".into()));
    assert_eq!((&manifest["start_url"], &manifest["scope"], &manifest["display"]), (&"./".into(), &"./".into(), &"standalone".into()));
    assert_eq!((&manifest["theme_color"], &manifest["lang"]), (&"#fdfcf9".into(), &"en".into()));
    for icon in manifest["icons"].as_array().expect("icons") {
        assert!(home.path().join("site").join(icon["src"].as_str().expect("a file")).is_file(), "{icon}");
    }
    for (name, expected) in [
        ("Letter", "Letter"),
        ("From The Inside", "From The"),
        ("A B C D E F G H", "A B C D E F"),
        ("Donaudampfschifffahrt", "Donaudampfsc"),
        ("", ""),
        ("🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀", "🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀🧑‍🚀"),
    ] {
        assert_eq!(short_name(name), expected);
    }
}

#[test]
fn a_home_s_own_stylesheet_gives_the_colours_and_hides_the_trap_all_the_same() {
    let home = home();
    put(home.path(), "templates/style.css", ":root { --paper: #102030 }");
    rendered(home.path());
    assert!(page(&home, "style.css").starts_with(":root { --paper: #102030 }") && page(&home, "style.css").contains(".away"));
    assert!(page(&home, "index.html").contains("<meta name=\"theme-color\" content=\"#102030\" media=\"(prefers-color-scheme: light)\">"));
    assert_eq!(papers("body{}"), (Colour::WHITE, Colour::BLACK));
}

#[test]
fn below_a_path_the_offline_page_finds_its_way_from_any_address() {
    let home = home();
    let below = Publication { url: "https://inside.example/letters".parse().expect("an address"), ..with_readers() };
    render(home.path(), &below).expect("rendered");
    let html = page(&home, "offline.html");
    assert!(html.contains("href=\"/letters/style.css?") && html.contains("href=\"/letters/issues/s3/\""), "{html}");
    assert!(page(&home, "archive/index.html").contains("action=\"../subscribe\""));
    assert_eq!(addresses(&kept(&home)["shell"])[..2], ["", "archive/"]);
}
