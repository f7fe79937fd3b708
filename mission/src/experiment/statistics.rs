//! What counts say, by the textbooks: whether people were shared out evenly, and whether two rates differ.
//!
//! Must stay true: no number is NaN, whatever the counts; nobody at all differs from nobody by nothing.

use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

/// The two-sided standard normal deviate of an error `alpha`: 1.96 for 0.05.
pub(super) fn deviate(alpha: f64) -> f64 {
    Normal::standard().inverse_cdf(1.0 - alpha / 2.0)
}

/// The deviate below which a share of the standard normal distribution lies: 0.84 for 0.8.
pub(super) fn quantile(share: f64) -> f64 {
    Normal::standard().inverse_cdf(share)
}

/// How likely counts as uneven as these are when each side is to get the same: Pearson's chi-square test against equal shares.
/// 1 when fewer than five are expected a side (Cochran's rule: below it the test says nothing).
#[must_use]
pub fn ratio_p(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len().max(1) as f64;
    let freedom = counts.len().saturating_sub(1) as f64;
    let Ok(distribution) = ChiSquared::new(freedom) else { return 1.0 };
    if expected < 5.0 {
        return 1.0;
    }
    distribution.sf(counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum())
}

/// How far a rate is from another one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// The other rate minus the first.
    pub estimate: f64,
    /// The ends of its confidence interval.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// How likely a difference like it is where there is none: the two-proportion z test with pooled variance, two-sided.
    pub p: f64,
}

/// The difference of two rates, each given as outcomes of people; the interval has the confidence `1 - alpha`. It is Newcombe's hybrid
/// score interval ("Interval estimation for the difference between independent proportions", Statistics in Medicine 17, 1998, method
/// 10), which holds for small counts too.
#[must_use]
pub fn difference(first: (u64, u64), other: (u64, u64), alpha: f64) -> Difference {
    let z = deviate(alpha);
    let ((p1, low1, high1), (p2, low2, high2)) = (wilson(first, z), wilson(other, z));
    let (n1, n2) = (first.1.max(1) as f64, other.1.max(1) as f64);
    let pooled = (p1 * n1 + p2 * n2) / (n1 + n2);
    let spread = (pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2)).sqrt();
    let estimate = p2 - p1;
    let p = if spread > 0.0 { (2.0 * Normal::standard().sf((estimate / spread).abs())).min(1.0) } else { 1.0 };
    Difference {
        estimate,
        low: estimate - ((p2 - low2).powi(2) + (high1 - p1).powi(2)).sqrt(),
        high: estimate + ((high2 - p2).powi(2) + (p1 - low1).powi(2)).sqrt(),
        p,
    }
}

/// A rate and the ends of its score interval (Wilson, "Probable inference", JASA 22, 1927).
fn wilson((outcomes, people): (u64, u64), z: f64) -> (f64, f64, f64) {
    if people == 0 {
        return (0.0, 0.0, 1.0);
    }
    let n = people as f64;
    let p = (outcomes.min(people)) as f64 / n;
    let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
    (p, (middle - half).max(0.0), (middle + half).min(1.0))
}
