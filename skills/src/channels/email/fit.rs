//! The one gate for what stands in a header or in an SMTP command, and the form of bodies.
//!
//! Must stay true: lettre sees no name, subject, address or title that has not passed here (0.11.23 panics on CR, LF and NUL
//! in display names and passes bare ones on, RUSTSEC-2026-0561 to 0564); no control character goes through.

use lettre::Address;
use lettre::message::Mailbox;
use reveille_mission::{Channel, with_ascii_domain};

use super::super::Fault;

/// The most bytes of a header's text: with its encoding it stays far below the line limit of RFC 5321, 998.
const MOST: usize = 600;

/// Breaks what would be read as an encoded word of RFC 2047, so that it shows as it was written.
const UNSEEN_JOINER: &str = "=\u{2060}?";

pub(super) fn refused(why: impl Into<String>) -> Fault {
    Fault::Refused { channel: Channel::Email, why: why.into() }
}

/// Text that may stand in a header.
pub(super) fn header_text(what: &str, text: &str) -> Result<String, Fault> {
    let ends_a_line = |c: &char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if let Some(c) = text.chars().find(ends_a_line) {
        return Err(refused(format!("the {what} holds a character that has no place in a header (U+{:04X})", u32::from(c))));
    }
    if text.len() > MOST {
        return Err(refused(format!("the {what} is longer than {MOST} bytes")));
    }
    Ok(text.trim().replace("=?", UNSEEN_JOINER))
}

/// A bare mail address. Quoted local parts are refused: hardly anybody has one, and much can be hidden in it.
pub(super) fn address(what: &str, text: &str) -> Result<Address, Fault> {
    let text = header_text(what, text)?;
    let text = with_ascii_domain(&text).unwrap_or(text);
    let odd = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '(' | ')' | ',' | ';' | '\\') || c == '\u{2060}';
    if text.contains(odd) || text.starts_with('-') {
        return Err(refused(format!("the {what} is no mail address")));
    }
    let address: Address = text.parse().map_err(|_| refused(format!("the {what} is no mail address")))?;
    // Headers hold it as it is; few servers take more than ASCII (SMTPUTF8), and an IP literal is nobody's address.
    let ascii = address.user().is_ascii() && address.domain().is_ascii() && !address.domain().starts_with('[');
    if ascii { Ok(address) } else { Err(refused(format!("the {what} must be written in ASCII, its domain as `xn--…`"))) }
}

/// `Name <address>`, or an address alone.
pub(super) fn mailbox(what: &str, text: &str) -> Result<Mailbox, Fault> {
    match text.trim().strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        None => Ok(Mailbox::new(None, address(what, text)?)),
        Some((name, inner)) => named(what, Some(name.trim().trim_matches('"')), inner),
    }
}

/// An address with the name of whom it belongs to.
pub(super) fn named(what: &str, name: Option<&str>, inner: &str) -> Result<Mailbox, Fault> {
    let name = name.map(|name| header_text(what, name)).transpose()?;
    Ok(Mailbox::new(name.filter(|name| !name.is_empty()), address(what, inner)?))
}

/// A body: lines end in CRLF, and no other control character stands in it but the tab.
pub(super) fn body(text: &str) -> String {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let visible: String = lines.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
    visible.replace('\n', "\r\n")
}

/// A mail server's words: one short line.
pub(super) fn said(words: &str) -> String {
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
