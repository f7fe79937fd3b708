//! Training the heads, and measuring them on hands they have not seen: each hand is read by heads trained on the others.
//! The same corpus, model and recipe give the same heads; nothing is drawn at random.

use std::collections::{BTreeMap, BTreeSet};

use reveille_mission::{ModelReading, Who};

use crate::calibrate::{grey_zone, temperature};
use crate::corpus::{Corpus, Line};
use crate::digest::Digest;
use crate::features::{term_weight, terms, unit, vocabulary};
use crate::heads::{Heads, Kind, Temperatures, place_of, reading};
use crate::report::{Report, reader_share};
use crate::softmax::{Layer, Problem, Row, fit, softmax};

/// How heads are trained. The default is the best of the table in `models/README.md`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// The shrinkage of the weights: half of it times their squares is added to the mean loss.
    pub shrinkage: f64,
    /// How long the vector of a line's terms is beside its sentence vector of length 1; 0 leaves the words out.
    pub term_scale: f32,
    /// How many lines of the corpus must have a term for it to be known.
    pub term_lines: usize,
    /// From 0 (each line counts the same) to 1 (each kind of task counts the same).
    pub balance: f64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { shrinkage: 2e-4, term_scale: 3.0, term_lines: 3, balance: 0.75 }
    }
}

/// Heads and how good they are on hands they had not seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// Trained on every line.
    pub heads: Heads,
    /// Measured with each hand left out in turn.
    pub report: Report,
    /// The logits of every line by heads that had not seen its hand.
    pub(crate) held_out: Vec<Vec<f32>>,
}

/// Vectors of the lines of a corpus, one a line in their order.
pub type Vectors = Vec<Vec<f32>>;

/// Trains heads on every line and measures them on hands left out. `model` is the sum of the encoder's file.
///
/// An encoder that was itself trained on the corpus has seen every hand, and measuring with its vectors flatters. Then
/// `blind` holds, for each hand, the vectors of all lines by an encoder that has not seen that hand. A corpus of one hand is
/// measured on the lines it was trained on, for want of others.
pub fn train(corpus: &Corpus, vectors: &[Vec<f32>], blind: Option<&[Vectors]>, model: Digest, recipe: &Recipe) -> Trained {
    let lines = Prepared::new(corpus, vectors);
    let held_out = held_out(corpus, &lines, blind.unwrap_or_default(), recipe);
    let Judged { temperatures, grey, report } = Judged::of(corpus, &lines.kinds, &held_out);
    let everyone: Vec<usize> = (0..corpus.lines.len()).collect();
    let fitted = lines.fit(&everyone, recipe);
    let heads = Heads {
        model,
        corpus: corpus.digest,
        width: lines.width,
        kinds: lines.kinds.clone(),
        layer: rounded(fitted.layer),
        terms: fitted.terms,
        term_scale: recipe.term_scale,
        temperatures,
        grey,
    };
    Trained { heads, report, held_out }
}

/// Trains heads on the other hands and measures them on the hands `held`, by their places: one fold, for an encoder that has
/// seen the other hands only.
pub fn measure(corpus: &Corpus, vectors: &[Vec<f32>], held: &[usize], recipe: &Recipe) -> Report {
    let lines = Prepared::new(corpus, vectors);
    let of_held = |at: &usize| corpus.lines.get(*at).is_some_and(|line| held.contains(&line.hand));
    let (unseen, others): (Vec<usize>, Vec<usize>) = (0..corpus.lines.len()).partition(of_held);
    let fitted = lines.fit(&others, recipe);
    let logits: Vec<Vec<f32>> = unseen.iter().map(|at| fitted.layer.logits(&lines.row(*at, &fitted.terms, recipe.term_scale))).collect();
    Judged::of(&corpus.only(held), &lines.kinds, &logits).report
}

/// What held-out logits are good for: the temperatures and the grey zone fitted on them, and the figures with both.
struct Judged {
    temperatures: Temperatures,
    grey: (f32, f32),
    report: Report,
}

impl Judged {
    /// Judges the logits of every line of a corpus.
    fn of(corpus: &Corpus, kinds: &[Kind], logits: &[Vec<f32>]) -> Self {
        let temperatures = temperatures(&corpus.lines, kinds, logits);
        let readings: Vec<ModelReading> = logits.iter().map(|logits| reading(kinds, logits, temperatures)).collect();
        let shares: Vec<(f32, bool)> =
            corpus.lines.iter().zip(&readings).map(|(line, reading)| (reader_share(reading), line.who != Who::Nobody)).collect();
        let grey = grey_zone(&shares);
        Self { temperatures, grey, report: Report::of(corpus, &readings, grey) }
    }
}

/// Weights with the digits that matter: the file stays small, and a last bit that another machine computes otherwise is gone.
fn rounded(mut layer: Layer) -> Layer {
    layer.weights.iter_mut().for_each(|weight| *weight = (*weight * 1000.0).round() / 1000.0);
    layer
}

/// What of the lines does not change from fit to fit.
struct Prepared {
    width: usize,
    vectors: Vec<Vec<f32>>,
    terms: Vec<BTreeSet<String>>,
    kinds: Vec<Kind>,
    labels: Vec<usize>,
}

/// A layer and the terms it knows.
struct Fitted {
    layer: Layer,
    terms: BTreeMap<String, usize>,
}

impl Prepared {
    fn new(corpus: &Corpus, vectors: &[Vec<f32>]) -> Self {
        let kind = |line: &Line| (line.who, place_of(line.skill));
        let kinds: BTreeSet<Kind> = corpus.lines.iter().map(kind).collect();
        let kinds: Vec<Kind> = kinds.into_iter().collect();
        let labels = corpus.lines.iter().map(|line| kinds.binary_search(&kind(line)).unwrap_or(0)).collect();
        Self {
            width: vectors.first().map_or(0, Vec::len),
            vectors: vectors.iter().map(|vector| unit(vector)).collect(),
            terms: corpus.lines.iter().map(|line| terms(&line.text)).collect(),
            kinds,
            labels,
        }
    }

    fn row(&self, at: usize, known: &BTreeMap<String, usize>, scale: f32) -> Row {
        let terms = self.terms.get(at);
        let weight = scale * term_weight(terms.map_or(0, BTreeSet::len));
        let sparse = terms.into_iter().flatten().filter_map(|term| known.get(term)).map(|place| (self.width + place, weight)).collect();
        Row { dense: self.vectors.get(at).cloned().unwrap_or_default(), sparse }
    }

    fn fit(&self, lines: &[usize], recipe: &Recipe) -> Fitted {
        let seen = lines.iter().filter_map(|at| self.terms.get(*at));
        let known = if recipe.term_scale > 0.0 { vocabulary(seen, recipe.term_lines) } else { Vec::new() };
        let known: BTreeMap<String, usize> = known.into_iter().zip(0..).collect();
        let rows: Vec<Row> = lines.iter().map(|at| self.row(*at, &known, recipe.term_scale)).collect();
        let rows: Vec<&Row> = rows.iter().collect();
        let labels: Vec<usize> = lines.iter().filter_map(|at| self.labels.get(*at)).copied().collect();
        let importance = importance(&labels, self.kinds.len(), recipe.balance);
        let inputs = self.width + known.len();
        let problem = Problem {
            rows: &rows,
            labels: &labels,
            importance: &importance,
            classes: self.kinds.len(),
            inputs,
            shrinkage: recipe.shrinkage,
        };
        Fitted { layer: fit(&problem, Layer::zero(inputs, self.kinds.len())), terms: known }
    }
}

/// The logits of every line by heads (and where there are blind ones, an encoder) that have not seen its hand.
fn held_out(corpus: &Corpus, lines: &Prepared, blind: &[Vectors], recipe: &Recipe) -> Vec<Vec<f32>> {
    let mut logits = vec![Vec::new(); corpus.lines.len()];
    let hand = |at: usize| corpus.lines.get(at).map(|line| line.hand);
    for left_out in 0..corpus.hands.len() {
        let (of_hand, mut others): (Vec<usize>, Vec<usize>) = (0..corpus.lines.len()).partition(|at| hand(*at) == Some(left_out));
        if others.is_empty() {
            others.clone_from(&of_hand);
        }
        let unseen = blind.get(left_out).map(|vectors| Prepared::new(corpus, vectors));
        let lines = unseen.as_ref().unwrap_or(lines);
        let fitted = lines.fit(&others, recipe);
        for at in of_hand {
            if let Some(place) = logits.get_mut(at) {
                *place = fitted.layer.logits(&lines.row(at, &fitted.terms, recipe.term_scale));
            }
        }
    }
    logits
}

/// How much each line counts: less for a frequent kind the larger `balance` is, 1 on average.
#[expect(clippy::cast_precision_loss, reason = "a corpus is small")]
fn importance(labels: &[usize], kinds: usize, balance: f64) -> Vec<f64> {
    let mut counts = vec![0_usize; kinds];
    labels.iter().for_each(|label| counts.iter_mut().skip(*label).take(1).for_each(|count| *count += 1));
    let raw: Vec<f64> = labels.iter().map(|label| counts.get(*label).map_or(1.0, |count| (*count as f64).powf(-balance))).collect();
    let mean = raw.iter().sum::<f64>() / raw.len().max(1) as f64;
    raw.into_iter().map(|value| value / mean).collect()
}

fn temperatures(lines: &[Line], kinds: &[Kind], logits: &[Vec<f32>]) -> Temperatures {
    let loss = |temperature: f64, right: &dyn Fn(&Line, &Kind) -> bool| -> f64 {
        let of_line = |(line, logits): (&Line, &Vec<f32>)| {
            let shares = softmax(logits, temperature);
            let share: f64 = kinds.iter().zip(shares).filter(|(kind, _)| right(line, kind)).map(|(_, share)| share).sum();
            -share.max(1e-12).ln()
        };
        lines.iter().zip(logits).map(of_line).sum()
    };
    Temperatures {
        who: temperature(|at| loss(at, &|line, kind| kind.0 == line.who)),
        skill: temperature(|at| loss(at, &|line, kind| kind.1 == place_of(line.skill))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two hands that say the same in two ways; the vector tells readers from nobody, the words tell the skill.
    fn small() -> (Corpus, Vectors) {
        let mut files = [String::new(), String::new()];
        let mut vectors = Vec::new();
        for (hand, file) in files.iter_mut().enumerate() {
            for at in 0..40_u8 {
                let (who, skill) =
                    [("strangers", "publish"), ("nobody", "none"), ("nobody", "maintain"), ("customers", "sell")][usize::from(at % 4)];
                *file += &format!("{skill} item{hand}x{at} now\t{who}\t{skill}\t\t\n");
                let side = if who == "nobody" { -1.0 } else { 1.0 };
                vectors.push(vec![side, f32::from(at % 7) / 7.0, f32::from(at % 3) / 3.0]);
            }
        }
        let corpus = Corpus::from_files([("one", files[0].as_bytes()), ("two", files[1].as_bytes())]).unwrap();
        (corpus, vectors)
    }

    #[test]
    fn learns_what_can_be_learned_and_says_so() {
        let (corpus, vectors) = small();
        let trained = train(&corpus, &vectors, None, Digest::of(b"model"), &Recipe::default());
        let all = &trained.report.all;
        assert!(all.reader_or_nobody > 0.99 && all.auc > 0.99 && all.who > 0.99 && all.skill > 0.99, "{all}");
        assert_eq!(trained.report.hands.len(), 2);
        let reading = trained.heads.read(&[1.0, 0.3, 0.3], "publish it");
        assert!(reading.who[0] > 0.5 && reading.skill[0] > 0.5, "{reading:?}");
    }

    #[test]
    fn is_repeatable_and_written_whole() {
        let (corpus, vectors) = small();
        let once = || train(&corpus, &vectors, None, Digest::of(b"model"), &Recipe::default()).heads;
        let bytes = once().to_bytes().unwrap();
        assert_eq!(bytes, once().to_bytes().unwrap());
        assert_eq!(Heads::parse(&bytes).unwrap(), once());
    }

    #[test]
    fn labels_without_sense_are_not_learned() {
        let (mut corpus, vectors) = small();
        // Every label moves to the next line: what the vector says no longer tells for whom.
        let labels: Vec<_> = corpus.lines.iter().map(|line| (line.who, line.skill)).collect();
        for (at, line) in corpus.lines.iter_mut().enumerate() {
            (line.who, line.skill) = labels[(at * 7 + at / 4) % labels.len()];
        }
        let all = train(&corpus, &vectors, None, Digest::of(b"model"), &Recipe { term_scale: 0.0, ..Recipe::default() }).report.all;
        assert!(all.auc < 0.8, "{all}");
    }

    #[test]
    fn blind_vectors_are_the_ones_measured() {
        let (corpus, vectors) = small();
        let dull = vec![vec![vec![0.0; 3]; corpus.lines.len()]; 2];
        let recipe = Recipe { term_scale: 0.0, ..Recipe::default() };
        let seen = train(&corpus, &vectors, None, Digest::of(b"model"), &recipe);
        let blind = train(&corpus, &vectors, Some(&dull), Digest::of(b"model"), &recipe);
        assert!(seen.report.all.auc > 0.99 && blind.report.all.auc < 0.6);
        assert_eq!(seen.heads.layer, blind.heads.layer);
    }

    #[test]
    fn balance_evens_out_the_kinds() {
        assert_eq!(importance(&[0, 0, 0, 1], 2, 0.0), [1.0; 4]);
        let even = importance(&[0, 0, 0, 1], 2, 1.0);
        assert!((even[0] * 3.0 - even[3]).abs() < 1e-9 && (even.iter().sum::<f64>() - 4.0).abs() < 1e-9);
    }
}
