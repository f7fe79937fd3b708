//! A token by OAuth's code flow (RFC 6749, 4.1): the person opens a page of their server, allows it, and brings back the code
//! that it shows.
//!
//! Must stay true: the page is on the server of the settings; code, client secret and token stand in no error; the token may
//! read, post and upload, and nothing else.

use std::time::Duration;

use chrono::{DateTime, Utc};
use megalodon::megalodon::AppInputOptions;
use megalodon::{Megalodon, SNS};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::super::Fault;
use super::super::http::Http;
use super::CHANNEL;
use super::faults::{self, later, refused};
use super::media::AGENT;

/// What the token may do.
const SCOPES: [&str; 3] = ["read", "write:statuses", "write:media"];

/// The code is shown on a page instead of being sent to one.
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// A login sees no clock: no fault of its tells a time.
const NO_CLOCK: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// A login on its way: the program is known to the server, and the person must allow it.
#[derive(Debug)]
pub struct Begun {
    /// The page to open.
    pub page: Url,
    client: Client,
    id: String,
    secret: SecretString,
}

#[derive(Debug)]
struct Client {
    http: Http,
    server: Url,
    patience: Duration,
}

/// Makes the program known to the server. Each answer may take `patience`.
///
/// # Errors
/// The server can't be reached, sends us elsewhere, or knows no such programs.
pub fn begin(server: &Url, patience: Duration) -> Result<Begun, Fault> {
    let client = Client { http: Http::new(server, CHANNEL, patience)?, server: server.clone(), patience };
    client.stands_here()?;
    let options =
        AppInputOptions { scopes: Some(SCOPES.map(str::to_owned).to_vec()), redirect_uris: Some(OUT_OF_BAND.to_owned()), website: None };
    let megalodon = client.megalodon()?;
    let nothing = SecretString::from("");
    let app = client.within(megalodon.register_app("Reveille".to_owned(), &options), &nothing)?;
    let page = app.url.as_deref().and_then(|page| Url::parse(page).ok()).filter(|page| page.origin() == server.origin());
    let page = page.ok_or_else(|| refused("the server names no page to log in on"))?;
    Ok(Begun { page, client, id: app.client_id, secret: SecretString::from(app.client_secret) })
}

impl Begun {
    /// Changes the code that the page showed into a token. A code is good for one try.
    ///
    /// # Errors
    /// The server can't be reached, or does not take the code.
    pub fn finish(&self, code: &str) -> Result<SecretString, Fault> {
        let code = SecretString::from(code.trim());
        let megalodon = self.client.megalodon()?;
        let (id, secret) = (self.id.clone(), self.secret.expose_secret().to_owned());
        let call = megalodon.fetch_access_token(id, secret, code.expose_secret().to_owned(), OUT_OF_BAND.to_owned());
        let token = self.client.within(call, &code).map_err(|fault| self.without_secret(fault))?;
        Ok(SecretString::from(token.access_token))
    }

    fn without_secret(&self, fault: Fault) -> Fault {
        match fault {
            // A code that is wrong or old is no dead token: there is none yet.
            Fault::Credential { why, .. } | Fault::Refused { why, .. } => {
                refused(format!("{}; a code is good for one try, begin again", faults::without(why, &self.secret)))
            }
            Fault::Later { why, .. } | Fault::Unclear { why, .. } | Fault::RateLimited { why, .. } => {
                later(faults::without(why, &self.secret))
            }
        }
    }
}

impl Client {
    /// megalodon follows redirects: a server that has moved is found out before it is told anything.
    fn stands_here(&self) -> Result<(), Fault> {
        let answer = self.http.get(self.http.at("/api/v1/instance")?, |request| request).map_err(faults::not_read)?;
        let moved = (300..400).contains(&answer.status);
        if moved { Err(faults::of_reading(&answer, &self.server, &SecretString::from(""), NO_CLOCK)) } else { Ok(()) }
    }

    fn megalodon(&self) -> Result<Box<dyn Megalodon + Send + Sync>, Fault> {
        megalodon::generator(SNS::Mastodon, self.server.origin().ascii_serialization(), None, Some(AGENT.to_owned()))
            .map_err(|error| faults::of_megalodon(error, faults::of_reading, &self.server, &SecretString::from(""), NO_CLOCK))
    }

    fn within<T>(&self, call: impl Future<Output = Result<T, megalodon::error::Error>>, secret: &SecretString) -> Result<T, Fault> {
        let answer = self.http.block_on(async { tokio::time::timeout(self.patience, call).await });
        answer
            .map_err(|_| later("no answer in time"))?
            .map_err(|error| faults::of_megalodon(error, faults::of_reading, &self.server, secret, NO_CLOCK))
            .map_err(|fault| match fault {
                Fault::RateLimited { why, .. } => later(format!("{why}; wait a while")),
                other => other,
            })
    }
}
