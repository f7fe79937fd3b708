//! From draft to issue, cut off after every step, and proved on disk and over HTTP.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use super::*;

/// A PNG of 640 by 480: as much of it as says its size.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0\x1f\x15\xc4\x89";
const DRAFT: &str = "---\ntitle: \"Notes from <Zero>\"\nsummary: S.\ntags: [a]\nready: true\n---\n\nText with [a link](../issues/045-old.md).\n\n![chart](images/c.png)\n";

fn publication() -> Publication {
    Publication {
        name: "Inside".into(),
        url: "https://inside.example".parse().expect("an address"),
        owner: "o@inside.example".into(),
        language: "en".into(),
        description: None,
        served: false,
        readers_side: false,
    }
}

fn put(home: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = home.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}

fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    put(home.path(), "issues/045-old.md", "---\nid: 45\ntitle: Old\ndate: 2026-03-20\n---\n\nOld text.\n");
    put(home.path(), "drafts/notes.md", DRAFT);
    put(home.path(), "drafts/images/c.png", PNG);
    home
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("a time")
}

fn now() -> DateTime<Utc> {
    at("2026-11-20T14:00:00Z")
}

fn ready(home: &Path) -> Vec<Issue> {
    load(home).expect("loaded").shelf.ready().cloned().collect()
}

fn first(home: &Path) -> Result<Published, PublishError> {
    publish(home, &publication(), &ready(home)[0], now(), &|_| ())
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).expect("read") {
            let path = entry.expect("read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).expect("below").display().to_string(), fs::read(&path).expect("read"));
            }
        }
    }
    // Times of change stand in it.
    files.remove("memory/site.json");
    files
}

#[test]
fn a_ready_draft_becomes_an_issue_that_is_proved() {
    let home = home();
    let home = home.path();
    let draft = ready(home).remove(0);
    let id = id_for(home, &publication(), &draft, now()).expect("an id");
    let published = publish(home, &publication(), &draft, now(), &|_| ()).expect("published");
    assert_eq!(published.issue.id, id);
    assert_eq!(published.url.as_str(), "https://inside.example/issues/notes-from-zero/");
    assert_eq!(published.warnings, []);
    insta::assert_snapshot!(fs::read_to_string(home.join("issues/046-notes-from-zero.md")).expect("there"), @r#"
    ---
    id: "tag:inside.example,2026:issue-046"
    number: 46
    slug: "notes-from-zero"
    date: 2026-11-20
    title: "Notes from <Zero>"
    summary: S.
    tags: [a]
    ---

    Text with [a link](../issues/045-old.md).

    ![chart](images/c.png)
    "#);
    assert!(!home.join("drafts/notes.md").exists() && home.join("issues/images/c.png").exists());
    assert!(!home.join("memory/publishing.json").exists());
    let proofs = prove(home, &publication(), &published.issue, now()).expect("proved");
    let places: Vec<(EvidenceKind, &str)> = proofs.iter().map(|proof| (proof.kind, proof.place.as_str())).collect();
    assert_eq!(places, [(EvidenceKind::Page, "site/issues/notes-from-zero/index.html"), (EvidenceKind::Feed, "site/atom.xml")]);
    assert_eq!(proofs[0].sha256, crate::disk::sha256(&fs::read(home.join(&proofs[0].place)).expect("there")));
    assert_eq!(load(home).expect("loaded").shelf.by_id(&id), Some(&published.issue));
    // Nothing is left to do, and what is out can't go out again.
    assert_eq!(ready(home), []);
    assert_eq!(repair(home, &publication()).expect("repaired"), []);
    assert!(matches!(publish(home, &publication(), &draft, now(), &|_| ()), Err(PublishError::Unfit { .. })));
    assert!(matches!(publish(home, &publication(), &published.issue, now(), &|_| ()), Err(PublishError::NoDraft { .. })));
}

#[test]
fn cut_off_after_any_step_it_is_finished_once() {
    let whole = {
        let home = home();
        first(home.path()).expect("published");
        files(home.path())
    };
    for steps in 0..=STEPS.len() {
        for rendered in [false, true] {
            // The clock goes on: the names that were given stay.
            let later = at("2026-11-22T09:00:00Z");
            let home = home();
            let home = home.path();
            let draft = ready(home).remove(0);
            let (root, plan) = prepare(home, &publication(), &draft, now()).expect("prepared");
            STEPS.into_iter().take(steps).try_for_each(|step| step.run(&root, &plan)).expect("run");
            put(home, "drafts/.reveille-half.tmp", "half");
            if rendered {
                render(home, &publication()).expect("rendered");
            }
            let finished = repair(home, &publication()).expect("repaired");
            let out = steps >= 4;
            assert_eq!(finished.iter().map(|issue| issue.number).collect::<Vec<_>>(), if out { vec![Some(46)] } else { vec![] }, "{steps}");
            assert_eq!(ready(home).len(), usize::from(!out), "after {steps} steps");
            if !out {
                // Cut off before any name was given, the day of publication is the later one.
                let again = if steps < 2 { now() } else { later };
                publish(home, &publication(), &ready(home)[0], again, &|_| ()).expect("published");
            }
            let mut left = files(home);
            if steps == 0 {
                left.remove("drafts/.reveille-half.tmp");
            }
            assert_eq!(left, whole, "after {steps} steps, rendered: {rendered}");
            assert_eq!(repair(home, &publication()).expect("repaired"), []);
        }
    }
}

#[test]
fn the_same_call_again_finishes_what_was_cut_off() {
    for steps in 0..=STEPS.len() {
        let home = home();
        let home = home.path();
        let draft = ready(home).remove(0);
        let (root, plan) = prepare(home, &publication(), &draft, now()).expect("prepared");
        STEPS.into_iter().take(steps).try_for_each(|step| step.run(&root, &plan)).expect("run");
        let id = id_for(home, &publication(), &draft, now()).expect("an id");
        let published = publish(home, &publication(), &draft, now(), &|_| ()).unwrap_or_else(|error| panic!("after {steps}: {error}"));
        assert_eq!((published.issue.id.as_str(), published.issue.number), (id.as_str(), Some(46)), "{steps}");
        assert_eq!(load(home).expect("loaded").shelf.issues.len(), 2, "{steps}");
        prove(home, &publication(), &published.issue, now()).expect("proved");
    }
}

#[test]
fn what_the_author_changes_meanwhile_is_kept() {
    let home = home();
    let home = home.path();
    let (root, plan) = prepare(home, &publication(), &ready(home)[0], now()).expect("prepared");
    put(home, "drafts/notes.md", DRAFT.replace("Text with", "Changed with"));
    assert!(matches!(STEPS[1].run(&root, &plan), Err(PublishError::Changed { .. })));
    put(home, "drafts/notes.md", DRAFT);
    STEPS[..4].iter().try_for_each(|step| step.run(&root, &plan)).expect("run");
    let changed = fs::read_to_string(home.join("drafts/notes.md")).expect("there").replace("Text with", "Changed with");
    put(home, "drafts/notes.md", &changed);
    STEPS[4].run(&root, &plan).expect("run");
    repair(home, &publication()).expect("repaired");
    assert_eq!(fs::read_to_string(home.join("drafts/notes.md")).expect("kept"), changed);
    assert_eq!(ready(home), [], "an issue would go out twice");
    let said = load(home).expect("loaded").diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(said.iter().any(|line| line.contains("it is published already, as issues/046-notes-from-zero.md")), "{said:?}");
}

#[test]
fn numbers_and_addresses_are_given_once() {
    for (path, front, number, slug) in [
        ("drafts/notes.md", "title: New", 46, "new"),
        ("drafts/050-notes.md", "title: New", 50, "new"),
        ("drafts/045-notes.md", "title: New", 46, "new"),
        ("drafts/notes.md", "title: New\nnumber: 7", 7, "new"),
        ("drafts/notes.md", "title: New\nid: 60", 60, "new"),
        ("drafts/2026-11-01-notes.md", "title: New", 46, "new"),
        ("drafts/notes.md", "title: Old", 46, "old-46"),
        ("drafts/notes.md", "title: New\nslug: own_one", 46, "own_one"),
        ("drafts/notes.md", "title: \"???\"", 46, "untitled"),
        ("drafts/notes.md", "title: \"東京 ☕\"", 46, "dong-jing-coffee"),
    ] {
        let home = tempfile::tempdir().expect("a folder");
        put(home.path(), "issues/045-old.md", "---\ntitle: Old\nid: 45\ndate: 2026-03-20\n---\n");
        put(home.path(), path, format!("---\n{front}\nready: true\n---\nText.\n"));
        let issue = first(home.path()).unwrap_or_else(|error| panic!("{front}: {error}")).issue;
        assert_eq!((issue.number, issue.slug.as_str()), (Some(number), slug), "{path} {front}");
        assert_eq!(issue.id, format!("tag:inside.example,2026:issue-{number:03}"));
        assert_eq!(issue.path, format!("issues/{number:03}-{slug}.md"));
        prove(home.path(), &publication(), &issue, now()).expect("proved");
    }
}

#[test]
fn what_stands_in_the_way_leaves_everything_as_it_was() {
    type Put = fn(&Path);
    let cases: [(Put, &str); 5] = [
        (|home| put(home, "drafts/notes.md", DRAFT.replace("ready", "slug: 'old/../x'\nready")), "can't be the last part"),
        (|home| put(home, "drafts/images/c.png", "none"), "no picture"),
        (|home| put(home, "issues/images/c.png", [PNG, b"other"].concat()), "is there already"),
        (|home| put(home, "drafts/notes.md", DRAFT.replace("ready", "date: 2026-12-24\nready")), "still to come"),
        (|home| put(home, "drafts/notes.md", "---\n{title: Braces, ready: true}\n---\nText.\n"), "no line can be added"),
    ];
    for (put, words) in cases {
        let home = home();
        let draft = ready(home.path()).remove(0);
        put(home.path());
        let before = files(home.path());
        let error = publish(home.path(), &publication(), &draft, now(), &|_| ()).expect_err(words);
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.hint().is_some(), "{error}");
        assert_eq!(files(home.path()), before, "{words}");
    }
    let home = home();
    let publication = Publication { url: "mailto:a@inside.example".parse().expect("an address"), ..publication() };
    assert!(matches!(publish(home.path(), &publication, &ready(home.path())[0], now(), &|_| ()), Err(PublishError::Address { .. })));
}

#[test]
fn a_fault_of_the_site_is_mended_by_the_next_repair() {
    let home = home();
    let home = home.path();
    put(home, "templates/issue.html", "{{ gone }}");
    assert!(matches!(first(home), Err(PublishError::Site(_))));
    fs::remove_file(home.join("templates/issue.html")).expect("removed");
    let finished = repair(home, &publication()).expect("repaired");
    assert_eq!(finished.len(), 1);
    prove(home, &publication(), &finished[0], now()).expect("proved");
    // A site that was thrown away comes back.
    fs::remove_dir_all(home.join("site")).expect("removed");
    repair(home, &publication()).expect("repaired");
    prove(home, &publication(), &finished[0], now()).expect("proved");
}

#[test]
fn a_page_that_does_not_show_the_issue_proves_nothing() {
    let home = home();
    let home = home.path();
    let issue = first(home).expect("published").issue;
    let page = home.join("site/issues/notes-from-zero/index.html");
    let (html, feed) = (fs::read_to_string(&page).expect("there"), fs::read_to_string(home.join("site/atom.xml")).expect("there"));
    for (page, feed, missing) in [
        (html.replace("Notes from", "Other"), feed.clone(), "the title"),
        (html.replace("https://inside.example/issues/", "/"), feed.clone(), "its canonical address"),
        (html.clone(), feed.replace("issue-046", "issue-047"), "its entry"),
        (html.clone(), "<feed".to_owned(), "its entry"),
    ] {
        put(home, "site/issues/notes-from-zero/index.html", page);
        put(home, "site/atom.xml", feed);
        let error = prove(home, &publication(), &issue, now()).expect_err(missing);
        assert!(error.to_string().ends_with(&format!("{missing} is missing")), "{error}");
        assert!(error.hint().is_some());
    }
    fs::remove_file(page).expect("removed");
    assert!(matches!(prove(home, &publication(), &issue, now()), Err(ProveError::Disk(_))));
}

/// Answers requests one after another from what `answer` makes of the path.
fn server(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}/", listener.local_addr().expect("an address")).parse().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.extend(byte);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let path = head.split(' ').nth(1).unwrap_or_default();
            let _ = stream.write_all(&answer(path));
        }
    });
    url
}

fn ok(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

#[test]
fn a_served_site_is_proved_over_http_only() {
    let home = home();
    let site = home.path().join("site");
    let served = {
        let site = site.clone();
        move |path: &str| match path {
            "/moved/" => redirect("/issues/notes-from-zero/"),
            path => {
                let file = if path.ends_with('/') { format!("{path}index.html") } else { path.to_owned() };
                fs::read(site.join(file.trim_start_matches('/'))).map_or_else(
                    |_| b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
                    |bytes| ok(&bytes),
                )
            }
        }
    };
    let publication = Publication { url: server(served), served: true, ..publication() };
    let issue = publish(home.path(), &publication, &ready(home.path())[0], now(), &|_| ()).expect("published").issue;
    let proofs = prove(home.path(), &publication, &issue, now()).expect("proved");
    assert_eq!(proofs[0].place, publication.issue_address("notes-from-zero"));
    assert_eq!(proofs[0].sha256, crate::disk::sha256(&fs::read(site.join("issues/notes-from-zero/index.html")).expect("there")));
    // On disk it still is, but not where readers are.
    let elsewhere = Publication {
        url: server(|_| b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()),
        ..publication.clone()
    };
    let error = prove(home.path(), &elsewhere, &issue, now()).expect_err("not served");
    assert!(error.to_string().contains("503") && error.hint().is_some(), "{error}");
}

#[test]
fn a_server_that_misleads_proves_nothing() {
    let home = home();
    let issue = first(home.path()).expect("published").issue;
    let html = fs::read(home.path().join("site/issues/notes-from-zero/index.html")).expect("there");
    let honest = server({
        let html = html.clone();
        move |_| ok(&html)
    });
    // The same machine under another name is another host.
    let away = format!("http://localhost:{}/issues/notes-from-zero/", honest.port().unwrap_or_default());
    type Answer = Box<dyn Fn(&str) -> Vec<u8> + Send>;
    let cases: [(&str, Answer); 4] = [
        ("302", Box::new(move |_| redirect(&away))),
        ("longer than", Box::new(|_| ok(&vec![b'x'; 6 * 1024 * 1024]))),
        ("failed to fetch", Box::new(|_| b"no http at all\r\n\r\n".to_vec())),
        ("the title is missing", Box::new(|_| ok(b"<h1>Parked</h1>"))),
    ];
    for (words, answer) in cases {
        let publication = Publication { url: server(answer), served: true, ..publication() };
        let error = prove(home.path(), &publication, &issue, now()).expect_err(words);
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}

#[test]
fn addresses_follow_the_settings() {
    let home = home();
    let issue = first(home.path()).expect("published").issue;
    let below = Publication { url: "https://inside.example/letters".parse().expect("an address"), ..publication() };
    assert_eq!(address(&below, &issue).expect("an address").as_str(), "https://inside.example/letters/issues/notes-from-zero/");
}
