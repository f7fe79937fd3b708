//! A human who edits PROGRESS.md again and again, in every way that editors save, while wakes run one after another. Every line of
//! theirs carries a mark, and at every look of theirs the file must hold the lines that they saved last: none lost, none brought
//! back, none torn, in their order. `make edits` does 10,000 edits (`REVEILLE_EDITS`).

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reveille_tests::{Home, Said};

use super::matrix::Dice;

/// How long a human waits for a wake to put right what it displaced while they saved.
const PATIENCE: Duration = Duration::from_secs(20);

/// A line that the agent ticks.
const ORDER: &str = "Publish \"Notes from Zero\"";

fn edits() -> usize {
    std::env::var("REVEILLE_EDITS").ok().and_then(|times| times.parse().ok()).unwrap_or(300)
}

/// The places of the lines that only the human writes: they carry a mark and stand outside the agent's block.
fn places(lines: &[String]) -> Vec<usize> {
    let block = lines.iter().position(|line| line == "<!-- reveille -->").zip(lines.iter().position(|line| line == "<!-- /reveille -->"));
    let inside = |at: usize| block.is_some_and(|(from, to)| (from..=to).contains(&at));
    (0..lines.len()).filter(|at| lines[*at].contains('‹') && !inside(*at)).collect()
}

/// Those lines.
fn own(text: &str) -> Vec<String> {
    let lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    places(&lines).into_iter().map(|at| lines[at].clone()).collect()
}

/// What the human changes.
fn change(text: &str, nth: usize, dice: &mut Dice) -> (String, &'static str) {
    let crlf = text.contains("\r\n");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mine = places(&lines);
    let one = |dice: &mut Dice| mine[usize::try_from(dice.below(mine.len() as u64)).unwrap()];
    let what = match dice.below(if mine.len() > 60 { 8 } else { 7 }) {
        0 | 1 => {
            lines.insert(1, format!("- [ ] Shelve part {nth} for:nobody ‹{nth}›"));
            "append"
        }
        2 => {
            let at = one(dice);
            lines[at] = if lines[at].contains("[ ]") { lines[at].replacen("[ ]", "[x]", 1) } else { lines[at].replacen("[x]", "[ ]", 1) };
            "tick"
        }
        3 => {
            let at = one(dice);
            lines[at] = lines[at].replacen("Shelve", "Sort", 1).replacen("part", "the whole part", 1);
            if lines[at].len() > 200 {
                lines[at] = format!("- [ ] Shelve part {nth} for:nobody ‹{nth}›");
            }
            "reword"
        }
        4 => {
            let (a, b) = (one(dice), one(dice));
            lines.swap(a, b);
            "reorder"
        }
        5 => {
            let eol = if crlf { "\n" } else { "\r\n" };
            return (lines.join(eol) + eol, "other line ends");
        }
        _ if mine.len() > 5 => {
            lines.remove(one(dice));
            "delete"
        }
        _ => return (text.to_owned(), "nothing"),
    };
    let eol = if crlf { "\r\n" } else { "\n" };
    (lines.join(eol) + eol, what)
}

/// Saves as editors do.
fn save(path: &Path, text: &str, dice: &mut Dice) -> &'static str {
    let beside = |name: &str| path.with_file_name(name);
    match dice.below(5) {
        0 => {
            std::fs::write(path, text).unwrap();
            "over the file"
        }
        1 => {
            let mut file = std::fs::File::create(path).unwrap();
            let half = text.len() / 2;
            file.write_all(&text.as_bytes()[..half]).unwrap();
            std::thread::sleep(Duration::from_millis(dice.below(4)));
            file.write_all(&text.as_bytes()[half..]).unwrap();
            "over the file, in two writes"
        }
        2 => {
            std::fs::write(beside("PROGRESS.new"), text).unwrap();
            std::fs::rename(beside("PROGRESS.new"), path).unwrap();
            "by a rename"
        }
        3 => {
            std::fs::rename(path, beside("PROGRESS.md~")).unwrap();
            std::fs::write(path, text).unwrap();
            "with the old file moved away first"
        }
        _ => {
            std::fs::copy(path, beside("PROGRESS.md.bak")).unwrap();
            std::fs::write(path, text).unwrap();
            "over the file, with a copy of it"
        }
    }
}

/// Reads until the file holds what was saved last. How long that took.
fn look(path: &Path, saved: &[String], last: &str) -> (String, Duration) {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if own(&text) == saved {
            return (text, begun.elapsed());
        }
        assert!(begun.elapsed() < PATIENCE, "after {last}:\n{text}\ninstead of\n{saved:#?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What came of the edits.
#[derive(Default)]
struct Tally {
    kinds: BTreeMap<&'static str, usize>,
    /// How often the file held something else at the first look.
    waited: usize,
    longest: Duration,
}

fn human(home: &Home, edits: usize) -> Tally {
    let mut dice = Dice::new("a human who edits");
    let path = home.join("PROGRESS.md");
    let mut tally = Tally::default();
    let mut saved = own(&home.read("PROGRESS.md"));
    let mut last = String::new();
    for nth in 0..edits {
        let (text, waited) = look(&path, &saved, &last);
        if waited > Duration::from_millis(1) {
            tally.waited += 1;
            tally.longest = tally.longest.max(waited);
        }
        let (text, what) = change(&text, nth + 100, &mut dice);
        saved = own(&text);
        let how = save(&path, &text, &mut dice);
        last = format!("edit {nth}: {what}, saved {how}");
        *tally.kinds.entry(what).or_default() += 1;
        *tally.kinds.entry(how).or_default() += 1;
        std::thread::sleep(Duration::from_millis(dice.below(60)));
    }
    let _ = look(&path, &saved, &last);
    tally
}

#[test]
#[expect(clippy::print_stdout, reason = "the figure is for a document")]
fn racing_edits_lose_nothing() {
    let lines: String = (0..20).map(|nth| format!("- [ ] Shelve part {nth} for:nobody ‹{nth}›\n")).collect();
    let home = Home::new(format!("# Plan\n{lines}\n- [ ] {ORDER}\n"));
    home.write("drafts/zero.md", "---\ntitle: Notes from Zero\nsummary: What an empty room teaches.\nready: true\n---\n\nEmpty.\n");
    let (done, mut wakes, mut outrun) = (AtomicBool::new(false), 0, 0);
    let tally = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let tally = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| human(&home, edits())));
            done.store(true, Ordering::SeqCst);
            tally
        });
        while !done.load(Ordering::SeqCst) {
            let said = home.run(&["wake", "--no-model"]);
            // On a busy machine these edits may outrun a wake; it says so, and the next one writes.
            let late = said.code == 1 && said.stderr.contains("changed each time it was to be written");
            assert!(said.code == 0 || late, "{said:?}");
            outrun += usize::from(late);
            wakes += 1;
        }
        writer.join().unwrap()
    });
    let tally = tally.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let last = own(&home.read("PROGRESS.md"));
    // What a stale buffer of the editor overwrote comes back.
    let _ = home.run(&["wake", "--no-model"]).ok();
    let progress = home.read("PROGRESS.md");
    assert_eq!(own(&progress), last);
    assert!(progress.contains(&format!("- [x] {ORDER} — ")) && progress.contains("<!-- /reveille -->"), "{progress}");
    let aside = std::fs::read_dir(home.path()).unwrap().flatten().filter(|entry| entry.file_name().to_string_lossy().contains("saved-"));
    assert!(outrun * 2 < wakes, "{outrun} of {wakes} wakes were outrun");
    println!(
        "{} edits against {wakes} wakes, {outrun} of them outrun; {:?}; the file held something else at {} looks, {:?} at most; {} texts kept aside",
        edits(),
        tally.kinds,
        tally.waited,
        tally.longest,
        aside.count()
    );
}

/// Freezes a wake at a point, does something, and lets it go on.
fn while_frozen(home: &Home, point: &str, edit: impl FnOnce()) -> Said {
    let mut wake = home.command(&["wake", "--no-model"]);
    wake.env("REVEILLE_FAULT", format!("{point}=stop")).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let wake = wake.spawn().unwrap();
    super::wait_until_stopped(wake.id());
    edit();
    super::signal(wake.id(), "CONT");
    Said::of(&wake.wait_with_output().unwrap())
}

fn with_draft(line: &str) -> Home {
    let home = Home::new(format!("# P\n\n- [ ] {line}\n"));
    home.write("drafts/zero.md", "---\ntitle: Notes from Zero\nsummary: What an empty room teaches.\nready: true\n---\n\nEmpty.\n");
    home
}

#[test]
fn a_line_that_both_changed_is_there_twice_and_one_that_is_gone_is_said() {
    for point in ["before-record", "before-exchange"] {
        let home = with_draft(ORDER);
        let said = while_frozen(&home, point, || home.write("PROGRESS.md", "# P\n\n- [ ] Publish \"Notes from Zero\" now\n")).ok();
        let progress = home.read("PROGRESS.md");
        assert!(progress.contains("- [ ] Publish \"Notes from Zero\" now\n"), "{point}: {progress}");
        assert!(progress.contains(&format!("- [x] {ORDER} — ")), "{point}: both sides are kept: {progress} {said:?}");
        let home = with_draft(ORDER);
        let said = while_frozen(&home, point, || home.write("PROGRESS.md", "# P\n\nNothing of it.\n")).ok();
        assert!(home.read("memory/handover.md").contains("is gone; it was done"), "{point}: {said:?}");
        assert!(home.read("PROGRESS.md").starts_with("# P\n\nNothing of it.\n"), "{point}");
    }
}

#[test]
fn what_a_stale_buffer_overwrites_the_next_wake_restores() {
    let home = with_draft(ORDER);
    let stale = home.read("PROGRESS.md");
    let _ = home.run(&["wake", "--no-model"]).ok();
    assert!(home.read("PROGRESS.md").contains(&format!("- [x] {ORDER} — ")));
    home.write("PROGRESS.md", format!("{stale}- [ ] One more ‹1›\n"));
    let _ = home.run(&["wake", "--no-model"]).ok();
    let progress = home.read("PROGRESS.md");
    assert!(progress.contains(&format!("- [x] {ORDER} — ")) && progress.contains("- [ ] One more ‹1›\n"), "{progress}");
    assert!(progress.contains("<!-- /reveille -->"), "{progress}");
}

#[test]
fn a_save_into_the_displaced_file_comes_back() {
    let home = with_draft(ORDER);
    // An editor that has the file open while it is exchanged, and writes it afterwards.
    let mut editor = None;
    let _ = while_frozen(&home, "before-exchange", || {
        editor = Some(std::fs::OpenOptions::new().append(true).open(home.join("PROGRESS.md")).unwrap());
    })
    .ok();
    editor.unwrap().write_all("- [ ] Written late ‹1›\n".as_bytes()).unwrap();
    assert!(!home.read("PROGRESS.md").contains("Written late"), "nobody could know");
    let _ = home.run(&["wake", "--no-model"]).ok();
    let progress = home.read("PROGRESS.md");
    assert!(progress.contains("- [ ] Written late ‹1›\n") && progress.contains(&format!("- [x] {ORDER} — ")), "{progress}");
    assert!(progress.contains("is in place again"), "it is said: {progress}");
}

#[test]
fn a_save_that_meets_a_crash_comes_back() {
    let home = with_draft(ORDER);
    // Saved between the last look and the exchange; killed before what was displaced is looked at.
    let saved = "# P\n\n- [ ] Publish \"Notes from Zero\"\n- [ ] Saved in the last moment ‹1›\n";
    let mut wake = home.command(&["wake", "--no-model"]);
    let wake = wake.env("REVEILLE_FAULT", "before-exchange=stop").stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut wake = wake.spawn().unwrap();
    super::wait_until_stopped(wake.id());
    wake.kill().unwrap();
    let _ = wake.wait().unwrap();
    // The exchange, done by hand in its place.
    let held = std::fs::read_dir(home.path()).unwrap().flatten().map(|entry| entry.path());
    let held = held.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with(".PROGRESS-")).expect("the new text");
    std::fs::rename(&held, home.join("PROGRESS.md")).unwrap();
    std::fs::write(&held, saved).unwrap();
    let _ = home.run(&["wake", "--no-model"]).ok();
    let progress = home.read("PROGRESS.md");
    assert!(progress.contains("- [ ] Saved in the last moment ‹1›\n") && progress.contains(&format!("- [x] {ORDER} — ")), "{progress}");
}
