//! Where a form was sent from.
//!
//! Must stay true: a form that was sent from another site, or from nowhere, is not ours.

use axum::http::HeaderMap;
use axum::http::header::ORIGIN;

use crate::app::Publication;

/// Whether a POST was sent by a page of ours: browsers say in `Origin` (RFC 6454, 7) which site's page sent it. One that says nothing
/// or says it twice is not.
pub(crate) fn is_ours(headers: &HeaderMap, publication: &Publication) -> bool {
    let mut said = headers.get_all(ORIGIN).iter();
    let (first, more) = (said.next(), said.next());
    more.is_none() && first.is_some_and(|origin| origin.as_bytes() == publication.url.origin().ascii_serialization().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_send_our_forms() {
        let publication = Publication {
            name: "N".into(),
            url: "https://n.example/".parse().expect("an address"),
            language: "en".into(),
            description: None,
        };
        for (said, ours) in [
            (&["https://n.example"][..], true),
            (&[], false),
            (&["null"], false),
            (&["http://n.example"], false),
            (&["https://n.example:8443"], false),
            (&["https://n.example.evil.example"], false),
            (&["https://n.example", "https://evil.example"], false),
        ] {
            let mut headers = HeaderMap::new();
            for origin in said {
                headers.append(ORIGIN, origin.parse().expect("a value"));
            }
            assert_eq!(is_ours(&headers, &publication), ours, "{said:?}");
        }
    }
}
