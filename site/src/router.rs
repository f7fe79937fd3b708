//! Which address is whose.

use axum::Router;

use crate::app::App;
use crate::files::files;
use crate::headers::with_headers;
use crate::survey::survey;

/// Every address of the site.
pub fn router(app: &App) -> Router {
    with_headers(files(app).merge(survey(app)))
}
