//! What an operator does: migrate, check, back up, restore, ask for health, export.

use crate::{
    connect::Connection,
    export,
    show::{number, table::Table},
    terminal::{self, Terminal, Tone},
    when,
};
use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use store::CheckReport;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Which store.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreArguments {
    /// URL of the store.
    #[arg(long, env = "BALLAST_STORE", default_value = "sqlite:ballast.db")]
    pub(crate) store: String,
}

/// What to export, and where to.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    store: StoreArguments,
    /// Dataset: bars, series, short_interest, share_counts, listings, memberships, holdings, splits
    /// or schedules.
    #[arg(value_parser = |name: &str| export::dataset(name))]
    dataset: marketdata::dataset::Dataset,
    #[command(flatten)]
    as_of: when::AsOfArguments,
    /// Only these names.
    #[arg(long, value_name = "SYMBOL")]
    symbol: Vec<String>,
    /// File to write; without it standard output.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

/// Brings the tables of a store up to date, making it where there is none.
///
/// # Errors
/// Where it cannot be opened, or needs a newer binary.
pub(crate) async fn migrate(arguments: &StoreArguments, as_json: bool) -> Result<()> {
    let store = store::connect(&arguments.store).await.with_context(|| opening(arguments))?;
    let head = store.head().await?;
    store.close().await;
    if as_json {
        terminal::say(&format!(
            "{}\n",
            json!({ "store": arguments.store, "revision": head.revision })
        ));
    } else {
        let revision = head.revision;
        terminal::say(&format!("{} is up to date, at revision {revision}.\n", arguments.store));
    }
    Ok(())
}

/// Reads a whole store and verifies every hash; true where it is whole.
///
/// # Errors
/// Where it cannot be opened or read.
pub(crate) async fn check(
    arguments: &StoreArguments,
    as_json: bool,
    terminal: Terminal,
) -> Result<bool> {
    let url = existing(&arguments.store);
    let store = store::connect(&url).await.with_context(|| opening(arguments))?;
    let report = store.check().await?;
    store.close().await;
    show_check(&arguments.store, &report, as_json, terminal);
    Ok(report.faults.is_empty())
}

/// Copies a store that may be in use.
///
/// # Errors
/// Where it cannot be opened, or the copy cannot be written.
pub(crate) async fn backup(arguments: &StoreArguments, to: &PathBuf) -> Result<()> {
    let store =
        store::connect(&existing(&arguments.store)).await.with_context(|| opening(arguments))?;
    store.backup(to).await.with_context(|| format!("no copy was made at {}", to.display()))?;
    store.close().await;
    terminal::say(&format!("{} holds a whole copy of {}.\n", to.display(), arguments.store));
    Ok(())
}

/// Verifies a backup and copies it to a new file; true where it was whole.
///
/// # Errors
/// Where it cannot be read, or the new file is there already.
pub(crate) async fn restore(
    from: &PathBuf,
    to: &PathBuf,
    as_json: bool,
    terminal: Terminal,
) -> Result<bool> {
    let report = store::restore(from, to)
        .await
        .with_context(|| format!("{} was not restored to {}", from.display(), to.display()))?;
    show_check(&from.display().to_string(), &report, as_json, terminal);
    if report.faults.is_empty() && !as_json {
        terminal::say(&format!("{} is ready: sqlite:{}\n", to.display(), to.display()));
    }
    Ok(report.faults.is_empty())
}

/// Asks a server, and each of its services, whether it serves; true where all do.
///
/// # Errors
/// Where nobody answers.
pub(crate) async fn health(
    connection: &Connection,
    as_json: bool,
    terminal: Terminal,
) -> Result<bool> {
    let clients = connection.open().await?;
    let mut table = Table::new(&["service", "status"]);
    let mut statuses = serde_json::Map::new();
    let mut all = true;
    for service in std::iter::once("").chain(server::rpc::NAMES) {
        let request = connection.request(HealthCheckRequest { service: service.to_owned() });
        let mut client = HealthClient::new(clients.channel.clone());
        let status = match client.check(request).await {
            Ok(answer) => answer.into_inner().status().as_str_name(),
            Err(status) if status.code() == tonic::Code::NotFound => "SERVICE_UNKNOWN",
            Err(status) => return Err(status.into()),
        };
        let serving = status == "SERVING";
        all &= serving;
        let name = if service.is_empty() { "server" } else { service };
        let tone = if serving { Tone::Good } else { Tone::Bad };
        table.row([name.into(), crate::show::table::Cell::toned(tone, status)]);
        statuses.insert(name.to_owned(), status.into());
    }
    if as_json {
        terminal::say(&format!("{}\n", serde_json::Value::Object(statuses)));
    } else {
        terminal::say(&table.render(terminal));
    }
    Ok(all)
}

/// Writes a dataset as CSV.
///
/// # Errors
/// As [`export::write`], and where the file cannot be made.
pub(crate) async fn export(arguments: &ExportArguments) -> Result<()> {
    let url = existing(&arguments.store.store);
    let store = store::connect(&url).await.with_context(|| opening(&arguments.store))?;
    let as_of = match &arguments.as_of.as_of {
        Some(text) => when::parse(text)?,
        None => server::clock::Clock::system().now(),
    };
    let query = export::Query {
        dataset: arguments.dataset,
        as_of,
        revision: arguments.as_of.revision,
        symbols: arguments.symbol.clone(),
    };
    let rows = match &arguments.output {
        Some(path) => {
            let fault = || format!("{} cannot be written", path.display());
            let file = tokio::fs::File::create(path).await.with_context(fault)?;
            export::write(&store, &query, &mut file.into_std().await).await?
        }
        None => export::write(&store, &query, &mut std::io::stdout()).await?,
    };
    store.close().await;
    let name = arguments.dataset.name();
    terminal::warn(&format!("{} rows of {name} as known at {as_of}", number::count(rows)));
    Ok(())
}

fn opening(arguments: &StoreArguments) -> String {
    format!("the store {} cannot be opened", arguments.store)
}

/// A URL that makes no new store where there is none: a typing error should not look like an empty
/// store.
fn existing(url: &str) -> String {
    if url.contains('?') || url.contains(":memory:") {
        url.to_owned()
    } else {
        format!("{url}?mode=rw")
    }
}

fn show_check(name: &str, report: &CheckReport, as_json: bool, terminal: Terminal) {
    if as_json {
        let value = json!({
            "store": name,
            "revisions": report.revisions,
            "segments": report.segments,
            "facts": report.facts,
            "faults": report.faults,
        });
        terminal::say(&format!("{value}\n"));
        return;
    }
    terminal::say(&format!(
        "{name}: {} revisions, {} segments, {} facts read and verified.\n",
        number::count(report.revisions),
        number::count(report.segments),
        number::count(report.facts)
    ));
    for fault in &report.faults {
        terminal::say(&format!("  {}\n", terminal.paint(Tone::Bad, fault)));
    }
    let verdict = match report.faults.len() {
        0 => terminal.paint(Tone::Good, "whole"),
        faults => terminal.paint(Tone::Bad, &format!("{faults} faults")),
    };
    terminal::say(&format!("{verdict}\n"));
}
