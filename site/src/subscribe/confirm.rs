//! The page that the link of the mail leads to, and its button.
//!
//! No origin is checked here, on purpose: the token is the proof, a page of somebody else has none, and browsers inside mail programs
//! send odd ones.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use minijinja::context;
use reveille_memory::{Confirmed, Memory, MemoryError, Sign, SignKind};
use reveille_mission::{Purpose, Token, TokenError};

use super::{CONFIRM_WITHIN, Desk, unkept};

/// Why no letters come to a reader.
struct Stopped {
    /// Since when they have ended, for the reader stayed silent.
    ended: Option<DateTime<Utc>>,
    paused_until: Option<DateTime<Utc>>,
}

fn stopped(memory: &Memory, id: &str) -> Result<Stopped, MemoryError> {
    Ok(Stopped { ended: memory.letters_ended(id)?, paused_until: memory.preferences(id)?.paused_until })
}

/// Shows the button; looks, and changes nothing.
pub(super) async fn show(State(desk): State<Desk>, Path(token): Path<String>) -> Response {
    let id = match desk.reader(&token) {
        Ok(id) => id,
        Err(error) => return desk.no_way(error),
    };
    let since = (desk.app.now)() - CONFIRM_WITHIN;
    let asked = move |memory: &mut Memory| Ok((memory.subscriber(&id)?, stopped(memory, &id)?));
    match desk.app.writer.write(asked).await {
        Ok((Some(reader), stopped)) if reader.confirmed_at.is_some() => desk.already(&stopped),
        Ok((Some(reader), _)) if reader.asked_at >= since => {
            unkept(desk.app.pages.show(StatusCode::OK, "confirm.html", context! { title => "One more step", ended => false }))
        }
        Ok(_) => desk.not_asked(),
        Err(error) => desk.busy(&error),
    }
}

/// The button: the answer goes out after the commit.
pub(super) async fn confirm(State(desk): State<Desk>, Path(token): Path<String>) -> Response {
    let id = match desk.reader(&token) {
        Ok(id) => id,
        Err(error) => return desk.no_way(error),
    };
    let now = (desk.app.now)();
    let letters_end = desk.app.letters_end;
    let write = move |memory: &mut Memory| {
        let confirmed = memory.confirm_reader(&id, now - CONFIRM_WITHIN, now)?;
        let before = stopped(memory, &id)?;
        if confirmed == Confirmed::Already && letters_end && before.ended.is_some() {
            // Whoever presses the button is there, and wants it: their letters begin again.
            memory.record_signs(&[Sign { subscriber: id, kind: SignKind::Confirmation, about: String::new(), at: now }])?;
            return Ok((Confirmed::New, before));
        }
        Ok((confirmed, before))
    };
    match desk.app.writer.write(write).await {
        Ok((Confirmed::New, before)) if before.ended.is_some() => {
            desk.notice(StatusCode::OK, "Letters come again", "Good to have you back: the next issue comes to your address.")
        }
        Ok((Confirmed::New, _)) => {
            (desk.app.subscribing.wanted)();
            desk.notice(StatusCode::OK, "You are a reader now", "Welcome. A mail with the links to your preferences is on its way.")
        }
        Ok((Confirmed::Already, stopped)) => desk.already(&stopped),
        Ok((Confirmed::NotAsked, _)) => desk.not_asked(),
        Err(error) => desk.busy(&error),
    }
}

impl Desk {
    /// Whose link it is.
    fn reader(&self, token: &str) -> Result<String, TokenError> {
        Token::check(token, Purpose::Confirm, &self.app.key, (self.app.now)()).map(|token| token.subscriber_id())
    }

    fn already(&self, stopped: &Stopped) -> Response {
        let paused = stopped.paused_until.filter(|until| *until > (self.app.now)());
        if stopped.ended.is_some() && self.app.letters_end {
            let about = context! { title => "Your letters have ended", ended => true };
            return unkept(self.app.pages.show(StatusCode::OK, "confirm.html", about));
        }
        if let Some(until) = paused {
            let text = format!(
                "You paused your letters until {}. To change that, open Preferences at the end of any letter; for a fresh link, send your \
                 address by the form once more.",
                until.date_naive()
            );
            return self.notice(StatusCode::OK, "You are a reader already", &text);
        }
        self.notice(StatusCode::OK, "You are a reader already", "There is nothing more to do: the next issue comes to your address.")
    }

    fn no_way(&self, error: TokenError) -> Response {
        match error {
            TokenError::Expired => self.form(StatusCode::GONE, "This link is too old", "It was good for a week. Ask for a new one here."),
            TokenError::Forged | TokenError::Purpose => {
                let hint = "Open it from the mail once more, whole, or ask for a new one here.";
                self.form(StatusCode::BAD_REQUEST, "This link does not confirm anything", hint)
            }
        }
    }

    fn not_asked(&self) -> Response {
        self.form(
            StatusCode::GONE,
            "This link is not good any more",
            "The address was forgotten or has left since. Ask for a new one here.",
        )
    }
}
