//! How many people an experiment takes, known before it begins.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::statistics::{deviate, quantile};

/// The risk of seeing a difference where there is none, over all comparisons of an experiment.
pub(super) const ALPHA: f64 = 0.05;
/// How likely the wanted difference is seen when it is there.
const POWER: f64 = 0.8;

/// `[experiments]`: which difference an experiment must be able to see.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// The share of people who do what is wanted today (0.05).
    pub base: f64,
    /// The share that would be worth the change (0.07).
    pub wanted: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { base: 0.05, wanted: 0.07 }
    }
}

impl Rates {
    /// What can't be meant.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        let fine = self.base > 0.0 && self.base < self.wanted && self.wanted < 1.0;
        (!fine).then_some("`base` and `wanted` are shares above 0 and below 1, and `wanted` is the larger one")
    }
}

/// How many people a side an experiment takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Size {
    /// People a side.
    pub people: u64,
    /// How many sides there are.
    pub sides: usize,
    /// The difference it can see.
    pub rates: Rates,
}

impl Size {
    /// For comparing two independent proportions without continuity correction (Fleiss, Levin, Paik, "Statistical Methods for Rates and
    /// Proportions", 3rd edition 2003, formula 4.14): `(z(α/2) √(2 p̄ q̄) + z(β) √(p₁q₁ + p₂q₂))² / (p₂ - p₁)²` a side. With more than two
    /// sides each is compared with the first, and α is divided among the comparisons (Bonferroni; Dunn, JASA 56, 1961).
    #[must_use]
    pub fn of(rates: Rates, sides: usize) -> Self {
        let Rates { base, wanted } = rates;
        let variance = |p: f64| p * (1.0 - p);
        let even = deviate(alpha(sides)) * (2.0 * variance((base + wanted) / 2.0)).sqrt();
        let apart = quantile(POWER) * (variance(base) + variance(wanted)).sqrt();
        let people = ((even + apart) / (wanted - base)).powi(2).ceil();
        // Rates that were not checked could give no number at all: then nobody is enough.
        let people = if people.is_finite() { people as u64 } else { u64::MAX / 8 };
        Self { people: people.max(1), sides, rates }
    }

    /// People of all sides together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.people.saturating_mul(self.sides as u64)
    }
}

/// The error that each comparison with the first may have.
pub(super) fn alpha(sides: usize) -> f64 {
    ALPHA / sides.saturating_sub(1).max(1) as f64
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rates { base, wanted } = self.rates;
        let shared = if self.sides > 2 { format!(" over {} comparisons", self.sides - 1) } else { String::new() };
        write!(
            f,
            "needs about {} people a side to see {} become {} (α {ALPHA}{shared}, power {POWER})",
            grouped(three_digits(self.people)),
            percent(base),
            percent(wanted)
        )
    }
}

/// A number to three digits that count: 2,213 is about 2,210.
fn three_digits(number: u64) -> u64 {
    let scale = 10_u64.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(2));
    (number + scale / 2) / scale * scale
}

/// A number with a comma every three digits.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut out = digits[..first].to_owned();
    for at in (first..digits.len()).step_by(3) {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(&digits[at..at + 3]);
    }
    out
}

fn percent(share: f64) -> String {
    // At most two digits after the point, and none for nothing.
    format!("{} %", (share * 10_000.0).round() / 100.0)
}

/// How many days it takes to reach the size with so many people in 30 days; nothing where nobody comes.
#[must_use]
pub fn days_needed(size: &Size, people_in_30_days: u64) -> Option<u64> {
    let people = size.total().saturating_mul(30);
    (people_in_30_days > 0).then(|| people.div_ceil(people_in_30_days))
}
