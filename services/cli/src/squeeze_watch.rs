//! `ballast squeeze watch`: prints what a portfolio's shorts cross, as data arrive.

use crate::{
    book::{self, BookArguments},
    connect::{Clients, Connection},
    error_report::Fault,
    output::Output,
    settings_args::{LookThroughArguments, NettingArguments},
    show, terminal,
    watch::{Followed, Patience, follow},
};
use anyhow::Result;
use clap::Args;
use contract::v1::{SqueezeThreshold, WatchSqueezeRequest, WatchSqueezeResponse};
use std::num::NonZeroUsize;

/// The book, the thresholds, and for how long.
#[derive(Args, Clone, Debug)]
pub(crate) struct SqueezeWatchArguments {
    #[command(flatten)]
    book: BookArguments,
    /// Level of the score, 0 to 100.
    #[arg(long, value_name = "LEVEL")]
    score: Option<f64>,
    /// Level of short interest over float, a decimal.
    #[arg(long, value_name = "LEVEL")]
    short_of_float: Option<f64>,
    /// Level of days to cover at the volume of the last 21 sessions.
    #[arg(long, value_name = "LEVEL")]
    days_to_cover: Option<f64>,
    /// Level of the change of short interest since the settlement before, a decimal.
    #[arg(long, value_name = "LEVEL")]
    short_interest_change: Option<f64>,
    /// Level of any measure by its id, for instance `volume_ratio=3`; may be repeated.
    #[arg(long, value_name = "MEASURE=LEVEL", value_parser = threshold)]
    threshold: Vec<SqueezeThreshold>,
    /// Exit after this many messages, the first included; without it continue until interrupted.
    #[arg(long)]
    messages: Option<NonZeroUsize>,
    #[command(flatten)]
    netting: NettingArguments,
    #[command(flatten)]
    look_through: LookThroughArguments,
}

fn threshold(text: &str) -> Result<SqueezeThreshold, String> {
    let (measure, level) = text.split_once('=').ok_or("must be MEASURE=LEVEL")?;
    let level = level.parse().map_err(|_| format!("{level:?} is not a number"))?;
    Ok(SqueezeThreshold { measure_id: measure.to_owned(), level })
}

impl SqueezeWatchArguments {
    fn thresholds(&self) -> Vec<SqueezeThreshold> {
        let named = [
            ("score", self.score),
            ("short_of_float", self.short_of_float),
            ("days_to_cover_at_recent_volume", self.days_to_cover),
            ("short_interest_change", self.short_interest_change),
        ];
        let named = named.into_iter().filter_map(|(measure, level)| {
            Some(SqueezeThreshold { measure_id: measure.to_owned(), level: level? })
        });
        named.chain(self.threshold.iter().cloned()).collect()
    }
}

/// Prints where the shorts stand, and then what they cross; reconnects when the stream ends, and goes
/// on from the last message.
///
/// # Errors
/// If the file is not a portfolio, or the server rejects the request or stays unreachable.
pub(crate) async fn squeeze_watch(
    arguments: &SqueezeWatchArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let thresholds = arguments.thresholds();
    if thresholds.is_empty() {
        let text = "a watch needs a level, for instance --short-of-float 0.3";
        return Err(Fault::Usage(text.to_owned()).into());
    }
    let mut alerts = Alerts {
        request: WatchSqueezeRequest {
            portfolio: Some(book::read(&arguments.book).await?),
            thresholds,
            settings: arguments.look_through.added_to(arguments.netting.to_proto()),
            ..WatchSqueezeRequest::default()
        },
        left: arguments.messages.map_or(usize::MAX, NonZeroUsize::get),
    };
    follow(&mut alerts, &connection.open().await?, output).await
}

/// The messages of a squeeze watch.
#[derive(Debug)]
struct Alerts {
    request: WatchSqueezeRequest,
    /// Number of messages still to print.
    left: usize,
}

impl Followed for Alerts {
    async fn follow(
        &mut self,
        clients: &Clients,
        output: Output<'_>,
        patience: &mut Patience,
    ) -> Result<bool> {
        let is_resumed = self.request.after.is_some();
        let mut stream = clients.squeeze().watch_squeeze(self.request.clone()).await?.into_inner();
        while let Some(mut message) = stream.message().await? {
            patience.restore();
            self.request.after = message.info.as_ref().and_then(|info| info.snapshot.clone());
            if is_resumed {
                // They were printed when the watch began.
                message.standings = None;
            }
            if !has_news(&message) {
                continue;
            }
            let page = |terminal| show::squeeze_watch::message(&message, terminal);
            let text = output.text("WatchSqueezeResponse", &message, page)?;
            self.left -= 1;
            if !terminal::is_written(&text) || self.left == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn has_news(message: &WatchSqueezeResponse) -> bool {
    let WatchSqueezeResponse { standings, crossings, found, lost, .. } = message;
    standings.is_some() || !(crossings.is_empty() && found.is_empty() && lost.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_names_its_measure() {
        let read = threshold("volume_ratio=3").unwrap();
        assert_eq!((read.measure_id.as_str(), read.level), ("volume_ratio", 3.0));
        assert!(threshold("volume_ratio").is_err() && threshold("volume_ratio=high").is_err());
    }
}
