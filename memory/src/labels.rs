//! The home's labelled lines: what its human said of lines that the model read otherwise. One row for each wording, for the
//! later word takes the place of an earlier one. They are never forgotten: each cost a person's attention.

use chrono::{DateTime, Utc};
use reveille_mission::{Label, Skill, folded};
use rusqlite::types::Type;
use rusqlite::{Row, params};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};

/// How "no skill" is written.
const NONE: &str = "none";

/// A labelled line and when it was learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The line and what is known of it.
    pub label: Label,
    /// When.
    pub at: DateTime<Utc>,
}

impl Memory {
    /// Remembers labels, all or none; a later one for the same folded words counts.
    ///
    /// # Errors
    /// The rows can't be written; a label that says neither who nor skill is refused.
    pub fn remember_labels(&mut self, labels: &[Label], at: DateTime<Utc>) -> Result<(), MemoryError> {
        self.transact(|conn| {
            let mut write = conn.prepare_cached("INSERT OR REPLACE INTO labels VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for label in labels {
                let who = label.who.map(|who| who.to_string());
                let skill = label.skill.map(|skill| skill.map_or_else(|| NONE.to_owned(), |skill| skill.to_string()));
                write.execute(params![folded(&label.text), label.text, who, skill, label.why.to_string(), micros(at)])?;
            }
            Ok(())
        })
    }

    /// Takes back that nobody notices a line, when that was learned from a `no` or a dropped box.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn take_back_no(&mut self, text: &str) -> Result<(), MemoryError> {
        self.transact(|conn| conn.execute("DELETE FROM labels WHERE folded = ?1 AND why IN ('no', 'dropped')", [folded(text)]).map(|_| ()))
    }

    /// Every label, the newest first.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn labels(&self) -> Result<Vec<Learned>, MemoryError> {
        self.rows("SELECT text, who, skill, why, at FROM labels ORDER BY at DESC, folded", [], read)
    }

    /// How many lines have a label.
    ///
    /// # Errors
    /// The rows can't be counted.
    pub fn label_count(&self) -> Result<u64, MemoryError> {
        let count: i64 =
            self.connection.query_row("SELECT count(*) FROM labels", [], |row| row.get(0)).map_err(|error| self.wrong(error))?;
        Ok(count.unsigned_abs())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Learned> {
    let word = |at: usize| row.get::<_, Option<String>>(at);
    let strange = |at: usize| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, "a label that is not known".into());
    let who = word(1)?.map(|who| who.parse().map_err(|_| strange(1))).transpose()?;
    let skill = match word(2)?.as_deref() {
        None => None,
        Some(NONE) => Some(None),
        Some(skill) => Some(Some(skill.parse::<Skill>().map_err(|_| strange(2))?)),
    };
    let why = row.get::<_, String>(3)?.parse().map_err(|_| strange(3))?;
    Ok(Learned { label: Label { text: row.get(0)?, who, skill, why }, at: time(row.get(4)?) })
}

#[cfg(test)]
mod tests {
    use reveille_mission::{Who, Why};

    use super::*;

    fn memory() -> (tempfile::TempDir, Memory) {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = Memory::open(&folder.path().join("a.db"), at(0)).expect("made");
        (folder, memory)
    }

    fn at(hour: u32) -> DateTime<Utc> {
        format!("2026-11-20T{hour:02}:00:00Z").parse().expect("a time")
    }

    fn label(text: &str, who: Option<Who>, skill: Option<Option<Skill>>, why: Why) -> Label {
        Label { text: text.into(), who, skill, why }
    }

    #[test]
    fn every_label_comes_back_as_it_was() {
        let (_folder, mut memory) = memory();
        let whos = Who::ALL.map(Some).into_iter().chain([None]);
        let skills: Vec<_> = Skill::ALL.map(|skill| Some(Some(skill))).into_iter().chain([Some(None), None]).collect();
        let whys = [Why::Tag, Why::Yes, Why::No, Why::Dropped];
        let mut labels = Vec::new();
        for (nth, who) in whos.enumerate() {
            for (mth, skill) in skills.iter().enumerate().filter(|(_, skill)| who.is_some() || skill.is_some()) {
                labels.push(label(&format!("Line {nth} {mth:02}"), who, *skill, whys[(nth + mth) % 4]));
            }
        }
        memory.remember_labels(&labels, at(1)).expect("kept");
        let back: Vec<Label> = memory.labels().expect("read").into_iter().map(|learned| learned.label).collect();
        assert_eq!(back, labels);
        assert_eq!(memory.label_count().expect("counted"), labels.len() as u64);
    }

    #[test]
    fn the_latest_word_for_the_same_folded_text_wins() {
        let (_folder, mut memory) = memory();
        let first = label("Ask Ann's  readers", Some(Who::Strangers), Some(Some(Skill::Engage)), Why::Yes);
        let last = label("ask ann s readers!", Some(Who::Nobody), None, Why::No);
        let near = label("Ask Ann's reader", Some(Who::Customers), None, Why::Tag);
        memory.remember_labels(&[first, near.clone()], at(1)).expect("kept");
        memory.remember_labels(std::slice::from_ref(&last), at(2)).expect("kept");
        assert_eq!(memory.labels().expect("read"), [Learned { label: last, at: at(2) }, Learned { label: near, at: at(1) }]);
    }

    #[test]
    fn only_a_no_is_taken_back() {
        let (_folder, mut memory) = memory();
        let labels = [Why::Tag, Why::Yes, Why::No, Why::Dropped].map(|why| label(&format!("Line {why}"), Some(Who::Nobody), None, why));
        memory.remember_labels(&labels, at(1)).expect("kept");
        labels.iter().for_each(|label| memory.take_back_no(&label.text.to_uppercase()).expect("taken back"));
        let left: Vec<Why> = memory.labels().expect("read").into_iter().map(|learned| learned.label.why).collect();
        assert_eq!(left, [Why::Tag, Why::Yes]);
    }

    #[test]
    fn what_says_nothing_or_something_strange_is_refused_with_all_that_came_along() {
        let (_folder, mut memory) = memory();
        let good = label("a", Some(Who::Nobody), None, Why::No);
        assert!(matches!(memory.remember_labels(&[good, label("b", None, None, Why::Tag)], at(1)), Err(MemoryError::Refused(_))));
        assert_eq!(memory.label_count().expect("counted"), 0);
        let strange = memory.connection.execute("INSERT INTO labels VALUES ('a', 'a', 'martians', NULL, 'tag', 1)", []);
        assert!(strange.is_err());
    }
}
