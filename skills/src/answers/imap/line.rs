//! The line to a mailbox: plain on this machine, TLS everywhere else, and no more bytes than a command is allowed.
//!
//! Must stay true: nothing that was said before STARTTLS is believed after it; a certificate is checked, always.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use async_imap::Client;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Mailbox, later, refused};
use crate::channels::Fault;

/// How the line is made safe.
pub(super) enum Way {
    /// TLS from the first byte.
    Wrapped(Arc<ClientConfig>),
    /// TLS before the login (RFC 3501, 6.2.1).
    StartTls(Arc<ClientConfig>),
    /// Nothing: on this machine.
    Plain,
}

/// What a command may read. The client below keeps whatever comes until it understands it.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// From now on so many bytes.
    pub(super) fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

/// Whatever carries bytes both ways.
pub(super) trait Carrier: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug> Carrier for T {}

/// A line that ends when more comes over it than is allowed.
#[derive(Debug)]
pub(super) struct Line {
    carrier: Box<dyn Carrier>,
    allowance: Allowance,
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.carrier).poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        let left = self.allowance.0.load(Ordering::Relaxed).checked_sub(read);
        let Some(left) = left else { return Poll::Ready(Err(io::Error::other("it says more than was asked for"))) };
        self.allowance.set(left);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.carrier).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.carrier).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.carrier).poll_shutdown(cx)
    }
}

/// What a greeting or a plain answer may take.
pub(super) const WORDS: usize = 64 << 10;

/// Connects; the greeting was read, and nobody is logged in yet.
pub(super) async fn connect(mailbox: &Mailbox, allowance: &Allowance) -> Result<Client<Line>, Fault> {
    allowance.set(WORDS);
    let line = |carrier: Box<dyn Carrier>| Line { carrier, allowance: allowance.clone() };
    let stream = TcpStream::connect((mailbox.host.as_str(), mailbox.port)).await.map_err(|error| later(error.to_string()))?;
    match &mailbox.way {
        Way::Plain => greeted(Client::new(line(Box::new(stream)))).await,
        Way::Wrapped(config) => greeted(Client::new(line(Box::new(wrapped(mailbox, config, stream).await?)))).await,
        Way::StartTls(config) => {
            let mut client = greeted(Client::new(line(Box::new(stream)))).await?;
            let begun = client.run_command_and_check_ok("STARTTLS", None).await;
            begun.map_err(|_| later("it offers no encryption (STARTTLS), so no password was sent there"))?;
            // What was buffered in clear goes with the client.
            let inner = client.into_inner().carrier;
            Ok(Client::new(line(Box::new(wrapped(mailbox, config, inner).await?))))
        }
    }
}

async fn greeted(mut client: Client<Line>) -> Result<Client<Line>, Fault> {
    match client.read_response().await {
        Ok(Some(_)) => Ok(client),
        Ok(None) => Err(later("it hung up")),
        Err(error) => Err(later(super::look::words(&error.to_string()))),
    }
}

async fn wrapped<T: Carrier>(mailbox: &Mailbox, config: &Arc<ClientConfig>, inner: T) -> Result<tokio_rustls::client::TlsStream<T>, Fault> {
    let name = ServerName::try_from(mailbox.host.clone()).map_err(|_| refused("the mailbox's host is no name"))?;
    let connector = TlsConnector::from(Arc::clone(config));
    connector.connect(name, inner).await.map_err(|error| later(super::look::words(&error.to_string())))
}

/// TLS with the certificates of a file, or the system's.
pub(super) fn tls(ca: Option<&Path>) -> Result<Arc<ClientConfig>, Fault> {
    let wrong = |error: &dyn std::fmt::Display| refused(format!("the certificates to check the server with can't be used: {error}"));
    let mut roots = RootCertStore::empty();
    match ca {
        // Whoever names their own authority trusts no other.
        Some(path) => {
            let all = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&format!("{}: {error}", path.display())))?;
            for certificate in all {
                roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(wrong(&"there are none"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.map_err(|error| wrong(&error))?.with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config))
}
