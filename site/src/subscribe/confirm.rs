//! The page that the link of the mail leads to, and its button.
//!
//! No origin is checked here, on purpose: the token is the proof, a page of somebody else has none, and browsers inside mail programs
//! send odd ones.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use minijinja::context;
use reveille_memory::Confirmed;
use reveille_mission::{Purpose, Token, TokenError};

use super::{CONFIRM_WITHIN, Desk, unkept};

/// Shows the button; looks, and changes nothing.
pub(super) async fn show(State(desk): State<Desk>, Path(token): Path<String>) -> Response {
    let id = match desk.reader(&token) {
        Ok(id) => id,
        Err(error) => return desk.no_way(error),
    };
    let since = (desk.app.now)() - CONFIRM_WITHIN;
    match desk.app.writer.write(move |memory| memory.subscriber(&id)).await {
        Ok(Some(reader)) if reader.confirmed_at.is_some() => desk.already(),
        Ok(Some(reader)) if reader.asked_at >= since => {
            unkept(desk.app.pages.show(StatusCode::OK, "confirm.html", context! { title => "One more step" }))
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
    match desk.app.writer.write(move |memory| memory.confirm_reader(&id, now - CONFIRM_WITHIN, now)).await {
        Ok(Confirmed::New) => {
            (desk.app.subscribing.wanted)();
            desk.notice(StatusCode::OK, "You are a reader now", "Welcome. A mail with issues to start from is on its way.")
        }
        Ok(Confirmed::Already) => desk.already(),
        Ok(Confirmed::NotAsked) => desk.not_asked(),
        Err(error) => desk.busy(&error),
    }
}

impl Desk {
    /// Whose link it is.
    fn reader(&self, token: &str) -> Result<String, TokenError> {
        Token::check(token, Purpose::Confirm, &self.app.key, (self.app.now)()).map(|token| token.subscriber_id())
    }

    fn already(&self) -> Response {
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
