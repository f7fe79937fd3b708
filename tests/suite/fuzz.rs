//! The parsers of foreign text under inputs that nobody would write: the corpus and some changes of it in `make test`, a million of
//! each in `make fuzz`.

mod campaign;

use reveille_tests::fuzzed::{TARGETS, Target};

/// Megabytes that a process may take.
const MOST: u64 = 200;

#[expect(clippy::print_stdout, reason = "the table is for a document")]
fn table(target: &Target, inputs: u64) -> campaign::Report {
    let report = campaign::campaign(target.name, target.read, target.words, inputs);
    println!(
        "| {} | {} | {:.0} s | {:.1} ms | {} |",
        target.name,
        report.inputs,
        report.seconds,
        report.slowest.as_secs_f64() * 1000.0,
        report.peak.map_or_else(String::new, |peak| format!("{peak} MB"))
    );
    report
}

#[test]
fn the_corpus_and_what_becomes_of_it() {
    for target in &TARGETS {
        table(target, 3000);
    }
}

#[test]
#[ignore = "an hour: `make fuzz`"]
fn a_million_each() {
    let only = std::env::var("REVEILLE_FUZZ").unwrap_or_default();
    for target in TARGETS.iter().filter(|target| only.is_empty() || target.name == only) {
        let report = table(target, 1_000_000);
        assert!(report.peak.is_none_or(|peak| peak < MOST), "{}: {:?} MB", target.name, report.peak);
    }
}

#[test]
#[should_panic = "progress: panicked at"]
fn an_input_that_panics_is_found() {
    let broken = |input: &[u8]| assert!(!input.ends_with(b"x"), "found");
    let _ = campaign::campaign("progress", broken, &["x"], 20_000);
}
