//! Turns at a book that many want at once. Whoever finds it moved on waits for those before them, so that nobody
//! decides again and again and loses each time. This is fairness only; that books are right is the store's.

use super::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use tokio::sync::OwnedMutexGuard;

type Queue = tokio::sync::Mutex<()>;

/// The queues, by book.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<String, Weak<Queue>>>);

/// Somebody's turn at a book; the next one's when dropped.
pub(super) struct Turn {
    book: String,
    _held: OwnedMutexGuard<()>,
}

impl Turns {
    /// Waits for a turn at a book. Who has one at it keeps it; one at another is given up first, so that no two
    /// wait for each other.
    pub(super) async fn wait(&self, mine: Option<Turn>, book: String) -> Turn {
        if let Some(t) = mine.filter(|t| t.book == book) {
            return t;
        }
        let queue = {
            let mut all = lock(&self.0);
            let queue = all.get(&book).and_then(Weak::upgrade).unwrap_or_default();
            if all.len() > 10_000 {
                all.retain(|_, q| q.strong_count() > 0);
            }
            all.insert(book.clone(), Arc::downgrade(&queue));
            queue
        };
        Turn { book, _held: queue.lock_owned().await }
    }
}
