//! Told again, and told in several posts: in the author's words only, none of them twice.

use super::*;

#[test]
fn every_channel_runs_out_of_words_and_says_so() {
    let issue = issue_45();
    for (channel, tellings) in [
        (Channel::Mastodon, 4),
        (Channel::Bluesky, 4),
        (Channel::X, 4),
        (Channel::Linkedin, 4),
        (Channel::Hackernews, 4),
        (Channel::Email, 4),
    ] {
        let mut earlier: Vec<String> = vec![];
        let ended = loop {
            match compose(&Telling { told_before: earlier.len(), ..telling(&issue, channel) }, &earlier) {
                Ok(post) => earlier.push(post.text),
                Err(error) => break error,
            }
        };
        assert_eq!(earlier.len(), tellings, "{channel}");
        let openings: std::collections::HashSet<_> = earlier.iter().map(|text| text.lines().next()).collect();
        assert_eq!(openings.len(), tellings, "{channel}: no two alike");
        assert_eq!(ended.hint().as_deref(), Some("write another `hook:` in its front matter"));
        // The author does as told.
        let more = Issue { hooks: [issue.hooks.clone(), vec!["New words.".into()]].concat(), ..issue.clone() };
        let post = compose(&Telling { told_before: tellings, ..telling(&more, channel) }, &earlier).expect("new words");
        assert!(post.text.starts_with("New words."), "{channel}: {}", post.text);
    }
}

#[test]
fn what_was_cut_then_is_not_told_whole_now() {
    let long = "One sentence that goes on and on, and then on. ".repeat(12);
    let issue = issue("Title", "", &[&long], &[]);
    let cut = compose(&telling(&issue, Channel::Mastodon), &[]).expect("a post").text;
    assert!(cut.contains('…'));
    let limits = Some(PostLimits { characters: 5000, link: 25 });
    let again = compose(&Telling { told_before: 1, limits, ..telling(&issue, Channel::Mastodon) }, &[cut]).expect("a post");
    assert_eq!(again.text, format!("Title\n\n{LINK}"));
}

#[test]
fn a_server_with_more_room_gets_more_words() {
    let long = "word ".repeat(900);
    let issue = issue("Title", "", &[&long], &["tag"]);
    let text = |characters, link| {
        let limits = Some(PostLimits { characters, link });
        compose(&Telling { limits, ..telling(&issue, Channel::Mastodon) }, &[]).expect("a post").text
    };
    assert!(text(5000, 25).ends_with(&format!("word\n\nTitle\n{LINK}\n\n#Tag")));
    assert!(text(100_000, 0).ends_with("#Tag"));
    // The whole room is used, but for less than a word.
    for (characters, link) in [(500, 23), (1000, 0), (100, 23)] {
        let told = text(characters, link);
        let counted = told.chars().count() - if link == 0 { 0 } else { LINK.len() - link };
        assert!((characters - 6..=characters).contains(&counted), "{characters} {link}: {counted} in {told}");
    }
    let limits = Some(PostLimits { characters: 20, link: 23 });
    let error = compose(&Telling { limits, ..telling(&issue, Channel::Mastodon) }, &[]).expect_err("no room");
    assert_eq!(error.to_string(), "the address of issue 45 alone is longer than a post on Mastodon may be");
}

#[test]
fn a_thread_is_told_only_when_the_author_asks() {
    let long = "I have two readers, and one of them cannot receive mail. ".repeat(9);
    let quiet = issue("The Queue", "A summary.", &["A short hook.", &long], &["tag"]);
    let post = |issue: &Issue, channel| compose(&telling(issue, channel), &[]).expect("a post");
    assert_eq!(post(&quiet, Channel::Bluesky).pieces.len(), 1);
    let asked = Issue { thread: true, ..quiet };
    let thread = post(&asked, Channel::Bluesky);
    let sentence = "I have two readers, and one of them cannot receive mail.";
    assert_eq!(thread.pieces, [format!("{0} {0} {0} {0}\n\nThe Queue\n{LINK}", sentence), format!("{0} {0} {0} {0} {0}", sentence)]);
    assert_eq!(thread.text, thread.pieces.join("\n\n"));
    // Where all of it fits, or where there are no threads, it is one post.
    for (channel, pieces) in
        [(Channel::Mastodon, 2), (Channel::X, 3), (Channel::Linkedin, 1), (Channel::Hackernews, 1), (Channel::Email, 1)]
    {
        let post = post(&asked, channel);
        assert_eq!((post.pieces.len(), post.pieces.join("\n\n")), (pieces, post.text), "{channel}");
    }
    // No long hook: the summary. Nothing long: the words in the author's order.
    let summed = Issue { hooks: vec!["A short hook.".into()], summary: Some(long.clone()), ..asked.clone() };
    assert_eq!(post(&summed, Channel::Bluesky).pieces[1..], thread.pieces[1..]);
    let short = Issue { hooks: vec!["A short hook.".into()], ..asked.clone() };
    assert_eq!(post(&short, Channel::Bluesky).pieces.len(), 1);
    // The same words are not told again, in one post or in several.
    let again = compose(&Telling { told_before: 1, ..telling(&asked, Channel::Bluesky) }, &thread.pieces).expect("a post");
    assert!(again.text.starts_with("A short hook."));
    // What no thread can hold is cut as ever.
    let endless = issue("The Queue", "", &[&"word ".repeat(50_000)], &[]);
    let cut = post(&Issue { thread: true, ..endless }, Channel::Bluesky);
    assert!(cut.pieces.len() == 1 && cut.text.contains('…'));
}
