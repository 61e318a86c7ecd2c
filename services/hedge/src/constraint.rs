//! What a hedge must respect: limits on measures of the book after the trades, and on the trades.

use crate::squeezed::SqueezedOptions;

/// A limit on a measure. At least one side is given; equal sides make an equality.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    /// The caller's name of the constraint, unique in a problem.
    pub id: String,
    /// What is limited.
    pub measure: Measure,
    /// Smallest allowed value, in the unit of the measure. `None` for no limit.
    pub lower: Option<f64>,
    /// Largest allowed value. `None` for no limit.
    pub upper: Option<f64>,
}

/// A number of the book after the trades x, with positions p = held + x. All are linear or convex.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// Σ p.
    Net,
    /// Σ |p|. Takes an upper limit only: a lower one is not convex.
    Gross,
    /// Σ |x|. Takes an upper limit only.
    Turnover,
    /// Σ (buy·x⁺ + sell·x⁻): half spreads and commissions. Takes an upper limit only.
    Spread,
    /// c + Σ wᵢ·pᵢ over all lines.
    Weighted {
        /// What the weights are.
        kind: Weights,
        /// c, what no trade changes, in the unit of the measure.
        offset: f64,
        /// w, one per line.
        weights: Vec<f64>,
    },
    /// Σ wᵢ·pᵢ over few lines: a dense list per limit would take a megabyte for a dozen limits of a
    /// large book.
    OfLines {
        /// What the weights are.
        kind: Weights,
        /// Line and w, in ascending order of lines.
        weights: Vec<(usize, f64)>,
    },
    /// Σ (wᵢ·pᵢ)⁺ over few lines: of positions on one side, nothing is offset by others. Takes an
    /// upper limit only.
    Positive {
        /// Line and w, in ascending order of lines.
        weights: Vec<(usize, f64)>,
    },
    /// The exposure Σ e·p to a factor, by its index.
    Factor(usize),
    /// p of a line, by its index.
    Position(usize),
    /// x of a traded line, by the index of the line.
    Trade(usize),
    /// The largest |x|/volume of the traded lines, each of which needs a volume. Takes an upper
    /// limit only.
    Participation,
    /// The loss if the shorts that would lose most squeeze together: the sum of the `count` largest
    /// (−θᵢ·zᵢ − bᵢ)⁺, with the money loadings z = L′p of the book on specific sources. Where a
    /// name loads one on its own source and a fund its weights, (−z)⁺ is the short in the name,
    /// looked through. Takes an upper limit only.
    WorstShorts {
        /// How many squeeze at once, at least one.
        count: usize,
        /// θ, the loss on a short of one, a decimal that is not negative; one per source.
        losses: Vec<f64>,
        /// b, what options make beyond their delta there.
        options: SqueezedOptions,
    },
}

/// What the weights of [`Measure::Weighted`] are; decides the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// One for the members of a group and zero for others: its net value.
    Members,
    /// Betas to an index or to the crowded trade: beta-weighted money.
    Betas,
    /// Returns of a scenario: its P&L. A stress floor is a lower limit, minus the loss allowed.
    Returns,
}

/// Which limit of a constraint is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The lower limit.
    Lower,
    /// The upper limit.
    Upper,
    /// Both at once: an equality.
    Equal,
}

/// The unit of a limit and of what it is relaxed by. A shadow price is in money per unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The currency of the book.
    Money,
    /// Money times beta.
    BetaMoney,
    /// Money times exposure to a factor.
    ExposureMoney,
    /// A share of volume, a decimal.
    VolumeShare,
    /// A number of lines.
    Lines,
}

impl Measure {
    /// The unit of the measure.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self {
            Measure::Weighted { kind: Weights::Betas, .. }
            | Measure::OfLines { kind: Weights::Betas, .. } => Unit::BetaMoney,
            Measure::Factor(_) => Unit::ExposureMoney,
            Measure::Participation => Unit::VolumeShare,
            Measure::Net
            | Measure::Gross
            | Measure::Turnover
            | Measure::Spread
            | Measure::Weighted { kind: Weights::Members | Weights::Returns, .. }
            | Measure::OfLines { kind: Weights::Members | Weights::Returns, .. }
            | Measure::Positive { .. }
            | Measure::Position(_)
            | Measure::Trade(_)
            | Measure::WorstShorts { .. } => Unit::Money,
        }
    }

    /// Whether only an upper limit leaves the problem convex.
    #[must_use]
    pub fn takes_upper_only(&self) -> bool {
        match self {
            Measure::Gross
            | Measure::Turnover
            | Measure::Spread
            | Measure::Positive { .. }
            | Measure::Participation
            | Measure::WorstShorts { .. } => true,
            Measure::Net
            | Measure::Weighted { .. }
            | Measure::OfLines { .. }
            | Measure::Factor(_)
            | Measure::Position(_)
            | Measure::Trade(_) => false,
        }
    }
}

/// A line that must not be traded, or not be shorted. Its relaxation is to lift it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exclusion {
    /// The caller's name of the exclusion, unique among constraints.
    pub id: String,
    /// Index of a traded line.
    pub line: usize,
    /// What is excluded.
    pub rule: ExclusionRule,
}

/// What an exclusion forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExclusionRule {
    /// Restricted: no trade at all.
    NoTrade,
    /// Hard to borrow: no new or larger short. What is held short may be kept or bought back.
    NoNewShort,
}

/// At most so many lines are traded.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxLines {
    /// The caller's name of the constraint.
    pub id: String,
    /// Largest number of lines with a trade.
    pub count: usize,
}

/// A line trades at least so much, or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct MinTicket {
    /// The caller's name of the constraint.
    pub id: String,
    /// Smallest trade in money, positive.
    pub money: f64,
}
