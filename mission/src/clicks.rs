//! Which fetch of a letter's link was a human's click. Mail filters follow every link of a mail within seconds, with the user agents
//! of browsers: they are told by their haste. Pure.
//!
//! Must stay true: what could be a scanner's is none of a human's; the order in which fetches are told does not matter.

use chrono::{DateTime, TimeDelta, Utc};

use crate::visits::Fetcher;

/// How long after a mail was taken by the mail server a click may be a human's, in seconds: filters look before they deliver.
pub const AFTER_SENDING: i64 = 10;
/// In how many seconds fetches of many links are one scanner's.
pub const HASTE: i64 = 10;
/// How many different links of a mail a human follows in that time, at most.
const LINKS: usize = 3;
/// In how many seconds fetches of every link of a letter are one scanner's, however few links it has.
const SWEEP: i64 = 2;

/// One fetch of a link of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    /// Which link of the letter.
    pub link: u32,
    /// When.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: Fetcher,
}

/// When a human followed links of one reader's mail, by all fetches of its links, the first fetch first: those that a browser made for somebody,
/// later than [`AFTER_SENDING`] after the mail was sent, and not among fetches of more than three different links within
/// [`HASTE`], nor of all of the letter's `links` (two or more) within two seconds: these are a scanner's, the first ones too.
#[must_use]
pub fn human_clicks(fetches: &[Fetch], links: usize, sent_at: DateTime<Utc>) -> Vec<Fetch> {
    let among = |one: &Fetch, seconds: i64, least: usize| {
        fetches.iter().any(|first| {
            let span = |fetch: &Fetch| fetch.at >= first.at && fetch.at - first.at <= TimeDelta::seconds(seconds);
            let mut followed: Vec<u32> = fetches.iter().filter(|fetch| span(fetch)).map(|fetch| fetch.link).collect();
            followed.sort_unstable();
            followed.dedup();
            span(one) && followed.len() >= least
        })
    };
    let is_hasty = |one: &Fetch| among(one, HASTE, LINKS + 1) || (links > 1 && among(one, SWEEP, links));
    let late = |fetch: &&Fetch| fetch.by == Fetcher::Person && fetch.at - sent_at > TimeDelta::seconds(AFTER_SENDING);
    let mut clicks: Vec<Fetch> = fetches.iter().filter(late).filter(|fetch| !is_hasty(fetch)).copied().collect();
    clicks.sort_by_key(|fetch| fetch.at);
    clicks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_000 + millis).expect("a time")
    }

    fn human_click(fetches: &[Fetch], links: usize, sent_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        human_clicks(fetches, links, sent_at).first().map(|fetch| fetch.at)
    }

    fn fetch(link: u32, millis: i64, by: Fetcher) -> Fetch {
        Fetch { link, at: at(millis), by }
    }

    #[test]
    fn a_scanner_is_told_by_its_haste() {
        use Fetcher::{Person, Prefetch, Robot};
        for (name, fetches, expected) in [
            ("nobody", vec![], None),
            ("a click", vec![(1, 60_000, Person)], Some(60_000)),
            ("within ten seconds of the mail", vec![(1, 10_000, Person)], None),
            ("just after", vec![(1, 10_001, Person)], Some(10_001)),
            ("a robot, then a human", vec![(1, 60_000, Robot), (1, 90_000, Person)], Some(90_000)),
            ("fetched ahead", vec![(1, 60_000, Prefetch)], None),
            ("three links at once", vec![(1, 60_000, Person), (2, 60_001, Person), (3, 60_002, Person)], Some(60_000)),
            ("four links at once", vec![(1, 60_000, Person), (2, 60_001, Person), (3, 60_002, Person), (4, 70_000, Person)], None),
            (
                "four links, the last later",
                vec![(1, 60_000, Person), (2, 60_001, Person), (3, 60_002, Person), (4, 70_001, Person)],
                Some(60_000),
            ),
            (
                "a scanner, then a human",
                vec![(1, 60_000, Person), (2, 60_001, Person), (3, 60_002, Robot), (4, 60_003, Person), (2, 99_000, Person)],
                Some(99_000),
            ),
            ("the same link often", vec![(1, 60_000, Person), (1, 60_001, Person), (1, 60_002, Person), (1, 60_003, Person)], Some(60_000)),
        ] {
            let fetches: Vec<Fetch> = fetches.into_iter().map(|(link, millis, by)| fetch(link, millis, by)).collect();
            assert_eq!(human_click(&fetches, 9, at(0)), expected.map(at), "{name}");
        }
    }

    #[test]
    fn a_scanner_of_a_letter_with_few_links_is_told_by_following_all() {
        use Fetcher::{Person, Robot};
        for (name, links, fetches, expected) in [
            ("both of two", 2, vec![(0, 60_000, Person), (1, 62_000, Person)], None),
            ("one by a robot", 2, vec![(0, 60_000, Robot), (1, 61_000, Person)], None),
            ("both of two, the second later", 2, vec![(0, 60_000, Person), (1, 62_001, Person)], Some(60_000)),
            ("all of three", 3, vec![(2, 60_500, Person), (0, 60_000, Person), (1, 61_000, Person)], None),
            ("two of three", 3, vec![(0, 60_000, Person), (1, 60_001, Person)], Some(60_000)),
            ("a scanner, then a human", 2, vec![(0, 60_000, Person), (1, 60_001, Person), (1, 99_000, Person)], Some(99_000)),
            ("the only link", 1, vec![(0, 60_000, Person), (0, 60_001, Person)], Some(60_000)),
            ("a letter whose links are not known", 0, vec![(0, 60_000, Person)], Some(60_000)),
        ] {
            let fetches: Vec<Fetch> = fetches.into_iter().map(|(link, millis, by)| fetch(link, millis, by)).collect();
            assert_eq!(human_click(&fetches, links, at(0)), expected.map(at), "{name}");
        }
    }

    proptest! {
        #[test]
        fn more_fetches_by_programs_never_make_a_human(
            told in prop::collection::vec((0u32..6, 0i64..120_000, 0usize..3), 0..12), link in 0u32..6, millis in 0i64..120_000, links in 0usize..6,
        ) {
            let by = [Fetcher::Person, Fetcher::Robot, Fetcher::Prefetch];
            let mut fetches: Vec<Fetch> = told.iter().map(|(link, millis, who)| fetch(*link, *millis, by[*who])).collect();
            let before = human_click(&fetches, links, at(0));
            fetches.reverse();
            prop_assert_eq!(human_click(&fetches, links, at(0)), before);
            fetches.push(fetch(link, millis, Fetcher::Robot));
            let after = human_click(&fetches, links, at(0));
            prop_assert!(after.is_none() || (before.is_some() && after >= before));
        }
    }
}
