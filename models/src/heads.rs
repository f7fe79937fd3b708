//! The heads: one linear layer over a line's vector and its known terms. Its classes are the kinds of task that the corpus
//! knows (for whom, with which skill); who it is for and which skill are both sums over kinds, so neither can contradict the
//! other.
//!
//! Kept as lines of JSON: a card, then the weights, one line an input. The card holds the sums of the model, the corpus and
//! the weights, so that the card alone (half a kilobyte) names a reading; a vector of another model means nothing to heads,
//! so the two are never put together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reveille_mission::{ModelReading, Skill, Who};
use serde::{Deserialize, Serialize};

use crate::corpus::NONE;
use crate::digest::Digest;
use crate::features::{term_weight, terms, unit};
use crate::language::is_foreign;
use crate::softmax::{Layer, Row, softmax};

/// Bounds of a file of heads.
const MOST_KINDS: usize = 40;
const MOST_TERMS: usize = 65_536;
const MOST_WIDTH: usize = 16_384;
const MOST_BYTES: u64 = 64 << 20;
/// Raised when the file or what the heads see of a line (`features`) changes: old heads, and readings by them, no longer count.
const FORMAT: u32 = 2;

/// Who a kind of task is for, and its skill's place ([`Skill::ALL`], then "no skill").
pub(crate) type Kind = (Who, usize);

/// Why heads are not used.
#[derive(Debug, thiserror::Error)]
pub enum HeadsError {
    /// The file can't be read.
    #[error("can't read the heads {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It is no file of heads, or a damaged one.
    #[error("the heads are damaged: {0}")]
    Damaged(String),
    /// The corpus beside them is not the one they were trained with.
    #[error("the corpus beside the heads is not the one they were trained with")]
    OtherCorpus,
    /// They were trained with another model.
    #[error("the heads were trained with another model: sha256 {trained}, this one has {model}")]
    OtherModel {
        /// The sum of the model they were trained with.
        trained: Digest,
        /// The sum of the model at hand.
        model: Digest,
    },
}

impl HeadsError {
    /// What mends it.
    pub fn hint(&self) -> Option<String> {
        Some("train heads for this model with `reveille model train`".to_owned())
    }
}

/// What is known of heads without reading their weights: the first line of their file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    format: u32,
    /// The sum of the model they were trained with.
    pub model: Digest,
    /// The sum of the corpus they were trained with.
    pub corpus: Digest,
    /// The sum of everything behind the first line.
    weights: Digest,
    /// Between these two probabilities of "some reader notices" the heads' word does not count.
    pub grey_zone: (f32, f32),
    temperatures: Temperatures,
    /// The length of the vectors they take.
    pub width: usize,
    term_scale: f32,
    kinds: Vec<(Who, String)>,
}

/// What the logits are divided by, so that the probabilities are as often right as they say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Temperatures {
    pub(crate) who: f64,
    pub(crate) skill: f64,
}

/// Trained heads.
#[derive(Debug, Clone, PartialEq)]
pub struct Heads {
    pub(crate) model: Digest,
    pub(crate) corpus: Digest,
    pub(crate) width: usize,
    pub(crate) kinds: Vec<Kind>,
    /// The vector's inputs, the terms' in their order, the constant.
    pub(crate) layer: Layer,
    pub(crate) terms: BTreeMap<String, usize>,
    pub(crate) term_scale: f32,
    pub(crate) temperatures: Temperatures,
    pub(crate) grey: (f32, f32),
}

pub(crate) fn damaged(error: impl ToString) -> HeadsError {
    HeadsError::Damaged(error.to_string())
}

/// The bytes of a file of heads, if it is not absurdly large.
///
/// # Errors
/// [`HeadsError::Io`] or [`HeadsError::Damaged`].
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, HeadsError> {
    let io = |source| HeadsError::Io { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(io)?.len() > MOST_BYTES {
        return Err(damaged("the file is too large"));
    }
    std::fs::read(path).map_err(io)
}

impl Card {
    /// Reads the first line of a file of heads.
    ///
    /// # Errors
    /// [`HeadsError::Damaged`].
    pub fn parse(bytes: &[u8]) -> Result<Self, HeadsError> {
        let card: Self = serde_json::from_slice(split(bytes).0).map_err(damaged)?;
        let (low, high) = card.grey_zone;
        let fault = if card.format != FORMAT {
            "they have another format"
        } else if !(2..=MOST_KINDS).contains(&card.kinds.len()) || !(1..=MOST_WIDTH).contains(&card.width) {
            "they have too few or too many parts"
        } else if !(0.0 <= low && low <= high && high <= 1.0 && (0.0..=100.0).contains(&card.term_scale)) {
            "the grey zone or the scale is out of range"
        } else if [card.temperatures.who, card.temperatures.skill].iter().any(|value| !(0.01..=100.0).contains(value)) {
            "a temperature is out of range"
        } else {
            return Ok(card);
        };
        Err(damaged(fault))
    }

    /// The sum that names these heads: every part of them goes into it.
    pub(crate) fn sum(bytes: &[u8]) -> Digest {
        Digest::of(split(bytes).0)
    }
}

/// The first line and what follows it.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    bytes.split_at_checked(end + 1).map_or((bytes, &[]), |(card, rest)| (card.get(..end).unwrap_or_default(), rest))
}

impl Heads {
    /// Reads heads from the bytes of their file.
    ///
    /// # Errors
    /// [`HeadsError::Damaged`] for anything but whole and finite heads.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeadsError> {
        let card = Card::parse(bytes)?;
        let (_, weights) = split(bytes);
        if Digest::of(weights) != card.weights {
            return Err(damaged("the weights are not the ones that the card names"));
        }
        let kinds: Option<Vec<Kind>> = card.kinds.iter().map(|(who, skill)| Some((*who, skill_place(skill)?))).collect();
        let kinds = kinds.ok_or_else(|| damaged("a skill is not known"))?;
        let mut lines = weights.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut next = || lines.next().ok_or_else(|| damaged("weights are missing"));
        let constant: Vec<f32> = serde_json::from_slice(next()?).map_err(damaged)?;
        let mut rows: Vec<Vec<f32>> = Vec::with_capacity(card.width);
        for _ in 0..card.width {
            rows.push(serde_json::from_slice(next()?).map_err(damaged)?);
        }
        let mut terms = BTreeMap::new();
        for line in lines {
            let (term, row): (String, Vec<f32>) = serde_json::from_slice(line).map_err(damaged)?;
            if terms.last_key_value().is_some_and(|(last, _)| *last >= term) || terms.len() == MOST_TERMS {
                return Err(damaged("the terms are not in order"));
            }
            terms.insert(term, terms.len());
            rows.push(row);
        }
        rows.push(constant);
        if rows.iter().any(|row| row.len() != kinds.len() || row.iter().any(|weight| !weight.is_finite())) {
            return Err(damaged("a row of weights has the wrong length or a weight that is no number"));
        }
        Ok(Self {
            model: card.model,
            corpus: card.corpus,
            width: card.width,
            layer: Layer { classes: kinds.len(), weights: rows.concat() },
            kinds,
            terms,
            term_scale: card.term_scale,
            temperatures: card.temperatures,
            grey: card.grey_zone,
        })
    }

    /// The bytes of their file: the same heads give the same bytes.
    ///
    /// # Errors
    /// [`HeadsError::Damaged`] if a weight is no number.
    pub fn to_bytes(&self) -> Result<Vec<u8>, HeadsError> {
        let mut rows = self.layer.weights.chunks(self.layer.classes);
        let vector: Vec<&[f32]> = rows.by_ref().take(self.width).collect();
        let terms: Vec<(&String, &[f32])> = self.terms.keys().zip(rows.by_ref()).collect();
        let mut weights = line(&rows.next().unwrap_or_default())?;
        for row in &vector {
            weights.extend(line(row)?);
        }
        for term in &terms {
            weights.extend(line(term)?);
        }
        let card = Card {
            format: FORMAT,
            model: self.model,
            corpus: self.corpus,
            weights: Digest::of(&weights),
            grey_zone: self.grey,
            temperatures: self.temperatures,
            width: self.width,
            term_scale: self.term_scale,
            kinds: self.kinds.iter().map(|(who, skill)| (*who, skill_name(*skill))).collect(),
        };
        let mut bytes = line(&card)?;
        bytes.extend(weights);
        Ok(bytes)
    }

    /// Between these two probabilities of "some reader notices" the heads' word does not count.
    pub fn grey_zone(&self) -> (f32, f32) {
        self.grey
    }

    /// Holds the model at hand against the one they were trained with.
    ///
    /// # Errors
    /// [`HeadsError::OtherModel`].
    pub fn check_model(&self, model: Digest) -> Result<(), HeadsError> {
        if self.model == model { Ok(()) } else { Err(HeadsError::OtherModel { trained: self.model, model }) }
    }

    /// The reading of a line from its vector (as the encoder gives it) and its words; [`ModelReading::NONE`] for a line in a
    /// language that the corpus does not have.
    pub fn read(&self, vector: &[f32], text: &str) -> ModelReading {
        if is_foreign(text, &|word| self.terms.contains_key(word)) {
            return ModelReading::NONE;
        }
        self.by_logits(&self.logits(vector, text))
    }

    /// The logits of a line, one a kind.
    pub(crate) fn logits(&self, vector: &[f32], text: &str) -> Vec<f32> {
        self.layer.logits(&self.row(vector, text))
    }

    /// The reading that logits mean.
    pub(crate) fn by_logits(&self, logits: &[f32]) -> ModelReading {
        reading(&self.kinds, logits, self.temperatures)
    }

    pub(crate) fn row(&self, vector: &[f32], text: &str) -> Row {
        let mut dense = unit(vector);
        dense.resize(self.width, 0.0);
        let terms = terms(text);
        let weight = self.term_scale * term_weight(terms.len());
        let sparse = terms.iter().filter_map(|term| self.terms.get(term)).map(|place| (self.width + place, weight)).collect();
        Row { dense, sparse }
    }
}

/// A value as a line of JSON.
pub(crate) fn line(value: &impl Serialize) -> Result<Vec<u8>, HeadsError> {
    let mut bytes = serde_json::to_vec(value).map_err(damaged)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Sums over kinds: who it is for and which skill.
#[expect(clippy::cast_possible_truncation, reason = "probabilities")]
pub(crate) fn reading(kinds: &[Kind], logits: &[f32], temperatures: Temperatures) -> ModelReading {
    let (mut who, mut skill) = ([0.0_f64; 4], [0.0_f64; 10]);
    for ((kind, who_share), skill_share) in kinds.iter().zip(softmax(logits, temperatures.who)).zip(softmax(logits, temperatures.skill)) {
        if let Some(sum) = who.get_mut(kind.0.index()) {
            *sum += who_share;
        }
        if let Some(sum) = skill.get_mut(kind.1) {
            *sum += skill_share;
        }
    }
    ModelReading { who: who.map(|share| share as f32), skill: skill.map(|share| share as f32) }
}

/// A skill's place: [`Skill::ALL`], then "no skill".
pub(crate) fn place_of(skill: Option<Skill>) -> usize {
    skill.and_then(|skill| Skill::ALL.iter().position(|one| *one == skill)).unwrap_or(Skill::ALL.len())
}

fn skill_name(place: usize) -> String {
    Skill::ALL.get(place).map_or(NONE.to_owned(), ToString::to_string)
}

fn skill_place(name: &str) -> Option<usize> {
    if name == NONE { Some(Skill::ALL.len()) } else { name.parse().ok().map(|skill| place_of(Some(skill))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Heads {
        Heads {
            model: Digest::of(b"model"),
            corpus: Digest::of(b"corpus"),
            width: 2,
            kinds: vec![(Who::Strangers, 0), (Who::Nobody, 9), (Who::Nobody, 8)],
            layer: Layer { classes: 3, weights: vec![2.0, -1.0, 0.0, 0.5, 0.25, -0.125, 4.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0] },
            terms: [("publish", 0), ("store", 1)].map(|(term, at)| (term.to_owned(), at)).into(),
            term_scale: 1.0,
            temperatures: Temperatures { who: 1.0, skill: 2.0 },
            grey: (0.25, 0.75),
        }
    }

    #[test]
    fn come_back_as_they_were_written() {
        let bytes = small().to_bytes().unwrap();
        let back = Heads::parse(&bytes).unwrap();
        assert_eq!(back, small());
        assert_eq!(back.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn read_words_and_vector() {
        let heads = small();
        for reading in [heads.read(&[1.0, 0.0], "publish"), heads.read(&[0.0, 0.0], "")] {
            assert!((reading.who.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!((reading.skill.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
        let nobody = |vector: &[f32], text| heads.read(vector, text).who[3];
        assert!(nobody(&[1.0, 0.0], "publish") < nobody(&[1.0, 0.0], "unknown"));
        assert!(nobody(&[1.0, 0.0], "unknown") < nobody(&[1.0, 0.0], "store"));
        assert!((nobody(&[0.0, 0.0], "") - 2.0 / 3.0).abs() < 1e-6);
        // A vector of another length or without sense is not a reason to fall.
        assert!(nobody(&[], "") > 0.6 && nobody(&[f32::NAN; 9], "") > 0.6);
    }

    #[test]
    fn damaged_ones_are_refused() {
        let good = String::from_utf8(small().to_bytes().unwrap()).unwrap();
        for (from, to) in [
            ("\"format\":2", "\"format\":1"),
            ("\"strangers\"", "\"aliens\""),
            ("\"publish\"],", "\"publishing\"],"),
            ("[0.25,0.75]", "[0.75,0.25]"),
            ("[0.25,0.75]", "[-1.0,0.75]"),
            ("\"who\":1.0", "\"who\":0.0"),
            ("\"width\":2", "\"width\":3"),
            ("\"width\":2", "\"width\":0"),
            ("[2.0,-1.0,0.0]", "[2.0,-1.5,0.0]"),
            ("\"term_scale\":1.0", "\"term_scale\":-1.0"),
            ("\"format\"", "\"other\":0,\"format\""),
            ("[\"store\"", "[\"stork\""),
        ] {
            assert!(good.contains(from), "{from} is not in {good}");
            let changed = good.replacen(from, to, 1);
            assert!(matches!(Heads::parse(changed.as_bytes()), Err(HeadsError::Damaged(_))), "{to}");
        }
        for end in 0..good.len() {
            assert!(Heads::parse(&good.as_bytes()[..end]).is_err(), "the first {end} bytes");
        }
    }

    #[test]
    fn damaged_weights_are_refused_even_with_their_sum() {
        let good = String::from_utf8(small().to_bytes().unwrap()).unwrap();
        let (card, weights) = good.split_once('\n').unwrap();
        for (from, to) in [
            ("[2.0,-1.0,0.0]", "[2.0,-1.0]"),
            ("[2.0,-1.0,0.0]", "[2.0,-1.0,1e99]"),
            ("[2.0,-1.0,0.0]", "[2.0,-1.0,null]"),
            ("[\"store\"", "[\"aaa\""),
            ("[\"store\",[0.0,3.0,0.0]]", "[\"store\"]"),
        ] {
            assert!(weights.contains(from), "{from} is not in {weights}");
            let changed = weights.replacen(from, to, 1);
            let sum = |text: &str| Digest::of(text.as_bytes()).to_string();
            let file = format!("{}\n{changed}", card.replace(&sum(weights), &sum(&changed)));
            assert!(matches!(Heads::parse(file.as_bytes()), Err(HeadsError::Damaged(_))), "{to}");
        }
    }

    #[test]
    fn the_card_alone_names_them() {
        let bytes = small().to_bytes().unwrap();
        let mut other = small();
        other.layer.weights[0] = 2.5;
        assert_eq!(Card::parse(&bytes).unwrap().grey_zone, (0.25, 0.75));
        assert_ne!(Card::sum(&bytes), Card::sum(&other.to_bytes().unwrap()));
    }

    #[test]
    fn another_model_is_refused_with_the_command_that_mends_it() {
        assert!(small().check_model(Digest::of(b"model")).is_ok());
        let error = small().check_model(Digest::of(b"other")).unwrap_err();
        assert!(matches!(error, HeadsError::OtherModel { .. }));
        assert!(error.hint().unwrap().contains("reveille model train"));
    }
}
