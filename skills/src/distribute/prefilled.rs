//! Addresses that open a channel's own form with the post filled in. The person still presses the button.

use reveille_mission::Channel;
use url::Url;

/// The address, where the channel has such a form. `server` is the person's Mastodon server.
pub(super) fn prefilled(channel: Channel, text: &str, title: &str, link: &str, server: Option<&Url>) -> Option<String> {
    // X sets the link behind the text by itself.
    let words = text.strip_suffix(link).unwrap_or(text).trim_end();
    match channel {
        Channel::Hackernews => form("https://news.ycombinator.com/submitlink", &[("u", link), ("t", title)]),
        Channel::Lobsters => form("https://lobste.rs/stories/new", &[("url", link), ("title", title)]),
        Channel::Reddit => form("https://www.reddit.com/submit", &[("url", link), ("title", title)]),
        Channel::X => form("https://x.com/intent/tweet", &[("text", words), ("url", link)]),
        // LinkedIn's form takes the address only; the text is pasted.
        Channel::Linkedin => form("https://www.linkedin.com/sharing/share-offsite/", &[("url", link)]),
        Channel::Bluesky => form("https://bsky.app/intent/compose", &[("text", text)]),
        Channel::Mastodon => form(&share_page(server?)?, &[("text", text)]),
        Channel::Web | Channel::Email => None,
    }
}

/// The server's page for sharing; of the address only scheme, host and port, never a name or a password.
fn share_page(server: &Url) -> Option<String> {
    let origin = server.origin();
    (matches!(server.scheme(), "http" | "https") && origin.is_tuple()).then(|| format!("{}/share", origin.ascii_serialization()))
}

fn form(page: &str, fields: &[(&str, &str)]) -> Option<String> {
    let mut address = Url::parse(page).ok()?;
    address.query_pairs_mut().extend_pairs(fields);
    // `%20` is a space to every reader of an address, `+` only to those that take it for a form. A real plus is `%2B`.
    let query = address.query()?.replace('+', "%20");
    address.set_query(Some(&query));
    Some(address.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_gets_its_fields() {
        let server = Url::parse("https://me:secret@social.example:8443/@me").expect("an address");
        let all = |server| {
            let channels = [
                Channel::Hackernews,
                Channel::Lobsters,
                Channel::Reddit,
                Channel::X,
                Channel::Linkedin,
                Channel::Bluesky,
                Channel::Mastodon,
                Channel::Email,
                Channel::Web,
            ];
            channels
                .map(|channel| {
                    prefilled(channel, "1 + 1 & “so”\nhttps://a.example/?b=c", "T & t #1", "https://a.example/?b=c", server)
                        .unwrap_or("none".into())
                })
                .join("\n")
        };
        insta::assert_snapshot!(all(Some(&server)), @r##"
    https://news.ycombinator.com/submitlink?u=https%3A%2F%2Fa.example%2F%3Fb%3Dc&t=T%20%26%20t%20%231
    https://lobste.rs/stories/new?url=https%3A%2F%2Fa.example%2F%3Fb%3Dc&title=T%20%26%20t%20%231
    https://www.reddit.com/submit?url=https%3A%2F%2Fa.example%2F%3Fb%3Dc&title=T%20%26%20t%20%231
    https://x.com/intent/tweet?text=1%20%2B%201%20%26%20%E2%80%9Cso%E2%80%9D&url=https%3A%2F%2Fa.example%2F%3Fb%3Dc
    https://www.linkedin.com/sharing/share-offsite/?url=https%3A%2F%2Fa.example%2F%3Fb%3Dc
    https://bsky.app/intent/compose?text=1%20%2B%201%20%26%20%E2%80%9Cso%E2%80%9D%0Ahttps%3A%2F%2Fa.example%2F%3Fb%3Dc
    https://social.example:8443/share?text=1%20%2B%201%20%26%20%E2%80%9Cso%E2%80%9D%0Ahttps%3A%2F%2Fa.example%2F%3Fb%3Dc
    none
    none
    "##);
        assert!(all(None).ends_with("none\nnone\nnone"), "no server, no form on Mastodon");
    }
}
