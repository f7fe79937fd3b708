//! Which address is whose.

use axum::Router;

use crate::app::App;
use crate::experiment::with_headline;
use crate::files::files;
use crate::headers::with_headers;

/// Every address of the site.
pub fn router(app: &App) -> Router {
    with_headers(with_headline(app, files(app)))
}
