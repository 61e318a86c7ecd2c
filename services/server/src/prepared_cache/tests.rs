//! Tests of the prepared cache: what it keeps, carries over, shares and frees.

use super::*;
use crate::{compute::Compute, config::Config, limits::Limits, settings::Settings};
use factors::roles::Roles;
use marketdata::{
    dataset::{Dataset, Field},
    fixture::{Fixture, day},
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
};
use std::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::ThreadId,
};

const MIB: usize = 1 << 20;

fn cache(most_bytes: usize) -> Arc<PreparedCache> {
    PreparedCache::new(most_bytes, pools(2, 8), Retired::new())
}

fn pools(threads: usize, queue: usize) -> Pools {
    let limits = Limits { compute_queue: queue, ..Limits::standard() };
    Pools::new(threads, &limits).unwrap()
}

fn view(fixture: &Fixture, as_of: Instant) -> View {
    let market = fixture.market();
    let settings = Settings::of(&Config::standard().roles).unwrap();
    View::of(&market, as_of, market.head().revision, Arc::new(settings)).unwrap()
}

/// A market with one close, and the instant of that close.
fn one_close() -> (Fixture, Instant) {
    let mut fixture = Fixture::new();
    let on = day("2024-07-10");
    fixture.closes("AAPL", &[(on, 1.0)]).commit();
    (fixture, Instant::close_of(on))
}

fn later(instant: Instant, seconds: i64) -> Instant {
    Instant::from_micros(instant.micros() + seconds * 1_000_000)
}

fn add_short_interest(fixture: &mut Fixture, published: Instant) {
    let key = (fixture.id(Namespace::Listed, "AAPL"), InstrumentId::NONE);
    let values = [(Field::SharesShort, published.micros() as f64)];
    fixture.fact(Dataset::ShortInterest, key, day("2024-06-28"), published, &values).commit();
}

/// A value that counts the closes it sees.
#[derive(Debug)]
struct Closes {
    rows: usize,
    /// Number of rows of the value it was prepared from.
    previous: Option<usize>,
}

impl Prepared for Closes {
    const READS: DatasetSet = DatasetSet::of(&[Dataset::Bars]);

    type Base = ();

    fn prepare(snapshot: &Snapshot, _: &Roles, (): &(), previous: Option<&Self>) -> Self {
        let rows = snapshot.rows(Dataset::Bars, InstrumentId(1)).len();
        Closes { rows, previous: previous.map(|previous| previous.rows) }
    }

    fn bytes(&self) -> usize {
        MIB
    }
}

#[tokio::test]
async fn a_value_survives_data_it_does_not_read_and_is_prepared_again_for_data_it_does() {
    let (mut fixture, close) = one_close();
    let cache = cache(64 * MIB);
    let first = cache.get::<Closes>(&view(&fixture, close)).await.unwrap();
    assert_eq!((first.rows, first.previous), (1, None));
    let same = cache.get::<Closes>(&view(&fixture, later(close, 1))).await.unwrap();
    assert!(Arc::ptr_eq(&first, &same), "time passes without a publication");

    add_short_interest(&mut fixture, later(close, 60));
    for seconds in [1, 59, 61, 1] {
        let carried = cache.get::<Closes>(&view(&fixture, later(close, seconds))).await.unwrap();
        assert!(Arc::ptr_eq(&first, &carried), "short interest, {seconds} s after the close");
    }
    let midnight = later(close, 8 * 3_600);
    let next_day = cache.get::<Closes>(&view(&fixture, midnight)).await.unwrap();
    assert_eq!((next_day.rows, next_day.previous), (1, Some(1)), "another day");

    // Published a day later, and visible only from then on.
    fixture.closes("AAPL", &[(day("2024-07-11"), 2.0)]).commit();
    let before = cache.get::<Closes>(&view(&fixture, midnight)).await.unwrap();
    assert!(Arc::ptr_eq(&next_day, &before), "later publications are not visible");
    let after = Instant::close_of(day("2024-07-11"));
    let after = cache.get::<Closes>(&view(&fixture, after)).await.unwrap();
    assert_eq!((after.rows, after.previous), (2, Some(1)));
    // No kept value is earlier than the market before the first close.
    let none = cache.get::<Closes>(&view(&fixture, later(close, -86_400))).await.unwrap();
    assert_eq!((none.rows, none.previous), (0, None));

    fixture.id(Namespace::Listed, "NEW");
    fixture.commit();
    let named = cache.get::<Closes>(&view(&fixture, midnight)).await.unwrap();
    assert!(!Arc::ptr_eq(&next_day, &named), "a new name may change how symbols resolve");
}

#[tokio::test]
async fn a_value_is_neither_shared_with_other_settings_nor_prepared_from_theirs() {
    let (fixture, close) = one_close();
    let cache = cache(64 * MIB);
    let here = view(&fixture, close);
    let mut roles = Config::standard().roles;
    roles.funds.push("OTHER".to_owned());
    let settings = Arc::new(Settings::of(&roles).unwrap());
    let elsewhere = View { settings, ..here.clone() };
    let first = cache.get::<Closes>(&here).await.unwrap();
    let other = cache.get::<Closes>(&elsewhere).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
    assert_eq!((other.rows, other.previous), (1, None));
    for (view, value) in [(&here, &first), (&elsewhere, &other)] {
        assert!(Arc::ptr_eq(&cache.get::<Closes>(view).await.unwrap(), value), "both are kept");
    }
    let later = View { snapshot: view(&fixture, later(close, 86_400)).snapshot, ..elsewhere };
    assert_eq!(cache.get::<Closes>(&later).await.unwrap().previous, Some(1));
}

/// Reports which thread dropped it, and that it could take the lock of the cache then.
#[derive(Debug)]
struct Probe {
    cache: Arc<PreparedCache>,
    sender: mpsc::Sender<ThreadId>,
}

impl Drop for Probe {
    fn drop(&mut self) {
        if self.cache.kept.try_lock().is_ok() {
            let _ = self.sender.send(std::thread::current().id());
        }
    }
}

/// A value of one MiB that may hold a probe.
#[derive(Debug)]
struct Probed(Mutex<Option<Probe>>);

impl Prepared for Probed {
    const READS: DatasetSet = DatasetSet::EMPTY;

    type Base = ();

    fn prepare(_: &Snapshot, _: &Roles, (): &(), _: Option<&Self>) -> Self {
        Probed(Mutex::new(None))
    }

    fn bytes(&self) -> usize {
        MIB
    }
}

#[tokio::test]
async fn values_are_bounded_in_bytes_and_freed_without_a_lock_or_an_io_thread() {
    let (fixture, close) = one_close();
    // Besides the values, the memory that a snapshot keeps of an old market counts: some hundred
    // bytes here.
    let cache = cache(2 * MIB + MIB / 2);
    let on = |days: i64| view(&fixture, later(close, days * 86_400));
    let (sender, receiver) = mpsc::channel();
    let first = cache.get::<Probed>(&on(0)).await.unwrap();
    *first.0.lock().unwrap() = Some(Probe { cache: Arc::clone(&cache), sender });
    let second = cache.get::<Probed>(&on(1)).await.unwrap();
    assert!((2 * MIB..2 * MIB + MIB / 2).contains(&cache.bytes()));
    assert!(Arc::ptr_eq(&first, &cache.get(&on(0)).await.unwrap()), "used last");
    cache.get::<Probed>(&on(2)).await.unwrap();
    assert!(Arc::ptr_eq(&first, &cache.get(&on(0)).await.unwrap()), "kept");
    assert!(!Arc::ptr_eq(&second, &cache.get(&on(1)).await.unwrap()), "it was dropped");

    for days in 3..6 {
        cache.get::<Probed>(&on(days)).await.unwrap();
    }
    assert!(cache.bytes() < 2 * MIB + MIB / 2);
    assert!(receiver.try_recv().is_err(), "a value in use is not freed");
    drop(first);
    assert!(receiver.try_recv().is_err(), "nor is it freed by the last call that used it");
    cache.retired.free();
    let freed_on = tokio::task::spawn_blocking(move || receiver.recv()).await.unwrap().unwrap();
    assert_ne!(freed_on, std::thread::current().id());
}

#[tokio::test]
async fn a_value_above_the_bound_is_used_and_not_kept() {
    let (fixture, close) = one_close();
    let cache = cache(0);
    let first = cache.get::<Closes>(&view(&fixture, close)).await.unwrap();
    let second = cache.get::<Closes>(&view(&fixture, close)).await.unwrap();
    assert_eq!((first.rows, second.rows, second.previous), (1, 1, None));
    assert_eq!(cache.bytes(), 0);
}

static GATE: Mutex<Option<mpsc::Receiver<()>>> = Mutex::new(None);
static SLOW_RUNS: AtomicUsize = AtomicUsize::new(0);

/// A value whose preparation waits until the gate opens.
#[derive(Debug)]
struct Slow;

impl Prepared for Slow {
    const READS: DatasetSet = DatasetSet::ALL;

    type Base = ();

    fn prepare(_: &Snapshot, _: &Roles, (): &(), _: Option<&Self>) -> Self {
        SLOW_RUNS.fetch_add(1, Ordering::SeqCst);
        let gate = GATE.lock().unwrap().take();
        let _ = gate.map(|gate| gate.recv());
        Slow
    }

    fn bytes(&self) -> usize {
        0
    }
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_cancel_the_preparation_for_others() {
    let (fixture, close) = one_close();
    let (open, gate) = mpsc::channel();
    *GATE.lock().unwrap() = Some(gate);
    // One thread: a second computation, or a blocked thread, would stop everything.
    let cache = PreparedCache::new(MIB, pools(1, 8), Retired::new());
    let view = view(&fixture, close);
    let call = || {
        let (cache, view) = (Arc::clone(&cache), view.clone());
        tokio::spawn(async move { cache.get::<Slow>(&view).await.unwrap() })
    };
    let (first, second) = (call(), call());
    while SLOW_RUNS.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let third = call();
    open.send(()).unwrap();
    let (second, third) = (second.await.unwrap(), third.await.unwrap());
    assert!(Arc::ptr_eq(&second, &third));
    assert_eq!(SLOW_RUNS.load(Ordering::SeqCst), 1);
    assert_eq!(cache.pools.views.run(|| 7).await.unwrap(), 7);
}

#[tokio::test]
async fn a_preparation_that_no_one_waits_for_is_not_begun() {
    let (fixture, close) = one_close();
    let cache = PreparedCache::new(MIB, pools(1, 8), Retired::new());
    let (release, held) = mpsc::channel::<()>();
    let present = cache.pools.views.clone();
    let busy = tokio::spawn(async move { present.run(move || held.recv().is_ok()).await });
    let (called, view) = (Arc::clone(&cache), view(&fixture, close));
    let call = tokio::spawn({
        let view = view.clone();
        async move { called.get::<Closes>(&view).await.map(|value| value.rows) }
    });
    while cache.usage().begun == 0 {
        tokio::task::yield_now().await;
    }
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    release.send(()).unwrap();
    assert!(busy.await.unwrap().unwrap());
    cache.pools.views.run(|| ()).await.unwrap();
    assert_eq!(cache.usage().values, 0, "it is forgotten");
    assert_eq!(cache.get::<Closes>(&view).await.unwrap().rows, 1, "and prepared when asked for");
}

static FAULTY_RUNS: AtomicUsize = AtomicUsize::new(0);

/// A value whose first preparation panics.
#[derive(Debug)]
struct Faulty;

impl Prepared for Faulty {
    const READS: DatasetSet = DatasetSet::ALL;

    type Base = ();

    fn prepare(_: &Snapshot, _: &Roles, (): &(), _: Option<&Self>) -> Self {
        assert!(FAULTY_RUNS.fetch_add(1, Ordering::SeqCst) != 0, "a deliberate panic");
        Faulty
    }

    fn bytes(&self) -> usize {
        0
    }
}

#[tokio::test]
async fn a_panicking_preparation_fails_its_waiters_and_is_tried_again() {
    let (fixture, close) = one_close();
    let (cache, view) = (cache(MIB), view(&fixture, close));
    let (one, two) = tokio::join!(cache.get::<Faulty>(&view), cache.get::<Faulty>(&view));
    for failed in [one, two] {
        let Err(Refusal::Failed(why)) = failed else { panic!("{failed:?}") };
        assert!(why.contains("a deliberate panic"), "{why}");
    }
    assert!(cache.get::<Faulty>(&view).await.is_ok());
    assert_eq!(FAULTY_RUNS.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_full_queue_refuses_preparations_but_not_cached_values() {
    let (fixture, close) = one_close();
    let pools = pools(1, 0);
    let compute: Compute = pools.views.clone();
    let cache = PreparedCache::new(64 * MIB, pools, Retired::new());
    let view = view(&fixture, close);
    cache.get::<Closes>(&view).await.unwrap();
    let place = async {
        loop {
            match compute.admit() {
                Ok(place) => break place,
                // The pool releases the place at the end of the preparation.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let place = tokio::time::timeout(std::time::Duration::from_secs(60), place).await;
    let _place = place.expect("the place is free within a minute");
    assert!(matches!(cache.get::<Probed>(&view).await, Err(Refusal::Overloaded { .. })));
    cache.get::<Closes>(&view).await.unwrap();
}
