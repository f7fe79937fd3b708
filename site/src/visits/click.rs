//! Links of letters: `/c/TOKEN/NUMBER` leads where the letter's own link led, and the fetch is kept.
//!
//! Must stay true: no address of the request is ever redirected to; a token that is not ours leads nowhere.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use reveille_memory::Click;
use reveille_mission::{Fetcher, HASTE, Purpose, Token};

use super::asked::fetcher;
use crate::app::App;

/// A second more than a scanner is given.
const JUDGED: Duration = Duration::from_secs(HASTE.unsigned_abs() + 1);

pub(super) fn routes(app: &App) -> Router {
    Router::new().route("/c/{token}/{link}", get(follow)).with_state(app.clone())
}

async fn follow(State(app): State<App>, method: Method, Path((token, link)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let now = (app.now)();
    let (Ok(token), Ok(link)) = (Token::check(&token, Purpose::Click, &app.key, now), link.parse()) else { return lost(&app) };
    let by = fetcher(method == Method::GET, &headers);
    let click = Click { letter: token.item, link, subscriber: token.subscriber_id(), at: now, by };
    match app.writer.write(move |memory| memory.follow(&click)).await {
        Ok(Some(address)) => {
            if by == Fetcher::Person {
                tokio::spawn(judge_later(app.clone()));
            }
            HeaderValue::from_str(&address).map_or_else(|_| lost(&app), found)
        }
        Ok(None) => lost(&app),
        Err(error) => {
            tracing::warn!("a link of a letter can't be followed: {error}");
            app.pages.notice(
                StatusCode::SERVICE_UNAVAILABLE,
                "Please try again",
                "The link can't be looked up right now. Try it again in a minute.",
            )
        }
    }
}

/// Judges what was fetched when a scanner has had the time to fetch more; what an end of the server cuts off, the next wake judges.
async fn judge_later(app: App) {
    tokio::time::sleep(JUDGED).await;
    let now = (app.now)();
    if let Err(error) = app.writer.write(move |memory| memory.judge_clicks(now)).await {
        tracing::warn!("clicks are not judged yet: {error}");
    }
}

/// Not to be remembered: the next one who follows it is to be seen too.
fn found(address: HeaderValue) -> Response {
    (StatusCode::FOUND, [(LOCATION, address), (CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response()
}

fn lost(app: &App) -> Response {
    let text = "This link is not whole, or its letter is not known here. Everything that was published is on the home page.";
    app.pages.notice(StatusCode::NOT_FOUND, "The link leads nowhere", text)
}
