//! What one reader did, as it stands: links followed, surveys answered, mails asked for.

use chrono::{DateTime, Utc};

use crate::error::MemoryError;
use crate::open::{Memory, time};
use crate::subscribers::{WantedFor, WantedMail};
use crate::surveys::Question;

/// A link of a letter that was fetched by somebody's link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Where it leads.
    pub address: String,
    /// The issue in which it stood.
    pub issue: String,
    /// By whom it seems: `person`, `robot` or `prefetch`.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What somebody answered to a survey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyAnswer {
    /// Its name.
    pub survey: String,
    /// Each question with what was chosen.
    pub chosen: Vec<(String, String)>,
    /// When.
    pub at: DateTime<Utc>,
}

impl Memory {
    /// The links that were fetched by somebody's link, the oldest first.
    pub(super) fn followed(&self, id: &str) -> Result<Vec<Followed>, MemoryError> {
        let sql = "SELECT l.address, l.about, c.fetcher, c.at FROM clicks AS c
            LEFT JOIN letter_links AS l ON l.letter = c.letter AND l.link = c.link WHERE c.subscriber = ?1 ORDER BY c.at, c.id";
        self.rows(sql, [id], |row| {
            let text = |at| row.get::<_, Option<String>>(at).map(Option::unwrap_or_default);
            Ok(Followed { address: text(0)?, issue: text(1)?, by: row.get(2)?, at: time(row.get(3)?) })
        })
    }

    /// What somebody answered to surveys, the oldest first.
    pub(super) fn answers_to_surveys(&self, id: &str) -> Result<Vec<SurveyAnswer>, MemoryError> {
        let sql = "SELECT s.name, s.asks, a.choices, a.at FROM survey_answers AS a JOIN surveys AS s ON s.number = a.survey
            WHERE a.subscriber = ?1 ORDER BY a.at";
        self.rows(sql, [id], |row| {
            let asks: Vec<Question> = serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default();
            let choices: Vec<usize> = serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or_default();
            let said = |(ask, choice): (Question, usize)| (ask.ask, ask.choices.into_iter().nth(choice).unwrap_or_default());
            Ok(SurveyAnswer { survey: row.get(0)?, chosen: asks.into_iter().zip(choices).map(said).collect(), at: time(row.get(3)?) })
        })
    }

    /// The mails that somebody asked for, as long as that is remembered, the oldest first.
    pub(super) fn wanted_of(&self, id: &str) -> Result<Vec<WantedMail>, MemoryError> {
        let sql = "SELECT id, subscriber, email, kind, wanted_at FROM wanted_mails WHERE subscriber = ?1 ORDER BY wanted_at, id";
        self.rows(sql, [id], |row| {
            let kind = row.get::<_, String>(3)?.parse().unwrap_or(WantedFor::Known);
            Ok(WantedMail { id: row.get(0)?, subscriber: row.get(1)?, email: row.get(2)?, kind, wanted_at: time(row.get(4)?) })
        })
    }
}
