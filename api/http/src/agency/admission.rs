//! Who is let in: how many messages are worked on at once, in all and of one institution, and how many may wait.
//!
//! Work waits in the order it came, first among its own institution's, then among all that may run. No institution
//! has more than its share in the second line, so one that sends a hundred times as much as the others stands
//! behind itself, and the others stand behind a few of its messages at most.

use super::lock;
use dingan_connectors::desk::{Outcome, Refusal};
use dingan_core::codes::InstitutionCode;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How much is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admissions {
    /// Messages worked on at once.
    pub at_once: usize,
    /// Of those, messages of one institution.
    pub of_one: usize,
    /// Messages of one institution that may wait.
    pub waiting: usize,
}

impl Default for Admissions {
    fn default() -> Self {
        // more at once of one would only have them wait for the processors, and everybody else with them; two, so
        // that a stay of many thousand lines does not stop its hospital's other counters
        let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
        Self { at_once: 32, of_one: (cores / 2).max(2), waiting: 64 }
    }
}

#[derive(Clone)]
pub(super) struct Door {
    limits: Admissions,
    all: Arc<Semaphore>,
    institutions: Arc<Mutex<HashMap<InstitutionCode, Arc<Line>>>>,
}

/// One institution's line.
struct Line {
    work: Arc<Semaphore>,
    /// In the line or at work.
    here: AtomicUsize,
}

/// A message that is being worked on; the next one comes in when it is dropped.
pub(super) struct Admitted {
    line: Arc<Line>,
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// Counts one more in a line until dropped, however the wait ends.
struct Here<'l>(&'l Line);

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.here.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.line.here.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Door {
    pub(super) fn new(limits: Admissions) -> Self {
        Self { limits, all: Arc::new(Semaphore::new(limits.at_once)), institutions: Arc::default() }
    }

    fn line(&self, institution: &InstitutionCode) -> Arc<Line> {
        let mut all = lock(&self.institutions);
        if let Some(l) = all.get(institution) {
            return Arc::clone(l);
        }
        // codes come from outside: lines where nobody stands are not kept for ever
        if all.len() >= 10_000 {
            all.retain(|_, l| l.here.load(Ordering::Relaxed) > 0);
        }
        let line = Arc::new(Line { work: Arc::new(Semaphore::new(self.limits.of_one)), here: AtomicUsize::new(0) });
        all.insert(institution.clone(), Arc::clone(&line));
        line
    }

    /// Waits to be worked on, or is turned away at once where too many wait.
    pub(super) async fn enter(&self, institution: &InstitutionCode) -> Outcome<Admitted> {
        let line = self.line(institution);
        let before = line.here.fetch_add(1, Ordering::Relaxed);
        let here = Here(&line);
        if before >= self.limits.of_one + self.limits.waiting {
            return Err(too_many());
        }
        let own = Arc::clone(&line.work).acquire_owned().await.map_err(|_| too_many())?;
        let all = Arc::clone(&self.all).acquire_owned().await.map_err(|_| too_many())?;
        std::mem::forget(here);
        Ok(Admitted { line: Arc::clone(&line), _own: own, _all: all })
    }
}

fn too_many() -> Refusal {
    Refusal::new("TOO_MANY_REQUESTS", "本机构同时发送的请求过多，本次请求未处理")
        .hint("请减少并发，稍后以相同报文重试")
        .passing()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        Door::new(Admissions { at_once: 3, of_one: 2, waiting: 2 })
    }

    #[tokio::test]
    async fn one_that_sends_too_much_is_turned_away_at_once_and_others_come_in() {
        let door = door();
        let (big, small) = (InstitutionCode::from("BIG"), InstitutionCode::from("SMALL"));
        let first = door.enter(&big).await.unwrap();
        let _second = door.enter(&big).await.unwrap();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (door, big) = (door.clone(), big.clone());
                tokio::spawn(async move { door.enter(&big).await.map(drop) })
            })
            .collect();
        tokio::task::yield_now().await;
        let refused = door.enter(&big).await.err().unwrap();
        assert_eq!((refused.code, refused.kind), ("TOO_MANY_REQUESTS", dingan_connectors::desk::RefusalKind::TryAgain));
        drop(door.enter(&small).await.unwrap());
        drop(first);
        for w in waiting {
            w.await.unwrap().unwrap();
        }
        // and who went away while waiting is no longer counted
        let _third = door.enter(&big).await.unwrap();
        let gone = tokio::time::timeout(std::time::Duration::from_millis(20), door.enter(&big)).await;
        assert!(gone.is_err());
        assert_eq!(door.line(&big).here.load(Ordering::Relaxed), 2);
    }
}
