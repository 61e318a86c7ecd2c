//! Analyses many portfolio files on one stream: one line per book.

use crate::{
    as_of_args::{AsOfArguments, ReferenceArguments},
    book::{self, BookArguments},
    connect::Connection,
    error_report::Fault,
    json,
    output::Output,
    query_commands::block,
    show, terminal,
};
use anyhow::{Result, bail};
use clap::Args;
use contract::v1::{
    AnalyzePortfolioRequest, AnalyzePortfoliosItem, AnalyzePortfoliosRequest,
    AnalyzePortfoliosResponse, AnalyzePortfoliosSetup, ReportBlock,
    analyze_portfolios_request::Message, analyze_portfolios_response::Outcome,
};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Files read ahead of the server.
const AHEAD: usize = 8;

/// The portfolios, and what is computed of each.
#[derive(Args, Clone, Debug)]
pub(crate) struct BatchArguments {
    /// Portfolio files as of `ballast exposure`, and folders, of which every `.csv` file is one.
    #[arg(value_name = "BOOK|FOLDER", required = true)]
    books: Vec<PathBuf>,
    #[command(flatten)]
    as_of: AsOfArguments,
    #[command(flatten)]
    reference: ReferenceArguments,
    /// Compute these blocks of each report, as of `ballast exposure`; without it factors, trades and
    /// risk.
    #[arg(long, value_name = "BLOCKS", value_delimiter = ',', value_parser = block)]
    include: Vec<ReportBlock>,
    /// Date of the closes behind the files' market values; without it the last session.
    #[arg(long, value_name = "DATE")]
    valued_on: Option<String>,
    /// Currency of the books and of the answers, as of `ballast exposure`; without it USD.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
}

/// Analyses the portfolios. A file or a portfolio at fault is reported, and the others are analysed.
///
/// # Errors
/// If the stream fails, or after the others were printed if a portfolio is at fault.
pub(crate) async fn batch(
    arguments: &BatchArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let files = files(&arguments.books).await?;
    let clients = connection.open().await?;
    let (sender, messages) = mpsc::channel(AHEAD);
    let how = (arguments.valued_on.clone(), arguments.currency.clone());
    let reading = tokio::spawn(send(setup(arguments)?, files, how, sender));
    let request = connection.request(ReceiverStream::new(messages));
    let mut outcomes = clients.exposure().analyze_portfolios(request).await?.into_inner();
    let mut answers = Vec::new();
    let mut faults = 0;
    while let Some(outcome) = outcomes.message().await? {
        match output.json {
            true => terminal::say(&as_json(outcome.clone())?),
            false => answers.push(outcome.clone()),
        }
        if let Some(Outcome::Error(error)) = &outcome.outcome {
            faults += 1;
            terminal::warn(&format!("{}: {}", outcome.request_tag, error.message));
        }
    }
    faults += reading.await?;
    if !output.json {
        let page = show::batch::report(&answers);
        terminal::say(&match output.csv {
            Some(table) => page.csv(table)?,
            None => page.render(output.terminal),
        });
    }
    if 0 < faults {
        bail!(Fault::Input(format!("{faults} portfolios were not analysed")));
    }
    Ok(())
}

fn setup(arguments: &BatchArguments) -> Result<AnalyzePortfoliosSetup> {
    let usual = [ReportBlock::Factors, ReportBlock::Trades, ReportBlock::Risk];
    let blocks = match arguments.include.as_slice() {
        [] => &usual,
        include => include,
    };
    let analysis = AnalyzePortfolioRequest {
        as_of: arguments.reference.of(arguments.as_of.to_proto()?),
        include: blocks.iter().map(|block| (*block).into()).collect(),
        ..AnalyzePortfolioRequest::default()
    };
    Ok(AnalyzePortfoliosSetup { analysis: Some(analysis) })
}

/// Sends the setup and then one portfolio per file; returns how many files are at fault. Ends early
/// if the server takes no more.
async fn send(
    setup: AnalyzePortfoliosSetup,
    files: Vec<PathBuf>,
    (valued_on, currency): (Option<String>, Option<String>),
    sender: mpsc::Sender<AnalyzePortfoliosRequest>,
) -> usize {
    let mut faults = 0;
    let of = |message| AnalyzePortfoliosRequest { message: Some(message) };
    if sender.send(of(Message::Setup(setup))).await.is_err() {
        return faults;
    }
    for file in files {
        let request_tag = file.display().to_string();
        let (valued_on, currency) = (valued_on.clone(), currency.clone());
        let arguments =
            BookArguments { book: file, nav: None, currency, valued_on, skip_unreadable: false };
        match book::read(&arguments).await {
            Err(error) => {
                faults += 1;
                terminal::warn(&format!("{error:#}"));
            }
            Ok(portfolio) => {
                let portfolio = Some(portfolio);
                let item = AnalyzePortfoliosItem { request_tag, portfolio };
                if sender.send(of(Message::Item(item))).await.is_err() {
                    return faults;
                }
            }
        }
    }
    faults
}

/// The files named, and the `.csv` files of the folders named, sorted.
async fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let fault = |path: &Path, error: std::io::Error| {
        Fault::Input(format!("{} cannot be read: {error}", path.display()))
    };
    let mut files = Vec::new();
    for path in paths {
        let about = tokio::fs::metadata(path).await.map_err(|error| fault(path, error))?;
        if !about.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut entries = tokio::fs::read_dir(path).await.map_err(|error| fault(path, error))?;
        let mut inside = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(|error| fault(path, error))? {
            inside.push(entry.path());
        }
        inside.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

/// An outcome as JSON. The details of an error are of types that the contract does not have; its
/// message names the fields at fault.
fn as_json(mut outcome: AnalyzePortfoliosResponse) -> Result<String> {
    if let Some(Outcome::Error(error)) = &mut outcome.outcome {
        error.details.clear();
    }
    json::of("AnalyzePortfoliosResponse", &outcome)
}
