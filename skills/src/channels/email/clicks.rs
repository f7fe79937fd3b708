//! The links of a letter that are counted: in the letter all mails share a place is kept for each, which a reader's mail fills in with
//! an address of ours that holds their token and leads on.
//!
//! Must stay true: an address of ours leads where the author's link led; links to leave and to one's own data are none of these; a mail
//! without a token has the author's links.

use reveille_mission::{Purpose, Token, subscriber_bytes};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::letter::Letter;

/// The counted links of a letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clicks {
    /// What the addresses begin with, a slash at its end: the site's `c/`.
    pub at: String,
    /// The letter's number: of its issue and its links, so that a letter that was edited is another one.
    pub number: u64,
    /// Where the links lead, in their order.
    pub links: Vec<String>,
    /// In a letter of several issues: the id of the one in which each link stands, '' where none or more than one has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<String>,
}

/// An issue in a letter of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its id.
    pub issue: String,
    /// The web links of it.
    pub(super) links: Vec<String>,
}

impl Part {
    /// The part of an issue, by its HTML.
    pub(super) fn of(issue: &str, html: &str) -> Self {
        Self { issue: issue.to_owned(), links: links(html).into_iter().map(|link| link.address).collect() }
    }
}

/// The issue in which a link stands; '' where none or more than one has it: what is followed then says nothing of either.
fn about(parts: &[Part], address: &str) -> String {
    let mut having = parts.iter().filter(|part| part.links.iter().any(|link| link == address));
    match (having.next(), having.next()) {
        (Some(only), None) => only.issue.clone(),
        _ => String::new(),
    }
}

impl Clicks {
    fn of(issue: &str, at: &Url, links: Vec<String>, about: Vec<String>) -> Self {
        let mut digest = Sha256::new().chain_update(issue.as_bytes());
        links.iter().chain(&about).for_each(|link| digest.update(format!("\n{link}")));
        let number = digest.finalize().first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Self { at: at.to_string(), number, links, about }
    }

    /// The place of a link. The number makes it a text that no author writes.
    fn place(&self, link: usize) -> String {
        format!("reveille-link:{:016x}/{link}/", self.number)
    }

    /// A reader's token; nothing for an id that is none.
    pub(super) fn token(&self, subscriber: &str, key: &[u8]) -> Option<String> {
        let subscriber = subscriber_bytes(subscriber)?;
        Some(Token { purpose: Purpose::Click, subscriber, item: self.number, expires: None }.mint(key))
    }

    /// A part of the letter with its places filled in; `written` is how an address stands in that part.
    pub(super) fn filled_in(&self, part: &str, token: Option<&str>, written: impl Fn(&str) -> String) -> String {
        let prefix = format!("reveille-link:{:016x}/", self.number);
        let mut pieces = part.split(prefix.as_str());
        let mut out = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let found = piece.split_once('/').and_then(|(link, rest)| Some((link.parse::<usize>().ok()?, rest)));
            match found.and_then(|(link, rest)| Some((link, self.links.get(link)?, rest))) {
                Some((link, address, rest)) => {
                    out.push_str(&token.map_or_else(|| written(address), |token| format!("{}{token}/{link}", self.at)));
                    out.push_str(rest);
                }
                None => out.push_str(piece),
            }
        }
        out
    }
}

impl Letter {
    /// The letter with its links counted by a site: those to http(s) addresses, in the HTML part and where the same address stands in the
    /// text part. Links to the site itself say that a letter brought somebody (`?via=email`).
    #[must_use]
    pub fn counted(mut self, site: &Url) -> Self {
        let mut at = site.clone();
        at.set_path(&format!("{}/c/", site.path().trim_end_matches('/')));
        at.set_query(None);
        at.set_fragment(None);
        let found = links(&self.html);
        let mut seen: Vec<&str> = vec![];
        found.iter().for_each(|link| {
            if !seen.contains(&link.address.as_str()) {
                seen.push(&link.address);
            }
        });
        let leads = seen.iter().map(|address| credited(address, site)).collect();
        let about = seen.iter().filter(|_| !self.parts.is_empty()).map(|address| about(&self.parts, address)).collect();
        let clicks = Clicks::of(&self.issue, &at, leads, about);
        let number_of = |address: &str| seen.iter().position(|known| *known == address);
        let mut html = String::with_capacity(self.html.len());
        let mut from = 0;
        for link in &found {
            html.push_str(&self.html[from..link.start]);
            html.push_str(&number_of(&link.address).map_or_else(String::new, |number| clicks.place(number)));
            from = link.end;
        }
        html.push_str(&self.html[from..]);
        self.text = in_text(&self.text, |address| number_of(address).map(|number| clicks.place(number)));
        self.html = html;
        self.clicks = Some(clicks).filter(|clicks| !clicks.links.is_empty());
        self
    }
}

/// An address of the site itself with what brings people there.
fn credited(address: &str, site: &Url) -> String {
    match Url::parse(address) {
        Ok(url) if url.origin() == site.origin() => crate::distribute::credited(&url, reveille_mission::Channel::Email).to_string(),
        Ok(url) => url.to_string(),
        Err(_) => address.to_owned(),
    }
}

/// A link in HTML: where the value of its `href` stands, and the address.
struct Link {
    start: usize,
    end: usize,
    address: String,
}

/// The links of HTML as our serializer writes it: tags in lower case, values in double quotes, `<` in text always escaped.
fn links(html: &str) -> Vec<Link> {
    let mut all = vec![];
    let mut from = 0;
    while let Some(at) = html[from..].find("<a ").map(|at| from + at + 3) {
        // Values may hold `>`: the tag ends outside of quotes.
        let mut quoted = false;
        let end = html[at..].char_indices().find(|(_, c)| {
            quoted ^= *c == '"';
            *c == '>' && !quoted
        });
        let Some((length, _)) = end else { break };
        let tag = &html[at..at + length];
        from = at + length;
        let Some(value) = href(tag) else { continue };
        let written = &tag[value.clone()];
        let address = written.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        let is_web = Url::parse(&address).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if is_web {
            all.push(Link { start: at + value.start, end: at + value.end, address });
        }
    }
    all
}

/// Where in a tag the value of `href` stands.
fn href(tag: &str) -> Option<std::ops::Range<usize>> {
    let mut from = 0;
    loop {
        let (name, rest) = tag[from..].split_once("=\"")?;
        let start = from + name.len() + 2;
        let length = rest.find('"')?;
        if name.trim() == "href" {
            return Some(start..start + length);
        }
        from = start + length + 1;
    }
}

/// Plain text with its addresses replaced: whole words, without the brackets and marks around them.
fn in_text(text: &str, place: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let start = word.find("http").unwrap_or(word.len());
        let (before, rest) = word.split_at(start);
        let ends = [rest.len()].into_iter().chain(rest.char_indices().rev().map(|(at, _)| at).take(4));
        // The longest that is a link: marks at the end of a sentence are none of it.
        let found = ends.filter(|end| *end > 0).find_map(|end| Some((place(&rest[..end])?, &rest[end..])));
        match found {
            Some((place, after)) => {
                out.push_str(before);
                out.push_str(&place);
                out.push_str(after);
            }
            None => out.push_str(word),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::super::mail::Ways;
    use super::*;

    const KEY: &[u8] = b"the home's key of 32 bytes .....";

    fn way(link: &str) -> Ways {
        Ways { header: String::new(), link: link.to_owned(), preferences: None, survey: None, one_click: true }
    }

    fn letter(text: &str, html: &str) -> Letter {
        Letter {
            site: None,
            survey: None,
            subjects: vec![],
            issue: "45".into(),
            publication: "The Letter".into(),
            language: "en".into(),
            date: None,
            subject: "S".into(),
            from: "a@home.net".into(),
            reply_to: None,
            list_id: "<newsletter.home.net>".into(),
            unsubscribe: None,
            text: text.into(),
            html: html.into(),
            clicks: None,
            parts: vec![],
        }
    }

    const HTML: &str = "<html><body><p title=\"a > b\"><a class=\"x>\" href=\"https://a.example/?q=1&amp;r=2\">one</a> \
        <a href=\"https://letter.example/issues/45/#end\">own</a> <a href=\"mailto:a@b.example\">mail</a> <a name=\"n\">none</a> \
        <a href=\"https://a.example/?q=1&amp;r=2\">again</a> href=\"https://no.example/\"</p></body></html>";

    const TEXT: &str =
        "one (https://a.example/?q=1&r=2). <https://a.example/?q=1&r=2>, https://other.example/\nhttps://letter.example/issues/45/#end";

    #[test]
    fn every_web_link_of_a_mail_leads_through_the_site_to_where_it_led() {
        let site: Url = "https://letter.example/".parse().expect("an address");
        let counted = letter(TEXT, HTML).counted(&site);
        let clicks = counted.clicks.clone().expect("links");
        assert_eq!(clicks.links, ["https://a.example/?q=1&r=2", "https://letter.example/issues/45/?via=email#end"]);
        let id = reveille_mission::subscriber_id("ann@home.net");
        let token = clicks.token(&id, KEY).expect("a token");
        let now: DateTime<Utc> = "2036-11-20T14:00:00Z".parse().expect("a time");
        let said = Token::check(&token, Purpose::Click, KEY, now).expect("ours, and for ever");
        assert_eq!((said.item, said.subscriber_id()), (clicks.number, id));
        let at = |link: usize| format!("https://letter.example/c/{token}/{link}");
        let html = counted.html_with(&way("https://leave.example/"), Some(&token));
        for expected in [
            format!("<a class=\"x>\" href=\"{}\">one</a>", at(0)),
            format!("<a href=\"{}\">own</a>", at(1)),
            format!("<a href=\"{}\">again</a>", at(0)),
            "<a href=\"mailto:a@b.example\">mail</a>".to_owned(),
            "href=\"https://no.example/\"</p>".to_owned(),
            "<a href=\"https://leave.example/\"".to_owned(),
        ] {
            assert!(html.contains(&expected), "{expected}\n{html}");
        }
        let text = counted.text_with(&way("https://leave.example/"), Some(&token));
        let expected = format!(
            "one ({}). <{}>, https://other.example/\n{}\n\n-- \nThe Letter\nUnsubscribe: https://leave.example/\n",
            at(0),
            at(0),
            at(1)
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_link_of_a_letter_of_several_issues_belongs_to_the_one_that_has_it() {
        let site: Url = "https://letter.example/".parse().expect("an address");
        let one = "<h2><a href=\"https://letter.example/issues/45/\">45</a></h2><a href=\"https://a.example/?q=1&amp;r=2\">a</a> \
            <a href=\"https://both.example/\">both</a>";
        let other = "<h2><a href=\"https://letter.example/issues/46/\">46</a></h2><a href=\"https://both.example/\">both</a>";
        let mut both = letter("", &format!("<a href=\"https://letter.example/\">home</a>{one}{other}"));
        let alone = both.clone().counted(&site).clicks.expect("links");
        both.parts = vec![Part::of("45", one), Part::of("46", other)];
        let clicks = both.counted(&site).clicks.expect("links");
        let told: Vec<(&str, &str)> = clicks.links.iter().map(String::as_str).zip(clicks.about.iter().map(String::as_str)).collect();
        assert_eq!(
            told,
            [
                ("https://letter.example/?via=email", ""),
                ("https://letter.example/issues/45/?via=email", "45"),
                ("https://a.example/?q=1&r=2", "45"),
                ("https://both.example/", ""),
                ("https://letter.example/issues/46/?via=email", "46"),
            ]
        );
        assert_eq!((alone.links, alone.about), (clicks.links, vec![]));
        assert_ne!(alone.number, clicks.number);
    }

    #[test]
    fn without_a_token_the_links_are_the_author_s() {
        let site: Url = "https://letter.example/".parse().expect("an address");
        let (plain, counted) = (letter(TEXT, HTML), letter(TEXT, HTML).counted(&site));
        let own = |text: &str| text.replace("/issues/45/#end", "/issues/45/?via=email#end");
        assert_eq!(counted.html_with(&way("l"), None), own(&plain.html_with(&way("l"), None)));
        assert_eq!(counted.text_with(&way("l"), None), own(&plain.text_with(&way("l"), None)));
        assert_eq!(letter("no", "<p>link</p>").counted(&site).clicks, None);
    }

    #[test]
    fn an_edited_letter_has_another_number_and_keeps_no_place_of_the_old_one() {
        let site: Url = "https://letter.example/".parse().expect("an address");
        let number = |html: &str| letter("", html).counted(&site).clicks.expect("links").number;
        assert_ne!(number("<a href=\"https://a.example/\">a</a>"), number("<a href=\"https://b.example/\">a</a>"));
        // What looks like a place of another letter is the author's text.
        let odd = letter("reveille-link:0000000000000000/0/", "<a href=\"https://a.example/\">reveille-link:0000000000000000/0/</a>")
            .counted(&site);
        assert!(odd.text_with(&way("l"), Some("T")).starts_with("reveille-link:0000000000000000/0/\n"));
        assert!(odd.html_with(&way("l"), Some("T")).contains(">reveille-link:0000000000000000/0/</a>"));
    }
}
