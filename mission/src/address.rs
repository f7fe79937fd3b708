//! Addresses of readers: their plain shape, the subscriber's id, and domains that no person reads mail at.
//!
//! Must stay true: what is stranger than the plain shape is no address here; nothing that passes can hold a second header or
//! recipient (no white space, no control character, no bracket, no comma).

use std::collections::HashSet;

use crate::task::sha256_hex;

/// How many bytes of the digest are the id.
const ID_BYTES: usize = 16;

/// An address as it is compared: trimmed, lower-case, its domain as it stands in the DNS (UTS 46), so that `münchen.de` and
/// `xn--mnchen-3ya.de` are one. A domain that can't stand there is lower-case only.
pub fn folded_address(address: &str) -> String {
    let lower = lower_case(address);
    with_ascii_domain(&lower).unwrap_or(lower)
}

/// An address as mail programs write it, its domain as it stands in the DNS (UTS 46); nothing where it stands so already, or can't.
pub fn with_ascii_domain(address: &str) -> Option<String> {
    let (name, domain) = address.rsplit_once('@').filter(|(_, domain)| !domain.is_ascii())?;
    let ascii = idna::domain_to_ascii(domain).ok().filter(|ascii| !ascii.is_empty())?;
    Some(format!("{name}@{ascii}"))
}

fn lower_case(address: &str) -> String {
    address.trim().to_lowercase()
}

/// The subscriber's id: the first 32 hexadecimal digits of the SHA-256 of the folded address. It stands in the ledger and
/// among the suppressed, where the address itself does not.
pub fn subscriber_id(address: &str) -> String {
    digest(&folded_address(address))
}

/// The ids that an address had when domains were not folded to ASCII yet: that of the address as it is written, and that with the
/// letters of its domain's script. Ledger and suppressed may still know a reader by one. None for a domain in ASCII.
pub fn former_ids(address: &str) -> Vec<String> {
    let (written, folded) = (lower_case(address), folded_address(address));
    let is_other = |domain: &str| domain.is_ascii() && (domain.contains("xn--") || written != folded);
    let Some((name, domain)) = folded.rsplit_once('@').filter(|(_, domain)| is_other(domain)) else { return vec![] };
    let mut former = vec![written.clone()];
    if let (letters, Ok(())) = idna::domain_to_unicode(domain) {
        former.push(format!("{name}@{letters}"));
    }
    former.dedup();
    former.iter().filter(|address| **address != folded).map(|address| digest(address)).collect()
}

fn digest(folded: &str) -> String {
    sha256_hex(folded.as_bytes(), ID_BYTES)
}

/// Whether it has the plain shape of an address: the dot-atom of RFC 5321 4.1.2, within its lengths (4.5.3.1), letters of any
/// script, and a domain of at least two labels.
pub fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let local_is_plain = local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
    let label = |label: &str| {
        let plain = label.chars().all(|c| c.is_alphanumeric() || c == '-');
        plain && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    address.len() <= 254 && local_is_plain && domain.contains('.') && domain.split('.').all(label)
}

/// Whether a domain is one that no person reads mail at: RFC 2606 and RFC 6761, and `local` (RFC 6762).
pub fn is_reserved(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.').to_lowercase();
    let last = domain.rsplit('.').next().unwrap_or_default();
    let second = ["example.com", "example.net", "example.org"];
    matches!(last, "example" | "test" | "invalid" | "localhost" | "local")
        || second.iter().any(|name| domain == *name || domain.ends_with(&format!(".{name}")))
}

/// Why an address is nobody's who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPerson {
    /// It is the owner's own.
    Owner,
    /// No person reads mail at its domain, see [`is_reserved`].
    Reserved,
}

/// Why an address is nobody's who counts, if so. `owner` are the owner's addresses, folded (see [`folded_address`]).
pub fn no_person(address: &str, owner: &HashSet<String>) -> Option<NoPerson> {
    let folded = folded_address(address);
    let domain = folded.rsplit_once('@').map_or("", |(_, domain)| domain);
    if owner.contains(&folded) { Some(NoPerson::Owner) } else { is_reserved(domain).then_some(NoPerson::Reserved) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_and_test_domains_are_nobody() {
        let owner = HashSet::from(["me@home.net".to_owned()]);
        for (address, expected) in [
            ("ann@home.net", None),
            (" Me@Home.net", Some(NoPerson::Owner)),
            ("ann@Mail.Example.", Some(NoPerson::Reserved)),
            ("ann@example.org", Some(NoPerson::Reserved)),
        ] {
            assert_eq!(no_person(address, &owner), expected, "{address}");
        }
    }

    #[test]
    fn the_plain_shape_is_an_address_and_nothing_else_is() {
        let long = format!("{}@home.net", "a".repeat(65));
        for (address, expected) in [
            ("ann@home.net", true),
            ("ann.b+news@mail.home.net", true),
            ("o'hara@home.net", true),
            ("jürgen@münchen.de", true),
            ("ann@home", false),
            ("ann@home..net", false),
            ("ann@-home.net", false),
            ("@home.net", false),
            ("@@home.net", false),
            ("ann", false),
            ("a..b@home.net", false),
            ("Ann <ann@home.net>", false),
            ("ann@home.net,bob@home.net", false),
            ("ann@home.net\r\nBcc: bob@home.net", false),
            ("ann\0@home.net", false),
            ("ann\u{200b}@home.net", false),
            ("ann@home.net\u{202e}", false),
            (&long, false),
        ] {
            assert_eq!(is_address(address), expected, "{address:?}");
        }
    }

    #[test]
    fn an_id_is_of_the_folded_address() {
        let id = subscriber_id("ann@home.net");
        // printf ann@home.net | sha256sum | cut -c-32
        assert_eq!(id, "3af5f59d6169b2e0b6ab9d8ad6cb2b62");
        assert_eq!(subscriber_id(" Ann@HOME.net\t"), id);
        assert_ne!(subscriber_id("bob@home.net"), id);
    }

    #[test]
    fn a_domain_in_letters_and_in_ascii_is_one() {
        let ascii = "ida@xn--mnchen-3ya.de";
        // printf ida@münchen.de | sha256sum | cut -c-32
        let former = "a29c31ba49a5348528901ce98106fb99";
        for (address, known_as) in [
            (ascii, vec![former]),
            ("ida@münchen.de", vec![former]),
            (" Ida@MÜNCHEN.DE", vec![former]),
            ("ida@XN--MNCHEN-3YA.de", vec![former]),
            // The same letters, one of them in two pieces: that was another id again.
            ("ida@mu\u{308}nchen.de", vec![&*digest("ida@mu\u{308}nchen.de"), former]),
        ] {
            assert_eq!(folded_address(address), ascii, "{address}");
            assert_eq!(subscriber_id(address), digest(ascii), "{address}");
            assert_eq!(former_ids(address), known_as, "{address}");
        }
        // A name is whoever's it is: nothing but the domain is folded. A domain that is none stays as it is.
        for (address, folded) in
            [("jürgen@home.net", "jürgen@home.net"), ("a@xn--.net", "a@xn--.net"), ("a@\u{ad}", "a@\u{ad}"), ("Ü", "ü")]
        {
            assert_eq!((folded_address(address).as_str(), former_ids(address)), (folded, vec![]), "{address}");
        }
        assert!(former_ids("Ann@home.net").is_empty());
    }

    #[test]
    fn reserved_domains_are_known() {
        for (domain, expected) in [
            ("example.com", true),
            ("a.example.org", true),
            ("x.example", true),
            ("myexample.com", false),
            ("test.com", false),
            ("LOCALHOST.", true),
        ] {
            assert_eq!(is_reserved(domain), expected, "{domain}");
        }
    }
}
