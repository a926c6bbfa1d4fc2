//! Timing: the same work five times, the median counts.

use std::time::{Duration, Instant};

/// How often each piece of work is timed.
pub const ROUNDS: usize = 5;

/// The median time of work that is done in turn with others: every round does each once, so that what slows the
/// machine slows all of them. The first round warms up and is not counted.
pub fn medians(work: &mut [(&str, &mut dyn FnMut() -> usize)]) -> Vec<(String, Duration)> {
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); work.len()];
    for round in 0..=ROUNDS {
        for ((_, act), times) in work.iter_mut().zip(&mut times) {
            let began = Instant::now();
            std::hint::black_box(act());
            if round > 0 {
                times.push(began.elapsed());
            }
        }
    }
    let median = |mut t: Vec<Duration>| {
        t.sort_unstable();
        t.get(t.len() / 2).copied().unwrap_or_default()
    };
    work.iter().map(|(name, _)| (*name).to_owned()).zip(times.into_iter().map(median)).collect()
}

/// How many a second.
pub fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

/// A time as a multiple of another.
pub fn ratio(time: Duration, of: Duration) -> f64 {
    time.as_secs_f64() / of.as_secs_f64().max(1e-12)
}
