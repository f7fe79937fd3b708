//! What was typed, taken apart. Must stay true: what passes is one address of the plain shape in ASCII; nothing of what does not pass
//! is repeated.

use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use reveille_mission::is_address;
use url::{Host, form_urlencoded};

/// The most bytes of a form: an address has 254, and each may take three.
const MOST_BYTES: usize = 4096;
/// The most fields.
const MOST_FIELDS: usize = 8;

/// A form as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SignUpForm {
    /// Somebody who has left the field empty that people do not see.
    Person {
        /// Their address.
        email: String,
    },
    /// A program that fills in everything.
    Program,
}

/// Why a form is not taken. It depends on the form alone, never on what is known of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormError {
    TooLarge,
    NotAForm,
    Fields,
    Address,
}

impl FormError {
    pub(super) fn status(self) -> StatusCode {
        match self {
            FormError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            FormError::NotAForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            FormError::Fields => StatusCode::BAD_REQUEST,
            FormError::Address => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    pub(super) fn hint(self) -> &'static str {
        match self {
            FormError::TooLarge => "That was longer than any address. Type it into the form below.",
            FormError::NotAForm => "It was not sent as a form of a web page, in UTF-8. Use the form below.",
            FormError::Fields => "It had fields that this form does not have, or one of them twice. Use the form below.",
            FormError::Address => "What was typed is no mail address. One looks like name@host.net, the name in plain letters (a to z).",
        }
    }
}

/// Reads a form.
pub(super) async fn read(parts: &Parts, body: Body) -> Result<SignUpForm, FormError> {
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(is_form) {
        return Err(FormError::NotAForm);
    }
    let bytes = to_bytes(body, MOST_BYTES).await.map_err(|_| FormError::TooLarge)?;
    fields(&bytes)
}

/// `application/x-www-form-urlencoded`, in UTF-8 where it says in what (the standard's own has no parameter).
fn is_form(kind: &str) -> bool {
    let mut parts = kind.split(';').map(|part| part.trim().to_ascii_lowercase());
    let known = |part: String| matches!(part.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"");
    parts.next().as_deref() == Some("application/x-www-form-urlencoded") && parts.all(known)
}

fn fields(bytes: &[u8]) -> Result<SignUpForm, FormError> {
    let (mut email, mut website) = (None, None);
    for (at, (name, value)) in form_urlencoded::parse(bytes).enumerate() {
        let field = match name.as_ref() {
            "email" => &mut email,
            "website" => &mut website,
            // Buttons of templates of one's own have names, too.
            _ if at < MOST_FIELDS => continue,
            _ => return Err(FormError::Fields),
        };
        if at >= MOST_FIELDS || field.replace(value.into_owned()).is_some() {
            return Err(FormError::Fields);
        }
    }
    if website.is_some_and(|website| !website.trim().is_empty()) {
        return Ok(SignUpForm::Program);
    }
    let email = email.as_deref().and_then(address).ok_or(FormError::Address)?;
    Ok(SignUpForm::Person { email })
}

/// An address that can be mailed: its domain as it stands in the DNS, its name in ASCII, for few servers take more (RFC 6531).
fn address(typed: &str) -> Option<String> {
    let typed = typed.trim_matches(' ');
    let (name, domain) = typed.rsplit_once('@').filter(|_| is_address(typed))?;
    let Ok(Host::Domain(domain)) = Host::parse(domain) else { return None };
    let email = format!("{name}@{domain}");
    (name.is_ascii() && !name.starts_with('-') && is_address(&email)).then_some(email)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_address_passes() {
        for (body, expected) in [
            ("email=ann%40home.net", Some("ann@home.net")),
            ("email=+Ann.B%2Bnews%40Home.net+&website=", Some("Ann.B+news@home.net")),
            ("email=ann@m%C3%BCnchen.de&go=Subscribe", Some("ann@xn--mnchen-3ya.de")),
            ("email=o'hara@home.net", Some("o'hara@home.net")),
        ] {
            assert_eq!(fields(body.as_bytes()), Ok(SignUpForm::Person { email: expected.unwrap_or_default().to_owned() }), "{body}");
        }
        assert_eq!(fields(b"email=ann@home.net&website=https%3A%2F%2Fx"), Ok(SignUpForm::Program));
        let hundred: String = (0..100).map(|at| format!("f{at}=x&")).collect();
        for wrong in ["email=a@home.net&email=b@home.net", "website=&website=", &hundred, &format!("{hundred}email=ann@home.net")] {
            assert_eq!(fields(wrong.as_bytes()), Err(FormError::Fields), "{wrong}");
        }
    }

    #[test]
    fn nothing_else_does() {
        for body in [
            "",
            "email=",
            "mail=ann@home.net",
            "email=ann",
            "email=ann@home",
            "email=ann@1.2.3.4",
            "email=ann@[::1]",
            "email=j%C3%BCrgen@home.net",
            "email=-oQ@home.net",
            "email=ann@home.net%0d%0aBcc:bob@home.net",
            "email=ann@home.net%0aBcc:bob@home.net",
            "email=ann%0d%0a@home.net",
            "email=ann%250d%250aBcc@home.net%250d%250a",
            "email=ann@home.net%E2%80%A8Bcc:bob@home.net",
            "email=ann@home.net%C2%85",
            "email=ann@home.net%00",
            "email=ann@home.net%2Cbob@home.net",
            "email=ann@home.net%3Bbob@home.net",
            "email=%22ann%22@home.net",
            "email=Ann+%3Cann@home.net%3E",
            "email=ann@ho%ADme.net%FF",
            "email=ann@home.net%09",
            "email=ann%E2%80%8B@home.net",
            "email=ann@home%252Enet%E2%81%A0",
            "email=%3D%3Futf-8%3Fq%3F=0d=0a%3F%3D@home.net%0d",
        ] {
            assert_eq!(fields(body.as_bytes()), Err(FormError::Address), "{body}");
        }
    }

    #[test]
    fn only_forms_in_utf_8_are_read() {
        for (kind, expected) in [
            ("application/x-www-form-urlencoded", true),
            ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", true),
            ("application/x-www-form-urlencoded; charset=utf-7", false),
            ("application/x-www-form-urlencoded; charset=utf-16", false),
            ("multipart/form-data; boundary=x", false),
            ("text/plain", false),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(is_form(kind), expected, "{kind}");
        }
    }
}
