//! `serve`: the readers' side, until it is told to leave.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use reveille_memory::{Memory, SignUpCaps};
use reveille_mission::{Channel, folded_address};
use reveille_site::{App, Reader, ServeError, Server, Subscribing, Visits, Writer};
use reveille_skills::readers::Readers;
use tokio::signal::unix::{SignalKind, signal};

use super::{Ready, print};
use crate::experiments;
use crate::failure::{Failure, Kind, OrFail, Outcome};
use crate::home_key::home_key;
use crate::observe::Scene;
use crate::serve::{AtPost, Bell, run_mailer, templates};
use crate::settings::{Settings, Site};

/// Serve the publication to its readers: pages, subscribing, leaving
///
/// It serves what is rendered in site/ and answers the forms on it. Put it behind a web server that speaks https, or let readers come
/// straight to it. SIGTERM or Ctrl-C ends it, after what has begun. `reveille status` says whether it runs; a second one of the same
/// home leaves with 75.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen [default: `listen` of `[site]` in the settings, else 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) fn run(self, ready: &Ready<'_>) -> Outcome<ExitCode> {
        let site = ready.settings.site.as_ref().ok_or_else(|| {
            Failure::message(Kind::Settings, "the settings have no [site]").hint("add a line `[site]` to reveille.toml, see docs/site.md")
        })?;
        let address = self.listen.unwrap_or(site.listen);
        let at_post = AtPost::take(&ready.home, ready.environment.now())?;
        if let Some((what, _)) = site.is_closed(&ready.settings) {
            tracing::warn!("{what}");
        }
        if !ready.home.root().join("site/index.html").is_file() {
            tracing::warn!("site/ has no pages yet: `reveille render` makes them, and they are handed out at once");
        }
        // What waits for the disk has threads of its own: a few, for each has a stack.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(4).enable_all().build()?;
        let bell = Arc::new(Bell::default());
        let app = app(ready, site, &bell)?;
        std::thread::scope(|scope| {
            scope.spawn(|| run_mailer(ready, &bell, &at_post));
            let served = runtime.block_on(serve(app, address, &at_post));
            bell.end();
            served
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn app(ready: &Ready<'_>, site: &Site, bell: &Arc<Bell>) -> Outcome<App> {
    let Ready { environment, home, settings, .. } = ready;
    templates::words(&Scene { home, settings, environment, now: environment.now() })?;
    let pages = templates::pages(home, settings)?;
    let mut memory = Memory::open(&home.database(), environment.now()).or_fail()?;
    memory.forget_visitors(environment.now()).or_fail()?;
    let headline = experiments::headline(home, settings, &mut memory, environment.now())?;
    let clock = environment.clock();
    let bell = Arc::clone(bell);
    let subscribing = Subscribing {
        caps: SignUpCaps { network: site.mails_a_network, all: site.mails_a_day },
        is_open: settings.channels.email.is_some(),
        owner: settings.owner.iter().map(|address| folded_address(address)).collect(),
        wanted: Box::new(move || bell.ring()),
    };
    let (root, today) = (home.root().to_owned(), environment.clock());
    // Topics that can't be read are none to choose from: a reader's choice stays as it is.
    let topics = move || reveille_skills::shelf::load(&root).map(|loaded| loaded.as_of(today.now().date_naive()).shelf.topics());
    let (listed_in, owner) = (home.root().to_owned(), settings.owner.clone());
    let listed = move |id: &str| match Readers::load(&listed_in, &owner) {
        Ok(list) => Ok(list.cells_of(id)),
        Err(error) => Err(error.to_string()),
    };
    Ok(App {
        publication: Arc::new(templates::of_pages(settings)),
        files: home.root().join("site"),
        key: home_key(home)?.into(),
        now: Arc::new(move || clock.now()),
        writer: Writer::start(memory),
        reader: Reader::of(&home.database()),
        pages: Arc::new(pages),
        proxies: site.proxies.as_slice().into(),
        subscribing: Arc::new(subscribing),
        visits: Visits::new(hosts(settings)),
        headline: headline.map(Arc::new),
        topics: Arc::new(move || topics().unwrap_or_default()),
        listed: Arc::new(listed),
        letters_end: settings.retain.sunset().is_some(),
    })
}

/// Hosts from which a post on a channel brings people.
pub(crate) fn hosts(settings: &Settings) -> Vec<(String, Channel)> {
    let mastodon = settings.channels.mastodon.as_ref().map(|mastodon| (&mastodon.server, Channel::Mastodon));
    let bluesky = settings.channels.bluesky.as_ref().map(|bluesky| (&bluesky.service, Channel::Bluesky));
    let known = [mastodon, bluesky].into_iter().flatten();
    known.filter_map(|(address, channel)| Some((address.host_str()?.to_owned(), channel))).collect()
}

async fn serve(app: App, address: SocketAddr, at_post: &AtPost) -> Outcome {
    let failed = |error| match error {
        ServeError::Listen { .. } => Failure::new(Kind::Failed, error).hint(
            "another program may be there, perhaps the `reveille serve` of another home, or this computer has no such address; \
                `--listen` takes another one",
        ),
        ServeError::System(_) => Failure::new(Kind::Failed, error).hint("`reveille log` has more"),
    };
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let server = Server::listen(address, app.clone()).await.map_err(failed)?;
    let listens = server.address().map_err(failed)?;
    at_post.listens(listens);
    print(&format!("serving http://{listens}\n"))?;
    let ended = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let served = server.serve(ended).await.map_err(failed);
    app.visits.flush(&app).await;
    served
}
