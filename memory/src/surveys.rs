//! Surveys: what was asked, and what each reader answered last.
//!
//! Must stay true: what was asked never changes, for links to it are out; its number is made of its words, so that a memory that was
//! put back gives it to no other; a reader has one answer a survey, the later one; nobody who may not be mailed has one.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::MemoryError;
use crate::open::{Memory, micros, time};

/// A question with its choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The question.
    pub ask: String,
    /// What can be chosen.
    pub choices: Vec<String>,
}

/// A survey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Its number: the item of its links' tokens.
    pub number: u32,
    /// Its name in the home.
    pub name: String,
    /// The questions.
    pub questions: Vec<Question>,
    /// When a letter first asked it.
    pub kept_at: DateTime<Utc>,
}

/// What became of an answer to a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It is kept.
    Kept,
    /// The survey is not there, or the choices are none of it.
    NoSuchChoice,
    /// Whoever it was has left, or may not be mailed.
    Gone,
}

impl Memory {
    /// The number of a survey with these questions, made if it is new.
    ///
    /// # Errors
    /// The row can't be written.
    pub fn keep_survey(&mut self, name: &str, questions: &[Question], now: DateTime<Utc>) -> Result<u32, MemoryError> {
        let asks = serde_json::to_string(questions).map_err(|error| MemoryError::Value(error.to_string()))?;
        self.transact(|conn| {
            let mut number = number(name, &asks);
            // Two of a home with one digest: one in four thousand million.
            while conn
                .prepare("SELECT 1 FROM surveys WHERE number = ?1 AND (name, asks) <> (?2, ?3)")?
                .exists(params![number, name, asks])?
            {
                number = number.wrapping_add(1);
            }
            conn.execute("INSERT OR IGNORE INTO surveys VALUES (?1, ?2, ?3, ?4)", params![number, name, asks, micros(now)])?;
            conn.query_row("SELECT number FROM surveys WHERE name = ?1 AND asks = ?2", [name, &asks], |row| row.get(0))
        })
    }

    /// A survey by its number.
    ///
    /// # Errors
    /// The row can't be read.
    pub fn survey(&self, number: u32) -> Result<Option<Survey>, MemoryError> {
        let found = self.connection.query_row("SELECT number, name, asks, made_at FROM surveys WHERE number = ?1", [number], of);
        found.optional().map(Option::flatten).map_err(|error| self.wrong(error))
    }

    /// All surveys, the oldest first.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn surveys(&self) -> Result<Vec<Survey>, MemoryError> {
        Ok(self.rows("SELECT number, name, asks, made_at FROM surveys ORDER BY made_at, number", [], of)?.into_iter().flatten().collect())
    }

    /// Keeps what a reader chose, one choice a question, with a sign of life.
    ///
    /// # Errors
    /// The rows can't be written.
    pub fn answer_survey(&mut self, number: u32, subscriber: &str, choices: &[usize], now: DateTime<Utc>) -> Result<Answered, MemoryError> {
        if self.is_suppressed(subscriber)? {
            return Ok(Answered::Gone);
        }
        let survey = self.survey(number)?;
        let fits = |survey: &Survey| {
            let each = survey.questions.iter().zip(choices).all(|(question, choice)| *choice < question.choices.len());
            each && survey.questions.len() == choices.len()
        };
        let Some(survey) = survey.filter(fits) else { return Ok(Answered::NoSuchChoice) };
        let chosen = serde_json::to_string(choices).map_err(|error| MemoryError::Value(error.to_string()))?;
        let at = micros(now);
        self.transact(|conn| {
            conn.prepare_cached("INSERT OR REPLACE INTO survey_answers VALUES (?1, ?2, ?3, ?4)")?.execute(params![
                survey.number,
                subscriber,
                chosen,
                at
            ])?;
            conn.prepare_cached("INSERT OR IGNORE INTO signs VALUES (?1, 'survey', ?2, ?3)")?.execute(params![
                subscriber,
                survey.name,
                at
            ])?;
            Ok(Answered::Kept)
        })
    }

    /// How many chose what, a row of numbers for each question.
    ///
    /// # Errors
    /// The rows can't be read.
    pub fn survey_counts(&self, survey: &Survey) -> Result<Vec<Vec<u64>>, MemoryError> {
        let mut counts: Vec<Vec<u64>> = survey.questions.iter().map(|question| vec![0; question.choices.len()]).collect();
        let sql = "SELECT choices, count(*) FROM survey_answers WHERE survey = ?1 GROUP BY choices";
        for (choices, people) in self.rows(sql, [survey.number], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?)))? {
            let choices: Vec<usize> = serde_json::from_str(&choices).unwrap_or_default();
            for (count, choice) in counts.iter_mut().zip(choices) {
                if let Some(count) = count.get_mut(choice) {
                    *count += u64::from(people);
                }
            }
        }
        Ok(counts)
    }
}

/// The number that a survey gets: the beginning of its words' digest.
fn number(name: &str, asks: &str) -> u32 {
    let digest = Sha256::new().chain_update(name).chain_update("\n").chain_update(asks).finalize();
    digest.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// A row; nothing for one whose questions only another program can read.
fn of(row: &Row<'_>) -> rusqlite::Result<Option<Survey>> {
    let questions = serde_json::from_str(&row.get::<_, String>(2)?).ok();
    let (number, name, kept_at) = (row.get(0)?, row.get(1)?, time(row.get(3)?));
    Ok(questions.map(|questions| Survey { number, name, questions, kept_at }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::SuppressedFor;

    #[test]
    fn the_later_answer_counts_and_the_questions_are_frozen() {
        let folder = tempfile::tempdir().expect("a folder");
        let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().expect("a time");
        let mut memory = Memory::open(&folder.path().join("a.db"), now).expect("made");
        let ask = |ask: &str, choices: &[&str]| Question {
            ask: ask.to_owned(),
            choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
        };
        let questions = [ask("How long?", &["shorter", "longer"]), ask("How often?", &["less", "as now", "more"])];
        let number = memory.keep_survey("length", &questions, now).expect("kept");
        assert_eq!(memory.keep_survey("length", &questions, now).expect("kept"), number, "the same is the same");
        let other = memory.keep_survey("length", &questions[..1], now).expect("kept");
        assert_ne!(other, number, "another wording is another survey");
        assert!(memory.connection.execute("UPDATE surveys SET asks = '[]'", []).is_err());
        let mut answer = |who: &str, choices: &[usize]| memory.answer_survey(number, who, choices, now).expect("asked");
        assert_eq!(answer("ann", &[0, 2]), Answered::Kept);
        assert_eq!(answer("ann", &[1, 2]), Answered::Kept);
        assert_eq!(answer("bob", &[1, 0]), Answered::Kept);
        for wrong in [&[2, 0][..], &[0], &[0, 0, 0], &[]] {
            assert_eq!(answer("eve", wrong), Answered::NoSuchChoice, "{wrong:?}");
        }
        memory.suppress(&["gone".to_owned()], SuppressedFor::Removed, now).expect("kept");
        assert_eq!(memory.answer_survey(number, "gone", &[0, 0], now).expect("asked"), Answered::Gone);
        assert_eq!(memory.answer_survey(99, "ann", &[0, 0], now).expect("asked"), Answered::NoSuchChoice);
        let survey = memory.survey(number).expect("read").expect("there");
        assert_eq!(memory.survey_counts(&survey).expect("counted"), [vec![0, 2], vec![1, 0, 1]]);
        assert_eq!(memory.signs_since(now).expect("read").len(), 2, "a sign of life each");
        memory.leave("ann", now).expect("left");
        assert_eq!(memory.survey_counts(&survey).expect("counted"), [vec![0, 1], vec![1, 0, 0]]);
    }
}
