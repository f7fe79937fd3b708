//! A network that sends too much is told to wait, whatever it sends: the answer says nothing about any address.
//!
//! Must stay true: bounded, whoever comes from however many networks; the caps that survive a restart stand in memory.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// How many forms a network may send at once, and in a minute after that: an office or a school is one.
pub(crate) const FORMS: NonZeroU32 = NonZeroU32::new(30).unwrap();

/// How many networks are remembered, by their digests, 16 bytes each and what a map adds. More in a minute than that, and the rest has to wait.
const MOST: usize = 50_000;

/// After so many looks those are forgotten that have been quiet.
const SWEEP: u32 = 4096;

/// Those who sent something lately, networks or readers, by a number of theirs.
pub(crate) struct Floods {
    limiter: DefaultKeyedRateLimiter<i64>,
    looks: AtomicU32,
}

impl Floods {
    /// So many at once, and in a minute after that.
    pub(crate) fn of(a_minute: NonZeroU32) -> Self {
        Self { limiter: RateLimiter::hashmap(Quota::per_minute(a_minute)), looks: AtomicU32::new(0) }
    }

    /// Whether one more is taken; else in how many seconds.
    pub(crate) fn check(&self, who: i64) -> Result<(), u64> {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        if looks % SWEEP == SWEEP - 1 || self.limiter.len() >= MOST {
            self.limiter.retain_recent();
            if self.limiter.len() >= MOST {
                return Err(60);
            }
        }
        let waits = |not: governor::NotUntil<_>| not.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
        self.limiter.check_key(&who).map_err(waits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_waits_and_others_do_not() {
        let floods = Floods::of(FORMS);
        let taken = (0..100).filter(|_| floods.check(1).is_ok()).count();
        assert!((30..33).contains(&taken), "{taken}");
        let wait = floods.check(1).expect_err("it waits");
        assert!((1..=3).contains(&wait), "{wait}");
        assert_eq!(floods.check(2), Ok(()));
    }

    #[test]
    fn a_million_networks_do_not_fill_the_memory() {
        let floods = Floods::of(FORMS);
        let mut refused = 0;
        for number in 0..MOST as i64 + 5_000 {
            refused += usize::from(floods.check(number).is_err());
            if refused > 3 {
                break;
            }
        }
        assert!(floods.limiter.len() <= MOST && refused > 0, "{} kept, {refused} refused", floods.limiter.len());
    }
}
