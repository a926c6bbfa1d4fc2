//! Sending messages and timing their answers.

use crate::wire::{self, Connection};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A number of the environment.
pub fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// The middle one.
pub fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v.get(v.len() / 2).copied().unwrap_or_default()
}

/// The quantile of times in order, in milliseconds.
pub fn quantile(sorted: &[Duration], q: f64) -> f64 {
    let at = ((sorted.len() as f64 * q) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
}

/// What sending came to.
pub struct Sent {
    /// Messages a second.
    pub per_second: f64,
    /// In order.
    pub times: Vec<Duration>,
}

/// Sends messages over all connections: as fast as answers come, or at so many a second, timed from when due.
pub fn send(address: SocketAddr, messages: Vec<Vec<u8>>, clients: usize, rate: Option<f64>) -> Sent {
    send_and_hear(address, messages, clients, rate, |_| {})
}

/// The same; every answer is heard once it was timed.
pub fn send_and_hear(
    address: SocketAddr,
    messages: Vec<Vec<u8>>,
    clients: usize,
    rate: Option<f64>,
    hear: impl Fn(&[u8]) + Sync,
) -> Sent {
    let count = messages.len();
    let queue = Mutex::new(messages.into_iter().enumerate());
    let times = Mutex::new(Vec::with_capacity(count));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                let mut connection = Connection::open(address);
                let mut own = Vec::new();
                loop {
                    let Some((i, message)) = queue.lock().unwrap().next() else { break };
                    let due = rate.map_or_else(Instant::now, |r| began + Duration::from_secs_f64(i as f64 / r));
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let answer = connection.exchange(&message);
                    assert!(wire::is_ok(&answer), "{}", String::from_utf8_lossy(&answer));
                    own.push(due.elapsed());
                    hear(&answer);
                }
                times.lock().unwrap().extend(own);
            });
        }
    });
    let per_second = count as f64 / began.elapsed().as_secs_f64();
    let mut times = times.into_inner().unwrap();
    times.sort();
    Sent { per_second, times }
}
