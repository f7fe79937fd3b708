//! Tokens of letters from before the site was served here, or that lead to it by an address of the author's own: they do not say whose
//! they are, so they are looked up among all readers who were ever mailed.
//!
//! Must stay true: a row of the ledger is read for them once, however many made-up tokens a stranger sends; whoever was mailed before
//! they ask is found.

use reveille_mission::{leaving_token, subscriber_bytes};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::app::App;
use crate::writer::WriteError;

/// A digest of the token: how long looking takes says nothing of a token that is nearly right.
type TokenDigest = [u8; 16];

/// Everybody who was mailed, by their token; read when the first old token comes, and what is new with each that is not known.
#[derive(Default)]
pub(super) struct OldTokens {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// In the order of the tokens.
    all: Vec<(TokenDigest, [u8; 16])>,
    /// Up to which place the ledger was read.
    upto: i64,
}

impl OldTokens {
    /// Whose token it is; nobody's when it has not the shape of one.
    pub(super) async fn whose(&self, app: &App, token: &str) -> Result<Option<String>, WriteError> {
        if token.len() != 40 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let wanted = digest(&token.to_ascii_lowercase());
        let mut known = self.known.lock().await;
        if known.whose(&wanted).is_none() {
            known.read_on(app).await?;
        }
        Ok(known.whose(&wanted))
    }
}

impl Known {
    fn whose(&self, wanted: &TokenDigest) -> Option<String> {
        let at = self.all.binary_search_by_key(wanted, |(digest, _)| *digest).ok()?;
        self.all.get(at).map(|(_, id)| id.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads what is new in the ledger; a ledger that ends earlier is another one, and read from its beginning.
    async fn read_on(&mut self, app: &App) -> Result<(), WriteError> {
        let after = self.upto;
        let (ids, upto) = app
            .writer
            .write(move |memory| match memory.mailed_since(after)? {
                (_, last) if last < after => memory.mailed_since(0),
                found => Ok(found),
            })
            .await?;
        if ids.is_empty() {
            self.upto = upto;
            return Ok(());
        }
        let (key, mut all) = (app.key.clone(), self.all.clone());
        let made = tokio::task::spawn_blocking(move || {
            all.extend(ids.iter().filter_map(|id| Some((digest(&leaving_token(&key, id)), subscriber_bytes(id)?))));
            all.sort_unstable();
            all.dedup();
            all
        });
        // Whole or not at all, for whoever asked may go in between.
        self.all = made.await.map_err(|_| WriteError::Ended)?;
        self.upto = upto;
        Ok(())
    }
}

fn digest(token: &str) -> TokenDigest {
    let whole: [u8; 32] = Sha256::digest(token).into();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}

#[cfg(test)]
mod tests;
