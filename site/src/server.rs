//! Connections: how many, how slow, and the end. What one request may cost stands in `router.rs`.
//!
//! Must stay true: a client that sends or takes nothing is let go, whatever it does; no number of clients makes more than
//! [`CONNECTIONS`] connections; when the end is asked for, what has begun is finished, for [`GRACE`] at most.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONNECTION, HOST};
use axum::http::{StatusCode, Version};
use axum::response::IntoResponse as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tower::Service as _;

use crate::app::App;
use crate::peer::{NotBelieved, Peer};
use crate::router::{REQUEST, router_within};

/// The most connections at once. Further ones wait in the system's backlog until one ends.
const CONNECTIONS: usize = 1024;
/// Files that the process opens besides connections: the database, its log, what is handed out.
const SPARE_FILES: usize = 96;
/// What a client has for a whole head, and how long it may keep a connection without asking.
const HEAD: Duration = Duration::from_secs(10);
/// The same while more than three quarters of the connections are taken.
const HEAD_WHEN_CROWDED: Duration = Duration::from_secs(2);
/// How long a client may take nothing of an answer.
const TAKING: Duration = Duration::from_secs(20);
/// How long what has begun may take when the end is asked for.
const GRACE: Duration = Duration::from_secs(10);
/// The most bytes of a request's head; also what a connection buffers of its answer. More is answered with 431.
const HEAD_BYTES: usize = 16 * 1024;
/// How long to wait when the system gives no connection (no files left, no memory).
const REFUSED: Duration = Duration::from_millis(100);

/// Why the site can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// The system refuses what it needs.
    #[error("failed to serve")]
    System(#[from] std::io::Error),
}

/// What is given to clients; tests give less.
#[derive(Debug, Clone, Copy)]
struct Limits {
    connections: usize,
    head: Duration,
    head_when_crowded: Duration,
    request: Duration,
    taking: Duration,
    grace: Duration,
}

/// A server that listens already.
pub struct Server {
    listener: TcpListener,
    app: App,
    limits: Limits,
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken, or not ours to listen on.
    pub async fn listen(address: SocketAddr, app: App) -> Result<Self, ServeError> {
        let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
        let limits = Limits {
            connections: connections(),
            head: HEAD,
            head_when_crowded: HEAD_WHEN_CROWDED,
            request: REQUEST,
            taking: TAKING,
            grace: GRACE,
        };
        Ok(Self { listener, app, limits })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system can't say.
    pub fn address(&self) -> Result<SocketAddr, ServeError> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `ended`; what has begun is finished.
    ///
    /// # Errors
    /// None so far: a connection that fails ends alone.
    pub async fn serve(self, ended: impl Future<Output = ()> + Send + 'static) -> Result<(), ServeError> {
        let Self { listener, app, limits } = self;
        let answers = Answers { router: router_within(&app, limits.request), app, not_believed: Arc::default() };
        let (roomy, crowded) = (protocol(limits.head), protocol(limits.head_when_crowded));
        let graceful = GracefulShutdown::new();
        let mut open = JoinSet::new();
        let mut ended = pin!(ended);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut ended => break,
                Some(_) = open.join_next() => continue,
                accepted = listener.accept(), if open.len() < limits.connections => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let protocol = if open.len() * 4 < limits.connections * 3 { &roomy } else { &crowded };
                    open.spawn(connection(protocol.clone(), stream, peer, answers.clone(), limits.taking, graceful.watcher()));
                }
                Err(error) => {
                    tracing::warn!("failed to take a connection: {error}");
                    tokio::time::sleep(REFUSED).await;
                }
            }
        }
        // Whoever comes now is refused at once instead of waiting for nobody.
        drop(listener);
        if tokio::time::timeout(limits.grace, graceful.shutdown()).await.is_err() {
            tracing::warn!("{} requests were not finished in time", open.len());
        }
        // With this, what is left of them is cut off.
        drop(open);
        Ok(())
    }
}

/// What answers a request.
#[derive(Clone)]
struct Answers {
    router: Router,
    app: App,
    not_believed: Arc<NotBelieved>,
}

/// HTTP/1.1 with one's patience for a head. The limit holds between two requests, too.
fn protocol(head: Duration) -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(head).max_buf_size(HEAD_BYTES);
    protocol
}

/// One connection, from its first byte to its end.
async fn connection(
    protocol: http1::Builder,
    stream: TcpStream,
    peer: SocketAddr,
    answers: Answers,
    taking: Duration,
    end: hyper_util::server::graceful::Watcher,
) {
    // Answers go out whole: waiting to fill a packet would only delay their last piece.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(taking));
    let Answers { router, app, not_believed } = answers;
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        let from = Peer::of(peer.ip(), request.headers(), &app.proxies);
        if let Some(said) = not_believed.notice(peer.ip(), request.headers(), &app.proxies) {
            tracing::warn!("{said}");
        }
        request.extensions_mut().insert(from);
        let mut router = names_its_host(&request).then(|| router.clone());
        async move {
            let Some(router) = &mut router else {
                return Ok::<_, Infallible>((StatusCode::BAD_REQUEST, [(CONNECTION, "close")]).into_response());
            };
            Ok(router.call(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    let served = protocol.serve_connection(TokioIo::new(Box::pin(stream)), service);
    // A client that leaves, is late or talks nonsense is no event: nothing of it is worth a line in the log.
    let _ = end.watch(served).await;
}

/// RFC 9112, 3.2: a request of HTTP/1.1 that names no host, or more than one, is answered with 400.
fn names_its_host(request: &hyper::Request<Body>) -> bool {
    let hosts = request.headers().get_all(HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

/// How many connections the system's limit of open files leaves room for; the limit is raised first as far as it may be.
fn connections() -> usize {
    let wanted = (CONNECTIONS + SPARE_FILES) as u64;
    let limit = getrlimit(Resource::Nofile);
    let allowed = |limit: &Rlimit| limit.current.unwrap_or(u64::MAX);
    if allowed(&limit) < wanted {
        let raised = Rlimit { current: Some(limit.maximum.map_or(wanted, |most| most.min(wanted))), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!("the limit of open files stays: {error}");
        }
    }
    let files = usize::try_from(allowed(&getrlimit(Resource::Nofile))).unwrap_or(usize::MAX);
    files.saturating_sub(SPARE_FILES).clamp(1, CONNECTIONS)
}

#[cfg(test)]
mod tests;
