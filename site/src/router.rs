//! Which address is whose.

use axum::Router;

use crate::app::App;
use crate::files::files;
use crate::headers::{never_kept, with_headers};
use crate::leave::leave;
use crate::preferences::preferences;

/// Every address of the site.
pub fn router(app: &App) -> Router {
    let own = never_kept(leave(app).merge(preferences(app)));
    with_headers(files(app).merge(own))
}
