//! All that is known of a reader, as they are told: as JSON, and as a table of what, when and about what.
//!
//! Must stay true: what the one form has, the other has; no cell of the table is one that a spreadsheet would run.

use chrono::{DateTime, SecondsFormat, Utc};
use reveille_memory::OwnData;
use reveille_mission::cell_out;
use serde::Serialize;

use crate::app::Row;

#[derive(Debug, Serialize)]
pub(super) struct Told {
    schema: u32,
    as_of: String,
    /// The digest of the address, by which the rows below are theirs.
    id: String,
    address: Option<String>,
    tier: Option<String>,
    came_by: Option<String>,
    asked_at: Option<String>,
    confirmed_at: Option<String>,
    frequency: String,
    paused_until: Option<String>,
    topics: Vec<String>,
    signs: Vec<ToldSign>,
    mails: Vec<ToldMail>,
    first_letter_at: Option<String>,
    last_letter_at: Option<String>,
    /// Since when letters have ended; a sign of life behind that undoes it.
    letters_ended_at: Option<String>,
    clicks: Vec<ToldClick>,
    answers: Vec<ToldAnswer>,
    surveys: Vec<ToldSurvey>,
    asked_for: Vec<ToldWish>,
    /// The experiment in which they asked for the letter, and the number of the wording.
    experiment: Option<(String, i64)>,
    /// The rows of the author's list: columns with what stands in them.
    readers_csv: Vec<Row>,
    /// What memory has kept of that list.
    listed: Option<String>,
    /// Whether they are mailed no more.
    not_mailed: bool,
    /// When and why that was, also if they have come back since.
    left_at: Option<String>,
    left_why: Option<String>,
}

#[derive(Debug, Serialize)]
struct ToldSign {
    kind: String,
    about: String,
    at: String,
}

#[derive(Debug, Serialize)]
struct ToldMail {
    about: String,
    part: String,
    state: String,
    written_at: String,
    settled_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct ToldClick {
    address: String,
    about: String,
    by: String,
    at: String,
}

#[derive(Debug, Serialize)]
struct ToldAnswer {
    channel: String,
    kind: String,
    sender: String,
    /// Its first words; all of it stands in the author's file, and where it was written.
    begins: String,
    about: String,
    place: String,
    file: String,
    at: String,
}

#[derive(Debug, Serialize)]
struct ToldSurvey {
    survey: String,
    answers: Vec<(String, String)>,
    at: String,
}

#[derive(Debug, Serialize)]
struct ToldWish {
    mail: String,
    address: String,
    at: String,
}

impl Told {
    pub(super) fn of(id: &str, own: OwnData, readers_csv: Vec<Row>, now: DateTime<Utc>) -> Self {
        let row = own.subscriber.as_ref();
        let sign = |sign: reveille_memory::Sign| ToldSign { kind: sign.kind.to_string(), about: sign.about, at: said(sign.at) };
        let mail = |mail: reveille_memory::Mailed| ToldMail {
            about: mail.issue,
            part: mail.part,
            state: mail.state,
            written_at: said(mail.intended_at),
            settled_at: mail.settled_at.map(said),
        };
        let click =
            |click: reveille_memory::Followed| ToldClick { address: click.address, about: click.issue, by: click.by, at: said(click.at) };
        let answer = |answer: reveille_memory::AnswerRow| ToldAnswer {
            channel: answer.channel,
            kind: answer.kind.to_string(),
            sender: answer.sender,
            begins: answer.excerpt,
            about: answer.issue,
            place: answer.place,
            file: answer.file,
            at: said(answer.at),
        };
        Self {
            schema: 1,
            as_of: said(now),
            id: id.to_owned(),
            address: row.map(|row| row.email.clone()),
            tier: row.map(|row| row.tier.clone()),
            came_by: row.map(|row| row.via.clone()),
            asked_at: row.map(|row| said(row.asked_at)),
            confirmed_at: row.and_then(|row| row.confirmed_at).map(said),
            frequency: own.preferences.frequency.to_string(),
            paused_until: own.preferences.paused_until.map(said),
            topics: own.preferences.topics,
            signs: own.signs.into_iter().map(sign).collect(),
            mails: own.mails.into_iter().map(mail).collect(),
            first_letter_at: own.letters.map(|(first, _)| said(first)),
            last_letter_at: own.letters.map(|(_, last)| said(last)),
            letters_ended_at: own.letters_ended.map(said),
            clicks: own.clicks.into_iter().map(click).collect(),
            answers: own.answers.into_iter().map(answer).collect(),
            surveys: own.surveys.into_iter().map(|one| ToldSurvey { survey: one.survey, answers: one.chosen, at: said(one.at) }).collect(),
            asked_for: own
                .wanted
                .into_iter()
                .map(|one| ToldWish { mail: one.kind.to_string(), address: one.email, at: said(one.wanted_at) })
                .collect(),
            experiment: own.awaited,
            readers_csv,
            listed: own.listed.map(|listed| listed.to_string()),
            not_mailed: own.is_suppressed,
            left_at: own.suppressed.as_ref().map(|row| said(row.at)),
            left_why: own.suppressed.as_ref().map(|row| row.why.to_string()),
        }
    }

    /// As a table of what, when, and about what.
    pub(super) fn table(&self) -> Result<Vec<u8>, csv::Error> {
        let mut out = csv::Writer::from_writer(vec![]);
        let mut row = |what: &str, when: &str, about: &str| out.write_record([what, when, about].map(|cell| cell_out(cell).into_owned()));
        row("what", "when", "about")?;
        row("id", &self.as_of, &self.id)?;
        for (what, about) in [("address", &self.address), ("tier", &self.tier), ("came by", &self.came_by)] {
            about.as_ref().map_or(Ok(()), |about| row(what, "", about))?;
        }
        for (what, when) in [
            ("asked", &self.asked_at),
            ("confirmed", &self.confirmed_at),
            ("paused until", &self.paused_until),
            ("first letter", &self.first_letter_at),
            ("last letter", &self.last_letter_at),
            ("letters ended", &self.letters_ended_at),
        ] {
            when.as_ref().map_or(Ok(()), |when| row(what, when, ""))?;
        }
        row("frequency", "", &self.frequency)?;
        self.topics.iter().try_for_each(|topic| row("topic", "", topic))?;
        self.signs.iter().try_for_each(|sign| row(&format!("sign: {}", sign.kind), &sign.at, &sign.about))?;
        self.mails.iter().try_for_each(|mail| {
            let when = mail.settled_at.as_ref().unwrap_or(&mail.written_at);
            row(&format!("{}: {}", mail.part, mail.state), when, &mail.about)
        })?;
        for click in &self.clicks {
            row(&format!("link followed by a {}", click.by), &click.at, &format!("{} ({})", click.address, click.about))?;
        }
        for one in &self.answers {
            let about = format!("{}: {} ({}; {}; {})", one.sender, one.begins, one.about, one.place, one.file);
            row(&format!("{} on {}", one.kind, one.channel), &one.at, &about)?;
        }
        for one in &self.surveys {
            one.answers.iter().try_for_each(|(ask, said)| row(&format!("survey: {}", one.survey), &one.at, &format!("{ask} {said}")))?;
        }
        self.asked_for.iter().try_for_each(|one| row(&format!("mail asked for: {}", one.mail), &one.at, &one.address))?;
        if let Some((experiment, wording)) = &self.experiment {
            row("experiment", "", &format!("{experiment}: wording {wording}"))?;
        }
        self.readers_csv.iter().flatten().try_for_each(|(column, cell)| row(&format!("readers.csv: {column}"), "", cell))?;
        self.listed.as_ref().map_or(Ok(()), |listed| row("listed", "", listed))?;
        if let (Some(at), Some(why)) = (&self.left_at, &self.left_why) {
            row("not mailed", at, why)?;
        }
        out.into_inner().map_err(|error| error.into_error().into())
    }
}

fn said(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
