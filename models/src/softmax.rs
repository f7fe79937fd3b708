//! Multinomial logistic regression: a linear layer under a softmax, fitted by L-BFGS (Nocedal and Wright, Numerical
//! Optimization, algorithm 7.5) with squared-weight shrinkage. Deterministic: one thread, one order of sums.

/// A line as the layer sees it: dense values, then (place, value) of the few others that are not zero.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) dense: Vec<f32>,
    pub(crate) sparse: Vec<(usize, f32)>,
}

/// A linear layer: `classes` weights for each input one behind the other, the last input being the constant 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layer {
    pub(crate) classes: usize,
    pub(crate) weights: Vec<f32>,
}

/// What is fitted.
pub(crate) struct Problem<'a> {
    pub(crate) rows: &'a [&'a Row],
    /// Each row's class, below `classes`.
    pub(crate) labels: &'a [usize],
    /// Each row's weight, 1 on average.
    pub(crate) importance: &'a [f64],
    pub(crate) classes: usize,
    /// All inputs without the constant: dense ones first.
    pub(crate) inputs: usize,
    /// The shrinkage: half of it times the squared weights is added to the mean loss.
    pub(crate) shrinkage: f64,
}

/// Steps remembered for the curvature.
const MEMORY: usize = 8;
const MOST_STEPS: usize = 200;
/// Rows whose gradient is summed in `f32` before it joins the whole in `f64`.
const BLOCK: usize = 64;

impl Layer {
    /// The layer that says nothing.
    pub(crate) fn zero(inputs: usize, classes: usize) -> Self {
        Self { classes, weights: vec![0.0; (inputs + 1) * classes] }
    }

    fn input(&self, at: usize) -> &[f32] {
        self.weights.get(at * self.classes..(at + 1) * self.classes).unwrap_or_default()
    }

    /// The logits of a row.
    pub(crate) fn logits(&self, row: &Row) -> Vec<f32> {
        let constant = self.weights.len() / self.classes.max(1) - 1;
        let mut logits = self.input(constant).to_vec();
        let mut add = |at: usize, value: f32| {
            for (logit, weight) in logits.iter_mut().zip(self.input(at)) {
                *logit += value * weight;
            }
        };
        row.dense.iter().enumerate().for_each(|(at, value)| add(at, *value));
        row.sparse.iter().for_each(|(at, value)| add(*at, *value));
        logits
    }
}

/// Softmax of logits divided by a temperature.
pub(crate) fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let raised: Vec<f64> = logits.iter().map(|logit| (f64::from(logit - most) / temperature).exp()).collect();
    let sum: f64 = raised.iter().sum();
    raised.into_iter().map(|value| value / sum).collect()
}

/// Fits a layer, beginning at `start`.
pub(crate) fn fit(problem: &Problem<'_>, start: Layer) -> Layer {
    let from: Vec<f64> = start.weights.iter().map(|weight| f64::from(*weight)).collect();
    let mut layer = start;
    let at = descend(from, MOST_STEPS, |at| problem.loss(&mut layer, at));
    problem.set(&mut layer, &at);
    layer
}

/// Goes downhill from `at`, at most `most_steps` steps, never uphill: a loss that is no number is never accepted. `loss` gives
/// the loss at a place and its gradient there.
pub(crate) fn descend(mut at: Vec<f64>, most_steps: usize, mut loss: impl FnMut(&[f64]) -> (f64, Vec<f64>)) -> Vec<f64> {
    let (mut height, mut slope) = loss(&at);
    let mut memory: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for _ in 0..most_steps {
        let mut direction = downhill(&slope, &memory);
        let mut descent = dot(&direction, &slope);
        if descent >= 0.0 {
            memory.clear();
            direction = slope.iter().map(|value| -value).collect();
            descent = dot(&direction, &slope);
        }
        let mut length = if memory.is_empty() { 1.0 / dot(&slope, &slope).sqrt().max(1.0) } else { 1.0 };
        let found = loop {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(value, step)| value + length * step).collect();
            let (next_height, next_slope) = loss(&next);
            if next_height <= height + 1e-4 * length * descent {
                break Some((next, next_height, next_slope));
            }
            length *= 0.5;
            if length < 1e-6 {
                break None;
            }
        };
        let Some((next, next_height, next_slope)) = found else { break };
        let gain = height - next_height;
        let step: Vec<f64> = next.iter().zip(&at).map(|(new, old)| new - old).collect();
        let turn: Vec<f64> = next_slope.iter().zip(&slope).map(|(new, old)| new - old).collect();
        if dot(&step, &turn) > 1e-12 {
            if memory.len() == MEMORY {
                memory.remove(0);
            }
            memory.push((step, turn));
        }
        (at, height, slope) = (next, next_height, next_slope);
        if gain < 1e-7 * height {
            break;
        }
    }
    at
}

/// The two-loop recursion: the slope turned by what the last steps told of the curvature.
fn downhill(slope: &[f64], memory: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
    let mut direction: Vec<f64> = slope.iter().map(|value| -value).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for (step, turn) in memory.iter().rev() {
        let share = dot(step, &direction) / dot(step, turn);
        add(&mut direction, -share, turn);
        shares.push(share);
    }
    if let Some((step, turn)) = memory.last() {
        let scale = dot(step, turn) / dot(turn, turn);
        direction.iter_mut().for_each(|value| *value *= scale);
    }
    for ((step, turn), share) in memory.iter().zip(shares.into_iter().rev()) {
        let back = dot(turn, &direction) / dot(step, turn);
        add(&mut direction, share - back, step);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += factor * what);
}

impl Problem<'_> {
    #[expect(clippy::cast_possible_truncation, reason = "weights are stored in f32")]
    fn set(&self, layer: &mut Layer, at: &[f64]) {
        debug_assert_eq!(at.len(), (self.inputs + 1) * self.classes);
        layer.weights.iter_mut().zip(at).for_each(|(weight, value)| *weight = *value as f32);
    }

    /// The mean loss with shrinkage, and its gradient.
    #[expect(clippy::cast_precision_loss, reason = "a corpus is small")]
    fn loss(&self, layer: &mut Layer, at: &[f64]) -> (f64, Vec<f64>) {
        self.set(layer, at);
        let mut slope = vec![0.0_f64; at.len()];
        let mut loss = 0.0;
        let mut part = vec![0.0_f32; at.len()];
        let count = self.rows.len().max(1) as f64;
        let labelled: Vec<_> = self.rows.iter().zip(self.labels.iter().zip(self.importance)).collect();
        for block in labelled.chunks(BLOCK) {
            part.fill(0.0);
            for (row, (label, importance)) in block {
                loss += self.one(layer, row, **label, **importance / count, &mut part);
            }
            slope.iter_mut().zip(&part).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        // The constant is not shrunk.
        let shrunk = self.inputs * self.classes;
        for (slope, value) in slope.iter_mut().zip(at).take(shrunk) {
            *slope += self.shrinkage * value;
            loss += 0.5 * self.shrinkage * value * value;
        }
        (loss, slope)
    }

    /// One row's loss; its gradient is added to `part`.
    #[expect(clippy::cast_possible_truncation, reason = "the gradient of a block is summed in f32")]
    fn one(&self, layer: &Layer, row: &Row, label: usize, importance: f64, part: &mut [f32]) -> f64 {
        let mut shares = softmax(&layer.logits(row), 1.0);
        let loss = -importance * shares.get(label).copied().unwrap_or(1.0).max(1e-300).ln();
        if let Some(share) = shares.get_mut(label) {
            *share -= 1.0;
        }
        let errors: Vec<f32> = shares.iter().map(|share| (share * importance) as f32).collect();
        let mut put = |at: usize, value: f32| {
            let sums = part.get_mut(at * self.classes..(at + 1) * self.classes).unwrap_or_default();
            sums.iter_mut().zip(&errors).for_each(|(sum, error)| *sum += value * error);
        };
        row.dense.iter().enumerate().for_each(|(at, value)| put(at, *value));
        row.sparse.iter().for_each(|(at, value)| put(*at, *value));
        put(self.inputs, 1.0);
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        (0..60_u8)
            .map(|at| {
                let (x, y) = (f32::from(at % 10) / 10.0, f32::from(at / 10) / 6.0);
                Row { dense: vec![x, y], sparse: vec![(2 + usize::from(at % 3), 0.5)] }
            })
            .collect()
    }

    fn problem<'a>(rows: &'a [&'a Row], labels: &'a [usize], importance: &'a [f64]) -> Problem<'a> {
        Problem { rows, labels, importance, classes: 3, inputs: 5, shrinkage: 1e-3 }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let rows = rows();
        let rows: Vec<&Row> = rows.iter().collect();
        let labels: Vec<usize> = (0..60).map(|at| at % 3).collect();
        let importance: Vec<f64> = (0..60_u8).map(|at| 0.5 + f64::from(at) / 60.0).collect();
        let problem = problem(&rows, &labels, &importance);
        let at: Vec<f64> = (0..18_u8).map(|at| f64::from(at % 5) / 4.0 - 0.5).collect();
        let mut layer = Layer::zero(5, 3);
        let (_, slope) = problem.loss(&mut layer, &at);
        for place in 0..at.len() {
            let moved = |by: f64| {
                let mut at = at.clone();
                at[place] += by;
                problem.loss(&mut Layer::zero(5, 3), &at).0
            };
            let measured = (moved(1e-3) - moved(-1e-3)) / 2e-3;
            assert!((measured - slope[place]).abs() < 1e-4, "{place}: {measured} is not {}", slope[place]);
        }
    }

    #[test]
    fn fits_what_is_separable_and_stops_at_the_valley() {
        let rows = rows();
        let rows: Vec<&Row> = rows.iter().collect();
        let labels: Vec<usize> = (0..60).map(|at| at % 3).collect();
        let importance = vec![1.0; 60];
        let problem = problem(&rows, &labels, &importance);
        let mut layer = fit(&problem, Layer::zero(5, 3));
        for (row, label) in rows.iter().zip(&labels) {
            let shares = softmax(&layer.logits(row), 1.0);
            assert!(shares[*label] > 0.8, "{shares:?} for {label}");
        }
        let at: Vec<f64> = layer.weights.iter().map(|weight| f64::from(*weight)).collect();
        let (_, slope) = problem.loss(&mut layer, &at);
        assert!(dot(&slope, &slope).sqrt() < 1e-3, "{slope:?}");
    }

    #[test]
    fn softmax_bears_large_logits() {
        assert_eq!(softmax(&[1e30, 0.0], 1.0), [1.0, 0.0]);
        assert_eq!(softmax(&[3.0, 3.0], 0.5), [0.5, 0.5]);
    }
}
