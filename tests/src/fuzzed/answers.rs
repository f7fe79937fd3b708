//! What servers say, as any bytes: the readers of Mastodon, Bluesky, Hacker News and mail.

use chrono::{DateTime, TimeDelta, Utc};
use reveille_skills::channels::Fault;
use reveille_skills::channels::fuzzed::{self, Heard};
use reveille_skills::channels::hackernews::item_of;
use secrecy::SecretString;

/// The token of the caller, which some seeds say back.
const TOKEN: &str = "cnry-0123456789abcdef";

/// The statuses that an input can have; its first byte chooses.
const STATUSES: [u16; 20] = [200, 200, 200, 201, 202, 206, 301, 303, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503];

/// An answer: a byte for the status, a line for a header, the body. No words of it hold the token, nothing of it leads elsewhere,
/// and what does not say that nothing happened is unclear.
pub fn answers(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let status = STATUSES[usize::from(*first) % STATUSES.len()];
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (header, body) = (&rest[..end], &rest[(end + 1).min(rest.len())..]);
    let (token, now) = (SecretString::from(TOKEN), chrono::DateTime::from_timestamp(1_795_183_200, 0).unwrap_or_default());
    for heard in [
        fuzzed::mastodon(status, header, body, &token, now),
        fuzzed::bluesky(status, header, body, &token, now),
        fuzzed::hackernews(status, body),
    ] {
        hold(&heard, status, now);
    }
    let _ = item_of(&String::from_utf8_lossy(body));
}

fn hold(heard: &Heard, status: u16, now: DateTime<Utc>) {
    for path in &heard.paths {
        let fits = path.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        assert!(fits && !path.trim_matches('.').is_empty(), "`{path}` leads elsewhere");
    }
    for limits in &heard.limits {
        assert!((1..=1_000_000).contains(&limits.characters) && limits.link <= 1000, "{limits:?}");
    }
    if let Some(until) = heard.until {
        assert!(until > now && until <= now + TimeDelta::days(1), "a limit until {until}");
    }
    for fault in heard.read.iter().chain(&heard.written) {
        let words = fault.to_string();
        // A part of it at the end is one that was cut; Bluesky hides what has its first twelve bytes (`GIVEN_AWAY`).
        let told = words.contains(TOKEN) || (12..TOKEN.len()).any(|length| words.ends_with(&TOKEN[..length]));
        assert!(!told && !words.chars().any(char::is_control), "{words:?}");
        assert!(fault.hint().is_some(), "no hint: {words}");
    }
    let unclear = |fault: &Fault| matches!(fault, Fault::Unclear { .. });
    if matches!(status, 200..=299 | 303 | 408 | 409 | 500..) {
        assert!(heard.written.iter().all(unclear), "{status}: {:?}", heard.written);
    }
}

/// A reply of a mail server: a reader comes off the list only by a no for good.
pub fn replies(data: &[u8]) {
    let Some((code, meanings)) = fuzzed::smtp(&String::from_utf8_lossy(data)) else { return };
    for (fault, bounced) in meanings {
        let for_good = matches!(fault, Fault::Refused { .. });
        assert!(!bounced || (for_good && code >= 500), "{code}: {fault:?}");
        assert!(!for_good || code >= 500, "{code}: {fault:?}");
        assert!(!fault.to_string().chars().any(char::is_control), "{fault:?}");
    }
}
