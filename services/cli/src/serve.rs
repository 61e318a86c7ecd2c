//! `ballast serve`: serves until asked to stop, then drains.

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use figment::providers::Serialized;
use serde_json::{Map, Value, json};
use server::{config::Config, telemetry};
use std::{net::SocketAddr, path::PathBuf};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Settings that flags can override; the file and the environment (`BALLAST_LISTEN`,
/// `BALLAST_LIMITS__UPLOADS`) can set all of them.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArguments {
    /// Settings file (TOML).
    #[arg(long, env = "BALLAST_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address of the admin port: probes and metrics over plain HTTP.
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// Certificate of the server (PEM), for TLS; needs --server-key.
    #[arg(long, value_name = "FILE")]
    server_certificate: Option<PathBuf>,
    /// Key of the server's certificate (PEM).
    #[arg(long, value_name = "FILE")]
    server_key: Option<PathBuf>,
    /// Authorities (PEM) whose client certificates are accepted.
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// Listen beyond loopback although no credentials are needed, because something else guards the
    /// port.
    #[arg(long)]
    anonymous: bool,
    /// URL of the store.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Create a new, empty store if it does not exist; without it a missing store is an error.
    #[arg(long)]
    create: bool,
    /// Threads for heavy work; 0 means one per processor.
    #[arg(long)]
    threads: Option<usize>,
    /// Format of log lines.
    #[arg(long, value_enum)]
    log_format: Option<LogFormat>,
    /// Log levels, for instance `info` or `server=debug`.
    #[arg(long, value_name = "FILTER")]
    log_filter: Option<String>,
    /// Check the settings, print them as JSON, fetch the keys of `auth.jwt.keys_url` once and exit.
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Serves until the first signal, then drains; a second signal cuts the calls that remain. Returns
/// true if no call had to be cut.
///
/// # Errors
/// If the settings are not valid, the store cannot be opened or the port is taken.
pub(crate) async fn run(arguments: &ServeArguments) -> Result<bool> {
    let config = Config::load(arguments.config.as_deref(), arguments.flags())?;
    if arguments.check {
        let text = serde_json::to_string_pretty(&config)?;
        crate::terminal::say(&format!("{text}\n"));
        server::verify(&config).await?;
        return Ok(true);
    }
    let mut exporter = telemetry::start(&config)?;
    survive_the_file_size_limit()?;
    let mut asks = Asks::new()?;
    let running = tokio::select! {
        running = server::start(config) => running?,
        () = asks.next() => return Ok(true),
    };
    exporter.follow(running.metrics());
    asks.next().await;
    let is_clean = running.stop_or(asks.next()).await;
    exporter.stop().await;
    Ok(is_clean)
}

impl ServeArguments {
    /// Only the flags that were given; they override the file and the environment.
    fn flags(&self) -> Serialized<Value> {
        let mut flags = Map::new();
        let mut log = Map::new();
        let mut give = |key: &str, value: Option<Value>| {
            flags.extend(value.map(|value| (key.to_owned(), value)));
        };
        give("listen", self.listen.map(|listen| json!(listen)));
        give("admin", self.admin_listen.map(|listen| json!({ "listen": listen })));
        let tls = [
            ("certificate", &self.server_certificate),
            ("key", &self.server_key),
            ("client_ca", &self.client_ca),
        ];
        let given =
            |(key, file): (&str, &Option<PathBuf>)| Some((key.to_owned(), json!(file.as_ref()?)));
        let tls: Map<String, Value> = tls.into_iter().filter_map(given).collect();
        give("tls", (!tls.is_empty()).then_some(Value::Object(tls)));
        give("auth", self.anonymous.then_some(json!({ "anonymous": true })));
        give("store", self.store.as_ref().map(|store| json!(store)));
        give("create", self.create.then_some(json!(true)));
        give("threads", self.threads.map(|threads| json!(threads)));
        if let Some(format) = self.log_format {
            let word = match format {
                LogFormat::Text => "text",
                LogFormat::Json => "json",
            };
            log.insert("format".to_owned(), json!(word));
        }
        log.extend(self.log_filter.as_ref().map(|filter| ("filter".to_owned(), json!(filter))));
        if !log.is_empty() {
            flags.insert("log".to_owned(), Value::Object(log));
        }
        Serialized::defaults(Value::Object(flags))
    }
}

/// The signals that ask a server to stop: SIGINT and SIGHUP from a terminal, SIGTERM from an
/// orchestrator.
struct Asks {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if the parent made the process ignore it, as `nohup` does.
    hang_up: Option<Signal>,
}

impl Asks {
    fn new() -> Result<Asks> {
        let listen = |kind| signal(kind).context("no signals here");
        let hang_up = (!ignores_hang_up()).then(|| listen(SignalKind::hangup()));
        Ok(Asks {
            hang_up: hang_up.transpose()?,
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hang_up => {}
        }
    }
}

/// Keeps the process alive when it reaches the limit on file size (`ulimit -f`): that sends
/// SIGXFSZ, which ends a process that does not handle it. With a handler the write fails, as on a
/// full disk.
fn survive_the_file_size_limit() -> Result<()> {
    // The signal's number on Linux and macOS; tokio has no name for it. The handler stays
    // installed.
    const SIGXFSZ: i32 = 25;
    signal(SignalKind::from_raw(SIGXFSZ)).map(drop).context("cannot listen for signals")
}

/// Whether the process was started with SIGHUP ignored, if the system reports it. Installing a
/// handler would undo that.
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is signal 1, the lowest bit.
    ignored.is_some_and(|mask| mask & 1 == 1)
}
