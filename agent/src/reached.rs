//! What each channel brought, for people: a table in `status`, at most five lines in PROGRESS.md.
//!
//! Must stay true: nothing is shown of what was never measured; a number that is older than the settings allow says its age.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use reveille_memory::Memory;
use reveille_skills::measure::{self, Number, Reached, age, chart};

use crate::failure::{OrFail, Outcome};
use crate::observe::Scene;

/// The most lines in PROGRESS.md.
const LINES: usize = 5;

/// The lines of PROGRESS.md: the channels with measured posts, those that bring the most people first.
pub(crate) fn lines(scene: &Scene<'_>, memory: &Memory) -> Outcome<Vec<String>> {
    let reached = measure::reached(memory, &scene.settings.priors, scene.now).or_fail()?;
    let every = scene.settings.wake.measure_every.delta();
    let told = reached.iter().filter(|one| one.posts.is_some_and(|posts| posts.count > 0));
    Ok(told.take(LINES).map(|one| line(one, every, scene.now)).collect())
}

fn line(reached: &Reached, every: TimeDelta, now: DateTime<Utc>) -> String {
    let followers = reached.followers.map(|followers| format!("{}, ", counted(followers, "follower"))).unwrap_or_default();
    let arrow = reached.direction().map(|direction| format!(" {}", direction.arrow())).unwrap_or_default();
    let people = reached.people;
    let old = old(reached, every, now).map(|old| format!("; {old}")).unwrap_or_default();
    format!(
        "{}: {followers}{:.1} people a post ({:.1} to {:.1}){arrow}{old}",
        reached.channel.title(),
        people.mean,
        people.low,
        people.high
    )
}

/// The table of `status`; empty when nothing was measured.
pub(crate) fn table(reached: &[Reached], every: TimeDelta, now: DateTime<Utc>) -> String {
    let mut out = String::new();
    if !reached.is_empty() {
        out.push_str("\nPeople a post (in 8 of 10 cases), the last 30 days:\n");
    }
    for one in reached {
        let people = format!("{:.1} ({:.1} to {:.1})", one.people.mean, one.people.low, one.people.high);
        let arrow = one.direction().map_or(' ', measure::Direction::arrow);
        let numbers: Vec<String> =
            [one.followers.map(|number| counted(number, "follower")), one.posts.map(|number| counted(number, "measured post"))]
                .into_iter()
                .flatten()
                .chain(old(one, every, now))
                .collect();
        let _ = writeln!(out, "  {:<11} {people:<20} {} {arrow}  {}", one.channel.to_string(), chart(&one.trend), numbers.join(", "));
    }
    out
}

fn counted(number: Number, name: &str) -> String {
    format!("{} {name}{}", number.count, if number.count == 1 { "" } else { "s" })
}

/// How old the number is, when it is older than it may be.
fn old(reached: &Reached, every: TimeDelta, now: DateTime<Utc>) -> Option<String> {
    let is = now - reached.measured_at()?;
    (is > every).then(|| format!("measured {}", age(is)))
}

#[cfg(test)]
mod tests {
    use reveille_mission::{Channel, Interval};
    use reveille_skills::measure::Point;

    use super::*;

    #[test]
    fn a_number_that_is_too_old_says_so() {
        let now: DateTime<Utc> = "2026-11-20T14:00:00Z".parse().expect("a time");
        let number = |count, days| Some(Number { count, measured_at: now - TimeDelta::days(days) });
        let point = |people| Point { at: now, people: Some(people) };
        let reached = |days| Reached {
            channel: Channel::Mastodon,
            followers: number(1, 0),
            posts: number(28, days),
            engagements: number(112, days),
            visitors: None,
            people: Interval { mean: 4.04, low: 3.61, high: 4.5 },
            trend: vec![point(3.0), point(4.04)],
        };
        let week = TimeDelta::days(7);
        assert_eq!(line(&reached(7), week, now), "Mastodon: 1 follower, 4.0 people a post (3.6 to 4.5) ↑");
        assert_eq!(line(&reached(9), week, now), "Mastodon: 1 follower, 4.0 people a post (3.6 to 4.5) ↑; measured 9 days ago");
        assert_eq!(
            table(&[reached(9)], week, now),
            "\nPeople a post (in 8 of 10 cases), the last 30 days:\n  mastodon    4.0 (3.6 to 4.5)     ▆█ ↑  1 follower, 28 measured posts, measured 9 days ago\n"
        );
        assert_eq!(table(&[], week, now), "");
    }
}
