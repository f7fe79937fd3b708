//! Whether an experiment that a line asks for has people enough.
//!
//! Must stay true: what was never counted is nobody; the words of the line say on whom it is tried, and no model changes that.

use super::{Audience, Case, Refusal, Review};
use crate::experiment::{Asked, Kind, Size, asked, grouped};
use crate::facts::FactKey;
use crate::reading::ReadBy;
use crate::words::Who;

/// Whether there are people enough for the experiment that the line asks for. Its words say whom it is tried on, unless a tag says
/// that nobody would notice.
pub(super) fn enough_for_an_experiment(case: &Case, by: Review<'_>) -> Result<(), Refusal> {
    let reading = &case.reading;
    let (who, key) = match (asked(&case.task.text), reading.who) {
        (None, _) => return Ok(()),
        (Some(_), Some(Who::Nobody)) if reading.read_by == ReadBy::Tag => return Ok(()),
        (Some(Asked::On(Kind::Subject)), _) | (Some(Asked::OnSomething), Some(Who::Subscribers)) => {
            (Who::Subscribers, FactKey::SubscribersConfirmed)
        }
        (Some(Asked::OnSomething), Some(Who::Customers)) => (Who::Customers, FactKey::CustomersActive),
        (Some(Asked::On(Kind::Headline) | Asked::OnSomething), _) => (Who::Strangers, FactKey::SiteVisitors30d),
    };
    let size = Size::of(by.experiments, 2);
    let count = by.facts.count(key).unwrap_or(0);
    if count >= size.total() {
        return Ok(());
    }
    let fact = by.facts.get(key);
    let source = fact.map_or_else(|| format!("{key}, never counted"), |fact| format!("{key}, {}", fact.source));
    Err(Refusal::TooFew { who, size, audience: Audience { count, source, measured_at: fact.and_then(|fact| fact.measured_at) } })
}

/// The sentence that says how many people an experiment takes, and how many there are.
#[must_use]
pub fn too_few(size: &Size, audience: &Audience) -> String {
    let is = if audience.count == 1 { "is" } else { "are" };
    format!("{size}; today there {is} {} ({})", grouped(audience.count), audience.source)
}
