//! The shape of each method, from the contract's descriptor, and the deadline that follows from it.

use crate::{limits::Limits, refusal::Refusal};
use http::HeaderMap;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How the messages of a method flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One request, one response.
    Unary,
    /// Many requests, one response.
    Upload,
    /// One request, responses without end.
    Watch,
    /// Many requests, one response to each.
    Exchange,
}

/// The methods that are served, by path.
#[derive(Debug)]
pub(crate) struct Methods {
    known: BTreeMap<String, Method>,
    other: Method,
}

/// A method.
#[derive(Clone, Debug)]
pub(crate) struct Method {
    /// How its messages flow.
    pub(crate) shape: Shape,
    /// Its full name without the leading slash, for metrics and spans; `_OTHER` if there is no such
    /// method, because a caller can invent any number of names.
    pub(crate) name: Arc<str>,
    /// Whether it is of health or of reflection: strangers may call the one, and both are called
    /// by probers and tools, as often as they like.
    pub(crate) is_probe: bool,
}

impl Method {
    fn new(name: &str, shape: Shape) -> Method {
        Method { shape, name: name.into(), is_probe: name.starts_with("grpc.") }
    }

    fn at(path: &str, shape: Shape) -> (String, Method) {
        (path.to_owned(), Method::new(path.trim_start_matches('/'), shape))
    }
}

impl Methods {
    /// The methods of this service's contract, of health and of reflection.
    pub(crate) fn of_contract() -> Methods {
        Methods::of(&FileDescriptorSet::decode(contract::DESCRIPTOR).unwrap_or_default())
    }

    /// The methods of a contract, of health and of reflection. A client may keep reflection open
    /// for as long as it likes, so it counts as a watch.
    fn of(contract: &FileDescriptorSet) -> Methods {
        let mut known: BTreeMap<String, Method> = [
            ("/grpc.health.v1.Health/Check", Shape::Unary),
            ("/grpc.health.v1.Health/Watch", Shape::Watch),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Shape::Watch),
            ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Shape::Watch),
        ]
        .into_iter()
        .map(|(path, shape)| Method::at(path, shape))
        .collect();
        for file in &contract.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    let shape = match (method.client_streaming(), method.server_streaming()) {
                        (false, false) => Shape::Unary,
                        (true, false) => Shape::Upload,
                        (false, true) => Shape::Watch,
                        (true, true) => Shape::Exchange,
                    };
                    known.extend([Method::at(&path, shape)]);
                }
            }
        }
        Methods { known, other: Method::new("_OTHER", Shape::Unary) }
    }

    /// The method at a path.
    pub(crate) fn at(&self, path: &str) -> &Method {
        self.known.get(path).unwrap_or(&self.other)
    }
}

/// The time by which a call must end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    /// Whether this is a stream's maximum lifetime and not the caller's deadline.
    lifetime: bool,
}

impl Deadline {
    /// The caller's deadline, within the configured bounds; the default if the caller sets none.
    pub(crate) fn new(shape: Shape, headers: &HeaderMap, limits: &Limits) -> Deadline {
        let asked = headers.get("grpc-timeout").and_then(|value| parse(value.to_str().ok()?));
        let (default, most) = match shape {
            Shape::Unary => (limits.default_deadline_ms, limits.max_deadline_ms),
            Shape::Upload | Shape::Exchange => (limits.max_deadline_ms, limits.max_deadline_ms),
            Shape::Watch => (limits.watch_lifetime_ms, limits.watch_lifetime_ms),
        };
        let most = Duration::from_millis(most);
        // A little before tonic's own timer, which would answer CANCELLED.
        let asked = asked.map(|asked| asked.saturating_sub(Duration::from_millis(1)));
        let lifetime = shape == Shape::Watch && asked.is_none_or(|asked| most <= asked);
        let after = asked.unwrap_or(Duration::from_millis(default)).min(most);
        Deadline { at: Instant::now() + after, lifetime }
    }

    /// When the call must have ended.
    pub(crate) const fn at(&self) -> Instant {
        self.at
    }

    /// Resolves when the deadline has passed, with the refusal to return.
    pub(crate) async fn passed(self) -> Refusal {
        tokio::time::sleep_until(self.at).await;
        if self.lifetime { Refusal::StreamLifetime } else { Refusal::DeadlineExceeded }
    }
}

/// Parses `grpc-timeout`: at most eight digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let lawful = (1..=8).contains(&digits.len()) && digits.bytes().all(|d| d.is_ascii_digit());
    let count: u64 = digits.parse().ok().filter(|_| lawful)?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3_600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_parsed_as_the_protocol_specifies() {
        // gRPC over HTTP2: TimeoutValue is a positive integer of at most 8 digits.
        for (text, nanos) in
            [("1H", 3_600_000_000_000), ("2M", 120_000_000_000), ("99999999n", 99_999_999)]
        {
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for junk in ["", "S", "1", "1s", "100000000S", "-1S", "1.5S", "é"] {
            assert_eq!(parse(junk), None, "{junk}");
        }
    }

    #[test]
    fn the_contract_says_which_methods_stream() {
        let methods = Methods::of_contract();
        let shape = |path: &str| methods.at(path).shape;
        assert_eq!(shape("/ballast.v1.MarketDataService/Ingest"), Shape::Upload);
        assert_eq!(shape("/ballast.v1.MarketDataService/ListDatasets"), Shape::Unary);
        assert_eq!(shape("/ballast.v1.RotationService/WatchRotation"), Shape::Watch);
        assert_eq!(shape("/grpc.health.v1.Health/Watch"), Shape::Watch);
        let is_probe = |path: &str| methods.at(path).is_probe;
        assert!(is_probe("/grpc.health.v1.Health/Check"));
        assert!(is_probe("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"));
        assert!(!is_probe("/ballast.v1.RotationService/WatchRotation"));
        // Anybody can invent such a name, which is no method of health.
        assert!(!is_probe("/grpc.health.v1.Health/Invented"));
        let name = |path: &str| methods.at(path).name.to_string();
        assert_eq!(
            name("/ballast.v1.MarketDataService/Ingest"),
            "ballast.v1.MarketDataService/Ingest"
        );
        assert_eq!(name("/ballast.v1.MarketDataService/Invented"), "_OTHER");
    }

    #[test]
    fn a_method_that_streams_both_ways_is_an_exchange_with_a_deadline() {
        let method = prost_types::MethodDescriptorProto {
            name: Some("M".to_owned()),
            client_streaming: Some(true),
            server_streaming: Some(true),
            ..Default::default()
        };
        let service = prost_types::ServiceDescriptorProto {
            name: Some("S".to_owned()),
            method: vec![method],
            ..Default::default()
        };
        let file = prost_types::FileDescriptorProto {
            package: Some("p".to_owned()),
            service: vec![service],
            ..Default::default()
        };
        let methods = Methods::of(&FileDescriptorSet { file: vec![file] });
        assert_eq!(methods.at("/p.S/M").shape, Shape::Exchange);
        // An exchange ends by itself, so the timer is a deadline and not a lifetime.
        let deadline = Deadline::new(Shape::Exchange, &HeaderMap::new(), &Limits::standard());
        assert!(!deadline.lifetime);
    }
}
