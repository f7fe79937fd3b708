//! Homes as people have them, with every fault that the issue names.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// A PNG of 1 by 1.
pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    home
}

fn said(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(ToString::to_string).collect()
}

#[test]
fn issues_and_drafts_are_read_from_front_matter_and_name() {
    let home = home(&[
        ("issues/043-the-queue.md", "---\nid: 43\ntitle: \"The Queue\"\ndate: 2026-03-23\nsummary: \"S.\"\n---\n\nBody.\n"),
        ("issues/044-x.md", "---\nid: \"tag:a.example,2026:issue-044\"\nnumber: 44\ntitle: X\nslug: other\ndate: 2026-03-24\n---\n"),
        ("drafts/045-later.md", "---\ntitle: \"Später, & more\"\nready: true\nmail: true\nhook: one\ntags: [a, b]\n---\n"),
        ("drafts/2026-11-20-note.md", "---\ntitle: Note\n---\n"),
        ("drafts/.hidden.md", "no"),
        ("drafts/notes.txt", "no"),
    ]);
    let loaded = load(home.path()).expect("loaded");
    assert_eq!(said(&loaded), Vec::<String>::new());
    let row = |issue: &Issue| {
        format!("{} | {:?} | {} | {} | {:?} | {}", issue.id, issue.number, issue.title, issue.slug, issue.stage, issue.path)
    };
    insta::assert_snapshot!(loaded.shelf.issues.iter().map(row).collect::<Vec<_>>().join("\n"), @r"
    drafts/045-later.md | Some(45) | Später, & more | spater-more | Ready | drafts/045-later.md
    drafts/2026-11-20-note.md | None | Note | note | Draft | drafts/2026-11-20-note.md
    43 | Some(43) | The Queue | the-queue | Published | issues/043-the-queue.md
    tag:a.example,2026:issue-044 | Some(44) | X | other | Published | issues/044-x.md
    ");
    let draft = &loaded.shelf.issues[0];
    assert!(draft.mail && draft.hooks == ["one"] && draft.tags == ["a", "b"]);
}

#[test]
fn an_empty_home_has_an_empty_shelf_and_no_home_is_an_error() {
    assert_eq!(load(home(&[]).path()).expect("loaded"), Loaded::default());
    assert!(load(std::path::Path::new("/no/such/home")).is_err());
}

#[test]
fn every_fault_is_said_and_the_others_go_on() {
    let home = home(&[
        ("issues/044-x.md", "---\nid: 44\ntitle: X\nslug: taken\ndate: 2026-03-24\n---\n"),
        ("issues/045-same.md", "---\nid: 44\ntitle: Y\ndate: 2026-03-24\n---\n"),
        ("issues/046-nothing.md", "Body only.\n"),
        ("issues/047-undated.md", "---\ntitle: Z\n---\n"),
        ("drafts/a-fine.md", "---\ntitle: Fine\nready: true\n---\n"),
        ("drafts/b-no-title.md", "---\nsummary: S\nready: true\n---\n"),
        ("drafts/c-date.md", "---\ntitle: C\ndate: 2026-02-31\nready: true\n---\n"),
        ("drafts/d-image.md", "---\ntitle: D\nready: true\n---\n\nText.\n\n![x](images/gone.png)\n"),
        ("drafts/e-taken.md", "---\ntitle: E\nslug: Taken\nready: true\n---\n"),
        ("drafts/f-climbs.md", "---\ntitle: F\nslug: ../../../etc/x\nready: true\n---\n"),
        ("drafts/g-yaml.md", "---\ntitle: G: h\nready: true\n---\n"),
        ("drafts/h-secret.md", "---\ntitle: H\nready: true\n---\n![x](../reveille.toml)\n"),
        ("drafts/i-fine.md", "---\ntitle: Fine!\nready: true\n---\n"),
        ("reveille.toml", "token = 1"),
    ]);
    fs::write(home.path().join("drafts/j-bytes.md"), b"---\ntitle: J\n---\n\nLatin \xe9.\n").expect("written");
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::write(elsewhere.path().join("k.md"), "---\ntitle: K\nready: true\n---\n").expect("written");
    symlink(elsewhere.path().join("k.md"), home.path().join("drafts/k-out.md")).expect("linked");
    let loaded = load(home.path()).expect("loaded");
    insta::assert_snapshot!(said(&loaded).join("\n"), @r#"
    drafts/b-no-title.md:2:1: no title (hint: add a line like `title: "What readers see"`)
    drafts/c-date.md:3:1: `date: 2026-02-31` is no date (hint: write it like `date: 2026-11-20`)
    drafts/d-image.md:8:1: the picture `images/gone.png` is missing (hint: put the file there, or correct the path: it starts at the folder of the text)
    drafts/e-taken.md:3:1: `slug: Taken` is the address of issues/044-x.md (hint: choose another `slug:`)
    drafts/f-climbs.md:3:1: `slug: ../../../etc/x` can't be the last part of an address (hint: write small letters, digits and `-`, like `slug: etc-x`)
    drafts/g-yaml.md:2:9: front matter: mapping values are not allowed in this context (hint: a value with `:` or `#` in it stands in double quotes)
    drafts/h-secret.md:5:1: `../reveille.toml` is no picture that browsers show (hint: use one of png, jpg, jpeg, gif, webp, avif, svg)
    drafts/i-fine.md:1:1: another draft has the address `fine` (hint: give each draft its own title or `slug:`)
    drafts/j-bytes.md:5:7: it is no UTF-8 text (hint: save it as UTF-8)
    drafts/k-out.md:1:1: drafts/k-out.md leads out of the home (hint: put the file itself into the home instead of a link)
    issues/045-same.md:2:1: another issue has the id `44` (hint: give each issue its own `id:`)
    issues/046-nothing.md:1:1: no front matter (hint: begin the file with `---`, lines like `title: "…"`, and `---`)
    issues/047-undated.md:1:1: no date (hint: add a line like `date: 2026-11-20`; without one it is not in the feeds)
    "#);
    let ready: Vec<&str> = loaded.shelf.ready().map(|draft| draft.path.as_str()).collect();
    assert_eq!(ready, ["drafts/a-fine.md"]);
    assert_eq!(loaded.shelf.published().count(), 2);
    assert!(loaded.diagnostics.iter().all(|found| found.diagnostic.hint.is_some()));
}

#[test]
fn pictures_are_looked_at() {
    let home = home(&[
        ("drafts/a.md", "---\ntitle: A\nready: true\n---\n![x](p.png)\n"),
        ("drafts/b.md", "---\ntitle: B\nimage: q.png\n---\n"),
        ("drafts/q.png", "no"),
    ]);
    fs::write(home.path().join("drafts/p.png"), PNG).expect("written");
    let loaded = load(home.path()).expect("loaded");
    assert_eq!(
        said(&loaded),
        ["drafts/b.md:3:1: `q.png` is no picture that browsers show (hint: use one of png, jpg, jpeg, gif, webp, avif, svg)"]
    );
    // A link that leads out of the home is no picture of the home.
    fs::remove_file(home.path().join("drafts/p.png")).expect("removed");
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::write(elsewhere.path().join("p.png"), PNG).expect("written");
    symlink(elsewhere.path().join("p.png"), home.path().join("drafts/p.png")).expect("linked");
    assert!(said(&load(home.path()).expect("loaded"))[0].contains("outside of the home"));
}

#[test]
fn a_folder_that_leads_out_is_an_error() {
    let (home, elsewhere) = (home(&[]), home(&[("a.md", "---\ntitle: A\nready: true\n---\n")]));
    symlink(elsewhere.path(), home.path().join("drafts")).expect("linked");
    let error = load(home.path()).expect_err("outside");
    assert_eq!(error.to_string(), "failed to load drafts and issues: drafts leads out of the home");
    assert!(error.hint().is_some());
}

#[test]
fn a_draft_with_a_later_date_waits() {
    let home = home(&[("drafts/a.md", "---\ntitle: A\ndate: 2026-12-01\nready: true\n---\n")]);
    let ready = |today: &str| load(home.path()).expect("loaded").as_of(today.parse().expect("a date")).shelf.ready().count();
    assert_eq!((ready("2026-11-30"), ready("2026-12-01")), (0, 1));
}

#[test]
fn only_the_head_of_an_issue_is_read() {
    let body = "é".repeat(3000);
    let long = format!("---\ntitle: \"{}\"\n---\n{body}", "T".repeat(5000));
    let home = home(&[
        ("issues/1-a.md", &format!("---\ntitle: A\n---\n{body}")),
        ("issues/2-b.md", &long),
        ("issues/3-c.md", &format!("---\ntitle: {}", "x".repeat(70_000))),
    ]);
    let loaded = load(home.path()).expect("loaded");
    assert_eq!(loaded.shelf.issues.len(), 2);
    assert!(said(&loaded).iter().any(|line| line.contains("does not end")));
}

#[test]
fn a_thousand_issues_are_loaded_fast() {
    let home = home(&[]);
    fs::create_dir(home.path().join("issues")).expect("made");
    for number in 0..1000 {
        let text = format!(
            "---\nid: \"tag:a.example,2026:issue-{number:03}\"\nnumber: {number}\ntitle: \"Issue {number}\"\nslug: issue-{number}\ndate: 2026-03-24\nsummary: \"One sentence.\"\ntags: [a, b]\n---\n\n{}",
            "Body text.\n".repeat(500)
        );
        fs::write(home.path().join(format!("issues/{number:03}-issue.md")), text).expect("written");
    }
    let start = std::time::Instant::now();
    let loaded = load(home.path()).expect("loaded");
    let took = start.elapsed();
    assert_eq!(loaded.shelf.issues.len(), 1000);
    // The aim is 50 ms; the bound is loose for machines that do other things too.
    assert!(took.as_millis() < 500, "{took:?}");
}

#[test]
fn a_letter_to_silent_readers_is_never_on_the_shelf() {
    let home = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    write("drafts/month.md", "---\ntitle: Still there?\nretain: 30\nready: true\n---\nHello.\n");
    write("drafts/week-1.md", "---\ntitle: A week\nready: true\nretain: 7\n---\nHello.\n");
    write("drafts/week-2.md", "---\ntitle: Another week\nretain: 7\nready: true\n---\nHello.\n");
    write("drafts/week-3.md", "---\ntitle: A third\nretain: 7\n---\nHello.\n");
    write("drafts/year.md", "---\ntitle: A year\nready: true\nretain: 365\n---\nHello.\n");
    write("drafts/shown.md", "---\ntitle: Seen\nretain: 60\nready: true\n---\n\n![a lamp](lamp.png)\n");
    write("drafts/issue.md", "---\ntitle: An issue\nready: true\n---\nHello.\n");
    write("issues/045-back.md", "---\ntitle: Back\nretain: 60\ndate: 2026-11-01\n---\nHello.\n");
    let loaded = load(home.path()).expect("loaded");
    assert_eq!(loaded.shelf.issues.iter().map(|issue| issue.path.as_str()).collect::<Vec<_>>(), ["drafts/issue.md"]);
    let goes = |one: &WinBack| one.ready && one.rival.is_none();
    let mut letters: Vec<(&str, u16, bool)> = loaded.win_backs.iter().map(|one| (one.path.as_str(), one.stage, goes(one))).collect();
    letters.sort_unstable();
    let expected =
        [("drafts/month.md", 30, true), ("drafts/week-1.md", 7, false), ("drafts/week-2.md", 7, false), ("drafts/week-3.md", 7, false)];
    assert_eq!(letters, expected);
    let said: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    let expected = [
        "drafts/shown.md:7:1: `lamp.png` is on no page that a mail could show it from (hint: give the whole address of a picture that is on the web, or leave it out)",
        "drafts/week-1.md:1:1: drafts/week-2.md is for readers silent for 7 days, too (hint: set `ready: false` in all but one: until then none is sent)",
        "drafts/week-2.md:1:1: drafts/week-1.md is for readers silent for 7 days, too (hint: set `ready: false` in all but one: until then none is sent)",
        "drafts/year.md:4:1: `retain: 365` is no stage of silence (hint: write `retain: 7`, `retain: 30` or `retain: 60`)",
        "issues/045-back.md:3:1: `retain: 60` makes it a letter to silent readers, which is no issue (hint: keep it in drafts/, or remove the line to publish it)",
    ];
    assert_eq!(said, expected);
}
