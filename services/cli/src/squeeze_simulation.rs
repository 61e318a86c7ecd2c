//! `ballast squeeze simulate`: what a portfolio's shorts lose if several of them are squeezed together.

use crate::{
    as_of_args::{AsOfArguments, ReferenceArguments},
    book::{self, BookArguments},
    calibration::newest_calibration,
    connect::Connection,
    output::Output,
    query_commands::GapArguments,
    report::{self, file::ReportArguments},
    settings_args::{LookThroughArguments, NettingArguments},
    show, terminal,
};
use anyhow::Result;
use clap::{Args, ValueEnum};
use contract::v1::{
    InstrumentRef, SimulateSqueezeRequest, SqueezeCopula, SqueezeCrowdTerms, SqueezeExcess,
    SqueezeSimulation,
};

/// The book, how to simulate, and the crowd.
#[derive(Args, Clone, Debug)]
pub(crate) struct SimulationArguments {
    #[command(flatten)]
    book: BookArguments,
    #[command(flatten)]
    as_of: AsOfArguments,
    #[command(flatten)]
    reference: ReferenceArguments,
    /// Largest share of volume that own orders may be; without it 0.15.
    #[arg(long)]
    participation: Option<f64>,
    /// How squeezes depend on each other; may be repeated. Without it both.
    #[arg(long, value_enum)]
    copula: Vec<Copula>,
    /// Weight of the common factor, 0 to 0.99; without it that of the calibration, else 0.3.
    #[arg(long)]
    correlation: Option<f64>,
    /// Number of paths, even; without it 100,000.
    #[arg(long, value_name = "COUNT")]
    paths: Option<i32>,
    /// Seed of the random numbers; without it 0.
    #[arg(long)]
    seed: Option<u64>,
    /// Confidence of a tail, for instance 0.99; may be repeated. Without it 0.95 and 0.99.
    #[arg(long)]
    confidence: Vec<f64>,
    /// Scale of what a jump adds to the least that counts, a decimal; without it that of the
    /// calibration, else 0.
    #[arg(long, value_name = "SCALE")]
    excess_scale: Option<f64>,
    /// Weight of the tail of that, 0 to 0.95.
    #[arg(long, value_name = "SHAPE", requires = "excess_scale", default_value_t = 0.0)]
    excess_shape: f64,
    /// The largest jump, a decimal; without it 10.
    #[arg(long, value_name = "JUMP")]
    largest_jump: Option<f64>,
    /// Sessions of buying back after which to show what is left; may be repeated, ascending. Without
    /// it 1, 2, 5, 10 and 21.
    #[arg(long, value_name = "SESSIONS")]
    after: Vec<i32>,
    /// Longs / equity of a crowd that sells longs when its shorts lose, 1 to 100; it loses on the
    /// portfolio's shorts alone. Without it there is no crowd.
    #[arg(long, value_name = "LEVERAGE", requires = "crowd_impact")]
    crowd_leverage: Option<f64>,
    /// Fall of the price of the crowd's longs if it sold all of them, a decimal.
    #[arg(long, value_name = "FALL", requires = "crowd_leverage")]
    crowd_impact: Option<f64>,
    /// Market value of the crowd's longs; without it as much as it is short over all names.
    #[arg(long, value_name = "USD", requires = "crowd_leverage")]
    crowd_assets: Option<f64>,
    /// Share of the short interest of every name that is the crowd's; without it 1.
    #[arg(long, value_name = "SHARE", requires = "crowd_leverage")]
    crowd_share: Option<f64>,
    /// Rise of the crowd's margin per unit by which the price of its longs falls; without it 0.
    #[arg(long, value_name = "RISE", requires = "crowd_leverage")]
    margin_rise: Option<f64>,
    /// A long of the book that the crowd holds too; may be repeated. Without it all of them.
    #[arg(long, value_name = "SYMBOL", requires = "crowd_leverage")]
    crowd_long: Vec<String>,
    /// Number of names to list.
    #[arg(long, default_value_t = 20)]
    top: usize,
    #[command(flatten)]
    netting: NettingArguments,
    #[command(flatten)]
    look_through: LookThroughArguments,
    #[command(flatten)]
    gaps: GapArguments,
    #[command(flatten)]
    report: ReportArguments,
}

/// A copula.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Copula {
    /// Gaussian.
    Gaussian,
    /// Student t with four degrees of freedom.
    T4,
}

impl SimulationArguments {
    fn simulation(&self) -> SqueezeSimulation {
        let copula = |copula: &Copula| match copula {
            Copula::Gaussian => SqueezeCopula::Gaussian.into(),
            Copula::T4 => SqueezeCopula::StudentT4.into(),
        };
        let excess = |scale| SqueezeExcess { scale, shape: self.excess_shape };
        SqueezeSimulation {
            copulas: self.copula.iter().map(copula).collect(),
            correlation: self.correlation,
            path_count: self.paths,
            seed: self.seed,
            confidences: self.confidence.clone(),
            excess: self.excess_scale.map(excess),
            largest_jump: self.largest_jump,
            exit_sessions: self.after.clone(),
        }
    }

    fn crowd(&self) -> Option<SqueezeCrowdTerms> {
        let long =
            |symbol: &String| InstrumentRef { symbol: symbol.clone(), ..InstrumentRef::default() };
        self.crowd_leverage.map(|leverage| SqueezeCrowdTerms {
            share_of_short_interest: self.crowd_share,
            assets: self.crowd_assets,
            leverage: Some(leverage),
            price_fall_of_all: self.crowd_impact,
            margin_rise: self.margin_rise,
            longs: self.crowd_long.iter().map(long).collect(),
        })
    }
}

/// Simulates squeezes of the shorts of a portfolio.
///
/// # Errors
/// If the file is not a portfolio, or the server rejects the request.
pub(crate) async fn squeeze_simulation(
    arguments: &SimulationArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    arguments.report.check()?;
    let request = SimulateSqueezeRequest {
        as_of: arguments.reference.of(arguments.as_of.to_proto()?),
        portfolio: Some(book::read(&arguments.book).await?),
        participation: arguments.participation,
        settings: arguments.look_through.added_to(arguments.netting.to_proto()),
        simulation: Some(arguments.simulation()),
        crowd: arguments.crowd(),
    };
    let clients = connection.open().await?;
    let request = connection.request(request);
    let answer = clients.squeeze().simulate_squeeze(request).await?.into_inner();
    let page = |terminal| show::squeeze_simulation::report(&answer, arguments.top, terminal);
    terminal::say(&output.text("SimulateSqueezeResponse", &answer, page)?);
    if arguments.report.is_asked() {
        let known = newest_calibration(answer.info.as_ref(), connection, &clients).await;
        let name = book::name(&arguments.book.book);
        let page = || report::squeeze_simulation::document(&name, &answer, arguments.top, &known);
        arguments.report.write(page)?;
    }
    arguments.gaps.check(show::evidence::coverage_of(answer.info.as_ref()))
}
