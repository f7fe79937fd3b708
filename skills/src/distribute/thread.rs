//! A thread: the author's words in several posts, where the author asks for it.
//!
//! Must stay true: put together, the pieces are the words, but for the spaces between them: nothing is added, no number either;
//! a cut falls behind a sentence, else behind a word, never inside a grapheme, a link, a hashtag or a mention.

use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation;

use super::shorten::closed;

/// The most pieces: what is longer is no thread that anybody reads.
const MOST: usize = 20;

/// The words of `text` (one line, as [`super::words::plain`] leaves it) in pieces of which each `fits` at its place, from 0.
/// Nothing where a link does not fit a piece, or where there would be too many.
pub(super) fn split(text: &str, fits: impl Fn(usize, &str) -> bool) -> Option<Vec<String>> {
    let places = Places::of(text);
    let mut pieces = vec![];
    let mut start = 0;
    while start < text.len() {
        if pieces.len() == MOST {
            return None;
        }
        let end = places.end_of_piece(start, |piece| fits(pieces.len(), piece))?;
        pieces.push(places.trimmed(start, end).to_owned());
        start = places.after_spaces(end);
    }
    Some(pieces)
}

/// Where a text may be cut.
struct Places<'a> {
    text: &'a str,
    /// Ends of graphemes outside of links, hashtags and mentions, in order.
    open: Vec<usize>,
    sentences: HashSet<usize>,
    words: HashSet<usize>,
}

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        let inside = closed(text);
        let ends = text.grapheme_indices(true).map(|(at, grapheme)| at + grapheme.len());
        let mut sentences = HashSet::new();
        // No `collect`: the iterator's `size_hint` panics where nothing is left (unicode-segmentation 1.13.3).
        for (at, _) in text.split_sentence_bound_indices() {
            sentences.insert(at);
        }
        Self {
            text,
            open: ends.filter(|at| *at == text.len() || !inside[*at]).collect(),
            sentences,
            words: text.split_word_bound_indices().map(|(at, _)| at).collect(),
        }
    }

    /// The end of the longest piece from `start` on, at the best place to cut. Nothing when nothing fits.
    fn end_of_piece(&self, start: usize, fits: impl Fn(&str) -> bool) -> Option<usize> {
        let ends = &self.open[self.open.partition_point(|at| *at <= start)..];
        let fits = |end: usize| fits(self.trimmed(start, end));
        // Doubling first: a piece is short, and the text may be endless.
        let mut reach = 1;
        while reach < ends.len() && fits(ends[reach]) {
            reach *= 2;
        }
        let near = &ends[..ends.len().min(reach + 1)];
        let fitting = &near[..near.partition_point(|end| fits(*end))];
        let finest = *fitting.last()?;
        if finest == self.text.len() {
            return Some(finest);
        }
        let last = |least: usize, good: &dyn Fn(usize) -> bool| {
            fitting.iter().rev().copied().take_while(|end| (end - start) * least >= finest - start).find(|end| good(*end))
        };
        let before_space = |end: usize| self.text[end..].starts_with(' ');
        // A sentence begins behind the space that ends the one before.
        last(3, &|end| self.sentences.contains(&self.after_spaces(end)))
            .or_else(|| last(2, &before_space))
            .or_else(|| last(2, &|end| self.words.contains(&end)))
            .or(Some(finest))
    }

    /// The words from `start` to `end`, without the spaces at their end.
    fn trimmed(&self, start: usize, end: usize) -> &'a str {
        let words = &self.text[start..end];
        let spaces = words.grapheme_indices(true).rev().take_while(|(_, grapheme)| *grapheme == " ");
        &words[..spaces.last().map_or(words.len(), |(at, _)| at)]
    }

    /// The place behind the spaces at `end`; a space that carries a mark is a letter.
    fn after_spaces(&self, end: usize) -> usize {
        let spaces = self.text[end..].graphemes(true).take_while(|grapheme| *grapheme == " ");
        end + spaces.map(str::len).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn to(most: usize) -> impl Fn(usize, &str) -> bool {
        move |_, text| text.graphemes(true).count() <= most
    }

    #[test]
    fn cuts_fall_behind_sentences_then_words() {
        for (text, most, expected) in [
            ("One. Two.", 9, Some(&["One. Two."][..])),
            ("One is here. Two is here. Three.", 26, Some(&["One is here. Two is here.", "Three."])),
            ("One is here. Two is here.", 13, Some(&["One is here.", "Two is here."])),
            ("No. Then a sentence without an end that goes on", 24, Some(&["No. Then a sentence", "without an end that goes", "on"])),
            ("unbreakablelongword", 8, Some(&["unbreaka", "blelongw", "ord"])),
            ("日本語の文章。次の文章。", 8, Some(&["日本語の文章。", "次の文章。"])),
            ("🇩🇪🇫🇷🇮🇹", 2, Some(&["🇩🇪🇫🇷", "🇮🇹"])),
            ("1/2 one two", 7, Some(&["1/2 one", "two"])),
            ("see https://a.example/b-c/d for more", 23, Some(&["see", "https://a.example/b-c/d", "for more"])),
            ("see https://a.example/b-c/d for more", 20, None),
            ("abc", 0, None),
        ] {
            let pieces = split(text, to(most));
            let pieces: Option<Vec<&str>> = pieces.as_ref().map(|pieces| pieces.iter().map(String::as_str).collect());
            assert_eq!(pieces.as_deref(), expected, "{text} to {most}");
        }
        assert_eq!(split(&"word ".repeat(MOST), to(4)).map(|pieces| pieces.len()), Some(MOST));
        assert_eq!(split(&"word ".repeat(MOST + 1), to(4)), None, "too many");
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_words(words in "(\\PC{0,6}[ #@.:/!?‍🇩-]?){0,30}", most in 1_usize..40) {
            let text = super::super::words::plain(&words, "https://a.example/");
            let Some(pieces) = split(&text, to(most)) else { return Ok(()) };
            let boundaries: HashSet<usize> = text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
            let mut at = 0;
            for piece in &pieces {
                while text[at..].starts_with(' ') && !text[at..].starts_with(piece.as_str()) {
                    at += 1;
                }
                prop_assert!(to(most)(0, piece) && !piece.is_empty());
                prop_assert!(text[at..].starts_with(piece.as_str()), "{:?} at {} of {:?}", piece, at, text);
                prop_assert!(boundaries.contains(&at) && boundaries.contains(&(at + piece.len())));
                at += piece.len();
            }
            prop_assert_eq!(text[at..].trim_matches(' '), "");
        }
    }
}
