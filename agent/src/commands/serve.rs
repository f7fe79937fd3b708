//! `serve`: the readers' side, until it is told to leave.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use reveille_memory::Memory;
use reveille_site::{App, Pages, Publication, Server, Writer};
use tokio::signal::unix::{SignalKind, signal};

use super::{Ready, print};
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home_key::home_key;

/// Serve the publication to its readers: pages, subscribing, leaving
///
/// It serves what is rendered in site/ and answers the forms on it. Put it behind a web server that speaks https, or let readers come
/// straight to it. SIGTERM or Ctrl-C ends it, after what has begun.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen [default: `listen` of [site] in the settings, else 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let site = ready.settings.site.as_ref().ok_or_else(|| {
            Failure::message(Kind::Settings, "the settings have no [site]").hint("add a line `[site]` to reveille.toml, see docs/site.md")
        })?;
        let address = self.listen.unwrap_or(site.listen);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(serve(app(ready)?, address))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn app(ready: &Ready<'_>) -> Outcome<App> {
    let Ready { environment, home, settings } = ready;
    let publication = Publication {
        name: settings.name.clone(),
        url: settings.url.clone(),
        language: settings.language.clone(),
        description: settings.description.clone(),
    };
    let memory = Memory::open(&home.database(), environment.now()).or_fail()?;
    let pages = Pages::load(&home.root().join("templates"), &publication).map_err(|error| Failure::new(Kind::Settings, error))?;
    let clock = environment.clock();
    let (root, today) = (home.root().to_owned(), environment.clock());
    // Topics that can't be read are none to choose from: a reader's choice stays as it is.
    let topics = move || reveille_skills::shelf::load(&root).map(|loaded| loaded.as_of(today.now().date_naive()).shelf.topics());
    Ok(App {
        publication: Arc::new(publication),
        files: home.root().join("site"),
        key: home_key(home)?.into(),
        now: Arc::new(move || clock.now()),
        writer: Writer::start(memory),
        pages: Arc::new(pages),
        topics: Arc::new(move || topics().unwrap_or_default()),
    })
}

async fn serve(app: App, address: SocketAddr) -> Outcome {
    let failed = |error| Failure::new(Kind::Failed, error);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let server = Server::listen(address, app).await.map_err(failed)?;
    print(&format!("serving http://{}\n", server.address().map_err(failed)?))?;
    let ended = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.serve(ended).await.map_err(failed)
}
