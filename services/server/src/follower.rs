//! Follows the store: one task reads what other processes have written, for every request that waits for it.

use crate::{limits, market::Resident, store_health::StoreHealth};
use std::{sync::Arc, time::Duration};
use store::Store;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

/// Asks the task that follows the store for a look, and hears how it ended.
#[derive(Clone, Debug)]
pub struct Follower {
    asked: Arc<Notify>,
    looks: watch::Sender<Looks>,
}

/// Intervals between looks at a store that nobody asks for.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// While the store announces the writes of other processes.
    pub announced: Duration,
    /// While it does not.
    pub silent: Duration,
}

/// Pause between the beginnings of two looks.
const PAUSE: Duration = Duration::from_millis(limits::LOOK_PAUSE_MS);

/// How often a store whose writes succeed is asked whether it still takes them.
const WRITES_ASKED: Duration = Duration::from_millis(limits::WRITES_ASKED_MS);

/// The least pause between two small writes: each takes the turn of all writers.
const PROBES: Duration = Duration::from_millis(limits::PROBE_PAUSE_MS);

/// The looks at the store so far, one after the other.
#[derive(Clone, Copy, Debug)]
struct Looks {
    begun: u64,
    ended: u64,
    /// Whether the last one found all that was committed before it began.
    found_all: bool,
}

impl Follower {
    /// A follower that has not looked yet.
    pub fn idle() -> Follower {
        let (looks, _) = watch::channel(Looks { begun: 0, ended: 0, found_all: false });
        Follower { asked: Arc::default(), looks }
    }

    /// Waits for a look at the store that begins after this call, and says whether the market then
    /// has all that was committed before. All who wait share it, and it goes on if they leave: any
    /// number of callers cost at most one look at a time.
    pub async fn look(&self) -> bool {
        let mut looks = self.looks.subscribe();
        let next = looks.borrow().begun + 1;
        self.asked.notify_one();
        looks.wait_for(|looks| next <= looks.ended).await.is_ok_and(|looks| looks.found_all)
    }

    /// Looks after every interval, whenever a commit is announced and whenever a look is asked for,
    /// until cancelled.
    pub async fn run(
        self,
        resident: Resident,
        store: Arc<dyn Store>,
        every: Intervals,
        health: StoreHealth,
    ) {
        let mut interval = Duration::ZERO;
        let mut not_before = Instant::now();
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = store.announced() => {}
                () = self.asked.notified() => {}
            }
            interval = if store.announces() { every.announced } else { every.silent };
            resident.retired().free();
            // Callers one after the other are bounded as well.
            tokio::time::sleep_until(not_before).await;
            // The look that begins now is the one that all have asked for until now.
            std::pin::pin!(self.asked.notified()).as_mut().enable();
            self.looks.send_modify(|looks| looks.begun += 1);
            not_before = Instant::now() + PAUSE;
            let begun = health.begin_look();
            let outcome = resident.catch_up(store.as_ref(), &health).await;
            health.followed(begun, &outcome);
            self.looks.send_modify(|looks| {
                looks.ended = looks.begun;
                looks.found_all = matches!(outcome, Ok(true));
            });
        }
    }
}

/// Keeps the health of writes true until cancelled. While they succeed, the store is asked now and
/// then whether it takes them, on top of what was read: it may have become a standby, or lack what a
/// standby had. After one has failed, a small one is tried at every interval of a second or more,
/// so that health recovers by itself.
pub async fn watch_writes(
    resident: Resident,
    store: Arc<dyn Store>,
    every: Duration,
    health: StoreHealth,
) {
    let mut changes = health.changes();
    loop {
        let has_failed = async {
            let failed = changes.wait_for(|state| !state.takes_writes).await;
            failed.map(drop)
        };
        match tokio::time::timeout(WRITES_ASKED, has_failed).await {
            Err(_) => {
                let ours = resident.head().head();
                health.asked(&store.takes_writes(ours).await);
            }
            Ok(Err(_)) => return,
            Ok(Ok(())) => {
                tokio::time::sleep(every.max(PROBES)).await;
                let ours = resident.head().head();
                health.written(&store.probe_write(ours).await);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    /// Runs a follower of an empty store that looks only when it is asked, and ends with the value.
    async fn asked_only() -> (Follower, tokio::task::JoinSet<()>) {
        let store = store::connect("sqlite::memory:").await.unwrap();
        let resident = Resident::load(store.as_ref()).await.unwrap();
        let follower = Follower::idle();
        let mut tasks = tokio::task::JoinSet::new();
        let hour = Duration::from_secs(3_600);
        let hour = Intervals { announced: hour, silent: hour };
        tasks.spawn(follower.clone().run(
            resident,
            store,
            hour,
            StoreHealth::good(Clock::system()),
        ));
        (follower, tasks)
    }

    #[tokio::test]
    async fn callers_at_the_same_time_share_a_look_that_begins_after_they_asked() {
        let (follower, _tasks) = asked_only().await;
        assert!(follower.look().await);
        let before = follower.looks.borrow().ended;
        let mut callers = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let follower = follower.clone();
            callers.spawn(async move { follower.look().await });
        }
        while let Some(found_all) = callers.join_next().await {
            assert!(found_all.unwrap());
        }
        let looks = follower.looks.borrow().ended - before;
        assert!((1..=2).contains(&looks), "{looks} looks for 100 callers");
    }

    /// A caller who names unknown revisions again and again costs the database no more than this.
    #[tokio::test]
    async fn callers_one_after_the_other_cost_a_bounded_number_of_looks() {
        const CALLS: u32 = 30;
        let (follower, _tasks) = asked_only().await;
        assert!(follower.look().await);
        let begun = Instant::now();
        for _ in 0..CALLS {
            assert!(follower.look().await);
        }
        assert!(PAUSE * (CALLS - 1) <= begun.elapsed(), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_caller_who_leaves_does_not_stop_a_look() {
        let (follower, _tasks) = asked_only().await;
        assert!(follower.look().await);
        let (mut looks, leaves) = (follower.looks.subscribe(), follower.clone());
        let next = looks.borrow().begun + 1;
        // Asks once and leaves.
        tokio::select! {
            biased;
            _ = leaves.look() => unreachable!("the follower has not had a turn"),
            () = std::future::ready(()) => {}
        }
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, looks.wait_for(|looks| next <= looks.ended))
            .await
            .unwrap()
            .unwrap();
    }
}
