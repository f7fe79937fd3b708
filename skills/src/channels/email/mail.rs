//! One reader's mail: frozen as a few fields beside the letter that all share, and made into the same MIME message each time.
//!
//! Must stay true: the message depends on the frozen fields and the letter only (of a DKIM signature, the time of signing is
//! lettre's); one recipient, one `To`; the token can be made by nobody who has not the home's key.

use chrono::{DateTime, SubsecRound, Utc};
use lettre::message::dkim::{DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm, DkimSigningKey};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Message, MultiPart, SinglePart};
use lettre::{Address, address::Envelope};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::Fault;
use super::fit::{body, header_text, mailbox, named, refused};
use super::letter::Letter;
use super::{Dkim, Email};
use crate::disk::{hex, sha256};
use crate::readers::Recipient;

/// What a DKIM signature covers. A header that is not there is covered as absent: nobody can add it.
const SIGNED: [HeaderName; 11] = [
    HeaderName::new_from_ascii_str("From"),
    HeaderName::new_from_ascii_str("To"),
    HeaderName::new_from_ascii_str("Subject"),
    HeaderName::new_from_ascii_str("Date"),
    HeaderName::new_from_ascii_str("Message-ID"),
    HeaderName::new_from_ascii_str("Reply-To"),
    HeaderName::new_from_ascii_str("List-ID"),
    HeaderName::new_from_ascii_str("List-Unsubscribe"),
    HeaderName::new_from_ascii_str("List-Unsubscribe-Post"),
    HeaderName::new_from_ascii_str("MIME-Version"),
    HeaderName::new_from_ascii_str("Content-Type"),
];

/// The frozen bytes of a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mail {
    /// The digest of the letter.
    pub(crate) letter: String,
    /// The reader's address.
    pub(crate) to: String,
    /// The reader's name.
    pub(crate) name: Option<String>,
    /// `<…@domain>`, made of issue and subscriber.
    pub(crate) message_id: String,
    /// See [`unsubscribe_token`].
    pub(crate) token: String,
    /// The Date header.
    pub(crate) date: DateTime<Utc>,
    /// The token in the links of a letter whose links are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) click: Option<String>,
    /// The subject, where an experiment has shared several out; else it is the letter's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
}

impl Mail {
    /// From the frozen bytes.
    pub(crate) fn of(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }
}

/// A message, ready for the line.
pub(super) struct Ready {
    pub(super) from: Address,
    pub(super) to: Address,
    /// ASCII, as all of it is encoded.
    pub(super) text: String,
    pub(super) message_id: String,
}

/// The token by which a subscriber leaves the list: the same in every mail, and guessed by nobody. HMAC-SHA-256 (RFC 2104) of
/// the subscriber's id under the home's key; the first 160 bits, in hexadecimal.
#[must_use]
pub fn unsubscribe_token(key: &[u8], subscriber: &str) -> String {
    hex(&hmac(key, subscriber.as_bytes())[..20])
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 64];
    let key = if key.len() > block.len() { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block[..key.len()].copy_from_slice(&key);
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

/// Freezes one reader's mail of a letter: the bytes, and the Message-ID as the token of the effect.
///
/// # Errors
/// The address or the name can't stand in a mail.
pub(crate) fn freeze(
    letter: &Letter,
    digest: &str,
    reader: &Recipient,
    key: &[u8],
    now: DateTime<Utc>,
) -> Result<(Vec<u8>, String), Fault> {
    let to = named("reader's address", reader.name.as_deref(), &reader.email)?;
    let from = mailbox("sender", &letter.from)?;
    let id = sha256(format!("{}\n{}", letter.issue, reader.id).as_bytes());
    let mail = Mail {
        letter: digest.to_owned(),
        to: to.email.to_string(),
        name: reader.name.clone().filter(|_| to.name.is_some()),
        message_id: format!("<{}@{}>", &id[..40], from.email.domain()),
        token: unsubscribe_token(key, &reader.id),
        date: now.trunc_subsecs(0),
        click: letter.clicks.as_ref().and_then(|clicks| clicks.token(&reader.id, key)),
        subject: letter.subject_for(&reader.id).map(str::to_owned),
    };
    let text = serde_json::to_vec(&mail).map_err(|error| refused(error.to_string()))?;
    Ok((text, mail.message_id))
}

/// Makes the message.
pub(super) fn build(email: &Email, mail: &Mail, letter: &Letter) -> Result<Ready, Fault> {
    let from = mailbox("sender", &letter.from)?;
    let to = named("reader's address", mail.name.as_deref(), &mail.to)?;
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.email.clone()]).map_err(|error| refused(error.to_string()))?;
    let ways = ways_out(letter, mail, &from.email)?;
    let mut builder = Message::builder()
        .envelope(envelope)
        .from(from.clone())
        .to(to.clone())
        .subject(header_text("subject", mail.subject.as_ref().unwrap_or(&letter.subject))?)
        .date(mail.date.into())
        .message_id(Some(token_text("Message-ID", &mail.message_id)?));
    if let Some(reply_to) = &letter.reply_to {
        builder = builder.reply_to(mailbox("`reply_to`", reply_to)?);
    }
    let list_id = token_text("list id", &letter.list_id)?;
    builder = builder
        .raw_header(whole(HeaderName::new_from_ascii_str("List-ID"), list_id))
        .raw_header(whole(HeaderName::new_from_ascii_str("List-Unsubscribe"), ways.header));
    if ways.one_click {
        // RFC 8058
        let post = HeaderName::new_from_ascii_str("List-Unsubscribe-Post");
        builder = builder.raw_header(whole(post, "List-Unsubscribe=One-Click".to_owned()));
    }
    let click = mail.click.as_deref().map(|click| token_text("token", click)).transpose()?;
    let parts = MultiPart::alternative()
        .boundary(format!("reveille-{}", &sha256(mail.letter.as_bytes())[..40]))
        .singlepart(SinglePart::plain(body(&letter.text_with(&ways.link, click.as_deref()))))
        .singlepart(SinglePart::html(body(&letter.html_with(&ways.link, click.as_deref()))));
    let mut message = builder.multipart(parts).map_err(|error| refused(error.to_string()))?;
    if let Some(dkim) = &email.dkim {
        message.sign(dkim);
    }
    let text = String::from_utf8(message.formatted()).map_err(|_| refused("the message is not encoded"))?;
    Ok(Ready { from: from.email, to: to.email, text, message_id: mail.message_id.clone() })
}

/// How a reader leaves the list.
struct Ways {
    /// The value of `List-Unsubscribe` (RFC 2369), folded.
    header: String,
    /// The link at the end of the letter.
    link: String,
    /// Whether there is an https address, which takes one POST.
    one_click: bool,
}

fn ways_out(letter: &Letter, mail: &Mail, from: &Address) -> Result<Ways, Fault> {
    let token = token_text("token", &mail.token)?;
    let by_mail = format!("mailto:{}?subject=unsubscribe%20{token}", in_address(from.as_ref()));
    let by_web = letter.unsubscribe.as_deref().map(|address| address.replace("{token}", &token));
    let by_web = by_web.map(|address| token_text("unsubscribe address", &address)).transpose()?.filter(|web| web.starts_with("https://"));
    Ok(match by_web {
        Some(web) => Ways { header: format!("<{web}>,\r\n <{by_mail}>"), link: web, one_click: true },
        None => Ways { header: format!("<{by_mail}>"), link: by_mail, one_click: false },
    })
}

/// A mail address as it stands in a `mailto:` (RFC 6068).
fn in_address(address: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+' | b'@');
    address.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Text that stands in a header as it is: printable ASCII without a space, short enough for a line.
pub(super) fn token_text(what: &str, text: &str) -> Result<String, Fault> {
    let fits = !text.is_empty() && text.len() <= 900 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err(refused(format!("the {what} can't stand in a header"))) }
}

/// A header of text that needs no encoding: it was looked at by [`token_text`].
pub(super) fn whole(name: HeaderName, value: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value)
}

/// The signer. A key is RSA as PEM in PKCS#1, or Ed25519 as 32 bytes in base64 (RFC 8463).
pub(super) fn signer(dkim: &Dkim) -> Result<DkimConfig, Fault> {
    let named = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if !named(&dkim.domain) || !named(&dkim.selector) {
        return Err(refused("`domain` and `selector` of the DKIM key are names as in the DNS"));
    }
    let key = dkim.key.expose_secret().trim();
    let key = if key.starts_with("-----BEGIN RSA PRIVATE KEY-----") {
        // A key of less than 1024 bits has no room for the signature, and lettre would end the program over it.
        let long = key.len() > 800;
        DkimSigningKey::new(key, DkimSigningAlgorithm::Rsa).ok().filter(|_| long)
    } else {
        DkimSigningKey::new(key, DkimSigningAlgorithm::Ed25519).ok()
    };
    let forms = "the DKIM key is neither RSA in PKCS#1 (`openssl genrsa -traditional 2048`) nor Ed25519 in base64";
    let key = key.ok_or_else(|| refused(forms))?;
    // Relaxed: servers on the way fold headers anew.
    let relaxed = DkimCanonicalization { header: DkimCanonicalizationType::Relaxed, body: DkimCanonicalizationType::Relaxed };
    Ok(DkimConfig::new(dkim.selector.clone(), dkim.domain.clone(), key, SIGNED.to_vec(), relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_hmac() {
        // RFC 4231, test cases 2 and 6.
        let hmac_of = |key: &[u8], text: &str| hex(&hmac(key, text.as_bytes()));
        assert_eq!(hmac_of(b"Jefe", "what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(
            hmac_of(&[0xaa; 131], "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
        assert_ne!(unsubscribe_token(b"one", "a"), unsubscribe_token(b"two", "a"));
        assert_eq!(unsubscribe_token(b"one", "a").len(), 40);
    }
}
