//! The rendered publication, as it lies in `site/` of the home.
//!
//! Must stay true: only regular files in that folder are handed out, none whose name begins with a dot; a file that the renderer
//! replaces is handed out anew within about a second; a redirect stays on the host that was asked.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RANGE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use crate::app::App;
use crate::pages::Pages;
use shelf::{Found, Kept, Shelf};

mod kind;
mod path;
mod shelf;

/// What a browser keeps, it asks about: a page may have been corrected.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// What is asked for by its own digest never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

#[derive(Clone)]
struct Folder {
    shelf: Arc<Shelf>,
    pages: Arc<Pages>,
}

/// Everything that no other address took.
pub(crate) fn files(app: &App) -> Router {
    let folder = Folder { shelf: Arc::new(Shelf::of(&app.files)), pages: app.pages.clone() };
    Router::new().fallback(answer).with_state(folder)
}

async fn answer(State(folder): State<Folder>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = folder.pages.notice(StatusCode::METHOD_NOT_ALLOWED, "Not possible", "This page can only be read.");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let Some(path) = path::plain(request.uri().path()) else { return folder.missing().await };
    match folder.shelf.find(&path).await {
        Found::Kept(kept) if !request.headers().contains_key(RANGE) => whole(&kept, request.headers(), request.uri().query()),
        Found::Kept(kept) => part(&kept.real, request).await,
        Found::Large(real) => part(&real, request).await,
        Found::Folder => with_slash(&request),
        Found::Nothing => folder.missing().await,
    }
}

impl Folder {
    /// The publication's own page for it, else ours.
    async fn missing(&self) -> Response {
        match self.shelf.find("404.html").await {
            Found::Kept(own) => {
                (StatusCode::NOT_FOUND, [(CONTENT_TYPE, own.kind.clone()), (CACHE_CONTROL, ASK_AGAIN)], own.body.clone()).into_response()
            }
            _ => self.pages.notice(StatusCode::NOT_FOUND, "Not found", "There is no page at this address."),
        }
    }
}

/// A file from memory.
fn whole(kept: &Kept, asked: &HeaderMap, query: Option<&str>) -> Response {
    let unchanged = is_unchanged(kept, asked);
    let mut answer = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(kept.body.clone())) };
    let headers = answer.headers_mut();
    // Room for ours and for those of `headers.rs`: a map that grows is filled anew.
    headers.reserve(16);
    headers.insert(CACHE_CONTROL, if is_version(kept, query) { FOR_EVER } else { ASK_AGAIN });
    headers.insert(ETAG, kept.tag.clone());
    headers.insert(LAST_MODIFIED, kept.modified.clone());
    if !unchanged {
        headers.insert(CONTENT_TYPE, kept.kind.clone());
    }
    answer
}

/// RFC 9110, 13.2.2: a tag decides alone, if one is given.
fn is_unchanged(kept: &Kept, asked: &HeaderMap) -> bool {
    if asked.contains_key(IF_NONE_MATCH) {
        let given = asked.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        return given.map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == "*" || tag.as_bytes() == kept.tag.as_bytes());
    }
    let since = asked.get(IF_MODIFIED_SINCE).and_then(|since| since.to_str().ok()).and_then(|since| httpdate::parse_http_date(since).ok());
    since.is_some_and(|since| kept.modified_at <= since)
}

/// Whether a query (`?1f2e3d4c`, `?v=1f2e3d4c`) is the beginning of the file's digest: then the address names these bytes only.
fn is_version(kept: &Kept, query: Option<&str>) -> bool {
    let version = query.map(|query| query.strip_prefix("v=").unwrap_or(query));
    version.is_some_and(|version| version.len() >= 8 && kept.digest.starts_with(version))
}

/// A large file, or a part of any, from the disk.
async fn part(real: &Path, request: Request) -> Response {
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Ok(answer) = ServeFile::new(real).oneshot(request).await;
    let mut answer = answer.map(Body::new);
    if answer.status().is_success() {
        answer.headers_mut().insert(CONTENT_TYPE, kind::of(&name, b""));
    }
    answer.headers_mut().insert(CACHE_CONTROL, ASK_AGAIN);
    answer
}

/// A folder was asked for without the slash that its pages' relative links need. The way there is relative itself: it knows neither
/// our host nor what a proxy calls us.
fn with_slash(request: &Request) -> Response {
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    // `./`, for a name with a colon would be read as a scheme.
    match HeaderValue::try_from(format!("./{last}/{query}")) {
        Ok(to) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, to), (CACHE_CONTROL, ASK_AGAIN)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

#[cfg(test)]
mod tests;
