//! What a line may call an issue, as tables; and that no line names one that it does not.

use proptest::prelude::*;

use super::*;

fn issue(number: u32, title: &str, date: &str, stage: Stage) -> Issue {
    Issue {
        id: format!("id-{number}-{}", folded(title).replace(' ', "-")),
        number: (number > 0).then_some(number),
        title: title.to_owned(),
        slug: folded(title).replace(' ', "-"),
        date: date.parse().ok(),
        summary: None,
        hooks: vec![],
        tags: vec![],
        mail: false,
        thread: false,
        stage,
        path: String::new(),
    }
}

/// Six letters from number 1 on, and three drafts. Today is Friday, 2026-11-20.
fn shelf() -> Shelf {
    let mut fog = issue(4, "Walking in Fog", "2026-10-20", Stage::Published);
    fog.summary = Some("What a lighthouse knows about queues.".to_owned());
    let mut glue = issue(6, "Barnacle Glue", "2026-11-16", Stage::Published);
    glue.tags = vec!["adhesives".to_owned(), "the sea".to_owned()];
    Shelf {
        issues: vec![
            issue(1, "Hello", "2026-08-01", Stage::Published),
            issue(2, "The Queue", "2026-09-05", Stage::Published),
            issue(3, "Small Models", "2026-10-02", Stage::Published),
            fog,
            issue(5, "Who Reads This", "2026-11-10", Stage::Published),
            glue,
            issue(5, "Who Reads That", "", Stage::Draft),
            issue(7, "Zero", "", Stage::Ready),
            issue(0, "A Fog Machine", "", Stage::Draft),
        ],
    }
}

fn today() -> NaiveDate {
    "2026-11-20".parse().expect("a date")
}

/// What a line names, in short: `1`, `?` with the nearest, `1|2` when it could be either, `1+2` when it means both, `best`.
fn called(text: &str, tag: Option<&str>, shelf: &Shelf) -> String {
    let short = |id: &str| match shelf.by_id(id) {
        Some(issue) if issue.stage == Stage::Published => issue.number.map_or_else(|| issue.slug.clone(), |number| number.to_string()),
        Some(issue) => format!("draft-{}", issue.number.unwrap_or(0)),
        None => format!("nowhere:{id}"),
    };
    let several = |all: &[Named], between: &str| all.iter().map(|one| short(&one.id)).collect::<Vec<_>>().join(between);
    match find_subject(text, tag, shelf, today()).subject {
        Subject::None => "-".to_owned(),
        Subject::One(id) => short(&id),
        Subject::Unknown { nearest, .. } => format!("? {}", several(&nearest, " ")).trim().to_owned(),
        Subject::Several { candidates, each } => several(&candidates, if each { "+" } else { "|" }),
        Subject::Unmeasured { each, .. } => if each { "best+" } else { "best" }.to_owned(),
    }
}

fn check(table: &[(&str, &str)]) {
    let shelf = shelf();
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(text, expected)| {
            let found = called(text, None, &shelf);
            (found != *expected).then(|| format!("{text}: {found}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn numbers() {
    check(&[
        ("Post issue 4 to Mastodon", "4"),
        ("Post issue #4 to Mastodon", "4"),
        ("Post #4 to Mastodon", "4"),
        ("Post No. 4 to Mastodon", "4"),
        ("Post № 4 to Mastodon", "4"),
        ("Post issue no. 4 to Mastodon", "4"),
        ("Post letter number 4 to Mastodon", "4"),
        ("Send ep. 4 to the list", "4"),
        ("Send episode 4", "4"),
        ("Post issue four to Mastodon", "4"),
        ("Post issue twenty to Mastodon", "?"),
        ("Post issue-4 to Mastodon", "4"),
        ("Post (issue 4) to Mastodon", "4"),
        ("Post issue 4, then rest", "4"),
        ("Post issue 4. 3 readers asked for it", "4"),
        ("Post issue 4: 3 readers asked for it", "4"),
        ("Post issue 4 - 3 readers asked for it", "4"),
        ("Post issue 4 and 3 friends will read it", "4"),
        ("Post issue 04 to Mastodon", "4"),
        ("Publish issue 7", "draft-7"),
        ("Publish draft 7", "draft-7"),
        ("Publish draft 5", "draft-5"),
        ("Post issue 5", "5"),
        ("Publish draft 4", "? 4 3 5"),
        ("Post the letter of 2026-10-02 to Mastodon", "3"),
        ("Post issue 2026-10-02", "3"),
        ("Post the issue of 2026-10-03", "? 6"),
        ("There were no 4 readers", "-"),
        ("Merge PR #4", "-"),
        ("Fix bug #4", "-"),
        ("Post 4 cards", "-"),
    ]);
}

#[test]
fn half_a_number_is_none() {
    check(&[
        ("Post issue 45a to Mastodon", "?"),
        ("Post issue 4.5 to Mastodon", "?"),
        ("Post issue 4:30 to Mastodon", "?"),
        ("Post issue 1,000 to Mastodon", "?"),
        ("Post issue -4 to Mastodon", "?"),
        ("Post issue twenty-one to Mastodon", "?"),
        ("Post issue 4e0 to Mastodon", "?"),
        ("Post issue 4294967300 to Mastodon", "?"),
        ("Post issue 99999999999999999999999999 to Mastodon", "?"),
        ("Post issue 99", "?"),
        ("Post issue 8", "? draft-7 6"),
        ("Post issue ４ to Mastodon", "-"),
    ]);
}

#[test]
fn lists_and_ranges_are_several() {
    check(&[
        ("Post issues 2 and 3", "2+3"),
        ("Post issues 2, 3 and 4", "2+3+4"),
        ("Post issue 2 and 3 to Mastodon", "2+3"),
        ("Post issue 2 or 3", "2+3"),
        ("Post issue 2/3", "2+3"),
        ("Post issue 2 & 3", "2+3"),
        ("Post issue #2 and #3", "2+3"),
        ("Post issue 2 and issue 3", "2|3"),
        ("Post issues 2-4", "2+3+4"),
        ("Post issue 2-4", "2+3+4"),
        ("Post issues 2 – 4", "2+3+4"),
        ("Post issues 2 to 4", "2+3+4"),
        ("Post issues two and three", "2+3"),
        ("Post issue 2 and issue 99", "? 2"),
        ("Post issues 2 and 99", "? 2"),
        ("Post issues 4-2", "?"),
        ("Post issues 1-4000000000", "?"),
        ("Post issue 3 and issue 3", "3"),
    ]);
}

#[test]
fn titles_in_quotation_marks() {
    check(&[
        ("Submit \"the queue\" to HN", "2"),
        ("Submit «The Queue» to HN", "2"),
        ("Share “The Qeue” again", "2"),
        ("Post \"The Queue 2\"", "? 2 4"),
        ("Post \"Nothing like it\"", "?"),
        ("Post \"Barnacle Clue\"", "6"),
        ("Post \"the fog\"", "? draft-0 4"),
        ("Post \"Hello\" and \"Zero\"", "1|draft-7"),
        ("Post issue 4 \"Walking in Fog\"", "4"),
        ("Post issue 4 \"Barnacle Glue\"", "4|6"),
        ("Post issue 4 with the hook \"read this\"", "4"),
        ("Post \"Zero", "-"),
        ("Post \"\" to Mastodon", "-"),
        ("Tell them about Small Models on Bluesky", "3"),
        ("Tell them about small models and the queue", "2|3"),
    ]);
}

#[test]
fn places_in_time() {
    check(&[
        ("Share the latest issue", "6"),
        ("Share the latest on Mastodon", "6"),
        ("Share our newest letter", "6"),
        ("Share the most recent post", "6"),
        ("Share the last one", "6"),
        ("Share the last published letter", "6"),
        ("Who was the last to leave?", "-"),
        ("Make it last", "-"),
        ("Share the one before last", "5"),
        ("Share the issue before the last one", "5"),
        ("Share the last but one issue", "5"),
        ("Share the second to last letter", "5"),
        ("Share the penultimate issue", "5"),
        ("Share the oldest letter", "1"),
        ("Share the first issue", "1"),
        ("Share the second letter", "2"),
        ("Share the 3rd issue", "3"),
        ("Share the fourteenth issue", "?"),
        ("Cut a 30 second post", "-"),
        ("Post the second and third letters", "2+3"),
        ("Post the first three issues", "1+2+3"),
        ("Post the last two letters", "5+6"),
        ("Write the second draft", "? draft-5 draft-7 draft-0"),
        ("Publish the latest draft", "draft-0|draft-5|draft-7"),
        ("Share last month's issue", "3|4"),
        ("Share this month's letters", "5+6"),
        ("Share last week's issue", "5"),
        ("Share this week's issue", "6"),
        ("Share yesterday's issue", "? 6"),
        ("Share the August letter", "1"),
        ("Share the August 2025 letter", "? 6"),
        ("Share the letter from September", "2"),
        ("Share the issue of last week", "5"),
        ("Share last year's issues", "? 6"),
        ("We may issue refunds", "-"),
        ("Share the previous issue", "5|6"),
        ("Share the next issue", "? draft-5 draft-7 draft-0"),
        ("Post all letters", "1+2+3+4+5+6"),
        ("Post every issue", "1+2+3+4+5+6"),
        ("Post the back issues", "1+2+3+4+5+6"),
        ("Announce what changed since the last issue", "-"),
        ("Share something instead of the latest issue", "-"),
        ("Post issue 6, the latest one", "6"),
        ("Post issue 5, the latest one", "5|6"),
    ]);
}

#[test]
fn descriptions() {
    check(&[
        ("Share the barnacle one", "6"),
        ("Share the barnacles letter", "6"),
        ("Share the piece on adhesives", "6"),
        ("Share the piece on adhesives on Mastodon", "6"),
        ("Share the essay about small models to Bluesky", "3"),
        ("Share the lighthouse letter", "4"),
        ("Share the fog one", "draft-0|4"),
        ("Publish the fog draft", "draft-0"),
        ("Share the piece on walking in fog", "4"),
        ("Share the essay about queues", "2|4"),
        ("Share the essay about lawn mowers", "?"),
        ("Share the barnacel letter", "? 6"),
        ("Share the foggy barnacle one", "? 6"),
        ("Share the walking essay and the barnacle essay", "4|6"),
        ("Share the walking essay and the lawn essay", "? 4"),
        ("Share the letter on Mastodon", "-"),
        ("Share the mail letter", "-"),
        ("Share the letter about the sea", "6"),
        ("Share the letter about mail", "?"),
        ("Put the letter on the site", "-"),
        ("Share the other one", "-"),
        ("Share a piece on barnacles", "-"),
        ("Barnacle glue dissolves", "6"),
        ("Buy barnacle remover", "-"),
        ("Post issue 4, the barnacle one", "4|6"),
        ("Share something unlike the barnacle letter", "-"),
        ("Refactor the loader", "-"),
    ]);
}

#[test]
fn superlatives_are_not_guessed() {
    check(&[
        ("Post the best back issue to Mastodon", "best"),
        ("Post the three best back issues", "best+"),
        ("Post the best three issues", "best+"),
        ("Post the most read letter", "best"),
        ("Post our most shared post to Bluesky", "best"),
        ("Post the top 3 letters", "best+"),
        ("Post the issue that most people read", "best"),
        ("Post the letter with the most readers", "best"),
        ("Follow best practices for the site", "-"),
        ("Post the best barnacle letter", "best"),
    ]);
}

#[test]
fn tags_and_what_is_shown() {
    let shelf = shelf();
    for (tag, expected) in
        [("4", "4"), ("id-6-barnacle-glue", "6"), ("99", "?"), ("barnacle glue", "? 6"), ("8", "? draft-7 6"), ("-4", "?")]
    {
        assert_eq!(called("Post the fog one, issue 2", Some(tag), &shelf), expected, "{tag}");
    }
    let said = |text: &str| find_subject(text, None, &shelf, today()).subject.unsettled().unwrap_or_default();
    assert_eq!(
        said("Share the fog one"),
        (
            "the line could mean draft “A Fog Machine” or issue 4 “Walking in Fog” (2026-10-20)".to_owned(),
            "say on the line which one: `issue:id-0-a-fog-machine` or `issue:4`".to_owned()
        )
    );
    assert_eq!(
        said("Post issues 2 and 3"),
        (
            "the line means issue 2 “The Queue” (2026-09-05) and issue 3 “Small Models” (2026-10-02), and a wake does one thing".to_owned(),
            "write a line for each: `issue:2` and `issue:3`".to_owned()
        )
    );
    assert_eq!(
        said("Share the barnacel letter"),
        (
            "“the barnacel letter” is not in issues/ or drafts/; nearest: issue 6 “Barnacle Glue” (2026-11-16)".to_owned(),
            "write it, or correct the line: `issue:6`".to_owned()
        )
    );
    assert_eq!(
        said("Post the three best back issues"),
        (
            "nobody can tell “the three best back issues”: how many read each issue was never measured".to_owned(),
            "name them yourself, a line for each, for a wake does one thing: `issue:6`".to_owned()
        )
    );
    assert!(said("Post every issue").0.contains("and 1 more, and a wake"), "{:?}", said("Post every issue"));
}

#[test]
fn only_a_tag_a_number_or_a_whole_title_is_exact() {
    for (text, exact) in [
        ("Publish draft 7", true),
        ("Publish \"Zero\"", true),
        ("Publish “zero”", true),
        ("Publish \"Zerro\"", false),
        ("Publish \"Hello\" and \"Nothing\"", false),
        ("Publish the latest issue", false),
        ("Publish the fog draft", false),
        ("Publish A Fog Machine", false),
        ("Publish the second letter", false),
    ] {
        assert_eq!(find_subject(text, None, &shelf(), today()).exact, exact, "{text}");
    }
    assert!(find_subject("it", Some("7"), &shelf(), today()).exact);
}

#[test]
fn where_numbers_and_places_differ_nobody_guesses() {
    let later = |from: u32| Shelf {
        issues: (0..4).map(|at| issue(from + at, &format!("T{at} x"), &format!("2026-0{}-01", at + 1), Stage::Published)).collect(),
    };
    assert_eq!(called("Share the second letter", None, &later(40)), "? 41");
    assert_eq!(called("Share the 41st letter", None, &later(40)), "41");
    assert_eq!(called("Share the third letter", None, &later(2)), "3|4");
    assert_eq!(called("Share the oldest letter", None, &later(40)), "40");
    let same_day = Shelf { issues: ["A b", "C d"].map(|title| issue(0, title, "2026-10-01", Stage::Published)).to_vec() };
    assert_eq!(called("Share the latest issue", None, &same_day), "a-b|c-d");
    let unnumbered = Shelf {
        issues: [("A b", "2026-10-01"), ("C d", "2026-10-02")].map(|(title, date)| issue(0, title, date, Stage::Published)).to_vec(),
    };
    assert_eq!(called("Share the second letter", None, &unnumbered), "c-d");
    let future = Shelf { issues: vec![issue(1, "A b", "2026-10-01", Stage::Published), issue(2, "C d", "2027-01-01", Stage::Published)] };
    assert_eq!(called("Share the latest issue", None, &future), "1");
    assert_eq!(called("Share the latest issue", None, &Shelf::default()), "?");
}

fn any_line() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "Post", "the", "issue", "issues", "letter", "one", "draft", "4", "5", "99", "#", "-", ",", "and", "to", "last", "latest", "second",
        "best", "three", "most", "month's", "fog", "barnacle", "\"Zero\"", "\"", "“", "”", "on", "about", "Mastodon", "of", "before",
        "but", "No.", "October", "2026", "next", "every", "4.5", "é", "漢字", "'", "’s",
    ]);
    prop::collection::vec((word, prop::sample::select(vec![" ", " ", "", "\t"])), 0..14)
        .prop_map(|pieces| pieces.into_iter().map(|(word, gap)| format!("{word}{gap}")).collect())
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_fault(text in "\\PC{0,60}") {
        let _ = find_subject(&text, None, &shelf(), today());
    }

    #[test]
    fn what_is_named_is_on_the_shelf_and_its_tag_means_it(text in any_line()) {
        let shelf = shelf();
        let named = match find_subject(&text, None, &shelf, today()).subject {
            Subject::One(id) => { prop_assert!(shelf.by_id(&id).is_some()); vec![] }
            Subject::Several { candidates, .. } => { prop_assert!(candidates.len() > 1); candidates }
            Subject::Unknown { nearest, .. } => nearest,
            Subject::None | Subject::Unmeasured { .. } => vec![],
        };
        for one in named {
            let tag = one.tag.strip_prefix("issue:").expect("a tag").trim_matches('"').to_owned();
            prop_assert_eq!(find_subject("", Some(&tag), &shelf, today()).subject, Subject::One(one.id));
        }
    }

    #[test]
    fn a_number_never_means_another_issue(number in 0u32..200, before in any_line()) {
        // Whatever else stands there, a line with "issue N" means that one, or nothing can be done with it.
        let shelf = shelf();
        let text = format!("{} ; issue {number}", before.replace(['"', '“', '”'], ""));
        if let Subject::One(id) = find_subject(&text, None, &shelf, today()).subject {
            prop_assert_eq!(shelf.by_id(&id).and_then(|issue| issue.number), Some(number), "{}", text);
        }
    }

    #[test]
    fn the_order_of_the_shelf_does_not_matter(text in any_line(), turn in 0usize..9) {
        let shelf = shelf();
        let mut turned = shelf.clone();
        turned.issues.rotate_left(turn);
        let settled = |shelf: &Shelf| match find_subject(&text, None, shelf, today()).subject {
            Subject::Unknown { what, .. } => Subject::Unknown { what, nearest: vec![] },
            other => other,
        };
        prop_assert_eq!(settled(&shelf), settled(&turned));
    }
}
