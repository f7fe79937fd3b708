//! `model check`: is the file what it should be, and does it read?

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use reveille_mission::Who;

use crate::carried::{HEADS, carried_sum};
use crate::digest::Digest;
use crate::encoder::{Encoder, default_threads};
use crate::gguf::{Checked, Gguf, check_file};
use crate::heads::{Heads, read_bytes};
use crate::reader::heads_path;

/// Two lines that any reader worth its name tells apart.
const FOR_READERS: &str = "Send the new issue to all subscribers";
const FOR_NOBODY: &str = "Refactor the logging module";

/// What one question about a model brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: `sum`, `structure`, `vector`, `heads` or `reading`.
    pub about: &'static str,
    /// Whether it is in order.
    pub good: bool,
    /// What was found.
    pub text: String,
    /// What mends it, if it is not in order.
    pub hint: Option<String>,
}

/// All that was found about a model's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// The file.
    pub path: PathBuf,
    /// What its header says, if it could be read.
    pub header: Option<Gguf>,
    /// The sum of the file, if its structure is in order.
    pub sha256: Option<Digest>,
    /// The findings, in the order of the questions; the first bad one ends them.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// Whether everything that was looked at is in order.
    pub fn is_good(&self) -> bool {
        self.findings.iter().all(|finding| finding.good)
    }

    fn note(&mut self, about: &'static str, good: bool, text: String, hint: Option<String>) -> Option<()> {
        self.findings.push(Finding { about, good, text, hint: hint.filter(|_| !good) });
        good.then_some(())
    }
}

/// Checks a model's file: its sum (when one is expected), its structure, a vector out of llama.cpp and, with heads, a reading.
/// The heads are the carried ones if it is the carried model, else those beside the file; none is no fault.
pub fn check(path: &Path, expected: Option<Digest>) -> CheckReport {
    let mut report = CheckReport { path: path.to_owned(), header: None, sha256: None, findings: Vec::new() };
    let _ended = questions(&mut report, expected);
    report
}

fn questions(report: &mut CheckReport, expected: Option<Digest>) -> Option<()> {
    let checked = match check_file(&report.path, expected) {
        Ok(checked) => checked,
        Err(error) => {
            let hint = error.hint();
            return report.note("structure", false, error.to_string(), hint);
        }
    };
    report.header = Some(checked.header().clone());
    report.sha256 = Some(checked.sha256());
    let sum = match expected {
        Some(_) => format!("sha256 {} as expected", checked.sha256()),
        None => format!("sha256 {}; nobody has said which it should be", checked.sha256()),
    };
    report.note("sum", true, sum, None)?;
    let Gguf { architecture, context_length, embedding_length, tensors, .. } = checked.header();
    let text = format!("{architecture}, context of {context_length} tokens, vectors of {embedding_length}, {tensors} tensors");
    report.note("structure", *context_length >= 64, text, Some("a context under 64 tokens is too short for a task line".to_owned()))?;
    let vectors = vectors(report, &checked)?;
    let beside = heads_path(checked.path());
    if carried_sum() == Ok(checked.sha256()) {
        reading(report, &checked, HEADS, &vectors)
    } else if beside.exists() {
        // What can't be read has no card, and is said to be damaged.
        reading(report, &checked, &read_bytes(&beside).unwrap_or_default(), &vectors)
    } else {
        Some(())
    }
}

fn vectors(report: &mut CheckReport, checked: &Checked) -> Option<Vec<Vec<f32>>> {
    let lines = [FOR_READERS, FOR_NOBODY];
    let encoded = Encoder::load(checked, default_threads())
        .and_then(|encoder| encoder.encode(&lines, &mut { usize::MAX }, &mut |_| ControlFlow::Continue(())));
    match encoded {
        Ok(vectors) => {
            let sound =
                vectors.iter().all(|vector| vector.iter().all(|value| value.is_finite()) && vector.iter().any(|value| *value != 0.0));
            let text = if sound { "llama.cpp encodes a line" } else { "llama.cpp gives vectors without sense" };
            report.note("vector", sound, text.to_owned(), Some("fetch the model again".to_owned()))?;
            Some(vectors)
        }
        Err(error) => {
            let hint = error.hint();
            report.note("vector", false, error.to_string(), hint)?;
            None
        }
    }
}

fn reading(report: &mut CheckReport, checked: &Checked, bytes: &[u8], vectors: &[Vec<f32>]) -> Option<()> {
    let heads = match Heads::parse(bytes).and_then(|heads| heads.check_model(checked.sha256()).map(|()| heads)) {
        Ok(heads) => heads,
        Err(error) => {
            let hint = error.hint();
            return report.note("heads", false, error.to_string(), hint);
        }
    };
    report.note("heads", true, format!("trained with this model, corpus {}", heads.corpus), None)?;
    let nobody = |line: &str, vector: Option<&Vec<f32>>| vector.map_or(1.0, |vector| heads.read(vector, line).who[Who::Nobody.index()]);
    let (reader, none) = (nobody(FOR_READERS, vectors.first()), nobody(FOR_NOBODY, vectors.get(1)));
    let text = format!("{FOR_READERS:?}: nobody {reader:.2}; {FOR_NOBODY:?}: nobody {none:.2}");
    report.note("reading", reader < 0.5 && none > 0.5, text, Some("train the heads again with `reveille model train`".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carried::materialize;
    use crate::gguf::fixture::Fixture;

    #[test]
    fn the_carried_reader_is_good() {
        let folder = tempfile::tempdir().unwrap();
        let model = materialize(folder.path()).unwrap();
        let report = check(model.path(), Some(carried_sum().unwrap()));
        assert!(report.is_good(), "{report:?}");
        let about: Vec<&str> = report.findings.iter().map(|finding| finding.about).collect();
        assert_eq!(about, ["sum", "structure", "vector", "heads", "reading"]);
    }

    #[test]
    fn the_first_fault_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.gguf");
        let bad = |expected: Option<Digest>| {
            let report = check(&path, expected);
            let last = report.findings.last().unwrap().clone();
            assert!(!last.good && last.hint.is_some() && !report.is_good(), "{report:?}");
            (last.about, report.header.is_some())
        };
        assert_eq!(bad(None), ("structure", false));
        std::fs::write(&path, Fixture::small().bytes()).unwrap();
        assert_eq!(bad(Some(Digest::of(b"other"))), ("structure", false));
        // Whole, but of no kind that llama.cpp knows.
        assert_eq!(bad(None), ("vector", true));
    }

    #[test]
    fn heads_that_do_not_belong_to_the_model_are_a_fault() {
        let model = Checked::clone(&materialize(tempfile::tempdir().unwrap().path()).unwrap());
        let mut report = CheckReport { path: model.path().to_owned(), header: None, sha256: None, findings: Vec::new() };
        assert_eq!(reading(&mut report, &model, b"{}", &[]), None);
        assert_eq!(report.findings.last().map(|finding| (finding.about, finding.good)), Some(("heads", false)));
    }
}
