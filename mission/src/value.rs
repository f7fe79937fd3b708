//! The value of a task in the goal's own unit:
//! `value = Σ over who of p(who) · reach(who, channel) · rate(who → goal)`.
//! Every prior is a setting with its reason; every part is kept.

use serde::{Deserialize, Serialize};

use crate::facts::{Fact, FactKey, FactValue, Facts};
use crate::goal::GoalUnit;
use crate::lapse::silent_days;
use crate::reading::Reading;
use crate::review::Eligible;
use crate::subject::Subject;
use crate::task::Task;
use crate::words::{Channel, Skill, Who};

/// A Beta prior of a rate, as imagined successes and failures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beta {
    /// Imagined successes, above 0.
    pub yes: f64,
    /// Imagined failures, above 0.
    pub no: f64,
}

impl Beta {
    /// The mean: `yes / (yes + no)`.
    pub fn mean(self) -> f64 {
        self.yes / (self.yes + self.no)
    }
}

/// Every prior of the value formula, with its default and its reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Priors {
    /// People engaged by one post of an account that nobody follows yet (3): a new account is seen by a few, through tags and
    /// local timelines, so it can start.
    pub reach_base: f64,
    /// Of a hundred followers, how many engage with one post, as a share (0.05): most are asleep or scroll past.
    pub reach_per_follower: f64,
    /// How many measured posts the two numbers above weigh (5): after a handful the measurements decide.
    pub reach_weight: f64,
    /// A stranger who was reached becomes a confirmed reader (2 of 100): usual for a post with a link to a sign-up page.
    pub stranger_to_confirmed: Beta,
    /// A confirmed reader starts to pay one day (3 of 100): usual for paid newsletters.
    pub confirmed_to_paying: Beta,
    /// One thing done for a confirmed reader makes them pay now (2 of 1,000): the rate above, spread over half a year.
    pub served_to_paying: Beta,
    /// One thing done for a confirmed reader keeps one who would have left (1 of 100).
    pub served_stays: Beta,
    /// One thing done for a paying reader keeps one who would have left (1 of 100).
    pub paying_stays: Beta,
    /// The share of the confirmed readers that is taken to be silent while that was never measured (0.25).
    pub silent_share: f64,
    /// People whom the next post reaches more because it was measured which channel brings them (0.25). Below 0.5, the least that
    /// telling must reach to be eligible: measuring never goes before telling strangers of an issue, and always before resting.
    pub measured_worth: f64,
}

impl Default for Priors {
    fn default() -> Self {
        Self {
            reach_base: 3.0,
            reach_per_follower: 0.05,
            reach_weight: 5.0,
            stranger_to_confirmed: Beta { yes: 2.0, no: 98.0 },
            confirmed_to_paying: Beta { yes: 3.0, no: 97.0 },
            served_to_paying: Beta { yes: 2.0, no: 998.0 },
            served_stays: Beta { yes: 1.0, no: 99.0 },
            paying_stays: Beta { yes: 1.0, no: 99.0 },
            silent_share: 0.25,
            measured_worth: 0.25,
        }
    }
}

impl Priors {
    /// What is wrong with them, if anything: all must be finite and in their ranges.
    pub fn problem(&self) -> Option<String> {
        let positive = |name: &str, value: f64| (!(value.is_finite() && value > 0.0)).then(|| format!("`{name}` must be above 0"));
        let share = |name: &str, value: f64| (!(0.0..=1.0).contains(&value)).then(|| format!("`{name}` must be from 0 to 1"));
        let beta = |name: &str, beta: Beta| positive(&format!("{name}.yes"), beta.yes).or(positive(&format!("{name}.no"), beta.no));
        positive("reach_base", self.reach_base)
            .or(share("reach_per_follower", self.reach_per_follower))
            .or(positive("reach_weight", self.reach_weight))
            .or(beta("stranger_to_confirmed", self.stranger_to_confirmed))
            .or(beta("confirmed_to_paying", self.confirmed_to_paying))
            .or(beta("served_to_paying", self.served_to_paying))
            .or(beta("served_stays", self.served_stays))
            .or(beta("paying_stays", self.paying_stays))
            .or(share("silent_share", self.silent_share))
            .or((!(self.measured_worth > 0.0 && self.measured_worth < 0.5))
                .then(|| "`measured_worth` must be above 0 and below 0.5".to_owned()))
    }

    /// The priors as the site's own numbers move them: strangers who became confirmed readers count as successes, visitors who did
    /// not as failures (the posterior of a Beta). While one of the two numbers is unknown nothing moves: it is not zero.
    #[must_use]
    pub fn moved_by(&self, facts: &Facts) -> Self {
        let known = facts.count(FactKey::SiteVisitors30d).zip(facts.count(FactKey::SiteConfirmed30d));
        let Some((visitors, confirmed)) = known else { return self.clone() };
        let Beta { yes, no } = self.stranger_to_confirmed;
        let moved = Beta { yes: yes + confirmed as f64, no: no + visitors.saturating_sub(confirmed) as f64 };
        Self { stranger_to_confirmed: moved, ..self.clone() }
    }

    /// How many goal units one reached person is worth.
    pub fn rate(&self, who: Who, unit: GoalUnit) -> f64 {
        let paying = self.confirmed_to_paying.mean();
        match (who, unit) {
            (Who::Strangers, GoalUnit::Confirmed) => self.stranger_to_confirmed.mean(),
            (Who::Strangers, GoalUnit::Paying) => self.stranger_to_confirmed.mean() * paying,
            (Who::Subscribers, GoalUnit::Confirmed) => self.served_stays.mean(),
            (Who::Subscribers, GoalUnit::Paying) => self.served_to_paying.mean() + self.served_stays.mean() * paying,
            (Who::Customers, _) => self.paying_stays.mean(),
            (Who::Nobody, _) => 0.0,
        }
    }
}

/// People engaged by one post on a public channel: the mean of a Gamma-Poisson estimate with prior mean
/// `reach_base + reach_per_follower · followers`, the weight of `reach_weight` posts, moved by what was measured.
/// On the web, visitors of 30 days stand for followers. How sure it is: [`crate::reach_interval`].
///
/// What was measured are two counts of the same people: who answered a post there, and who came to the site by one. Nobody can tell
/// how many did both, so the larger of the two counts: the sum would count them twice. Visitors of a channel where no post was counted
/// say nothing, for nobody knows by how many posts they came.
pub fn reach_of_channel(channel: Channel, facts: &Facts, priors: &Priors) -> f64 {
    let (shape, rate) = posterior(channel, facts, priors);
    shape / rate
}

/// Shape and rate of the Gamma distribution that people a post follow after what was measured.
pub(crate) fn posterior(channel: Channel, facts: &Facts, priors: &Priors) -> (f64, f64) {
    let count = |key| facts.count(key).unwrap_or(0) as f64;
    let followers = match channel {
        Channel::Web => count(FactKey::SiteVisitors30d),
        _ => count(FactKey::Followers(channel)),
    };
    let prior = priors.reach_base + priors.reach_per_follower * followers;
    let (posts, engagements) = (count(FactKey::Posts(channel)), count(FactKey::Engagements(channel)));
    let reached = if posts > 0.0 { engagements.max(count(FactKey::Visitors(channel))) } else { engagements };
    (prior * priors.reach_weight + reached, priors.reach_weight + posts)
}

/// How many get the letter that a task sends, and the fact that says so; nothing where it sends none, or where nobody counted them.
pub(crate) fn letter_of<'f>(reading: &Reading, facts: &'f Facts) -> Option<(u64, &'f Fact)> {
    let sends = matches!(reading.skill, Some(Skill::Publish | Skill::Distribute)) && reading.channel == Some(Channel::Email);
    let Subject::One(issue) = &reading.subject else { return None };
    let people = facts.letter(issue).filter(|_| sends)?;
    match people.value {
        FactValue::Count(count) => Some((count, people)),
        FactValue::Bool(_) => None,
    }
}

/// How many people of one kind a task reaches today, and the fact that says so, by its keys: by none where it is who gets a letter.
pub(crate) fn reach<'f>(
    who: Who,
    task: &Task,
    reading: &Reading,
    facts: &'f Facts,
    priors: &Priors,
) -> (f64, Vec<FactKey>, Option<&'f Fact>) {
    let (people, keys, fact) = everybody(who, task, reading, facts, priors);
    match letter_of(reading, facts) {
        // Nobody is reached by a letter but who gets it.
        Some((count, letter)) if !fact.is_some_and(Fact::is_assumed) && (count as f64) < people => (count as f64, vec![], Some(letter)),
        _ => (people, keys, fact),
    }
}

/// How many people of one kind there are for a task, whoever of them it leaves out.
fn everybody<'f>(who: Who, task: &Task, reading: &Reading, facts: &'f Facts, priors: &Priors) -> (f64, Vec<FactKey>, Option<&'f Fact>) {
    let known = |key: FactKey| (facts.count(key).unwrap_or(0) as f64, vec![key], facts.get(key));
    match who {
        Who::Nobody => (0.0, vec![], None),
        Who::Customers => known(FactKey::CustomersActive),
        Who::Subscribers if reading.skill == Some(Skill::Retain) => {
            let days = silent_days(&task.text);
            let (lapsed, unwritten) = (FactKey::SubscribersLapsed(days), FactKey::SubscribersUnwritten(days));
            match (facts.count(lapsed), facts.count(unwritten)) {
                // A message reaches those who had none.
                (Some(1..), Some(_)) => known(unwritten),
                (Some(_), _) => known(lapsed),
                (None, _) => {
                    let (count, keys, fact) = known(FactKey::SubscribersConfirmed);
                    (count * priors.silent_share, keys, fact)
                }
            }
        }
        Who::Subscribers => known(FactKey::SubscribersConfirmed),
        Who::Strangers => {
            let channel = reading.channel.filter(|channel| channel.is_public()).unwrap_or(Channel::Web);
            let keys =
                vec![FactKey::Posts(channel), FactKey::Engagements(channel), FactKey::Visitors(channel), FactKey::Followers(channel)];
            let fact = keys.iter().find_map(|key| facts.get(*key));
            (reach_of_channel(channel, facts, priors), keys, fact)
        }
    }
}

/// One term of the sum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Who.
    pub who: Who,
    /// How likely it is for them, 0 to 1.
    pub share: f64,
    /// How many of them it reaches.
    pub reach: f64,
    /// Goal units a person.
    pub rate: f64,
}

/// A task that may be chosen, with its value and every part of it.
#[derive(Debug, Clone)]
pub struct Scored<'a> {
    pub(crate) eligible: Eligible<'a>,
    /// The terms of the sum.
    pub parts: Vec<Part>,
    /// People reached: `Σ share · reach`.
    pub reach: f64,
    /// Goal units a person reached: `value / reach`.
    pub fit: f64,
    /// Goal units expected.
    pub value: f64,
}

impl<'a> Scored<'a> {
    /// What is scored.
    pub fn eligible(&self) -> &Eligible<'a> {
        &self.eligible
    }
}

/// Scores what `review` let through.
pub fn score<'a>(eligible: Eligible<'a>, facts: &Facts, unit: GoalUnit, priors: &Priors) -> Scored<'a> {
    let parts = parts(eligible.task(), eligible.reading(), facts, unit, priors);
    let reach: f64 = parts.iter().map(|part| part.share * part.reach).sum();
    let value: f64 = parts.iter().map(|part| part.share * part.reach * part.rate).sum();
    let fit = if reach > 0.0 { value / reach } else { 0.0 };
    Scored { eligible, parts, reach, fit, value }
}

/// The terms of the sum for any reading; a refused task has them too, so that its ask can be put in order.
pub(crate) fn parts(task: &Task, reading: &Reading, facts: &Facts, unit: GoalUnit, priors: &Priors) -> Vec<Part> {
    let moved = priors.moved_by(facts);
    Who::ALL
        .into_iter()
        .filter(|who| *who != Who::Nobody && reading.shares[who.index()] > 0.0)
        .map(|who| {
            let people = reach(who, task, reading, facts, priors).0;
            Part {
                who,
                share: reading.shares[who.index()],
                reach: if measures(task) { people.min(priors.measured_worth) } else { people },
                rate: moved.rate(who, unit),
            }
        })
        .collect()
}

/// Whether the program itself is to measure. By itself that reaches nobody: it makes the next post reach more.
fn measures(task: &Task) -> bool {
    task.tags.skill == Some(Skill::Measure)
}
