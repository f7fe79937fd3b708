//! Who speaks to us: the address at the other end, past the reverse proxies that the settings name.
//!
//! Must stay true: only a proxy of the settings is believed, and only for what stands to the right of the first address that is not
//! one of them (whatever is further left, the client wrote itself); what can't be read as addresses counts as not said.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use reveille_mission::network_of;

const FORWARDED: &str = "x-forwarded-for";

/// The address of whoever asks. The server puts it on every request; a handler takes it as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// Of a request that came over a socket with this address at its other end.
    #[must_use]
    pub fn of(socket: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> Self {
        let socket = socket.to_canonical();
        let trusted = |address: IpAddr| is_one_of(proxies, address);
        if !trusted(socket) {
            return Self(socket);
        }
        let lines = headers.get_all(FORWARDED).iter().rev();
        for line in lines {
            let Ok(line) = line.to_str() else { return Self(socket) };
            for said in line.rsplit(',') {
                match address(said.trim()) {
                    None => return Self(socket),
                    Some(address) if !trusted(address) => return Self(address),
                    Some(_) => {}
                }
            }
        }
        Self(socket)
    }

    /// The network that it stands in, as text.
    #[must_use]
    pub fn network(&self) -> String {
        network_of(self.0)
    }
}

fn is_one_of(proxies: &[IpAddr], address: IpAddr) -> bool {
    proxies.iter().any(|proxy| proxy.to_canonical() == address)
}

/// Notices who speaks for others and is no proxy of the settings: most often the web server before this one, of which nobody has told it.
#[derive(Debug, Default)]
pub(crate) struct NotBelieved {
    near: AtomicBool,
    far: AtomicBool,
}

impl NotBelieved {
    /// What is to be said of a request; once of who is on this machine or in its network, once of all others, whose address is not
    /// said: they may be readers.
    pub(crate) fn notice(&self, socket: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> Option<String> {
        let socket = socket.to_canonical();
        if !headers.contains_key(FORWARDED) || is_one_of(proxies, socket) {
            return None;
        }
        let (said, who, mend) = match is_near(socket) {
            true => (&self.near, socket.to_string(), format!("if it is your web server, add \"{socket}\" to `[site] proxies`")),
            false => (&self.far, "somebody".to_owned(), "if it is your web server, add its address to `[site] proxies`".to_owned()),
        };
        let is_news = !said.swap(true, Ordering::Relaxed);
        is_news.then(|| format!("{who} sends X-Forwarded-For and is not believed: all that comes from there counts as one reader ({mend})"))
    }
}

/// Whether it is this machine, or in a network that no reader comes from (RFC 1918, RFC 3927, RFC 4193, RFC 4291).
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// `192.0.2.1`, `2001:db8::1`, and both with a port, as some proxies write them.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    bare.or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip())).map(|address| address.to_canonical())
}

/// A request that no server of ours has seen has no peer: 500, for nothing can be limited then.
impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().copied().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

#[cfg(test)]
mod tests;
