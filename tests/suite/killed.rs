//! A wake that is killed in the middle of a long cold reading: what was read before is not read again. The log of each wake
//! says how many lines each call of the encoder was given; that is counted, whether or not the call came to its end.

use std::time::{Duration, Instant};

use reveille_tests::Home;

/// Lines of one call of the encoder, at most (`BATCH_LINES` in `models/src/encoder.rs`).
const ONE_CALL: usize = 32;
/// How long a wake of so many lines may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

fn home(lines: usize) -> Home {
    let things = ["template loader", "metrics store", "config parser", "job runner", "importer", "admin panel", "cache"];
    // No tags and no words that explain a line: the model has to read each.
    let line = |at: usize| format!("- [ ] Refactor the {} for part {at}\n", things[at % things.len()]);
    Home::new(format!("# P\n\n{}", (0..lines).map(line).collect::<String>()))
}

/// Lines that were given to the encoder, over all wakes of this home.
fn given(home: &Home) -> usize {
    let logs = std::fs::read_dir(home.join("memory/logs")).into_iter().flatten().flatten();
    let text = logs.map(|entry| std::fs::read_to_string(entry.path()).unwrap_or_default()).collect::<String>();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let calls = lines.filter(|line| line["fields"]["message"] == "encoding");
    calls.filter_map(|line| line["fields"]["lines"].as_u64()).map(|lines| usize::try_from(lines).unwrap()).sum()
}

/// Starts a wake and kills it (SIGKILL) once it has given so many lines to the encoder. Returns how many it had given.
fn kill_after(home: &Home, lines: usize) -> usize {
    let mut wake = home.command(&["wake"]).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while given(home) < lines {
        assert!(wake.try_wait().unwrap().is_none(), "the wake ended before {lines} lines");
        assert!(begun.elapsed() < PATIENCE, "no {lines} lines in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
    wake.kill().unwrap();
    assert!(wake.wait().unwrap().code().is_none(), "it was not the signal that ended it");
    given(home)
}

#[test]
fn every_line_of_a_long_list_reaches_the_encoder_once() {
    let home = home(200);
    let _ = home.run(&["wake"]).ok();
    assert_eq!(given(&home), 200, "the count that the next test relies on");
}

#[test]
fn a_killed_reading_goes_on_where_it_was() {
    const LINES: usize = 1_000;
    for point in [97, 333, 801] {
        let home = home(LINES);
        let before = kill_after(&home, point);
        let said = home.run(&["wake"]).ok();
        assert!(!said.stdout.contains("the model read nothing"), "{said:?}");
        let (all, most) = (given(&home), LINES + ONE_CALL);
        assert!((LINES..=most).contains(&all), "killed after {before} lines, {all} were read in both wakes together, not at most {most}");
    }
}
