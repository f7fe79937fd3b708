//! Who speaks to us: the address at the other end, past the reverse proxies that the settings name.
//!
//! Must stay true: only a proxy of the settings is believed, and only for what stands to the right of the first address that is not
//! one of them (whatever is further left, the client wrote itself); what can't be read as addresses counts as not said.

use std::net::{IpAddr, SocketAddr};

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
        let trusted = |address: IpAddr| proxies.iter().any(|proxy| proxy.to_canonical() == address);
        if proxies.is_empty() || !trusted(socket) {
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
