//! A status, frozen: what will be sent, to the byte, before anything happens.
//!
//! Must stay true: the same piece always freezes to the same bytes and the same key, on any day; what is sent is made of these
//! bytes and of nothing else but the id that the server gives the picture.

use reveille_memory::Effect;
use serde::{Deserialize, Serialize};

use super::super::{Attached, Fault, Frozen, Piece};
use super::faults::refused;
use crate::disk::sha256;

/// The frozen form. Its fields are those of `POST /api/v1/statuses`, but for `link` and `picture`.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) status: String,
    pub(super) visibility: String,
    /// Servers that also take Markdown (GoToSocial, Pleroma) must not read the author's words as such.
    pub(super) content_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) in_reply_to_id: Option<String>,
    /// The address, where it stands in this text: what a look searches for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) picture: Option<Named>,
}

/// A picture, by its digest.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) digest: String,
    pub(super) media_type: String,
    pub(super) alt: String,
}

/// The body of the request.
#[derive(Debug, Serialize)]
struct Body<'a> {
    status: &'a str,
    visibility: &'a str,
    content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_reply_to_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_ids: Option<[&'a str; 1]>,
}

pub(super) fn freeze(piece: &Piece<'_>) -> Result<Frozen, Fault> {
    if piece.text.trim().is_empty() {
        return Err(refused("the post has no words"));
    }
    let named = |picture: &super::super::Picture| {
        let spoken = !picture.alt.trim().is_empty();
        let named = Named { digest: sha256(&picture.bytes), media_type: picture.media_type.clone(), alt: picture.alt.clone() };
        spoken.then_some(named).ok_or_else(|| refused("the picture has no words for those who do not see it: give it an alt text"))
    };
    let status = Status {
        status: piece.text.to_owned(),
        visibility: "public".to_owned(),
        content_type: "text/plain".to_owned(),
        language: Some(piece.language).filter(|language| !language.is_empty()).map(str::to_owned),
        in_reply_to_id: piece.reply.map(|(_, before)| before.id.clone()),
        link: piece.text.contains(&piece.post.link).then(|| piece.post.link.clone()).filter(|link| !link.is_empty()),
        picture: piece.picture.map(named).transpose()?,
    };
    let text = serde_json::to_vec(&status).map_err(|error| refused(error.to_string()))?;
    let token = sha256(&[b"reveille mastodon status\n".as_slice(), &text].concat());
    let attached = piece.picture.iter().map(|picture| Attached { digest: sha256(&picture.bytes), bytes: picture.bytes.clone() });
    Ok(Frozen { text, token, attached: attached.collect() })
}

impl Status {
    /// Of the frozen bytes of an effect.
    pub(super) fn of(effect: &Effect) -> Result<Self, Fault> {
        serde_json::from_slice(&effect.text).map_err(|error| refused(format!("what was frozen is no status: {error}")))
    }

    /// The body of the request, with the id that the server gave the picture.
    pub(super) fn body(&self, media: Option<&str>) -> Result<Vec<u8>, Fault> {
        let body = Body {
            status: &self.status,
            visibility: &self.visibility,
            content_type: &self.content_type,
            language: self.language.as_deref(),
            in_reply_to_id: self.in_reply_to_id.as_deref(),
            media_ids: media.map(|id| [id]),
        };
        serde_json::to_vec(&body).map_err(|error| refused(error.to_string()))
    }
}
