//! Calls as our account: the app password is exchanged for tokens once, they are kept in a file and refreshed.
//!
//! Must stay true: the file is its owner's alone, written whole, and good for one server and one handle only; a new session is
//! made only when there is none or refreshing was refused; no token or password reaches an error, a log or Debug output.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use atrium_api::com::atproto::identity::resolve_handle;
use atrium_api::com::atproto::server::{create_session, refresh_session};
use atrium_api::types::string::{Did, Handle};
use chrono::{DateTime, Utc};
use reqwest::RequestBuilder;
use reqwest::header::CONTENT_TYPE;
use reveille_memory::Sending;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{CHANNEL, xrpc};
use crate::channels::Fault;
use crate::channels::http::{Answer, Http};

/// The most bytes that a session file has.
const MOST: u64 = 64 << 10;

/// A session on the server.
#[derive(Debug)]
pub(super) struct Session {
    /// The account's lasting name.
    pub(super) did: String,
    access: SecretString,
    refresh: SecretString,
}

/// A session as it stands in the file. No Debug: it holds tokens in clear.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    service: String,
    handle: String,
    did: String,
    access_jwt: String,
    refresh_jwt: String,
}

/// XRPC as one account on one server.
#[derive(Debug)]
pub(super) struct Client {
    http: Http,
    service: String,
    handle: String,
    password: SecretString,
    file: PathBuf,
}

impl Client {
    pub(super) fn new(service: &Url, handle: &str, password: SecretString, file: PathBuf, patience: Duration) -> Result<Self, Fault> {
        let http = Http::new(service, CHANNEL, patience)?;
        let bare = handle.trim().trim_start_matches('@').to_ascii_lowercase();
        let handle: Handle = bare.parse().map_err(|_| Fault::Refused {
            channel: CHANNEL,
            why: "the handle of the settings is none, like name.bsky.social".to_owned(),
        })?;
        Ok(Self { http, service: service.origin().ascii_serialization(), handle: handle.to_string(), password, file })
    }

    /// Whether an answer is a session or an account: see [`super::super::fuzzed`].
    pub(super) fn heard(answer: &Answer) -> Result<(), Fault> {
        answer.json::<create_session::OutputData>(CHANNEL).map_err(|_| unreadable("the answer to the login"))?;
        answer.json::<refresh_session::OutputData>(CHANNEL).map_err(|_| unreadable("the refreshed session"))?;
        answer.json::<resolve_handle::OutputData>(CHANNEL).map(drop)
    }

    /// The account's handle, without `@`.
    pub(super) fn handle(&self) -> &str {
        &self.handle
    }

    /// Runs what a client crate does, on this thread.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.http.block_on(future)
    }

    /// A call that only reads.
    pub(super) fn ask(
        &self,
        method: &str,
        query: impl Fn(&Session) -> Vec<(&'static str, String)>,
        now: DateTime<Utc>,
    ) -> Result<(Session, Answer), Fault> {
        let url = self.at(method)?;
        self.authorized(now, |session| {
            let more = |request: RequestBuilder| request.query(&query(session)).bearer_auth(session.access.expose_secret());
            self.http.get(url.clone(), more).map_err(xrpc::no_read)
        })
    }

    /// A call that writes, for an effect that the ledger has let go. The body is its media type and its bytes.
    pub(super) fn write(
        &self,
        sending: &Sending,
        method: &str,
        body: impl Fn(&Session) -> (String, Vec<u8>),
        now: DateTime<Utc>,
    ) -> Result<(Session, Answer), Fault> {
        let url = self.at(method)?;
        self.authorized(now, |session| {
            let (media_type, bytes) = body(session);
            let more =
                |request: RequestBuilder| request.header(CONTENT_TYPE, media_type).body(bytes).bearer_auth(session.access.expose_secret());
            self.http.write(sending, url.clone(), more).map_err(xrpc::no_write)
        })
    }

    /// The account behind a handle; none if the server knows none. Asked without a credential.
    pub(super) fn resolve(&self, handle: &str, now: DateTime<Utc>) -> Result<Option<Did>, Fault> {
        let url = self.at("com.atproto.identity.resolveHandle")?;
        let answer = self.http.get(url, |request| request.query(&[("handle", handle)])).map_err(xrpc::no_read)?;
        match answer.status {
            200 => Ok(answer.json::<resolve_handle::OutputData>(CHANNEL).ok().map(|output| output.did)),
            400 | 404 => Ok(None),
            _ => Err(xrpc::read_refused(&answer, now)),
        }
    }

    fn at(&self, method: &str) -> Result<Url, Fault> {
        self.http.at(&format!("/xrpc/{method}"))
    }

    /// Asks with the kept session, and once more with a renewed one when the access token is not accepted any more.
    fn authorized(&self, now: DateTime<Utc>, ask: impl Fn(&Session) -> Result<Answer, Fault>) -> Result<(Session, Answer), Fault> {
        let session = match self.kept()? {
            Some(session) => session,
            None => self.log_in(now)?,
        };
        let answer = xrpc::veiled(ask(&session)?, &session.access);
        if !xrpc::is_stale(&answer) {
            return Ok((session, answer));
        }
        let session = match self.refreshed(&session, now)? {
            Some(session) => session,
            None => self.log_in(now)?,
        };
        let answer = xrpc::veiled(ask(&session)?, &session.access);
        Ok((session, answer))
    }

    /// A new session by the app password: 30 in 5 minutes and 300 a day are allowed.
    fn log_in(&self, now: DateTime<Utc>) -> Result<Session, Fault> {
        let (identifier, password) = (self.handle.clone(), self.password.expose_secret().to_owned());
        let input = create_session::InputData { allow_takendown: None, auth_factor_token: None, identifier, password };
        let body = serde_json::to_vec(&input).map_err(|_| unreadable("the app password"))?;
        let url = self.at(create_session::NSID)?;
        let more = |request: RequestBuilder| request.header(CONTENT_TYPE, "application/json").body(body);
        let answer = self.http.log_in(url, more).map_err(xrpc::no_read)?;
        if answer.status != 200 {
            return Err(xrpc::login_refused(&xrpc::veiled(answer, &self.password), now));
        }
        // The words of the parser could hold a part of a token.
        let output: create_session::OutputData = answer.json(CHANNEL).map_err(|_| unreadable("the answer to the login"))?;
        if output.active == Some(false) {
            let why = format!("the account is {}", output.status.as_deref().unwrap_or("not active"));
            return Err(Fault::Credential { channel: CHANNEL, why: xrpc::line(&why) });
        }
        self.keep(output.did.as_str(), output.access_jwt, output.refresh_jwt)
    }

    /// The session with new tokens; none if the server does not refresh it any more.
    fn refreshed(&self, session: &Session, now: DateTime<Utc>) -> Result<Option<Session>, Fault> {
        let url = self.at(refresh_session::NSID)?;
        let more = |request: RequestBuilder| request.bearer_auth(session.refresh.expose_secret());
        let answer = self.http.log_in(url, more).map_err(xrpc::no_read)?;
        match answer.status {
            200 => {
                let output: refresh_session::OutputData = answer.json(CHANNEL).map_err(|_| unreadable("the refreshed session"))?;
                if output.did.as_str() != session.did {
                    return Ok(None);
                }
                self.keep(&session.did, output.access_jwt, output.refresh_jwt).map(Some)
            }
            400 | 401 => Ok(None),
            _ => Err(xrpc::read_refused(&xrpc::veiled(answer, &session.refresh), now)),
        }
    }

    /// The kept session, if it is for this server and this handle.
    fn kept(&self) -> Result<Option<Session>, Fault> {
        let text = match read_own(&self.file) {
            Ok(text) => text,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.unkept(&error)),
        };
        // What can't be read any more is replaced.
        let kept: Option<Kept> = serde_json::from_slice(&text).ok();
        let ours = kept.filter(|kept| kept.service == self.service && kept.handle == self.handle);
        Ok(ours.map(|kept| Session { did: kept.did, access: kept.access_jwt.into(), refresh: kept.refresh_jwt.into() }))
    }

    /// Keeps new tokens before they are used: the old ones are worth nothing any more.
    fn keep(&self, did: &str, access_jwt: String, refresh_jwt: String) -> Result<Session, Fault> {
        let (service, handle) = (self.service.clone(), self.handle.clone());
        let kept = Kept { service, handle, did: did.to_owned(), access_jwt, refresh_jwt };
        let text = serde_json::to_vec(&kept).map_err(|_| unreadable("the session"))?;
        write_own(&self.file, &text).map_err(|error| self.unkept(&error))?;
        Ok(Session { did: kept.did, access: kept.access_jwt.into(), refresh: kept.refresh_jwt.into() })
    }

    fn unkept(&self, error: &io::Error) -> Fault {
        Fault::Later { channel: CHANNEL, why: format!("the session file {}: {error}", self.file.display()) }
    }
}

fn unreadable(what: &str) -> Fault {
    Fault::Later { channel: CHANNEL, why: format!("{what} can't be read") }
}

/// The bytes of a file that only its owner can read.
fn read_own(path: &Path) -> io::Result<Vec<u8>> {
    // Looked at before it is opened: a pipe would keep us waiting.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(io::Error::other("others can read it: `chmod 600` it, or remove it and the next wake logs in anew"));
    }
    let mut text = vec![];
    file.take(MOST).read_to_end(&mut text)?;
    Ok(text)
}

/// Writes a file for its owner's eyes only: under another name first, synced, then renamed.
fn write_own(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        DirBuilder::new().mode(0o700).create(folder)?;
    }
    let temporary = crate::disk::temporary_in(folder, text, Some(Permissions::from_mode(0o600)))?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|failed| failed.error)?;
    File::open(folder)?.sync_all()
}
