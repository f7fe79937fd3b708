//! A picture goes to the server before the status that shows it. Until then it is not public and harmless: a fault here means
//! that nothing happened.
//!
//! Must stay true: only bytes whose digest was frozen are uploaded, and only with their words.

use std::io::Cursor;
use std::time::Duration;

use chrono::{DateTime, Utc};
use megalodon::SNS;
use megalodon::entities::UploadMedia;
use megalodon::megalodon::UploadMediaInputOptions;
use reveille_memory::Sending;
use secrecy::ExposeSecret;

use super::super::{Attached, Fault};
use super::faults::{self, later, refused};
use super::{Mastodon, entities, frozen};
use crate::disk::sha256;

/// How the client calls itself.
pub(super) const AGENT: &str = concat!("reveille/", env!("CARGO_PKG_VERSION"));

/// Uploads the picture; its id. The ledger must have let the effect go.
pub(super) fn upload(
    mastodon: &Mastodon,
    _let_go: &Sending,
    picture: &frozen::Named,
    attached: &[Attached],
    now: DateTime<Utc>,
) -> Result<String, Fault> {
    let bytes = attached.iter().map(|one| &one.bytes).find(|bytes| sha256(bytes) == picture.digest);
    let bytes = bytes.ok_or_else(|| refused("the picture that was frozen is not at hand"))?.clone();
    // megalodon tells the media type by the name's ending.
    let ending = picture.media_type.strip_prefix("image/").filter(|ending| ending.chars().all(|c| c.is_ascii_alphanumeric()));
    let file = format!("picture.{}", ending.ok_or_else(|| refused(format!("`{}` is no picture", picture.media_type)))?);
    let options = UploadMediaInputOptions { description: Some(picture.alt.clone()), focus: None };
    let origin = mastodon.server.origin().ascii_serialization();
    let token = Some(mastodon.token.expose_secret().to_owned());
    let failed = |error| faults::of_megalodon(error, faults::of_uploading, &mastodon.server, &mastodon.token, now);
    let client = megalodon::generator(SNS::Mastodon, origin, token, Some(AGENT.to_owned())).map_err(failed)?;
    let call = client.upload_media_reader(Box::new(Cursor::new(bytes)), Some(&options), Some(file));
    let answer = mastodon.http.block_on(async { tokio::time::timeout(mastodon.patience, call).await });
    let (id, ready) = match answer.map_err(|_| later("no answer in time to the picture"))?.map_err(failed)?.json {
        UploadMedia::Attachment(media) => (media.id, true),
        UploadMedia::AsyncAttachment(media) => (media.id, false),
    };
    if !entities::is_id(&id) {
        return Err(later("the server gave the picture no name"));
    }
    if !ready {
        await_ready(mastodon, &id, now)?;
    }
    Ok(id)
}

/// Waits until the server has worked the picture through (206 until then), no longer than the client's patience. Asked by our
/// own client, for megalodon's panics on a picture that has no address yet.
fn await_ready(mastodon: &Mastodon, id: &str, now: DateTime<Utc>) -> Result<(), Fault> {
    let (mut wait, mut waited) = (Duration::from_millis(250), Duration::ZERO);
    while waited + wait <= mastodon.patience {
        mastodon.http.block_on(async { tokio::time::sleep(wait).await });
        (waited, wait) = (waited + wait, wait * 2);
        let answer = mastodon.ask(&format!("/api/v1/media/{id}"))?;
        match answer.status {
            206 => {}
            // 404: attached already, or a server that has no such call; attaching will tell.
            200 | 404 => return Ok(()),
            _ => return Err(faults::of_uploading(&answer, &mastodon.server, &mastodon.token, now)),
        }
    }
    Err(later("the server is still working on the picture"))
}
