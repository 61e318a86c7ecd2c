//! Follows rotation: prints the report whenever it changes, over as many connections as it takes.

use crate::{
    connect::{Clients, Connection},
    query_commands::{Indicators, Output},
    show, terminal,
};
use anyhow::Result;
use clap::Args;
use contract::v1::WatchRotationRequest;
use std::time::Duration;
use tonic::{Code, Status};

/// Which report to follow, and how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    which: Indicators,
    /// End after this many reports; without it go on.
    #[arg(long)]
    reports: Option<usize>,
}

/// Prints the rotation report, and again whenever it changes; connects anew where the stream ends.
///
/// # Errors
/// What the server refused it for.
pub(crate) async fn watch(
    arguments: &WatchArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let clients = connection.open().await?;
    let mut watch = Watch {
        request: WatchRotationRequest {
            as_of: None,
            indicator_ids: arguments.which.indicators.clone(),
            since_on: arguments.which.since.clone().unwrap_or_default(),
            last_report_id: String::new(),
        },
        left: arguments.reports.unwrap_or(usize::MAX),
        failures: 0,
    };
    loop {
        match watch.follow(&clients, output).await {
            Ok(true) => return Ok(()),
            // Streams have a lifetime: the next one goes on where this one ended.
            Ok(false) => watch.failures = 0,
            Err(error) if watch.may_go_on(&error) => watch.failures += 1,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

/// Between two streams.
const RECONNECT: Duration = Duration::from_millis(500);
/// Attempts in a row to find a server again: a restart behind one address takes seconds.
const PATIENCE: u32 = 120;

/// Where a watch is.
#[derive(Debug)]
struct Watch {
    request: WatchRotationRequest,
    /// Reports still to be printed.
    left: usize,
    /// Attempts in a row that failed.
    failures: u32,
}

impl Watch {
    /// Prints what one stream has; true where nothing more is to be printed.
    async fn follow(&mut self, clients: &Clients, output: Output<'_>) -> Result<bool> {
        let mut stream =
            clients.rotation().watch_rotation(self.request.clone()).await?.into_inner();
        while let Some(message) = stream.message().await? {
            self.failures = 0;
            let Some(report) = &message.report else { continue };
            self.request.last_report_id.clone_from(&report.report_id);
            let page = |terminal| show::rotation::changed(&message, report, terminal);
            let text = output.text("WatchRotationResponse", &message, page)?;
            self.left -= 1;
            if !terminal::is_heard(&text) || self.left == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a server that answered before went away, and may come back.
    fn may_go_on(&self, error: &anyhow::Error) -> bool {
        let gone = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::DeadlineExceeded];
        let status = error.downcast_ref::<Status>();
        !self.request.last_report_id.is_empty()
            && self.failures < PATIENCE
            && status.is_some_and(|status| gone.contains(&status.code()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_answered_before_is_waited_for() {
        let mut watch = Watch { request: WatchRotationRequest::default(), left: 1, failures: 0 };
        let gone = anyhow::Error::from(Status::unavailable("restarting"));
        assert!(!watch.may_go_on(&gone), "nobody has answered yet");
        watch.request.last_report_id = "ab".to_owned();
        assert!(watch.may_go_on(&gone));
        assert!(!watch.may_go_on(&Status::invalid_argument("no such indicator").into()));
        watch.failures = PATIENCE;
        assert!(!watch.may_go_on(&gone), "not forever");
    }
}
