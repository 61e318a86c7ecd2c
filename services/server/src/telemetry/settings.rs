//! The settings of logs, traces and metrics, and where each is sent.

use crate::{config::ConfigError, limits};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// Logging, to standard error, and optionally to a collector as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `text` for people or `json` for machines. Default: text.
    pub format: LogFormat,
    /// Levels in the syntax of `tracing_subscriber::EnvFilter`. Default: info.
    pub filter: String,
    /// URL of the collector to which the same records are sent over OTLP, as `tracing.endpoint`;
    /// empty means none. Default: empty.
    pub endpoint: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line of text per event.
    Text,
    /// One JSON object per event.
    Json,
}

/// Traces of calls, sent to a collector over OTLP (gRPC).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracing {
    /// URL of the collector, for instance `http://127.0.0.1:4317`; empty means that nothing is sent.
    /// Plain HTTP/2 only: send to a collector on the same host or pod. Default: empty.
    pub endpoint: String,
    /// Share of the calls that are traced, 0 to 1, if the caller does not say; a call whose caller
    /// traces (or does not trace) follows the caller. Default: 0.1.
    pub sample_ratio: f64,
}

/// The metrics of `/metrics`, sent to a collector over OTLP (gRPC).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushedMetrics {
    /// URL of the collector, as `tracing.endpoint`; empty means that nothing is sent. Default: empty.
    pub endpoint: String,
    /// Interval at which they are sent, milliseconds. Default: 30,000.
    pub interval_ms: u64,
}

impl Log {
    /// Default settings.
    pub fn standard() -> Log {
        Log { format: LogFormat::Text, filter: "info".to_owned(), endpoint: String::new() }
    }

    /// The levels that are logged.
    ///
    /// # Errors
    /// If the filter is not one.
    pub fn levels(&self) -> Result<EnvFilter, ConfigError> {
        self.filter.parse().map_err(|error| ConfigError::Invalid(format!("log.filter: {error}")))
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.levels()?;
        check_endpoint("log.endpoint", &self.endpoint)
    }
}

impl Tracing {
    /// Default settings.
    pub fn standard() -> Tracing {
        Tracing { endpoint: String::new(), sample_ratio: 0.1 }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            let text = format!("tracing.sample_ratio must be 0 to 1, is {}", self.sample_ratio);
            return Err(ConfigError::Invalid(text));
        }
        check_endpoint("tracing.endpoint", &self.endpoint)
    }
}

impl PushedMetrics {
    /// Default settings.
    pub fn standard() -> PushedMetrics {
        PushedMetrics { endpoint: String::new(), interval_ms: 30_000 }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let (least, most) = (limits::PUSH_INTERVAL_LEAST_MS, limits::LONGEST_MS);
        let what = match self.interval_ms {
            short if short < least => format!("at least {least}, is {short}"),
            long if most < long => format!("at most {most}, is {long}"),
            _ => return check_endpoint("metrics.endpoint", &self.endpoint),
        };
        Err(ConfigError::Invalid(format!("metrics.interval_ms must be {what}")))
    }
}

fn check_endpoint(setting: &str, endpoint: &str) -> Result<(), ConfigError> {
    let is_plain = endpoint.starts_with("http://")
        && endpoint.parse::<http::Uri>().is_ok_and(|uri| uri.authority().is_some());
    if endpoint.is_empty() || is_plain {
        return Ok(());
    }
    let text = format!("{setting} must be empty or a URL that begins with http://");
    Err(ConfigError::Invalid(text))
}
