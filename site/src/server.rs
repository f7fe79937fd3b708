//! Connections: how many, how slow, and the end.

use std::future::Future;
use std::net::SocketAddr;

use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use tokio::net::TcpListener;

use crate::app::App;
use crate::router::router;

/// Why the site can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("failed to listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// The system refuses what it needs.
    #[error("failed to serve: {0}")]
    System(#[from] std::io::Error),
}

/// A server that listens already.
pub struct Server {
    listener: TcpListener,
    app: App,
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken, or not ours to listen on.
    pub async fn listen(address: SocketAddr, app: App) -> Result<Self, ServeError> {
        let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
        Ok(Self { listener, app })
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
    /// The system refuses.
    pub async fn serve(self, ended: impl Future<Output = ()> + Send + 'static) -> Result<(), ServeError> {
        let service: IntoMakeServiceWithConnectInfo<_, SocketAddr> = router(&self.app).into_make_service_with_connect_info();
        Ok(axum::serve(self.listener, service).with_graceful_shutdown(ended).await?)
    }
}
