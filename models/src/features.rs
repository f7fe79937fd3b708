//! What the heads see of a line: its vector at length 1, and its words and their beginnings, those that the corpus knows.
//! The same line gives the same features in training and in reading.

use std::collections::{BTreeMap, BTreeSet};

/// Words of a line that are looked at; a task is a line, not a page.
const MOST_WORDS: usize = 96;
/// Characters of a word that make its beginning.
const BEGINNING: usize = 5;

/// A line's vector at length 1 (a zero vector stays zero; what is not finite becomes zero).
pub(crate) fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "a length fits")]
    let length = length as f32;
    if length > 0.0 && length.is_finite() { vector.iter().map(|value| value / length).collect() } else { vec![0.0; vector.len()] }
}

/// The terms of a line: its words in lower case, numbers as `#`, question and exclamation marks; and for each longer word its
/// beginning, for `publish`, `publishes` and `publishing` mean the same.
pub(crate) fn terms(text: &str) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    let mut words = 0;
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_alphanumeric() {
            word.extend(character.to_lowercase());
            continue;
        }
        if matches!(character, '?' | '!') {
            terms.insert(character.to_string());
        }
        if word.is_empty() {
            continue;
        }
        if let Some((end, _)) = word.char_indices().nth(BEGINNING) {
            terms.insert(format!("{}*", word.get(..end).unwrap_or_default()));
        }
        let number = word.chars().all(char::is_numeric);
        terms.insert(if number { "#".to_owned() } else { std::mem::take(&mut word) });
        word.clear();
        words += 1;
        if words == MOST_WORDS {
            break;
        }
    }
    terms
}

/// How much each known term of a line weighs: all terms of a line together have length 1, known or not.
#[expect(clippy::cast_precision_loss, reason = "a line has few words")]
pub(crate) fn term_weight(terms: usize) -> f32 {
    1.0 / (terms.max(1) as f32).sqrt()
}

/// The terms that at least `least` of the lines have.
pub(crate) fn vocabulary<'a>(lines: impl IntoIterator<Item = &'a BTreeSet<String>>, least: usize) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for term in lines.into_iter().flatten() {
        *counts.entry(term).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count >= least).map(|(term, _)| term.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_of_a_line() {
        let terms: Vec<String> = terms("Publishing issue 45, now! Post?").into_iter().collect();
        insta::assert_compact_debug_snapshot!(terms, @r##"["!", "#", "?", "issue", "now", "post", "publi*", "publishing"]"##);
        assert_eq!(super::terms("").len(), 0);
        assert!(super::terms(&"Ünïcödé wörds ".repeat(10_000)).len() == 3);
        assert!(super::terms(&"w".repeat(100_000)).len() <= 2);
    }

    #[test]
    fn a_unit_vector_has_length_one_or_zero() {
        assert_eq!(unit(&[3.0, 4.0]), [0.6, 0.8]);
        assert_eq!(unit(&[0.0, 0.0]), [0.0, 0.0]);
        assert_eq!(unit(&[f32::NAN, 1.0]), [0.0, 0.0]);
        assert_eq!(unit(&[f32::INFINITY, 1.0]), [0.0, 0.0]);
    }

    #[test]
    fn a_vocabulary_counts_lines() {
        let lines = [terms("a b"), terms("a a a"), terms("c")];
        assert_eq!(vocabulary(&lines, 2), ["a"]);
    }
}
