//! The letter of an issue: what all its mails share, made once and kept by its digest.
//!
//! Must stay true: the words are the author's, but for the line that says how to leave; nothing is loaded from anywhere by
//! opening it but the pictures that the author shows; the same issue and settings give the same bytes.

use std::path::Path;

use chrono::NaiveDate;
use css_inline::CSSInliner;
use minijinja::{Environment, context};
use reveille_mission::experiment::{subject_key, variant_of};
use reveille_mission::{Channel, Issue, Stage};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::super::{Attached, Fault};
use super::Email;
use super::clicks::{Clicks, Part};
use super::fit::{header_text, refused};
use super::mail::Ways;
use crate::disk::{Root, sha256};
use crate::distribute::{Telling, compose as compose_post};
use crate::front_matter::{parse, split};
use crate::settings::Publication;
use crate::shelf::{WinBack, issue_of, win_back_text};
use crate::site::{outside, outside_alone};

const TEMPLATE: &str = include_str!("letter.html");
const STYLE: &str = include_str!("letter.css");

/// What the link to a survey is called.
const SURVEY: &str = "Two questions";

/// What all mails of an issue share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Letter {
    /// The issue's stable id.
    pub issue: String,
    /// The publication's name.
    pub publication: String,
    /// The language of the words (BCP 47).
    pub language: String,
    /// When the issue was published.
    pub date: Option<NaiveDate>,
    /// The subject.
    pub subject: String,
    /// Subjects that an experiment shares out among the readers; empty where all get the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// The sender, as `Name <address>`; its address is the envelope sender too.
    pub from: String,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<String>,
    /// The `List-ID` (RFC 2919), with its angle brackets.
    pub list_id: String,
    /// The https address at which a reader leaves, `{token}` in it; without one they write a mail.
    pub unsubscribe: Option<String>,
    /// Where our own site is, with a slash at its end: readers choose there what they get, and may leave there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The number of the survey that it asks, at our own site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survey: Option<u32>,
    /// The text part, without its last line.
    pub text: String,
    /// The HTML part, without its last line.
    pub html: String,
    /// The links that are counted; without it a letter has its links as the author wrote them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clicks: Option<Clicks>,
    /// The issues in a letter of several, until its links are counted; empty in any other.
    #[serde(skip)]
    pub parts: Vec<Part>,
}

impl Letter {
    /// The same letter with subjects of the author's own: of several, each reader's mail gets the one that is theirs.
    ///
    /// # Errors
    /// A subject can't stand in a header.
    pub fn with_subjects(mut self, subjects: Vec<String>) -> Result<Self, Fault> {
        for subject in &subjects {
            header_text("subject", subject)?;
        }
        if let Some(first) = subjects.first() {
            self.subject.clone_from(first);
        }
        self.subjects = if subjects.len() > 1 { subjects } else { vec![] };
        Ok(self)
    }

    /// The subject of one reader's mail, where an experiment has shared them out: by the published hashing.
    pub(super) fn subject_for(&self, reader: &str) -> Option<&str> {
        let variant = variant_of(&subject_key(&self.issue), reader, self.subjects.len());
        self.subjects.get(variant).map(String::as_str)
    }

    /// The letter as it is kept: its JSON and the digest of that.
    ///
    /// # Errors
    /// It can't be written as JSON.
    pub fn frozen(&self) -> Result<Attached, Fault> {
        let bytes = serde_json::to_vec(self).map_err(|error| refused(error.to_string()))?;
        Ok(Attached { digest: sha256(&bytes), bytes })
    }

    /// From what is kept; nothing if it is not what the digest says.
    pub(super) fn of(attached: &Attached) -> Option<Self> {
        (sha256(&attached.bytes) == attached.digest).then(|| serde_json::from_slice(&attached.bytes).ok()).flatten()
    }

    /// The same letter of a publication whose readers have a site of ours at `url`: they choose what they get there, and leave
    /// there, too, unless the letter leads elsewhere already.
    #[must_use]
    pub fn at_site(mut self, url: &Url) -> Self {
        let base = with_slash(url);
        let leave = leave_at(&base);
        self.unsubscribe = self.unsubscribe.or_else(|| takes_one_click(&leave).then_some(leave));
        self.site = Some(base);
        self
    }

    /// The same letter with a link for each reader to answer a survey at our own site, by its number; without a site it has none.
    #[must_use]
    pub fn asking(mut self, survey: Option<u32>) -> Self {
        self.survey = survey.filter(|_| self.site.is_some());
        self
    }

    /// Whether readers leave at our own site, by either of its addresses: tokens there say whose they are.
    pub(super) fn leaves_at_our_site(&self) -> bool {
        self.site.as_ref().zip(self.unsubscribe.as_ref()).is_some_and(|(site, address)| is_ours(address, site))
    }

    pub(super) fn text_with(&self, ways: &Ways, click: Option<&str>) -> String {
        let text = self.clicks.as_ref().map_or_else(|| self.text.clone(), |clicks| clicks.filled_in(&self.text, click, str::to_owned));
        let choose = ways.preferences.as_ref().map(|link| format!("Preferences: {link}\n")).unwrap_or_default();
        let asked = ways.survey.as_ref().map(|link| format!("{SURVEY}: {link}\n")).unwrap_or_default();
        format!("{}\n\n-- \n{}\n{asked}{choose}Unsubscribe: {}\n", text.trim_end(), self.publication, ways.link)
    }

    pub(super) fn html_with(&self, ways: &Ways, click: Option<&str>) -> String {
        let html = self.clicks.as_ref().map_or_else(|| self.html.clone(), |clicks| clicks.filled_in(&self.html, click, escaped));
        let (start, end) = html.rfind("</body>").map_or((html.as_str(), ""), |at| html.split_at(at));
        let style = "max-width:38em;margin:0 auto;padding:0 1em 2em;font:14px/1.5 sans-serif;color:#666";
        let to = |link: &str, words: &str| format!(" · <a href=\"{}\" style=\"color:#666\">{words}</a>", escaped(link));
        let choose = ways.preferences.as_ref().map(|link| to(link, "Preferences")).unwrap_or_default();
        let asked = ways.survey.as_ref().map(|link| to(link, SURVEY)).unwrap_or_default();
        let leave = to(&ways.link, "Unsubscribe");
        format!("{start}<p style=\"{style}\">{}{asked}{choose}{leave}</p>\n{end}", escaped(&self.publication))
    }
}

/// An address that others are written behind.
fn with_slash(url: &Url) -> String {
    format!("{}/", url.as_str().trim_end_matches('/'))
}

/// Where readers of our own site leave.
fn leave_at(base: &str) -> String {
    format!("{base}leave/{{token}}")
}

/// Whether an address with `{token}` in it is one at which the site at `base` takes tokens; the name may have `www.` before it.
fn is_ours(address: &str, base: &str) -> bool {
    let (Ok(address), Ok(base)) = (Url::parse(&address.replace("{token}", "0")), Url::parse(base)) else { return false };
    let name = |url: &Url| url.host_str().map(|host| host.strip_prefix("www.").unwrap_or(host).to_owned());
    let below = address.path().strip_prefix(base.path());
    name(&address) == name(&base) && address.query().is_none() && matches!(below, Some("leave/0" | "unsubscribe/0"))
}

/// Whether a mail program may be told to post to an address: https (RFC 8058, section 3.1); this machine needs none.
pub(super) fn takes_one_click(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Makes the letter of a published issue that the site has. `unsubscribe` is the address at which readers leave, with
/// `{token}` in it; one that is not https is left out, for one click needs it (RFC 8058), but for this machine.
///
/// # Errors
/// The issue can't be read or is not on the site, its words can't stand in a header, the address has no `{token}`.
pub fn compose(home: &Path, publication: &Publication, issue: &Issue, email: &Email, unsubscribe: Option<&str>) -> Result<Letter, Fault> {
    let link = publication.issue_address(&issue.slug);
    let telling =
        Telling { issue, link: &link, publication: &publication.name, channel: Channel::Email, told_before: 0, limits: None, server: None };
    let post = compose_post(&telling, &[]).map_err(|error| refused(error.to_string()))?;
    let subject = post.title.unwrap_or_else(|| issue.title.clone());
    header_text("title", &subject)?;
    let body = outside(home, publication, &issue.id).map_err(|error| refused(error.to_string()))?;
    let body = body.ok_or_else(|| refused(format!("{} is not on the site", issue.name())))?;
    let head = format!("{subject}\n{link}\n\n");
    Ok(Letter {
        issue: issue.id.clone(),
        publication: header_text("publication's name", &publication.name)?,
        language: publication.language.clone(),
        date: issue.date,
        from: email.from.clone(),
        reply_to: email.reply_to.clone(),
        list_id: list_id(publication),
        unsubscribe: unsubscribe.map(leaving).transpose()?.flatten(),
        site: None,
        survey: None,
        text: format!("{head}{}", body.text),
        html: styled(publication, issue.date, &subject, &link, &body.html)?,
        subject,
        clicks: None,
        parts: vec![],
        subjects: vec![],
    })
}

/// Makes a letter to silent readers of the author's draft: an issue in the ledger by the name `round`, and on no page.
///
/// # Errors
/// The draft can't be read, its words can't stand in a header, the address has no `{token}`.
pub fn compose_win_back(
    home: &Path,
    publication: &Publication,
    letter: &WinBack,
    round: &str,
    email: &Email,
    unsubscribe: Option<&str>,
) -> Result<Letter, Fault> {
    let unreadable = |error: String| refused(format!("{} can't be read: {error}", letter.path));
    let text = Root::open(home).and_then(|root| win_back_text(&root, letter)).map_err(|error| unreadable(error.to_string()))?;
    let front = parse(&text).map_err(|found| unreadable(found.to_string()))?;
    let body = split(&text).map_or(text.as_str(), |parts| parts.body);
    let subject = header_text("title", &letter.title)?;
    let lies = issue_of(&letter.path, &front, Stage::Draft);
    let body = outside_alone(home, publication, &lies, body).map_err(|error| refused(error.to_string()))?;
    let body = body.ok_or_else(|| refused("the publication's address is none"))?;
    Ok(Letter {
        issue: round.to_owned(),
        publication: header_text("publication's name", &publication.name)?,
        language: publication.language.clone(),
        date: None,
        from: email.from.clone(),
        reply_to: email.reply_to.clone(),
        list_id: list_id(publication),
        unsubscribe: unsubscribe.map(leaving).transpose()?.flatten(),
        text: format!("{subject}\n\n{}", body.text),
        html: styled(publication, None, &subject, publication.base().as_str(), &body.html)?,
        subject,
        site: None,
        survey: None,
        clicks: None,
        parts: vec![],
        subjects: vec![],
    })
}

/// The page of the letter, its style written into the tags: mail programs drop stylesheets.
pub(super) fn styled(publication: &Publication, date: Option<NaiveDate>, subject: &str, link: &str, body: &str) -> Result<String, Fault> {
    let wrong = |error: String| refused(format!("the letter can't be laid out: {error}"));
    let about = context! {
        language => &publication.language,
        publication => &publication.name,
        site => publication.base().as_str(),
        title => subject,
        link => link,
        date => date.map(|date| date.to_string()),
        body => minijinja::Value::from_safe_string(body.to_owned()),
    };
    let page = Environment::new().render_named_str("letter.html", TEMPLATE, about).map_err(|error| wrong(error.to_string()))?;
    let inliner = CSSInliner::options().load_remote_stylesheets(false).extra_css(Some(STYLE.into())).build();
    inliner.inline(&page).map_err(|error| wrong(error.to_string()))
}

/// The list's name for mail programs: below our host, or below `localhost` where we have none (RFC 2919, section 3).
pub(super) fn list_id(publication: &Publication) -> String {
    match publication.url.host() {
        Some(Host::Domain(host)) => format!("<newsletter.{host}>"),
        _ => "<newsletter.localhost>".to_owned(),
    }
}

/// The address at which readers leave, checked; nothing if it is not https.
pub(super) fn leaving(address: &str) -> Result<Option<String>, Fault> {
    const STANDIN: &str = "0123456789abcdef";
    let url = Url::parse(&address.replacen("{token}", STANDIN, 1)).ok().filter(|url| url.has_host() && url.as_str().len() < 500);
    let url = url.filter(|url| url.path().contains(STANDIN) || url.query().is_some_and(|query| query.contains(STANDIN)));
    let url = url.ok_or_else(|| refused("`unsubscribe` must be a web address with `{token}` in it"))?;
    Ok(takes_one_click(url.as_str()).then(|| url.as_str().replacen(STANDIN, "{token}", 1)))
}
