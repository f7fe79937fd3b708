//! The rendered publication, as it lies in `site/` of the home.

use axum::Router;
use tower_http::services::ServeDir;

use crate::app::App;

/// Everything that no other address took.
pub(crate) fn files(app: &App) -> Router {
    Router::new().fallback_service(ServeDir::new(&app.files).append_index_html_on_directories(true))
}
