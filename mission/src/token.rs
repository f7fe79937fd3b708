//! Tokens in links: who may do what until when, made and checked with the home's key. Whoever has the link is believed to be the
//! reader whom it was mailed to; nobody else can make one.
//!
//! Must stay true: a token is good for its purpose only; its text says nothing that a reader would not know; a wrong one is told
//! from a right one in the same time wherever it differs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use strum::{EnumIter, IntoEnumIterator};

/// What a token is good for. The number stands in every link that was ever mailed: never use one again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter)]
#[repr(u8)]
pub enum Purpose {
    /// Confirming a subscription.
    Confirm = 1,
    /// Leaving the list.
    Leave = 2,
    /// Looking at and changing one's own data: preferences, export, deletion.
    Preferences = 3,
    /// Following a link of a letter.
    Click = 4,
    /// Answering a survey.
    Survey = 5,
}

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is good for.
    pub purpose: Purpose,
    /// The subscriber: the 16 bytes of [`crate::subscriber_id`].
    pub subscriber: [u8; 16],
    /// What of the purpose is meant: which letter's which link, which answer. 0 where there is nothing to choose.
    pub item: u64,
    /// Good until this second; without one for ever.
    pub expires: Option<DateTime<Utc>>,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It was not made with this key, or was cut or changed on its way.
    #[error("the link is not whole")]
    Forged,
    /// It is good for something else.
    #[error("the link is for something else")]
    Purpose,
    /// It was good once.
    #[error("the link has expired")]
    Expired,
}

/// Purpose, subscriber, item, expiry.
const BODY: usize = 1 + 16 + 8 + 8;
/// Bytes of the MAC that are kept: 128 bits, RFC 2104 (5) asks for no less than half of the digest.
const MAC: usize = 16;

impl Token {
    /// As it stands in a link: HMAC-SHA-256 (RFC 2104) over what it says, in base64url (RFC 4648, 5).
    #[must_use]
    pub fn mint(&self, key: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(BODY + MAC);
        bytes.push(self.purpose as u8);
        bytes.extend(self.subscriber);
        bytes.extend(self.item.to_be_bytes());
        bytes.extend(self.expires.map_or(0, |at| at.timestamp()).to_be_bytes());
        let mac = keyed(key, &bytes).finalize().into_bytes();
        bytes.extend(&mac[..MAC]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token of a link.
    ///
    /// # Errors
    /// It is not whole, for another purpose, or too old.
    pub fn check(text: &str, purpose: Purpose, key: &[u8], now: DateTime<Utc>) -> Result<Self, TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Forged)?;
        let (body, mac) = bytes.split_at_checked(BODY).filter(|(_, mac)| mac.len() == MAC).ok_or(TokenError::Forged)?;
        keyed(key, body).verify_truncated_left(mac).map_err(|_| TokenError::Forged)?;
        let said = Purpose::iter().find(|known| *known as u8 == body[0]).ok_or(TokenError::Forged)?;
        if said != purpose {
            return Err(TokenError::Purpose);
        }
        let (subscriber, rest) = body[1..].split_first_chunk::<16>().ok_or(TokenError::Forged)?;
        let (item, rest) = rest.split_first_chunk::<8>().ok_or(TokenError::Forged)?;
        let seconds = rest.first_chunk::<8>().map(|bytes| i64::from_be_bytes(*bytes)).ok_or(TokenError::Forged)?;
        let expires = DateTime::from_timestamp(seconds, 0).filter(|_| seconds != 0);
        if expires.is_some_and(|until| now > until) {
            return Err(TokenError::Expired);
        }
        Ok(Self { purpose, subscriber: *subscriber, item: u64::from_be_bytes(*item), expires })
    }

    /// The subscriber's id, as memory has it.
    #[must_use]
    pub fn subscriber_id(&self) -> String {
        self.subscriber.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The bytes of a [`crate::subscriber_id`]; none when it is none.
#[must_use]
pub fn subscriber_bytes(id: &str) -> Option<[u8; 16]> {
    let digits = id.as_bytes().chunks_exact(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes: Option<Vec<u8>> = digits.collect();
    bytes?.try_into().ok().filter(|_| id.len() == 32)
}

/// A network as it is kept for a limit: the first 8 bytes of its HMAC-SHA-256 under the home's key, so that what is kept says to
/// nobody else which network it was.
#[must_use]
pub fn network_digest(key: &[u8], network: &[u8]) -> i64 {
    let mac = keyed_for(b"reveille network 1\0", key, network).finalize().into_bytes();
    i64::from_be_bytes(std::array::from_fn(|at| mac[at]))
}

/// The token by which a subscriber leaves in letters that do not lead to our own site, the same in every mail: HMAC-SHA-256
/// (RFC 2104) of the subscriber's id under the home's key, the first 160 bits in hexadecimal. It does not say whose it is.
#[must_use]
pub fn leaving_token(key: &[u8], subscriber: &str) -> String {
    let mac = hmac(key, subscriber.as_bytes());
    mac[..20].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    let key = if key.len() > block.len() { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block[..key.len()].copy_from_slice(&key);
    Hmac::<Sha256>::new(&block.into()).chain_update(message).finalize().into_bytes().into()
}

/// A MAC of a token.
fn keyed(key: &[u8], body: &[u8]) -> Hmac<Sha256> {
    keyed_for(b"reveille token 1\0", key, body)
}

/// A MAC under the key, of this use of it only: the home's key also makes the tokens of older letters.
fn keyed_for(purpose: &[u8], key: &[u8], body: &[u8]) -> Hmac<Sha256> {
    // The digest of the key, padded with zeros to a block as RFC 2104 (2) has it: a key of a block's length can't be refused.
    let mut block = [0; 64];
    block[..32].copy_from_slice(&Sha256::digest(key));
    Hmac::<Sha256>::new(&block.into()).chain_update(purpose).chain_update(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"the home's key of 32 bytes .....";

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn token(purpose: Purpose, expires: Option<&str>) -> Token {
        let subscriber = subscriber_bytes("3af5f59d6169b2e0b6ab9d8ad6cb2b62").expect("an id");
        Token { purpose, subscriber, item: 7, expires: expires.map(at) }
    }

    #[test]
    fn a_token_says_what_it_was_made_of() {
        let now = at("2026-11-21T12:00:00Z");
        for purpose in Purpose::iter() {
            for expires in [None, Some("2026-11-21T12:00:00Z")] {
                let made = token(purpose, expires);
                let text = made.mint(KEY);
                assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') && text.len() == 66, "{text}");
                assert_eq!(Token::check(&text, purpose, KEY, now), Ok(made));
                assert_eq!(made.subscriber_id(), "3af5f59d6169b2e0b6ab9d8ad6cb2b62");
            }
        }
    }

    #[test]
    fn forged_swapped_and_expired_ones_are_told_apart() {
        let now = at("2026-11-21T12:00:00Z");
        let text = token(Purpose::Confirm, Some("2026-11-21T11:59:59Z")).mint(KEY);
        assert_eq!(Token::check(&text, Purpose::Confirm, KEY, now), Err(TokenError::Expired));
        let good = token(Purpose::Confirm, None).mint(KEY);
        assert_eq!(Token::check(&good, Purpose::Leave, KEY, now), Err(TokenError::Purpose));
        assert_eq!(Token::check(&good, Purpose::Confirm, b"another key", now), Err(TokenError::Forged));
        for wrong in ["", "a", "====", &good[1..], &good[..good.len() - 1], &format!("{good}A"), "ü"] {
            assert_eq!(Token::check(wrong, Purpose::Confirm, KEY, now), Err(TokenError::Forged), "{wrong}");
        }
    }

    #[test]
    fn no_bit_of_a_token_can_be_changed() {
        let now = at("2026-11-21T12:00:00Z");
        let bytes = URL_SAFE_NO_PAD.decode(token(Purpose::Leave, None).mint(KEY)).expect("base64");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(Token::check(&text, Purpose::Leave, KEY, now), Err(TokenError::Forged), "bit {bit}");
        }
    }

    #[test]
    fn a_network_is_told_by_the_key_only() {
        assert_eq!(network_digest(KEY, &[192, 0, 2]), network_digest(KEY, &[192, 0, 2]));
        assert_ne!(network_digest(KEY, &[192, 0, 2]), network_digest(KEY, &[192, 0, 3]));
        assert_ne!(network_digest(KEY, &[192, 0, 2]), network_digest(b"another key", &[192, 0, 2]));
    }

    #[test]
    fn the_leaving_token_is_hmac() {
        // RFC 4231, test cases 2 and 6.
        let hmac_of = |key: &[u8], text: &str| hmac(key, text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hmac_of(b"Jefe", "what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(
            hmac_of(&[0xaa; 131], "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
        assert_ne!(leaving_token(b"one", "a"), leaving_token(b"two", "a"));
        assert_eq!(leaving_token(b"one", "a").len(), 40);
    }

    #[test]
    fn ids_are_sixteen_bytes() {
        for wrong in ["", "3af5", "3af5f59d6169b2e0b6ab9d8ad6cb2b6", "3af5f59d6169b2e0b6ab9d8ad6cb2b6g", "ü3af5f59d6169b2e0b6ab9d8ad6cb2b"]
        {
            assert_eq!(subscriber_bytes(wrong), None, "{wrong}");
        }
    }
}
