//! The likeliest scenario in which a book loses an amount: [`crate::reverse`] on a book.

use crate::{
    gaussian::{Form, Joint},
    hypothetical::{CoordinateMove, RungShares, positions, rung_shares},
    partition::Partition,
    plausibility::TailProbability,
    reverse::{Boxes, NoScenario, likeliest},
    setting::Setting,
    shock::SIZE_MAX,
    total::total,
};
use portfolio::book::{Book, Holding};
use risk::{factor_view::FactorView, like_this::DaysLikeThis};

/// A request for the likeliest scenario of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct LossRequest {
    /// The loss, positive, in the currency of the book.
    pub loss: f64,
    /// Sessions over which it happens, at least 1.
    pub sessions: u32,
    /// Bounds on the moves of factors over the scenario; others are free.
    pub bounds: Vec<FactorBound>,
    /// Specific returns stay within so many of their standard deviations. `None`: free.
    pub specific_deviations: Option<f64>,
}

/// Lowest and highest move of a factor, a decimal; zero lies between them.
#[derive(Clone, Debug, PartialEq)]
pub struct FactorBound {
    /// The factor.
    pub factor: String,
    /// At most 0.
    pub low: f64,
    /// At least 0.
    pub high: f64,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq)]
pub enum LossFault {
    /// The loss is not positive and finite.
    Loss,
    /// There is no session.
    Sessions,
    /// The risk model has no factor of this name, or the request has it twice.
    Factor {
        /// Its place.
        bound: usize,
    },
    /// A bound does not hold zero.
    Bound {
        /// Its place.
        bound: usize,
    },
    /// The specific deviations are negative or no number.
    SpecificDeviations,
}

impl LossFault {
    /// The path of the field in the request.
    pub fn field(&self) -> String {
        match self {
            LossFault::Loss => "loss".to_owned(),
            LossFault::Sessions => "sessions".to_owned(),
            LossFault::Factor { bound } => format!("bounds[{bound}].factor"),
            LossFault::Bound { bound } => format!("bounds[{bound}]"),
            LossFault::SpecificDeviations => "specific_deviations".to_owned(),
        }
    }
}

/// The likeliest scenario of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct LossReport {
    /// By the covariances of any day.
    pub average: Result<LikelyLoss, NoScenario>,
    /// By those of days like this one. `None` without a trade or with too few days.
    pub like_this: Option<(Result<LikelyLoss, NoScenario>, DaysLikeThis)>,
    /// Which share of gross has its exposures from where. What is missing is unmoved.
    pub coverage: RungShares,
}

/// A scenario in which the book loses the amount. P&L in its currency, positive for a gain.
#[derive(Clone, Debug, PartialEq)]
pub struct LikelyLoss {
    /// Moves of the factors, and the P&L through each.
    pub factors: Vec<CoordinateMove>,
    /// P&L through specific returns.
    pub specific_pnl: f64,
    /// By holding of the book, in its order.
    pub positions: Vec<LossPosition>,
    /// By partition, its parts.
    pub partitions: Vec<Vec<f64>>,
    /// Mahalanobis distance of the scenario from no move.
    pub distance: f64,
    /// Probability of a loss at least as large.
    pub probability: TailProbability,
    /// Factors at a bound.
    pub at_bound: Vec<String>,
}

/// A holding in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossPosition {
    /// Its return, a decimal.
    pub moved: f64,
    /// The part of it that is specific.
    pub specific: f64,
    /// Its P&L.
    pub pnl: f64,
}

/// Finds the likeliest scenario of a loss.
///
/// # Errors
/// Every fault of the request.
pub fn likely_loss(
    model: &FactorView<'_>,
    book: &Book,
    partitions: &[Partition],
    request: &LossRequest,
) -> Result<LossReport, Vec<LossFault>> {
    let boxes = boxes(model, request)?;
    let setting = Setting::of_book(model, book);
    let form = setting.pnl_form(&positions(book));
    let asked = Asked { setting: &setting, book, partitions, request, form, boxes };
    Ok(LossReport {
        average: asked.loss(&setting.average),
        like_this: setting.like_this(book).map(|(joint, days)| (asked.loss(&joint), days)),
        coverage: rung_shares(&setting, book),
    })
}

fn boxes(model: &FactorView<'_>, request: &LossRequest) -> Result<Boxes, Vec<LossFault>> {
    let mut faults = Vec::new();
    if !(0.0 < request.loss && request.loss.is_finite()) {
        faults.push(LossFault::Loss);
    }
    if request.sessions == 0 {
        faults.push(LossFault::Sessions);
    }
    let factors = model.factors.factors();
    let mut boxes = Boxes::none(factors.len());
    for (bound, known) in request.bounds.iter().enumerate() {
        let twice = request.bounds[..bound].iter().any(|other| other.factor == known.factor);
        match factors.iter().position(|factor| *factor == known.factor) {
            Some(at) if !twice => boxes.common[at] = (known.low, known.high),
            _ => faults.push(LossFault::Factor { bound }),
        }
        if !(known.low <= 0.0 && 0.0 <= known.high) {
            faults.push(LossFault::Bound { bound });
        }
    }
    if let Some(deviations) = request.specific_deviations {
        if deviations.is_nan() || deviations < 0.0 {
            faults.push(LossFault::SpecificDeviations);
        }
        boxes.specific_deviations = deviations;
    }
    if faults.is_empty() { Ok(boxes) } else { Err(faults) }
}

/// A request on a book, whatever the distribution.
struct Asked<'a> {
    setting: &'a Setting<'a>,
    book: &'a Book,
    partitions: &'a [Partition],
    request: &'a LossRequest,
    form: Form,
    boxes: Boxes,
}

impl Asked<'_> {
    fn loss(&self, joint: &Joint) -> Result<LikelyLoss, NoScenario> {
        let LossRequest { loss, sessions, .. } = *self.request;
        let found = likeliest(joint, &self.form, (loss, sessions), &self.boxes)?;
        // As large as no shock may be: the book is too small for the loss, and products with it
        // would not be numbers.
        let is_move = |moved: &f64| moved.abs() <= SIZE_MAX;
        if !found.common.iter().chain(&found.specific).all(is_move) {
            return Err(NoScenario::Unsolved);
        }
        let position = |holding: &Holding| {
            let name = self.setting.name(holding.instrument);
            let specific = self.setting.specific(holding.instrument, &found.specific);
            let Some((name, specific)) = name.zip(specific) else {
                return LossPosition { moved: 0.0, specific: 0.0, pnl: 0.0 };
            };
            let moved = stats::kernel::dot(&name.exposures, &found.common) + specific;
            LossPosition { moved, specific, pnl: holding.market_value * moved }
        };
        let positions: Vec<LossPosition> = self.book.holdings.iter().map(position).collect();
        let by_holding: Vec<f64> = positions.iter().map(|position| position.pnl).collect();
        let id = |at: usize| self.setting.factor_id(at);
        let coordinate = |(at, (moved, pnl)): (usize, (&f64, &f64))| CoordinateMove {
            id: id(at),
            moved: *moved,
            pnl: *pnl,
        };
        let moves = found.common.iter().zip(&found.common_pnl);
        Ok(LikelyLoss {
            factors: moves.enumerate().map(coordinate).collect(),
            specific_pnl: total(&found.specific_pnl),
            positions,
            partitions: self.partitions.iter().map(|parts| parts.sums(&by_holding)).collect(),
            distance: found.distance,
            probability: found.probability,
            at_bound: found.at_bound.iter().map(|at| id(*at)).collect(),
        })
    }
}
