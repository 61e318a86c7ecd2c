//! Uploads files with progress, and reports the outcome of each.

use crate::{
    as_of_args, assumed_basis,
    connect::{Clients, Connection},
    error_report, json,
    progress::{Progress, Shown},
    show,
    terminal::{self, Terminal},
};
use ::ingest::source::{self, SourceKind};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use contract::v1::{
    IngestHeader, IngestRequest, IngestResponse, PriceBasis, RiskPeriod, ingest_request::Part,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{fs::File, io::AsyncReadExt as _, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Adjustments already applied to the prices of a file.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Basis {
    /// As traded.
    Raw,
    /// Adjusted for splits.
    SplitAdjusted,
    /// Adjusted for splits and distributions.
    TotalReturn,
}

/// What the figures of a risk model are for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Period {
    /// One session.
    Session,
    /// A year of 252 sessions.
    Year,
}

/// The files, and the options that apply to all of them.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = kinds())]
pub(crate) struct IngestArguments {
    /// Files, plain, .gz or .zip, uploaded in this order.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Kind of file, from the list below; `auto` detects it from the header.
    #[arg(long, default_value = "auto")]
    kind: String,
    /// Symbol, or name of the risk model, of a file that contains none; without it the symbol is
    /// taken from the file name.
    #[arg(long)]
    symbol: Option<String>,
    /// Index whose members, or fund whose holdings, the file lists.
    #[arg(long, value_name = "ID")]
    index: Option<String>,
    /// Day that rows without a date describe.
    #[arg(long, value_name = "DATE")]
    observed_on: Option<String>,
    /// When the rows became public: a date (16:00 New York) or an instant.
    #[arg(long, value_name = "DATE|INSTANT")]
    published_at: Option<String>,
    /// Adjustments already applied to the prices.
    #[arg(long, value_enum)]
    price_basis: Option<Basis>,
    /// Day up to which adjusted prices are adjusted.
    #[arg(long, value_name = "DATE")]
    adjusted_on: Option<String>,
    /// What the covariances or volatilities of a risk model are for; without it the file says so.
    #[arg(long, value_enum)]
    risk_period: Option<Period>,
    /// Accept a file even if more than 5 % of its rows are bad.
    #[arg(long)]
    force: bool,
    /// Id of this write: repeat it to send again after a lost answer. Later files of several get a
    /// number appended.
    #[arg(long)]
    request_id: Option<String>,
}

/// Every kind of file with the columns that its header must have.
fn kinds() -> String {
    let kind = |kind: SourceKind| {
        let columns: Vec<&str> = source::columns(kind).collect();
        format!("  {}\n      {}\n      {}\n", kind.name(), kind.what(), columns.join(", "))
    };
    let kinds: String = SourceKind::ALL.into_iter().map(kind).collect();
    format!(
        "Kinds of file, with the columns that they need; most have aliases, and case does not matter. \
         A file is refused where these columns may be those of another kind, for instance date and \
         value beside any further column: --kind then says which it is, and further columns are not \
         read:\n{kinds}"
    )
}

/// Where the bytes of an upload come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// A file, sent with or without a progress bar.
    File(PathBuf, Shown),
    /// Bytes in memory.
    Bytes(Vec<u8>),
}

const CHUNK_BYTES: usize = 1 << 20;
const ATTEMPTS: u32 = 4;

/// Uploads every file. Returns the exit code: that of the last file that failed, or 0.
///
/// # Errors
/// If no server answers. A rejected file is reported, and the next one is sent.
pub(crate) async fn run(
    arguments: &IngestArguments,
    connection: &Connection,
    as_json: bool,
    terminal: Terminal,
) -> Result<u8> {
    let clients = connection.open().await?;
    let published_at = arguments.published_at.as_deref().map(as_of_args::instant).transpose()?;
    let base_id = arguments.request_id.clone().unwrap_or_else(fresh_id);
    let mut exit_code = 0;
    let shown = if as_json { Shown::Never } else { Shown::OnTerminal };
    let mut table = show::ingest::summary_table();
    for (at, path) in arguments.files.iter().enumerate() {
        let header = IngestHeader {
            request_id: if at == 0 { base_id.clone() } else { format!("{base_id}-{}", at + 1) },
            kind: if arguments.kind == "auto" { String::new() } else { arguments.kind.clone() },
            file_name: file_name(path),
            symbol: arguments.symbol.clone().unwrap_or_default(),
            index_id: arguments.index.clone().unwrap_or_default(),
            observed_on: arguments.observed_on.clone().unwrap_or_default(),
            published_at,
            price_basis: basis(arguments.price_basis).into(),
            adjusted_on: arguments.adjusted_on.clone().unwrap_or_default(),
            force: arguments.force,
            risk_period: period(arguments.risk_period).into(),
        };
        if !as_json && arguments.price_basis.is_none() {
            let notice = assumed_basis::notice(path, arguments.adjusted_on.as_deref()).await;
            notice.iter().for_each(|notice| terminal::warn(notice));
        }
        match send(&clients, connection, &header, &Source::File(path.clone(), shown)).await {
            Ok(answer) if as_json => terminal::say(&json::of("IngestResponse", &answer)?),
            Ok(answer) => {
                show::ingest::summarise(&mut table, &header.file_name, &answer);
                for note in show::ingest::notes(&answer, &header.file_name, terminal) {
                    terminal::warn(&note);
                }
            }
            Err(error) => {
                exit_code = error_report::exit_code(&error);
                let error = error.context(path.display().to_string());
                let text = if as_json {
                    error_report::as_json(&error)
                } else {
                    error_report::explain(&error, terminal)
                };
                terminal::warn(text.trim_end());
            }
        }
    }
    if !as_json && !table.is_empty() {
        terminal::say(&table.render(terminal));
    }
    Ok(exit_code)
}

/// Uploads one file. Sends it again if another writer committed first, the connection broke, or the
/// server asks to wait: the request id makes that safe.
///
/// # Errors
/// The server's rejection, or why the file could not be read.
pub(crate) async fn send(
    clients: &Clients,
    connection: &Connection,
    header: &IngestHeader,
    source: &Source,
) -> Result<IngestResponse> {
    let mut wait = Duration::from_millis(50);
    for attempt in 1.. {
        match send_once(clients, connection, header.clone(), source).await {
            Err(error) if attempt < ATTEMPTS && may_be_sent_again(&error) => {
                tokio::time::sleep(asked_to_wait(&error).unwrap_or(wait)).await;
                wait *= 4;
            }
            outcome => return outcome,
        }
    }
    unreachable!("the last attempt returns")
}

fn may_be_sent_again(error: &anyhow::Error) -> bool {
    let status = error.downcast_ref::<Status>();
    status.is_some_and(|status| matches!(status.code(), Code::Aborted | Code::Unavailable))
        || asked_to_wait(error).is_some()
}

/// How long the server asks to wait before the same call may succeed.
fn asked_to_wait(error: &anyhow::Error) -> Option<Duration> {
    error.downcast_ref::<Status>()?.get_details_retry_info()?.retry_delay
}

async fn send_once(
    clients: &Clients,
    connection: &Connection,
    header: IngestHeader,
    source: &Source,
) -> Result<IngestResponse> {
    let (sender, receiver) = mpsc::channel(4);
    let name = header.file_name.clone();
    // If the receiver is gone, the server has already answered; the rest need not be sent.
    let first = IngestRequest { part: Some(Part::Header(header)) };
    let _answered = sender.send(first).await;
    let request = connection.request(ReceiverStream::new(receiver));
    let mut client = clients.market_data();
    let call = client.ingest(request);
    let feed = async move { feed(source, &name, &sender).await };
    let (answer, fed) = tokio::join!(call, feed);
    fed?;
    Ok(answer?.into_inner())
}

/// Sends the bytes. If they cannot all be read, the end of the stream must not make the file look
/// complete: an empty message before it makes the server reject the upload.
async fn feed(source: &Source, name: &str, sender: &mpsc::Sender<IngestRequest>) -> Result<()> {
    let fed = match source {
        Source::File(path, shown) => feed_file(path, (name, *shown), sender).await,
        Source::Bytes(bytes) => {
            feed_bytes(bytes, sender).await;
            Ok(())
        }
    };
    if fed.is_err() {
        let _answered = sender.send(IngestRequest { part: None }).await;
    }
    fed
}

async fn feed_bytes(bytes: &[u8], sender: &mpsc::Sender<IngestRequest>) {
    for chunk in bytes.chunks(CHUNK_BYTES) {
        let part = Some(Part::Chunk(chunk.to_vec()));
        if sender.send(IngestRequest { part }).await.is_err() {
            return;
        }
    }
}

async fn feed_file(
    path: &Path,
    (name, shown): (&str, Shown),
    sender: &mpsc::Sender<IngestRequest>,
) -> Result<()> {
    let fault = || format!("{} cannot be read", path.display());
    let mut file = File::open(path).await.with_context(fault)?;
    let total = file.metadata().await.with_context(fault)?.len();
    let progress = Progress::new(name, total, shown);
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let mut part = (&mut file).take(CHUNK_BYTES as u64);
        let read = part.read_to_end(&mut chunk).await.with_context(fault)?;
        if read == 0 {
            return Ok(());
        }
        progress.add(read as u64);
        let part = Some(Part::Chunk(chunk));
        if sender.send(IngestRequest { part }).await.is_err() {
            return Ok(());
        }
    }
}

/// An id that no other write has, made of the current time and the process id.
pub(crate) fn fresh_id() -> String {
    let now = server::clock::Clock::system().now().micros();
    format!("cli-{now}-{}", std::process::id())
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn basis(basis: Option<Basis>) -> PriceBasis {
    match basis {
        None => PriceBasis::Unspecified,
        Some(Basis::Raw) => PriceBasis::Raw,
        Some(Basis::SplitAdjusted) => PriceBasis::SplitAdjusted,
        Some(Basis::TotalReturn) => PriceBasis::TotalReturn,
    }
}

const fn period(period: Option<Period>) -> RiskPeriod {
    match period {
        None => RiskPeriod::Unspecified,
        Some(Period::Session) => RiskPeriod::Session,
        Some(Period::Year) => RiskPeriod::Year,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_cannot_be_read_to_its_end_is_not_sent_as_complete() {
        // A folder opens like a file, and fails when it is read.
        let folder = tempfile::tempdir().unwrap();
        let (sender, mut receiver) = mpsc::channel(4);
        let source = Source::File(folder.path().to_owned(), Shown::Never);
        let fault = feed(&source, "prices.csv", &sender).await.unwrap_err();
        assert!(fault.to_string().contains("cannot be read"), "{fault}");
        drop(sender);
        let mut last = None;
        while let Some(message) = receiver.recv().await {
            last = Some(message);
        }
        assert_eq!(last, Some(IngestRequest { part: None }), "the server rejects this message");
    }
}
