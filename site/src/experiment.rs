//! The headline of the home page, where an experiment is on: each of a day's visitors sees one of its wordings.
//!
//! Must stay true: the rendered page is right without it, and is shown as it is to whoever can't be counted; nobody sees a wording
//! before that is counted; who somebody is can be told on that day only, by this process only, and is written nowhere.
//!
//! Its limit: a visitor is a day's network address and browser. Whoever comes back on another day, or after the server was started
//! anew, is another visitor and may see another wording.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RANGE, USER_AGENT,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use chrono::{DateTime, Utc};
use reveille_memory::{Experiment, Exposure};
use reveille_mission::Fetcher;
use reveille_mission::experiment::{ratio_p, variant_of};

use crate::app::App;
use crate::peer::Peer;
use crate::visits::{asks_not_to_be_told, fetcher, is_looked_at};

/// Between these two marks stands the headline of the rendered home page.
const MARKS: (&str, &str) = ("<!--headline-->", "<!--/headline-->");
/// The largest home page that a headline is put into, in bytes.
const PAGE: usize = 1_000_000;
/// The most visitors of a day that are told apart, at eight bytes each: a flood of them takes no more memory.
const VISITORS: usize = 200_000;
/// Below it people were not shared out evenly, and it ends: see `mission`.
const UNEVEN: f64 = 0.001;

/// A headline experiment that is on.
#[derive(Debug)]
pub struct Headline {
    experiment: Experiment,
    state: Mutex<Today>,
}

/// How far the counting of a visitor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The commit is waited for.
    Reserved,
    Counted,
}

/// What is known of this day's visitors.
#[derive(Debug)]
struct Today {
    /// Days since 1970, UTC.
    day: i64,
    /// The day's salt: random keys of SipHash that nobody else has.
    salt: RandomState,
    /// Who has been counted, and who is just being counted.
    visitors: HashMap<u64, Seen>,
    /// People by wording, of all days.
    shown: Vec<u64>,
    /// People were not shared out evenly.
    stopped: bool,
}

impl Headline {
    /// One that is on, with the people who were shown its wordings so far.
    #[must_use]
    pub fn new(experiment: Experiment, mut shown: Vec<u64>) -> Self {
        shown.resize(experiment.variants.len(), 0);
        let today = Today { day: i64::MIN, salt: RandomState::new(), visitors: HashMap::new(), shown, stopped: false };
        Self { experiment, state: Mutex::new(today) }
    }

    /// What a visitor is shown now, and whether they are counted already; nothing where they can't be told apart or it is over.
    fn turn(&self, parts: &Parts, now: DateTime<Utc>) -> Option<(Exposure, u64, bool)> {
        if self.experiment.ends_at.is_none_or(|end| now >= end) {
            return None;
        }
        let mut today = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now.timestamp().div_euclid(86_400);
        if today.day != day {
            // Yesterday's salt and visitors go; whether people are shared out evenly is looked at once a day.
            (today.day, today.salt, today.visitors) = (day, RandomState::new(), HashMap::new());
            today.stopped = ratio_p(&today.shown) < UNEVEN;
        }
        if today.stopped {
            return None;
        }
        let unit = unit_of_day(&today.salt, parts)?;
        let counted = match today.visitors.get(&unit) {
            // Two requests at once: the second is shown the page as it is, and nobody is counted twice.
            Some(Seen::Reserved) => return None,
            seen => seen.is_some(),
        };
        if !counted && today.visitors.len() >= VISITORS {
            return None;
        }
        let variant = variant_of(&self.experiment.name, &format!("{unit:016x}"), self.experiment.variants.len());
        Some((Exposure { experiment: self.experiment.name.clone(), variant, at: now }, unit, counted))
    }

    /// Takes a visitor on, before the commit. Whether nobody else has.
    fn reserve(&self, unit: u64) -> bool {
        let mut today = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let free = !today.visitors.contains_key(&unit);
        if free {
            today.visitors.insert(unit, Seen::Reserved);
        }
        free
    }

    /// What became of the commit: who was not counted may be the next time.
    fn settle(&self, exposure: &Exposure, unit: u64, kept: bool) {
        let mut today = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept {
            today.visitors.remove(&unit);
            return;
        }
        today.visitors.insert(unit, Seen::Counted);
        if let Some(shown) = today.shown.get_mut(exposure.variant) {
            *shown += 1;
        }
    }

    /// The wording that this visitor was shown today; nothing when none was. Whoever signs up now is its outcome once they confirm.
    #[must_use]
    pub fn shown_to(&self, parts: &Parts, now: DateTime<Utc>) -> Option<Exposure> {
        self.turn(parts, now).filter(|(_, _, counted)| *counted).map(|(exposure, _, _)| exposure)
    }
}

/// Who a visitor is on this day: the network address and the browser, hashed with the day's salt. A program is nobody, and so is
/// whoever asks not to be told from others.
fn unit_of_day(salt: &RandomState, parts: &Parts) -> Option<u64> {
    let (peer, agent) = (parts.extensions.get::<Peer>()?, parts.headers.get(USER_AGENT)?);
    let is_somebody = fetcher(true, &parts.headers) == Fetcher::Person && !asks_not_to_be_told(&parts.headers);
    is_somebody.then(|| salt.hash_one((peer, agent.as_bytes())))
}

/// Puts the headline into the home page, where an experiment is on.
pub(crate) fn with_headline(app: &App, router: Router) -> Router {
    if app.headline.is_none() { router } else { router.layer(from_fn_with_state(app.clone(), home_page)) }
}

async fn home_page(State(app): State<App>, request: Request, next: Next) -> Response {
    // What a script fetches, as the service worker to keep it, is the page as it is.
    let is_home = request.method() == Method::GET && matches!(request.uri().path(), "/" | "/index.html") && is_looked_at(request.headers());
    let Some(headline) = app.headline.clone().filter(|_| is_home) else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let Some((exposure, unit, counted)) = headline.turn(&parts, (app.now)()) else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    // The whole page, as text: it is not the one that the browser may have kept.
    for name in [ACCEPT_ENCODING, IF_MODIFIED_SINCE, IF_NONE_MATCH, RANGE] {
        parts.headers.remove(name);
    }
    let answer = next.run(Request::from_parts(parts, body)).await;
    if answer.status() != StatusCode::OK {
        return answer;
    }
    let Some(wording) = headline.experiment.variants.get(exposure.variant) else { return answer };
    let (mut parts, body) = answer.into_parts();
    let Ok(page) = to_bytes(body, PAGE).await else {
        tracing::error!("the home page is too large for a headline: it needs less than {PAGE} bytes");
        parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        parts.headers.remove(CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    };
    let Some(swapped) = std::str::from_utf8(&page).ok().and_then(|page| swap(page, wording)) else {
        return Response::from_parts(parts, Body::from(page));
    };
    if !counted && !count(&app, &headline, exposure, unit).await {
        return Response::from_parts(parts, Body::from(page));
    }
    for name in [ACCEPT_RANGES, CONTENT_LENGTH, ETAG, LAST_MODIFIED] {
        parts.headers.remove(name);
    }
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Response::from_parts(parts, Body::from(swapped))
}

/// Counts a visitor who has not been, and waits for the commit: in a task of its own, so that whoever goes away meanwhile is counted
/// to the end.
async fn count(app: &App, headline: &Arc<Headline>, exposure: Exposure, unit: u64) -> bool {
    if !headline.reserve(unit) {
        return false;
    }
    let (writer, headline) = (app.writer.clone(), Arc::clone(headline));
    let counting = tokio::spawn(async move {
        let row = exposure.clone();
        let kept = writer.write(move |memory| memory.count_exposures(&[row])).await;
        headline.settle(&exposure, unit, kept.is_ok());
        kept
    });
    match counting.await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!("a headline was not shown: {error}");
            false
        }
        Err(_) => false,
    }
}

/// The page with another headline between the marks; nothing where it has none.
fn swap(page: &str, wording: &str) -> Option<String> {
    let (before, rest) = page.split_once(MARKS.0)?;
    let (_, after) = rest.split_once(MARKS.1)?;
    Some(format!("{before}{}{}{}{after}", MARKS.0, escaped(wording), MARKS.1))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests;
