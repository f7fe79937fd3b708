//! Who sends one of their own forms, or asks for their own data, too often is told to wait.
//!
//! Must stay true: a reader is limited by their own links, not by their network, for a mail provider posts for all its readers from a
//! few addresses; a link that nobody was sent takes no place here, so that nobody can fill it; looking at a page keeps nobody from
//! leaving; whoever leaves is never told to wait the first time.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use reveille_mission::{Purpose, Token};

use crate::app::App;
use crate::floods::Floods;

#[cfg(test)]
mod tests;

/// How many forms of one kind, or copies of their data, a reader may have at once, and in a minute after that.
const A_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// The readers who sent something lately.
#[derive(Clone)]
struct Lately {
    app: App,
    floods: Arc<Floods>,
    hasher: RandomState,
}

/// Puts the limit around pages that readers open with links of their own.
pub(crate) fn limited(pages: Router, app: &App) -> Router {
    let lately = Lately { app: app.clone(), floods: Arc::new(Floods::of(A_MINUTE)), hasher: RandomState::new() };
    pages.layer(from_fn_with_state(lately, unless_too_often))
}

async fn unless_too_often(State(lately): State<Lately>, params: RawPathParams, request: Request, next: Next) -> Response {
    // As the page will read it, its escapes undone: no other spelling of a link is another link.
    let token = params.iter().find(|(name, _)| *name == "token").map(|(_, token)| token);
    let who = token.and_then(|token| lately.who(request.method(), request.uri().path(), token));
    match who.map_or(Ok(()), |who| lately.floods.check(who)) {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            let text = "This came very often. Nothing was changed by the last time; please try again in a minute.";
            let mut answer = lately.app.pages.notice(StatusCode::TOO_MANY_REQUESTS, "Please wait", text);
            answer.headers_mut().insert(RETRY_AFTER, wait.into());
            answer
        }
    }
}

impl Lately {
    /// Whose request it is, and of which kind; nothing where it is not limited. Links from before these tokens can't be told here.
    fn who(&self, method: &Method, path: &str, token: &str) -> Option<i64> {
        let page = path.split('/').nth(1)?;
        let purpose = match page {
            "confirm" => Purpose::Confirm,
            "leave" | "unsubscribe" => Purpose::Leave,
            "preferences" => Purpose::Preferences,
            "survey" => Purpose::Survey,
            _ => return None,
        };
        let rest = path.split('/').nth(3).unwrap_or_default();
        if method.is_safe() && rest != "data" {
            return None;
        }
        let token = Token::check(token, purpose, &self.app.key, (self.app.now)()).ok()?;
        Some(self.hasher.hash_one((page, rest, token.subscriber)).cast_signed())
    }
}
