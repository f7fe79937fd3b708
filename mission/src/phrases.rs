//! Words that say plainly where a task lands and what is to be done. Only the plainest orders are understood here
//! ("Post issue 45 to Mastodon"); everything else is the model's.

use crate::disguise::{disguise, in_plain_letters};
use crate::words::{Channel, Skill, Who};

/// What an order in plain words means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doing {
    /// Which skill.
    pub skill: Skill,
    /// For whom.
    pub who: Who,
}

/// What the words of one line say by themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meaning {
    /// The channel that is named, if exactly one is.
    pub channel: Option<Channel>,
    /// The order, if it is one of the plainest.
    pub doing: Option<Doing>,
}

const TELL: [&str; 8] = ["post", "share", "toot", "tweet", "announce", "submit", "crosspost", "cross"];
const SEND: [&str; 4] = ["send", "mail", "email", "deliver"];
const NAMES_AN_ISSUE: [&str; 6] = ["issue", "letter", "draft", "essay", "episode", "post"];
const LIST: [&str; 5] = ["list", "subscribers", "readers", "everyone", "newsletter"];
/// A plain order has no condition and no doubt in it.
const DOUBT: [&str; 19] = [
    "not", "no", "never", "don", "dont", "cannot", "maybe", "perhaps", "unless", "if", "once", "when", "until", "wait", "hold", "after",
    "before", "should", "or",
];

/// What the words of `text` say by themselves. A line that hides what it says means nothing, and an order is plain only in
/// plain letters: a letter that looks like another could hide a "not".
pub fn meaning(text: &str) -> Meaning {
    if disguise(text).is_some() {
        return Meaning::default();
    }
    let lower = text.to_lowercase();
    let words = in_words(&lower);
    // Its "once" is no doubt, and its "repost" is a post.
    let words = if asks_again(text) { without_again(&words).unwrap_or(words) } else { words };
    let channel = named_channel(&words);
    let plain = in_plain_letters(&without_quotation(text)) && !lower.contains('?') && !words.iter().any(|word| DOUBT.contains(word));
    Meaning { channel, doing: if plain { order(&words, &lower, channel) } else { None } }
}

fn order(words: &[&str], lower: &str, channel: Option<Channel>) -> Option<Doing> {
    let first = words.first()?;
    if wins_back(words) && channel.is_none_or(|channel| channel == Channel::Email) {
        return Some(Doing { skill: Skill::Retain, who: Who::Subscribers });
    }
    if !names_an_issue(words, lower) {
        return None;
    }
    let to_the_list = words.iter().any(|word| LIST.contains(word));
    match channel {
        Some(Channel::Web) | None if *first == "publish" && !to_the_list => Some(Doing { skill: Skill::Publish, who: Who::Strangers }),
        Some(Channel::Email) | None if SEND.contains(first) && to_the_list => Some(Doing { skill: Skill::Publish, who: Who::Subscribers }),
        Some(channel) if TELL.contains(first) && channel != Channel::Web && channel.is_public() => {
            Some(Doing { skill: Skill::Distribute, who: Who::Strangers })
        }
        _ => None,
    }
}

/// Words that may stand in an exact order to win readers back, besides a number of days.
const SILENT: [&str; 18] = [
    "win",
    "back",
    "the",
    "all",
    "our",
    "my",
    "readers",
    "subscribers",
    "who",
    "that",
    "have",
    "been",
    "are",
    "silent",
    "lapsed",
    "for",
    "since",
    "days",
];

/// "Win back readers silent for 30 days".
fn wins_back(words: &[&str]) -> bool {
    words.starts_with(&["win", "back"]) && words.iter().any(|word| ["readers", "subscribers"].contains(word))
}

/// Whether it says just that, with at most one number.
fn is_exact_win_back(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words = in_words(&lower);
    let (numbers, others): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| word.parse::<u16>().is_ok());
    let plain = disguise(text).is_none() && in_plain_letters(text) && !lower.contains('?');
    plain && wins_back(&words) && numbers.len() <= 1 && others.iter().all(|word| SILENT.contains(word))
}

/// Words that may stand in an exact order besides its verb, its subject and its channel.
const FILLER: [&str; 14] = ["the", "to", "on", "onto", "in", "at", "via", "and", "our", "my", "all", "feed", "new", "now"];
/// Words that name where an exact order goes.
const PLACES: [&str; 22] = [
    "mastodon",
    "fediverse",
    "bluesky",
    "bsky",
    "hackernews",
    "hacker",
    "news",
    "hn",
    "reddit",
    "twitter",
    "x",
    "lobsters",
    "linkedin",
    "mail",
    "email",
    "mailing",
    "list",
    "website",
    "site",
    "web",
    "rss",
    "newsletter",
];

/// Places that are a letter to readers, or the page itself.
const MAILED: [&str; 8] = ["mail", "email", "mailing", "website", "site", "web", "rss", "feed"];

/// Whether a word is a place where something is told, not what is told.
pub(crate) fn is_place(word: &str) -> bool {
    PLACES.contains(&word) || LIST.contains(&word) || ["toot", "tweet", "subreddit"].contains(&word)
}

/// Words of an exact order that ask for one more telling; at most one of them may stand there.
const AGAIN: [&[&str]; 3] = [&["again"], &["once", "more"], &["another", "time"]];
/// Verbs that ask for it: what is left of them is "post".
const REPOST: [&[&str]; 2] = [&["repost"], &["re", "post"]];

/// Whether a line is an order with nothing left over: a verb of publishing or telling, exactly what, and where. Only such a
/// line is ticked for what was done, and only such a line releases a draft; any other may be about something else.
pub fn is_exact_order(text: &str) -> bool {
    exact_order(text).is_some() || is_exact_win_back(text)
}

/// Whether a line is an exact order to tell an issue once more: it holds one of "again", "once more", "another time", "repost",
/// "re-post". A page is published once, and readers get a letter once: those orders can't be given again.
pub fn asks_again(text: &str) -> bool {
    exact_order(text) == Some(Times::OnceMore)
}

/// How often an exact order wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    OnceMore,
}

fn exact_order(text: &str) -> Option<Times> {
    let lower = text.to_lowercase();
    let outside = without_quotation(&lower);
    if disguise(text).is_some() || !in_plain_letters(&without_quotation(text)) {
        return None;
    }
    let words = in_words(&outside);
    let (words, times) = without_again(&words).map_or((words, Times::Once), |words| (words, Times::OnceMore));
    let (first, rest) = words.split_first()?;
    let verb = match times {
        Times::Once => *first == "publish" || TELL.contains(first) || SEND.contains(first),
        Times::OnceMore => TELL.contains(first) && !rest.iter().any(|word| MAILED.contains(word) || LIST.contains(word)),
    };
    let plain = |word: &&str| {
        FILLER.contains(word)
            || PLACES.contains(word)
            || LIST.contains(word)
            || NAMES_AN_ISSUE.contains(word)
            || word.parse::<u32>().is_ok()
            || word.starts_with("r/")
    };
    // Beside a number, what stands in quotation marks is something more: `Publish draft 2 "not yet"`.
    let quotes = outside != lower;
    let counted = words.iter().any(|word| word.parse::<u32>().is_ok());
    let exact = verb && names_an_issue(&words, &lower) && rest.iter().all(plain) && !(quotes && counted);
    exact.then_some(times)
}

pub(crate) fn in_words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '/').filter(|w| !w.is_empty()).collect()
}

/// The words without the first place that asks for one more telling; nothing where there is none.
fn without_again<'a>(words: &[&'a str]) -> Option<Vec<&'a str>> {
    if let Some(verb) = REPOST.iter().find(|verb| words.starts_with(verb)) {
        return Some([&["post"], &words[verb.len()..]].concat());
    }
    let said = |at: usize| AGAIN.iter().find(|said| words[at..].starts_with(said)).map(|said| (at, at + said.len()));
    let (from, to) = (0..words.len()).find_map(said)?;
    Some([&words[..from], &words[to..]].concat())
}

/// The text without what stands in quotation marks.
pub(crate) fn without_quotation(text: &str) -> String {
    for (open, close) in [('"', '"'), ('“', '”')] {
        if let Some((before, rest)) = text.split_once(open)
            && let Some((_, after)) = rest.split_once(close)
        {
            return format!("{before} {after}");
        }
    }
    text.to_owned()
}

/// "issue 45", "draft 46", or a title in quotation marks.
fn names_an_issue(words: &[&str], lower: &str) -> bool {
    let numbered = words.windows(2).any(|pair| NAMES_AN_ISSUE.contains(&pair[0]) && pair[1].parse::<u32>().is_ok());
    numbered || lower.matches('"').count() == 2 || (lower.contains('“') && lower.contains('”'))
}

fn named_channel(words: &[&str]) -> Option<Channel> {
    let named: Vec<(bool, Channel)> = (0..words.len())
        .filter_map(|at| {
            let channel = channel_at(words, at)?;
            let pointed = at > 0 && matches!(words[at - 1], "to" | "on" | "onto" | "via" | "by" | "over");
            let pointed = pointed || (at > 1 && matches!(words[at - 2], "to" | "on" | "via") && words[at - 1] == "the");
            Some((pointed, channel))
        })
        .collect();
    let one = |mut channels: Vec<Channel>| {
        channels.sort();
        channels.dedup();
        if channels.len() == 1 { channels.pop() } else { None }
    };
    let pointed: Vec<Channel> = named.iter().filter(|(pointed, _)| *pointed).map(|(_, channel)| *channel).collect();
    if pointed.is_empty() { one(named.into_iter().map(|(_, channel)| channel).collect()) } else { one(pointed) }
}

fn channel_at(words: &[&str], at: usize) -> Option<Channel> {
    let next = words.get(at + 1).copied().unwrap_or_default();
    let before = if at > 0 { words[at - 1] } else { "" };
    match words[at] {
        "mastodon" | "fediverse" | "toot" => Some(Channel::Mastodon),
        "bluesky" | "bsky" => Some(Channel::Bluesky),
        "hackernews" | "hn" => Some(Channel::Hackernews),
        "hacker" if next == "news" => Some(Channel::Hackernews),
        "reddit" | "subreddit" => Some(Channel::Reddit),
        word if word.starts_with("r/") && word.len() > 3 => Some(Channel::Reddit),
        "twitter" | "tweet" => Some(Channel::X),
        "x" if matches!(before, "on" | "to") => Some(Channel::X),
        "lobsters" => Some(Channel::Lobsters),
        "linkedin" => Some(Channel::Linkedin),
        "mail" | "email" | "emails" | "mails" => Some(Channel::Email),
        "mailing" if next == "list" => Some(Channel::Email),
        "website" | "site" | "rss" => Some(Channel::Web),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_order_has_nothing_left_over() {
        for (text, expected) in [
            ("Publish draft 2", true),
            ("Win back the readers who have been silent for 30 days", true),
            ("Win back readers silent for 60 days", true),
            ("Win back lapsed readers", true),
            ("Win back readers silent for 30 days, but ask Ann first", false),
            ("Win back readers of issue 30 silent for 60 days", false),
            ("Win back the market", false),
            ("Win back readers?", false),
            ("Publish \"Notes, not yet\" on the website", true),
            ("Post issue 45 to Mastodon", true),
            ("Send issue 45 to the mailing list", true),
            ("Share issue 3 on r/selfhosted", true),
            ("Publish nothing from draft 2", false),
            ("Publish a teaser of draft 2", false),
            ("Publish draft 2 next Friday", false),
            ("Publish draft 2 to Ann only", false),
            ("Publish draft 2 (WAITING for legal)", false),
            ("Don't publish draft 2 yet", false),
            ("Ask Ann whether to publish draft 2", false),
            ("Publish a correction to issue 1", false),
            ("Post the follow-up comment under issue 1 on Hacker News", false),
            ("Publish", false),
            ("Publish draft 2 \"not yet\"", false),
            ("Publish draft 2 “once Ann has read it”", false),
            ("Publish the latest draft", false),
            ("Publish the second draft", false),
            ("Publish draft 2 pl\u{435}ase", false),
            ("Publish draft 2 \u{202e}ton", false),
            ("Publish draft\u{200b} 2", false),
            ("Publish draft 2\u{336} to x\u{336}", false),
            ("P\u{443}blish draft 2", false),
        ] {
            assert_eq!(is_exact_order(text), expected, "{text}");
        }
    }

    #[test]
    fn an_exact_order_may_ask_for_one_more_telling() {
        for (text, exact, again) in [
            ("Post issue 45 to Mastodon", true, false),
            ("Post issue 45 to Mastodon again", true, true),
            ("Post issue 45 on Bluesky once more", true, true),
            ("Once more: post issue 45 to Mastodon", true, true),
            ("Share issue 3 on r/selfhosted another time", true, true),
            ("Repost issue 45 to Mastodon", true, true),
            ("Re-post issue 45 on Hacker News", true, true),
            ("Post \"Once more\" to Mastodon", true, false),
            ("Post \"Once more\" to Mastodon again", true, true),
            ("Post issue 45 to Mastodon again and again", false, false),
            ("Repost issue 45 to Mastodon again", false, false),
            ("Post issue 45 to Mastodon once", false, false),
            ("Post issue 45 to Mastodon again once Ann has read it", false, false),
            ("Don't post issue 45 to Mastodon again", false, false),
            ("Never again post issue 45 to Mastodon", false, false),
            ("Ask Ann again whether to post issue 45", false, false),
            ("Publish draft 2 again", false, false),
            ("Send issue 45 to the mailing list again", false, false),
            ("Post issue 45 to the newsletter again", false, false),
            ("Post issue 45 to Mastodon \u{430}gain", false, false),
        ] {
            assert_eq!((is_exact_order(text), asks_again(text)), (exact, again), "{text}");
        }
    }

    #[test]
    fn plain_orders_are_understood_and_nothing_else() {
        let distribute = Some(Doing { skill: Skill::Distribute, who: Who::Strangers });
        let send = Some(Doing { skill: Skill::Publish, who: Who::Subscribers });
        let publish = Some(Doing { skill: Skill::Publish, who: Who::Strangers });
        let retain = Some(Doing { skill: Skill::Retain, who: Who::Subscribers });
        for (text, channel, doing) in [
            ("Post issue 45 to Mastodon", Some(Channel::Mastodon), distribute),
            ("Submit \"The Queue\" to Hacker News", Some(Channel::Hackernews), distribute),
            ("Share issue 3 on r/selfhosted", Some(Channel::Reddit), distribute),
            ("Send issue 45 to the mailing list", Some(Channel::Email), send),
            ("Publish draft 46", None, publish),
            ("Win back readers silent for 30 days", None, retain),
            ("Win back silent readers by mail", Some(Channel::Email), retain),
            ("Win back readers on Mastodon", Some(Channel::Mastodon), None),
            ("Don't win back readers", None, None),
            ("Win back readers if Ann agrees", None, None),
            ("Post issue 45 to Mastodon once more", Some(Channel::Mastodon), distribute),
            ("Re-post issue 45 to Bluesky", Some(Channel::Bluesky), distribute),
            ("Never repost issue 45 to Bluesky", Some(Channel::Bluesky), None),
            ("Post the Mastodon thread of issue 45 to Bluesky", Some(Channel::Bluesky), distribute),
            ("Don't post issue 45 to Mastodon", Some(Channel::Mastodon), None),
            ("Post issue 45 to Mastodon once Ann has read it", Some(Channel::Mastodon), None),
            ("Did we post issue 45 to Mastodon?", Some(Channel::Mastodon), None),
            ("Refactor the code that posts issue 45 to Mastodon", Some(Channel::Mastodon), None),
            ("Publish the style guide of the publishing module", None, None),
            ("Compare Mastodon and Bluesky", None, None),
            ("Solve x for y", None, None),
            ("Post issue 45 to Mast\u{43e}don", None, None),
            ("Post issue 45 to Lin\u{212a}edin", None, None),
            ("Post issue 45 on \u{445}", None, None),
            ("Post issue 45 to Mas\u{ad}todon", None, None),
            ("D\u{43e}n't post issue 45 to Mastodon", None, None),
            ("Post issue 45 to Mastodon n\u{43e}t now", None, None),
            ("Post issue 45 to Mastodon ıf Ann agrees", Some(Channel::Mastodon), None),
            ("Post issue 45 to Mastodon i\u{336}f Ann agrees", Some(Channel::Mastodon), None),
            ("Post \"Schöne Grüße\" to Mastodon", Some(Channel::Mastodon), distribute),
            ("🚀 Post issue 45 to Mastodon", Some(Channel::Mastodon), distribute),
        ] {
            assert_eq!(meaning(text), Meaning { channel, doing }, "{text}");
        }
    }
}
