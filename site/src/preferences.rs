//! What a reader chooses: how often, a pause, topics. The link came by mail; whoever has it is the reader.
//!
//! Must stay true: a GET changes nothing; a form that we do not understand changes nothing; nothing is kept of who has left.

mod form;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use minijinja::{Value, context};
use reveille_memory::{Memory, Preferences, Sign, SignKind};
use reveille_mission::{Purpose, Token, TokenError};

use crate::app::App;
use crate::origin;
use crate::own;
use crate::writer::WriteError;

/// The most that a form of ours sends.
const BODY: usize = 16 * 1024;

/// The addresses of a reader's own pages.
pub(crate) fn routes(app: &App) -> Router {
    Router::new()
        .route("/preferences/{token}", get(show).post(keep))
        .route("/preferences/{token}/data", get(own::data))
        .route("/preferences/{token}/delete", post(own::delete))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(app.clone())
}

/// Whose link it is, or what to tell whoever has it.
pub(crate) fn whose(app: &App, token: &str) -> Result<String, Box<Response>> {
    let no = |status, title, text| Err(Box::new(app.pages.notice(status, title, text)));
    match Token::check(token, Purpose::Preferences, &app.key, (app.now)()) {
        Ok(token) => Ok(token.subscriber_id()),
        Err(TokenError::Expired) => {
            Err(Box::new(app.pages.show(StatusCode::GONE, "expired.html", context! { title => "This link has expired" })))
        }
        Err(TokenError::Forged | TokenError::Purpose) => no(
            StatusCode::BAD_REQUEST,
            "This link does not work",
            "The link is not whole, or for something else. Copy all of it from the mail.",
        ),
    }
}

/// Whose form it is, sent by a page of ours.
pub(crate) fn whose_form(app: &App, token: &str, headers: &HeaderMap) -> Result<String, Box<Response>> {
    if origin::check(headers, &app.publication.url).is_err() {
        let text = "The form was sent from another site, and nothing was changed. Open the link of your mail, and send it from there.";
        return Err(Box::new(app.pages.notice(StatusCode::FORBIDDEN, "Nothing was changed", text)));
    }
    whose(app, token)
}

/// What to say when memory can't be asked.
pub(crate) fn later(app: &App, error: &WriteError) -> Response {
    tracing::error!("a reader's own page: {error}");
    let text = "Nothing was changed. Try again in a minute.";
    app.pages.notice(StatusCode::SERVICE_UNAVAILABLE, "This did not work just now", text)
}

async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    let id = match whose(&app, &token) {
        Ok(id) => id,
        Err(answer) => return *answer,
    };
    let offered = topics(&app).await;
    let asked = move |memory: &Memory| Ok((memory.is_suppressed(&id)?, memory.preferences(&id)?, memory.letters_ended(&id)?));
    match app.reader.read(asked).await {
        Ok((true, ..)) => gone(&app),
        Ok((false, chosen, ended)) => page(&app, &token, &chosen, &offered, Shown { kept: false, ended }),
        Err(error) => later(&app, &error),
    }
}

async fn keep(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let id = match whose_form(&app, &token, &headers) {
        Ok(id) => id,
        Err(answer) => return *answer,
    };
    let (offered, now) = (topics(&app).await, (app.now)());
    let known = offered.clone();
    let kept = app.writer.write(move |memory| {
        if memory.is_suppressed(&id)? {
            return Ok(Kept::Gone);
        }
        let Some(chosen) = form::read(&body, &memory.preferences(&id)?, &known, now) else { return Ok(Kept::NotUnderstood) };
        memory.prefer(&id, &chosen, now)?;
        // Whoever sends this form is there, and reads.
        memory.record_signs(&[Sign { subscriber: id, kind: SignKind::Visit, about: String::new(), at: now }])?;
        Ok(Kept::Chosen(chosen))
    });
    match kept.await {
        // What they just sent is a sign of life: whose letters had ended gets them again.
        Ok(Kept::Chosen(chosen)) => page(&app, &token, &chosen, &offered, Shown { kept: true, ended: None }),
        Ok(Kept::Gone) => gone(&app),
        Ok(Kept::NotUnderstood) => {
            let text = "The form was not whole, and nothing was changed. Open the link of your mail once more.";
            app.pages.notice(StatusCode::BAD_REQUEST, "Nothing was changed", text)
        }
        Err(error) => later(&app, &error),
    }
}

/// What became of a form.
enum Kept {
    Chosen(Preferences),
    Gone,
    NotUnderstood,
}

/// What readers may choose from: it is read from files, away from the threads that answer.
async fn topics(app: &App) -> Vec<String> {
    let topics = app.topics.clone();
    tokio::task::spawn_blocking(move || topics()).await.unwrap_or_default()
}

fn gone(app: &App) -> Response {
    app.pages.show(StatusCode::OK, "left.html", context! { title => "You are not on the list" })
}

/// What the page says besides the choices.
struct Shown {
    kept: bool,
    /// Since when letters have ended.
    ended: Option<DateTime<Utc>>,
}

fn page(app: &App, token: &str, chosen: &Preferences, offered: &[String], shown: Shown) -> Response {
    // What they chose once stays to be seen and taken back, whatever is offered today.
    let mut all = offered.to_vec();
    all.extend(chosen.topics.iter().filter(|topic| !offered.contains(topic)).cloned());
    let topics: Vec<Value> = all.iter().map(|name| context! { name, chosen => chosen.topics.contains(name) }).collect();
    let paused = chosen.paused_until.filter(|until| *until > (app.now)()).map(|until| until.date_naive().to_string());
    let about = context! {
        title => "Your preferences",
        token,
        kept => shown.kept,
        ended => shown.ended.filter(|_| app.letters_end).map(|since| since.date_naive().to_string()),
        frequency => chosen.frequency.to_string(),
        paused_until => paused,
        topics,
    };
    app.pages.show(StatusCode::OK, "preferences.html", about)
}
