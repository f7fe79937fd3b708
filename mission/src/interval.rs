//! How sure the reach of a channel is: the mean and the middle 80 % of the Gamma distribution that people a post follow after
//! what was measured. Pure; the same facts give the same interval.
//!
//! Must stay true: `low ≤ mean ≤ high` for any facts but those of a hopeless prior (a shape far below 1), and more posts make
//! the interval narrower.

use serde::Serialize;

use crate::facts::Facts;
use crate::value::{Priors, posterior};
use crate::words::Channel;

/// The standard normal deviate below which nine of ten lie: an interval from one tenth to nine tenths holds 80 %.
const NINE_TENTHS: f64 = 1.281_551_565_544_6;

/// People engaged by one post: an estimate with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The mean, which the value of a task takes.
    pub mean: f64,
    /// One in ten that it is less.
    pub low: f64,
    /// One in ten that it is more.
    pub high: f64,
}

/// People engaged by one post on a public channel, with the 80 % interval of the posterior Gamma distribution: shape
/// `prior · reach_weight + engagements`, rate `reach_weight + posts` (see [`crate::reach_of_channel`] for the prior).
pub fn reach_interval(channel: Channel, facts: &Facts, priors: &Priors) -> Interval {
    let (shape, rate) = posterior(channel, facts, priors);
    Interval { mean: shape / rate, low: quantile(shape, rate, -NINE_TENTHS), high: quantile(shape, rate, NINE_TENTHS) }
}

/// The quantile of a Gamma distribution at the standard normal deviate `z`, by the cube of Wilson and Hilferty ("The distribution
/// of chi-square", PNAS 17, 1931): χ² with ν = 2·shape degrees is 2·Gamma(shape, 1). Within 1 % from a shape of 3 on.
fn quantile(shape: f64, rate: f64, z: f64) -> f64 {
    let ninth = 1.0 / (9.0 * shape);
    (1.0 - ninth + z * ninth.sqrt()).max(0.0).powi(3) * shape / rate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_chi_square_tables() {
        // Degrees of freedom, the tenth and the ninetieth percentile of the usual tables, and the error that is allowed.
        for (degrees, low, high, allowed) in [
            (2.0, 0.2107, 4.6052, 0.07),
            (6.0, 2.2041, 10.6446, 0.01),
            (10.0, 4.8652, 15.9872, 0.003),
            (30.0, 20.5992, 40.2560, 0.001),
            (100.0, 82.3581, 118.4980, 0.0005),
        ] {
            for (expected, z) in [(low, -NINE_TENTHS), (high, NINE_TENTHS)] {
                let found = 2.0 * quantile(degrees / 2.0, 1.0, z);
                assert!((found / expected - 1.0).abs() < allowed, "{degrees} degrees: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn more_posts_make_it_narrower_and_the_mean_is_the_reach() {
        let facts = |posts: u64, engagements: u64| {
            let mut facts = Facts::default();
            facts.assume("mastodon.posts", &posts.to_string()).expect("a fact");
            facts.assume("mastodon.engagements", &engagements.to_string()).expect("a fact");
            facts
        };
        let priors = Priors::default();
        let of = |facts: &Facts| reach_interval(Channel::Mastodon, facts, &priors);
        let (few, many) = (of(&facts(2, 6)), of(&facts(200, 600)));
        for interval in [few, many, of(&Facts::default()), of(&facts(60, 0))] {
            assert!(interval.low < interval.mean && interval.mean < interval.high, "{interval:?}");
        }
        assert!(few.high - few.low > 3.0 * (many.high - many.low), "{few:?} {many:?}");
        assert!((few.mean - crate::reach_of_channel(Channel::Mastodon, &facts(2, 6), &priors)).abs() < 1e-12);
        // A shape of almost nothing is no negative number of people.
        let hopeless = Priors { reach_base: 0.001, ..Priors::default() };
        let nobody = reach_interval(Channel::Mastodon, &Facts::default(), &hopeless);
        assert!(nobody.low >= 0.0 && nobody.high >= 0.0, "{nobody:?}");
    }
}
