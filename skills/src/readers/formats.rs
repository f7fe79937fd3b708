//! The exports of Substack, Buttondown, Ghost and Mailchimp, and plain CSV, told apart by their headers; what a row of each
//! says of consent.
//!
//! Must stay true: only a row with a day of consent that is not in the future is confirmed; a switch, a word or a type that is
//! not known is no consent; one sign that they left outweighs all others.

use chrono::NaiveDate;
use reveille_mission::{FREE, PAID, tier_name};
use serde::Serialize;

use super::Status;
use super::table::{Row, Table};
use super::words::plain_words;

/// Where a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at`
    Substack,
    /// `email` or `email_address`, `subscriber_type` or `type`, `creation_date`, …
    Buttondown,
    /// `id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers`
    Ghost,
    /// `Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,…`; the files of those who left have
    /// `UNSUB_TIME`, those of dead addresses `CLEAN_TIME`.
    Mailchimp,
    /// Any other with a column of addresses, our own among them.
    Plain,
}

/// What a row says of whether they want it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// On this day they said that they do.
    Confirmed(NaiveDate),
    /// Nothing.
    Nothing,
    /// That they have not confirmed it, or something that is not known.
    Unconfirmed,
    /// They left, bounced or complained.
    Gone(Status),
}

/// A row of a file, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Incoming {
    pub(super) email: String,
    pub(super) name: String,
    pub(super) said: Said,
    /// Their tier, where the file knows it.
    pub(super) tier: Option<String>,
    pub(super) source: String,
}

const EMAIL: [&str; 6] = ["email", "email_address", "email address", "e-mail", "mail", "address"];
const NAME: [&str; 3] = ["name", "full name", "full_name"];
const CONSENT: [&str; 8] =
    ["confirmed_at", "consent_date", "consented_at", "consent", "confirm_time", "opted_in_at", "opt_in_at", "optin_time"];

impl Format {
    /// The format of a table, by its columns; none without a column of addresses.
    pub(super) fn of(table: &Table) -> Option<Self> {
        table.column(&EMAIL)?;
        let any = |names: &[&str]| table.column(names).is_some();
        Some(if table.has(&["email", "active_subscription", "email_disabled"]) {
            Format::Substack
        } else if table.has(&["email", "subscribed_to_emails"]) {
            Format::Ghost
        } else if any(&["creation_date"]) && any(&["subscriber_type", "type"]) {
            Format::Buttondown
        } else if any(&["email address"]) && any(&["member_rating", "leid", "euid", "confirm_time", "unsub_time", "clean_time"]) {
            Format::Mailchimp
        } else {
            Format::Plain
        })
    }

    /// The name of the service, as a source.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Substack => "substack",
            Format::Buttondown => "buttondown",
            Format::Ghost => "ghost",
            Format::Mailchimp => "mailchimp",
            Format::Plain => "csv",
        }
    }

    /// What a row says. `file` is the file's name: Mailchimp tells its files apart by it. A consent after `today` is none.
    pub(super) fn read(self, table: &Table, row: &Row, file: &str, today: NaiveDate) -> Incoming {
        let cells = Cells { table, row };
        let (said, tier) = match self {
            Format::Substack => substack(&cells),
            Format::Buttondown => buttondown(&cells),
            Format::Ghost => ghost(&cells),
            Format::Mailchimp => (mailchimp(&cells, &file.to_lowercase()), None),
            Format::Plain => plain(&cells),
        };
        let said = match said {
            // A day more, for zones that are ahead of ours.
            Said::Confirmed(date) if today.succ_opt().is_none_or(|latest| date > latest) => Said::Nothing,
            said => said,
        };
        let source = plain_words(cells.get(&["source"]));
        let source = if self == Format::Plain && !source.is_empty() { source } else { self.as_str().to_owned() };
        Incoming { email: cells.get(&EMAIL).to_owned(), name: cells.name(), said, tier, source }
    }
}

/// A row with the names of its columns.
struct Cells<'a> {
    table: &'a Table,
    row: &'a Row,
}

impl<'a> Cells<'a> {
    fn get(&self, names: &[&str]) -> &'a str {
        self.row.cell(self.table.column(names))
    }

    fn is_there(&self, name: &str) -> bool {
        self.table.column(&[name]).is_some()
    }

    fn name(&self) -> String {
        let whole = self.get(&NAME);
        let parts = || format!("{} {}", self.get(&["first name", "first_name", "fname"]), self.get(&["last name", "last_name", "lname"]));
        plain_words(&if whole.is_empty() { parts() } else { whole.to_owned() })
    }

    fn switch(&self, name: &str) -> Option<bool> {
        match self.get(&[name]).to_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "0" => Some(false),
            _ => None,
        }
    }

    /// Confirmed on the day in one of these columns.
    fn since(&self, names: &[&str]) -> Said {
        day(self.get(names)).map_or(Said::Nothing, Said::Confirmed)
    }
}

/// The day of an ISO 8601 date or time; other orders of day and month can't be told apart.
fn day(text: &str) -> Option<NaiveDate> {
    let (date, rest) = text.split_at_checked(10)?;
    let ends = rest.is_empty() || rest.starts_with(['T', ' ']);
    date.parse().ok().filter(|_| ends)
}

fn paid(pays: bool) -> Option<String> {
    Some(if pays { PAID } else { FREE }.to_owned())
}

/// `email_disabled` is set when mail was switched off by them or by bounces. Who was given a subscription never paid.
fn substack(cells: &Cells<'_>) -> (Said, Option<String>) {
    let said = match cells.switch("email_disabled") {
        Some(true) => Said::Gone(Status::Left),
        Some(false) => cells.since(&["created_at"]),
        None => Said::Unconfirmed,
    };
    let given = matches!(cells.get(&["plan"]).to_lowercase().as_str(), "comp" | "gift" | "free" | "other");
    let has_paid = !cells.is_there("first_payment_at") || !cells.get(&["first_payment_at"]).is_empty();
    (said, paid(cells.switch("active_subscription") == Some(true) && !given && has_paid))
}

/// The types are those of Buttondown's API reference ("SubscriberType").
fn buttondown(cells: &Cells<'_>) -> (Said, Option<String>) {
    let kind = cells.get(&["subscriber_type", "type"]).to_lowercase();
    let dated = |name: &str| !cells.get(&[name]).is_empty();
    let said = match kind.as_str() {
        "complained" => Said::Gone(Status::Complained),
        "undeliverable" => Said::Gone(Status::Bounced),
        "unsubscribed" | "removed" => Said::Gone(Status::Left),
        _ if dated("unsubscription_date") => Said::Gone(Status::Left),
        _ if dated("undeliverability_date") => Said::Gone(Status::Bounced),
        "regular" | "premium" | "churning" | "churned" | "unpaid" | "gifted" | "trialed" | "past_due" => cells.since(&["creation_date"]),
        _ => Said::Unconfirmed,
    };
    (said, paid(matches!(kind.as_str(), "premium" | "churning")))
}

/// A tier without a customer at Stripe is a gift.
fn ghost(cells: &Cells<'_>) -> (Said, Option<String>) {
    let said = match cells.switch("subscribed_to_emails") {
        _ if !cells.get(&["deleted_at"]).is_empty() => Said::Gone(Status::Left),
        Some(false) => Said::Gone(Status::Left),
        Some(true) => cells.since(&["created_at"]),
        None => Said::Unconfirmed,
    };
    let tiers = cells.get(&["tiers"]);
    let in_tier = !tiers.is_empty() && !tiers.eq_ignore_ascii_case("free");
    let given = cells.switch("complimentary_plan") == Some(true);
    (said, paid(in_tier && !given && !cells.get(&["stripe_customer_id"]).is_empty()))
}

/// Mailchimp exports a file each for subscribed, unsubscribed, cleaned and non-subscribed contacts. It does not say who pays.
/// A file's name only takes away: suppressing is for ever, and a name may be the human's own.
fn mailchimp(cells: &Cells<'_>, file: &str) -> Said {
    let why = cells.get(&["unsub_reason"]).to_lowercase();
    if cells.is_there("clean_time") {
        Said::Gone(Status::Bounced)
    } else if why.contains("abuse") || why.contains("spam") {
        Said::Gone(Status::Complained)
    } else if cells.is_there("unsub_time") {
        Said::Gone(Status::Left)
    } else if ["nonsubscribed", "unsubscribed", "cleaned"].iter().any(|name| file.starts_with(name)) {
        Said::Unconfirmed
    } else {
        cells.since(&["confirm_time"])
    }
}

/// A status without a day of consent confirms nobody; a day without a status does.
fn plain(cells: &Cells<'_>) -> (Said, Option<String>) {
    let said = match cells.get(&["status", "state"]).to_lowercase().as_str() {
        "" | "confirmed" | "active" | "subscribed" => cells.since(&CONSENT),
        "left" | "unsubscribed" | "removed" | "deleted" | "opted-out" | "opted out" => Said::Gone(Status::Left),
        "bounced" | "cleaned" | "undeliverable" | "invalid" => Said::Gone(Status::Bounced),
        "complained" | "spam" | "abuse" => Said::Gone(Status::Complained),
        _ => Said::Unconfirmed,
    };
    let tier = cells.is_there("tier").then(|| tier_name(&plain_words(cells.get(&["tier"]))));
    (said, tier)
}
