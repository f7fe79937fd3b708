//! Where a form was sent from. Without this check a page of somebody else could make its visitors' browsers, from as many networks,
//! ask for letters to an address.
//!
//! Must stay true: what says nothing of where it comes from is not believed. Every browser says it on a POST: `Origin` since 2010 or
//! so (Firefox for forms since 70, October 2019), before that `Referer`, which our pages keep on for their own site. A program that
//! says none of the three can say one as well, and is told so.

use axum::http::HeaderMap;
use axum::http::header::{HOST, HeaderName, ORIGIN, REFERER};
use url::{Host, Origin, Url};

/// Whether the form was sent from a page of ours; else what to tell.
pub(crate) fn check(headers: &HeaderMap, publication: &Url) -> Result<(), &'static str> {
    let header = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("null"));
    let served = served(headers, publication);
    let is_ours = |url: &str| Url::parse(url).is_ok_and(|url| url.origin() == publication.origin() || same_place(&url.origin(), &served));
    let ours = match (header(ORIGIN), header(HeaderName::from_static("sec-fetch-site")), header(REFERER)) {
        (Some(origin), ..) => is_ours(origin),
        (None, Some(site), _) => site == "same-origin",
        (None, None, Some(page)) => is_ours(page),
        (None, None, None) => return Err("Your browser does not say which page the form was on. Open this page and send it from here."),
    };
    if ours { Ok(()) } else { Err("Send it from here, or from any page of this site.") }
}

/// The host and port that the request was sent to. A name that is not the publication's is not believed: anybody can point a name of
/// theirs at this server, and the pages under it would seem ours. What is no name nobody can point anywhere.
fn served(headers: &HeaderMap, publication: &Url) -> Option<(Host, Option<u16>)> {
    let asked = headers.get(HOST)?.to_str().ok()?;
    let url = Url::parse(&format!("http://{asked}/")).ok()?;
    let host = url.host()?.to_owned();
    let known = match &host {
        Host::Domain(name) => {
            let bare = |name: &str| name.strip_prefix("www.").unwrap_or(name).to_owned();
            name == "localhost" || publication.host_str().is_some_and(|own| bare(own) == bare(name))
        }
        Host::Ipv4(_) | Host::Ipv6(_) => true,
    };
    known.then_some((host, url.port()))
}

/// Whether an origin is the host and port that were asked; whether by https a proxy in front may decide.
fn same_place(origin: &Origin, served: &Option<(Host, Option<u16>)>) -> bool {
    let (Origin::Tuple(scheme, host, port), Some((asked, asked_port))) = (origin, served) else { return false };
    let usual = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    host == asked && *port == asked_port.unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn only_our_own_pages_send_forms() {
        let publication = Url::parse("https://letter.example/").expect("an address");
        for (headers, expected) in [
            (&[("origin", "https://letter.example")][..], true),
            (&[("origin", "https://letter.example:443")], true),
            (&[("origin", "http://letter.example")], false),
            (&[("origin", "https://letter.example.evil.example")], false),
            (&[("origin", "https://evil.example"), ("referer", "https://letter.example/")], false),
            (&[("origin", "null"), ("sec-fetch-site", "same-origin")], false),
            (&[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], false),
            (&[("origin", "")], false),
            (&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")], true),
            (&[("origin", "http://127.0.0.1:8081"), ("host", "127.0.0.1:8080")], false),
            (&[("origin", "http://localhost:8080"), ("host", "localhost:8080")], true),
            (&[("origin", "http://[::1]:8080"), ("host", "[::1]:8080")], true),
            (&[("origin", "https://www.letter.example"), ("host", "www.letter.example")], true),
            (&[("origin", "https://letter.example:8443"), ("host", "letter.example:8443")], true),
            // A name of theirs that points at us.
            (&[("origin", "http://evil.example"), ("host", "evil.example")], false),
            (&[("origin", "file://127.0.0.1"), ("host", "127.0.0.1")], false),
            // Old browsers.
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("referer", "https://letter.example/")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("referer", "https://letter.example/issues/fog/?via=mastodon")], true),
            (&[("referer", "https://letter.example@evil.example/")], false),
            (&[("referer", "https://evil.example/https://letter.example/")], false),
            (&[("host", "letter.example")], false),
            (&[], false),
        ] {
            let mut request = Request::post("/subscribe");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(()).expect("a request");
            assert_eq!(check(request.headers(), &publication).is_ok(), expected, "{headers:?}");
        }
    }
}
