//! A campaign of inputs on stable Rust: seeds, and what becomes of them by chance. The agent's own tests include this file, for its
//! settings can't be read from outside.
//!
//! Must stay true: the same numbers give the same inputs; an input that panics or takes more than a second is shown whole.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest that one input may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most bytes of an input.
const LONGEST: usize = 64 << 10;

/// What a campaign came to.
pub(crate) struct Report {
    pub(crate) inputs: u64,
    pub(crate) seconds: f64,
    pub(crate) slowest: Duration,
    /// The process's largest resident memory during it, in MB; none where the system does not say.
    pub(crate) peak: Option<u64>,
}

/// A generator of numbers (xorshift64*): not random, only various.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 for 0.
    fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { usize::try_from(self.roll() >> 11).unwrap_or(0) % end }
    }
}

/// The seeds of a target, in the order of their names.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let seeds: Vec<_> =
        paths.iter().map(|path| std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).collect();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    seeds
}

/// The seeds, then `inputs` changed ones; `words` are put in whole. Panics with the first input that must not be.
pub(crate) fn campaign(target: &str, read: fn(&[u8]), words: &[&str], inputs: u64) -> Report {
    let seeds = seeds(target);
    let begun = Instant::now();
    forget_peak();
    let mut slowest = Duration::ZERO;
    let mut dice = Dice(0x5eed_0000 + target.len() as u64);
    let changed = (0..inputs).map(|_| changed(&seeds, words, &mut dice));
    for input in seeds.iter().cloned().chain(changed) {
        let (started, from) = (Instant::now(), at_work());
        let ended = catch_unwind(AssertUnwindSafe(|| read(&input)));
        // Other programs on the same cores are no fault of the input's.
        let took = from.zip(at_work()).map_or_else(|| started.elapsed(), |(from, to)| to - from);
        let shown = || String::from_utf8_lossy(&input[..input.len().min(400)]).into_owned();
        assert!(ended.is_ok(), "{target}: panicked at {} bytes {:?}", input.len(), shown());
        assert!(took < PATIENCE, "{target}: {took:?} for {} bytes {:?}", input.len(), shown());
        slowest = slowest.max(took);
    }
    Report { inputs: inputs + seeds.len() as u64, seconds: begun.elapsed().as_secs_f64(), slowest, peak: peak() }
}

/// How long this thread has been at work on a processor, where the system says it (Linux).
fn at_work() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// A seed after one to six changes.
fn changed(seeds: &[Vec<u8>], words: &[&str], dice: &mut Dice) -> Vec<u8> {
    let mut input = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(6) {
        change(&mut input, seeds, words, dice);
    }
    // Now and then a piece again and again: what is quadratic shows there.
    if dice.below(1500) == 0 && !input.is_empty() {
        let from = dice.below(input.len());
        let piece = input[from..(from + 1 + dice.below(40)).min(input.len())].to_vec();
        let again = piece.repeat(LONGEST / piece.len());
        input.splice(from..from, again);
    }
    input.truncate(LONGEST);
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    let to = (at + dice.below(24)).min(input.len());
    match dice.below(9) {
        0 if at < input.len() => input[at] ^= 1 << dice.below(8),
        1 if at < input.len() => input[at] = u8::try_from(dice.below(256)).unwrap_or(0),
        2 => drop(input.drain(at..to)),
        3 => {
            let piece = input[at..to].to_vec();
            let there = dice.below(input.len() + 1);
            input.splice(there..there, piece);
        }
        4 => {
            let other = &seeds[dice.below(seeds.len())];
            let from = dice.below(other.len() + 1);
            input.splice(at..to, other[from..(from + dice.below(80)).min(other.len())].to_vec());
        }
        5 => input.truncate(at),
        6 => drop(input.splice(at..at, ODD[dice.below(ODD.len())].bytes())),
        _ if !words.is_empty() => drop(input.splice(at..at, words[dice.below(words.len())].bytes())),
        _ => input.push(b'\n'),
    }
}

/// What trips readers of any text: line ends, marks, letters that grow when they are folded, numbers at the edge.
const ODD: [&str; 18] = [
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\0",
    " ",
    "\u{feff}",
    "\u{2028}",
    "\u{202e}",
    "İ",
    "ß",
    "e\u{301}",
    "👩\u{200d}👩\u{200d}👧",
    "-1",
    "18446744073709551616",
    "1e999",
    "2026-02-30",
    "cnry-0123456789abcdef",
];

/// From now on the peak is counted anew (Linux: `man 5 proc`, clear_refs).
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes / 1024)
}
