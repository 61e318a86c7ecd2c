//! `/metrics`: what a server exports is what is documented, and it tells what happened.

use crate::{
    admin_port::get,
    harness::{Harness, header, soon},
};
use contract::v1::{
    self, analyze_portfolios_request::Message, exposure_service_client::ExposureServiceClient,
};
use server::metrics::names;
use std::collections::{BTreeMap, BTreeSet};

const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\nAAPL,2021-01-04,1,1,1,1,1\n";

/// The values of a page by series, `name{label="value"}`.
pub(crate) async fn values(harness: &Harness) -> BTreeMap<String, f64> {
    let (status, text) = get(harness.admin_address(), "/metrics").await.unwrap();
    assert_eq!(status, 200);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let series = lines.map(|line| line.rsplit_once(' ').unwrap());
    series.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
}

/// Calls each kind of outcome once: an answer, a refusal, a prepared value.
async fn used() -> Harness {
    let harness = Harness::start().await;
    harness.ingest("prices.csv", BARS.as_bytes()).await;
    let mut client = harness.market_data().await;
    client.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap();
    let refused = harness.try_ingest(header("nothing.csv"), b"nothing\n").await;
    assert!(refused.is_err());
    harness
}

/// Sends an item that is refused on a stream that goes on.
async fn refused_item(harness: &Harness) {
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let message = |message| v1::AnalyzePortfoliosRequest { message: Some(message) };
    let (setup, item) = (Message::Setup(Default::default()), Message::Item(Default::default()));
    let messages = tokio_stream::iter([message(setup), message(item)]);
    let mut outcomes = client.analyze_portfolios(messages).await.unwrap().into_inner();
    outcomes.message().await.unwrap().expect("an item without a portfolio is refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_exports_exactly_the_documented_metrics() {
    let harness = used().await;
    refused_item(&harness).await;
    let documented: BTreeSet<String> = names::ALL.iter().map(names::Metric::prometheus).collect();
    let exported = async {
        loop {
            let (_, text) = get(harness.admin_address(), "/metrics").await.unwrap();
            let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
            let families: BTreeSet<String> =
                types.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
            // The runtime's lag is first measured after a second.
            if families.contains(&names::RUNTIME_LAG.prometheus()) {
                return families;
            }
        }
    };
    assert_eq!(soon("the sampler", exported).await, documented);
    for series in values(&harness).await.keys() {
        let labels = series.split_once('{').map_or("", |(_, labels)| labels.trim_end_matches('}'));
        let name = series.split('{').next().unwrap();
        let of = |metric: &&names::Metric| name.starts_with(&metric.prometheus());
        let metric = names::ALL.iter().filter(of).max_by_key(|m| m.prometheus().len()).unwrap();
        for label in labels.split(',').filter_map(|label| label.split_once('=')) {
            assert!(label.0 == "le" || metric.labels.contains(&label.0), "{series}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_happened() {
    let harness = used().await;
    let channel = harness.channel().await;
    let mut stranger = tonic::client::Grpc::new(channel);
    stranger.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/invented.by/ACaller");
    let codec =
        tonic_prost::ProstCodec::<v1::ListDatasetsRequest, v1::ListDatasetsRequest>::default();
    let request = tonic::Request::new(v1::ListDatasetsRequest::default());
    stranger.unary(request, path, codec).await.unwrap_err();
    let found = values(&harness).await;
    let value =
        |series: &str| *found.get(series).unwrap_or_else(|| panic!("{series} in {found:#?}"));
    let calls = |method: &str, code: &str| {
        value(&format!(
            "rpc_server_call_duration_seconds_count{{rpc_method=\"{method}\",\
             rpc_response_status_code=\"{code}\",rpc_system_name=\"grpc\"}}"
        ))
    };
    let ingest = "ballast.v1.MarketDataService/Ingest";
    assert_eq!(calls(ingest, "OK"), 1.0);
    assert_eq!(calls(ingest, "INVALID_ARGUMENT"), 1.0);
    assert_eq!(calls("ballast.v1.MarketDataService/ListDatasets", "OK"), 1.0);
    assert_eq!(calls("_OTHER", "UNIMPLEMENTED"), 1.0);
    let refused = |reason: &str, method: &str| {
        let series =
            format!("ballast_calls_refused_total{{reason=\"{reason}\",rpc_method=\"{method}\"}}");
        value(&series)
    };
    assert_eq!(refused("FILE_REFUSED", ingest), 1.0);
    assert_eq!(refused("none", "_OTHER"), 1.0);
    let active = format!("ballast_calls_active{{rpc_method=\"{ingest}\"}}");
    assert_eq!(value(&active), 0.0);
    let received = format!("ballast_calls_received_bytes_total{{rpc_method=\"{ingest}\"}}");
    assert!(BARS.len() as f64 <= value(&received));
    assert_eq!(value("ballast_data_revision"), 1.0);
    // The bars of 2021-01-04 were public at the close in New York, 21:00 UTC.
    let published = value("ballast_data_published_timestamp_seconds{dataset=\"bars\"}");
    assert_eq!(published, 1_609_794_000.0);
    assert_eq!(value("ballast_prepared_lookups_total{outcome=\"missed\"}"), 1.0);
    assert_eq!(value("ballast_store_state{access=\"write\"}"), 1.0);
    assert!(1.0 <= value("ballast_places_used{of=\"connections\"}"));
    assert!(0.0 < value("process_memory_usage_bytes"));
}

/// The expressions of the alerts and of the dashboard.
fn expressions() -> Vec<String> {
    fn collect(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                found.extend(fields.get("expr").and_then(|expr| Some(expr.as_str()?.to_owned())));
                fields.values().for_each(|field| collect(field, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let rules = RULES.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let mut found: Vec<String> = rules.map(str::to_owned).collect();
    collect(&serde_json::from_str(DASHBOARD).unwrap(), &mut found);
    found
}

const RULES: &str = include_str!("../../charts/ballast/files/rules.yaml");
const DASHBOARD: &str = include_str!("../../charts/ballast/files/dashboard.json");

/// The metric of a word of an expression, if it looks like one of ours.
fn metric_of(word: &str) -> Option<&'static names::Metric> {
    let is_ours = ["ballast_", "rpc_server_", "db_client_operation_", "process_"]
        .iter()
        .any(|p| word.starts_with(p));
    let of = |metric: &&names::Metric| {
        let name = metric.prometheus();
        let parts = ["_bucket", "_sum", "_count"].map(|part| format!("{name}{part}"));
        match metric.kind {
            names::Kind::Histogram => parts.iter().any(|part| part == word),
            names::Kind::Counter | names::Kind::Gauge => name == word,
        }
    };
    let found = names::ALL.iter().find(of);
    assert!(!is_ours || found.is_some(), "{word} is not a metric");
    found
}

#[test]
fn alerts_and_dashboard_use_only_metrics_and_labels_that_exist() {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let expressions = expressions();
    assert!(40 < expressions.len(), "{}", expressions.len());
    for expression in expressions {
        let mut labels = vec!["le", "instance"];
        let mut metrics = 0;
        for word in expression.split(|c| !is_of_word(c)) {
            if let Some(metric) = metric_of(word) {
                labels.extend(metric.labels);
                metrics += 1;
            }
        }
        assert!(0 < metrics, "{expression} reads no metric");
        let inner = expression.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let matched = inner.flat_map(|inner| inner.split("\",")).filter_map(|one| {
            let name: String = one.trim().chars().take_while(|c| is_of_word(*c)).collect();
            (!name.is_empty()).then_some(name)
        });
        let by = expression.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
        let grouped = by.flat_map(|names| names.split(',')).map(|name| name.trim().to_owned());
        for label in matched.chain(grouped) {
            assert!(labels.contains(&label.as_str()), "{label} in {expression}");
        }
    }
}

#[test]
fn every_alert_has_a_section_in_the_runbook_and_the_other_way_round() {
    let alerts = RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let alerts: Vec<&str> = alerts.collect();
    let runbook = include_str!("../../RUNBOOK.md");
    let sections: Vec<&str> = runbook.lines().filter_map(|l| l.strip_prefix("## ")).collect();
    assert_eq!(alerts, sections);
    for alert in alerts {
        let link = format!("runbook_url: RUNBOOK.md#{}", alert.to_lowercase());
        assert!(RULES.contains(&link), "{alert}");
    }
}
