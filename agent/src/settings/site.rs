//! `[site]`: the readers' side, served by `reveille serve`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
use url::Url;

/// `[site]`: with it every page has a form to subscribe, and `reveille serve` answers it.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Site {
    /// Where `reveille serve` listens.
    #[serde(deserialize_with = "listened")]
    pub(crate) listen: SocketAddr,
    /// Reverse proxies that are believed when they say whom they speak for (`X-Forwarded-For`); nobody else is.
    #[serde(deserialize_with = "single")]
    pub(crate) proxies: Vec<IpAddr>,
    /// The most mails in 24 hours that people who subscribe from one network (/24, /48) may cause.
    pub(crate) mails_a_network: u32,
    /// The same of all networks together.
    pub(crate) mails_a_day: u32,
    /// Logs of the web server that hands out the pages in place of `reveille serve`: read when measuring, what was rotated away too.
    pub(crate) logs: Vec<PathBuf>,
}

impl Default for Site {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)), proxies: vec![], mails_a_network: 20, mails_a_day: 500, logs: vec![] }
    }
}

impl Site {
    /// Why nobody can subscribe, and what to do about it, if nobody can.
    pub(crate) fn is_closed(&self, settings: &super::Settings) -> Option<(&'static str, &'static str)> {
        let closed = "subscribing is closed: without [channels.email] in the settings no mail to confirm can be sent";
        settings.channels.email.is_none().then_some((closed, "add [channels.email] to reveille.toml; docs/settings.md has its keys"))
    }

    /// What can't be meant.
    pub(super) fn problem(&self) -> Option<&'static str> {
        (self.mails_a_network == 0 || self.mails_a_day == 0).then_some("a cap of 0 mails lets nobody subscribe: leave [site] out instead")
    }
}

/// What to do about an address below a path.
pub(super) const OWN_HOST: &str = "give the publication a host of its own, like `https://letter.example.org`, or leave [site] out";

/// Why readers can't be served at an address: links of mails, forms and the app lead to paths of the whole host.
pub(super) fn below_a_path(url: &Url) -> Option<&'static str> {
    let is_whole_host = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    (!is_whole_host).then_some("with [site] `url` is a whole host: readers can't be served below a path of one")
}

fn listened<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let wrong = |_| serde::de::Error::custom("`listen` is an IP address with a port, like `127.0.0.1:8080`");
    String::deserialize(from)?.parse().map_err(wrong)
}

fn single<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpAddr>, D::Error> {
    let wrong = |_| serde::de::Error::custom("`proxies` are single IP addresses, like `10.0.0.1`: no networks, no names");
    Vec::<String>::deserialize(from)?.iter().map(|address| address.parse().map_err(wrong)).collect()
}
