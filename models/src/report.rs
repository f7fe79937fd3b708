//! How good held-out readings are: accuracy, the area under the curve, calibration, and what the grey zone takes out.

use std::fmt;

use reveille_mission::{ModelReading, Who};

use crate::corpus::{Corpus, Line};
use crate::heads::place_of;

/// Figures over some lines that were read by heads that had not seen them.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The hand, or "all".
    pub name: String,
    /// How many lines.
    pub lines: usize,
    /// The share in which "some reader or nobody" is right at one half.
    pub reader_or_nobody: f64,
    /// The same over lines that stand in a pair; not a number without any.
    pub in_pairs: f64,
    /// The area under the curve of "some reader or nobody".
    pub auc: f64,
    /// The share in which the likeliest of four is right.
    pub who: f64,
    /// The share of the lines with a skill whose likeliest of nine skills or none is right.
    pub skill: f64,
    /// The expected calibration error of "some reader", in ten bins.
    pub calibration_error: f64,
    /// The share of the lines in the grey zone.
    pub grey: f64,
    /// The share outside the grey zone in which "some reader or nobody" is wrong.
    pub wrong_outside: f64,
}

/// Held-out figures for each hand, then over all lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// One a hand that has lines.
    pub hands: Vec<Figures>,
    /// Over all lines.
    pub all: Figures,
}

impl Report {
    /// Measures held-out readings, one a line of the corpus.
    pub(crate) fn of(corpus: &Corpus, readings: &[ModelReading], grey: (f32, f32)) -> Self {
        let figures = |name: &str, keep: &dyn Fn(&Line) -> bool| {
            let lines: Vec<_> = corpus.lines.iter().zip(readings).filter(|(line, _)| keep(line)).collect();
            Figures::of(name, &lines, grey)
        };
        let has_lines = |at: usize| corpus.lines.iter().any(|line| line.hand == at);
        let hands = (0..).zip(&corpus.hands).filter(|(at, _)| has_lines(*at));
        let hands = hands.map(|(at, name)| figures(name, &move |line: &Line| line.hand == at)).collect();
        Self { hands, all: figures("all", &|_| true) }
    }
}

/// The probability that some reader notices.
pub(crate) fn reader_share(reading: &ModelReading) -> f32 {
    1.0 - reading.who[Who::Nobody.index()]
}

impl Figures {
    fn of(name: &str, lines: &[(&Line, &ModelReading)], grey: (f32, f32)) -> Self {
        let shares: Vec<(f32, bool)> = lines.iter().map(|(line, reading)| (reader_share(reading), line.who != Who::Nobody)).collect();
        let right = |(share, reader): &(f32, bool)| (*share >= 0.5) == *reader;
        let outside = |(share, _): &&(f32, bool)| *share <= grey.0 || *share >= grey.1;
        let likeliest = |shares: &[f32]| shares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(at, _)| at);
        let paired = lines.iter().zip(&shares).filter(|((line, _), _)| line.pair.is_some()).map(|(_, share)| right(share));
        Self {
            name: name.to_owned(),
            lines: lines.len(),
            reader_or_nobody: share_of(shares.iter().map(right)),
            in_pairs: share_of(paired),
            auc: area_under_curve(&shares),
            who: share_of(lines.iter().map(|(line, reading)| likeliest(&reading.who) == Some(line.who.index()))),
            skill: share_of(
                lines
                    .iter()
                    .filter(|(line, _)| line.skill.is_some())
                    .map(|(line, reading)| likeliest(&reading.skill) == Some(place_of(line.skill))),
            ),
            calibration_error: calibration_error(&shares),
            grey: 1.0 - share_of(shares.iter().map(|share| outside(&share))),
            wrong_outside: 1.0 - share_of(shares.iter().filter(outside).map(right)),
        }
    }
}

fn share_of(right: impl Iterator<Item = bool>) -> f64 {
    let (all, right) = right.fold((0_u32, 0_u32), |(all, sum), right| (all + 1, sum + u32::from(right)));
    f64::from(right) / f64::from(all)
}

/// From (share, is it for a reader?): the probability that a line for readers gets a larger share than one for nobody; ties
/// count half. Not a number when one of the two kinds is missing.
#[expect(clippy::cast_precision_loss, reason = "a corpus is small")]
pub fn area_under_curve(shares: &[(f32, bool)]) -> f64 {
    let mut sorted = shares.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins) = (0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let readers = tied.iter().filter(|(_, reader)| *reader).count() as f64;
        let nobodies = tied.len() as f64 - readers;
        wins += readers * (below + nobodies / 2.0);
        below += nobodies;
    }
    wins / (below * (sorted.len() as f64 - below))
}

/// How far, on average over ten bins of the share, the share is from how often it is right.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bin from 0 to 9")]
fn calibration_error(shares: &[(f32, bool)]) -> f64 {
    let mut bins = [(0.0_f64, 0.0_f64, 0.0_f64); 10];
    for (share, reader) in shares {
        if let Some((count, said, was)) = bins.get_mut(((share * 10.0) as usize).min(9)) {
            *count += 1.0;
            *said += f64::from(*share);
            *was += f64::from(u8::from(*reader));
        }
    }
    let all: f64 = bins.iter().map(|bin| bin.0).sum();
    bins.iter().map(|(_, said, was)| (said - was).abs()).sum::<f64>() / all
}

impl Figures {
    /// The head of the table that [`Figures`] are the rows of, in Markdown.
    pub const TABLE_HEAD: &str = "| held out | lines | reader or nobody | in pairs | AUC | for whom | skill | calibration error | grey | wrong outside |\n\
        |---|---|---|---|---|---|---|---|---|---|";
}

impl fmt::Display for Figures {
    /// A row of the Markdown table.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "| {} | {} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} |",
            self.name,
            self.lines,
            self.reader_or_nobody,
            self.in_pairs,
            self.auc,
            self.who,
            self.skill,
            self.calibration_error,
            self.grey,
            self.wrong_outside
        )
    }
}

impl fmt::Display for Report {
    /// A Markdown table.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(to, "{}", Figures::TABLE_HEAD)?;
        self.hands.iter().chain([&self.all]).try_for_each(|figures| writeln!(to, "{figures}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    }

    #[test]
    fn area_under_the_curve() {
        near(area_under_curve(&[(0.1, false), (0.9, true)]), 1.0);
        near(area_under_curve(&[(0.9, false), (0.1, true)]), 0.0);
        near(area_under_curve(&[(0.5, false), (0.5, true)]), 0.5);
        near(area_under_curve(&[(0.1, false), (0.3, true), (0.2, false), (0.15, true)]), 0.75);
    }

    #[test]
    fn calibration() {
        near(calibration_error(&[(1.0, true), (0.0, false)]), 0.0);
        near(calibration_error(&[(1.0, false), (0.0, true)]), 1.0);
        near(calibration_error(&[(0.75, true), (0.75, true), (0.75, true), (0.75, false)]), 0.0);
    }
}
