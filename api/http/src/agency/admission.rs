//! Who is let in: how many messages are worked on at once, in all and of one institution, and how many may wait.
//!
//! Work waits in the order it came, first among its own institution's, then among all that may run. No institution
//! has more than its share in the second line, so one that sends a hundred times as much as the others stands
//! behind itself, and the others stand behind a few of its messages at most. While others are served and it has
//! more than a burst waiting, more than half of all that is here, its places also rest: three times as long as the last
//! message took, or its few would keep the processors busy all the time.

use super::lock;
use dingan_connectors::desk::{Outcome, Refusal};
use dingan_core::codes::InstitutionCode;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
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

/// So many may wait before places rest: counters of a hospital that press at the same moment are no flood.
const BURST: usize = 8;

/// How long a place rests, in times of what the last message took.
const REST: u32 = 3;

/// The longest rest.
const LONGEST_REST: Duration = Duration::from_millis(250);

/// For how long an institution counts as being served after it was let in.
const LATELY: Duration = Duration::from_secs(1);

/// The last two institutions that were let in, and when.
#[derive(Default)]
struct Served([Option<(InstitutionCode, Instant)>; 2]);

impl Served {
    fn note(&mut self, institution: &InstitutionCode) {
        let [last, before] = &mut self.0;
        if last.as_ref().is_none_or(|(i, _)| i != institution) {
            *before = last.take();
        }
        *last = Some((institution.clone(), Instant::now()));
    }

    fn another_than(&self, institution: &InstitutionCode) -> bool {
        self.0.iter().flatten().any(|(i, at)| i != institution && at.elapsed() < LATELY)
    }
}

pub(super) struct Door {
    limits: Admissions,
    served: Arc<Mutex<Served>>,
    all: Arc<Semaphore>,
    all_here: Arc<AtomicUsize>,
    institutions: Arc<Mutex<HashMap<InstitutionCode, Arc<Line>>>>,
}

/// One institution's line.
struct Line {
    work: Arc<Semaphore>,
    /// In the line or at work.
    here: AtomicUsize,
    /// The same of all institutions.
    all_here: Arc<AtomicUsize>,
}

impl Line {
    /// Comes; answers how many were here before.
    fn come(&self) -> usize {
        self.all_here.fetch_add(1, Ordering::Relaxed);
        self.here.fetch_add(1, Ordering::Relaxed)
    }

    /// Goes; answers how many were here, of its own and of all, with the one that goes.
    fn go(&self) -> (usize, usize) {
        (self.here.fetch_sub(1, Ordering::Relaxed), self.all_here.fetch_sub(1, Ordering::Relaxed))
    }
}

/// A message that is being worked on; the next one comes in when it is dropped, or after the rest.
pub(super) struct Admitted {
    institution: InstitutionCode,
    line: Arc<Line>,
    of_one: usize,
    served: Arc<Mutex<Served>>,
    began: Instant,
    /// Taken out on drop.
    own: Option<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

/// Counts one more in a line until dropped, however the wait ends.
struct Here<'l>(&'l Line);

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.go();
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let (own, all) = self.line.go();
        let rests = own > self.of_one + BURST && own * 2 > all && lock(&self.served).another_than(&self.institution);
        if let (true, Ok(runtime), Some(own)) = (rests, Handle::try_current(), self.own.take()) {
            let rest = (self.began.elapsed() * REST).min(LONGEST_REST);
            runtime.spawn(async move {
                tokio::time::sleep(rest).await;
                drop(own);
            });
        }
    }
}

impl Door {
    pub(super) fn new(limits: Admissions) -> Self {
        Self {
            limits,
            served: Arc::default(),
            all: Arc::new(Semaphore::new(limits.at_once)),
            all_here: Arc::default(),
            institutions: Arc::default(),
        }
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
        let work = Arc::new(Semaphore::new(self.limits.of_one));
        let line = Arc::new(Line { work, here: AtomicUsize::new(0), all_here: Arc::clone(&self.all_here) });
        all.insert(institution.clone(), Arc::clone(&line));
        line
    }

    /// Waits to be worked on, or is turned away at once where too many wait.
    pub(super) async fn enter(&self, institution: &InstitutionCode) -> Outcome<Admitted> {
        let line = self.line(institution);
        let before = line.come();
        let here = Here(&line);
        if before >= self.limits.of_one + self.limits.waiting {
            return Err(too_many());
        }
        let own = Arc::clone(&line.work).acquire_owned().await.map_err(|_| too_many())?;
        let all = Arc::clone(&self.all).acquire_owned().await.map_err(|_| too_many())?;
        std::mem::forget(here);
        lock(&self.served).note(institution);
        Ok(Admitted {
            institution: institution.clone(),
            line: Arc::clone(&line),
            of_one: self.limits.of_one,
            served: Arc::clone(&self.served),
            began: Instant::now(),
            own: Some(own),
            _all: all,
        })
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

    fn door() -> Arc<Door> {
        Arc::new(Door::new(Admissions { at_once: 3, of_one: 2, waiting: 2 }))
    }

    fn wide_door() -> Arc<Door> {
        Arc::new(Door::new(Admissions { at_once: 8, of_one: 2, waiting: 64 }))
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
        // and who went away while waiting is no longer counted; places that rest are waited for
        let _third = door.enter(&big).await.unwrap();
        let gone = tokio::time::timeout(std::time::Duration::from_millis(20), door.enter(&big)).await;
        assert!(gone.is_err());
        assert_eq!(door.line(&big).here.load(Ordering::Relaxed), 2);
    }

    /// Two of a hospital are worked on, some wait; one is done. Whether the next comes in at once.
    async fn comes_in_at_once(others_are_served: bool, wait: usize) -> bool {
        let door = wide_door();
        let (big, small) = (InstitutionCode::from("BIG"), InstitutionCode::from("SMALL"));
        if others_are_served {
            drop(door.enter(&small).await.unwrap());
        }
        let first = door.enter(&big).await.unwrap();
        let _second = door.enter(&big).await.unwrap();
        let waiting: Vec<_> = (0..wait)
            .map(|_| {
                let (door, big) = (door.clone(), big.clone());
                tokio::spawn(async move { door.enter(&big).await.map(drop) })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(first);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let at_once = waiting.iter().any(tokio::task::JoinHandle::is_finished);
        for w in waiting {
            w.await.unwrap().unwrap();
        }
        at_once
    }

    #[tokio::test]
    async fn the_place_of_one_that_sends_too_much_rests_while_others_are_served() {
        assert!(comes_in_at_once(false, 20).await, "there is nobody to rest for");
        assert!(comes_in_at_once(true, BURST).await, "a burst is no flood");
        assert!(!comes_in_at_once(true, 20).await);
    }
}
