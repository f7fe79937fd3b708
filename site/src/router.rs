//! Which address is whose, and what one request may cost.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::app::App;
use crate::experiment::with_headline;
use crate::files::files;
use crate::headers::Headers;
use crate::{leave, often, preferences, subscribe, survey, visits};

/// How long a request may take, its body and its answer's head together. More is answered with 408.
pub(crate) const REQUEST: Duration = Duration::from_secs(20);
/// The most bytes of a request's body: no form of ours is near it. More is answered with 413.
const BODY: usize = 16 * 1024;

/// Every address of the site.
pub fn router(app: &App) -> Router {
    router_within(app, REQUEST)
}

/// The same with another limit of time.
pub(crate) fn router_within(app: &App, time: Duration) -> Router {
    let forms = subscribe::routes(app).merge(survey::routes(app)).merge(leave::routes(app)).merge(preferences::routes(app));
    let forms = often::limited(forms, app);
    // Only what is handed out to everybody is counted: an address with a token in it is somebody's own.
    let pages = visits::counted(with_headline(app, files(app)), app);
    bounded(pages.merge(forms).merge(visits::links(app)), app, time)
}

/// Puts the bounds around what answers: from the outside in the headers, a net for panics, the size, the time.
fn bounded(routes: Router, app: &App, time: Duration) -> Router {
    let (headers, pages) = (Headers::of(&app.publication), app.pages.clone());
    let fallen = move |_| {
        tracing::error!("an answer failed: this is a mistake in the program");
        pages.notice(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", "This is our mistake. Please try again later.")
    };
    let bounds = ServiceBuilder::new()
        .map_response(move |answer| headers.on(answer))
        .layer(CatchPanicLayer::custom(fallen))
        .layer(RequestBodyLimitLayer::new(BODY))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, time));
    routes.layer(bounds)
}

#[cfg(test)]
mod tests;
