//! The shell: the only crate that uses the wire protocol, the clock, the environment and the store.
//!
//! [`start`] goes from settings to a server that listens; [`Running::stop`] shuts it down without
//! failing a call. Reading order: `rpc.rs` lists the services and the pattern of a handler,
//! `services.rs` what handlers share, `call.rs` the layer around every call.

pub mod addresses;
pub mod admin;
pub mod admin_port;
pub mod as_of;
pub mod audit;
pub mod auth;
pub mod call;
pub mod caller_places;
pub mod clock;
pub mod compute;
pub mod config;
pub mod connection;
pub mod crowds;
pub mod excerpt;
pub mod follower;
pub mod guard;
pub mod hex;
pub mod limits;
pub mod line;
pub mod market;
pub mod metrics;
pub mod models;
pub mod needed;
pub mod patience;
pub mod phase;
pub mod pool;
pub mod prepared;
pub mod prepared_cache;
pub mod queue;
pub mod rate;
pub mod refusal;
pub mod retired;
pub mod revisions;
pub mod rotating;
pub mod rpc;
pub mod services;
pub mod settings;
pub mod start_error;
pub mod store_health;
pub mod store_url;
pub mod telemetry;
pub mod tls;
pub mod traced_store;
pub mod traffic;
pub mod turn;
pub mod upload;
pub mod views;

use crate::{
    admin_port::Pages,
    audit::AuditLog,
    auth::issuer_keys::{self, IssuerKeys},
    call::{CallLayer, authentication::AuthLayer, freshness::FreshnessLayer},
    clock::{Clock, Stopwatch},
    config::{Config, Drain},
    guard::Guard,
    line::Calls,
    market::Resident,
    metrics::{
        Metrics,
        observed::Observed,
        operations::OperationMetrics,
        sampler::{Sampled, Sampler},
    },
    phase::Phase,
    services::Services,
    settings::Settings,
    start_error::StartError,
    store_health::StoreState,
    store_url::StoreUrl,
    traced_store::TracedStore,
    traffic::Traffic,
    turn::Turns,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use store::{Place, Store, StoreError};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::Instant};
use tonic::transport::Server;
use tonic_health::{ServingStatus, server::HealthReporter};

/// Time that cut calls and connections, and a write past the deadline, get to end.
const LAST_FRAMES: Duration = Duration::from_millis(limits::LAST_FRAMES_MS);

/// A server that listens.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    admin_address: SocketAddr,
    services: Arc<Services>,
    metrics: Metrics,
    health: HealthReporter,
    phase: watch::Sender<Phase>,
    shut: watch::Sender<bool>,
    calls: Calls,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    background: Vec<JoinHandle<()>>,
    /// Task that keeps the health of the services that need the store.
    store_health: JoinHandle<()>,
    admin_port: JoinHandle<()>,
    drain: Drain,
}

/// Verifies what settings refer to elsewhere: that the keys of the issuer can be fetched. Files are
/// read when the server starts.
///
/// # Errors
/// If the keys cannot be fetched, or are none.
pub async fn verify(config: &Config) -> Result<(), StartError> {
    match config.auth.jwt.is_fetched() {
        true => Ok(issuer_keys::published(&config.auth.jwt).await.map(drop)?),
        false => Ok(()),
    }
}

/// Starts a server: checks the settings, opens the store and loads the market, then opens the port.
///
/// # Errors
/// [`StartError`], in the order of the steps.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_at(config, Clock::system()).await
}

/// [`start`] with a given clock.
///
/// # Errors
/// As [`start`].
pub async fn start_at(config: Config, clock: Clock) -> Result<Running, StartError> {
    let up = Stopwatch::start();
    check_processor()?;
    config.check()?;
    let settings = Settings::of(&config.roles)?;
    let guard = Guard::load(&config).await?;
    let metrics = Metrics::new()?;
    let (store, market) = open_store(&config, &metrics).await.map_err(|error| match error {
        StoreError::Missing(_) => StartError::NoStore(error),
        StoreError::Damaged(_) => {
            StartError::Damaged { url: config.store.to_string(), cause: error }
        }
        error => StartError::Store(error),
    })?;
    keep_settings(store.as_ref(), &settings).await?;
    let (phase, phases) = watch::channel(Phase::Serving);
    let seed = clock.now().micros().unsigned_abs() ^ u64::from(std::process::id()).rotate_left(48);
    let layer = CallLayer::new(&config.limits, metrics.calls().clone(), phases.clone(), seed);
    let services =
        Services::new(&config, settings, Arc::clone(&store), market, clock, phases.clone())?;
    let services = Arc::new(services);
    let (health, health_service) = tonic_health::server::health_reporter();
    let routes = rpc::routes(&services, config.connections.compress).add_service(health_service);
    let routes = if config.reflection { rpc::reflect(routes)? } else { routes };
    let (listener, address) = listen(config.listen).await?;
    let (admin_listener, admin_address) = listen(config.admin.listen).await?;
    connection::warn_of_few_files(config.limits.connections);
    report_start(&health, &services).await;
    let (shut, shutting) = watch::channel(false);
    let (in_flight, calls) = (layer.in_flight(), Calls::default());
    let rate = config.limits.calls_per_s_per_caller;
    let audit = Arc::new(AuditLog::default());
    let authority = guard.authority.clone();
    let gate = AuthLayer::new(authority, rate, Arc::clone(&audit), services.clock.clone());
    let freshness = FreshnessLayer::new(services.store_health.clone());
    let server = server(&config, seed).layer(layer).layer(gate).layer(freshness).add_routes(routes);
    let keys = guard.issuer_keys.clone();
    let sampler =
        observe(&metrics, &services, (in_flight, calls.clone(), keys, Arc::clone(&audit)), up);
    let tls = guard.keys.clone();
    let incoming = connection::accepted(listener, &config, tls, phases.clone(), calls.clone());
    let serving = tokio::spawn(server.serve_with_incoming_shutdown(incoming, raised(shutting)));
    tracing::info!(%address, admin = %admin_address, models = ?models::ALL, "serving");
    let store_changes = services.store_health.changes();
    let pages = Pages::new(phases, store_changes.clone(), metrics.clone());
    let mut background = background(&config, &services);
    background.extend(guard.follow(&config));
    background.extend([tokio::spawn(sampler.run()), tokio::spawn(audit.follow())]);
    Ok(Running {
        address,
        admin_address,
        admin_port: tokio::spawn(admin_port::serve(admin_listener, pages)),
        background,
        store_health: tokio::spawn(report_store_health(health.clone(), store_changes)),
        services,
        metrics,
        health,
        phase,
        shut,
        calls,
        serving,
        drain: config.drain,
    })
}

/// Has the metrics read these parts of the server; returns the sampler of what they cannot read.
fn observe(
    metrics: &Metrics,
    services: &Arc<Services>,
    ((traffic, turns), calls, issuer_keys, audit): (
        (Traffic, Turns),
        Calls,
        IssuerKeys,
        Arc<AuditLog>,
    ),
    up: Stopwatch,
) -> Sampler {
    let sampled = Arc::new(Sampled::default());
    let runtime = tokio::runtime::Handle::current().metrics();
    let services = Arc::clone(services);
    let log = (Arc::clone(&services.store), services.market.clone(), services.clock.clone());
    let sampler = Sampler::new(log, Arc::clone(&sampled), &metrics.meter());
    metrics.observe(&Arc::new(Observed {
        services,
        traffic,
        turns,
        calls,
        issuer_keys,
        audit,
        sampled,
        runtime,
        up,
    }));
    sampler
}

/// Listens on an address; returns it with the port that the system chose.
async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let cannot = |error: std::io::Error| StartError::Listen { address, cause: error.to_string() };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    Ok((listener, address))
}

/// Opens the store, verifies everything in it that can change an answer, and loads the market.
async fn open_store(
    config: &Config,
    metrics: &Metrics,
) -> Result<(Arc<dyn Store>, Resident), StoreError> {
    let standby = config.read_store.as_ref().map(StoreUrl::with_password);
    let place = Place { url: config.store.with_password(), standby };
    let store = if config.create {
        store::connect_on(place, config.thread_count()).await?
    } else {
        store::open_on(place, config.thread_count()).await?
    };
    let market = Resident::load(store.as_ref()).await?;
    // A standby can have what its primary has lost.
    store.confirm(market.head().head()).await?;
    Ok((TracedStore::of(store, place.url, OperationMetrics::new(&metrics.meter())), market))
}

/// Keeps the settings under their hash. Without this, answers could not be given again once the
/// settings have changed.
async fn keep_settings(store: &dyn Store, settings: &Settings) -> Result<(), StartError> {
    let kept = store.keep_settings(settings.document(), limits::SETTINGS_KEPT).await;
    match kept.map_err(StartError::Settings)? {
        true => Ok(()),
        false => Err(StartError::TooManySettings { most: limits::SETTINGS_KEPT }),
    }
}

fn server(config: &Config, seed: u64) -> Server {
    let connections = &config.connections;
    let millis = Duration::from_millis;
    let server = Server::builder()
        .max_concurrent_streams(config.limits.streams_per_connection)
        .http2_max_pending_accept_reset_streams(Some(limits::PENDING_RESETS))
        .http2_max_local_error_reset_streams(Some(limits::ERROR_RESETS))
        .http2_max_header_list_size(config.limits.header_bytes)
        .http2_keepalive_interval(Some(millis(connections.keepalive_ms)))
        .http2_keepalive_timeout(Some(millis(connections.keepalive_timeout_ms)))
        // Two MiB let a chunk of an upload arrive at once: the default window of 64 KiB costs a
        // round trip every 64 KiB.
        .initial_stream_window_size(Some(2 * limits::MIB as u32))
        .initial_connection_window_size(Some(8 * limits::MIB as u32));
    match connection_age_ms(connections.max_age_ms, seed) {
        0 => server,
        // No grace period: with one, tonic sends no GOAWAY and cuts calls in flight.
        age => server.max_connection_age(millis(age)),
    }
}

/// The age of connections of this process: within a tenth of the setting, so that the clients of
/// servers that started together do not all connect anew at once. 0 means any age.
fn connection_age_ms(setting: u64, seed: u64) -> u64 {
    setting - setting / 10 + seed % (setting / 5).max(1)
}

async fn raised(mut flag: watch::Receiver<bool>) {
    // A dropped sender means the same.
    let _ = flag.wait_for(|flag| *flag).await;
}

fn background(config: &Config, services: &Arc<Services>) -> Vec<JoinHandle<()>> {
    let [announced, silent] = [config.follow_ms, config.poll_ms].map(Duration::from_millis);
    let every = follower::Intervals { announced, silent };
    let (market, store) = (services.market.clone(), Arc::clone(&services.store));
    let health = services.store_health.clone();
    let follower = services.follower.clone();
    let mut tasks = vec![
        tokio::spawn(follower.run(market.clone(), Arc::clone(&store), every, health.clone())),
        tokio::spawn(follower::watch_writes(market, store, announced, health.clone())),
    ];
    if 0 < config.compact_s {
        let every = Duration::from_secs(config.compact_s);
        let store = (services.market.clone(), Arc::clone(&services.store));
        let clock = services.clock.clone();
        tasks.push(tokio::spawn(market::compact(store, clock, every, health)));
    }
    tasks
}

/// If the store fails, the server still answers from memory but accepts no files: only the service
/// that writes reports NOT_SERVING.
async fn report_store_health(health: HealthReporter, mut store: watch::Receiver<StoreState>) {
    loop {
        let state = *store.borrow_and_update();
        report_writes(&health, state).await;
        if store.changed().await.is_err() {
            return;
        }
    }
}

/// All services serve, and the one that writes if the store takes writes.
async fn report_start(health: &HealthReporter, services: &Services) {
    set_health(health, ServingStatus::Serving).await;
    let ours = services.market.head().head();
    services.store_health.asked(&services.store.takes_writes(ours).await);
    report_writes(health, services.store_health.state()).await;
}

async fn report_writes(health: &HealthReporter, state: StoreState) {
    let status = if state.is_good() { ServingStatus::Serving } else { ServingStatus::NotServing };
    health.set_service_status(rpc::WRITES, status).await;
}

async fn set_health(health: &HealthReporter, status: ServingStatus) {
    for name in rpc::NAMES.into_iter().chain([""]) {
        health.set_service_status(name, status).await;
    }
}

impl Running {
    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of its admin port.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// The state its handlers share.
    pub fn services(&self) -> &Arc<Services> {
        &self.services
    }

    /// Its metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Shuts the server down: health reports NOT_SERVING, balancers get time to notice, streams end
    /// with UNAVAILABLE, connections get a GOAWAY, calls in flight finish or are cut at the
    /// deadline, and the store is closed. Returns true if no call had to be cut.
    pub async fn stop(self) -> bool {
        self.stop_or(std::future::pending()).await
    }

    /// Like [`Running::stop`], but cuts the remaining calls when `hurry` resolves.
    pub async fn stop_or(mut self, hurry: impl Future<Output = ()>) -> bool {
        self.store_health.abort();
        self.phase.send_replace(Phase::Leaving);
        set_health(&self.health, ServingStatus::NotServing).await;
        let deadline = Duration::from_millis(self.drain.notice_ms + self.drain.deadline_ms);
        let deadline = Instant::now() + deadline;
        let mut hurry = std::pin::pin!(hurry);
        let drained = self.drain_calls_or(hurry.as_mut()).await;
        let cleanly = drained == Some(true) || self.cut_calls().await;
        self.background.iter().for_each(JoinHandle::abort);
        let last_frames = Instant::now() + LAST_FRAMES;
        match drained {
            Some(_) => self.close_store_or(deadline.max(last_frames), hurry).await,
            None => self.close_store(last_frames).await,
        }
        self.admin_port.abort();
        tracing::info!(drained = cleanly, "stopped");
        cleanly
    }

    /// [`Running::drain_calls`]; `None` if `hurry` resolved first.
    async fn drain_calls_or(&mut self, hurry: impl Future<Output = ()>) -> Option<bool> {
        tokio::select! {
            drained = self.drain_calls() => Some(drained),
            () = hurry => None,
        }
    }

    /// [`Running::close_store`], but waits no longer than until `hurry` resolves.
    async fn close_store_or(&self, deadline: Instant, hurry: impl Future<Output = ()>) {
        tokio::select! {
            () = self.close_store(deadline) => {}
            () = hurry => {}
        }
    }

    /// Closes the store once a write in progress is durable or rolled back. Past the deadline the
    /// process may end during a write, which is then lost.
    async fn close_store(&self, deadline: Instant) {
        let closed = async {
            let _writing = self.services.market.writing().await;
            self.services.store.close().await;
        };
        if tokio::time::timeout_at(deadline, closed).await.is_err() {
            tracing::warn!("the store was not closed in time; it may be busy with a write");
        }
    }

    /// Ends streams and waits for calls, up to the deadline; returns true if all of them finished.
    async fn drain_calls(&mut self) -> bool {
        tokio::time::sleep(Duration::from_millis(self.drain.notice_ms)).await;
        tracing::info!("draining");
        self.phase.send_replace(Phase::Draining);
        self.shut.send_replace(true);
        let patience = Duration::from_millis(self.drain.deadline_ms);
        tokio::time::timeout(patience, &mut self.serving).await.is_ok()
    }

    /// Ends every call and every connection; returns true if no call was left.
    async fn cut_calls(&mut self) -> bool {
        let calls = self.calls.count();
        tracing::warn!(calls, "cutting the remaining calls");
        self.phase.send_replace(Phase::Cut);
        self.shut.send_replace(true);
        // Cut calls get a moment to send their status, then their connections end.
        if tokio::time::timeout(2 * LAST_FRAMES, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
        calls == 0
    }
}

/// Returns a clear error where an illegal instruction would otherwise end the process.
fn check_processor() -> Result<(), StartError> {
    #[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
    if !std::arch::is_x86_feature_detected!("avx2") {
        return Err(StartError::Processor("AVX2"));
    }
    #[cfg(all(target_arch = "x86_64", target_feature = "fma"))]
    if !std::arch::is_x86_feature_detected!("fma") {
        return Err(StartError::Processor("FMA"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_servers_that_start_together_do_not_end_together() {
        assert_eq!(connection_age_ms(0, 12_345), 0, "any age");
        // Seeds of servers that start within a tenth of a second: microseconds of the clock.
        let ages: Vec<u64> = (0..1_000)
            .map(|at| connection_age_ms(300_000, 1_700_000_000_000_000 + 100 * at))
            .collect();
        // A tenth of 300,000 to either side.
        assert!(ages.iter().all(|age| (270_000..330_000).contains(age)));
        // Each twentieth of the range, 3,000 ms, has some of them.
        let parts: std::collections::BTreeSet<u64> =
            ages.iter().map(|age| (age - 270_000) / 3_000).collect();
        assert_eq!(parts.len(), 20);
    }
}
