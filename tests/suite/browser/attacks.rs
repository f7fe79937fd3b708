//! Text that wants to be code, through every field that an author or a stranger fills and that is shown.

use reveille_tests::browser::Browser;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::Served;

/// One a line.
const PAYLOADS: &str = include_str!("payloads.txt");

fn payloads() -> Vec<&'static str> {
    PAYLOADS.lines().collect()
}

/// Runs it and asserts that nothing was executed, nor would have been without the policy.
fn nothing_runs(site: &Served, urls: &[String], forms: &Value) -> Value {
    site.home.write("plan.json", json!({ "urls": urls, "forms": forms }).to_string());
    let seen = Browser::run("xss", &[site.home.join("plan.json").to_str().unwrap()]);
    assert_eq!(seen["visited"], urls.len() + forms.as_array().map_or(0, Vec::len), "{seen}");
    for kind in ["executed", "dialogs", "markup", "blocked", "left"] {
        assert_eq!(seen[kind], json!([]), "{kind}");
    }
    seen
}

/// JSON writes a string as YAML reads it.
fn issue(number: usize, payload: &str) -> String {
    let quoted = json!(payload).to_string();
    format!(
        "---\nid: \"tag:x.example,2026:issue-{number}\"\nnumber: {number}\ntitle: {quoted}\nslug: x{number}\ndate: 2026-01-01\nsummary: {quoted}\n\
         tags: [{quoted}]\nhook: {quoted}\n---\n\n{payload}\n\n# {payload}\n\n> {payload}\n\n- [ ] {payload}\n\n| {payload} |\n|---|\n| a |\n\n`{payload}`\n\n\
         <b title=\"{payload}\">{payload}</b>\n"
    )
}

/// The folders below a folder of the site, as addresses.
fn pages_below(site: &Served, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(site.home.join(&format!("site/{folder}"))).unwrap();
    let mut all: Vec<String> =
        entries.flatten().map(|entry| site.at(&format!("{folder}/{}/", entry.file_name().to_string_lossy()))).collect();
    all.sort();
    all
}

#[test]
fn nothing_that_an_author_writes_is_executed() {
    let all = payloads();
    assert!(all.len() >= 60);
    let site = Served::start(|home| {
        for (at, payload) in all.iter().enumerate() {
            home.write(&format!("issues/{:03}-x.md", at + 100), issue(at + 100, payload));
        }
        let name = json!(all[..8].join(" ")).to_string();
        let description = json!(all[8..30].join(" ")).to_string();
        let settings =
            home.read("reveille.toml").replace("name = \"From The Inside\"", &format!("name = {name}\ndescription = {description}"));
        home.write("reveille.toml", settings);
    });
    let issues = pages_below(&site, "issues");
    assert!(issues.len() >= all.len(), "only {} issues are shown", issues.len());
    let mut urls = vec![site.url.clone(), site.at("archive/"), site.at("offline.html")];
    urls.extend(issues);
    urls.extend(pages_below(&site, "tags"));
    let seen = nothing_runs(&site, &urls, &json!([]));
    assert_eq!(seen["statuses"], json!({ "200": urls.len() }));
    assert!(site.home.read("site/index.html").contains("&lt;script&gt;alert(1)"), "the name is not on the page");
}

#[test]
fn nothing_that_a_stranger_sends_is_executed() {
    let site = Served::start(|_| ());
    let encoded = |payload: &str| byte_serialize(payload.as_bytes()).collect::<String>();
    let mut urls = Vec::new();
    for payload in payloads() {
        urls.push(site.at(&format!("?via={}", encoded(payload))));
        urls.push(site.at(&encoded(payload).replace('+', "%20")));
    }
    for place in ["confirm", "leave", "preferences"] {
        urls.extend(payloads().iter().take(12).map(|payload| site.at(&format!("{place}?token={0}&t={0}", encoded(payload)))));
    }
    let forms: Vec<Value> = (0..)
        .zip(payloads())
        .map(|(at, payload)| {
            let email = if at % 2 == 0 { payload.to_owned() } else { format!("\"{payload}\"@reader.example") };
            json!({ "url": site.url, "fields": { "email": email, "website": "" } })
        })
        .collect();
    let seen = nothing_runs(&site, &urls, &json!(forms));
    let failed: Vec<&String> = seen["statuses"].as_object().unwrap().keys().filter(|status| status.starts_with('5')).collect();
    assert!(failed.is_empty(), "{}", seen["statuses"]);
}
