//! One line of a log. Formats: Apache's common and combined (also with the virtual host in front), which nginx's default is too, and
//! Caddy's JSON.
//!
//! Must stay true: every text of a line is a stranger's; what is no line of these is none.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'l> {
    pub(super) at: DateTime<Utc>,
    pub(super) address: Cow<'l, str>,
    pub(super) method: Cow<'l, str>,
    /// Path and query.
    pub(super) target: Cow<'l, str>,
    pub(super) status: u16,
    /// Empty where the format has none.
    pub(super) referer: Cow<'l, str>,
    /// Empty where the format has none: then nobody can tell people from programs.
    pub(super) agent: Cow<'l, str>,
}

impl<'l> Line<'l> {
    pub(super) fn of(line: &'l str) -> Option<Self> {
        let line = line.trim_end();
        if line.starts_with('{') { json(line) } else { common(line) }
    }
}

/// `[vhost:port ]address ident user [day/month/year:time zone] "METHOD target HTTP/…" status bytes["referer" "agent"]`
fn common(line: &str) -> Option<Line<'_>> {
    let (front, rest) = line.split_once(" [")?;
    let (time, rest) = rest.split_once("] ")?;
    let at = DateTime::parse_from_str(time, "%d/%b/%Y:%H:%M:%S %z").ok()?.with_timezone(&Utc);
    let words: Vec<&str> = front.split(' ').collect();
    // Three words, or four with the virtual host; a user's name may hold spaces.
    let address = match words.as_slice() {
        [host, address, _, _, ..] if host.contains(':') && address.parse::<std::net::IpAddr>().is_ok() => address,
        [address, _, _, ..] => address,
        _ => return None,
    };
    let (request, rest) = quoted(rest)?;
    let mut words = request.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (status, rest) = rest.trim_start().split_once(' ')?;
    let (referer, rest) = rest.split_once(" \"").map_or(Some(("", "")), |(_, rest)| quoted_from(rest))?;
    let agent = quoted(rest.trim_start()).map_or("", |(agent, _)| agent);
    let told = |text: &'static str, value| if value == "-" { Cow::Borrowed(text) } else { Cow::Borrowed(value) };
    Some(Line {
        at,
        address: Cow::Borrowed(address),
        method: Cow::Borrowed(method),
        target: Cow::Borrowed(target),
        status: status.parse().ok()?,
        referer: told("", referer),
        agent: told("", agent),
    })
}

/// What stands in quotes at the start of a text, and what follows. Servers write a quote inside as `\"` or `\x22`.
fn quoted(text: &str) -> Option<(&str, &str)> {
    quoted_from(text.strip_prefix('"')?)
}

fn quoted_from(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((&text[..end], &text[end + 1..]))
}

#[derive(Deserialize)]
struct Entry {
    ts: f64,
    status: u16,
    request: Asked,
}

#[derive(Deserialize)]
struct Asked {
    client_ip: Option<String>,
    remote_ip: String,
    method: String,
    uri: String,
    #[serde(default)]
    headers: HashMap<String, Vec<String>>,
}

fn json(line: &str) -> Option<Line<'_>> {
    let Entry { ts, status, request } = serde_json::from_str(line).ok()?;
    let header = |name: &str| request.headers.get(name).and_then(|values| values.first()).cloned().unwrap_or_default();
    let (referer, agent) = (header("Referer"), header("User-Agent"));
    Some(Line {
        at: DateTime::from_timestamp_micros((ts * 1e6) as i64)?,
        address: Cow::Owned(request.client_ip.unwrap_or(request.remote_ip)),
        method: Cow::Owned(request.method),
        target: Cow::Owned(request.uri),
        status,
        referer: Cow::Owned(referer),
        agent: Cow::Owned(agent),
    })
}
