//! The channels against real servers of `tests/servers` and a scripted one. One file a channel.

mod bluesky;
mod email;
mod hackernews;
mod mastodon;
mod torture;
