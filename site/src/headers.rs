//! The headers of every answer.
//!
//! Must stay true: no script but our own files runs; no other site frames a page, gets a form of ours, or learns whose link it was.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use tower_http::set_header::SetResponseHeaderLayer;

/// What a page may load (Content Security Policy level 3). Pictures of an issue may stand on other hosts, by the author's choice.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; \
    manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Puts them on every answer of the router.
pub(crate) fn with_headers(router: Router) -> Router {
    let fixed = |name: HeaderName, value: &'static str| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    router
        .layer(fixed(CONTENT_SECURITY_POLICY, POLICY))
        .layer(fixed(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(REFERRER_POLICY, "strict-origin-when-cross-origin"))
}

/// Puts on every answer of the router that nobody keeps it: it is one reader's own.
pub(crate) fn never_kept(router: Router) -> Router {
    router.layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-store")))
}
