//! A reader's own data: all that memory and the author's list have of them, to take along, and to have deleted.
//!
//! Must stay true: nobody but who has the link sees it; a cell of the table is none that a spreadsheet would run; deleting leaves the
//! digest of the address, and what the ledger can't forget.

#[cfg(test)]
mod tests;
mod told;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use minijinja::context;
use serde::Deserialize;

use crate::app::App;
use crate::preferences::{later, whose, whose_form};
use told::Told;

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
    let (list, of) = (app.listed.clone(), id.clone());
    // Half of it is not all of it: what can't be read is no empty answer.
    let listed = match tokio::task::spawn_blocking(move || list(&of)).await.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(listed) => listed,
        Err(error) => {
            tracing::error!("a reader's own data: readers.csv can't be read: {error}");
            let text = "The author's list can't be read at the moment, and without it this would not be all. Try again later.";
            return app.pages.notice(StatusCode::SERVICE_UNAVAILABLE, "Not now", text);
        }
    };
    // Not by the writer: whoever leaves does not wait for it.
    let own = match app.reader.read(move |memory| memory.own_data(&asked)).await {
        Ok(own) => Told::of(&id, own, listed, (app.now)()),
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
