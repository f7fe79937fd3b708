//! The channels against real servers of `tests/servers` and a scripted one. One file a channel.

mod hackernews;
mod mastodon;
mod bluesky;
mod email;
