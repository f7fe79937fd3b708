//! Front matter as people write it, right and wrong.

use super::*;

fn parsed(yaml: &str) -> Result<FrontMatter, String> {
    parse(&format!("---\n{yaml}\n---\nBody.\n")).map_err(|diagnostic| diagnostic.to_string())
}

#[test]
fn fields_are_read_in_every_form() {
    let front = parsed(concat!(
        "# a comment\n",
        "id: 45\n",
        "number: 45\n",
        "title: \"Who: <reads> & \\\"this\\\"\"\n",
        "date: 2026-03-25\n",
        "summary: >\n  Folded\n  text.\n",
        "hook:\n  - one\n  - \"two\\nlines\"\n",
        "tags: \"#rust, small web,, Rust\"\n",
        "ready: true\n",
        "thread: true\n",
        "image: a.png\n",
        "image_alt: >\n  Two\n  readers.\n",
        "layout: {unknown: [1, 2]}\n",
    ))
    .expect("read");
    assert_eq!(front.id, Some(At { value: "45".into(), line: 3 }));
    assert_eq!(front.number, Some(At { value: 45, line: 4 }));
    assert_eq!(front.title, Some(At { value: "Who: <reads> & \"this\"".into(), line: 5 }));
    assert_eq!(front.date.map(|date| date.value.to_string()).as_deref(), Some("2026-03-25"));
    assert_eq!(front.summary.as_deref(), Some("Folded text."));
    assert_eq!(front.hooks, ["one", "two lines"]);
    assert_eq!(front.tags, ["rust", "small web"]);
    assert!(front.ready && front.thread && !front.mail);
    assert_eq!(front.image_alt.as_deref(), Some("Two readers."));
}

#[test]
fn forms_that_look_like_something_else_are_text() {
    for (yaml, expected) in [
        ("title: 2026", "2026"),
        ("title: yes", "yes"),
        ("title: 1.10", "1.10"),
        ("title: 'a''b'", "a'b"),
        ("title: \"bell\\u0007 here\"", "bell  here"),
        ("title: |\n  two\n  lines", "two lines"),
    ] {
        assert_eq!(parsed(yaml).expect("read").title.map(|title| title.value).as_deref(), Some(expected), "{yaml}");
    }
    assert_eq!(parsed("tags: [a, 7, true]\nhook: one").expect("read").tags, ["a", "7", "true"]);
    assert_eq!(parsed("title:\ntags:\ndate: ~").expect("read"), FrontMatter::default());
    assert_eq!(parsed("").expect("read"), FrontMatter::default());
    let dated = parsed("date: 2026-03-25T23:30:00-05:00").expect("read");
    assert_eq!(dated.date.map(|date| date.value.to_string()).as_deref(), Some("2026-03-25"));
}

#[test]
fn wrong_fields_name_the_line_of_the_file() {
    for (yaml, line, words) in [
        ("title: a\ndate: 2026-13-45", 3, "is no date"),
        ("title: a\ndate: next week", 3, "is no date"),
        ("number: -3", 2, "is no number"),
        ("title: a\nready: perhaps", 3, "front matter: "),
        ("title: a\nsummary: b: c", 3, "front matter: "),
        ("title: a\ntitle: b", 3, "front matter: "),
        ("title: [a", 2, "front matter: "),
        ("title: {a: b}", 2, "front matter: "),
        ("- a\n- b", 2, "front matter: "),
    ] {
        let diagnostic = parse(&format!("---\n{yaml}\n---\n")).expect_err(yaml);
        assert!(diagnostic.message.contains(words), "{yaml}: {diagnostic}");
        assert!(!diagnostic.message.contains(" line "), "{yaml}: {diagnostic}");
        assert!(diagnostic.line == line || (diagnostic.line == line + 1 && yaml.contains("[a")), "{yaml}: {diagnostic}");
    }
}

#[test]
fn a_file_is_taken_apart_and_whole_again() {
    for text in ["---\na: 1\n---\nBody", "\u{feff}---\r\na: 1\r\n---\r\nBody\r\n---\r\n", "---\n---\n", "--- \na: 1\n---"] {
        let parts = split(text).expect("split");
        assert_eq!([parts.open, parts.yaml, parts.close, parts.body].concat(), text);
    }
    assert_eq!(split("---\na: 1\n---\nBody").map(|parts| parts.body_line()), Ok(4));
    for text in ["", "Body", "---\na: 1\n", "----\n---\n", " ---\na: 1\n---\n"] {
        assert!(split(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_head_is_whole_when_its_last_line_is() {
    for (bytes, whole) in [
        ("---\na: 1\n---\n", true),
        ("---\na: 1\n---", false),
        ("---\na: 1\n", false),
        ("\u{feff}---\r\na: 1\r\n---\r\n", true),
        ("Body\n", true),
        ("Bo", false),
    ] {
        assert_eq!(head_is_whole(bytes.as_bytes()), whole, "{bytes:?}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_makes_the_reader_fall_over(text in "\\PC*", yaml in "([a-z]{0,5}[:\\-#\"'\\[{|> \n]{0,4}){0,12}") {
        let _ = parse(&text);
        let _ = parse(&format!("---\n{yaml}\n---\n"));
    }
}
