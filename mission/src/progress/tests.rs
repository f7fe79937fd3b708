//! What must hold of reading and editing PROGRESS.md, as tables and properties.

use proptest::prelude::*;

use super::*;

fn open_texts(source: &str) -> Vec<String> {
    Progress::parse(source).expect("text").open().map(|item| item.text().to_owned()).collect()
}

#[test]
fn a_task_item_is_what_cmark_gfm_says() {
    // Checked line by line against Debian's cmark-gfm 0.29.0.gfm.6 with its tasklist extension.
    for (source, expected) in [
        ("- [ ] one\n* [ ] two\n+ [ ] three\n1. [ ] four\n2) [ ] five\n", &["one", "two", "three", "four", "five"][..]),
        ("- [ ] # heading\n", &["# heading"]),
        ("- [ ]\n  bare\n", &[]),
        ("- [ ] \n", &[""]),
        ("- - [ ] nested on one line\n", &[]),
        ("- a\n  - [ ] nested\n", &["nested"]),
        ("> - [ ] quoted\n", &[]),
        ("-     [ ] five spaces are code\n", &[]),
        ("-\t[ ] tab\n- [ ]\ttab after\n", &["tab", "tab after"]),
        ("- [ ]missing\n- [] empty\n- [~] odd\n- [ ]* mark\n- [ ]\u{a0}no-break\n", &[]),
        ("```\n- [ ] fenced\n```\n    - [ ] indented\n<!-- - [ ] comment -->\n", &[]),
        ("---\nnote: \"- [ ] front matter\"\n---\n- [ ] real\n", &["real"]),
        ("| - [ ] a | b |\n|---|---|\n", &[]),
        ("- [ ] wrapped\n  over two lines\n", &["wrapped over two lines"]),
        ("- [x] done\n- [X] done\n- [-] dropped\n", &[]),
        ("- [ ] Tell them in `#sig-release`\n", &["Tell them in `#sig-release`"]),
        ("- [ ] an entry that lost its block `#ab12cd34`\n- [ ] Think <!-- for:nobody --> on\n", &["Think on"]),
        ("- [ ] crlf\r\n- [ ] second\r\n", &["crlf", "second"]),
    ] {
        assert_eq!(open_texts(source), expected, "{source:?}");
    }
}

#[test]
fn what_was_taken_back_otherwise_than_by_its_box_is_open_and_blocked() {
    let progress = Progress::parse("- [-] dropped\n  - [ ] its child\n- [ ] ~~struck~~ in part\n- [ ] ~~all struck~~\n").expect("text");
    let problems: Vec<(usize, usize)> = progress.open().map(|item| (item.line, item.tagged.problems.len())).collect();
    assert_eq!(problems, [(2, 1), (3, 0), (4, 1)]);
}

#[test]
fn problems_have_their_line_and_column() {
    let progress = Progress::parse("# P\n\n- [ ] fine\n- [ ] Post it for:strangres\n- [ ] wrapped and\n  then foo:bar\n").expect("text");
    let places: Vec<(usize, usize)> = progress.diagnostics.iter().map(|d| (d.line, d.column)).collect();
    assert_eq!(places, [(4, 15), (6, 6)]);
}

#[test]
fn bytes_that_are_no_utf8_are_kept_and_said() {
    let source = b"# P\n- [ ] caf\xe9 society\n- [ ] next\n".to_vec();
    let progress = Progress::parse(source.clone()).expect("no NUL");
    assert_eq!(progress.bytes(), source);
    assert_eq!(progress.items.len(), 2);
    assert_eq!((progress.diagnostics[0].line, progress.diagnostics[0].column), (2, 10));
    let edit = Edit::Tick { text: "next".into(), nth: 0, evidence: "done".into() };
    let merged = merge(&progress, &progress, &[edit]).expect("merges");
    assert_eq!(merged.bytes, b"# P\n- [ ] caf\xe9 society\n- [x] next \xe2\x80\x94 done\n");
}

#[test]
fn a_binary_file_is_refused() {
    assert_eq!(Progress::parse(b"one\ntwo\0".to_vec()), Err(ProgressError::Binary { line: 2 }));
}

fn merged(base: &str, theirs: &str, edits: &[Edit]) -> (String, Vec<String>) {
    let parse = |text: &str| Progress::parse(text).expect("text");
    let merged = merge(&parse(base), &parse(theirs), edits).expect("merges");
    (String::from_utf8(merged.bytes).expect("utf-8"), merged.conflicts)
}

fn tick(text: &str) -> Edit {
    Edit::Tick { text: text.into(), nth: 0, evidence: "done 2026-11-20 14:00, https://x.example/1".into() }
}

#[test]
fn a_tick_meets_what_the_human_did_meanwhile() {
    let base = "- [ ] Post issue 45 to Mastodon\n- [ ] Other\n";
    let done = "done 2026-11-20 14:00, https://x.example/1";
    let ours = format!("- [x] Post issue 45 to Mastodon — {done}");
    for (theirs, expected, conflicts) in [
        ("- [ ] Other\n- [ ] Post issue 45 to Mastodon\n", format!("- [ ] Other\n{ours}\n"), 0),
        ("- [ ] Post issue 45 to Mastodon for:strangers  \r\n", format!("- [x] Post issue 45 to Mastodon for:strangers — {done}  \r\n"), 0),
        ("- [x] Post issue 45 to Mastodon", ours.clone(), 0),
        ("- [ ] Post issue 45 on Mastodon!\n- [ ] Other\n", format!("- [ ] Post issue 45 on Mastodon!\n{ours}\n- [ ] Other\n"), 0),
        ("- [ ] Other\n", "- [ ] Other\n".to_owned(), 1),
    ] {
        let (text, said) = merged(base, theirs, &[tick("Post issue 45 to Mastodon")]);
        assert_eq!((text, said.len()), (expected, conflicts), "{theirs:?}");
    }
}

#[test]
fn a_line_without_its_end_reads_as_one_with_it() {
    for source in ["- [ ] a\n  - [ ] b\n1.", "- [ ] a", "- [ ] a\n-", "- [ ] a\n```", "- [ ] a\n="] {
        assert_eq!(open_texts(source), open_texts(&format!("{source}\n")), "{source:?}");
    }
}

#[test]
fn ticking_twice_changes_nothing() {
    let base = "- [ ] a task\n";
    let (once, _) = merged(base, base, &[tick("a task")]);
    assert_eq!(merged(base, &once, &[tick("a task")]).0, once);
}

#[test]
fn evidence_can_not_break_out_of_its_line() {
    let base = "- [ ] a\n";
    let edit = Edit::Tick { text: "a".into(), nth: 0, evidence: "x\n- [ ] b\r\n<!-- reveille -->".into() };
    assert_eq!(merged(base, base, &[edit]).0, "- [x] a — x - [ ] b <!- reveille ->\n");
}

fn block(body: &str) -> Edit {
    Edit::Block { body: body.into(), last: None }
}

#[test]
fn the_block_is_added_once_and_found_again() {
    for base in ["- [ ] a", "", "- [ ] a\r\n- [ ] b\r\n", "---\nx: 1\n---\n```\nnever closed\n", "text\n\n<!-- never closed\n"] {
        let (once, _) = merged(base, base, &[block("### Needs you\n- [ ] one `#aa11aa11`")]);
        let (twice, _) = merged(&once, &once, &[block("### Needs you\n- [ ] two `#bb22bb22`")]);
        assert_eq!(twice.matches("<!-- reveille -->").count(), 1, "{twice}");
        assert!(twice.contains("two") && !twice.contains("one `"), "{twice}");
        assert!(base.starts_with("---") <= twice.starts_with("---\nx: 1\n---\n"), "{twice}");
        assert_eq!(open_texts(&twice), open_texts(base), "entries of the block are no tasks");
    }
}

#[test]
fn what_the_human_wrote_into_the_block_is_kept() {
    let start = "- [ ] a\n";
    let first = "### Needs you\n- [ ] one `#aa11aa11`\n- [ ] two `#bb22bb22`";
    let (written, _) = merged(start, start, &[block(first)]);
    let theirs = written.replace("- [ ] one `#aa11aa11`", "- [x] one `#aa11aa11`\nwhat is this?");
    let edit = Edit::Block { body: "### Needs you\n- [ ] one `#aa11aa11`".into(), last: Some(first.into()) };
    let (text, _) = merged(&written, &theirs, &[edit]);
    let progress = Progress::parse(text.as_bytes()).expect("text");
    assert!(text.ends_with("<!-- /reveille -->\n\nwhat is this?\n"), "{text}");
    assert!(progress.answers.iter().any(|answer| answer.key == "aa11aa11" && answer.ticked));
    assert!(!text.contains("two"), "{text}");
}

#[test]
fn markers_without_a_partner_are_said_and_left_alone() {
    let source = "<!-- reveille -->\nmine\n\n- [ ] a task\n";
    let progress = Progress::parse(source).expect("text");
    assert_eq!((progress.diagnostics.len(), progress.diagnostics[0].line), (1, 1));
    assert_eq!(progress.open().count(), 1);
    let (text, _) = merged(source, source, &[block("b")]);
    assert!(text.starts_with(source) && open_texts(&text) == ["a task"], "{text}");
}

/// Lines as people write them, with what can go wrong among them.
fn documents() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => "- \\[[ xX-]\\] [a-zé ]{0,12}( for:(nobody|strangers|x))?",
        1 => Just("```".to_owned()),
        1 => Just("<!-- reveille -->".to_owned()),
        1 => Just("<!-- /reveille -->".to_owned()),
        1 => Just("<!--".to_owned()),
        1 => Just("---".to_owned()),
        1 => "[>#|\\t *+-]{0,4}[a-z\\[\\]`:\" ]{0,10}",
    ];
    (prop::collection::vec(line, 0..12), prop_oneof![Just("\n"), Just("\r\n"), Just("\r")], any::<bool>())
        .prop_map(|(lines, eol, last)| lines.join(eol) + if last { eol } else { "" })
}

#[test]
fn the_block_says_which_run_wrote_it() {
    for (line, run) in [
        ("Last wake 2026-11-20 14:00 UTC, run 12: published", Some(12)),
        ("Last wake 2026-11-20 14:00 UTC: published “A, run 9: B”", None),
        ("Last wake 2026-11-20 14:00 UTC: it is 8 UTC, run 9: B", None),
        ("Last wake 2026-11-20 14:00 UTC, run 0: published", None),
        ("Last wake 2026-11-20 14:00 UTC, run 9223372036854775807: published", None),
        ("Last wake 2026-11-20 14:00 UTC, run -4: published", None),
        ("nothing", None),
    ] {
        let inside = format!("- [ ] a\n\n{BLOCK_START}\n## Reveille\n\n{line}\n{BLOCK_END}\n");
        assert_eq!(Progress::parse(inside).expect("text").last_run(), run, "{line}");
        assert_eq!(Progress::parse(format!("{line}\n")).expect("text").last_run(), None, "outside of the block: {line}");
    }
}

proptest! {
    #[test]
    fn without_edits_the_bytes_are_the_same(source in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(progress) = Progress::parse(source.clone()) {
            prop_assert_eq!(progress.bytes(), &source[..]);
            prop_assert_eq!(merge(&progress, &progress, &[]).expect("nothing to place").bytes, source);
        }
    }

    #[test]
    fn a_tick_changes_only_its_line(source in documents()) {
        let progress = Progress::parse(source.clone()).expect("text");
        let Some(item) = progress.open().next().cloned() else { return Ok(()) };
        let edit = Edit::Tick { text: item.text().to_owned(), nth: 0, evidence: "proof".to_owned() };
        let bytes = merge(&progress, &progress, &[edit]).expect("merges").bytes;
        let after = String::from_utf8(bytes).expect("utf-8");
        let (old, new): (Vec<&str>, Vec<&str>) = (source.split(['\n', '\r']).collect(), after.split(['\n', '\r']).collect());
        prop_assert_eq!(old.len(), new.len());
        let changed: Vec<usize> = (0..old.len()).filter(|at| old[*at] != new[*at]).collect();
        prop_assert!(changed.len() <= 2 && !changed.is_empty(), "{:?}", changed);
        prop_assert!(changed.iter().all(|at| new[*at].contains("proof") || new[*at].contains("[x]")));
    }

    #[test]
    fn the_block_changes_nothing_else(source in documents(), body in "[a-z\\n#-]{0,30}") {
        let progress = Progress::parse(source.clone()).expect("text");
        let edit = Edit::Block { body, last: None };
        let Ok(merged) = merge(&progress, &progress, &[edit]) else { return Ok(()) };
        let after = Progress::parse(merged.bytes.clone()).expect("text");
        prop_assert!(after.block.is_some());
        let texts = |progress: &Progress| progress.items.iter().map(|item| (item.text().to_owned(), item.state)).collect::<Vec<_>>();
        prop_assert!(texts(&progress).iter().all(|item| texts(&after).contains(item)));
        let outside: Vec<u8> = match &progress.block {
            Some(block) => [&source.as_bytes()[..block.outer.start], &source.as_bytes()[block.outer.end..]].concat(),
            None => source.into_bytes(),
        };
        let kept: Vec<u8> = outside.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let now: Vec<u8> = merged.bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let mut rest = now.iter();
        prop_assert!(kept.iter().all(|byte| rest.any(|other| other == byte)), "something outside the block was lost");
    }
}
