//! Leaving: by the button of a page, or by the one click of a mail program (RFC 8058), which posts without a page, a cookie or an origin.
//!
//! Must stay true: a GET changes nothing; a POST with a token of this purpose leaves at once, however often it comes; nobody who has
//! left is asked why.

mod old;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use minijinja::context;
use reveille_mission::{Purpose, Token};

use crate::app::App;
use crate::writer::WriteError;
use old::OldTokens;

/// What the answers need.
struct Leaving {
    app: App,
    old: OldTokens,
}

/// The addresses at which readers leave: `/leave/`, and `/unsubscribe/` for letters that were sent when that was set.
pub(crate) fn routes(app: &App) -> Router {
    let leaving = Arc::new(Leaving { app: app.clone(), old: OldTokens::default() });
    let both = || get(show).post(go);
    Router::new().route("/leave/{token}", both()).route("/unsubscribe/{token}", both()).with_state(leaving)
}

impl Leaving {
    /// Whose token it is.
    async fn whose(&self, token: &str) -> Result<Option<String>, WriteError> {
        match Token::check(token, Purpose::Leave, &self.app.key, (self.app.now)()) {
            Ok(token) => Ok(Some(token.subscriber_id())),
            Err(_) => self.old.whose(&self.app, token).await,
        }
    }

    fn not_whole(&self) -> Response {
        let text = "The link is not whole. Copy all of it from the mail, or answer the mail: that works, too.";
        self.app.pages.notice(StatusCode::BAD_REQUEST, "This link does not work", text)
    }

    fn later(&self, error: &WriteError) -> Response {
        tracing::error!("leaving: {error}");
        let text = "Nothing was changed. Try again in a minute, or answer the mail: that works, too.";
        self.app.pages.notice(StatusCode::SERVICE_UNAVAILABLE, "This did not work just now", text)
    }

    fn gone(&self) -> Response {
        self.app.pages.show(StatusCode::OK, "left.html", context! { title => "You have left" })
    }
}

async fn show(State(leaving): State<Arc<Leaving>>, Path(token): Path<String>) -> Response {
    let id = match leaving.whose(&token).await {
        Ok(Some(id)) => id,
        Ok(None) => return leaving.not_whole(),
        Err(error) => return leaving.later(&error),
    };
    match leaving.app.writer.write(move |memory| memory.is_suppressed(&id)).await {
        Ok(true) => leaving.gone(),
        Ok(false) => leaving.app.pages.show(StatusCode::OK, "leave.html", context! { title => "Leave?", token }),
        Err(error) => leaving.later(&error),
    }
}

async fn go(State(leaving): State<Arc<Leaving>>, Path(token): Path<String>) -> Response {
    let id = match leaving.whose(&token).await {
        Ok(Some(id)) => id,
        Ok(None) => return leaving.not_whole(),
        Err(error) => return leaving.later(&error),
    };
    let now = (leaving.app.now)();
    match leaving.app.writer.write(move |memory| memory.leave(&id, now)).await {
        Ok(()) => leaving.gone(),
        Err(error) => leaving.later(&error),
    }
}
