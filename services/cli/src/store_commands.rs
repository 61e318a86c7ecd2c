//! Operator commands: migrate, copy, check, back up, restore, ask for health, export.

use crate::{
    as_of_args,
    connect::Connection,
    show::{number, table::Table},
    terminal::{self, Terminal, Tone},
};
use anyhow::{Context as _, Result};
use clap::Args;
use marketdata::dataset::Dataset;
use serde_json::json;
use server::{admin, store_url::StoreUrl};
use std::path::{Path, PathBuf};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// The store to work on.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreArguments {
    /// URL of the store.
    #[arg(
        long,
        env = "BALLAST_STORE",
        hide_env_values = true,
        default_value = "sqlite:ballast.db"
    )]
    pub(crate) store: StoreUrl,
}

/// The dataset to export, its as-of bounds, and the output.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    store: StoreArguments,
    #[arg(help = format!("Dataset: {}", dataset_names()), value_parser = |name: &str| dataset(name))]
    dataset: Dataset,
    #[command(flatten)]
    as_of: as_of_args::AsOfArguments,
    /// Export only this symbol.
    #[arg(long)]
    symbol: Option<String>,
    /// File to write; without it standard output.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

/// The store to migrate.
#[derive(Args, Clone, Debug)]
pub(crate) struct MigrateArguments {
    #[command(flatten)]
    store: StoreArguments,
    /// Change nothing, and fail if the store does not exist or is not up to date.
    #[arg(long)]
    check: bool,
}

/// The stores of a copy.
#[derive(Args, Clone, Debug)]
pub(crate) struct CopyArguments {
    /// URL of the store to copy; a server may be writing to it.
    from: StoreUrl,
    /// URL of the new store: a file that does not exist, or a database without tables.
    to: StoreUrl,
}

/// Brings the tables of a store up to date; creates the store if it does not exist.
///
/// # Errors
/// If the store cannot be opened, or needs a newer binary.
pub(crate) async fn migrate(arguments: &MigrateArguments, as_json: bool) -> Result<()> {
    let url = &arguments.store.store;
    let head = match arguments.check {
        true => admin::migrated(url.with_password()).await,
        false => admin::migrate(url.with_password()).await,
    };
    let revision = head.with_context(|| opening(url))?.revision;
    if as_json {
        terminal::say(&format!("{}\n", json!({ "store": url.to_string(), "revision": revision })));
    } else {
        terminal::say(&format!("{url} is up to date, at revision {revision}.\n"));
    }
    Ok(())
}

/// Reads a whole store and verifies every hash; returns true if it is sound.
///
/// # Errors
/// If the store cannot be opened or read.
pub(crate) async fn check(
    arguments: &StoreArguments,
    as_json: bool,
    terminal: Terminal,
) -> Result<bool> {
    let url = &arguments.store;
    let report = admin::check(url.with_password()).await.with_context(|| opening(url))?;
    let counts = [report.revisions, report.segments, report.facts];
    show_check(&url.to_string(), counts, &report.faults, as_json, terminal);
    Ok(report.faults.is_empty())
}

/// Copies a whole log to a new store of any kind; returns true if the copy is sound.
///
/// # Errors
/// If a store cannot be opened, or the new one is not empty.
pub(crate) async fn copy(
    CopyArguments { from, to }: &CopyArguments,
    as_json: bool,
    terminal: Terminal,
) -> Result<bool> {
    let fault = || format!("cannot copy {from} to {to}");
    let report = admin::copy(from.with_password(), to.with_password()).await;
    let report = report.with_context(fault)?;
    let counts = [report.revisions, report.segments, report.facts];
    show_check(&from.to_string(), counts, &report.faults, as_json, terminal);
    let is_whole = report.faults.is_empty();
    if is_whole && !as_json {
        terminal::say(&format!("{to} is a complete copy.\n"));
    }
    Ok(is_whole)
}

/// Copies a store that may be in use.
///
/// # Errors
/// If the store cannot be opened, or the copy cannot be written.
pub(crate) async fn backup(arguments: &StoreArguments, to: &Path, as_json: bool) -> Result<()> {
    let url = &arguments.store;
    let fault = || format!("cannot back up {url} to {}", to.display());
    admin::backup(url.with_password(), to).await.with_context(fault)?;
    let to = to.display().to_string();
    terminal::say(&match as_json {
        true => format!("{}\n", json!({ "store": url.to_string(), "backup": to })),
        false => format!("{to} is a complete copy of {url}.\n"),
    });
    Ok(())
}

/// Verifies a backup and copies it to a new file; returns true if the backup is sound.
///
/// # Errors
/// If the backup cannot be read, or the new file already exists.
pub(crate) async fn restore(
    from: &Path,
    to: &Path,
    as_json: bool,
    terminal: Terminal,
) -> Result<bool> {
    let fault = || format!("cannot restore {} to {}", from.display(), to.display());
    let report = admin::restore(from, to).await.with_context(fault)?;
    let counts = [report.revisions, report.segments, report.facts];
    show_check(&from.display().to_string(), counts, &report.faults, as_json, terminal);
    let whole = report.faults.is_empty();
    if whole && !as_json {
        terminal::say(&format!("{} is ready: sqlite:{}\n", to.display(), to.display()));
    }
    Ok(whole)
}

/// Asks a server and each of its services whether it is serving; returns true if all are.
///
/// # Errors
/// If no server answers.
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
/// If the store cannot be read, the revision is unknown, or the file cannot be created.
pub(crate) async fn export(arguments: &ExportArguments) -> Result<()> {
    let url = &arguments.store.store;
    let query = admin::Export {
        dataset: arguments.dataset,
        as_of: arguments.as_of.to_instant()?,
        revision: arguments.as_of.revision,
        symbol: arguments.symbol.clone(),
    };
    let mut file;
    let mut standard = std::io::stdout();
    let output: &mut (dyn std::io::Write + Send) = match &arguments.output {
        Some(path) => {
            let fault = || format!("{} cannot be written", path.display());
            file = tokio::fs::File::create(path).await.with_context(fault)?.into_std().await;
            &mut file
        }
        None => &mut standard,
    };
    let done = admin::export(url.with_password(), &query, output).await;
    let done = done.with_context(|| format!("cannot export from {url}"))?;
    let (rows, name) = (number::count(done.rows), arguments.dataset.name());
    let (as_of, revision) = (done.as_of, done.revision);
    terminal::warn(&format!("{rows} rows of {name} as known at {as_of}, revision {revision}"));
    Ok(())
}

fn dataset(name: &str) -> Result<Dataset, String> {
    Dataset::from_name(name).ok_or_else(|| format!("must be one of {}", dataset_names()))
}

fn dataset_names() -> String {
    Dataset::ALL.map(Dataset::name).join(", ")
}

fn opening(url: &StoreUrl) -> String {
    format!("the store {url} cannot be opened")
}

fn show_check(name: &str, counts: [u64; 3], faults: &[String], as_json: bool, terminal: Terminal) {
    let [revisions, segments, facts] = counts;
    if as_json {
        let value = json!({
            "store": name,
            "revisions": revisions,
            "segments": segments,
            "facts": facts,
            "faults": faults,
        });
        terminal::say(&format!("{value}\n"));
        return;
    }
    let [revisions, segments, facts] = counts.map(number::count);
    terminal::say(&format!(
        "{name}: {revisions} revisions, {segments} segments, {facts} facts read and verified.\n"
    ));
    for fault in faults {
        terminal::say(&format!("  {}\n", terminal.paint(Tone::Bad, fault)));
    }
    let verdict = match faults.len() {
        0 => terminal.paint(Tone::Good, "whole"),
        count => terminal.paint(Tone::Bad, &format!("{count} faults")),
    };
    terminal::say(&format!("{verdict}\n"));
}
