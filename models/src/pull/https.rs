//! One file over https, resumed where it broke off. Redirects lead only to https; nothing longer than expected is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use reqwest::StatusCode;
use reqwest::Url;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::redirect::Policy;

use super::{Fetch, PullFault};

/// How often a broken connection is taken up again, as long as each one brought something.
const TRIES: usize = 4;
const MOST_REDIRECTS: usize = 5;

/// Fetches the address into the unfinished file; says whether it began with what was there.
pub(super) fn fetch(fetch: &mut Fetch<'_>, address: &str) -> Result<bool, PullFault> {
    let loopback = fetch.options.allow_loopback;
    let url = Url::parse(address).map_err(|error| PullFault::Network(error.to_string()))?;
    if !allowed(&url, loopback) {
        return Err(PullFault::NotHttps);
    }
    let redirects = Policy::custom(move |attempt| {
        if attempt.previous().len() > MOST_REDIRECTS {
            attempt.error("too many redirects")
        } else if allowed(attempt.url(), loopback) {
            attempt.follow()
        } else {
            attempt.error("a redirect leads away from https")
        }
    });
    let client = Client::builder()
        .redirect(redirects)
        .connect_timeout(fetch.options.patience)
        // For a blocking client this holds for the answer and then for each piece, not for the whole.
        .timeout(fetch.options.patience)
        .user_agent(concat!("reveille/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(network)?;
    let mut file = OpenOptions::new().append(true).create(true).open(&fetch.part)?;
    let began_with = file.metadata()?.len();
    let mut here = began_with;
    for _ in 0..TRIES {
        let before = here;
        match piece(fetch, &client, &url, &mut file, &mut here) {
            // Of a file that nobody could fetch before, the size is an upper bound.
            Ok(()) if here == fetch.entry.size || (!fetch.entry.verified && here > 0) => {
                file.sync_all()?;
                return Ok(began_with > 0);
            }
            Ok(()) | Err(PullFault::Network(_)) if here > before => {}
            Ok(()) => break,
            Err(fault) => return Err(fault),
        }
    }
    file.sync_all()?;
    Err(PullFault::Cut { at: here, size: fetch.entry.size })
}

fn allowed(url: &Url, loopback: bool) -> bool {
    url.scheme() == "https" || (loopback && url.scheme() == "http" && url.host_str() == Some("127.0.0.1"))
}

fn network(error: reqwest::Error) -> PullFault {
    // The chain says why; the address is named elsewhere.
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    PullFault::Network(text)
}

/// One connection: asks for what is missing and appends what comes.
fn piece(fetch: &mut Fetch<'_>, client: &Client, url: &Url, file: &mut File, here: &mut u64) -> Result<(), PullFault> {
    let size = fetch.entry.size;
    if *here > size {
        restart(file, here)?;
    }
    if *here == size {
        return Ok(());
    }
    let mut request = client.get(url.clone());
    if *here > 0 {
        request = request.header(RANGE, format!("bytes={here}-"));
    }
    let mut answer = request.send().map_err(network)?;
    match answer.status() {
        StatusCode::OK => restart(file, here)?,
        StatusCode::PARTIAL_CONTENT if begins_at(&answer) == Some(*here) => {}
        StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if *here > 0 => {
            restart(file, here)?;
            answer = client.get(url.clone()).send().map_err(network)?;
            if answer.status() != StatusCode::OK {
                return Err(PullFault::Status(answer.status().as_u16()));
            }
        }
        status => return Err(PullFault::Status(status.as_u16())),
    }
    copy(fetch, url.as_str(), answer, file, here)
}

fn restart(file: &File, here: &mut u64) -> io::Result<()> {
    *here = 0;
    file.set_len(0)
}

/// The first byte of `Content-Range: bytes 100-199/200` (RFC 9110, 14.4).
fn begins_at(answer: &Response) -> Option<u64> {
    let range = answer.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn copy(fetch: &mut Fetch<'_>, source: &str, mut answer: Response, file: &mut File, here: &mut u64) -> Result<(), PullFault> {
    let size = fetch.entry.size;
    let mut bytes = vec![0; 128 * 1024];
    loop {
        let length = match answer.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(PullFault::Network(error.to_string())),
        };
        if *here + length as u64 > size {
            restart(file, here)?;
            return Err(PullFault::TooLong { size });
        }
        file.write_all(bytes.get(..length).unwrap_or_default())?;
        *here += length as u64;
        fetch.report(source, *here)?;
    }
}
