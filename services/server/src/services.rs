//! The state that all handlers share: the market, its views, the compute pool, the store, the
//! clock.

use crate::{
    as_of::{AsOf, Pin},
    caller_places::{CallerPlace, CallerPlaces},
    clock::Clock,
    compute::{Compute, Pools},
    config::{Config, ConfigError},
    follower::Follower,
    hex::{hex, unhex},
    limits::{self, Limits},
    market::Resident,
    models, patience,
    phase::Phase,
    pool::{Pool, Room},
    prepared::Prepared,
    prepared_cache::{PreparedCache, PreparedUse},
    rate::Origin,
    refusal::Refusal,
    revisions::Wakes,
    settings::Settings,
    store_health::StoreHealth,
    telemetry::spans::in_task,
    upload::memory::{Memory, Share},
    views::{Pinned, View},
};
use marketdata::{instant::Instant, market::Market, reference::ReferenceKnowledge};
use portfolio::lines::Violation;
use std::{sync::Arc, time::Duration};
use store::{Store, StoreError};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};

/// The state that all handlers share.
#[derive(Debug)]
pub struct Services {
    /// The log.
    pub store: Arc<dyn Store>,
    /// Whether the store accepts writes.
    pub store_health: StoreHealth,
    /// The market at the head.
    pub market: Resident,
    /// What keeps it there.
    pub follower: Follower,
    /// Where analyses of prepared views run, which take milliseconds.
    pub analyses: Compute,
    /// Where other heavy work runs.
    pub compute: Compute,
    /// Where views of now are prepared.
    pub views: Compute,
    /// Where views of the past are prepared.
    pub past: Compute,
    /// The clock.
    pub clock: Clock,
    /// Limits.
    pub limits: Limits,
    /// Held by the calibration that runs: one at a time.
    pub calibrating: Mutex<()>,
    prepared: Arc<PreparedCache>,
    settings: Arc<Settings>,
    watchers: Arc<CallerPlaces>,
    watch_memory: Arc<Pool>,
    watch_turns: Arc<Semaphore>,
    exchanges: Arc<CallerPlaces>,
    explanations: Arc<Semaphore>,
    uploads: Arc<CallerPlaces>,
    upload_memory: Memory,
    store_reads: Arc<Semaphore>,
    phase: watch::Receiver<Phase>,
}

impl Services {
    /// Builds the state from checked settings.
    ///
    /// # Errors
    /// If the threads cannot be started.
    pub fn new(
        config: &Config,
        settings: Settings,
        store: Arc<dyn Store>,
        market: Resident,
        clock: Clock,
        phase: watch::Receiver<Phase>,
    ) -> Result<Services, ConfigError> {
        let limits = config.limits.clone();
        let pools = Pools::new(config.thread_count(), &limits)
            .map_err(|error| ConfigError::Invalid(format!("threads: {error}")))?;
        let retired = market.retired().clone();
        let prepared = PreparedCache::new(limits.prepared_bytes, pools.clone(), retired);
        Ok(Services {
            store,
            store_health: StoreHealth::good(clock.clone()),
            market,
            follower: Follower::idle(),
            analyses: pools.analyses,
            views: pools.views,
            compute: pools.long,
            past: pools.past,
            clock,
            calibrating: Mutex::new(()),
            prepared,
            settings: Arc::new(settings),
            watchers: CallerPlaces::new(
                "watch streams",
                ["limits.watchers", "limits.watchers_per_caller"],
                [limits.watchers, limits.watchers_per_caller],
            ),
            watch_memory: Pool::new(
                "bytes of watch streams",
                ["limits.watch_memory_bytes"; 2],
                [limits.watch_memory_bytes; 2],
            ),
            watch_turns: Arc::new(Semaphore::new(limits::WATCH_TURNS)),
            exchanges: CallerPlaces::new(
                "streams of portfolios",
                ["limits.exchanges", "limits.exchanges_per_caller"],
                [limits.exchanges, limits.exchanges_per_caller],
            ),
            explanations: Arc::new(Semaphore::new(limits::EXPLANATIONS)),
            uploads: CallerPlaces::new(
                "uploads",
                ["limits.uploads", "limits.uploads_per_caller"],
                [limits.uploads, limits.uploads_per_caller],
            ),
            upload_memory: Memory::new(limits.upload_memory_bytes),
            store_reads: Arc::new(Semaphore::new(limits::STORE_READS)),
            phase,
            limits,
        })
    }

    /// The view that a request asks for, for a service with this model version.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the as-of is ahead of the clock, or if no rate of the currency of the
    /// portfolio is known, [`Refusal::RevisionUnknown`], [`Refusal::Behind`],
    /// [`Refusal::Mismatch`] if the request expects another model, unknown settings, or other data.
    pub async fn view(&self, as_of: &AsOf, model: &'static str) -> Result<Pinned, Refusal> {
        let at = self.instant(as_of)?;
        let market = self.market_at(as_of.revision).await?;
        let revision = as_of.revision.unwrap_or(market.head().revision);
        let settings = self.settings_of(as_of).await?;
        let reference = as_of.reference.unwrap_or(ReferenceKnowledge::AsPublished);
        let view = View::of(&market, at, revision, settings)?;
        let knows_more = market.cut(at) < market.cut(self.clock.now());
        let is_past = knows_more || revision < market.head().revision;
        let view = view.with_reference(reference);
        let view = View { is_past, ..view };
        for (pin, asked) in &as_of.pins {
            let here = match pin {
                Pin::AnswerModel if models::is_of_another_service(asked, model) => continue,
                Pin::AnswerModel | Pin::ModelVersion => model.to_owned(),
                Pin::ConfigHash => self.settings.hash().to_owned(),
                Pin::DataVersion => hex(&view.snapshot.data_version()),
            };
            if here != *asked {
                return Err(Refusal::Mismatch { what: *pin, asked: asked.clone(), here });
            }
        }
        Ok(Pinned::new(view.in_currency(as_of.base, as_of.base_path)?, at, model))
    }

    /// The market at its head, which has a revision if the log has it. A caller may know the
    /// revision from another replica, before this one has heard of it.
    async fn market_at(&self, revision: Option<u64>) -> Result<Arc<Market>, Refusal> {
        let has_it = |market: &Market| revision.is_none_or(|asked| asked <= market.head().revision);
        let market = self.market.head();
        if has_it(&market) {
            return Ok(market);
        }
        let mut heads = self.market.heads();
        let found = async {
            // If all there is was just read, a revision beyond it does not exist.
            if !self.follower.look().await {
                drop(heads.wait_for(|market| has_it(market)).await);
            }
        };
        match tokio::time::timeout_at(patience::end(), found).await {
            Ok(()) => Ok(self.market.head()),
            Err(_) => Err(Refusal::Behind {
                asked: revision.unwrap_or_default(),
                head: self.market.head().head().revision,
            }),
        }
    }

    /// The settings that a request asks for: those of this server, or kept ones.
    async fn settings_of(&self, as_of: &AsOf) -> Result<Arc<Settings>, Refusal> {
        let here = self.settings.hash();
        let Some(asked) = as_of.settings.as_ref().filter(|asked| *asked != here) else {
            return Ok(Arc::clone(&self.settings));
        };
        // Read from the store each time, not at the start: another server on it may have kept them
        // since, and a replay under earlier settings is rare.
        let document = match unhex(asked).and_then(|hash| hash.try_into().ok()) {
            Some(hash) => self.read(move |store| async move { store.settings(hash).await }).await?,
            None => None,
        };
        let settings = document.and_then(Settings::read).filter(|read| read.hash() == asked);
        settings.map(Arc::new).ok_or_else(|| Refusal::Mismatch {
            what: Pin::ConfigHash,
            asked: asked.clone(),
            here: here.to_owned(),
        })
    }

    /// Reads the store for a call, which gets an answer before its deadline; then the database ends
    /// the read as well. A read goes on when its caller leaves earlier, so only
    /// [`limits::STORE_READS`] run at a time: the follower always finds a connection, however slow
    /// the database is.
    ///
    /// # Errors
    /// [`Refusal::StoreLate`], [`Refusal::Store`].
    pub async fn read<T: Send + 'static, Read>(
        &self,
        read: impl FnOnce(Arc<dyn Store>) -> Read + Send + 'static,
    ) -> Result<T, Refusal>
    where
        Read: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let end = patience::end();
        let in_time = async {
            let turn = Arc::clone(&self.store_reads).acquire_owned().await;
            let read = read(self.store.until(end));
            let reading = tokio::spawn(in_task(async move {
                let _turn = turn;
                read.await
            }));
            reading.await.map_err(|error| Refusal::Failed(format!("a read ended: {error}")))
        };
        let answered = tokio::time::timeout_at(end, in_time).await;
        Ok(answered.map_err(|_| Refusal::StoreLate)???)
    }

    /// The value that a service prepares from a view, shared by all requests it is valid for.
    ///
    /// # Errors
    /// As [`PreparedCache::get`].
    pub async fn prepared<T: Prepared<Base = ()>>(
        &self,
        pinned: &Pinned,
    ) -> Result<Arc<T>, Refusal> {
        self.prepared.get(pinned.view()).await
    }

    /// The same of a value that is made from another prepared value of the same view.
    ///
    /// # Errors
    /// As [`PreparedCache::get`].
    pub async fn prepared_from<T: Prepared>(
        &self,
        pinned: &Pinned,
        base: &Arc<T::Base>,
    ) -> Result<Arc<T>, Refusal> {
        self.prepared.get_from(pinned.view(), base).await
    }

    /// The phase of the server, for streams that end with it.
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.clone()
    }

    /// Preparations begun since the start.
    pub fn preparations(&self) -> u64 {
        self.prepared.usage().begun
    }

    /// How prepared values are used.
    pub fn prepared_use(&self) -> PreparedUse {
        self.prepared.usage()
    }

    fn instant(&self, as_of: &AsOf) -> Result<Instant, Refusal> {
        let now = self.clock.now();
        let at = as_of.when.instant(now);
        if at.micros() <= now.micros().saturating_add(limits::CLOCK_SKEW_MICROS) {
            return Ok(at);
        }
        Err(Refusal::Invalid(vec![Violation {
            field: as_of.field(),
            description: format!(
                "{} is in the future; the server's time is {}",
                as_of.when.given(),
                now.whole_second()
            ),
        }]))
    }

    /// A subscription for a watch stream of a caller, and its place, which it keeps as long as it
    /// lasts.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if there are too many, or the caller has its share.
    pub fn watch(&self, caller: Option<Origin>) -> Result<(Wakes, CallerPlace), Refusal> {
        let place = self.watchers.take(caller)?;
        let heartbeat = Duration::from_millis(self.limits.heartbeat_ms);
        let wakes = Wakes::new(&self.market, self.phase.clone(), self.clock.clone(), heartbeat);
        Ok((wakes, place))
    }

    /// Room for what a watch stream keeps, still empty.
    pub fn watch_room(&self) -> Room {
        self.watch_memory.share().empty()
    }

    /// Bytes that watch streams hold.
    pub fn watch_bytes(&self) -> usize {
        self.watch_memory.held()
    }

    /// A turn to look at a view for a watch stream, until it is dropped.
    ///
    /// # Errors
    /// Never while the server runs.
    pub async fn watch_turn(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.watch_turns).acquire_owned().await.map_err(|_| Refusal::ShuttingDown)
    }

    /// A place for a stream of portfolios of a caller; it is held until it is dropped.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if there are too many, or the caller has its share.
    pub fn exchange(&self, caller: Option<Origin>) -> Result<CallerPlace, Refusal> {
        self.exchanges.take(caller)
    }

    /// A turn to explain a change, until it is dropped.
    ///
    /// # Errors
    /// Never while the server runs.
    pub async fn explanation(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let turn = Arc::clone(&self.explanations).acquire_owned().await;
        turn.map_err(|_| Refusal::ShuttingDown)
    }

    /// A place for an upload of a caller; it is held until it is dropped.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if there are too many, or the caller has its share.
    pub fn upload(&self, caller: Option<Origin>) -> Result<CallerPlace, Refusal> {
        self.uploads.take(caller)
    }

    /// A new upload's share of the memory for uploads.
    pub fn upload_memory(&self) -> Share {
        self.upload_memory.share()
    }

    /// Number of uploads in progress.
    pub fn uploads_under_way(&self) -> usize {
        self.uploads.taken()
    }

    /// Number of streams of portfolios.
    pub fn exchanges_under_way(&self) -> usize {
        self.exchanges.taken()
    }

    /// Memory taken by uploads, bytes.
    pub fn upload_bytes(&self) -> u64 {
        self.upload_memory.held()
    }

    /// Number of watch streams.
    pub fn watches_under_way(&self) -> usize {
        self.watchers.taken()
    }

    /// The settings that answers depend on, unless a request names earlier ones.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}
