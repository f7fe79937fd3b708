//! How long a text may be on a channel, by the channel's own way of counting.
//!
//! Must stay true: what a server told counts before the documented default, but never more than the protocol allows; where a channel's counting can't be known exactly, ours is the larger one, so that a post may come out
//! too short but never too long.

use reveille_mission::Channel;
use unicode_segmentation::UnicodeSegmentation;

use crate::channels::PostLimits;

/// What X counts for a link, however long it is (twitter-text, `transformedURLLength`).
const LINK: usize = 23;

/// What Mastodon takes by default (`max_characters` and `characters_reserved_per_url` of its instance page).
const MASTODON: PostLimits = PostLimits { characters: 500, link: 23 };

/// The most graphemes of a Bluesky post (`app.bsky.feed.post`: `maxGraphemes`).
const BLUESKY: usize = 300;

/// The most bytes of a Bluesky post (`app.bsky.feed.post`: `maxLength` beside `maxGraphemes`).
const BLUESKY_BYTES: usize = 3000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counting {
    /// UTF-16 units: at least as many as characters, whichever of the two the channel means.
    Units,
    /// Code points, a link as the server says, 0 as it is. Mastodon counts graphemes, servers that speak its language count
    /// code points.
    Mastodon { link: usize },
    /// Graphemes, links in full.
    Bluesky,
    /// Weighted length of twitter-text, configuration version 3.
    X,
}

/// The most that a text may count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    /// The most, in the channel's unit.
    pub(super) most: usize,
    counting: Counting,
}

impl Limit {
    /// For the text of a post; `told` is what the server said, if it was asked.
    pub(super) fn of_text(channel: Channel, told: Option<PostLimits>) -> Limit {
        match channel {
            Channel::Mastodon => {
                let PostLimits { characters, link } = told.unwrap_or(MASTODON);
                Limit { most: characters, counting: Counting::Mastodon { link } }
            }
            Channel::Bluesky => Limit { most: told.map_or(BLUESKY, |told| told.characters.min(BLUESKY)), counting: Counting::Bluesky },
            Channel::X => Limit { most: 280, counting: Counting::X },
            Channel::Linkedin => Limit { most: 3000, counting: Counting::Units },
            Channel::Web | Channel::Email | Channel::Hackernews | Channel::Reddit | Channel::Lobsters => {
                Limit { most: usize::MAX, counting: Counting::Units }
            }
        }
    }

    /// For the title or subject of a post.
    pub(super) fn of_title(channel: Channel) -> Limit {
        let most = match channel {
            Channel::Hackernews | Channel::Lobsters => 80,
            Channel::Email => 200,
            _ => 300,
        };
        Limit { most, counting: Counting::Units }
    }

    /// How much `text` counts, in which `link` is the post's own link.
    pub(super) fn count(self, text: &str, link: &str) -> usize {
        let (words, own) = match text.rfind(link) {
            Some(at) if !link.is_empty() => ([&text[..at], &text[at + link.len()..]].concat(), 1),
            _ => (text.to_owned(), 0),
        };
        match self.counting {
            Counting::Units => text.encode_utf16().count(),
            Counting::Mastodon { link: 0 } => text.chars().count(),
            // A link in the author's words costs a whole link on top of its letters: rather too short than too long.
            Counting::Mastodon { link } => words.chars().count().saturating_add(link.saturating_mul(words.matches("://").count() + own)),
            Counting::Bluesky => text.graphemes(true).count(),
            Counting::X => words.graphemes(true).map(weight).sum::<usize>() + LINK * (possible_links(&words) + own),
        }
    }

    /// Whether `text` is within the limit.
    pub(super) fn fits(self, text: &str, link: &str) -> bool {
        self.count(text, link) <= self.most && (self.counting != Counting::Bluesky || text.len() <= BLUESKY_BYTES)
    }
}

/// Places that X may take for a link even without `https://`: a dot between a letter or digit and two letters.
pub(super) fn possible_links(text: &str) -> usize {
    let letters: Vec<char> = text.chars().collect();
    letters.windows(4).filter(|at| at[0].is_alphanumeric() && at[1] == '.' && at[2].is_alphabetic() && at[3].is_alphabetic()).count()
}

/// The weight of one grapheme: an emoji is two, however many code points it is made of; else each code point has its own.
fn weight(grapheme: &str) -> usize {
    if is_emoji_sequence(grapheme) { 2 } else { grapheme.chars().map(code_point_weight).sum() }
}

/// One for the ranges of twitter-text's configuration (Latin to Georgian, general punctuation), two for all else.
fn code_point_weight(c: char) -> usize {
    match u32::from(c) {
        0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247 => 1,
        _ => 2,
    }
}

/// A grapheme of several code points that are all parts of an emoji: families, flags, skin tones, keycaps.
fn is_emoji_sequence(grapheme: &str) -> bool {
    let mut parts = grapheme.chars();
    let Some(first) = parts.next() else { return false };
    let keycap = matches!(first, '0'..='9' | '#' | '*') && grapheme.ends_with('\u{20e3}');
    let mut rest = parts.peekable();
    let joined = rest.peek().is_some();
    let part = |c| is_pictograph(c) || matches!(c, '\u{200d}' | '\u{fe0f}' | '\u{20e3}' | '\u{e0020}'..='\u{e007f}');
    joined && (keycap || is_pictograph(first)) && rest.all(part)
}

fn is_pictograph(c: char) -> bool {
    matches!(c,
        '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | '〰' | '〽' | '㊗' | '㊙'
        | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}' | '\u{25a0}'..='\u{27bf}' | '\u{2900}'..='\u{297f}'
        | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_counts_in_its_own_way() {
        const LINK: &str = "https://inside.example/issues/a-very-long-address-of-an-issue/";
        // text, Mastodon, Bluesky, X, LinkedIn
        for (text, mastodon, bluesky, x, linkedin) in [
            ("plain", 5, 5, 5, 5),
            (LINK, 23, 62, 23, 62),
            ("see https://inside.example/issues/a-very-long-address-of-an-issue/", 27, 66, 27, 66),
            ("日本語", 3, 3, 6, 3),
            ("한국", 2, 2, 4, 2),
            ("“quoted” – it’s…", 16, 16, 17, 16),
            ("e\u{301}", 2, 1, 2, 2),
            ("🙂", 1, 1, 2, 2),
            ("👨‍👩‍👧‍👦", 7, 1, 2, 11),
            ("👍🏽", 2, 1, 2, 4),
            ("🇩🇪🇫🇷", 4, 2, 4, 8),
            ("1️⃣", 3, 1, 2, 3),
            ("❤️", 2, 1, 2, 2),
            ("🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}", 7, 1, 2, 14),
            ("ถ้า", 3, 2, 3, 3),
            ("Node.js", 7, 7, 30, 7),
            ("e.g. v1.2 U.S.", 14, 14, 14, 14),
        ] {
            let counts = [Channel::Mastodon, Channel::Bluesky, Channel::X, Channel::Linkedin]
                .map(|channel| Limit::of_text(channel, None).count(text, LINK));
            assert_eq!(counts, [mastodon, bluesky, x, linkedin], "{text}");
        }
    }

    #[test]
    fn bluesky_has_a_limit_in_bytes_too() {
        let family = "👨‍👩‍👧‍👦";
        let limit = Limit::of_text(Channel::Bluesky, None);
        assert!(limit.fits(&family.repeat(120), "-") && !limit.fits(&family.repeat(121), "-"), "25 bytes each");
        assert!(limit.fits(&"a".repeat(300), "-") && !limit.fits(&"a".repeat(301), "-"));
    }

    #[test]
    fn what_the_server_tells_comes_before_the_default() {
        const LINK: &str = "https://inside.example/a-very-long-address-of-an-issue/";
        let told = |channel, characters, link| Limit::of_text(channel, Some(PostLimits { characters, link }));
        let text = format!("see {LINK}");
        for (limit, most, counted) in [
            (Limit::of_text(Channel::Mastodon, None), 500, 27),
            (told(Channel::Mastodon, 5000, 25), 5000, 29),
            (told(Channel::Mastodon, 100_000, 0), 100_000, 59),
            (told(Channel::Mastodon, 500, usize::MAX), 500, usize::MAX),
            (Limit::of_text(Channel::Bluesky, None), 300, 59),
            (told(Channel::Bluesky, 200, 23), 200, 59),
            (told(Channel::Bluesky, 100_000, 0), 300, 59),
            (told(Channel::X, 25_000, 0), 280, 27),
        ] {
            assert_eq!((limit.most, limit.count(&text, LINK)), (most, counted), "{limit:?}");
        }
    }
}
