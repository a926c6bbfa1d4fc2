//! The threads that decide and answer.

use thread_priority::{ThreadPriority, set_current_thread_priority};
use tokio::runtime::{Builder, Runtime};

/// A little below the middle of 0 to 99; on Linux a nice value of 5. On a machine full of work, who decides then waits
/// for who writes and not the other way round: all who have decided wait for the one that writes, and it waits for the
/// database, which on the same machine would be pushed aside by those whom it has just answered.
const PLACE: u8 = 35;

/// A runtime. The store's writer has the place of whoever opens the store: that is the thread which made this, not one
/// of its own.
pub fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().on_thread_start(step_back).build()
}

fn step_back() {
    let Ok(place) = PLACE.try_into() else { return };
    if let Err(e) = set_current_thread_priority(ThreadPriority::Crossplatform(place)) {
        tracing::debug!(error = %e, "a thread that answers keeps its place");
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Of this thread.
    fn nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        // after the name, which may hold anything, it is the seventeenth
        let after = stat.rsplit(')').next().unwrap();
        after.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn who_answers_gives_way_to_who_writes() {
        let (runtime, own) = (runtime().unwrap(), nice());
        let (here, there) = runtime.block_on(async { (nice(), tokio::spawn(async { nice() }).await.unwrap()) });
        assert_eq!(here, own);
        // where the whole program was started as a nice one, nobody may step forward
        assert!(there == 5 || own > 5, "{there}, {own}");
    }
}
