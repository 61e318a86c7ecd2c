//! All settings, read once: a file, then the environment, then flags; unknown keys are rejected.
//!
//! Environment variables are `BALLAST_LISTEN`, and `BALLAST_LIMITS__UPLOADS` for a key inside a
//! table. Not settings, and ignored here: `BALLAST_CONFIG` (the file), and what client commands read
//! (`BALLAST_SERVER`, `BALLAST_TLS_CA`, `BALLAST_TLS_CERT`, `BALLAST_TLS_KEY`, `BALLAST_TOKEN_FILE`),
//! which are the cli's; and the variables that Kubernetes adds for a service called `ballast`
//! (`BALLAST_PORT`, `BALLAST_SERVICE_HOST`, …). [`Config::check`] runs before any port opens.

use crate::{
    auth::settings::Auth,
    limits::{self, Limits},
    settings::Settings,
    store_url::StoreUrl,
    telemetry::settings::{Log, PushedMetrics, Tracing},
    tls::Tls,
};
use factors::roles::{Issuer, Role, Roles};
use figment::{
    Figment, Provider,
    providers::{Env, Format as _, Serialized, Toml},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
};
use tokio::sync::Semaphore;

/// All settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address to listen on; port 0 picks a free one. Default: 127.0.0.1:50051.
    pub listen: SocketAddr,
    /// URL of the store: `sqlite:PATH`, `sqlite::memory:`, or
    /// `postgres://USER:PASSWORD@HOST/DATABASE`. Default: `sqlite:ballast.db`.
    pub store: StoreUrl,
    /// URL of a hot standby of the store in PostgreSQL, which then serves reads and is followed by
    /// polling; writes go to `store`. Default: none.
    pub read_store: Option<StoreUrl>,
    /// Whether to create a new, empty store if there is none. Default: false, so that a typo in a
    /// path does not serve an empty store.
    pub create: bool,
    /// Threads for heavy work, preparations included; 0 means one per processor. The store packs
    /// and decodes on as many threads of its own. Default: 0.
    pub threads: usize,
    /// Interval at which a store that announces the writes of other processes is polled as well,
    /// milliseconds. Default: 1,000.
    pub follow_ms: u64,
    /// Interval at which a store that does not announce them is polled (SQLite, a standby, behind a
    /// pooler), milliseconds. A poll reads one row. Default: 100.
    pub poll_ms: u64,
    /// Interval at which the store is compacted, seconds; 0 means never. Default: 60.
    pub compact_s: u64,
    /// Whether reflection is served, in both versions. Default: true.
    pub reflection: bool,
    /// The admin port.
    pub admin: Admin,
    /// TLS of the gRPC port.
    pub tls: Tls,
    /// Who may call.
    pub auth: Auth,
    /// Interval at which the files of `tls` and `auth` are read again, milliseconds. Default: 10,000.
    pub rotate_ms: u64,
    /// Logging.
    pub log: Log,
    /// Traces of calls.
    pub tracing: Tracing,
    /// Metrics that are sent to a collector, besides `/metrics`.
    pub metrics: PushedMetrics,
    /// Connection handling.
    pub connections: Connections,
    /// Shutdown.
    pub drain: Drain,
    /// The symbols configured for each role.
    pub roles: RoleNames,
    /// Limits.
    pub limits: Limits,
}

/// The admin port, which answers probes and scrapers over plain HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Address to listen on; port 0 picks a free one. It asks for no credentials, so beyond loopback
    /// a network policy must guard it. Default: 127.0.0.1:50052.
    pub listen: SocketAddr,
}

/// Connection handling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// Age at which a client is asked to close its connection, milliseconds, plus or minus a tenth,
    /// so that clients find new replicas; 0 means never. Calls in flight finish. Default: 300,000.
    pub max_age_ms: u64,
    /// Idle time after which the peer is pinged, milliseconds. Default: 30,000.
    pub keepalive_ms: u64,
    /// Maximum time for the ping's answer, milliseconds. Default: 10,000.
    pub keepalive_timeout_ms: u64,
    /// Maximum time until a client starts HTTP/2, milliseconds. Default: 10,000.
    pub preface_ms: u64,
    /// How long a client may leave 64 KiB of an answer unread before its connection is closed,
    /// milliseconds. Default: 60,000.
    pub unread_ms: u64,
    /// Whether answers are compressed for clients that accept gzip, as Python's client does by
    /// default: fewer bytes for many times the processor time of a small answer. Default: false.
    pub compress: bool,
}

/// Shutdown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// How long health reports NOT_SERVING before clients are asked to close their connections,
    /// milliseconds: the time that load balancers need to notice. Default: 0; use 5,000 behind a
    /// balancer.
    pub notice_ms: u64,
    /// Maximum time for calls in flight from then on, milliseconds. Default: 25,000.
    pub deadline_ms: u64,
    /// How long a connection without a running handler may keep unread answers after it was asked
    /// to close, milliseconds; a frozen client never closes by itself. Default: 2,000.
    pub grace_ms: u64,
}

/// The symbols configured for each role; roles not listed keep those of [`Roles::standard`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleNames {
    /// Candidates by role id (`small_cap_index`): the instrument itself first, then its proxies.
    #[serde(flatten)]
    pub candidates: BTreeMap<String, Vec<String>>,
    /// The megacaps, each a list of its share classes, the most traded first; the first class names
    /// the issuer.
    pub megacaps: Vec<Vec<String>>,
    /// Companies whose share classes differ in a ticker without a dot, each a list of its classes:
    /// they count as one issuer in sums over companies.
    pub share_classes: Vec<Vec<String>>,
    /// Ids of the memberships that breadth is measured over, in order of preference.
    pub breadth_universe: Vec<String>,
    /// Tickers of funds, which are not companies.
    pub funds: Vec<String>,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file, a variable or a flag cannot be read, or has an unknown key.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(#[from] Box<figment::Error>),
    /// The value of a setting is not valid.
    #[error("the configuration is not valid: {0}")]
    Invalid(String),
}

impl Config {
    /// Default settings.
    pub fn standard() -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 50_051)),
            store: "sqlite:ballast.db".to_owned().into(),
            read_store: None,
            create: false,
            threads: 0,
            follow_ms: 1_000,
            poll_ms: 100,
            compact_s: 60,
            reflection: true,
            admin: Admin { listen: SocketAddr::from(([127, 0, 0, 1], 50_052)) },
            tls: Tls::none(),
            auth: Auth::none(),
            rotate_ms: 10_000,
            log: Log::standard(),
            tracing: Tracing::standard(),
            metrics: PushedMetrics::standard(),
            connections: Connections {
                max_age_ms: 300_000,
                keepalive_ms: 30_000,
                keepalive_timeout_ms: 10_000,
                preface_ms: 10_000,
                unread_ms: 60_000,
                compress: false,
            },
            drain: Drain { notice_ms: 0, deadline_ms: 25_000, grace_ms: 2_000 },
            roles: RoleNames::of(&Roles::standard()),
            limits: Limits::standard(),
        }
    }

    /// Reads the settings of a file, if one is named, then of the environment, then of `flags`, and
    /// checks them.
    ///
    /// # Errors
    /// If a source cannot be read or has an unknown key, or a value is not valid.
    pub fn load(file: Option<&Path>, flags: impl Provider) -> Result<Config, ConfigError> {
        let figment = Figment::from(Serialized::defaults(Config::standard()));
        let figment = match file {
            Some(file) => figment.merge(Toml::file_exact(file)),
            None => figment,
        };
        let environment = Env::prefixed("BALLAST_")
            .filter(|key| is_setting(key.as_str()))
            .split("__")
            .lowercase(true);
        Config::of(&figment.merge(environment).merge(flags))
    }

    fn of(figment: &Figment) -> Result<Config, ConfigError> {
        let config: Config = figment.extract().map_err(Box::new)?;
        config.check()?;
        Ok(config)
    }

    /// Checks that the settings are valid together.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], naming the first setting that is not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        let largest_request = limits.largest_request_bytes() as u64;
        let largest_item = limits.largest_item_bytes() as u64;
        // Items have half of it, of which one connection may hold three quarters.
        let least_memory =
            (limits::LEAST_REQUESTS * largest_request).max((8 * largest_item).div_ceil(3));
        let bounds = [
            ("limits.receive_bytes", limits.receive_bytes as u64, 64 * 1024),
            ("limits.send_bytes", limits.send_bytes as u64, 64 * 1024),
            ("limits.header_bytes", u64::from(limits.header_bytes), 4 * 1024),
            ("limits.chunk_bytes", limits.chunk_bytes as u64, 1),
            ("limits.upload_ratio", limits.upload_ratio, 1),
            ("limits.upload_memory_bytes", limits.upload_memory_bytes, 1024 * 1024),
            ("limits.uploads", limits.uploads as u64, 1),
            ("limits.answer_bytes", limits.answer_bytes as u64, 2 * limits.send_bytes as u64),
            ("limits.request_memory_bytes", limits.request_memory_bytes as u64, least_memory),
            (
                "limits.request_memory_bytes_per_connection",
                limits.request_memory_bytes_per_connection as u64,
                // Items have three quarters of it, which the largest one must fit.
                largest_request.max((4 * largest_item).div_ceil(3)),
            ),
            (
                "limits.answer_bytes_per_connection",
                limits.answer_bytes_per_connection as u64,
                limits.send_bytes as u64,
            ),
            ("limits.request_idle_ms", limits.request_idle_ms, 1),
            ("limits.request_bytes_per_s", limits.request_bytes_per_s, 1),
            ("limits.connections", limits.connections as u64, 1),
            ("limits.handshakes", limits.handshakes as u64, 1),
            (
                "limits.probe_streams",
                limits.probe_streams as u64,
                limits.probe_streams_per_connection as u64,
            ),
            ("limits.probe_streams_per_connection", limits.probe_streams_per_connection as u64, 1),
            ("limits.exchanges_per_caller", limits.exchanges_per_caller as u64, 1),
            ("limits.uploads_per_caller", limits.uploads_per_caller as u64, 1),
            ("limits.watchers_per_caller", limits.watchers_per_caller as u64, 1),
            ("rotate_ms", self.rotate_ms, 1),
            ("connections.preface_ms", self.connections.preface_ms, 1),
            ("connections.unread_ms", self.connections.unread_ms, 1),
            ("limits.streams_per_connection", u64::from(limits.streams_per_connection), 1),
            ("limits.default_deadline_ms", limits.default_deadline_ms, 1),
            ("limits.watch_lifetime_ms", limits.watch_lifetime_ms, 1),
            ("limits.heartbeat_ms", limits.heartbeat_ms, 1),
            ("limits.max_deadline_ms", limits.max_deadline_ms, limits.default_deadline_ms),
            ("limits.receive_bytes", limits.receive_bytes as u64, limits.chunk_bytes as u64),
            ("follow_ms", self.follow_ms, 1),
            ("poll_ms", self.poll_ms, 1),
        ];
        for (name, value, least) in bounds {
            if value < least {
                let text = format!("{name} must be at least {least}, is {value}");
                return Err(ConfigError::Invalid(text));
            }
        }
        self.check_most()?;
        self.check_half_sent()?;
        self.tls.check()?;
        self.auth.check(self.listen, &self.tls)?;
        self.log.check()?;
        self.tracing.check()?;
        self.metrics.check()?;
        Settings::of(&self.roles).map(drop)
    }

    /// Upper bounds: semaphores have a maximum count, and sums of times must not overflow.
    fn check_most(&self) -> Result<(), ConfigError> {
        let (limits, count) = (&self.limits, Semaphore::MAX_PERMITS as u64);
        let (threads, queue) = (self.threads as u64, limits.compute_queue as u64);
        let longest = limits::LONGEST_MS;
        let bounds = [
            ("threads", threads, limits::THREADS as u64),
            ("limits.compute_queue", queue, count / 2),
            ("limits.connections", limits.connections as u64, count),
            ("limits.handshakes", limits.handshakes as u64, count),
            ("limits.uploads", limits.uploads as u64, count),
            ("limits.watchers", limits.watchers as u64, count),
            ("limits.exchanges", limits.exchanges as u64, count),
            ("limits.watch_memory_bytes", limits.watch_memory_bytes as u64, count),
            ("limits.answer_bytes", limits.answer_bytes as u64, count),
            ("limits.request_memory_bytes", limits.request_memory_bytes as u64, count),
            ("limits.upload_memory_bytes", limits.upload_memory_bytes, count),
            ("limits.receive_bytes", limits.receive_bytes as u64, u64::from(u32::MAX)),
            ("limits.send_bytes", limits.send_bytes as u64, u64::from(u32::MAX)),
            ("limits.request_idle_ms", limits.request_idle_ms, longest),
            ("limits.queue_ms", limits.queue_ms, longest),
            ("limits.standing_queue_ms", limits.standing_queue_ms, longest),
            ("limits.compute_queue_ms", limits.compute_queue_ms, longest),
            ("limits.past_queue_ms", limits.past_queue_ms, longest),
            ("limits.default_deadline_ms", limits.default_deadline_ms, longest),
            ("limits.max_deadline_ms", limits.max_deadline_ms, longest),
            ("limits.watch_lifetime_ms", limits.watch_lifetime_ms, longest),
            ("limits.heartbeat_ms", limits.heartbeat_ms, longest),
            ("connections.max_age_ms", self.connections.max_age_ms, longest),
            ("connections.keepalive_ms", self.connections.keepalive_ms, longest),
            ("connections.keepalive_timeout_ms", self.connections.keepalive_timeout_ms, longest),
            ("connections.preface_ms", self.connections.preface_ms, longest),
            ("connections.unread_ms", self.connections.unread_ms, longest),
            ("drain.notice_ms", self.drain.notice_ms, longest),
            ("drain.deadline_ms", self.drain.deadline_ms, longest),
            ("drain.grace_ms", self.drain.grace_ms, longest),
            ("follow_ms", self.follow_ms, longest),
            ("poll_ms", self.poll_ms, longest),
            ("rotate_ms", self.rotate_ms, longest),
            ("compact_s", self.compact_s, longest / 1_000),
        ];
        match bounds.into_iter().find(|(_, value, most)| most < value) {
            Some((name, value, most)) => {
                let text = format!("{name} must be at most {most}, is {value}");
                Err(ConfigError::Invalid(text))
            }
            None => Ok(()),
        }
    }

    /// Messages of streams that are not complete are never refused: they may take half of the memory of
    /// requests, and must leave the other half.
    fn check_half_sent(&self) -> Result<(), ConfigError> {
        let (least, most) =
            (self.limits.half_sent_bytes().saturating_mul(2), self.limits.request_memory_bytes);
        if least <= most {
            return Ok(());
        }
        let what = "twice the largest messages of all exchanges and uploads";
        let text =
            format!("limits.request_memory_bytes must be at least {least}, {what}, is {most}");
        Err(ConfigError::Invalid(text))
    }

    /// Number of threads for heavy work.
    pub fn thread_count(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        if self.threads == 0 { processors() } else { self.threads }
    }
}

/// Whether a variable's name after `BALLAST_` is one of these settings.
fn is_setting(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let is_the_clis = matches!(
        key.as_str(),
        "config" | "server" | "tls_ca" | "tls_cert" | "tls_key" | "token_file"
    );
    let is_kubernetes = key == "port" || key.starts_with("port_") || key.starts_with("service_");
    !(is_the_clis || is_kubernetes)
}

impl RoleNames {
    /// The configuration of some roles.
    pub fn of(roles: &Roles) -> RoleNames {
        let candidates = Role::ALL
            .into_iter()
            .map(|role| (role.id().to_owned(), roles.candidates(role).to_vec()));
        let classes = |issuers: &[Issuer]| issuers.iter().map(|i| i.classes.clone()).collect();
        RoleNames {
            candidates: candidates.collect(),
            megacaps: classes(&roles.megacaps),
            share_classes: classes(&roles.share_classes),
            breadth_universe: roles.breadth_universe.clone(),
            funds: roles.funds.clone(),
        }
    }

    /// The roles with these symbols.
    ///
    /// # Errors
    /// If a name is not a role, an issuer has no share class, or a class is listed twice.
    pub fn to_roles(&self) -> Result<Roles, ConfigError> {
        let mut roles = Roles::standard();
        for (id, candidates) in &self.candidates {
            let unknown = || ConfigError::Invalid(format!("roles.{id} is not a role"));
            roles = roles.with(Role::from_id(id).ok_or_else(unknown)?, candidates.clone());
        }
        roles.megacaps = issuers("megacaps", &self.megacaps)?;
        roles.share_classes = issuers("share_classes", &self.share_classes)?;
        roles.breadth_universe.clone_from(&self.breadth_universe);
        roles.funds.clone_from(&self.funds);
        Ok(roles)
    }
}

/// Issuers from lists of share classes, each named by its first class. A class belongs to one
/// issuer: listed twice, its company would be counted twice.
fn issuers(setting: &str, lists: &[Vec<String>]) -> Result<Vec<Issuer>, ConfigError> {
    let mut seen = BTreeSet::new();
    for class in lists.iter().flatten() {
        if !seen.insert(class.to_ascii_uppercase()) {
            return Err(ConfigError::Invalid(format!("roles.{setting}: {class} is listed twice")));
        }
    }
    let issuer = |classes: &Vec<String>| match classes.first() {
        Some(name) => Ok(Issuer { name: name.clone(), classes: classes.clone() }),
        None => Err(ConfigError::Invalid(format!("roles.{setting}: an issuer has no share class"))),
    };
    lists.iter().map(issuer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_toml(text: &str) -> Result<Config, ConfigError> {
        let defaults = Serialized::defaults(Config::standard());
        Config::of(&Figment::from(defaults).merge(Toml::string(text)))
    }

    #[test]
    fn settings_not_given_keep_their_defaults() {
        let config = of_toml("[limits]\nuploads = 2\n[roles]\nnasdaq = [\"QQQ\"]").unwrap();
        assert_eq!(config.limits.uploads, 2);
        assert_eq!(config.limits.watchers, Limits::standard().watchers);
        let roles = config.roles.to_roles().unwrap();
        assert_eq!(roles.candidates(Role::Nasdaq), ["QQQ"]);
        assert_eq!(roles.candidates(Role::Dow), Roles::standard().candidates(Role::Dow));
        assert_eq!(Config::standard().roles.to_roles().unwrap(), Roles::standard());
    }

    #[test]
    fn threads_are_those_configured_or_one_per_processor() {
        assert_eq!(of_toml("threads = 7").unwrap().thread_count(), 7);
        assert!(1 <= of_toml("threads = 0").unwrap().thread_count());
    }

    #[test]
    fn variables_of_kubernetes_are_ignored() {
        for key in ["PORT", "PORT_50051_TCP_ADDR", "SERVICE_HOST", "SERVICE_PORT_GRPC", "CONFIG"] {
            assert!(!is_setting(key), "{key}");
        }
        for key in ["LISTEN", "STORE", "LIMITS__UPLOADS", "LISEN"] {
            assert!(is_setting(key), "{key}");
        }
    }

    #[test]
    fn an_invalid_setting_is_rejected_by_name() {
        for (text, names) in [
            ("lisen = \"127.0.0.1:1\"", "lisen"),
            ("[limits]\nupload = 2", "upload"),
            ("[limits]\nuploads = 0", "limits.uploads"),
            ("[limits]\nuploads = \"two\"", "uploads"),
            // Each of these once ended the start with a panic.
            ("[limits]\nanswer_bytes = 9000000000000000000", "limits.answer_bytes must be at most"),
            ("[limits]\nconnections = 9000000000000000000", "limits.connections must be at most"),
            ("[limits]\nuploads = 9000000000000000000", "limits.uploads must be at most"),
            ("[limits]\nexchanges = 2000000000000000000", "limits.request_memory_bytes must be at"),
            ("[limits]\nwatchers = 9000000000000000000", "limits.watchers must be at most"),
            ("[limits]\ncompute_queue = 9000000000000000000", "limits.compute_queue must"),
            // Twice (29 + 4) messages of 4 MiB.
            ("[limits]\nexchanges = 29", "limits.request_memory_bytes must be at least 276824064"),
            // A third more than 36 MiB and an answer of 10,000 KiB.
            (
                "[limits]\nrequest_memory_bytes_per_connection = 63984981",
                "limits.request_memory_bytes_per_connection must be at least 63984982",
            ),
            ("threads = 100000", "threads must be at most"),
            ("[drain]\nnotice_ms = 9000000000000000000", "drain.notice_ms must be at most"),
            ("[tracing]\nendpoint = \"https://here\"", "tracing.endpoint"),
            ("[tracing]\nendpoint = \"http://\"", "tracing.endpoint"),
            ("[metrics]\nendpoint = \"here:4317\"", "metrics.endpoint"),
            ("[metrics]\ninterval_ms = 999", "metrics.interval_ms must be at least 1000"),
            ("[metrics]\ninterval_ms = 9000000000000000000", "metrics.interval_ms must be at most"),
            ("[log]\nendpoint = \"https://here\"", "log.endpoint"),
            ("[tracing]\nsample_ratio = 1.5", "tracing.sample_ratio"),
            ("[tracing]\nsample_ratio = nan", "tracing.sample_ratio"),
            ("[roles]\nnasdak = [\"QQQ\"]", "nasdak"),
            (
                "[roles]\nmegacaps = [[\"AAPL\"], [\"aapl\"]]",
                "roles.megacaps: aapl is listed twice",
            ),
            ("[roles]\nshare_classes = [[\"A\", \"A\"]]", "roles.share_classes: A is listed twice"),
            ("[log]\nfilter = \"a=b=c\"", "log.filter"),
            ("listen = \"here\"", "listen"),
        ] {
            let error = of_toml(text).unwrap_err().to_string();
            assert!(error.contains(names), "{text}: {error}");
        }
    }
}
