//! Subscribing: from a stranger to a confirmed reader, by a mail in between.
//!
//! Must stay true: every address that has the shape of one gets the same answer, whatever is known of it (that too many asked today is
//! said to everybody); a GET or a HEAD changes
//! nothing; who confirms is told so after the commit; what was typed stands on no page and in no mail.

mod confirm;
mod form;

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, REFERER, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use chrono::{NaiveDate, TimeDelta};
use minijinja::context;
use reveille_memory::{Exposure, SignUp, SignUpCaps, SignedUp};
use reveille_mission::{Channel, network_digest, no_person, subscriber_id};
use url::Url;

use crate::app::App;
use crate::floods::Floods;
use crate::origin;
use crate::peer::Peer;
use crate::visits::counted;
use crate::writer::WriteError;
use form::{FormError, SignUpForm};

/// For how long a sign-up waits to be confirmed: the link of its mail is good for as long.
pub const CONFIRM_WITHIN: TimeDelta = TimeDelta::days(7);

/// How many forms a network may send at once, and in a minute after that: an office or a school is one.
const FORMS: NonZeroU32 = NonZeroU32::new(30).unwrap();

/// What subscribing needs to know of the home.
pub struct Subscribing {
    /// The most mails that people who ask may cause.
    pub caps: SignUpCaps,
    /// Whether a mail can be sent at all: without it nobody is made to wait for one.
    pub is_open: bool,
    /// The owner's addresses, folded: who asks with one of them tries it out, and counts as nobody.
    pub owner: HashSet<String>,
    /// Told when a mail is wanted.
    pub wanted: Box<dyn Fn() + Send + Sync>,
}

/// What the answers of this part share.
#[derive(Clone)]
struct Desk {
    app: App,
    floods: Arc<Floods>,
    /// The day on which it was last said that a network's cap, and that of all, is reached.
    said: Arc<Mutex<[Option<NaiveDate>; 2]>>,
}

/// The addresses of this part.
pub(crate) fn routes(app: &App) -> Router {
    let desk = Desk { app: app.clone(), floods: Arc::new(Floods::of(FORMS)), said: Arc::default() };
    // Who looks at the form is counted; at an address of their own nobody is.
    let form = Router::new().route("/subscribe", get(show).post(subscribe)).with_state(desk.clone());
    let own = Router::new().route("/confirm/{token}", get(confirm::show).post(confirm::confirm)).with_state(desk);
    counted(form, app).merge(own)
}

async fn show(State(desk): State<Desk>) -> Response {
    if desk.app.subscribing.is_open { desk.form(StatusCode::OK, "", "") } else { desk.closed() }
}

async fn subscribe(State(desk): State<Desk>, peer: Peer, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let network = network_digest(&desk.app.key, peer.network().as_bytes());
    // Before anything is looked at: what it says depends on how many came, and on nothing else.
    if let Err(wait) = desk.floods.check(network) {
        return desk.flooded(wait);
    }
    if !desk.app.subscribing.is_open {
        return desk.closed();
    }
    if let Err(why) = origin::check(&parts.headers, &desk.app.publication.url) {
        return desk.form(StatusCode::FORBIDDEN, "This form was sent from another page", why);
    }
    let form = match form::read(&parts, body).await {
        Ok(form) => form,
        Err(error) => return desk.wrong(error),
    };
    let SignUpForm::Person { email } = form else { return desk.look_into_your_mail() };
    let via = match via(&parts) {
        Some(named) => named,
        None => desk.app.visits.first_touch(&desk.app, peer, &parts.headers).await,
    };
    let is_person = no_person(&email, &desk.app.subscribing.owner).is_none();
    let headline = desk.app.headline.as_ref().filter(|_| is_person);
    let shown = headline.and_then(|headline| headline.shown_to(&parts, (desk.app.now)()));
    let asked = SignUp { id: subscriber_id(&email), email, network, via, is_person };
    match sign_up(&desk.app, asked, shown).await {
        Ok(SignedUp::Full) => {
            desk.say_once(1, "the cap `mails_a_day` of [site] is reached: whoever subscribes is asked to come back tomorrow");
            desk.full()
        }
        Ok(came_to) => {
            if came_to == SignedUp::Capped {
                desk.say_once(0, "the cap `mails_a_network` of [site] is reached by a network: it causes no more mails today");
            }
            desk.look_into_your_mail()
        }
        Err(error) => desk.busy(&error),
    }
}

/// Hands a sign-up to the writer. What it came to is nobody's business but that all together are over their cap.
async fn sign_up(app: &App, asked: SignUp, shown: Option<Exposure>) -> Result<SignedUp, WriteError> {
    let (caps, now, id) = (app.subscribing.caps, (app.now)(), asked.id.clone());
    let came_to = app.writer.sign_up(asked, caps, now).await?;
    if let Some(shown) = shown {
        app.writer.write(move |memory| memory.await_outcome(&id, &shown)).await?;
    }
    (app.subscribing.wanted)();
    Ok(came_to)
}

/// What brought them: the channel that the page's address named (`?via=`), by which our posts are told apart.
fn via(parts: &Parts) -> Option<String> {
    let page = Url::parse(parts.headers.get(REFERER)?.to_str().ok()?).ok()?;
    let (_, said) = page.query_pairs().find(|(name, _)| name == "via")?;
    said.parse::<Channel>().ok().map(|channel| channel.to_string())
}

impl Desk {
    /// The form, with what there is to say above it.
    fn form(&self, status: StatusCode, said: &str, hint: &str) -> Response {
        unkept(self.app.pages.show(status, "signup.html", context! { title => "Subscribe", said, hint }))
    }

    fn notice(&self, status: StatusCode, title: &str, text: &str) -> Response {
        unkept(self.app.pages.notice(status, title, text))
    }

    /// The one answer.
    fn look_into_your_mail(&self) -> Response {
        let text = "If this address can be mailed, a mail is on its way to it. Open the link in it to go on. Nothing within ten minutes? \
                    Look into the folder for junk mail; one address is mailed once a day.";
        self.notice(StatusCode::OK, "Look into your mail", text)
    }

    fn wrong(&self, error: FormError) -> Response {
        self.form(error.status(), "That did not work", error.hint())
    }

    fn closed(&self) -> Response {
        let text = "No mail can be sent from here at the moment, so nobody is made to wait for one. The feeds are open.";
        self.notice(StatusCode::SERVICE_UNAVAILABLE, "Subscribing is closed", text)
    }

    /// What it says depends on how many mails were asked for today, and on no address.
    fn full(&self) -> Response {
        let text = "So many people ask for the letter today that no more mails can be sent. Please come back tomorrow. The feeds are open.";
        waits(self.notice(StatusCode::SERVICE_UNAVAILABLE, "Too many today", text), 3600)
    }

    /// Says in the log that a cap is reached, once a day.
    fn say_once(&self, which: usize, words: &str) {
        let today = Some((self.app.now)().date_naive());
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = said.get_mut(which).filter(|last| **last != today) {
            *last = today;
            tracing::warn!("{words}");
        }
    }

    fn flooded(&self, seconds: u64) -> Response {
        let text = "Too many requests came from your network. Wait a minute and send the form again.";
        waits(self.notice(StatusCode::TOO_MANY_REQUESTS, "Too many at once", text), seconds)
    }

    fn busy(&self, error: &WriteError) -> Response {
        tracing::error!("a request of a reader was not written: {error}");
        let text = "It could not be kept just now. Nothing was changed; send it again in a moment.";
        waits(self.notice(StatusCode::SERVICE_UNAVAILABLE, "Not now", text), 10)
    }
}

/// No browser and no proxy keeps it.
fn unkept(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn waits(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests;
