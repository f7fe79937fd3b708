//! The letter of a week: the issues of it, in one mail, for readers who want that.
//!
//! Must stay true: the words are the authors' of its issues; the same issues and settings give the same bytes.

use std::path::Path;

use chrono::NaiveDate;
use reveille_mission::Issue;

use super::super::Fault;
use super::Email;
use super::clicks::Part;
use super::fit::{header_text, refused};
use super::letter::{Letter, escaped, leaving, list_id, styled};
use crate::settings::Publication;
use crate::site::outside;

/// So many titles stand in a subject.
const TITLES: usize = 3;

/// Makes the letter of a week. `name` is what it is called in the ledger, `first` its Monday; see [`super::compose`].
///
/// # Errors
/// An issue can't be read or is not on the site, or its words can't stand in a header.
pub fn compose_week(
    home: &Path,
    publication: &Publication,
    (name, first): (&str, NaiveDate),
    issues: &[&Issue],
    email: &Email,
    unsubscribe: Option<&str>,
) -> Result<Letter, Fault> {
    let mut subject = issues.iter().take(TITLES).map(|issue| issue.title.as_str()).collect::<Vec<_>>().join(" · ");
    if issues.len() > TITLES {
        subject.push_str(" …");
    }
    header_text("title", &subject)?;
    let (mut text, mut html, mut parts) = (String::new(), String::new(), Vec::with_capacity(issues.len()));
    for issue in issues {
        let body = outside(home, publication, &issue.id).map_err(|error| refused(error.to_string()))?;
        let body = body.ok_or_else(|| refused(format!("{} is not on the site", issue.name())))?;
        let link = publication.issue_address(&issue.slug);
        text.push_str(&format!("{}\n{link}\n\n{}\n\n\n", issue.title, body.text.trim_end()));
        let part = format!("<h2><a href=\"{}\">{}</a></h2>\n{}\n", escaped(&link), escaped(&issue.title), body.html);
        parts.push(Part::of(&issue.id, &part));
        html.push_str(&part);
    }
    let site = publication.base();
    Ok(Letter {
        issue: name.to_owned(),
        publication: header_text("publication's name", &publication.name)?,
        language: publication.language.clone(),
        date: Some(first),
        from: email.from.clone(),
        reply_to: email.reply_to.clone(),
        list_id: list_id(publication),
        unsubscribe: unsubscribe.map(leaving).transpose()?.flatten(),
        clicks: None,
        parts,
        subjects: vec![],
        site: None,
        survey: None,
        text,
        html: styled(publication, Some(first), &publication.name, site.as_str(), &html)?,
        subject,
    })
}
