//! Whole sites in folders of their own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

/// A PNG of 640 by 480: as much of it as says its size.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06\0\0\0\x1f\x15\xc4\x89";

pub(super) fn publication() -> Publication {
    Publication {
        name: "From <The> Inside".into(),
        url: "https://inside.example".parse().expect("an address"),
        owner: "secret-owner@inside.example".into(),
        language: "en".into(),
        description: Some("Letters & more".into()),
        served: false,
        readers_side: false,
    }
}

pub(super) fn put(home: &Path, path: &str, bytes: impl AsRef<[u8]>) {
    let path = home.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, bytes).expect("written");
}

pub(super) fn issue(number: u32, title: &str, body: &str) -> String {
    // Every character by its number, as YAML can say it.
    let title: String = title.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
    let title = format!("\"{title}\"");
    format!(
        "---\nid: \"tag:inside.example,2026:issue-{number:03}\"\nnumber: {number}\ntitle: {title}\nslug: s{number}\ndate: 2026-01-{number:02}\nsummary: \"About {number}.\"\ntags: [all, \"n{number}\"]\n---\n\n{body}\n"
    )
}

pub(super) fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    for number in 1..=3 {
        put(home.path(), &format!("issues/00{number}-x.md"), issue(number, &format!("Title {number}"), &format!("Text {number}.")));
    }
    home
}

fn rendered(home: &tempfile::TempDir) -> RenderReport {
    render(home.path(), &publication()).expect("rendered")
}

pub(super) fn page(home: &tempfile::TempDir, path: &str) -> String {
    fs::read_to_string(home.path().join("site").join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(super) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
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
    files
}

pub(super) fn site(home: &tempfile::TempDir) -> BTreeMap<String, Vec<u8>> {
    files(&home.path().join("site"))
}

/// The manifest without stamps, which settle with time.
fn manifest_of(home: &tempfile::TempDir) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(fields) => {
                fields.remove("stamp");
                fields.values_mut().for_each(strip);
            }
            serde_json::Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_slice(&fs::read(home.path().join(manifest::PATH)).expect("read")).expect("JSON");
    strip(&mut value);
    value
}

fn said(report: &RenderReport) -> Vec<String> {
    report.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn every_file_of_a_site_is_there() {
    let home = home();
    let report = rendered(&home);
    let expected = [
        "archive/index.html",
        "atom.xml",
        "feed.json",
        "feed.xml",
        "index.html",
        "issues/s1/index.html",
        "issues/s2/index.html",
        "issues/s3/index.html",
        "robots.txt",
        "sitemap.xml",
        "style.css",
        "tags/all/index.html",
        "tags/n1/index.html",
        "tags/n2/index.html",
        "tags/n3/index.html",
    ];
    assert_eq!(site(&home).keys().collect::<Vec<_>>(), expected);
    assert_eq!((report.written.len(), report.unchanged, said(&report)), (expected.len(), 0, vec![]));
    for (path, bytes) in site(&home) {
        let text = String::from_utf8(bytes).expect("text");
        assert!(!text.contains("secret-owner"), "{path} shows the owner's address");
        assert!(!text.contains("<script"), "{path} has a script");
        if path.ends_with(".html") {
            for part in [
                "<!doctype html>",
                "<html lang=\"en\">",
                "rel=\"canonical\"",
                "og:title",
                "application/atom+xml",
                "class=\"skip\"",
                "<h1",
                "</html>",
            ] {
                assert!(text.contains(part), "{path} has no {part}");
            }
            assert_eq!(text.matches("<h1").count(), 1, "{path}");
        }
    }
    assert!(page(&home, "sitemap.xml").contains("<loc>https://inside.example/issues/s2/</loc><lastmod>2026-01-02</lastmod>"));
    assert!(page(&home, "robots.txt").contains("Sitemap: https://inside.example/sitemap.xml"));
}

#[test]
fn the_page_of_an_issue_says_what_machines_and_people_ask() {
    let home = home();
    put(home.path(), "issues/002-x.md", issue(2, "Tags & <b> \"quotes\"", "One.\n\n## Part\n\n![chart](c.png)"));
    put(home.path(), "issues/c.png", PNG);
    assert_eq!(said(&rendered(&home)), Vec::<String>::new());
    // The stylesheet's version is left out, so that its changes do not change this test.
    let html = page(&home, "issues/s2/index.html");
    let (before, after) = html.split_once("style.css?").expect("a stylesheet");
    insta::assert_snapshot!(format!("{before}style.css{}", &after[8..]), @r##"
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Tags &amp; &lt;b&gt; &quot;quotes&quot; – From &lt;The&gt; Inside</title>
    <meta name="description" content="About 2.">
    <link rel="canonical" href="https://inside.example/issues/s2/">
    <link rel="stylesheet" href="../../style.css">
    <link rel="alternate" type="application/atom+xml" title="From &lt;The&gt; Inside (Atom)" href="../../atom.xml">
    <link rel="alternate" type="application/rss+xml" title="From &lt;The&gt; Inside (RSS)" href="../../feed.xml">
    <link rel="alternate" type="application/feed+json" title="From &lt;The&gt; Inside (JSON Feed)" href="../../feed.json">
    <meta property="og:site_name" content="From &lt;The&gt; Inside">
    <meta property="og:title" content="Tags &amp; &lt;b&gt; &quot;quotes&quot;">
    <meta property="og:url" content="https://inside.example/issues/s2/">
    <meta property="og:description" content="About 2.">
    <meta property="og:type" content="article">
    <meta property="article:published_time" content="2026-01-02">
    <meta property="article:tag" content="all">
    <meta property="article:tag" content="n2">
    <meta property="og:image" content="https://inside.example/issues/s2/c.png">
    <meta name="twitter:card" content="summary_large_image">
    <link rel="next" href="../../issues/s3/">
    <link rel="prev" href="../../issues/s1/">
    </head>
    <body>
    <a class="skip" href="#main:text">Skip to the text</a>
    <header class="top">
    <a class="name" href="../../">From &lt;The&gt; Inside</a>
    <nav aria-label="Site"><a href="../../archive/">All issues</a> <a href="#follow:this">Follow</a></nav>
    </header>
    <main id="main:text">
    <article>
    <header>
    <p class="about">No. 2 · <time datetime="2026-01-02">2 January 2026</time> · 1 min</p>
    <h1>Tags &amp; &lt;b&gt; &quot;quotes&quot;</h1>
    <p class="summary">About 2.</p>
    </header>
    <div class="text">
    <p>One.</p>

    <h2 id="part">Part</h2>
    <p><img src="c.png" alt="chart" width="640" height="480" loading="lazy"></p>

    </div>
    <footer>
    <p class="tags"><span>About</span> <a rel="tag" href="../../tags/all/">all</a> <a rel="tag" href="../../tags/n2/">n2</a></p>
    </footer>
    </article>
    <nav class="near" aria-label="Other issues">
    <p><span class="label">Next</span> <a href="../../issues/s3/">Title 3</a></p>
    <p><span class="label">Before</span> <a href="../../issues/s1/">Title 1</a></p>
    </nav>

    </main>
    <footer>
    <section id="follow:this" class="follow" aria-labelledby="follow:name">
    <h2 id="follow:name">Follow From &lt;The&gt; Inside</h2>
    <p>New issues come to any feed reader: give it the address of this site, or one of the feeds.</p>
    <p class="feeds"><a href="../../atom.xml">Atom</a> <a href="../../feed.xml">RSS</a> <a href="../../feed.json">JSON Feed</a></p>
    </section>
    </footer>
    </body>
    </html>
    "##);
}

#[test]
fn a_second_render_changes_nothing_and_bytes_do_not_depend_on_time() {
    let home = home();
    rendered(&home);
    let before = site(&home);
    let known = manifest_of(&home);
    let report = rendered(&home);
    assert_eq!((report.written.len(), report.unchanged, report.removed.len()), (0, before.len(), 0));
    assert_eq!(manifest_of(&home), known);
    fs::remove_dir_all(home.path().join("site")).expect("removed");
    fs::remove_file(home.path().join(manifest::PATH)).expect("removed");
    rendered(&home);
    assert_eq!(site(&home), before);
}

#[test]
fn one_changed_issue_writes_only_what_shows_it() {
    let home = home();
    rendered(&home);
    put(home.path(), "issues/003-x.md", issue(3, "Title 3", "Other text."));
    assert_eq!(
        rendered(&home).written,
        ["site/issues/s3/index.html", "site/index.html", "site/atom.xml", "site/feed.xml", "site/feed.json"]
    );
    put(home.path(), "issues/001-x.md", issue(1, "New title", "Text 1."));
    let written = rendered(&home).written;
    assert!(written.contains(&"site/issues/s2/index.html".to_owned()), "the neighbour shows the title: {written:?}");
    assert!(!written.contains(&"site/issues/s3/index.html".to_owned()), "{written:?}");
}

#[test]
fn a_source_with_a_known_stamp_is_not_read_and_a_change_of_the_same_length_is_seen() {
    let home = home();
    // Until the disk's clock has gone on by more than a tick.
    std::thread::sleep(std::time::Duration::from_millis(120));
    rendered(&home);
    let stamps = || fs::read_to_string(home.path().join(manifest::PATH)).expect("read").matches("\"stamp\":{").count();
    assert_eq!(stamps(), 3);
    for text in ["Text a.", "Text b.", "Text c."] {
        put(home.path(), "issues/003-x.md", issue(3, "Title 3", text));
        rendered(&home);
        assert!(page(&home, "issues/s3/index.html").contains(text));
    }
    // A stamp that does not fit is no reason to write anything.
    let other = fs::read_to_string(home.path().join(manifest::PATH)).expect("read").replace("\"inode\":", "\"inode\":1");
    put(home.path(), manifest::PATH, other);
    assert_eq!(rendered(&home).written, Vec::<String>::new());
}

#[test]
fn pages_that_are_lost_or_spoilt_come_back() {
    let home = home();
    rendered(&home);
    let before = site(&home);
    fs::remove_file(home.path().join("site/issues/s1/index.html")).expect("removed");
    put(home.path(), "site/feed.xml", "");
    put(home.path(), "site/tags/all/index.html", "half a pa");
    assert_eq!(rendered(&home).written.len(), 3);
    assert_eq!(site(&home), before);
}

#[test]
fn a_render_cut_off_anywhere_is_put_right() {
    let home = home();
    rendered(&home);
    let old = fs::read(home.path().join(manifest::PATH)).expect("read");
    put(home.path(), "issues/003-x.md", issue(3, "Other title", "Other text."));
    put(home.path(), "issues/004-x.md", issue(4, "Fourth", "Text."));
    fs::remove_file(home.path().join("issues/001-x.md")).expect("removed");
    rendered(&home);
    let (whole, new, known) = (site(&home), fs::read(home.path().join(manifest::PATH)).expect("read"), manifest_of(&home));
    // Every file in turn was the last one that was written before the power went; the manifest was not.
    for broken in whole.keys() {
        put(home.path(), manifest::PATH, &old);
        put(home.path(), "site/issues/s1/index.html", "stale");
        put(home.path(), &format!("site/{broken}"), "");
        put(home.path(), "site/.reveille-x.tmp", "half");
        rendered(&home);
        let mut now = site(&home);
        now.remove(".reveille-x.tmp");
        now.remove("issues/s1/index.html");
        assert_eq!(now, whole, "{broken}");
        assert_eq!(manifest_of(&home), known, "{broken}");
    }
    for manifest_bytes in [&b""[..], b"{", b"{\"form\":0}", &new[..new.len() / 2]] {
        put(home.path(), manifest::PATH, manifest_bytes);
        assert_eq!(rendered(&home).removed.len(), 0);
        assert_eq!(manifest_of(&home), known);
    }
}

#[test]
fn only_our_own_stale_files_are_removed() {
    let home = home();
    put(home.path(), "site/mine.html", "the human's");
    put(home.path(), "site/issues/s1/mine.txt", "the human's");
    rendered(&home);
    put(home.path(), "site/tags/n1/index.html", "changed by somebody");
    fs::remove_file(home.path().join("issues/001-x.md")).expect("removed");
    fs::remove_file(home.path().join("issues/002-x.md")).expect("removed");
    let report = rendered(&home);
    assert_eq!(report.removed, ["site/issues/s1/index.html", "site/issues/s2/index.html", "site/tags/n2/index.html"]);
    assert_eq!(
        said(&report),
        [
            "site/tags/n1/index.html:1:1: no longer part of the site, but somebody changed it, so it stays (hint: remove it if nobody needs it)"
        ]
    );
    let left = site(&home);
    assert!(left.contains_key("mine.html") && left.contains_key("issues/s1/mine.txt") && left.contains_key("tags/n1/index.html"));
    assert!(!home.path().join("site/issues/s2").exists(), "an empty folder stayed");
}

#[test]
fn a_source_that_is_broken_keeps_its_page() {
    let home = home();
    rendered(&home);
    let before = site(&home);
    put(home.path(), "issues/002-x.md", "---\ntitle: a: b\n---\n");
    let report = rendered(&home);
    assert_eq!(said(&report).len(), 1);
    assert!(said(&report)[0].starts_with("issues/002-x.md:2:"), "{:?}", said(&report));
    assert_eq!(site(&home), before, "a public page changed");
    put(home.path(), "issues/002-x.md", b"---\ntitle: T\n---\n\xff");
    rendered(&home);
    assert_eq!(site(&home), before);
    put(home.path(), "issues/002-x.md", issue(2, "Mended", "Text."));
    rendered(&home);
    assert!(page(&home, "issues/s2/index.html").contains("Mended"));
}

#[test]
fn links_between_files_become_links_between_pages() {
    let home = home();
    put(
        home.path(),
        "issues/003-x.md",
        issue(
            3,
            "Three",
            concat!(
                "[two](002-x.md) [part](002-x.md#a-part) [own](#here) [ü](002-x.md#über)\n\n## Here\n\n",
                "[draft](../drafts/004-y.md) [gone](009-z.md) [secret](../reveille.toml)\n",
                "[wrong](002-x.md#nope) [wrong own](#nope)\n",
                "[absolute](https://inside.example/issues/s2/#a-part) [lost](/issues/s9/) [feed](/feed.xml) [away](https://x.example/y)\n",
            ),
        ),
    );
    put(home.path(), "issues/002-x.md", issue(2, "Two", "## A part\n\n## Über"));
    put(home.path(), "drafts/004-y.md", "---\ntitle: Y\n---\n");
    let report = rendered(&home);
    insta::assert_snapshot!(said(&report).join("\n"), @r"
    issues/003-x.md:15:1: `../drafts/004-y.md` is not published yet, so the link is left out (hint: publish it)
    issues/003-x.md:15:1: `../reveille.toml` is not on the site, so the link is left out (hint: link to an issue's file or to an address)
    issues/003-x.md:15:1: `009-z.md` is not on the site, so the link is left out (hint: link to an issue's file or to an address)
    issues/003-x.md:16:1: issues/002-x.md has no heading `#nope` (hint: correct what stands after `#`)
    issues/003-x.md:16:1: issues/003-x.md has no heading `#nope` (hint: correct what stands after `#`)
    issues/003-x.md:17:1: the site has no `/issues/s9/` (hint: correct the address)
    ");
    let html = page(&home, "issues/s3/index.html");
    for part in ["<a href=\"../s2/\">two</a>", "<a href=\"../s2/#a-part\">part</a>", "<a href=\"#here\">own</a>", "draft gone secret"] {
        assert!(html.contains(part), "no {part} in {html}");
    }
    // A link that waited for its target comes alive when that is published.
    put(home.path(), "issues/004-y.md", issue(4, "Y", "Text."));
    put(home.path(), "issues/003-x.md", issue(3, "Three", "[draft](004-y.md)"));
    fs::remove_file(home.path().join("issues/004-y.md")).expect("removed");
    assert_eq!(said(&rendered(&home)).len(), 1);
    put(home.path(), "issues/004-y.md", issue(4, "Y", "Text."));
    assert_eq!(said(&rendered(&home)).len(), 0);
    assert!(page(&home, "issues/s3/index.html").contains("<a href=\"../s4/\">draft</a>"));
}

#[test]
fn pictures_are_copied_with_their_size() {
    let home = home();
    put(
        home.path(),
        "issues/003-x.md",
        issue(
            3,
            "Three",
            "![a](images/p.png) ![b](other/p.png)\n\n![gone](no.png)\n\n![away](https://x.example/p.png)\n\n![secret](images/token.png) ![svg](s.svg)",
        ),
    );
    put(home.path(), "issues/images/p.png", PNG);
    put(home.path(), "issues/other/p.png", [PNG, b"other"].concat());
    put(home.path(), "issues/images/token.png", "a secret that is named like a picture");
    put(home.path(), "issues/s.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    let report = rendered(&home);
    assert_eq!(
        said(&report).iter().map(|line| line.split(" (").next().unwrap_or_default()).collect::<Vec<_>>(),
        [
            "issues/003-x.md:13:1: the picture `no.png` is missing",
            "issues/003-x.md:17:1: `images/token.png` is no picture that browsers show",
        ]
    );
    let html = page(&home, "issues/s3/index.html");
    assert!(html.contains("<img src=\"p.png\" alt=\"a\" width=\"640\" height=\"480\" loading=\"lazy\">"), "{html}");
    assert!(html.contains("<em>gone</em>") && html.contains("<img src=\"https://x.example/p.png\""));
    assert!(html.contains("<meta property=\"og:image\" content=\"https://inside.example/issues/s3/p.png\">"));
    let copies: Vec<String> = site(&home).into_keys().filter(|path| path.starts_with("issues/s3/") && !path.ends_with("html")).collect();
    assert_eq!(copies.len(), 3, "{copies:?}");
    // A changed picture is copied again, an unchanged one is not read.
    put(home.path(), "issues/images/p.png", [PNG, b"longer"].concat());
    assert_eq!(rendered(&home).written, ["site/issues/s3/p.png"]);
    assert!(fs::read(home.path().join("site/issues/s3/p.png")).expect("read").ends_with(b"longer"));
    fs::remove_file(home.path().join("issues/images/p.png")).expect("removed");
    rendered(&home);
    let left: Vec<Vec<u8>> = site(&home).into_iter().filter(|(path, _)| path.ends_with("p.png")).map(|(_, bytes)| bytes).collect();
    assert_eq!(left, [[PNG, b"other"].concat()], "the names depend on what is there, not on what was");
}

#[test]
fn feeds_are_read_back_by_another_reader() {
    let home = home();
    put(home.path(), "issues/images/p.png", PNG);
    put(home.path(), "issues/002-x.md", issue(2, "<b> & \"x\" ]]> 'y'", "[one](001-x.md) ![p](images/p.png) [here](#part)\n\n## Part"));
    for number in 4..=25 {
        put(home.path(), &format!("issues/{number:03}-x.md"), issue(number, "More", "Text."));
    }
    for number in 6..=25 {
        fs::remove_file(home.path().join(format!("issues/{number:03}-x.md"))).expect("removed");
    }
    rendered(&home);
    for file in ["atom.xml", "feed.xml", "feed.json"] {
        let feed = feed_rs::parser::parse(page(&home, file).as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(feed.title.map(|title| title.content).as_deref(), Some("From <The> Inside"), "{file}");
        let ids: Vec<&str> = feed.entries.iter().map(|entry| entry.id.as_str()).collect();
        let expected: Vec<String> = (1..=5).rev().map(|number| format!("tag:inside.example,2026:issue-{number:03}")).collect();
        assert_eq!(ids, expected, "{file}");
        let second = &feed.entries[3];
        assert_eq!(second.title.as_ref().map(|title| title.content.as_str()), Some("<b> & \"x\" ]]> 'y'"), "{file}");
        assert!(second.links.iter().any(|link| link.href == "https://inside.example/issues/s2/"), "{file}");
        assert_eq!(second.published.map(|date| date.date_naive().to_string()).as_deref(), Some("2026-01-02"), "{file}");
        let html = second.content.as_ref().and_then(|content| content.body.clone()).unwrap_or_default();
        for part in
            ["https://inside.example/issues/s1/", "https://inside.example/issues/s2/p.png", "https://inside.example/issues/s2/#part"]
        {
            assert!(html.contains(part), "{file}: no {part} in {html}");
        }
    }
    assert!(page(&home, "atom.xml").contains("<updated>2026-01-05T00:00:00+00:00</updated>"));
}

#[test]
fn a_feed_holds_the_newest_twenty() {
    let home = tempfile::tempdir().expect("a folder");
    for number in 1..=25 {
        put(home.path(), &format!("issues/{number:03}-x.md"), issue(number, "T", "Text."));
    }
    put(home.path(), "issues/099-undated.md", "---\ntitle: Undated\n---\nText.\n");
    rendered(&home);
    let feed = feed_rs::parser::parse(page(&home, "feed.xml").as_bytes()).expect("parsed");
    assert_eq!((feed.entries.len(), feed.entries[0].id.as_str()), (20, "tag:inside.example,2026:issue-025"));
    assert!(page(&home, "archive/index.html").contains("Undated"));
    assert!(page(&home, "index.html").contains("All 26 issues"));
}

#[test]
fn templates_of_the_home_are_used_and_their_faults_are_said() {
    let home = home();
    rendered(&home);
    put(home.path(), "templates/issue.html", "<p>{{ issue.title }} mine</p>");
    assert!(rendered(&home).written.contains(&"site/issues/s1/index.html".to_owned()), "a new template is a new page");
    assert_eq!(page(&home, "issues/s1/index.html"), "<p>Title 1 mine</p>");
    put(home.path(), "templates/issue.html", "<p>\n{{ issue.titel }}</p>");
    let error = render(home.path(), &publication()).expect_err("a fault");
    assert!(error.to_string().starts_with("templates/issue.html:2: "), "{error}");
    assert!(error.hint().is_some());
    assert_eq!(page(&home, "issues/s1/index.html"), "<p>Title 1 mine</p>");
    fs::remove_file(home.path().join("templates/issue.html")).expect("removed");
    rendered(&home);
    assert!(page(&home, "issues/s1/index.html").contains("<!doctype html>"));
}

#[test]
fn a_publication_can_live_below_another_and_speak_another_language() {
    let home = home();
    put(home.path(), "issues/003-x.md", issue(3, "Three", "[home](/letters/) [two](/letters/issues/s2/) [other](/elsewhere/)"));
    let publication =
        Publication { url: "https://inside.example/letters".parse().expect("an address"), language: "de".into(), ..publication() };
    let report = render(home.path(), &publication).expect("rendered");
    assert_eq!(said(&report), Vec::<String>::new(), "what lies outside of the publication is not ours to know");
    let html = page(&home, "issues/s3/index.html");
    assert!(
        html.contains("<html lang=\"de\">")
            && html.contains("href=\"https://inside.example/letters/issues/s3/\"")
            && html.contains(">2026-01-03</time>")
    );
}

#[test]
fn an_empty_home_has_a_site_too() {
    let home = tempfile::tempdir().expect("a folder");
    assert_eq!(said(&rendered(&home)), Vec::<String>::new());
    assert!(page(&home, "index.html").contains("The first issue is being written."));
    for file in ["atom.xml", "feed.xml", "feed.json"] {
        feed_rs::parser::parse(page(&home, file).as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}

#[test]
fn a_site_that_leads_out_of_the_home_is_not_written() {
    let (home, elsewhere) = (home(), tempfile::tempdir().expect("a folder"));
    symlink(elsewhere.path(), home.path().join("site")).expect("linked");
    let error = render(home.path(), &publication()).expect_err("outside");
    assert!(error.to_string().contains("leads out of the home") && error.hint().is_some(), "{error}");
    assert_eq!(fs::read_dir(elsewhere.path()).expect("read").count(), 0);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_a_title_holds_every_feed_and_page_is_well_formed(title in "\\PC{0,20}[\u{0}-\u{1f}<>&\"'\u{fffe}\u{ffff}\u{2028}\\]]{0,6}\\PC{0,20}", body in "(\\PC|\n|[\u{0}-\u{1f}]){0,60}") {
        let home = tempfile::tempdir().expect("a folder");
        put(home.path(), "issues/001-x.md", issue(1, &title, &body));
        let report = rendered(&home);
        let front = crate::front_matter::parse(&issue(1, &title, &body)).expect("parsed");
        let expected = front.title.map_or("x".to_owned(), |title| title.value);
        for file in ["atom.xml", "feed.xml", "feed.json"] {
            let feed = feed_rs::parser::parse(page(&home, file).as_bytes());
            let feed = feed.unwrap_or_else(|error| panic!("{file}: {error} {report:?}"));
            let title = feed.entries[0].title.as_ref().map(|title| title.content.clone()).unwrap_or_default();
            // Readers may fold white space.
            let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            proptest::prop_assert_eq!(folded(&title), folded(&expected), "{}", file);
        }
    }
}
