//! What is taken in at all, before a message is read: how many requests, and how much memory for their bodies.

use super::BODY_LIMIT;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests at once, whoever sent them.
const REQUESTS: usize = 2_000;

/// Memory for bodies, and the pieces it is counted in.
const BYTES: usize = 512 * 1024 * 1024;
const PIECE: usize = 64 * 1024;

#[derive(Clone)]
pub(super) struct Gate {
    requests: Arc<Semaphore>,
    pieces: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { requests: Arc::new(Semaphore::new(REQUESTS)), pieces: Arc::new(Semaphore::new(BYTES / PIECE)) }
    }
}

impl Gate {
    /// Room for a request with a body of a stated length; one that does not state it counts as the longest.
    /// None where there is no room now.
    pub(super) fn enter(&self, stated: Option<usize>) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let pieces = stated.unwrap_or(BODY_LIMIT).min(BODY_LIMIT).div_ceil(PIECE).max(1);
        let request = Arc::clone(&self.requests).try_acquire_owned().ok()?;
        let room = Arc::clone(&self.pieces).try_acquire_many_owned(u32::try_from(pieces).ok()?).ok()?;
        Some((request, room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_and_so_much() {
        let gate = Gate::default();
        let long: Vec<_> = (0..BYTES / BODY_LIMIT).map(|_| gate.enter(None).unwrap()).collect();
        assert!(gate.enter(Some(10)).is_none(), "no memory is left");
        drop(long);
        let short: Vec<_> = (0..REQUESTS).map(|_| gate.enter(Some(10)).unwrap()).collect();
        assert!(gate.enter(Some(10)).is_none(), "enough requests are here");
        drop(short);
        assert!(gate.enter(Some(usize::MAX)).is_some());
    }
}
