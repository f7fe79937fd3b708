//! The checks see what is wrong: on pages made to be wrong.

use reveille_tests::browser::Browser;
use reveille_tests::scripted::{Play, Scripted};
use serde_json::{Value, json};

/// A server of one page; with our policy, or with none.
fn page(html: &str, policy: bool) -> Scripted {
    let mut headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
    if policy {
        headers.push(("content-security-policy".to_owned(), "default-src 'none'; script-src 'self'; style-src 'self'".to_owned()));
    }
    let body = html.as_bytes().to_vec();
    Scripted::start(move |_, _| Play::Answer { status: 200, headers: headers.clone(), body: body.clone() })
}

fn attacked(server: &Scripted) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    std::fs::write(&file, json!({ "urls": [format!("{}/", server.url)] }).to_string()).unwrap();
    Browser::run("xss", &[file.to_str().unwrap()])
}

#[test]
fn code_that_runs_and_code_that_only_the_policy_stops_are_seen() {
    for html in ["<p>a<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<a href=x onfocus=alert(1)>a</a>"] {
        let seen = attacked(&page(html, false));
        assert_eq!(seen["executed"].as_array().unwrap().len(), 1, "{html}: {seen}");
        let seen = attacked(&page(html, true));
        assert_eq!(seen["executed"], json!([]), "{html}: {seen}");
        assert_ne!((&seen["markup"], &seen["blocked"]), (&json!([]), &json!([])), "{html}: {seen}");
    }
    let seen = attacked(&page("<p>a &lt;script>alert(1)&lt;/script>", true));
    assert_eq!((&seen["executed"], &seen["markup"], &seen["blocked"], &seen["visited"]), (&json!([]), &json!([]), &json!([]), &json!(1)));
}

#[test]
fn a_page_that_is_hard_to_read_or_to_reach_is_seen() {
    let html = "<!doctype html><html lang=en><title>a</title><meta name=viewport content='width=device-width'>\
        <main><h1>a</h1><p style='color:#bbb'>low</p><div style='width:2000px'>wide</div>\
        <a href=/1 tabindex=2>one</a> <a href=/2 tabindex=1 style='outline:none'>two</a></main><script>throw new Error('lost')</script>";
    let server = page(html, false);
    let seen = Browser::run("page", &[&server.url]);
    let views = seen[0]["views"].as_array().unwrap();
    assert_eq!(views.len(), 4);
    for view in views {
        let found: Vec<&str> = view["violations"].as_array().unwrap().iter().map(|violation| violation["id"].as_str().unwrap()).collect();
        assert!(found.contains(&"color-contrast"), "{view}");
        assert_eq!(view["overflow"], true, "{view}");
    }
    assert!(seen[0]["errors"].to_string().contains("lost"), "{seen}");

    let keys = Browser::run("keyboard", &[&server.url]);
    let order: Vec<i64> = keys["visited"].as_array().unwrap().iter().map(|stop| stop["index"].as_i64().unwrap()).collect();
    assert_eq!(order, [1, 0], "{keys}");
    assert_eq!((&keys["visited"][0]["outlined"], &keys["visited"][1]["outlined"]), (&json!(false), &json!(true)));
    assert_eq!(keys["form"], Value::Null);
    assert_ne!(Browser::run("install", &[&server.url])["installability"], json!([]));
}

#[test]
fn a_script_of_a_later_year_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.js");
    std::fs::write(&file, "const a = b?.c;").unwrap();
    let parsed = |year: &str| Browser::run("syntax", &[year, file.to_str().unwrap()])[0]["error"].clone();
    assert!(parsed("2017").as_str().unwrap().contains("SyntaxError"));
    assert_eq!(parsed("2020"), Value::Null);
}
