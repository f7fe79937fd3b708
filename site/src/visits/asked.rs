//! What a request shows of who sends it.
//!
//! Must stay true: a header of a stranger is text that is looked at, never kept.

use axum::extract::Request;
use axum::http::header::{HOST, HeaderName, REFERER, USER_AGENT};
use axum::http::{HeaderMap, Method};
use reveille_memory::{View, Visitor};
use reveille_mission::{Fetcher, VisitSource};
use url::Url;

use crate::app::App;
use crate::peer::Peer;

/// Longer text of a stranger is cut: it only has to be the same twice.
const LONGEST: usize = 512;

/// A request for what could be a page.
pub(super) struct Asked {
    page: String,
    via: Option<String>,
    referer: Option<String>,
    by: Fetcher,
    visitor: Option<Visitor>,
}

impl Asked {
    /// Nothing for what is no page: a file that belongs to one, something a script fetches, something that is sent.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let whole = request.method() == Method::GET;
        let path = request.uri().path();
        let name = path.rsplit('/').next().unwrap_or_default();
        let headers = request.headers();
        if !(whole || request.method() == Method::HEAD) || (name.contains('.') && !name.ends_with(".html")) || !is_looked_at(headers) {
            return None;
        }
        let query = request.uri().query().unwrap_or_default();
        let via = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "via").map(|(_, via)| via.into_owned());
        let referer = text(headers, &REFERER).and_then(|page| Url::parse(page).ok()).and_then(|page| page.host_str().map(str::to_owned));
        Some(Self {
            page: path.strip_suffix("index.html").unwrap_or(path).to_owned(),
            via,
            referer,
            by: fetcher(whole, headers),
            visitor: request.extensions().get().and_then(|peer| visitor(*peer, headers)),
        })
    }

    pub(super) fn view(self, app: &App) -> View {
        let own = app.publication.url.host_str().unwrap_or_default();
        let source = VisitSource::of(self.via.as_deref(), self.referer.as_deref(), own, &app.visits.0.hosts);
        View { at: (app.now)(), page: self.page, source, by: self.by, visitor: self.visitor }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn named<'h>(headers: &'h HeaderMap, name: &'static str) -> Option<&'h str> {
    text(headers, &HeaderName::from_static(name))
}

/// By whom a request is made.
pub(crate) fn fetcher(whole: bool, headers: &HeaderMap) -> Fetcher {
    let purpose = ["sec-purpose", "purpose", "x-moz"].into_iter().find_map(|name| named(headers, name));
    Fetcher::of(whole, text(headers, &USER_AGENT), purpose)
}

/// Whether a page is fetched to be looked at, and not by a script, like that which keeps pages for reading offline (`Sec-Fetch-Dest`,
/// W3C Fetch Metadata). Browsers that do not say count.
pub(crate) fn is_looked_at(headers: &HeaderMap) -> bool {
    named(headers, "sec-fetch-dest").is_none_or(|dest| dest == "document") || named(headers, "sec-fetch-mode") == Some("navigate")
}

/// Whether whoever sends it asks not to be told from others (`DNT`, `Sec-GPC`).
pub(crate) fn asks_not_to_be_told(headers: &HeaderMap) -> bool {
    ["dnt", "sec-gpc"].into_iter().any(|name| named(headers, name).is_some_and(|said| said.trim() == "1"))
}

/// Who sends a request; nothing for whoever asks not to be tracked.
pub(super) fn visitor(peer: Peer, headers: &HeaderMap) -> Option<Visitor> {
    if asks_not_to_be_told(headers) {
        return None;
    }
    let cut = |name: &HeaderName| text(headers, name).unwrap_or_default().chars().take(LONGEST).collect::<String>();
    Some(Visitor::of(&peer.0.to_string(), &cut(&USER_AGENT), &cut(&HOST)))
}
