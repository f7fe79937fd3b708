//! A reader's own data: all that memory has of them, to take along, and to have deleted.
//!
//! Must stay true: nobody but who has the link sees it; a cell of the table is none that a spreadsheet would run; deleting leaves the
//! digest of the address, and what the ledger can't forget.

#[cfg(test)]
mod tests;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use minijinja::context;
use reveille_memory::OwnData;
use reveille_mission::cell_out;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::preferences::{later, whose, whose_form};

/// Which form the data is wanted in.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// `csv`, or JSON without it.
    #[serde(rename = "as")]
    form: Option<String>,
}

pub(crate) async fn data(State(app): State<App>, Path(token): Path<String>, Query(wanted): Query<Wanted>) -> Response {
    let id = match whose(&app, &token) {
        Ok(id) => id,
        Err(answer) => return *answer,
    };
    let asked = id.clone();
    // Not by the writer: whoever leaves does not wait for it.
    let own = match app.reader.read(move |memory| memory.own_data(&asked)).await {
        Ok(own) => Told::of(&id, own, (app.now)()),
        Err(error) => return later(&app, &error),
    };
    let (kind, name, bytes) = match wanted.form.as_deref() {
        Some("csv") => {
            ("text/csv; charset=utf-8", "attachment; filename=\"your-data.csv\"", own.table().map_err(|error| error.to_string()))
        }
        _ => {
            let json = serde_json::to_vec_pretty(&own).map_err(|error| error.to_string());
            ("application/json", "attachment; filename=\"your-data.json\"", json)
        }
    };
    match bytes {
        Ok(bytes) => ([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], bytes).into_response(),
        Err(error) => {
            tracing::error!("a reader's own data can't be written: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

pub(crate) async fn delete(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let id = match whose_form(&app, &token, &headers) {
        Ok(id) => id,
        Err(answer) => return *answer,
    };
    let sure = url::form_urlencoded::parse(&body).any(|(name, value)| name == "sure" && value == "yes");
    if !sure {
        let text = "Tick the box above the button, so that nobody deletes by mistake.";
        return app.pages.notice(StatusCode::BAD_REQUEST, "Nothing was deleted", text);
    }
    let now = (app.now)();
    match app.writer.write(move |memory| memory.leave(&id, now)).await {
        Ok(()) => app.pages.show(StatusCode::OK, "left.html", context! { title => "Deleted" }),
        Err(error) => later(&app, &error),
    }
}

/// All that memory has of a reader, as they are told.
#[derive(Debug, Serialize)]
struct Told {
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

impl Told {
    fn of(id: &str, own: OwnData, now: DateTime<Utc>) -> Self {
        let row = own.subscriber.as_ref();
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
            signs: own
                .signs
                .into_iter()
                .map(|sign| ToldSign { kind: sign.kind.to_string(), about: sign.about, at: said(sign.at) })
                .collect(),
            mails: own
                .mails
                .into_iter()
                .map(|mail| ToldMail {
                    about: mail.issue,
                    part: mail.part,
                    state: mail.state,
                    written_at: said(mail.intended_at),
                    settled_at: mail.settled_at.map(said),
                })
                .collect(),
            not_mailed: own.is_suppressed,
            left_at: own.suppressed.as_ref().map(|row| said(row.at)),
            left_why: own.suppressed.as_ref().map(|row| row.why.to_string()),
        }
    }

    /// As a table of what, when, and about what.
    fn table(&self) -> Result<Vec<u8>, csv::Error> {
        let mut out = csv::Writer::from_writer(vec![]);
        let mut row = |what: &str, when: &str, about: &str| out.write_record([what, when, about].map(|cell| cell_out(cell).into_owned()));
        row("what", "when", "about")?;
        row("id", &self.as_of, &self.id)?;
        for (what, about) in [("address", &self.address), ("tier", &self.tier), ("came by", &self.came_by)] {
            about.as_ref().map_or(Ok(()), |about| row(what, "", about))?;
        }
        for (what, when) in [("asked", &self.asked_at), ("confirmed", &self.confirmed_at), ("paused until", &self.paused_until)] {
            when.as_ref().map_or(Ok(()), |when| row(what, when, ""))?;
        }
        row("frequency", "", &self.frequency)?;
        self.topics.iter().try_for_each(|topic| row("topic", "", topic))?;
        self.signs.iter().try_for_each(|sign| row(&format!("sign: {}", sign.kind), &sign.at, &sign.about))?;
        self.mails.iter().try_for_each(|mail| {
            let when = mail.settled_at.as_ref().unwrap_or(&mail.written_at);
            row(&format!("{}: {}", mail.part, mail.state), when, &mail.about)
        })?;
        if let (Some(at), Some(why)) = (&self.left_at, &self.left_why) {
            row("not mailed", at, why)?;
        }
        out.into_inner().map_err(|error| error.into_error().into())
    }
}

fn said(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
