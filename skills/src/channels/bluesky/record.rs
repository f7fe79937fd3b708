//! The record of a post (`app.bsky.feed.post`), its key, and the picture of its card: frozen before anything happens.
//!
//! Must stay true: the same piece gives the same bytes and the same key; what is too long is refused here, not by the server.

use atrium_api::app::bsky::embed::external;
use atrium_api::app::bsky::feed::post::{RecordData, RecordEmbedRefs, RecordLabelsRefs, ReplyRef, ReplyRefData};
use atrium_api::app::bsky::richtext::facet;
use atrium_api::com::atproto::label::defs::{SelfLabelData, SelfLabelsData};
use atrium_api::com::atproto::repo::strong_ref;
use atrium_api::record::KnownRecord;
use atrium_api::types::string::{Datetime, Tid};
use atrium_api::types::{Blob, BlobRef, CidLink, LimitedU32, TypedBlobRef, Union};
use chrono::{SecondsFormat, TimeDelta};
use imagesize::ImageType;
use serde_json::Value;
use sha2::{Digest, Sha256};
use unicode_segmentation::UnicodeSegmentation;

use super::CHANNEL;
use crate::channels::{Attached, Fault, Frozen, Picture, Piece, Receipt};
use crate::disk::hex;

/// Where posts stand in a repository.
pub(super) const COLLECTION: &str = "app.bsky.feed.post";

/// The most graphemes of a post (`maxGraphemes` of its lexicon).
pub(super) const GRAPHEMES: usize = 300;

/// The most bytes of a post's text (`maxLength`).
const BYTES: usize = 3000;

/// The thumb of a card has fewer bytes than this (`app.bsky.embed.external`: `maxSize`).
const THUMB: usize = 1_000_000;

/// How the hash of a file begins: CID version 1, raw bytes, SHA-256 of 32 bytes (atproto.com/specs/data-model#link-and-cid-formats).
const RAW: [u8; 4] = [0x01, 0x55, 0x12, 0x20];

/// A frozen record, read.
#[derive(Debug)]
pub(super) struct Post {
    /// All of it.
    pub(super) record: Value,
    /// The picture of its card.
    pub(super) thumb: Option<Thumb>,
}

/// A picture that a record names.
#[derive(Debug)]
pub(super) struct Thumb {
    /// As the record names it.
    pub(super) blob: Blob,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub(super) digest: String,
}

impl Thumb {
    pub(super) fn as_blob(&self) -> BlobRef {
        BlobRef::Typed(TypedBlobRef::Blob(self.blob.clone()))
    }
}

impl Post {
    /// From frozen bytes; else why they are none of ours.
    pub(super) fn of(text: &[u8]) -> Result<Self, String> {
        let record: Value = serde_json::from_slice(text).map_err(|_| "the frozen bytes are no record".to_owned())?;
        if record["$type"] != COLLECTION {
            return Err("the frozen record is no post".to_owned());
        }
        let thumb = match record.pointer("/embed/external/thumb") {
            Some(thumb) => Some(named(thumb).ok_or_else(|| "the frozen record names no picture of ours".to_owned())?),
            None => None,
        };
        Ok(Self { record, thumb })
    }
}

fn named(thumb: &Value) -> Option<Thumb> {
    let Ok(BlobRef::Typed(TypedBlobRef::Blob(blob))) = serde_json::from_value(thumb.clone()) else { return None };
    let digest = hex(blob.r#ref.0.to_bytes().strip_prefix(&RAW)?);
    Some(Thumb { blob, digest })
}

/// Refuses a text that no server takes.
pub(super) fn check_length(text: &str) -> Result<(), Fault> {
    let (graphemes, bytes) = (text.graphemes(true).count(), text.len());
    if graphemes <= GRAPHEMES && bytes <= BYTES {
        return Ok(());
    }
    Err(refused(format!("{graphemes} characters in {bytes} bytes, where {GRAPHEMES} in {BYTES} are allowed")))
}

/// The record of a piece, with what is known of its text's links.
pub(super) fn freeze(piece: &Piece<'_>, facets: Vec<facet::Main>) -> Result<Frozen, Fault> {
    let (embed, attached) = card(piece)?;
    let reply = piece.reply.map(|(root, parent)| reply(root, parent)).transpose()?;
    // The milliseconds that Bluesky's own client writes.
    let created_at: Datetime = piece
        .now
        .to_rfc3339_opts(SecondsFormat::Millis, true)
        .parse()
        .map_err(|_| refused(format!("the time {} can't be written", piece.now)))?;
    let data = RecordData {
        created_at,
        embed,
        entities: None,
        facets: if facets.is_empty() { None } else { Some(facets) },
        labels: Some(Union::Refs(bot())),
        // A language that is none says nothing.
        langs: piece.language.parse().ok().map(|language| vec![language]),
        reply,
        tags: None,
        text: piece.text.to_owned(),
    };
    let record = KnownRecord::AppBskyFeedPost(Box::new(data.into()));
    let text = serde_json::to_vec(&record).map_err(|error| refused(error.to_string()))?;
    Ok(Frozen { text, token: key(piece)?, attached })
}

/// The account says of itself that a program posts.
fn bot() -> RecordLabelsRefs {
    let label = SelfLabelData { val: "bot".to_owned() };
    RecordLabelsRefs::ComAtprotoLabelDefsSelfLabels(Box::new(SelfLabelsData { values: vec![label.into()] }.into()))
}

/// The link card of the piece that holds the link: of a thread, one.
fn card(piece: &Piece<'_>) -> Result<(Option<Union<RecordEmbedRefs>>, Vec<Attached>), Fault> {
    let link = &piece.post.link;
    if link.is_empty() || !piece.text.contains(link.as_str()) {
        return Ok((None, vec![]));
    }
    let thumb = piece.picture.and_then(|picture| media_type(picture).map(|media_type| (picture, media_type)));
    let (thumb, attached) = match thumb {
        Some((picture, media_type)) => (Some(blob(&picture.bytes, media_type)?), vec![kept(&picture.bytes)]),
        None => (None, vec![]),
    };
    let external = external::ExternalData {
        associated_refs: None,
        description: piece.summary.to_owned(),
        thumb,
        title: piece.title.to_owned(),
        uri: link.clone(),
    };
    let main = external::MainData { external: external.into() };
    Ok((Some(Union::Refs(RecordEmbedRefs::AppBskyEmbedExternalMain(Box::new(main.into())))), attached))
}

/// The media type of a picture that a card takes, by its bytes: the server looks at them too, and refuses another name.
fn media_type(picture: &Picture) -> Option<&'static str> {
    let known = match imagesize::image_type(&picture.bytes).ok()? {
        ImageType::Png => "image/png",
        ImageType::Jpeg => "image/jpeg",
        ImageType::Gif => "image/gif",
        ImageType::Webp => "image/webp",
        _ => return None,
    };
    (picture.bytes.len() < THUMB && picture.media_type.starts_with("image/")).then_some(known)
}

/// What the server will call these bytes: computed here, so that the record is whole before anything is uploaded.
pub(super) fn blob(bytes: &[u8], media_type: &str) -> Result<BlobRef, Fault> {
    let cid = [RAW.as_slice(), &Sha256::digest(bytes)].concat();
    let link = CidLink(cid.try_into().map_err(|_| refused("the picture has no hash".to_owned()))?);
    Ok(BlobRef::Typed(TypedBlobRef::Blob(Blob { r#ref: link, mime_type: media_type.to_owned(), size: bytes.len() })))
}

fn kept(bytes: &[u8]) -> Attached {
    Attached { digest: crate::disk::sha256(bytes), bytes: bytes.to_vec() }
}

fn reply(root: &Receipt, parent: &Receipt) -> Result<ReplyRef, Fault> {
    let strong = |receipt: &Receipt| -> Result<strong_ref::Main, Fault> {
        let cid = receipt.cid.as_deref().and_then(|cid| cid.parse().ok());
        let cid = cid.ok_or_else(|| refused(format!("{} has no hash to reply to", receipt.id)))?;
        Ok(strong_ref::MainData { cid, uri: receipt.id.clone() }.into())
    };
    Ok(ReplyRefData { parent: strong(parent)?, root: strong(root)? }.into())
}

/// The record key: a TID of the time, with ten bits of the text's digest instead of a clock's number, and with its microseconds
/// from the digest too, so that two posts of one millisecond differ. Keys sort by time, and a reply's stands behind its parent's
/// even when no time has passed.
fn key(piece: &Piece<'_>) -> Result<String, Fault> {
    let digest = Sha256::digest(piece.text.as_bytes());
    let bits = u32::from(u16::from_be_bytes([digest[0], digest[1]]) & 1023);
    let clock: LimitedU32<1023> = bits.try_into().map_err(|_| refused("no record key".to_owned()))?;
    let parent = piece.reply.and_then(|(_, parent)| parent.id.rsplit('/').next()).unwrap_or_default();
    let millisecond = piece.now - TimeDelta::microseconds(i64::from(piece.now.timestamp_subsec_micros() % 1000));
    let at = millisecond + TimeDelta::microseconds(i64::from(u16::from_be_bytes([digest[2], digest[3]]) % 1000));
    let later = |micros: i64| Tid::from_datetime(clock, at + TimeDelta::microseconds(micros)).as_str().to_owned();
    // A day at most: a parent further ahead is not of this thread's making.
    let keys = std::iter::successors(Some(0), |micros| Some((micros * 2).max(1))).take(38).map(later);
    keys.into_iter().find(|key| key.as_str() > parent).ok_or_else(|| refused("the post before is from another time".to_owned()))
}

fn refused(why: String) -> Fault {
    Fault::Refused { channel: CHANNEL, why }
}
