//! Tokens of letters from before the site was served here: they do not say whose they are, so they are looked up among all readers
//! who were ever mailed.
//!
//! Must stay true: a stranger who asks with made-up tokens makes this work once, not each time.

use reveille_mission::{leaving_token, subscriber_bytes};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::app::App;
use crate::writer::WriteError;

/// A digest of the token: how long looking takes says nothing of a token that is nearly right.
type TokenDigest = [u8; 16];

/// Everybody who was ever mailed, by their token; made when the first old token comes. Letters of today have tokens that say whose
/// they are, so nobody is missing here later.
#[derive(Default)]
pub(super) struct OldTokens {
    known: OnceCell<Vec<(TokenDigest, [u8; 16])>>,
}

impl OldTokens {
    /// Whose token it is; nobody's when it has not the shape of one.
    pub(super) async fn whose(&self, app: &App, token: &str) -> Result<Option<String>, WriteError> {
        if token.len() != 40 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let known = self.known.get_or_try_init(|| all(app)).await?;
        let wanted = digest(&token.to_ascii_lowercase());
        let found = known.binary_search_by_key(&wanted, |(digest, _)| *digest).ok().and_then(|at| known.get(at));
        Ok(found.map(|(_, id)| id.iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

async fn all(app: &App) -> Result<Vec<(TokenDigest, [u8; 16])>, WriteError> {
    let ids = app.writer.write(|memory| memory.ever_mailed()).await?;
    let key = app.key.clone();
    let made = tokio::task::spawn_blocking(move || {
        let of = |id: &String| Some((digest(&leaving_token(&key, id)), subscriber_bytes(id)?));
        let mut all: Vec<_> = ids.iter().filter_map(of).collect();
        all.sort_unstable();
        all
    });
    made.await.map_err(|_| WriteError::Ended)
}

fn digest(token: &str) -> TokenDigest {
    let whole: [u8; 32] = Sha256::digest(token).into();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}
