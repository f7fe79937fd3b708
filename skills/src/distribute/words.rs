//! The author's words made fit for a post: one line of visible text, and hashtags.
//!
//! Must stay true: nothing is added; no control character, line separator or bidi override gets through.

use unicode_segmentation::UnicodeSegmentation;

/// The most letters of a hashtag; a longer one is no word that anybody follows (Bluesky takes 64 at most).
const TAG_LETTERS: usize = 40;

/// `text` on one line, without what can't be seen and without `link`, which the post holds once in its own place.
pub(super) fn plain(text: &str, link: &str) -> String {
    let bare = link.trim_end_matches('/');
    let visible = visible(text);
    visible.split_whitespace().filter_map(|word| without_link(word, bare)).collect::<Vec<_>>().join(" ")
}

fn visible(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    let mut in_flag = false;
    for c in text.chars() {
        // Tag characters can hide text; they are letters only of a flag such as Scotland's.
        let flag_letter = matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}' | '\u{e007f}');
        in_flag = c == '\u{1f3f4}' || (in_flag && flag_letter);
        match c {
            '\u{2028}' | '\u{2029}' => seen.push(' '),
            c if c.is_control() => seen.push(' '),
            '\u{e0000}'..='\u{e007f}' if !in_flag => {}
            c if unseen(c) => {}
            c => seen.push(c),
        }
    }
    seen
}

/// Soft hyphens, zero-width spaces, bidi embeddings, overrides and isolates, annotation marks, noncharacters. The joiners
/// and the plain direction marks stay: emoji, Persian and Hebrew need them.
fn unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{200b}' | '\u{feff}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// The word without the link; nothing when only punctuation is left. A longer address that starts like the link stays.
fn without_link(word: &str, bare: &str) -> Option<String> {
    let Some((before, after)) = word.split_once(bare) else { return Some(word.to_owned()) };
    let after = after.strip_prefix('/').unwrap_or(after);
    if after.trim_start_matches(|c: char| c.is_ascii_punctuation()).starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some(word.to_owned());
    }
    let rest = format!("{before}{after}");
    rest.contains(char::is_alphanumeric).then_some(rest)
}

/// The first `most` tags as `#CamelCase`; a tag without a letter is no hashtag, and none comes twice.
pub(super) fn hashtags(tags: &[String], most: usize) -> Vec<String> {
    let mut chosen: Vec<String> = vec![];
    for tag in tags.iter().filter_map(|tag| hashtag(&visible(tag))) {
        if chosen.len() < most && !chosen.iter().any(|other| other.to_lowercase() == tag.to_lowercase()) {
            chosen.push(tag);
        }
    }
    chosen
}

fn hashtag(tag: &str) -> Option<String> {
    let name: String = tag.unicode_words().map(capitalized).collect();
    let tag = format!("#{name}");
    // A mark that would melt into the `#` makes no hashtag.
    let starts_alone = tag.graphemes(true).next() == Some("#");
    (starts_alone && name.contains(char::is_alphabetic) && name.chars().count() <= TAG_LETTERS).then_some(tag)
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars().filter(|c| !c.is_ascii_punctuation() && !c.is_whitespace() && *c != '’');
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_gone() {
        for (given, expected) in [
            ("  two\twords \r\n", "two words"),
            ("a\u{0}b\u{1b}[31mc\u{7f}d\u{85}e", "a b [31mc d e"),
            ("line\u{2028}and\u{2029}paragraph", "line and paragraph"),
            ("safe\u{202e}gpj.exe\u{202c}", "safegpj.exe"),
            ("\u{2066}isolated\u{2069} \u{200b}zero\u{feff}", "isolated zero"),
            ("hidden\u{e0061}\u{e0062} text", "hidden text"),
            (
                "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} stays",
                "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} stays",
            ),
            ("👩‍👧 می‌خواهم \u{200f}שלום", "👩‍👧 می‌خواهم \u{200f}שלום"),
            ("\u{fffe}\u{10ffff}", ""),
        ] {
            assert_eq!(plain(given, "https://a.example/x"), expected, "{given:?}");
        }
    }

    #[test]
    fn the_link_is_taken_out_and_longer_ones_stay() {
        for (given, expected) in [
            ("Read https://a.example/x.", "Read"),
            ("(https://a.example/x/), now", "now"),
            ("見てhttps://a.example/xですよ", "見てですよ"),
            ("https://a.example/x-ray and https://a.example/x.html", "https://a.example/x-ray and https://a.example/x.html"),
            ("https://b.example/x", "https://b.example/x"),
        ] {
            assert_eq!(plain(given, "https://a.example/x"), expected, "{given}");
        }
        assert_eq!(plain("https://a.example https://a.example/about", "https://a.example/"), "https://a.example/about");
    }

    #[test]
    fn hashtags_are_camel_case() {
        let tags = |list: &[&str], most| hashtags(&list.iter().map(ToString::to_string).collect::<Vec<_>>(), most).join(" ");
        assert_eq!(tags(&["growth hacking", "launchd", "self-hosting"], 3), "#GrowthHacking #Launchd #SelfHosting");
        assert_eq!(tags(&["a", "A", "#a", "b", "c", "d"], 3), "#A #B #C");
        assert_eq!(tags(&["2026", "🙂", "", "--", "\u{93f}x", "node.js", "author’s notes"], 3), "#Nodejs #AuthorsNotes");
        assert_eq!(tags(&["日本語", "हिन्दी", "ελληνικά"], 3), "#日本語 #हिन्दी #Ελληνικά");
        assert_eq!(tags(&[&"long ".repeat(20)], 3), "");
        assert_eq!(tags(&["a #b\n@c"], 3), "#ABC");
        assert_eq!(tags(&["🙂 \u{9c7} a"], 3), "", "a mark without its letter");
    }
}
