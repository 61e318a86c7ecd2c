//! Hypothetical scenarios: known moves, carried to the rest by conditional expectation.
//!
//! The P&L of a book with values x is Σ x_i·E[r_i | shocks], by the average joint distribution and,
//! beside it, by that of days like this one. Nine times of ten it lies in
//!
//! ```text
//! pnl ± 1.645·√(h·Var[P&L | shocks])
//! ```
//!
//! over h sessions: the interval holds what the shocks leave open, the other factors and the specific
//! returns, and not the error of the estimates.

use crate::{
    gaussian::{Form, Given, Joint},
    partition::Partition,
    plausibility,
    setting::Setting,
    shock::{Fault, Hypothetical},
    total::total,
};
use marketdata::instrument::InstrumentId;
use portfolio::book::Book;
use risk::{
    factor_view::{FactorView, Rung},
    like_this::DaysLikeThis,
};

/// The 95 % quantile of a normal variable: nine of ten lie between it and its negative.
pub(crate) const NINE_OF_TEN: f64 = 1.644_853_626_951_472_2;

/// What a book makes in a hypothetical scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct HypotheticalReport {
    /// The scenario's id.
    pub scenario_id: String,
    /// By the covariances of any day.
    pub average: Outcome,
    /// By those of days like this one, and which days these are. `None` without a trade or with too
    /// few days.
    pub like_this: Option<(Outcome, DaysLikeThis)>,
    /// Which share of gross has its exposures from where.
    pub coverage: RungShares,
    /// Holdings without exposures, in the order of names; they count as unmoved.
    pub missing: Vec<InstrumentId>,
}

/// Shares of a book's gross; with `missing` they sum to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RungShares {
    /// Names of the cross-section model.
    pub model: f64,
    /// Names by a regression of their own.
    pub regression: f64,
    /// Names by their peers.
    pub peers: f64,
    /// Names without exposures, and lines that are held as no name.
    pub missing: f64,
}

/// P&L, positive for a gain, in the currency of the book.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Expected P&L given the shocks.
    pub pnl: f64,
    /// Lower end of the interval into which nine of ten P&Ls fall.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Standard deviation of the P&L given the shocks.
    pub deviation: f64,
    /// By factor, and by shocked series: the expected move, and the P&L through it. No P&L goes
    /// through a series itself, but through the factors and the names that it is made of.
    pub coordinates: Vec<CoordinateMove>,
    /// P&L through expected specific returns: of shocked names, of what shocked funds hold, and of
    /// funds that move with a shocked fund or series.
    pub specific_pnl: f64,
    /// By holding of the book, in its order.
    pub positions: Vec<f64>,
    /// By holding: its expected return, also of one that nets to nothing. 0 without exposures.
    pub moves: Vec<f64>,
    /// By partition, its parts.
    pub partitions: Vec<Vec<f64>>,
    /// By shock: the book's beta to its target alone, P&L per unit of its move.
    pub betas: Vec<f64>,
    /// Mahalanobis distance of the shocks over the scenario's sessions, in standard deviations.
    pub distance: f64,
    /// Probability of shocks as far out or further, in any direction, under a normal distribution.
    pub probability: f64,
}

/// What a factor or a series does in a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct CoordinateMove {
    /// Its name.
    pub id: String,
    /// Its expected move, in its unit.
    pub moved: f64,
    /// P&L through it.
    pub pnl: f64,
}

/// Computes a scenario. Everything is linear in the sizes of the shocks.
///
/// # Errors
/// Every fault of the scenario.
pub fn hypothetical(
    model: &FactorView<'_>,
    book: &Book,
    partitions: &[Partition],
    scenario: &Hypothetical,
) -> Result<HypotheticalReport, Vec<Fault>> {
    let setting = Setting::of(model, book, scenario)?;
    let targets: Option<Vec<Form>> =
        scenario.shocks.iter().map(|shock| setting.target_form(&shock.target)).collect();
    let every = || Fault::determined(0..scenario.shocks.len());
    let targets = targets.ok_or_else(every)?;
    let determined = setting.average.determined(&targets);
    if !determined.is_empty() {
        return Err(Fault::determined(determined));
    }
    let asked = Asked { setting: &setting, book, partitions, scenario, targets: &targets };
    let average = asked.outcome(&setting.average).ok_or_else(every)?;
    let like_this =
        setting.like_this(book).and_then(|(joint, days)| Some((asked.outcome(&joint)?, days)));
    let held = book.holdings.iter().map(|holding| holding.instrument);
    Ok(HypotheticalReport {
        scenario_id: scenario.scenario_id.clone(),
        average,
        like_this,
        coverage: rung_shares(&setting, book),
        missing: held.filter(|id| setting.rung(*id).is_none()).collect(),
    })
}

/// A scenario on a book, whatever the distribution.
struct Asked<'a> {
    setting: &'a Setting<'a>,
    book: &'a Book,
    partitions: &'a [Partition],
    scenario: &'a Hypothetical,
    targets: &'a [Form],
}

impl Asked<'_> {
    /// `None` if the shocks determine each other.
    fn outcome(&self, joint: &Joint) -> Option<Outcome> {
        let sizes: Vec<f64> = self.scenario.shocks.iter().map(|shock| shock.size).collect();
        let given = joint.given(self.targets, &sizes)?;
        let positions: Vec<(InstrumentId, f64)> = positions(self.book);
        let form = self.setting.pnl_form(&positions);
        let moves = self.moves(&given);
        let holdings = self.book.holdings.iter();
        let by_position: Vec<f64> =
            holdings.zip(&moves).map(|(holding, moved)| holding.market_value * moved).collect();
        let common = given.expected_common();
        let factor = |(at, moved): (usize, &f64)| CoordinateMove {
            id: self.setting.factor_id(at),
            moved: *moved,
            pnl: form.common[at] * moved,
        };
        let series = |(id, form): (String, &Form)| CoordinateMove {
            id,
            moved: given.expected(form),
            pnl: 0.0,
        };
        let factors = common.iter().enumerate().map(factor);
        let specific = given.expected_specific();
        let sessions = f64::from(self.scenario.sessions);
        let deviation = (sessions * given.variance(&form)).sqrt();
        let through_specific: Vec<f64> =
            form.specific.iter().map(|(name, b)| b * specific[*name]).collect();
        let pnl = total(&by_position);
        let distance = given.distance() / sessions.sqrt();
        let beta =
            |target: &Form| joint.covariance(&form, target) / joint.covariance(target, target);
        Some(Outcome {
            pnl,
            low: pnl - NINE_OF_TEN * deviation,
            high: pnl + NINE_OF_TEN * deviation,
            deviation,
            coordinates: factors.chain(self.setting.series().map(series)).collect(),
            specific_pnl: total(&through_specific),
            partitions: self.partitions.iter().map(|parts| parts.sums(&by_position)).collect(),
            positions: by_position,
            moves,
            betas: self.targets.iter().map(beta).collect(),
            distance,
            probability: plausibility::beyond_distance(distance, self.targets.len()),
        })
    }

    fn moves(&self, given: &Given<'_>) -> Vec<f64> {
        let (common, specific) = (given.expected_common(), given.expected_specific());
        let holdings = self.book.holdings.iter();
        let of = |holding: &portfolio::book::Holding| {
            let own = self.setting.specific(holding.instrument, &specific);
            let Some((name, own)) = self.setting.name(holding.instrument).zip(own) else {
                return 0.0;
            };
            stats::kernel::dot(&name.exposures, &common) + own
        };
        holdings.map(of).collect()
    }
}

/// The positions of a book: instrument and value.
pub(crate) fn positions(book: &Book) -> Vec<(InstrumentId, f64)> {
    book.holdings.iter().map(|holding| (holding.instrument, holding.market_value)).collect()
}

/// Shares of gross by rung.
pub(crate) fn rung_shares(setting: &Setting<'_>, book: &Book) -> RungShares {
    let gross = if 0.0 < book.gross { book.gross } else { 1.0 };
    let share = |rung: Rung| {
        let held = book.holdings.iter().filter(|h| setting.rung(h.instrument) == Some(rung));
        held.map(|holding| holding.gross()).sum::<f64>() / gross
    };
    let [model, regression, peers] = [Rung::Model, Rung::Regression, Rung::Peers].map(share);
    let missing = 1.0 - (model + regression + peers);
    // Sums of parts may differ from the whole in the last bits; those are not missing.
    let missing = if missing < 1e-12 { 0.0 } else { missing };
    RungShares { model, regression, peers, missing }
}
