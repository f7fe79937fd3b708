//! Whether other programs want the same cores. ggml's threads wait for each other spinning: with a busy neighbour on the same
//! two cores, two threads read ten times slower than one, so a crowded reading goes on with one.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Calls shorter than this say nothing.
const TELLING: Duration = Duration::from_millis(30);

/// A call that is being watched.
pub(crate) struct Watch {
    wall: Instant,
    processor: Duration,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), processor: processor_time() }
    }

    /// Whether the call since the start got too little of the cores for that many threads.
    pub(crate) fn crowded(&self, threads: u32) -> bool {
        crowded(self.wall.elapsed(), processor_time().saturating_sub(self.processor), threads)
    }
}

/// What this process has used of the processors.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Threads that spin use all they get; less than three quarters of their cores means that somebody else has the rest.
fn crowded(wall: Duration, processor: Duration, threads: u32) -> bool {
    threads > 1 && wall >= TELLING && processor * 4 < wall * threads * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crowded_when_the_cores_are_shared() {
        let ms = Duration::from_millis;
        for (wall, processor, threads, expected) in [
            (100, 200, 2, false),
            (100, 155, 2, false),
            (100, 145, 2, true),
            (100, 100, 2, true),
            (100, 50, 1, false),
            (10, 5, 2, false),
            (100, 250, 4, true),
        ] {
            assert_eq!(crowded(ms(wall), ms(processor), threads), expected, "{processor} of {wall} ms with {threads}");
        }
    }

    #[test]
    fn the_processor_time_of_work_is_counted() {
        let before = processor_time();
        let mut sum = 0_u64;
        while processor_time() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(processor_time() > before);
    }
}
