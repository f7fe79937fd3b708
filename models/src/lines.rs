//! The corpus as the program carries it: each line with its labels, its vector (a byte a number) and the logits that heads
//! gave it which had not seen its hand. From these come the reason a person can check (the nearest lines), and the guard that
//! heads changed in a home still read strangers' lines as well as before.
//!
//! The file: a card of JSON in one line, then a line of JSON a corpus line, then the numbers of all lines, little-endian: how
//! much one step of a byte is (`f32`), the vector (`i8` each), the logits in hundredths (`i16` each).

use std::borrow::Cow;

use reveille_mission::{Skill, Who};
use serde::{Deserialize, Serialize};

use crate::corpus::Corpus;
use crate::digest::Digest;
use crate::features::{term_weight, terms, unit};
use crate::heads::{Heads, HeadsError, damaged, line};

/// Bounds of a file.
const MOST_LINES: usize = 100_000;
const MOST_WIDTH: usize = 16_384;
const MOST_KINDS: usize = 40;
const FORMAT: u32 = 1;

/// The first line of the file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    format: u32,
    /// The sum of the corpus.
    corpus: Digest,
    /// The sum of the model whose vectors these are.
    model: Digest,
    lines: usize,
    width: usize,
    kinds: usize,
    /// The sum of everything behind this line.
    rest: Digest,
}

/// A corpus line and its labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labelled {
    /// The words.
    pub text: String,
    /// Who notices when it is done.
    pub who: Who,
    /// The skill, if it is one.
    pub skill: Option<Skill>,
}

/// A corpus line near to another line.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// The line and its labels.
    pub line: Labelled,
    /// The mean of two cosines, of the vectors and of the words, at most 1. A fine-tuned encoder brings all lines of a kind close
    /// together; the words say which of them are about the same thing.
    pub similarity: f32,
}

/// The corpus with vectors and held-out logits.
#[derive(Debug)]
pub(crate) struct Lines {
    card: Card,
    labelled: Vec<Labelled>,
    numbers: Cow<'static, [u8]>,
}

impl Lines {
    /// The bytes of the file, from the lines of a corpus, their vectors, and their logits by heads that had not seen their hand.
    ///
    /// # Errors
    /// [`HeadsError::Damaged`] if a number is none.
    pub(crate) fn to_bytes(corpus: &Corpus, model: Digest, vectors: &[Vec<f32>], logits: &[Vec<f32>]) -> Result<Vec<u8>, HeadsError> {
        let mut rest = Vec::new();
        for of in &corpus.lines {
            rest.extend(line(&Labelled { text: of.text.clone(), who: of.who, skill: of.skill })?);
        }
        for (vector, logits) in vectors.iter().zip(logits) {
            let vector = unit(vector);
            let step = vector.iter().fold(0.0_f32, |most, value| most.max(value.abs())) / f32::from(i8::MAX);
            rest.extend(step.to_le_bytes());
            #[expect(clippy::cast_possible_truncation, reason = "within -127 and 127 by the choice of the step; NaN becomes 0")]
            rest.extend(vector.iter().flat_map(|value| ((value / step).round() as i8).to_le_bytes()));
            #[expect(clippy::cast_possible_truncation, reason = "saturates far beyond any logit that matters")]
            rest.extend(logits.iter().flat_map(|logit| ((logit * 100.0).round() as i16).to_le_bytes()));
        }
        let card = Card {
            format: FORMAT,
            corpus: corpus.digest,
            model,
            lines: corpus.lines.len(),
            width: vectors.first().map_or(0, Vec::len),
            kinds: logits.first().map_or(0, Vec::len),
            rest: Digest::of(&rest),
        };
        let mut bytes = line(&card)?;
        bytes.extend(rest);
        Ok(bytes)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`HeadsError::Damaged`] for anything but a whole file.
    pub(crate) fn parse(bytes: Cow<'static, [u8]>) -> Result<Self, HeadsError> {
        let mut rest: &[u8] = &bytes;
        let card: Card = serde_json::from_slice(take_line(&mut rest)).map_err(damaged)?;
        let fits = card.format == FORMAT && card.lines <= MOST_LINES && card.width <= MOST_WIDTH && card.kinds <= MOST_KINDS;
        if !fits || Digest::of(rest) != card.rest {
            return Err(damaged("the corpus beside the heads is not the one that its card names"));
        }
        let labelled = (0..card.lines).map(|_| serde_json::from_slice(take_line(&mut rest)).map_err(damaged));
        let labelled = labelled.collect::<Result<Vec<Labelled>, _>>()?;
        if rest.len() != card.lines * card.record() {
            return Err(damaged("the corpus beside the heads has numbers missing"));
        }
        let from = bytes.len() - rest.len();
        let numbers = match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(from..).unwrap_or_default()),
            Cow::Owned(mut bytes) => Cow::Owned(bytes.split_off(from)),
        };
        Ok(Self { card, labelled, numbers })
    }

    /// Whether the vectors are by the model of these heads, and the logits by heads of the same kinds over the same corpus.
    pub(crate) fn belong_to(&self, heads: &Heads) -> bool {
        (self.card.model, self.card.corpus, self.card.width, self.card.kinds) == (heads.model, heads.corpus, heads.width, heads.kinds.len())
    }

    /// The `most` nearest lines to a vector as the encoder gives it, the nearest first; `text` itself is left out.
    pub(crate) fn nearest(&self, vector: &[f32], text: &str, most: usize) -> Vec<Neighbour> {
        let (vector, words) = (unit(vector), terms(text));
        let similarity = |(at, labelled): (usize, &Labelled)| -> f32 {
            let by_vector: f32 = self.vector(at).zip(&vector).map(|(a, b)| a * b).sum();
            let other = terms(&labelled.text);
            #[expect(clippy::cast_precision_loss, reason = "a line has few words")]
            let by_words = words.intersection(&other).count() as f32 * term_weight(words.len()) * term_weight(other.len());
            f32::midpoint(by_vector, by_words)
        };
        let mut near: Vec<(f32, &Labelled)> = self.labelled.iter().enumerate().map(|at| (similarity(at), at.1)).collect();
        near.retain(|(_, labelled)| labelled.text != text);
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.into_iter().take(most).map(|(similarity, line)| Neighbour { line: line.clone(), similarity }).collect()
    }

    /// The share of the lines whose "some reader or nobody" is right: as held-out heads read them, and with what `after` says
    /// otherwise than `before` added to that.
    #[expect(clippy::cast_precision_loss, reason = "a corpus is small")]
    pub(crate) fn accuracy(&self, before: &Heads, after: &Heads) -> (f64, f64) {
        let (mut was, mut is) = (0_usize, 0_usize);
        for (at, labelled) in self.labelled.iter().enumerate() {
            let vector: Vec<f32> = self.vector(at).collect();
            let (old, new) = (before.logits(&vector, &labelled.text), after.logits(&vector, &labelled.text));
            let held_out: Vec<f32> = self.logits(at).collect();
            let moved: Vec<f32> = held_out.iter().zip(old.iter().zip(&new)).map(|(held, (old, new))| held + new - old).collect();
            let right = |logits: &[f32]| (before.by_logits(logits).who[Who::Nobody.index()] < 0.5) == (labelled.who != Who::Nobody);
            was += usize::from(right(&held_out));
            is += usize::from(right(&moved));
        }
        let all = self.labelled.len().max(1) as f64;
        (was as f64 / all, is as f64 / all)
    }

    /// Some lines that are for nobody, with their vectors.
    #[cfg(test)]
    pub(crate) fn of_nobody(&self, most: usize) -> impl Iterator<Item = (&str, Vec<f32>)> {
        let nobody = (0..).zip(&self.labelled).filter(|(_, labelled)| labelled.who == Who::Nobody);
        nobody.map(|(at, labelled)| (labelled.text.as_str(), self.vector(at).collect())).take(most)
    }

    fn record(&self, at: usize) -> &[u8] {
        let length = self.card.record();
        self.numbers.get(at * length..(at + 1) * length).unwrap_or_default()
    }

    fn vector(&self, at: usize) -> impl Iterator<Item = f32> + '_ {
        let (step, rest) = self.record(at).split_first_chunk().map_or((0.0, &[][..]), |(step, rest)| (f32::from_le_bytes(*step), rest));
        rest.iter().take(self.card.width).map(move |byte| f32::from(i8::from_le_bytes([*byte])) * step)
    }

    fn logits(&self, at: usize) -> impl Iterator<Item = f32> + '_ {
        let logits = self.record(at).get(4 + self.card.width..).unwrap_or_default();
        logits.chunks_exact(2).filter_map(|two| two.try_into().ok()).map(|two| f32::from(i16::from_le_bytes(two)) / 100.0)
    }
}

impl Card {
    /// The bytes of one line's numbers.
    fn record(&self) -> usize {
        4 + self.width + 2 * self.kinds
    }
}

/// The bytes up to the next line break, which is taken off with them.
fn take_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (line, behind) = rest.split_at(end);
    *rest = behind.get(1..).unwrap_or_default();
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> (Corpus, Vec<Vec<f32>>, Vec<Vec<f32>>) {
        let text = "publish it\tstrangers\tpublish\tweb\t\nrefactor it\tnobody\tnone\t\t\nback it up\tnobody\tmaintain\t\t\n";
        let corpus = Corpus::from_files([("a", text.as_bytes())]).unwrap();
        let vectors = vec![vec![3.0, 4.0], vec![-1.0, 0.0], vec![-0.6, 0.8]];
        let logits = vec![vec![2.5, 0.0], vec![-2.5, 0.0], vec![0.0, 0.123]];
        (corpus, vectors, logits)
    }

    fn bytes() -> Vec<u8> {
        let (corpus, vectors, logits) = small();
        Lines::to_bytes(&corpus, Digest::of(b"model"), &vectors, &logits).unwrap()
    }

    #[test]
    fn come_back_as_they_were_almost() {
        let lines = Lines::parse(Cow::Owned(bytes())).unwrap();
        let near =
            |a: Vec<f32>, b: &[f32]| assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.01) && a.len() == b.len(), "{a:?} {b:?}");
        near(lines.vector(0).collect(), &[0.6, 0.8]);
        near(lines.vector(2).collect(), &[-0.6, 0.8]);
        near(lines.logits(1).collect(), &[-2.5, 0.0]);
        assert_eq!(lines.labelled[2], Labelled { text: "back it up".to_owned(), who: Who::Nobody, skill: Some(Skill::Maintain) });
    }

    #[test]
    fn the_nearest_come_first_and_a_line_is_not_its_own_neighbour() {
        let lines = Lines::parse(Cow::Owned(bytes())).unwrap();
        let near = |text: &str| -> Vec<String> { lines.nearest(&[0.5, 1.0], text, 2).into_iter().map(|near| near.line.text).collect() };
        assert_eq!(near("something else"), ["publish it", "back it up"]);
        assert_eq!(near("publish it"), ["back it up", "refactor it"]);
    }

    #[test]
    fn damage_is_found() {
        let whole = bytes();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 4;
            let read = Lines::parse(Cow::Owned(changed.clone()));
            // A sum of another corpus or model is found when the lines are put together with heads.
            let card = changed.iter().position(|byte| *byte == b'\n').unwrap_or(0);
            assert!(read.is_err() || at < card, "byte {at}");
            assert!(Lines::parse(Cow::Owned(whole[..at].to_vec())).is_err());
        }
    }
}
