//! `ballast watch`: prints the rotation report whenever it changes, reconnecting as needed.

use crate::{
    connect::{Clients, Connection},
    output::Output,
    query_commands::Indicators,
    show, terminal,
};
use anyhow::Result;
use clap::Args;
use contract::v1::WatchRotationRequest;
use std::{num::NonZeroUsize, time::Duration};
use tonic::{Code, Status};

/// Which report to follow, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    which: Indicators,
    /// Exit after this many reports; without it continue until interrupted.
    #[arg(long)]
    reports: Option<NonZeroUsize>,
}

/// Prints the rotation report, and again whenever it changes; reconnects when the stream ends.
///
/// # Errors
/// If the server rejects the request, or stays unreachable.
pub(crate) async fn watch(
    arguments: &WatchArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let clients = connection.open().await?;
    let mut reports = Reports {
        request: WatchRotationRequest {
            expected: None,
            ids: arguments.which.indicators.clone(),
            since_on: arguments.which.since.clone().unwrap_or_default(),
            last_report_id: String::new(),
        },
        left: arguments.reports.map_or(usize::MAX, NonZeroUsize::get),
    };
    follow(&mut reports, &clients, output).await
}

/// A stream that goes on where the last one ended.
pub(crate) trait Followed {
    /// Prints the messages of one stream; returns true if no more are to be printed.
    async fn follow(
        &mut self,
        clients: &Clients,
        output: Output<'_>,
        patience: &mut Patience,
    ) -> Result<bool>;
}

/// Follows a stream until it says all; reconnects when it ends.
///
/// # Errors
/// If the server rejects the request, or stays unreachable.
pub(crate) async fn follow(
    stream: &mut impl Followed,
    clients: &Clients,
    output: Output<'_>,
) -> Result<()> {
    let mut patience = Patience { has_answered: false, failures: 0 };
    loop {
        match stream.follow(clients, output, &mut patience).await {
            Ok(true) => return Ok(()),
            // Streams have a lifetime: the next one continues from here.
            Ok(false) => patience.failures = 0,
            Err(error) if patience.may_reconnect(&error) => patience.failures += 1,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// Pause between two streams.
const RECONNECT: Duration = Duration::from_millis(500);
/// Maximum consecutive failures to reconnect: a restart behind one address takes seconds.
const MOST_FAILURES: u32 = 120;

/// How long to wait for a server that went away.
#[derive(Debug)]
pub(crate) struct Patience {
    has_answered: bool,
    /// Consecutive failed attempts.
    failures: u32,
}

impl Patience {
    /// A message arrived.
    pub(crate) fn restore(&mut self) {
        *self = Patience { has_answered: true, failures: 0 };
    }

    /// Whether to reconnect: the server answered before, went away, and may come back.
    fn may_reconnect(&self, error: &anyhow::Error) -> bool {
        let gone = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::DeadlineExceeded];
        let status = error.downcast_ref::<Status>();
        self.has_answered
            && self.failures < MOST_FAILURES
            && status.is_some_and(|status| gone.contains(&status.code()))
    }
}

/// The reports of a rotation watch.
#[derive(Debug)]
struct Reports {
    request: WatchRotationRequest,
    /// Number of reports still to print.
    left: usize,
}

impl Followed for Reports {
    async fn follow(
        &mut self,
        clients: &Clients,
        output: Output<'_>,
        patience: &mut Patience,
    ) -> Result<bool> {
        let mut stream =
            clients.rotation().watch_rotation(self.request.clone()).await?.into_inner();
        while let Some(message) = stream.message().await? {
            patience.restore();
            let Some(report) = &message.report else { continue };
            self.request.last_report_id.clone_from(&report.report_id);
            let page = |terminal| show::rotation::changed(&message, report, terminal);
            let text = output.text("WatchRotationResponse", &message, page)?;
            self.left -= 1;
            if !terminal::is_written(&text) || self.left == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_waits_for_a_server_that_answered_before() {
        let mut patience = Patience { has_answered: false, failures: 0 };
        let gone = anyhow::Error::from(Status::unavailable("restarting"));
        assert!(!patience.may_reconnect(&gone), "no answer has arrived yet");
        patience.restore();
        assert!(patience.may_reconnect(&gone));
        assert!(!patience.may_reconnect(&Status::invalid_argument("no such indicator").into()));
        patience.failures = MOST_FAILURES;
        assert!(!patience.may_reconnect(&gone), "not forever");
    }
}
