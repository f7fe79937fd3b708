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
    literals: Literals,
}

/// Where in the protocol's syntax the bytes are: a literal announces its length at the end of a line (RFC 3501, 4.3), and the client
/// makes room for all of it at once.
#[derive(Debug, Default)]
struct Literals {
    /// How many bytes of a literal are still to come.
    inside: usize,
    /// The end of the line so far.
    end: Vec<u8>,
}

impl Literals {
    /// How much of a line's end is looked at.
    const END: usize = 32;

    /// Goes over what came. Whether every literal that it announces is within `most` bytes.
    fn pass(&mut self, mut bytes: &[u8], most: usize) -> bool {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.inside > 0 {
                let skipped = self.inside.min(bytes.len());
                self.inside -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            bytes = rest;
            if *byte != b'\n' {
                if self.end.len() == Self::END {
                    self.end.remove(0);
                }
                self.end.push(*byte);
                continue;
            }
            self.inside = announced(&self.end);
            self.end.clear();
            if self.inside > most {
                return false;
            }
        }
        true
    }
}

/// The length in `{262144}` at the end of a line; 0 where there is none.
fn announced(line: &[u8]) -> usize {
    // A character of which only the end is here is no digit either.
    let line = String::from_utf8_lossy(line);
    let length = line.trim_end_matches('\r').strip_suffix('}').and_then(|line| line.rsplit_once('{'));
    let length = length.map(|(_, length)| length.trim_end_matches('+'));
    let digits = length.filter(|length| !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()));
    digits.map_or(0, |digits| digits.parse().unwrap_or(usize::MAX))
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.carrier).poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        let left = self.allowance.0.load(Ordering::Relaxed).checked_sub(read);
        let fits = left.is_some_and(|left| self.literals.pass(&buffer.filled()[before..], left + read));
        match left.filter(|_| fits) {
            Some(left) => {
                self.allowance.set(left);
                Poll::Ready(Ok(()))
            }
            None => Poll::Ready(Err(io::Error::other("it says more than was asked for"))),
        }
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
    let line = |carrier: Box<dyn Carrier>| Line { carrier, allowance: allowance.clone(), literals: Literals::default() };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_that_is_too_long_is_seen_before_room_is_made_for_it() {
        for (says, fits) in [
            ("* 1 FETCH (BODY[]<0> {5}\r\nhello)\r\nA1 OK\r\n", true),
            ("* 1 FETCH (BODY[]<0> {101}\r\n", false),
            ("* 1 FETCH (BODY[] {99999999999999999999999}\r\n", false),
            ("* 1 FETCH (BODY[] {500+}\r\n", false),
            // What stands in a literal announces nothing, whatever it says.
            ("* 1 FETCH (BODY[] {19}\r\n0123456789{5000}\r\n)\r\n", true),
            ("* 1 FETCH (BODY[] {17}\r\n0123456789{5000}\r\n)\r\n", true),
            ("* OK {5000} words\r\n* OK {}\r\n* OK {x}\r\n", true),
        ] {
            assert_eq!(Literals::default().pass(says.as_bytes(), 100), fits, "{says}");
            // Whatever pieces it comes in.
            let mut literals = Literals::default();
            assert_eq!(says.bytes().all(|byte| literals.pass(&[byte], 100)), fits, "{says}");
        }
    }
}
