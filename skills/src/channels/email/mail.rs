//! One reader's mail: frozen as a few fields beside the letter that all share, and made into the same MIME message each time.
//!
//! Must stay true: the message depends on the frozen fields and the letter only (of a DKIM signature, the time of signing is
//! lettre's); one recipient, one `To`; the token can be made by nobody who has not the home's key.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use lettre::message::dkim::{DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm, DkimSigningKey};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Message, MultiPart, SinglePart};
use lettre::{Address, address::Envelope};
use reveille_mission::{Purpose, Token, leaving_token, subscriber_bytes};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::Fault;
use super::fit::{body, header_text, mailbox, named, refused};
use super::letter::{Letter, takes_one_click};
use super::words::PREFERENCES_DAYS;
use super::{Dkim, Email};
use crate::answers::survey;
use crate::disk::sha256;
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
    /// What they leave with: a token of our own site, or [`leaving_token`].
    pub(crate) token: String,
    /// What they choose with, where we have a site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) preferences: Option<String>,
    /// Where they answer the survey that the letter asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) survey: Option<String>,
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
        token: leaving(letter, &reader.id, key),
        preferences: letter.site.as_ref().and_then(|_| choosing(&reader.id, key, now)),
        survey: answering(letter, &reader.id, key, now),
        date: now.trunc_subsecs(0),
        click: letter.clicks.as_ref().and_then(|clicks| clicks.token(&reader.id, key)),
        subject: letter.subject_for(&reader.id).map(str::to_owned),
    };
    let text = serde_json::to_vec(&mail).map_err(|error| refused(error.to_string()))?;
    Ok((text, mail.message_id))
}

/// The token by which a reader leaves: of our own site if the letter leads there, for good.
fn leaving(letter: &Letter, id: &str, key: &[u8]) -> String {
    let ours = subscriber_bytes(id).filter(|_| letter.leaves_at_our_site());
    let token = ours.map(|subscriber| Token { purpose: Purpose::Leave, subscriber, item: 0, expires: None }.mint(key));
    token.unwrap_or_else(|| leaving_token(key, id))
}

/// The token by which a reader chooses, looks and deletes, for a while: letters are passed on.
fn choosing(id: &str, key: &[u8], now: DateTime<Utc>) -> Option<String> {
    let expires = Some(now.trunc_subsecs(0) + TimeDelta::days(PREFERENCES_DAYS));
    Some(Token { purpose: Purpose::Preferences, subscriber: subscriber_bytes(id)?, item: 0, expires }.mint(key))
}

/// The address at which a reader answers the survey that the letter asks.
fn answering(letter: &Letter, id: &str, key: &[u8], now: DateTime<Utc>) -> Option<String> {
    let site = Url::parse(letter.site.as_ref()?).ok()?;
    let expires = Some(now.trunc_subsecs(0) + TimeDelta::days(PREFERENCES_DAYS));
    survey::link(&site, key, letter.survey?, id, expires).map(String::from)
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
        .raw_header(whole(HeaderName::new_from_ascii_str("List-Unsubscribe"), ways.header.clone()));
    if ways.one_click {
        // RFC 8058
        let post = HeaderName::new_from_ascii_str("List-Unsubscribe-Post");
        builder = builder.raw_header(whole(post, "List-Unsubscribe=One-Click".to_owned()));
    }
    let click = mail.click.as_deref().map(|click| token_text("token", click)).transpose()?;
    let parts = MultiPart::alternative()
        .boundary(format!("reveille-{}", &sha256(mail.letter.as_bytes())[..40]))
        .singlepart(SinglePart::plain(body(&letter.text_with(&ways, click.as_deref()))))
        .singlepart(SinglePart::html(body(&letter.html_with(&ways, click.as_deref()))));
    let mut message = builder.multipart(parts).map_err(|error| refused(error.to_string()))?;
    if let Some(dkim) = &email.dkim {
        message.sign(dkim);
    }
    let text = String::from_utf8(message.formatted()).map_err(|_| refused("the message is not encoded"))?;
    Ok(Ready { from: from.email, to: to.email, text, message_id: mail.message_id.clone() })
}

/// How a reader leaves the list, and chooses what of it they get.
pub(super) struct Ways {
    /// The value of `List-Unsubscribe` (RFC 2369), folded.
    pub(super) header: String,
    /// The link at the end of the letter.
    pub(super) link: String,
    /// The link to the reader's preferences, where we have a site.
    pub(super) preferences: Option<String>,
    /// The link to the survey that the letter asks.
    pub(super) survey: Option<String>,
    /// Whether there is an https address, which takes one POST.
    pub(super) one_click: bool,
}

fn ways_out(letter: &Letter, mail: &Mail, from: &Address) -> Result<Ways, Fault> {
    let token = token_text("token", &mail.token)?;
    let by_mail = by_mail(from, &token);
    let by_web = letter.unsubscribe.as_deref().map(|address| address.replace("{token}", &token));
    let by_web = by_web.map(|address| token_text("unsubscribe address", &address)).transpose()?.filter(|web| takes_one_click(web));
    let preferences = letter.site.as_ref().zip(mail.preferences.as_ref()).map(|(site, token)| format!("{site}preferences/{token}"));
    let preferences = preferences.map(|address| token_text("address of the preferences", &address)).transpose()?;
    let survey = mail.survey.as_deref().map(|address| token_text("address of the survey", address)).transpose()?;
    Ok(match by_web {
        Some(web) => Ways { header: format!("<{web}>,\r\n <{by_mail}>"), link: web, preferences, survey, one_click: true },
        None => Ways { header: format!("<{by_mail}>"), link: by_mail, preferences, survey, one_click: false },
    })
}

/// How a reader leaves by a mail to the sender.
pub(super) fn by_mail(from: &Address, token: &str) -> String {
    format!("mailto:{}?subject=unsubscribe%20{token}", in_address(from.as_ref()))
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
