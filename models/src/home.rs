//! Learning from a home: the heads refitted to what its human said of lines, and a guard that sets those lines aside when the
//! heads would read the shipped corpus worse for it.
//!
//! Must stay true: the same lines in any order give the same key and the same heads; other lines, or the same with another
//! label, give another key; without lines nothing changes. A reading stays probabilities whatever the lines say.

use std::collections::{BTreeMap, BTreeSet};

use reveille_mission::{Skill, Who};

use crate::digest::{Digest, Running};
use crate::heads::{Heads, Kind, place_of};
use crate::lines::Lines;
use crate::softmax::{Layer, Row, descend};

/// Raised when the refit changes, so that readings by an earlier one no longer count.
const REFIT: &str = "home 1\n";
/// How much a weight resists being moved away from the shipped one, in units of one line's loss for each squared unit. Tried
/// from 0.01 to 1 on hands that the heads had not seen: less lets a few lines spoil the reading of others.
const STRENGTH: f64 = 0.3;
/// Lines times steps: what keeps the refit of 5,000 lines within 200 ms.
const MOST_WORK: usize = 25_000;
/// Steps for few lines; more of them change nothing any more.
const MOST_STEPS: usize = 60;
/// Rows whose gradient is summed in `f32` before it joins the whole in `f64`.
const BLOCK: usize = 256;
/// How much of the right readings of the shipped corpus may be lost, from 0 to 1.
const MOST_LOST: f64 = 0.01;

/// A line of the home and what its human says of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HomeLine {
    /// The words.
    pub text: String,
    /// Who notices, if that is known.
    pub who: Option<Who>,
    /// The skill (`Some(None)`: no skill), if that is known.
    pub skill: Option<Option<Skill>>,
}

/// What came of the home's lines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Learned {
    /// The heads were refitted to them.
    Used {
        /// How many.
        lines: usize,
    },
    /// The heads are as shipped, for with the lines they would read the shipped corpus worse.
    SetAside {
        /// How many.
        lines: usize,
        /// The share of the corpus read right without them, from 0 to 1.
        before: f64,
        /// And with them.
        after: f64,
    },
}

/// The lines in their one order, each once.
pub(crate) fn in_order(mut lines: Vec<HomeLine>) -> Vec<HomeLine> {
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// What names a reader of these heads with these lines, which must be [`in_order`].
pub(crate) fn key(heads: Digest, lines: &[HomeLine]) -> Digest {
    if lines.is_empty() {
        return heads;
    }
    let mut sum = Running::default();
    sum.update(REFIT.as_bytes());
    sum.update(&heads.0);
    for line in lines {
        sum.update(&(line.text.len() as u64).to_le_bytes());
        sum.update(line.text.as_bytes());
        let label = [line.who.map(Who::index), line.skill.map(place_of)];
        // No place reaches 255, which says "not known".
        sum.update(&label.map(|place| place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)));
    }
    sum.finish()
}

/// Refits heads to lines with their vectors, as the encoder gives them, and keeps the refit only if the guard lets it pass: on
/// lines of the shipped corpus, read as by heads that have not seen their hand, no more than [`MOST_LOST`] may be lost.
pub(crate) fn learn(heads: Heads, lines: &[HomeLine], vectors: &[Vec<f32>], corpus: &Lines) -> (Heads, Learned) {
    let (after, learned) = refit(heads.clone(), lines, vectors);
    let (Learned::Used { lines } | Learned::SetAside { lines, .. }) = learned;
    let figures = corpus.accuracy(&heads, &after);
    weigh((heads, after), lines, figures)
}

/// Which of (before, after) is to be read with, by the figures of the guard.
fn weigh((before, after): (Heads, Heads), lines: usize, (was, is): (f64, f64)) -> (Heads, Learned) {
    if was - is > MOST_LOST || !is.is_finite() {
        (before, Learned::SetAside { lines, before: was, after: is })
    } else {
        (after, Learned::Used { lines })
    }
}

/// The most probable layer given the home's lines, with the shipped layer as the mean of a normal prior: the least of the
/// lines' summed cross-entropy and half of [`STRENGTH`] times the squared way from the shipped weights. A label that is known
/// in part is the sum over the kinds that fit it. The constant stays, for it would move lines that have nothing in common.
fn refit(heads: Heads, lines: &[HomeLine], vectors: &[Vec<f32>]) -> (Heads, Learned) {
    let mut told: Vec<Told> = lines.iter().zip(vectors).filter_map(|(line, vector)| Told::of(&heads, line, vector)).collect();
    let used = told.len();
    if told.is_empty() {
        return (heads, Learned::Used { lines: 0 });
    }
    let known = compact(&mut told, heads.width);
    let inputs = heads.width + known.len();
    let mut way = Layer::zero(inputs, heads.kinds.len());
    let start = vec![0.0; way.weights.len()];
    let steps = (MOST_WORK / used).clamp(4, MOST_STEPS);
    let moved = descend(start, steps, |at| loss(&told, &mut way, at));
    (add(heads, &known, &moved), Learned::Used { lines: used })
}

/// A line as the refit sees it.
struct Told {
    row: Row,
    /// What the shipped layer says of it.
    logits: Vec<f32>,
    /// Whether each kind fits its label.
    fits: Vec<bool>,
}

impl Told {
    /// `None` when its label tells no kinds of these heads apart.
    fn of(heads: &Heads, line: &HomeLine, vector: &[f32]) -> Option<Self> {
        let place = line.skill.map(place_of);
        let by_who = |kind: &Kind| line.who.is_none_or(|who| kind.0 == who);
        let by_both = |kind: &Kind| by_who(kind) && place.is_none_or(|place| kind.1 == place);
        let mut fits: Vec<bool> = heads.kinds.iter().map(by_both).collect();
        if !fits.contains(&true) && line.who.is_some() {
            tracing::debug!(who = ?line.who, skill = ?line.skill, "the heads know no such kind of task: only who it is for counts");
            fits = heads.kinds.iter().map(by_who).collect();
        }
        if !fits.contains(&true) || !fits.contains(&false) {
            tracing::debug!(who = ?line.who, skill = ?line.skill, "the label tells no kinds of task apart that the heads know");
            return None;
        }
        let row = heads.row(vector, &line.text);
        Some(Self { logits: heads.layer.logits(&row), row, fits })
    }
}

/// Renumbers the terms so that only those of the lines are fitted; their places among the heads' inputs, in order.
fn compact(told: &mut [Told], width: usize) -> Vec<usize> {
    let known: BTreeSet<usize> = told.iter().flat_map(|told| told.row.sparse.iter().map(|(at, _)| *at)).collect();
    let places: BTreeMap<usize, usize> = known.iter().copied().zip(width..).collect();
    for (at, _) in told.iter_mut().flat_map(|told| told.row.sparse.iter_mut()) {
        *at = places.get(at).copied().unwrap_or(*at);
    }
    known.into_iter().collect()
}

/// What is minimised, and its gradient: `at` is the way from the shipped weights.
#[expect(clippy::cast_possible_truncation, reason = "weights are stored in f32")]
fn loss(told: &[Told], way: &mut Layer, at: &[f64]) -> (f64, Vec<f64>) {
    way.weights.iter_mut().zip(at).for_each(|(weight, value)| *weight = *value as f32);
    let mut slope: Vec<f64> = at.iter().map(|value| STRENGTH * value).collect();
    let mut loss = 0.5 * STRENGTH * at.iter().map(|value| value * value).sum::<f64>();
    let mut part = vec![0.0_f32; at.len()];
    for block in told.chunks(BLOCK) {
        part.fill(0.0);
        loss += block.iter().map(|one| one.loss(way, &mut part)).sum::<f64>();
        slope.iter_mut().zip(&part).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    (loss, slope)
}

impl Told {
    /// This line's cross-entropy; its gradient is added to `part`.
    #[expect(clippy::cast_possible_truncation, reason = "the gradient of a block is summed in f32")]
    fn loss(&self, way: &Layer, part: &mut [f32]) -> f64 {
        let logits: Vec<f64> = way.logits(&self.row).iter().zip(&self.logits).map(|(way, shipped)| f64::from(way + shipped)).collect();
        let labelled = || logits.iter().zip(&self.fits);
        // Each sum from its own largest term, so that a label far from the shipped reading still has a slope.
        let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let fitting = labelled().filter(|(_, fits)| **fits).fold(f64::NEG_INFINITY, |most, (logit, _)| most.max(*logit));
        let raised: Vec<(f64, f64)> =
            labelled().map(|(logit, fits)| ((logit - most).exp(), if *fits { (logit - fitting).exp() } else { 0.0 })).collect();
        let (sum, right) = raised.iter().fold((0.0, 0.0), |(sum, right), (any, fit)| (sum + any, right + fit));
        let errors: Vec<f32> = raised.iter().map(|(any, fit)| (any / sum - fit / right) as f32).collect();
        let mut put = |at: usize, value: f32| {
            let sums = part.get_mut(at * errors.len()..(at + 1) * errors.len()).unwrap_or_default();
            sums.iter_mut().zip(&errors).for_each(|(sum, error)| *sum += value * error);
        };
        self.row.dense.iter().enumerate().for_each(|(at, value)| put(at, *value));
        self.row.sparse.iter().for_each(|(at, value)| put(*at, *value));
        (most + sum.ln()) - (fitting + right.ln())
    }
}

/// The heads with the way added: the vector's inputs, the terms' at `known`.
#[expect(clippy::cast_possible_truncation, reason = "weights are stored in f32")]
fn add(mut heads: Heads, known: &[usize], way: &[f64]) -> Heads {
    let classes = heads.kinds.len();
    let places = (0..heads.width).chain(known.iter().copied());
    for (place, moved) in places.zip(way.chunks(classes)) {
        let weights = heads.layer.weights.get_mut(place * classes..(place + 1) * classes).unwrap_or_default();
        weights.iter_mut().zip(moved).for_each(|(weight, moved)| *weight += *moved as f32);
    }
    heads
}

#[cfg(test)]
mod tests;
