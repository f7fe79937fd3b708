//! The headers of every answer.
//!
//! Must stay true: no script but our own files runs; no other site frames a page, gets a form of ours, keeps a hand on our window or
//! learns whose link it was; an answer that does not say how it may be kept is not kept.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Response};

use crate::app::Publication;

/// What a page may load (Content Security Policy level 3). Pictures and sound of an issue may stand on other hosts, by the author's
/// choice.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; media-src 'self' https:; \
    connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The same for every answer; no handler can widen one.
const FIXED: [(HeaderName, HeaderValue); 5] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];
/// A year (RFC 6797), without what else the owner runs on names below this one.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// The headers of this publication's answers.
#[derive(Debug, Clone)]
pub(crate) struct Headers {
    https: bool,
}

impl Headers {
    /// Only a publication whose address is https asks browsers never to come without it.
    pub(crate) fn of(publication: &Publication) -> Self {
        Self { https: publication.url.scheme() == "https" }
    }

    /// Puts them on an answer.
    pub(crate) fn on<B>(&self, mut answer: Response<B>) -> Response<B> {
        let headers = answer.headers_mut();
        headers.reserve(FIXED.len() + 2);
        for (name, value) in &FIXED {
            headers.insert(name, value.clone());
        }
        if self.https {
            headers.insert(STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
        }
        headers.entry(CACHE_CONTROL).or_insert(NOT_KEPT);
        answer
    }
}
