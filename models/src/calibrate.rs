//! From held-out readings: the temperature that makes probabilities honest, and the grey zone that keeps errors out.

/// The largest share of the lines that the grey zone may take.
const MOST_GREY: f64 = 0.08;
/// What it costs to ask, as a part of what a wrong reading costs. Half would never ask; a tenth would ask of one line in seven,
/// seven in ten of them read right (`models/README.md`).
const COST_OF_ASKING: f64 = 0.4;

/// The temperature with the least mean loss, by golden section on its logarithm; `loss` has one valley.
pub(crate) fn temperature(loss: impl Fn(f64) -> f64) -> f64 {
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-2.0_f64, 2.0_f64);
    for _ in 0..24 {
        let (left, right) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(left.exp()) < loss(right.exp()) { high = right } else { low = left }
    }
    // Enough digits to matter, few enough to be the same on every machine.
    (((low + high) / 2.0).exp() * 1000.0).round() / 1000.0
}

/// The grey zone of (probability of a reader, is there one): the one around one half that costs least, an error outside of it
/// being 1 and a line inside [`COST_OF_ASKING`] (Chow, On optimum recognition error and reject tradeoff, 1970), of those that
/// take at most [`MOST_GREY`] of the lines; of equal ones the smallest.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a corpus is small")]
pub(crate) fn grey_zone(shares: &[(f32, bool)]) -> (f32, f32) {
    let mut sorted = shares.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let middle = sorted.partition_point(|(share, _)| *share < 0.5);
    let most = (shares.len() as f64 * MOST_GREY) as usize;
    let wrong = |(share, reader): &(f32, bool)| (*share >= 0.5) != *reader;
    let mut sums = vec![0_usize];
    sums.extend(sorted.iter().scan(0, |sum, share| {
        *sum += usize::from(wrong(share));
        Some(*sum)
    }));
    let between = |from: usize, to: usize| sums.get(to).zip(sums.get(from)).map_or(0, |(to, from)| to - from);
    let all = between(0, sorted.len());
    let mut best: Option<(f64, usize, (usize, usize))> = None;
    for below in 0..=middle.min(most) {
        for above in 0..=(sorted.len() - middle).min(most - below) {
            let (from, to) = (middle - below, middle + above);
            let cost = (all - between(from, to)) as f64 + COST_OF_ASKING * (to - from) as f64;
            let candidate = (cost, to - from, (from, to));
            if best.as_ref().is_none_or(|best| candidate < *best) {
                best = Some(candidate);
            }
        }
    }
    let (from, to) = best.map_or((middle, middle), |best| best.2);
    let share = |at: usize| sorted.get(at).map(|(share, _)| *share);
    // Edges lie halfway between the last line inside and the first outside, on the safe side of one half.
    let edge = |a: Option<f32>, b: Option<f32>, otherwise: f32| a.zip(b).map_or(otherwise, |(a, b)| f32::midpoint(a, b));
    let low = if from == middle { 0.5 } else { edge(from.checked_sub(1).and_then(share), share(from), 0.0) };
    let high = if to == middle { 0.5 } else { edge(share(to - 1), share(to), 1.0) };
    ((low * 1000.0).round() / 1000.0, (high * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_valley() {
        let found = temperature(|temperature| (temperature.ln() - 0.5).powi(2));
        assert!((found - 0.5_f64.exp()).abs() < 0.002, "{found}");
    }

    #[test]
    fn a_perfect_reader_needs_no_grey_zone() {
        let shares: Vec<_> = (0..100).map(|at| (f32::from(at as u8) / 100.0, at >= 50)).collect();
        assert_eq!(grey_zone(&shares), (0.5, 0.5));
    }

    #[test]
    fn errors_near_one_half_are_taken_out_first() {
        // Six errors just above one half, and good readings elsewhere.
        let mut shares: Vec<(f32, bool)> = (0..100).map(|at| if at < 50 { (0.1, false) } else { (0.9, true) }).collect();
        shares.extend([(0.52, false), (0.53, false), (0.54, false), (0.55, false), (0.56, false), (0.57, false)]);
        let (low, high) = grey_zone(&shares);
        assert_eq!(low, 0.5);
        assert!((0.54..0.9).contains(&high), "{high}");
    }

    #[test]
    fn never_takes_more_than_its_share() {
        // Every second line is wrong, so asking would pay everywhere.
        let shares: Vec<_> = (0..1000_u16).map(|at| (f32::from(at) / 1000.0, at % 2 == 0)).collect();
        let (low, high) = grey_zone(&shares);
        let inside = shares.iter().filter(|(share, _)| *share > low && *share < high).count();
        assert!((70..=80).contains(&inside), "{inside} in {low} to {high}");
    }

    #[test]
    fn nothing_to_go_by() {
        assert_eq!(grey_zone(&[]), (0.5, 0.5));
    }
}
