//! Serves until told to stop, then drains.

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use figment::providers::Serialized;
use serde_json::{Map, Value, json};
use server::{config::Config, telemetry};
use std::{net::SocketAddr, path::PathBuf};

/// Settings that a flag may give; a file and the environment (`BALLAST_LISTEN`,
/// `BALLAST_LIMITS__UPLOADS`) give all of them.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArguments {
    /// File of settings (TOML).
    #[arg(long, env = "BALLAST_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// URL of the store.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Make a new, empty store where there is none; without it that is refused.
    #[arg(long)]
    create: bool,
    /// Threads for heavy work; 0 takes one a processor.
    #[arg(long)]
    threads: Option<usize>,
    /// Form of a log line.
    #[arg(long, value_enum)]
    log_format: Option<LogFormat>,
    /// Levels of the log, for instance `info` or `server=debug`.
    #[arg(long, value_name = "FILTER")]
    log_filter: Option<String>,
    /// Check the settings, print them as JSON and leave.
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

/// Serves until SIGINT or SIGTERM; true where no call had to be cut.
///
/// # Errors
/// Where the settings are wrong, the store cannot be opened or the port is taken.
pub(crate) async fn run(arguments: &ServeArguments) -> Result<bool> {
    let config = Config::load(arguments.config.as_deref(), arguments.flags())?;
    if arguments.check {
        let text = serde_json::to_string_pretty(&config)?;
        crate::terminal::say(&format!("{text}\n"));
        return Ok(true);
    }
    telemetry::start(&config.log)?;
    let running = server::start(config).await?;
    asked_to_stop().await?;
    Ok(running.stop().await)
}

impl ServeArguments {
    /// Only what was given, over what file and environment say.
    fn flags(&self) -> Serialized<Value> {
        let mut flags = Map::new();
        let mut log = Map::new();
        let mut give = |key: &str, value: Option<Value>| {
            flags.extend(value.map(|value| (key.to_owned(), value)));
        };
        give("listen", self.listen.map(|listen| json!(listen)));
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

/// SIGINT from a terminal, SIGTERM from an orchestrator.
async fn asked_to_stop() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("no signals here")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("no signals here"),
        _ = terminate.recv() => Ok(()),
    }
}
