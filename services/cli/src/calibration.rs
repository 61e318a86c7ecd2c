//! `ballast squeeze calibrate` fits the probability of a squeeze; `ballast squeeze calibration` shows
//! the newest one.

use crate::{
    as_of_args::AsOfArguments,
    connect::{Clients, Connection},
    error_report::Fault,
    ingest::fresh_id,
    output::Output,
    report::{self, file::ReportArguments},
    show,
    terminal::{self, Terminal},
};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use contract::v1::{
    AnswerInfo, AsOf, CalibrateSqueezeRequest, CalibrateSqueezeResponse, GetCalibrationRequest,
    GetCalibrationResponse, SqueezeLabel, as_of::When,
};
use tonic::Status;

/// What to do with the calibration.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum CalibrationCommand {
    /// Fit the probability of a squeeze to what the store holds, check it, and store it.
    Calibrate(CalibrateArguments),
    /// Show the newest calibration: the evidence, and whether it may be used.
    Calibration(CalibrationArguments),
}

/// What to fit.
#[derive(Args, Clone, Debug)]
pub(crate) struct CalibrateArguments {
    #[command(flatten)]
    as_of: AsOfArguments,
    /// What counts as a squeeze.
    #[arg(long, value_enum, default_value_t = Label::Jump)]
    label: Label,
    /// Number of sessions to observe, the latest ones; without it 756.
    #[arg(long, value_name = "COUNT")]
    sessions: Option<i32>,
    /// Id of the request: a repeat with the same id returns the first result.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    #[command(flatten)]
    report: ReportArguments,
}

/// The as-of bounds of the request.
#[derive(Args, Clone, Debug)]
pub(crate) struct CalibrationArguments {
    #[command(flatten)]
    as_of: AsOfArguments,
    #[command(flatten)]
    report: ReportArguments,
}

/// What counts as a squeeze.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Label {
    /// A jump of the price within five sessions.
    Jump,
    /// The jump, and signs that the shorts covered.
    CoveredJump,
}

/// Fits or shows.
///
/// # Errors
/// If the server rejects the request or cannot be reached.
pub(crate) async fn run(
    command: &CalibrationCommand,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    match command {
        CalibrationCommand::Calibrate(arguments) => calibrate(arguments, connection, output).await,
        CalibrationCommand::Calibration(arguments) => shown(arguments, connection, output).await,
    }
}

async fn calibrate(
    arguments: &CalibrateArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    arguments.report.check()?;
    let label = match arguments.label {
        Label::Jump => SqueezeLabel::Jump,
        Label::CoveredJump => SqueezeLabel::CoveredJump,
    };
    let request = CalibrateSqueezeRequest {
        request_id: arguments.request_id.clone().unwrap_or_else(fresh_id),
        as_of: arguments.as_of.to_proto()?,
        label: label.into(),
        session_count: arguments.sessions,
    };
    let clients = connection.open().await?;
    // It may take minutes, so it has no deadline; the stream shows that it goes on.
    let messages = clients.squeeze().calibrate_squeeze(tonic::Request::new(request)).await?;
    let mut messages = messages.into_inner();
    let mut last: Option<CalibrateSqueezeResponse> = None;
    while let Some(message) = messages.message().await? {
        last = Some(message);
    }
    let answer = last.filter(|last| last.calibration.is_some());
    let answer = answer.ok_or_else(|| Fault::Input("the stream ended without a result".into()))?;
    let page = |terminal: Terminal| {
        show::calibration::report(answer.calibration.as_ref(), answer.info.as_ref(), terminal)
    };
    terminal::say(&output.text("CalibrateSqueezeResponse", &answer, page)?);
    let (found, info) = (answer.calibration.as_ref(), answer.info.as_ref());
    arguments.report.write(|| report::calibration::document(found, info))
}

async fn shown(
    arguments: &CalibrationArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    arguments.report.check()?;
    let request = connection.request(GetCalibrationRequest { as_of: arguments.as_of.to_proto()? });
    let clients = connection.open().await?;
    let answer: GetCalibrationResponse =
        clients.squeeze().get_calibration(request).await?.into_inner();
    let page = |terminal: Terminal| {
        show::calibration::report(answer.calibration.as_ref(), answer.info.as_ref(), terminal)
    };
    terminal::say(&output.text("GetCalibrationResponse", &answer, page)?);
    let (found, info) = (answer.calibration.as_ref(), answer.info.as_ref());
    arguments.report.write(|| report::calibration::document(found, info))
}

/// The data of an answer.
pub(crate) fn same_data(info: Option<&AnswerInfo>) -> Option<AsOf> {
    let snapshot = info.and_then(|info| info.snapshot.clone());
    Some(AsOf { when: snapshot.map(When::Snapshot), ..AsOf::default() })
}

/// The newest calibration that the data of an answer hold.
pub(crate) async fn newest_calibration(
    info: Option<&AnswerInfo>,
    connection: &Connection,
    clients: &Clients,
) -> Result<GetCalibrationResponse, Status> {
    let request = connection.request(GetCalibrationRequest { as_of: same_data(info) });
    Ok(clients.squeeze().get_calibration(request).await?.into_inner())
}
