//! Whole posts, channel by channel, and what must hold for any words an author may write.

use proptest::prelude::*;
use reveille_mission::Stage;
use unicode_segmentation::UnicodeSegmentation;

use super::*;

mod again;
#[path = "../../../tests/src/torture.rs"]
#[expect(unreachable_pub, reason = "the same file as in the tests' support library")]
mod torture;
mod tortured;

const LINK: &str = "https://inside.example/issues/the-infrastructure-nobody-uses/";

const POSTED: [Channel; 8] = [
    Channel::Mastodon,
    Channel::Bluesky,
    Channel::X,
    Channel::Linkedin,
    Channel::Hackernews,
    Channel::Lobsters,
    Channel::Reddit,
    Channel::Email,
];

pub(super) fn issue(title: &str, summary: &str, hooks: &[&str], tags: &[&str]) -> Issue {
    let own = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    Issue {
        id: "tag:inside.example,2026:issue-045".into(),
        number: Some(45),
        title: title.into(),
        slug: "the-infrastructure-nobody-uses".into(),
        date: None,
        summary: (!summary.is_empty()).then(|| summary.into()),
        hooks: own(hooks),
        tags: own(tags),
        mail: false,
        thread: false,
        stage: Stage::Published,
        path: "issues/045-the-infrastructure-nobody-uses.md".into(),
    }
}

pub(super) fn issue_45() -> Issue {
    issue(
        "The Infrastructure Nobody Uses",
        "An inventory of everything an agent built in sixty-eight days instead of finding a reader.",
        &["I have two readers, and one of them cannot receive mail.", "I took it for encouragement."],
        &["autonomy", "infrastructure", "lost readers", "fourth"],
    )
}

pub(super) fn telling(issue: &Issue, channel: Channel) -> Telling<'_> {
    Telling { issue, link: LINK, publication: "From The Inside", channel, told_before: 0, limits: None, server: None }
}

fn text(issue: &Issue, channel: Channel) -> String {
    compose(&telling(issue, channel), &[]).expect("a post").text
}

#[test]
fn each_channel_gets_its_own_post() {
    let issue = issue_45();
    let posts = POSTED.map(|channel| {
        let post = compose(&telling(&issue, channel), &[]).expect("a post");
        format!("== {channel} [{}]\n{}\n", post.title.as_deref().unwrap_or("no title"), post.text)
    });
    insta::assert_snapshot!(posts.concat(), @r##"
    == mastodon [no title]
    I have two readers, and one of them cannot receive mail.

    The Infrastructure Nobody Uses
    https://inside.example/issues/the-infrastructure-nobody-uses/

    #Autonomy #Infrastructure #LostReaders
    == bluesky [no title]
    I have two readers, and one of them cannot receive mail.

    The Infrastructure Nobody Uses
    https://inside.example/issues/the-infrastructure-nobody-uses/

    #Autonomy #Infrastructure #LostReaders
    == x [no title]
    I have two readers, and one of them cannot receive mail.

    The Infrastructure Nobody Uses
    https://inside.example/issues/the-infrastructure-nobody-uses/
    == linkedin [no title]
    I have two readers, and one of them cannot receive mail.

    The Infrastructure Nobody Uses
    https://inside.example/issues/the-infrastructure-nobody-uses/
    == hackernews [The Infrastructure Nobody Uses]
    The Infrastructure Nobody Uses
    https://inside.example/issues/the-infrastructure-nobody-uses/
    == lobsters [The Infrastructure Nobody Uses]
    The Infrastructure Nobody Uses
    https://inside.example/issues/the-infrastructure-nobody-uses/
    == reddit [The Infrastructure Nobody Uses]
    The Infrastructure Nobody Uses
    https://inside.example/issues/the-infrastructure-nobody-uses/
    == email [The Infrastructure Nobody Uses]
    An inventory of everything an agent built in sixty-eight days instead of finding a reader.

    https://inside.example/issues/the-infrastructure-nobody-uses/

    -- 
    From The Inside
    "##);
}

#[test]
fn told_again_it_begins_differently_until_all_words_are_told() {
    let issue = issue_45();
    let first = |told_before| {
        let post = compose(&Telling { told_before, ..telling(&issue, Channel::Mastodon) }, &[]).expect("a post");
        post.text.lines().next().map(str::to_owned).expect("a line")
    };
    assert_eq!(
        [0, 1, 2, 3].map(first),
        [
            "I have two readers, and one of them cannot receive mail.",
            "I took it for encouragement.",
            "An inventory of everything an agent built in sixty-eight days instead of finding a reader.",
            "The Infrastructure Nobody Uses",
        ]
    );
    let unknown = compose(&Telling { told_before: 4, ..telling(&issue, Channel::Mastodon) }, &[]).expect_err("nothing is left");
    assert_eq!(unknown.to_string(), "every word there is for issue 45 was told on Mastodon before");
    let bare = issue_without_words_but("Title");
    assert_eq!(text(&bare, Channel::X), format!("Title\n\n{LINK}"));
}

fn issue_without_words_but(title: &str) -> Issue {
    issue(title, "", &[" ", "\u{202e}"], &[])
}

#[test]
fn tags_give_way_first_then_the_title_then_the_end_of_the_sentence() {
    let tags = ["autonomy", "infrastructure", "lost readers"];
    let with_hook = |words: usize| issue("A title", "", &["word ".repeat(words).as_str()], &tags);
    let bluesky = |words| text(&with_hook(words), Channel::Bluesky);
    assert!(bluesky(20).ends_with("\n\n#Autonomy #Infrastructure #LostReaders"));
    assert!(bluesky(40).ends_with(&format!("word\n\nA title\n{LINK}\n\n#Autonomy #Infrastructure")), "{}", bluesky(40));
    assert!(bluesky(45).ends_with(&format!("word\n\nA title\n{LINK}")), "{}", bluesky(45));
    assert!(bluesky(47).ends_with(&format!("word\n\n{LINK}")), "{}", bluesky(47));
    assert!(bluesky(60).ends_with(&format!("word…\n\nA title\n{LINK}")), "{}", bluesky(60));
    let long_title = issue(&"Title ".repeat(40), "", &["word ".repeat(60).as_str()], &tags);
    assert!(text(&long_title, Channel::Bluesky).ends_with(&format!("word…\n\n{LINK}")));
}

#[test]
fn titles_are_cut_to_their_channels() {
    let issue = issue(&"Word ".repeat(100), "", &[], &[]);
    for (channel, most) in [(Channel::Hackernews, 80), (Channel::Lobsters, 80), (Channel::Reddit, 300), (Channel::Email, 200)] {
        let title = compose(&telling(&issue, channel), &[]).expect("a post").title.expect("a title");
        assert!(title.ends_with("Word…") && title.len() <= most + 2 && title.len() > most - 5, "{channel}: {title}");
    }
    let endless = issue_without_words_but(&format!("e{}", "\u{301}".repeat(400)));
    assert_eq!(compose(&telling(&endless, Channel::Hackernews), &[]).expect("a post").title.as_deref(), Some("From The Inside"));
}

#[test]
fn what_cannot_be_told_says_why() {
    let issue = issue_45();
    let failed = |channel, link| compose(&Telling { link, ..telling(&issue, channel) }, &[]).expect_err("no post").to_string();
    assert_eq!(failed(Channel::Web, LINK), "the site is where the issue is, not a place to tell it");
    for link in ["", "issues/45", "javascript:alert(1)", "https://me:secret@inside.example/", "file:///etc/passwd"] {
        assert_eq!(failed(Channel::X, link), "the address of issue 45 is no public web address");
    }
    let long = format!("https://inside.example/{}", "x".repeat(300));
    assert_eq!(failed(Channel::Bluesky, &long), "the address of issue 45 alone is longer than a post on Bluesky may be");
    let wordless = issue_without_words_but("\u{200b}");
    let nameless = compose(&Telling { publication: "", ..telling(&wordless, Channel::X) }, &[]).expect_err("no post");
    assert_eq!(nameless.to_string(), "issue 45 has no words to tell it with");
    assert!(nameless.hint().is_some());
}

#[test]
fn a_link_with_foreign_letters_is_written_in_ascii_and_stands_once() {
    let issue = issue("Title", "See https://inside.example/%C3%A9t%C3%A9 now", &[], &[]);
    let post = compose(&Telling { link: "https://inside.example/été", ..telling(&issue, Channel::Mastodon) }, &[]).expect("a post");
    assert_eq!(post.text, "See now\n\nTitle\nhttps://inside.example/%C3%A9t%C3%A9");
}

#[test]
fn endless_words_are_no_trouble() {
    for words in ["word ", "語", "#a", "e\u{301}", "a.bc", "https://"] {
        let issue = issue(&words.repeat(100_000 / words.len()), "", &[], &[]);
        for channel in [Channel::Mastodon, Channel::Bluesky, Channel::X, Channel::Hackernews] {
            let post = compose(&telling(&issue, channel), &[]).expect("a post");
            assert!(within(&post), "{words} {channel}");
        }
    }
}

#[test]
fn the_digest_is_of_what_would_be_sent() {
    let issue = issue_45();
    let server = Url::parse("https://social.example").expect("an address");
    let post = compose(&telling(&issue, Channel::Mastodon), &[]).expect("a post");
    let with_form = compose(&Telling { server: Some(&server), ..telling(&issue, Channel::Mastodon) }, &[]).expect("a post");
    assert_ne!(post.prefilled, with_form.prefilled);
    assert_eq!(post.digest(), with_form.digest(), "how it is pasted changes nothing of what is sent");
    for other in [
        Post { channel: Channel::X, ..post.clone() },
        Post { text: format!("{}.", post.text), ..post.clone() },
        Post { pieces: vec![post.text.clone(), "More.".into()], ..post.clone() },
        Post { pieces: vec![format!("{}.", post.text)], ..post.clone() },
        Post { title: Some("T".into()), ..post.clone() },
        Post { link: format!("{LINK}#a"), ..post.clone() },
    ] {
        assert_ne!(post.digest(), other.digest());
    }
    insta::assert_snapshot!(post.digest(), @"ae6bf55d3653a163f40e9f5421a160f928e17560bcb273558bcb70d5a72f1114");
}

/// What breaks programs that count characters.
const TORTURE: [&str; 20] = [
    "👨‍👩‍👧‍👦",
    "🏳️‍🌈",
    "👍🏽",
    "🇩🇪🇫🇷🇮",
    "1️⃣",
    "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L",
    "שלום עולם",
    "مرحبا بالعالم\u{200f}",
    "\u{202e}reversed\u{202c}",
    "日本語の文章は空白を使いません。",
    "한국어",
    "हिन्दी क्षत्रिय",
    "ภาษาไทย",
    "می‌خواهم",
    "\u{0}\u{7}\u{1b}[2J",
    "\u{2028}\u{2029}\u{85}",
    "https://other.example/a?b=c#d",
    "#tag @me@social.example Node.js",
    "\u{600}\u{200d}\u{301}",
];

fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(TORTURE.to_vec()).prop_map(str::to_owned),
        3 => "[a-zA-Z,.!]{1,12}",
        2 => any::<String>(),
        1 => ".{0,40}",
    ];
    prop::collection::vec((piece, prop::sample::select(vec![" ", "", "\n"])), 0..60)
        .prop_map(|pieces| pieces.into_iter().map(|(piece, gap)| piece + gap).collect())
}

/// The channel's rule once more, counted the plain way.
fn within(post: &Post) -> bool {
    let with_short_link = post.text.replacen(&post.link, &"x".repeat(23), 1);
    let title = post.title.as_deref().unwrap_or_default().chars().count();
    match post.channel {
        Channel::Mastodon => with_short_link.chars().count() <= 500,
        Channel::Bluesky => post.text.graphemes(true).count() <= 300 && post.text.len() <= 3000,
        Channel::X => {
            limit::Limit::of_text(Channel::X, None).fits(&post.text, &post.link) && with_short_link.graphemes(true).count() <= 280
        }
        Channel::Linkedin => post.text.chars().count() <= 3000,
        Channel::Hackernews | Channel::Lobsters => (1..=80).contains(&title),
        Channel::Reddit => (1..=300).contains(&title),
        Channel::Email => title > 0,
        Channel::Web => false,
    }
}

proptest! {
    #[test]
    fn any_words_make_a_post_within_the_limit(
        title in words(),
        summary in words(),
        hooks in prop::collection::vec(words(), 0..3),
        tags in prop::collection::vec(words(), 0..5),
        told_before in 0_usize..6,
    ) {
        let hooks: Vec<&str> = hooks.iter().map(String::as_str).collect();
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let issue = issue(&title, &summary, &hooks, &tags);
        let mut leads: Vec<String> = [&title, &summary].into_iter().map(String::as_str).chain(hooks).map(|lead| words::plain(lead, LINK)).collect();
        leads.push("From The Inside".into());
        for channel in POSTED {
            let post = compose(&Telling { told_before, ..telling(&issue, channel) }, &[]);
            let Ok(post) = post else {
                prop_assert!(told_before > 0, "{:?}", post);
                continue;
            };
            prop_assert!(within(&post), "{:?}", post);
            prop_assert_eq!(post.text.matches(LINK).count(), 1);
            let all = format!("{}{}", post.text, post.title.as_deref().unwrap_or_default());
            prop_assert!(!all.contains(|c: char| c.is_control() && c != '\n' || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')), "{:?}", all);
            for line in post.text.lines().chain(post.title.as_deref()).filter(|line| !line.is_empty() && *line != LINK) {
                let ours = line == "-- " || line.split(' ').all(|word| word.starts_with('#'));
                prop_assert!(ours || leads.iter().any(|lead| begins(lead, line)), "{:?} is not the author's", line);
            }
            if let Some(form) = &post.prefilled {
                prop_assert!(Url::parse(form).is_ok() && !form.contains(['<', '>', ' ', '+']), "{}", form);
            }
        }
    }
}

/// Whether `line` is `lead`, or whole graphemes of its beginning and an ellipsis.
fn begins(lead: &str, line: &str) -> bool {
    let kept = line.strip_suffix('…').map(str::trim_end);
    line == lead || kept.is_some_and(|kept| lead.starts_with(kept) && lead.grapheme_indices(true).any(|(at, _)| at == kept.len()))
}
