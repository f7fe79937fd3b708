//! Counting who looks at the pages, by the server itself: no cookie, nobody else. What is seen is gathered for two seconds and written
//! in one commit, so that a page costs no look at the disk; a process that is killed loses that much.
//!
//! Must stay true: nothing of a request is kept but what [`View`] says; no address with a token in it is counted; whoever asks not to be
//! tracked (`DNT`, `Sec-GPC`) is counted as a look at a page and told from nobody; what waits is bounded.

mod asked;
mod click;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use reveille_memory::{OTHER, View};
use reveille_mission::Channel;

use crate::app::App;
use crate::peer::Peer;
use asked::Asked;

pub(crate) use asked::{asks_not_to_be_told, fetcher, is_looked_at};

/// How long what was seen waits for company.
const GATHERED: Duration = Duration::from_secs(2);

/// How much may wait; what comes beyond is not counted.
const WAITING: usize = 4_000;

/// How often the clock is looked at for the end of a day on which nobody came any more.
const LOOK: Duration = Duration::from_secs(600);

/// What was seen and is not written yet.
#[derive(Debug, Clone)]
pub struct Visits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Hosts of the channels of the settings: whoever comes from there was brought by a post.
    hosts: Vec<(String, Channel)>,
    waiting: Mutex<Vec<View>>,
    watched: AtomicBool,
}

impl Visits {
    /// Nothing yet. `hosts` are those of the channels of the settings.
    #[must_use]
    pub fn new(hosts: Vec<(String, Channel)>) -> Self {
        Self(Arc::new(Inner { hosts, waiting: Mutex::default(), watched: AtomicBool::new(false) }))
    }

    /// Writes what waits. Counting is no reason to fail: what can't be written is said in the log and lost.
    pub async fn flush(&self, app: &App) {
        let mut views = std::mem::take(&mut *self.waiting());
        if views.is_empty() {
            return;
        }
        let (files, now) = (app.files.clone(), (app.now)());
        let written = app.writer.write(move |memory| {
            for view in &mut views {
                if !is_published(&files, &view.page) {
                    OTHER.clone_into(&mut view.page);
                }
            }
            memory.count_views(&views, now)
        });
        if let Err(error) = written.await {
            tracing::warn!("visits were not counted: {error}");
        }
    }

    /// What brought whoever sends this request to the site first today: the name of a source, or nothing where that was not seen.
    pub(crate) async fn first_touch(&self, app: &App, peer: Peer, headers: &HeaderMap) -> String {
        let Some(visitor) = asked::visitor(peer, headers) else { return String::new() };
        // The page with the form may have been fetched a second ago.
        self.flush(app).await;
        let now = (app.now)();
        let found = app.writer.write(move |memory| memory.first_touch(&visitor, now)).await;
        found.ok().flatten().map(|source| source.to_string()).unwrap_or_default()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<View>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, app: &App, view: View) {
        let first = {
            let mut waiting = self.waiting();
            if waiting.len() >= WAITING {
                return;
            }
            waiting.push(view);
            waiting.len() == 1
        };
        if first {
            let app = app.clone();
            tokio::spawn(async move {
                tokio::time::sleep(GATHERED).await;
                app.visits.flush(&app).await;
            });
        }
        if !self.0.watched.swap(true, Ordering::Relaxed) {
            tokio::spawn(forget_when_over(app.clone()));
        }
    }
}

/// Forgets the visitors of a day that is over, also when nobody comes any more.
async fn forget_when_over(app: App) {
    let mut day = (app.now)().date_naive();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = (app.now)();
        if now.date_naive() == day {
            continue;
        }
        match app.writer.write(move |memory| memory.forget_visitors(now)).await {
            Ok(()) => day = now.date_naive(),
            Err(error) => tracing::warn!("yesterday's visitors are not forgotten yet: {error}"),
        }
    }
}

/// Links of letters.
pub(crate) fn links(app: &App) -> Router {
    click::routes(app)
}

/// Counts every page of a router. None of its addresses may be somebody's own.
pub(crate) fn counted(router: Router, app: &App) -> Router {
    router.layer(from_fn_with_state(app.clone(), count))
}

async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let asked = Asked::of(&request);
    let response = next.run(request).await;
    if let Some(asked) = asked.filter(|_| is_shown(&response)) {
        app.visits.note(&app, asked.view(&app));
    }
    response
}

/// A page was handed out, or is there already: a browser that has it only asks whether it is still the same.
fn is_shown(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match response.status() {
        StatusCode::OK => kind.starts_with("text/html"),
        StatusCode::NOT_MODIFIED => true,
        _ => false,
    }
}

/// Whether a path is a page that was rendered. The names of ours are lower-case ASCII: there is one way to write each.
fn is_published(files: &Path, page: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '/');
    let Some(below) = page.strip_prefix('/').filter(|below| below.len() < 300 && below.chars().all(plain)) else { return false };
    // No hidden file, no way up, and no second way to write a path.
    if below.split('/').any(|part| part.starts_with('.')) || below.contains("//") {
        return false;
    }
    let file = if below.is_empty() || below.ends_with('/') { files.join(below).join("index.html") } else { files.join(below) };
    file.extension().is_some_and(|kind| kind == "html") && file.is_file()
}
