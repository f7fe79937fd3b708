//! Three hundred nasty issues, and any others: every piece is within the limit by the channel's own counting, the link stands in
//! the post once and whole, and no cut falls inside a grapheme.

use std::collections::HashSet;

use super::torture::torture;
use super::*;

/// A channel with what its server told.
const ROOMS: [(Channel, Option<PostLimits>); 9] = [
    (Channel::Mastodon, None),
    (Channel::Mastodon, Some(PostLimits { characters: 5000, link: 25 })),
    (Channel::Mastodon, Some(PostLimits { characters: 100_000, link: 0 })),
    (Channel::Mastodon, Some(PostLimits { characters: 140, link: 0 })),
    (Channel::Bluesky, None),
    (Channel::Bluesky, Some(PostLimits { characters: 300, link: 0 })),
    (Channel::X, None),
    (Channel::Linkedin, None),
    (Channel::Hackernews, None),
];

/// The channel's rule once more, counted the plain way.
fn fits(piece: &str, channel: Channel, limits: Option<PostLimits>) -> bool {
    let counted = |link: usize| if link == 0 { piece.to_owned() } else { piece.replacen(LINK, &"x".repeat(link), 1) };
    match channel {
        Channel::Mastodon => {
            let PostLimits { characters, link } = limits.unwrap_or(PostLimits { characters: 500, link: 23 });
            counted(link).chars().count() <= characters
        }
        Channel::Bluesky => piece.graphemes(true).count() <= 300 && piece.len() <= 3000,
        Channel::X => counted(23).graphemes(true).count() <= 280,
        Channel::Linkedin => piece.encode_utf16().count() <= 3000,
        _ => piece.lines().next().is_some_and(|title| title.chars().count() <= 80),
    }
}

/// What is wrong with a post of `issue`.
fn wrong(issue: &Issue, post: &Post, limits: Option<PostLimits>) -> Option<String> {
    let leads = [&issue.title].into_iter().chain(&issue.summary).chain(&issue.hooks).map(String::as_str).chain(["From The Inside"]);
    let leads: Vec<String> = leads.map(|lead| words::plain(lead, LINK)).collect();
    let ends: Vec<HashSet<usize>> =
        leads.iter().map(|lead| lead.grapheme_indices(true).map(|(at, _)| at).chain([lead.len()]).collect()).collect();
    // Words of the author that begin and end where graphemes do.
    let whole = |line: &str| {
        let kept = line.strip_suffix('…').map_or(line, str::trim_end);
        leads.iter().zip(&ends).any(|(lead, ends)| {
            let stands = |words: &str| ends.iter().any(|at| lead[*at..].starts_with(words) && ends.contains(&(at + words.len())));
            stands(line) || stands(kept)
        })
    };
    let ours = |line: &str| line.is_empty() || line == LINK || line.split(' ').all(|word| word.starts_with('#'));
    if let Some(piece) = post.pieces.iter().find(|piece| !fits(piece, post.channel, limits)) {
        return Some(format!("too long: {piece}"));
    }
    if post.pieces.concat().matches(LINK).count() != 1 || !post.pieces.first().is_some_and(|first| first.lines().any(|line| line == LINK)) {
        return Some("the link does not stand in the first piece, once and whole".to_owned());
    }
    let cut = post.pieces.iter().flat_map(|piece| piece.lines()).find(|line| !ours(line) && !whole(line));
    cut.map(|line| format!("not the author's, or cut inside: {line:?}"))
}

#[test]
fn three_hundred_nasty_posts_are_within_every_limit() {
    let (mut posts, mut threads) = (0, 0);
    for nasty in torture() {
        let own = |list: &[String]| list.to_vec();
        let plainly = Issue { hooks: own(&nasty.hooks), tags: own(&nasty.tags), ..issue(&nasty.title, &nasty.summary, &[], &[]) };
        for issue in [&plainly, &Issue { thread: true, ..plainly.clone() }] {
            for (channel, limits) in ROOMS {
                let post = compose(&Telling { limits, ..telling(issue, channel) }, &[]).expect("a post");
                assert_eq!(wrong(issue, &post, limits), None, "{} on {channel} {limits:?}", nasty.name);
                posts += 1;
                threads += usize::from(post.pieces.len() > 1);
            }
        }
    }
    assert_eq!(posts, 300 * 2 * ROOMS.len());
    assert!(threads > 300, "only {threads} threads");
}

proptest! {
    #[test]
    fn any_words_make_a_thread_within_the_limit(
        title in words(),
        summary in words(),
        hooks in prop::collection::vec(words(), 0..3),
        told_before in 0_usize..3,
        characters in 100_usize..700,
        link in prop::sample::select(vec![0_usize, 23, 25]),
    ) {
        let hooks: Vec<&str> = hooks.iter().map(String::as_str).collect();
        let issue = Issue { thread: true, ..issue(&title, &summary, &hooks, &["a tag"]) };
        for (channel, limits) in [(Channel::Mastodon, Some(PostLimits { characters, link })), (Channel::Bluesky, None), (Channel::X, None)] {
            let told = compose(&Telling { told_before, limits, ..telling(&issue, channel) }, &[]);
            let Ok(post) = told else {
                prop_assert!(told_before > 0, "{:?}", told);
                continue;
            };
            prop_assert_eq!(wrong(&issue, &post, limits), None);
            prop_assert_eq!(post.pieces.len() == 1, post.pieces == [post.text.clone()]);
        }
    }
}
