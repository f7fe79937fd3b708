//! Whether an address can be that of a post on a channel: what a human says where they posted is checked by this.
//!
//! Must stay true: the host is compared whole or after a dot, never by its end alone; the channel's own form is no post.

use reveille_mission::Channel;
use url::Url;

/// Why an address is not that of a post there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotThere {
    /// It is no http or https address with a host.
    #[error("this is no web address")]
    NoAddress,
    /// It is on another host.
    #[error("{host} is not {}", channel.title())]
    OtherHost {
        /// The host that was given.
        host: String,
        /// The channel.
        channel: Channel,
        /// The hosts that belong to it.
        hosts: Vec<String>,
    },
    /// It is the channel's front page, or the form with which one posts.
    #[error("this is a page of {} itself, not a post", channel.title())]
    NoPost {
        /// The channel.
        channel: Channel,
    },
    /// Nothing there has an address of its own.
    #[error("what goes to {} has no address of its own", channel.title())]
    NoAddresses {
        /// The channel.
        channel: Channel,
    },
}

impl NotThere {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            NotThere::NoAddress => "copy it from the browser, with https:// at its start".to_owned(),
            NotThere::OtherHost { channel, hosts, .. } if hosts.is_empty() => format!("add [channels.{channel}] to reveille.toml"),
            NotThere::OtherHost { channel, hosts, .. } => format!("an address on {} starts with https://{}", channel.title(), hosts[0]),
            NotThere::NoPost { .. } => "open the post itself, and copy its address".to_owned(),
            NotThere::NoAddresses { .. } => "`reveille status` shows what waits for you".to_owned(),
        })
    }
}

/// The address of a post on a channel. `server` is the settings' server, for channels that have one.
///
/// # Errors
/// It can't be a post there.
pub fn belongs(channel: Channel, address: &str, server: Option<&Url>) -> Result<Url, NotThere> {
    let url = Url::parse(address.trim()).map_err(|_| NotThere::NoAddress)?;
    let plain = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    let host = url.host_str().filter(|_| plain).ok_or(NotThere::NoAddress)?.trim_end_matches('.').to_owned();
    let hosts = hosts(channel, server).ok_or(NotThere::NoAddresses { channel })?;
    if !hosts.iter().any(|known| host == *known || host.strip_suffix(known.as_str()).is_some_and(|rest| rest.ends_with('.'))) {
        return Err(NotThere::OtherHost { host, channel, hosts });
    }
    let path = url.path().trim_matches('/');
    let form = |form: &&str| path == form.trim_end_matches('/') || (form.ends_with('/') && path.starts_with(*form));
    if path.is_empty() || forms(channel).iter().any(form) {
        return Err(NotThere::NoPost { channel });
    }
    Ok(url)
}

/// The hosts of a channel, the one to show first; none for channels on which nothing has an address.
fn hosts(channel: Channel, server: Option<&Url>) -> Option<Vec<String>> {
    let fixed: &[&str] = match channel {
        Channel::Hackernews => &["news.ycombinator.com"],
        Channel::Reddit => &["reddit.com", "redd.it"],
        Channel::X => &["x.com", "twitter.com"],
        Channel::Lobsters => &["lobste.rs"],
        Channel::Linkedin => &["linkedin.com"],
        Channel::Bluesky => &["bsky.app"],
        Channel::Mastodon => &[],
        Channel::Web | Channel::Email => return None,
    };
    let own = server.filter(|_| matches!(channel, Channel::Mastodon | Channel::Bluesky)).and_then(Url::host_str);
    Some(fixed.iter().copied().chain(own).map(str::to_owned).collect())
}

/// Pages with which one posts, the prefilled links of `prefilled.rs` among them; with `/` at the end also all below.
fn forms(channel: Channel) -> &'static [&'static str] {
    match channel {
        Channel::Hackernews => &["submitlink", "submit", "newest", "news"],
        Channel::Reddit => &["submit"],
        Channel::X => &["intent/", "compose/", "home"],
        Channel::Lobsters => &["stories/new", "newest"],
        Channel::Linkedin => &["sharing/", "feed"],
        Channel::Bluesky => &["intent/"],
        Channel::Mastodon => &["share", "publish", "home"],
        Channel::Web | Channel::Email => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_on_its_channels_host_and_no_form() {
        let server = Url::parse("https://social.example/").expect("an address");
        let check = |channel, address: &str| match belongs(channel, address, Some(&server)) {
            Ok(_) => "post",
            Err(NotThere::NoAddress) => "no address",
            Err(NotThere::OtherHost { .. }) => "other host",
            Err(NotThere::NoPost { .. }) => "no post",
            Err(NotThere::NoAddresses { .. }) => "no addresses",
        };
        for (channel, address, expected) in [
            (Channel::Hackernews, "https://news.ycombinator.com/item?id=1", "post"),
            (Channel::Hackernews, " HTTPS://News.Ycombinator.COM./item?id=1 ", "post"),
            (Channel::Hackernews, "https://ycombinator.com/item?id=1", "other host"),
            (Channel::Hackernews, "https://news.ycombinator.com.evil.example/item?id=1", "other host"),
            (Channel::Hackernews, "https://evilnews.ycombinator.com@evil.example/item?id=1", "no address"),
            (Channel::Hackernews, "https://xnews.ycombinator.com/item?id=1", "other host"),
            (Channel::Hackernews, "https://news.ycombinator.com/", "no post"),
            (Channel::Hackernews, "https://news.ycombinator.com/submitlink?u=x&t=y", "no post"),
            (Channel::Hackernews, "news.ycombinator.com/item?id=1", "no address"),
            (Channel::Hackernews, "javascript://news.ycombinator.com/item", "no address"),
            (Channel::Hackernews, "ftp://news.ycombinator.com/item", "no address"),
            (Channel::Reddit, "https://old.reddit.com/r/rust/comments/1/x/", "post"),
            (Channel::Reddit, "https://redd.it/1", "post"),
            (Channel::Reddit, "https://www.reddit.com/submit?url=x", "no post"),
            (Channel::X, "https://twitter.com/me/status/1", "post"),
            (Channel::X, "https://x.com/intent/tweet?text=x", "no post"),
            (Channel::X, "https://netflix.com/me/status/1", "other host"),
            (Channel::Lobsters, "https://lobste.rs/s/abc/x", "post"),
            (Channel::Lobsters, "https://lobste.rs/stories/new?url=x", "no post"),
            (Channel::Linkedin, "https://www.linkedin.com/posts/me_1", "post"),
            (Channel::Linkedin, "https://www.linkedin.com/feed/update/urn:li:share:1/", "post"),
            (Channel::Linkedin, "https://www.linkedin.com/sharing/share-offsite/?url=x", "no post"),
            (Channel::Mastodon, "https://social.example/@me/1", "post"),
            (Channel::Mastodon, "https://other.example/@me/1", "other host"),
            (Channel::Bluesky, "https://bsky.app/profile/me/post/1", "post"),
            (Channel::Bluesky, "at://did:plc:1/app.bsky.feed.post/1", "no address"),
            (Channel::Email, "https://social.example/1", "no addresses"),
            (Channel::Web, "https://social.example/1", "no addresses"),
        ] {
            assert_eq!(check(channel, address), expected, "{channel} {address}");
        }
        // Without settings Mastodon has no host: nothing belongs to it.
        assert!(belongs(Channel::Mastodon, "https://social.example/@me/1", None).is_err_and(|error| error.hint().is_some()));
    }

    #[test]
    fn the_forms_that_we_prefill_are_no_posts() {
        let server = Url::parse("https://social.example/").expect("an address");
        for channel in Channel::ALL {
            if let Some(form) = super::super::prefilled::prefilled(channel, "text", "title", "https://a.example/", Some(&server)) {
                assert_eq!(belongs(channel, &form, Some(&server)), Err(NotThere::NoPost { channel }), "{form}");
            }
        }
    }
}
