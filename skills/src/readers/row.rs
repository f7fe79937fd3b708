//! A row of the list, as a value and as cells.
//!
//! Must stay true: a word that is not known is no consent; a cell that means the same stays as it was written.

use std::fmt;

use serde::Serialize;

use reveille_memory::Subscriber;
use reveille_mission::{FREE, subscriber_id, tier_name};

use super::table::{Row, Table};

/// The source of those who came by the site.
pub(super) const SITE: &str = "site";

/// Where a reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// They said that they want it.
    Confirmed,
    /// They have not said so yet, or nobody knows.
    Pending,
    /// They left.
    Left,
    /// There is no such address.
    Bounced,
    /// They called it spam.
    Complained,
    /// They stayed silent, and letters have ended for them: it stands only in a list that goes out, where it is no consent.
    Silent,
}

impl Status {
    /// From the list's own words; a word that is not known is no consent.
    pub(super) fn read(text: &str) -> Self {
        match text.to_lowercase().as_str() {
            "confirmed" | "active" => Status::Confirmed,
            "left" | "unsubscribed" | "removed" => Status::Left,
            "bounced" => Status::Bounced,
            "complained" => Status::Complained,
            _ => Status::Pending,
        }
    }

    /// As it stands in the list.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Confirmed => "confirmed",
            Status::Pending => "pending",
            Status::Left => "left",
            Status::Bounced => "bounced",
            Status::Complained => "complained",
            Status::Silent => "silent",
        }
    }

    /// Whether it is for good: they left, bounced or complained.
    pub fn is_gone(self) -> bool {
        matches!(self, Status::Left | Status::Bounced | Status::Complained)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reader {
    /// See `subscriber_id`.
    pub id: String,
    /// The address, as it was written.
    pub email: String,
    /// The name; may be empty.
    pub name: String,
    /// Where they stand.
    pub status: Status,
    /// Their tier, a name of the settings; `free` where none stands.
    pub tier: String,
    /// When they said that they want it, as it stands in the list; may be empty.
    pub confirmed_at: String,
    /// Where they said so; may be empty.
    pub source: String,
    /// What brought them to the site, if they came by it: a channel's name, or empty when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// Somebody who is mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// See `subscriber_id`.
    pub id: String,
    /// The address, of the plain shape (`is_address`).
    pub email: String,
    /// The name, on one line, where it is known.
    pub name: Option<String>,
}

impl Reader {
    /// Somebody of whom nothing but the address is known.
    pub(super) fn blank(id: String, email: &str) -> Self {
        let none = String::new;
        Self {
            id,
            email: email.to_owned(),
            name: none(),
            status: Status::Pending,
            tier: FREE.to_owned(),
            confirmed_at: none(),
            source: none(),
            via: None,
        }
    }

    /// Somebody who came by the site.
    pub(super) fn of_site(subscriber: &Subscriber) -> Self {
        let confirmed = subscriber.confirmed_at.map(|at| at.date_naive().to_string());
        Self {
            status: if confirmed.is_some() { Status::Confirmed } else { Status::Pending },
            tier: tier_name(&subscriber.tier),
            confirmed_at: confirmed.unwrap_or_default(),
            source: SITE.to_owned(),
            via: Some(subscriber.via.clone()),
            ..Self::blank(subscriber.id.clone(), &subscriber.email)
        }
    }

    /// The same person, who came by the site, too, as `other` says. Their own later word counts: it confirms, and it undoes their
    /// leaving if `came_back`.
    pub(super) fn and_of_site(mut self, other: &Self, came_back: bool) -> Self {
        let stood_open = self.status == Status::Pending || (self.status == Status::Left && came_back);
        if stood_open && other.status == Status::Confirmed {
            self.status = Status::Confirmed;
            self.confirmed_at.clone_from(&other.confirmed_at);
            self.source.clone_from(&other.source);
        }
        if self.tier == FREE {
            self.tier.clone_from(&other.tier);
        }
        self.via.clone_from(&other.via);
        self
    }

    /// As a row of the table says.
    pub(super) fn of(table: &Table, row: &Row) -> Self {
        let cell = |name: &str| row.cell(table.column(&[name]));
        let email = cell("email");
        Self {
            id: subscriber_id(email),
            email: email.to_owned(),
            name: cell("name").to_owned(),
            status: Status::read(cell("status")),
            tier: tier_name(cell("tier")),
            confirmed_at: cell("confirmed_at").to_owned(),
            source: cell("source").to_owned(),
            via: None,
        }
    }
}

/// Writes into the table what the rows say otherwise; whether there was anything. Cells that mean the same stay as they are.
pub(super) fn write_into(table: &mut Table, rows: &[Reader]) -> bool {
    let mut changed = false;
    for (at, wanted) in rows.iter().enumerate() {
        let new = at == table.rows.len();
        if new {
            table.push();
        }
        let stands = Reader::of(table, &table.rows[at]);
        for (column, differs, value) in [
            ("email", wanted.email != stands.email, wanted.email.as_str()),
            ("name", wanted.name != stands.name, wanted.name.as_str()),
            ("status", new || wanted.status != stands.status, wanted.status.as_str()),
            ("tier", new || wanted.tier != stands.tier, wanted.tier.as_str()),
            ("confirmed_at", wanted.confirmed_at != stands.confirmed_at, wanted.confirmed_at.as_str()),
            ("source", wanted.source != stands.source, wanted.source.as_str()),
        ] {
            if differs {
                table.set(at, column, value);
                changed = true;
            }
        }
    }
    changed
}
