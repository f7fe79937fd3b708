//! The one HTTP client of the channels: bounded in time and in size, never following a redirect, speaking to one host.
//!
//! Must stay true: the only public writing (POST, PUT) that is not a login takes an effect that the ledger has let go; a
//! credential is sent over TLS or to this machine; no error holds a header, a body that was sent, or a secret.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use reveille_memory::Sending;
use reveille_mission::Channel;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use url::{Host, Url};

use super::Fault;

/// The most bytes of an answer that are read: the longest page of statuses is far below.
const MOST: usize = 4 << 20;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How much of a server's words is repeated in an error.
const SAID: usize = 200;

/// A client for one server.
#[derive(Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    base: Url,
    channel: Channel,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Silence {
    /// Nothing left this machine.
    NotSent(String),
    /// It was sent, and then: no answer, a cut line, too much of an answer.
    Lost(String),
}

/// Whether an address may get a credential: TLS, or this machine.
pub(crate) fn is_safe(url: &Url) -> bool {
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

impl Http {
    /// A client for the server at `base`, which waits at most `patience` for a whole answer.
    ///
    /// # Errors
    /// The address is neither https nor on this machine, or this machine has no certificates to check a server with.
    pub(crate) fn new(base: &Url, channel: Channel, patience: Duration) -> Result<Self, Fault> {
        let refused = |why: String| Fault::Refused { channel, why };
        if !is_safe(base) {
            return Err(refused(format!("{} is not https: a credential would go over the line in clear", shown(base))));
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("reveille/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT.min(patience))
            .timeout(patience)
            .referer(false)
            .build()
            .map_err(|error| refused(chain(&error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Fault::Later { channel, why: error.to_string() })?;
        Ok(Self { client, runtime, base: base.clone(), channel })
    }

    /// The address of a path on the server; a query may follow.
    pub(crate) fn at(&self, path: &str) -> Result<Url, Fault> {
        let failed = || Fault::Refused { channel: self.channel, why: format!("`{path}` is no path on the server") };
        let url = self.base.join(path).map_err(|_| failed())?;
        // What a server or a frozen row names can't lead elsewhere.
        if url.origin() == self.base.origin() { Ok(url) } else { Err(failed()) }
    }

    /// Asks, without changing anything there.
    pub(crate) fn get(&self, url: Url, more: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Result<Answer, Silence> {
        self.exchange(more(self.client.request(Method::GET, url)))
    }

    /// Proves who we are, or makes a credential: the only POST without an effect, for nothing becomes public by it.
    pub(crate) fn log_in(&self, url: Url, more: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Result<Answer, Silence> {
        self.exchange(more(self.client.request(Method::POST, url)))
    }

    /// Writes: only for an effect that the ledger has let go.
    pub(crate) fn write(
        &self,
        _let_go: &Sending,
        url: Url,
        more: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, Silence> {
        self.exchange(more(self.client.request(Method::POST, url)))
    }

    /// Runs what a client crate does, on this thread.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn exchange(&self, request: RequestBuilder) -> Result<Answer, Silence> {
        self.runtime.block_on(exchange(request))
    }
}

/// Sends and reads the answer, up to its limit.
pub(crate) async fn exchange(request: RequestBuilder) -> Result<Answer, Silence> {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() || error.is_builder() => return Err(Silence::NotSent(chain(&error))),
        Err(error) => return Err(Silence::Lost(chain(&error))),
    };
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| Silence::Lost(chain(&error)))? {
        if body.len() + piece.len() > MOST {
            return Err(Silence::Lost(format!("an answer of more than {} MB", MOST >> 20)));
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer { status, headers, body })
}

/// An error with its causes and without its address: a query may hold a code.
fn chain(error: &reqwest::Error) -> String {
    let mut said = if error.is_timeout() { "no answer in time".to_owned() } else { String::new() };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !said.contains(&words) {
            said = if said.is_empty() { words } else { format!("{said}: {words}") };
        }
        cause = inner.source();
    }
    if said.is_empty() { "the connection failed".to_owned() } else { said }
}

/// An address for a message: without name, password and query.
pub(crate) fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

impl Answer {
    /// The body as JSON; half of one is no answer. The parser's words are not repeated: a value in them could be our token.
    pub(crate) fn json<T: DeserializeOwned>(&self, channel: Channel) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let what = match error.classify() {
                Category::Data => "it is not what was asked for",
                Category::Eof => "it breaks off",
                Category::Syntax | Category::Io => "it is no JSON",
            };
            let why = format!("the answer ({}) can't be read: {what}, line {} column {}", self.status, error.line(), error.column());
            Fault::Unclear { channel, why }
        })
    }

    /// What the server says of its error: the usual fields of a JSON error, else its first words; one line, cut.
    pub(crate) fn said(&self) -> String {
        let json: Option<serde_json::Value> = serde_json::from_slice(&self.body).ok();
        let field = |name: &str| json.as_ref().and_then(|json| json.get(name)).and_then(serde_json::Value::as_str).map(str::to_owned);
        let words = field("error_description")
            .or_else(|| field("message"))
            .or_else(|| field("error"))
            .unwrap_or_else(|| String::from_utf8_lossy(&self.body[..self.body.len().min(SAID)]).into_owned());
        let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect();
        format!("{} {}", self.status, line.trim()).trim_end().to_owned()
    }

    /// Until when a rate limit holds: `Retry-After` (seconds or a date, RFC 9110), `X-RateLimit-Reset` or `RateLimit-Reset` (an ISO time, a Unix time, or
    /// seconds); a quarter of an hour where the server does not say.
    pub(crate) fn limited_until(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let named = ["retry-after", "x-ratelimit-reset", "ratelimit-reset"].into_iter().filter_map(header);
        let until = named.filter_map(|value| time_of(value, now)).find(|until| *until > now);
        // A server can't send us to sleep for good.
        until.unwrap_or(now + TimeDelta::minutes(15)).min(now + TimeDelta::days(1))
    }
}

fn time_of(value: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    const A_YEAR: i64 = 31_536_000;
    match value.parse::<i64>() {
        Ok(seconds) if (0..A_YEAR).contains(&seconds) => Some(now + TimeDelta::seconds(seconds)),
        Ok(unix) => DateTime::from_timestamp(unix, 0),
        Err(_) => {
            DateTime::parse_from_rfc3339(value).or_else(|_| DateTime::parse_from_rfc2822(value)).ok().map(|time| time.with_timezone(&Utc))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_goes_over_tls_or_nowhere() {
        for (url, safe) in [
            ("https://social.example", true),
            ("http://social.example", false),
            ("http://127.0.0.1:3000", true),
            ("http://[::1]:3000", true),
            ("http://localhost:3000", true),
            ("http://localhost.evil.example", false),
            ("ftp://127.0.0.1", false),
        ] {
            assert_eq!(is_safe(&url.parse().expect("an address")), safe, "{url}");
        }
    }

    #[test]
    fn no_path_leads_to_another_host() {
        let base = "https://social.example/sub/".parse().expect("an address");
        let http = Http::new(&base, Channel::Mastodon, Duration::from_secs(1)).expect("a client");
        assert_eq!(http.at("/api/v1/x?a=b").expect("a path").as_str(), "https://social.example/api/v1/x?a=b");
        for path in ["//evil.example/x", "https://evil.example", "http://social.example/x", "https://social.example:8443/"] {
            assert!(http.at(path).is_err(), "{path}");
        }
    }

    #[test]
    fn the_end_of_a_limit_is_read_in_every_form_and_bounded() {
        let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().expect("a time");
        for (name, value, expected) in [
            ("retry-after", "90", "2026-11-20T14:01:30Z"),
            ("retry-after", "Fri, 20 Nov 2026 15:00:00 GMT", "2026-11-20T15:00:00Z"),
            ("x-ratelimit-reset", "2026-11-20T14:05:00.123Z", "2026-11-20T14:05:00.123Z"),
            ("ratelimit-reset", "1795186800", "2026-11-20T15:00:00Z"),
            ("ratelimit-reset", "soon", "2026-11-20T14:15:00Z"),
            ("retry-after", "30000000", "2026-11-21T14:00:00Z"),
            ("x-ratelimit-reset", "2020-01-01T00:00:00Z", "2026-11-20T14:15:00Z"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header"));
            let answer = Answer { status: 429, headers, body: vec![] };
            assert_eq!(answer.limited_until(now), expected.parse::<DateTime<Utc>>().expect("a time"), "{name}: {value}");
        }
    }

    #[test]
    fn a_server_s_words_are_one_short_line() {
        let said = |body: &str| Answer { status: 422, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }.said();
        assert_eq!(said(r#"{"error":"InvalidToken","message":"Bad\ntoken"}"#), "422 Bad token");
        assert_eq!(said(r#"{"error":"too long"}"#), "422 too long");
        assert_eq!(said(&"x".repeat(100_000)).len(), 204);
        assert_eq!(said(""), "422");
    }
}
