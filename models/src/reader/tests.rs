//! The reader with the carried model: what it reads, what it does not touch, where it stops.

use reveille_mission::Who;

use super::*;

const NO_STOP: &dyn Fn() -> bool = &|| false;

fn carried(cache: &Path) -> Reader {
    Reader::open(&ReaderChoice::default(), cache).unwrap()
}

#[test]
fn opening_and_reading_nothing_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let mut reader = carried(&cache);
    assert_eq!(reader.read(&[], &mut |_| panic!("nothing is read"), NO_STOP).unwrap(), []);
    assert_eq!(reader.read(&["a line"], &mut |_| panic!("nothing is read"), &|| true).unwrap(), []);
    assert!(!reader.is_loaded() && !cache.exists());
    let (low, high) = reader.grey_zone();
    assert!(0.0 < low && low <= 0.5 && (0.5..1.0).contains(&high), "{low} to {high}");
}

#[test]
fn reads_any_line_and_plain_ones_right() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = carried(folder.path());
    let long = "publish ".repeat(2_500);
    let lines =
        ["Send the October issue to all subscribers", "Refactor the logging module", "", "🦀", "\u{0}\u{1}\u{7f}\u{202e}", long.as_str()];
    let mut heard = Vec::new();
    let readings = reader.read(&lines, &mut |so_far| heard.push(so_far.len()), NO_STOP).unwrap();
    assert_eq!(readings.len(), lines.len());
    for reading in &readings {
        for sum in [reading.who.iter().sum::<f32>(), reading.skill.iter().sum::<f32>()] {
            assert!((sum - 1.0).abs() < 1e-4, "{reading:?}");
        }
    }
    assert!(readings[0].who[1] > 0.5 && readings[1].who[3] > 0.5, "{readings:?}");
    assert_eq!(heard.last(), Some(&6));
    assert!(heard.is_sorted());
}

/// `cargo test --release -p reveille-models other_languages -- --nocapture` prints the table of `models/README.md`.
#[test]
#[expect(clippy::print_stdout, reason = "the table is for a document")]
fn other_languages_are_not_read_as_english() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = carried(folder.path());
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/languages/lines.tsv")).unwrap();
    let lines: Vec<(&str, &str)> = file.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once('\t').unwrap()).collect();
    let texts: Vec<&str> = lines.iter().map(|(_, text)| *text).collect();
    let readings = reader.read(&texts, &mut |_| {}, NO_STOP).unwrap();
    let (low, high) = reader.grey_zone();
    let mut counts: std::collections::BTreeMap<&str, (usize, usize, usize)> = std::collections::BTreeMap::new();
    for ((language, _), reading) in lines.iter().zip(&readings) {
        let share = 1.0 - reading.who[3];
        let count = counts.entry(language).or_default();
        count.0 += 1;
        count.1 += usize::from(*reading == ModelReading::NONE);
        count.2 += usize::from(*reading != ModelReading::NONE && share > low && share < high);
    }
    println!("| language | lines | known as another language | in the grey zone | read all the same |\n|---|---|---|---|---|");
    for (language, (all, foreign, grey)) in &counts {
        println!("| {language} | {all} | {foreign} | {grey} | {} |", all - foreign - grey);
    }
    for language in ["de", "es", "fr", "ja"] {
        let (all, foreign, grey) = counts[language];
        assert!(all == 50 && foreign + grey >= 43, "{language}: {foreign} and {grey} of {all}");
    }
}

#[test]
fn a_line_reads_the_same_alone_and_among_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = carried(folder.path());
    let lines = ["Post issue 12 to Bluesky", "clean up the CI cache", "Answer Jo's question about the refund"];
    let together = reader.read(&lines, &mut |_| {}, NO_STOP).unwrap();
    for (line, among) in lines.iter().zip(&together) {
        let alone = reader.read(&[line], &mut |_| {}, NO_STOP).unwrap();
        for (a, b) in alone[0].who.iter().zip(among.who) {
            assert!((a - b).abs() < 0.02, "{line}: {alone:?} {among:?}");
        }
    }
}

#[test]
fn stops_early_with_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut reader = carried(folder.path());
    let lines: Vec<String> = (0..200).map(|at| format!("Write a letter to reader number {at}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let done = std::cell::Cell::new(0);
    let readings = reader.read(&lines, &mut |so_far| done.set(so_far.len()), &|| done.get() > 0).unwrap();
    assert_eq!(readings.len(), done.get());
    assert!(readings.len() < lines.len());
}

#[test]
fn no_more_tokens_are_given_to_the_encoder_than_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..100).map(|at| format!("Write a letter to reader number {at}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let all = {
        let mut reader = carried(folder.path()).with_tokens(1_000_000);
        assert_eq!(reader.read(&lines, &mut |_| {}, NO_STOP).unwrap().len(), 100);
        1_000_000 - reader.tokens_left()
    };
    let mut reader = carried(folder.path()).with_tokens(all / 2);
    let first = reader.read(&lines, &mut |_| {}, NO_STOP).unwrap().len();
    assert!((25..=50).contains(&first) && reader.tokens_left() < 64, "{first} of 100, {} left", reader.tokens_left());
    assert_eq!(reader.read(&["x", lines[99]].repeat(20), &mut |_| {}, NO_STOP).unwrap(), [], "nothing is left for a call");
    let said = lines.iter().map(|text| HomeLine { text: (*text).to_owned(), who: Some(Who::Nobody), skill: None }).collect();
    let mut reader = carried(folder.path()).with_home(said).with_tokens(all / 2);
    assert_eq!(reader.read(&["a line"], &mut |_| panic!("no progress"), NO_STOP).unwrap(), [], "half learned is not learned");
    assert_eq!((reader.is_loaded(), reader.tokens_left() < all / 2), (false, true), "what was given counts");
    assert_eq!(reader.with_tokens(all * 2).read(&["a line"], &mut |_| {}, NO_STOP).unwrap().len(), 1);
}

#[test]
fn what_the_home_said_moves_readings_and_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let line = |text: &str, who| HomeLine { text: text.to_owned(), who: Some(who), skill: None };
    let lines = ["Refactor the logging module", "Rework the logging module", "Send the October issue to all subscribers"];
    let read = |reader: &mut Reader| reader.read(&lines, &mut |_| {}, NO_STOP).unwrap();
    let before = read(&mut carried(folder.path()));
    let said = vec![line(lines[0], Who::Strangers), line("Tidy the build", Who::Nobody)];
    let mut reader = carried(folder.path()).with_home(said.clone());
    assert_eq!((reader.is_loaded(), reader.learned()), (false, None));
    let after = read(&mut reader);
    assert_eq!(reader.learned(), Some(&Learned::Used { lines: 2 }));
    assert!(after[0].who[0] > before[0].who[0] + 0.3 && after[1].who[0] > before[1].who[0] + 0.1, "{before:?} {after:?}");
    assert!(after[2].who[1] > 0.5, "{after:?}");
    let key = |lines: &[HomeLine]| carried(folder.path()).with_home(lines.to_vec()).key();
    let turned: Vec<HomeLine> = said.iter().rev().cloned().collect();
    assert_eq!((key(&said), key(&[])), (key(&turned), carried(folder.path()).key()));
    assert_ne!(key(&said), key(&said[..1]));
    assert_eq!(read(&mut carried(folder.path()).with_home(turned)), after);
}

#[test]
fn a_stop_among_the_home_s_lines_leaves_nothing_half_learned() {
    let folder = tempfile::tempdir().unwrap();
    let said: Vec<HomeLine> = (0..200)
        .map(|at| HomeLine { text: format!("Write a letter to reader number {at}"), who: Some(Who::Nobody), skill: None })
        .collect();
    let mut reader = carried(folder.path()).with_home(said);
    let asked = std::cell::Cell::new(0);
    let stop = || asked.replace(asked.get() + 1) > 1;
    assert_eq!(reader.read(&["a line"], &mut |_| panic!("no progress"), &stop).unwrap(), []);
    assert_eq!((reader.is_loaded(), reader.learned()), (false, None));
    assert_eq!(reader.read(&["a line"], &mut |_| {}, NO_STOP).unwrap().len(), 1);
    assert_eq!(reader.learned(), Some(&Learned::Used { lines: 200 }));
}

#[test]
fn a_changed_or_foreign_model_never_reaches_llama() {
    let folder = tempfile::tempdir().unwrap();
    let model = materialize(folder.path()).unwrap();
    let path = folder.path().join("mine.gguf");
    let whole = std::fs::read(model.path()).unwrap();
    let open = || Reader::open(&ReaderChoice::File(path.clone()), folder.path());
    assert!(matches!(open(), Err(ReaderError::Gguf(GgufError::Io { .. }))));
    std::fs::write(&path, &whole).unwrap();
    assert!(matches!(open(), Err(ReaderError::Heads(HeadsError::Io { .. }))));
    std::fs::write(heads_path(&path), HEADS).unwrap();
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let mut reader = open().unwrap();
        let read = reader.read(&["a line"], &mut |_| {}, NO_STOP);
        assert_eq!(reader.is_loaded(), read.is_ok());
        read
    };
    assert_eq!(read(&whole).unwrap().len(), 1);
    let mut changed = whole.clone();
    changed[whole.len() - 100] ^= 1;
    for bytes in [&changed[..], &whole[..whole.len() / 2], b"GGUF", b""] {
        let error = read(bytes).unwrap_err();
        assert!(matches!(error, ReaderError::Gguf(_)), "{error}");
    }
}

#[test]
fn names_are_looked_up() {
    let open = |name: &str| Reader::open(&ReaderChoice::Named(name.to_owned()), Path::new("/nowhere")).unwrap_err();
    assert_eq!(open("reader-em").hint().as_deref(), Some("did you mean reader-en?"));
    let missing = open("smollm2-135m-instruct");
    assert!(matches!(missing, ReaderError::NotPulled { .. }), "{missing}");
    assert!(missing.hint().unwrap().contains("reveille model pull smollm2-135m-instruct"));
}

#[test]
fn a_name_means_the_file_that_has_heads() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(format!("SmolLM2-135M-Instruct.Q4_1{name}"));
    let meant = || super::named("smollm2-135m-instruct", folder.path());
    assert!(meant().is_err());
    for (next, expected) in [(".gguf", ".gguf"), (".q4_0.gguf", ".gguf"), (".q4_0.heads.jsonl", ".q4_0.gguf"), (".heads.jsonl", ".gguf")] {
        std::fs::write(file(next), "").unwrap();
        assert_eq!(meant().unwrap(), file(expected), "after {next}");
    }
}

#[test]
fn the_key_tells_texts_and_readers_apart() {
    let key = carried(Path::new("/nowhere")).key();
    assert_eq!(key.hash("a"), key.hash("a"));
    assert_ne!(key.hash("a"), key.hash("b"));
    assert_ne!(key.hash("a"), ReaderKey(Digest::of(b"other")).hash("a"));
}
