//! Cutting a text to what fits, with an ellipsis.
//!
//! Must stay true: what is kept is the beginning of the text, whole graphemes, and never a part of a link, a hashtag or a
//! mention.

use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation;

use super::limit::possible_links;

/// What may not stand before an ellipsis.
const LOOSE: [&str; 20] = [" ", ",", ";", ":", ".", "…", "-", "–", "—", "(", "[", "{", "«", "“", "‘", "„", "、", "。", "，", "："];

/// The longest beginning of `text` (one line, as [`super::words::plain`] leaves it) that `fits`, with an ellipsis when it
/// is not the whole. It ends after a word; only where that would give away more than half of the room (a script without
/// spaces, one endless word), at a finer boundary. Nothing when nothing fits.
pub(super) fn shorten(text: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    if text.is_empty() || fits(text) {
        return (!text.is_empty()).then(|| text.to_owned());
    }
    let inside = closed(text);
    let words: HashSet<usize> = text.split_word_bound_indices().map(|(at, _)| at).collect();
    let open: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).filter(|at| !inside[*at]).collect();
    let longest = |allowed: &dyn Fn(usize) -> bool| {
        let cuts: Vec<usize> = open.iter().copied().filter(|at| allowed(*at)).collect();
        let fitting = cuts.partition_point(|at| ended(&text[..*at], &inside).is_none_or(|cut| fits(&cut)));
        fitting.checked_sub(1).and_then(|last| ended(&text[..cuts[last]], &inside))
    };
    let finest = longest(&|_| true)?;
    let roomy = |cut: &String| cut.len() * 2 >= finest.len();
    let after_space = longest(&|at| text[at..].starts_with(' ')).filter(roomy);
    after_space.or_else(|| longest(&|at| words.contains(&at)).filter(roomy)).or(Some(finest.clone()))
}

/// `kept` with its loose end trimmed and an ellipsis; nothing when nothing is left.
fn ended(kept: &str, inside: &[bool]) -> Option<String> {
    let loose = kept.grapheme_indices(true).rev().take_while(|(at, grapheme)| LOOSE.contains(grapheme) && !inside[*at]);
    let end = loose.last().map_or(kept.len(), |(at, _)| at);
    // An ellipsis right behind a link would become a part of it.
    let gap = if end > 0 && inside[end - 1] { " " } else { "" };
    (end > 0).then(|| format!("{}{gap}…", &kept[..end]))
}

/// For each byte of `text`, whether a cut before it would fall inside a link, a hashtag or a mention.
pub(super) fn closed(text: &str) -> Vec<bool> {
    let mut inside = vec![false; text.len() + 1];
    let mut start = 0;
    for word in text.split(' ') {
        mark_addresses(word, &mut inside[start..]);
        mark_names(word, &mut inside[start..]);
        start += word.len() + 1;
    }
    inside
}

fn mark_addresses(word: &str, inside: &mut [bool]) {
    if let Some(colon) = word.find("://") {
        let scheme = word[..colon].trim_end_matches(|c: char| c.is_ascii_alphanumeric()).len();
        inside[scheme + 1..word.len()].fill(true);
    }
    let mut start = 0;
    // Scripts that need no spaces begin there; a link without `https://` ends where they begin.
    for run in word.split_inclusive(|c: char| c >= '\u{2e80}') {
        if possible_links(run) > 0 {
            inside[start + 1..start + run.len()].fill(true);
        }
        start += run.len();
    }
}

fn mark_names(word: &str, inside: &mut [bool]) {
    for (at, sign) in word.match_indices(['#', '@']) {
        let name = word[at + sign.len()..].find(|c: char| c.is_ascii_punctuation() && c != '_' || is_stop(c));
        let end = name.map_or(word.len(), |length| at + sign.len() + length);
        inside[at + 1..end].fill(true);
    }
}

/// Punctuation outside ASCII: general, CJK, full width.
fn is_stop(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{206f}' | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ff0f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn to(most: usize) -> impl Fn(&str) -> bool {
        move |text| text.graphemes(true).count() <= most
    }

    #[test]
    fn cuts_fall_between_words() {
        for (text, most, expected) in [
            ("fits as it is", 13, Some("fits as it is")),
            ("one two three", 12, Some("one two…")),
            ("one two, three", 12, Some("one two…")),
            ("one two (three four", 14, Some("one two…")),
            ("unbreakablelongword", 8, Some("unbreak…")),
            ("audience-of-zero-readers", 14, Some("audience-of…")),
            ("日本語の文章は空白を使いません", 8, Some("日本語の文章は…")),
            ("Hi 👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 6, Some("Hi 👨‍👩‍👧‍👦👨‍👩‍👧‍👦…")),
            ("🇩🇪🇫🇷🇮🇹", 2, Some("🇩🇪…")),
            ("e\u{301}e\u{301}e\u{301}", 2, Some("e\u{301}…")),
            ("see https://a.example/b-c/d for more", 20, Some("see…")),
            ("see https://a.example/b-c/d for more", 30, Some("see https://a.example/b-c/d …")),
            ("https://a.example/b-c/d", 10, None),
            ("about #LongHashtagOfMine", 12, Some("about…")),
            ("by @inside@social.example", 12, Some("by…")),
            ("try inside.example/page", 14, Some("try…")),
            ("タグ#日本語のタグは長い。終わり", 6, Some("タグ…")),
            ("... , ;", 3, None),
            ("", 5, None),
            ("abc", 0, None),
        ] {
            assert_eq!(shorten(text, to(most)).as_deref(), expected, "{text} to {most}");
        }
    }

    #[test]
    fn a_space_that_belongs_to_a_mark_is_kept_with_it() {
        let text = "aA#\u{11a84} !#";
        assert_eq!(shorten(text, to(5)).as_deref(), Some("aA#\u{11a84} …"));
    }

    proptest! {
        #[test]
        fn what_is_kept_is_a_beginning_of_whole_graphemes(words in "(\\PC{0,6}[ #@.:/‍🇩-]?){0,20}", most in 0_usize..60) {
            let text = super::super::words::plain(&words, "https://a.example/");
            let Some(cut) = shorten(&text, to(most)) else { return Ok(()) };
            prop_assert!(to(most)(&cut));
            if cut != text {
                let kept = cut.strip_suffix('…').expect("an ellipsis");
                // Behind a link stands a space that is not the text's; after a prepended mark the space is a part of its grapheme.
                let beginning = |kept: &str| text.grapheme_indices(true).any(|(at, _)| at == kept.len()) && text.starts_with(kept);
                prop_assert!(!kept.trim_end().is_empty());
                prop_assert!(beginning(kept) || kept.strip_suffix(' ').is_some_and(beginning), "{:?} of {:?}", kept, text);
            }
        }
    }
}
