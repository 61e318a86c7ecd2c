//! The resident market: the log folded up to its head, in memory; readers never wait for it.
//!
//! One watch channel holds the market and announces each new one. A writer, holding the write lock,
//! prepares on the head, appends to the store and folds the delta in before it answers: once a
//! caller has the answer, every later read sees the write. The follower does the same with writes
//! of other processes. A delta is folded on a blocking thread and not on the compute pool, so that
//! durable data does not wait behind analyses.

use crate::{
    clock::{Clock, Stopwatch},
    limits,
    refusal::Refusal,
    retired::{Retired, Shared},
    store_health::StoreHealth,
    telemetry::with_causes,
};
use marketdata::{
    instant::Instant,
    market::{Delta, Market},
};
use std::{sync::Arc, time::Duration};
use store::{Compacted, Followed, Look, Store, StoreError};
use tokio::sync::{Mutex, MutexGuard, watch};

/// The market in memory.
#[derive(Clone)]
pub struct Resident {
    current: watch::Sender<Arc<Market>>,
    writing: Arc<Mutex<()>>,
    retired: Retired,
}

impl std::fmt::Debug for Resident {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resident(revision {})", self.head().head().revision)
    }
}

/// The right to write: appends are serial.
#[derive(Debug)]
pub struct Writing<'a> {
    resident: &'a Resident,
    _guard: MutexGuard<'a, ()>,
}

impl Resident {
    /// Reads the whole log of a store.
    ///
    /// # Errors
    /// If the store cannot be read; the error names a damaged segment.
    pub async fn load(store: &dyn Store) -> Result<Resident, StoreError> {
        let watch = Stopwatch::start();
        let delta = store.load(0).await?;
        let read_ms = watch.elapsed_ms();
        let segments = delta.segments.len();
        let market = apply(Arc::new(Market::empty()), delta).await;
        tracing::info!(
            revision = market.head().revision,
            segments,
            read_ms,
            total_ms = watch.elapsed_ms(),
            "market loaded"
        );
        Ok(Resident::of_shared(market))
    }

    /// Wraps a market that is already in memory.
    pub fn of(market: Market) -> Resident {
        Resident::of_shared(Arc::new(market))
    }

    fn of_shared(market: Arc<Market>) -> Resident {
        let (current, _) = watch::channel(market);
        Resident { current, writing: Arc::new(Mutex::new(())), retired: Retired::new() }
    }

    /// Holds replaced values until they can be freed.
    pub fn retired(&self) -> &Retired {
        &self.retired
    }

    /// The market at its head.
    pub fn head(&self) -> Arc<Market> {
        Arc::clone(&self.current.borrow())
    }

    /// Announces every new head; a slow receiver sees only the latest.
    pub fn heads(&self) -> watch::Receiver<Arc<Market>> {
        self.current.subscribe()
    }

    /// Waits for the right to write.
    pub async fn writing(&self) -> Writing<'_> {
        Writing { resident: self, _guard: self.writing.lock().await }
    }

    /// Folds in the writes of other processes, if any. Returns whether the market then has all that
    /// was committed before: a standby may not have received it.
    ///
    /// # Errors
    /// If the store cannot be read, or its log is not the one that was folded so far.
    pub async fn catch_up(
        &self,
        store: &dyn Store,
        health: &StoreHealth,
    ) -> Result<bool, StoreError> {
        let Look { head, lags } = answered(LOOK_LATE, store.look(), health).await?;
        if head == self.head().head() {
            return Ok(!lags);
        }
        // A write of this process may take a while, and so may what others have written.
        let folded = async { self.writing().await.catch_up(store).await };
        Ok(!answered(LOAD_LATE, folded, health).await?)
    }
}

/// How long a look, or a load, may take before health says that the store does not answer.
const LOOK_LATE: Duration = Duration::from_millis(limits::LOOK_LATE_MS);
const LOAD_LATE: Duration = Duration::from_millis(limits::LOAD_LATE_MS);

/// The outcome of a look. One that is without an answer for long goes on, but health says so: the
/// limits of a database that hangs are longer than callers should be sent to it.
async fn answered<T>(late: Duration, look: impl Future<Output = T>, health: &StoreHealth) -> T {
    let mut look = std::pin::pin!(look);
    match tokio::time::timeout(late, look.as_mut()).await {
        Ok(outcome) => outcome,
        Err(_) => {
            health.silent();
            look.await
        }
    }
}

impl Writing<'_> {
    /// Folds in the writes of other processes up to a revision at least, which was committed. Waits
    /// for a standby that serves the reads, and has not received it yet.
    ///
    /// # Errors
    /// [`Refusal::Behind`] after [`limits::LONGEST_WAIT_MS`]; [`Refusal::Store`] as
    /// [`Resident::catch_up`].
    pub async fn catch_up_to(&self, revision: u64, store: &dyn Store) -> Result<(), Refusal> {
        let reached = async {
            loop {
                self.catch_up(store).await?;
                if revision <= self.resident.head().head().revision {
                    return Ok::<(), StoreError>(());
                }
                tokio::time::sleep(Duration::from_millis(limits::STANDBY_PAUSE_MS)).await;
            }
        };
        let longest = Duration::from_millis(limits::LONGEST_WAIT_MS);
        match tokio::time::timeout(longest, reached).await {
            Ok(reached) => Ok(reached?),
            Err(_) => {
                let head = self.resident.head().head().revision;
                Err(Refusal::Behind { asked: revision, head })
            }
        }
    }

    /// Folds in what was written after the head, and returns whether a standby was read. The head can
    /// have moved since anyone looked, so it is compared here, in the transaction that loads.
    async fn catch_up(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let Followed { delta, lags } = store.follow(self.resident.head().head()).await?;
        if let Some(delta) = delta {
            self.fold(delta).await;
        }
        Ok(lags)
    }

    /// Applies a delta and makes the result the head.
    pub async fn fold(&self, delta: Delta) {
        let next = apply(self.resident.head(), delta).await;
        tracing::debug!(revision = next.head().revision, "new head");
        // Retired before it is replaced: from then on a call may be the last holder of the old
        // market.
        let retired = &self.resident.retired;
        retired.add([self.resident.head() as Shared]);
        drop(self.resident.current.send_replace(next));
        retired.free();
    }
}

/// Applies a delta off the I/O threads.
async fn apply(market: Arc<Market>, delta: Delta) -> Arc<Market> {
    let folding = tokio::task::spawn_blocking(move || Arc::new(market.apply(delta)));
    match folding.await {
        Ok(next) => next,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and with it the task that waits for the market.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Compacts a store until cancelled, a bounded amount at a time.
pub async fn compact(
    (resident, store): (Resident, Arc<dyn Store>),
    clock: Clock,
    every: Duration,
    health: StoreHealth,
) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first tick is immediate; skip it, because a starting server is busy.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        compact_once(&resident, store.as_ref(), clock.now(), &health).await;
    }
}

/// Runs one compaction. It is no upload: after one that fails, a small write shows whether those would.
async fn compact_once(resident: &Resident, store: &dyn Store, now: Instant, health: &StoreHealth) {
    match store.compact(limits::COMPACTION_FACTS, now).await {
        Ok(done) if done.merged + done.deleted == 0 => return,
        Ok(done) => return log_compacted(done),
        // For as long as it lasts; health says so.
        Err(StoreError::Unwritable) => {}
        Err(error) => log_failed(&error),
    }
    let ours = resident.head().head();
    health.written(&store.probe_write(ours).await);
}

fn log_failed(error: &StoreError) {
    let cause = with_causes(error);
    tracing::warn!(cause, "compaction failed; retrying at the next interval");
}

fn log_compacted(Compacted { merged, written, deleted }: Compacted) {
    tracing::info!(merged, written, deleted, "segments compacted");
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        dataset::Dataset,
        day::Day,
        facts::FactTable,
        instrument::{Instrument, InstrumentId, Namespace},
        market::RevisionMark,
        segment::Segment,
    };
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Bars of one instrument, with many publications per day.
    fn large_delta() -> Delta {
        let mut table = FactTable::empty(Dataset::Bars);
        let row = vec![1.0; Dataset::Bars.fields().len()];
        for at in 0..100_000 {
            let on = Day::from_epoch(at / 10);
            let key = (InstrumentId(1), InstrumentId::NONE);
            table.push(key.0, key.1, on, Instant::close_of(on), &row);
        }
        let (namespace, revision) = (Namespace::Listed, 1);
        Delta {
            marks: vec![RevisionMark { revision, data_version: [1; 32] }],
            instruments: vec![Instrument { id: InstrumentId(1), namespace, revision }],
            namings: Vec::new(),
            texts: Vec::new(),
            segments: vec![Arc::new(Segment::of_table(table, revision))],
        }
    }

    /// The runtime of this test has one thread.
    #[tokio::test]
    async fn calls_run_while_a_delta_is_folded_and_none_frees_the_old_market() {
        let resident = Resident::of(Market::empty());
        let turns = Arc::new(AtomicU64::new(0));
        let other_call = tokio::spawn({
            let (turns, old) = (Arc::clone(&turns), resident.head());
            async move {
                while old.head().revision == 0 {
                    turns.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                }
            }
        });
        let old = Arc::downgrade(&resident.head());
        let delta = large_delta();
        let before = turns.load(Ordering::SeqCst);
        resident.writing().await.fold(delta).await;
        assert_eq!(resident.head().head().revision, 1);
        assert!(before + 1 < turns.load(Ordering::SeqCst), "other tasks ran meanwhile");
        // Ends the last call that uses the old market.
        other_call.abort();
        let _ = other_call.await;
        assert_eq!(old.strong_count(), 1, "the call did not free it");
        resident.retired().free();
        let patience = tokio::time::timeout(Duration::from_secs(10), async {
            while old.strong_count() != 0 {
                tokio::task::yield_now().await;
            }
        });
        patience.await.unwrap();
    }

    #[tokio::test]
    async fn a_compaction_that_cannot_write_changes_health() {
        let store = store::connect("sqlite::memory:").await.unwrap();
        let (resident, now) = (Resident::of(Market::empty()), Instant::from_micros(0));
        let health = StoreHealth::good(Clock::system());
        compact_once(&resident, store.as_ref(), now, &health).await;
        assert!(health.takes_writes());
        store.close().await;
        compact_once(&resident, store.as_ref(), now, &health).await;
        assert!(!health.takes_writes());
    }

    #[tokio::test]
    async fn a_compaction_without_work_does_not_change_health() {
        let store = store::connect("sqlite::memory:").await.unwrap();
        let (resident, now) = (Resident::of(Market::empty()), Instant::from_micros(0));
        let health = StoreHealth::good(Clock::system());
        health.written(&Err::<(), _>(StoreError::Replaced("is gone".to_owned())));
        compact_once(&resident, store.as_ref(), now, &health).await;
        assert!(!health.takes_writes());
    }
}
