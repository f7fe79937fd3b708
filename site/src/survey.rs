//! Surveys by links: a GET shows the questions, a POST keeps what was chosen.
//!
//! Must stay true: nobody answers for anybody without their link; a form on another site answers nothing; what was chosen is kept
//! before anybody is thanked, and shown to nobody.

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use minijinja::context;
use reveille_memory::{Answered, Survey};
use reveille_mission::{Purpose, Token, TokenError};
use serde::Deserialize;

use crate::app::App;
use crate::origin;
use crate::writer::WriteError;

#[cfg(test)]
mod tests;

/// The most bytes of a form: two numbers.
const FORM: usize = 1024;

/// The addresses of surveys.
pub(crate) fn routes(app: &App) -> Router {
    Router::new().route("/survey/{token}", get(show).post(answer)).layer(DefaultBodyLimit::max(FORM)).with_state(app.clone())
}

/// What was chosen, by the number of the choice.
#[derive(Debug, Deserialize)]
struct Chosen {
    first: usize,
    second: usize,
}

/// Shows the questions. A scanner that follows links has answered nothing.
async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    let (token, survey) = match asked(&app, &token).await {
        Ok(found) => found,
        Err(no) => return private(*no),
    };
    let suppressed = app.writer.write(move |memory| memory.is_suppressed(&token.subscriber_id())).await;
    private(match suppressed {
        Err(error) => trouble(&app, &error),
        Ok(true) => gone(&app),
        Ok(false) => {
            let name = ["first", "second"];
            let questions: Vec<_> =
                survey.questions.iter().zip(name).map(|(q, name)| context! { ask => &q.ask, choices => &q.choices, name }).collect();
            app.pages.show(StatusCode::OK, "survey.html", context! { title => "Two questions", questions })
        }
    })
}

/// Keeps the answer.
async fn answer(
    State(app): State<App>,
    Path(token): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Chosen>, FormRejection>,
) -> Response {
    if origin::check(&headers, &app.publication.url).is_err() {
        return private(app.pages.notice(
            StatusCode::FORBIDDEN,
            "Not from here",
            "Please answer on the page that the link in your mail opens.",
        ));
    }
    let (token, survey) = match asked(&app, &token).await {
        Ok(found) => found,
        Err(no) => return private(*no),
    };
    let Ok(Form(chosen)) = form else { return private(unanswered(&app)) };
    let now = (app.now)();
    let write = move |memory: &mut reveille_memory::Memory| {
        memory.answer_survey(survey.number, &token.subscriber_id(), &[chosen.first, chosen.second], now)
    };
    private(match app.writer.write(write).await {
        Ok(Answered::Kept) => app.pages.notice(
            StatusCode::OK,
            "Thank you",
            "Your answer is kept. If you open the link again and choose otherwise, the later answer counts.",
        ),
        Ok(Answered::NoSuchChoice) => unanswered(&app),
        Ok(Answered::Gone) => gone(&app),
        Err(error) => trouble(&app, &error),
    })
}

/// Whose link it is, and what it asks.
async fn asked(app: &App, token: &str) -> Result<(Token, Survey), Box<Response>> {
    let no = |status, text: &str| Err(Box::new(app.pages.notice(status, "This link does not work", text)));
    let token = match Token::check(token, Purpose::Survey, &app.key, (app.now)()) {
        Ok(token) => token,
        Err(TokenError::Expired) => return no(StatusCode::GONE, "It was good for a while, and that is over."),
        Err(TokenError::Forged | TokenError::Purpose) => {
            return no(StatusCode::NOT_FOUND, "It is not whole: please open it from the mail.");
        }
    };
    let Ok(number) = u32::try_from(token.item) else { return no(StatusCode::NOT_FOUND, "There is no such survey.") };
    match app.writer.write(move |memory| memory.survey(number)).await {
        Ok(Some(survey)) => Ok((token, survey)),
        Ok(None) => no(StatusCode::NOT_FOUND, "There is no such survey."),
        Err(error) => Err(Box::new(trouble(app, &error))),
    }
}

/// A page that stands in no cache: its address is somebody's own.
fn private(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn unanswered(app: &App) -> Response {
    app.pages.notice(StatusCode::BAD_REQUEST, "Please choose", "Go back and choose one answer to each question.")
}

fn gone(app: &App) -> Response {
    app.pages.notice(StatusCode::GONE, "This link does not work", "You are not on the list any more, so nothing is asked of you.")
}

fn trouble(app: &App, error: &WriteError) -> Response {
    tracing::warn!("a survey: {error}");
    app.pages.notice(StatusCode::SERVICE_UNAVAILABLE, "Not now", "Please try again in a minute.")
}
