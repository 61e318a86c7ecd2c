//! The caller's terms: what may hedge, at which prices and costs, and when.

use crate::{
    clock::Clock,
    option::{OptionFault, QuotedOption},
    simulated::Simulation,
};
use marketdata::instrument::InstrumentId;
use portfolio::unresolved::Cause;

/// Days of a year in which a rate a year is paid: carry is money times rate times days/360.
pub(crate) const RATE_DAYS: f64 = 360.0;

/// Days of a year over which a position is held.
pub(crate) const YEAR_DAYS: f64 = 365.0;

/// Days for which carry is paid per session: those without trading are paid, too.
pub const DAYS_PER_SESSION: f64 = YEAR_DAYS / 252.0;

/// On which terms a line trades and is held. Costs are positive, an income is negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineTerms {
    /// Units trade in multiples of this many, positive. `None` for any fraction.
    pub lot_units: Option<f64>,
    /// Half of the spread, a decimal of the value traded, 0 or more.
    pub half_spread: f64,
    /// Commission, a decimal of the value traded, 0 or more.
    pub commission: f64,
    /// Cost a year of holding long, a decimal of the value: financing, fees and roll, less
    /// dividends and other income. It is all that is known of them.
    pub long_carry: f64,
    /// Cost a year of holding short, a decimal of the value: borrow fee, less rebate.
    pub short_carry: f64,
    /// Margin to be posted, a decimal of the absolute value, 0 or more.
    pub margin: f64,
}

impl LineTerms {
    /// The rate a year of a cost a day.
    pub(crate) const fn rate_of(per_day: f64) -> f64 {
        RATE_DAYS * per_day
    }

    /// Cost of holding a position for a calendar day, in money.
    pub(crate) fn carry_per_day(&self, position: f64) -> f64 {
        let long = self.long_carry * position.max(0.0);
        (long + self.short_carry * (-position).max(0.0)) / RATE_DAYS
    }
}

/// An instrument that may hedge.
#[derive(Clone, Debug, PartialEq)]
pub struct Instrument {
    /// Its name, unique among the lines of the problem.
    pub id: String,
    /// The instrument whose returns it has.
    pub moves_as: InstrumentId,
    /// `None`: it is shares of `moves_as`, one line with a position in them. Otherwise a derivative
    /// with a line of its own, worth this many units of the price of `moves_as`, positive.
    pub contract_units: Option<f64>,
    /// Of a contract that is an option: its terms and quote. Its volume is then that of premiums;
    /// `terms` have its commission as a share of the premium, its lot and its margin, and no more.
    pub option: Option<QuotedOption>,
    /// What trades in it a day, in money, positive. `None`: the average volume of `moves_as`, which
    /// a derivative cannot take.
    pub volume: Option<f64>,
    /// Its terms.
    pub terms: LineTerms,
}

/// The price of an instrument now, positive, in the units of the view's day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Its price.
    pub price: f64,
}

/// Everything that the caller says about lines.
#[derive(Clone, Debug, PartialEq)]
pub struct DeskTerms {
    /// Terms of the positions of the book, unless they have their own.
    pub positions: LineTerms,
    /// Terms of single positions.
    pub single: Vec<(InstrumentId, LineTerms)>,
    /// Prices now; instruments without one keep their last close.
    pub marks: Vec<Mark>,
    /// What may hedge.
    pub instruments: Vec<Instrument>,
    /// Sessions over which trades are held, positive: over them an option loses value by time.
    pub held_sessions: f64,
    /// The size of a trade, as a share of a day's volume, at which its quadratic impact costs as
    /// much as the square-root law; positive ([`crate::line::quadratic_impact`]).
    pub impact_size: f64,
    /// When trading begins and should be done.
    pub clock: Clock,
    /// How often plans price scenarios.
    pub scenarios: ScenarioUse,
    /// What these are drawn from. `None`: they are past sessions.
    pub simulation: Option<Simulation>,
    /// Number of scenarios of limits ([`crate::desk::Desk::scenario`]).
    pub limited_scenarios: usize,
    /// The days that variances are estimated on.
    pub days: VarianceDays,
}

/// The days that variances are estimated on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VarianceDays {
    /// All days of the factor model.
    All,
    /// Those on which the trade moved far ([`risk::like_this`]).
    LargeMoves,
}

/// How often plans price scenarios, for which the options of the book are valued anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScenarioUse {
    /// Never: they price variance.
    Never,
    /// Once.
    Once,
    /// Once, and again with what was known before every month.
    EveryMonth,
}

/// A fault of the terms.
#[derive(Clone, Debug, PartialEq)]
pub enum TermsFault {
    /// A number of an instrument is out of range; its place in the list and the field.
    Instrument {
        /// Place among the instruments.
        at: usize,
        /// The field.
        field: &'static str,
    },
    /// A number of the terms of positions is out of range.
    Positions(&'static str),
    /// A number of the terms of a single position is out of range.
    Single {
        /// Place among them.
        at: usize,
        /// The field.
        field: &'static str,
    },
    /// A mark is not positive, or the second of its instrument.
    Mark(usize),
    /// The size of impact is not positive.
    ImpactSize,
    /// The time over which trades are held is not positive.
    HeldSessions,
    /// The simulation has an odd number of scenarios or none, too few degrees of freedom, or no time.
    Simulation,
    /// An option cannot hedge.
    Option {
        /// Place among the instruments.
        at: usize,
        /// The reason.
        fault: OptionFault,
    },
    /// An instrument has the id of another line, or is shares that another one is.
    Repeated(usize),
    /// The options of the book are to be valued more often than [`crate::limits::OPTION_VALUES`].
    OptionValues {
        /// How many there are.
        options: usize,
        /// How many values they need.
        values: usize,
    },
    /// No price of an instrument can be used, and why.
    NoPrice {
        /// Place among the instruments.
        at: usize,
        /// What it moves as.
        instrument: InstrumentId,
        /// The reason: none is loaded, or no rate or split factor converts it.
        cause: Cause,
    },
    /// An instrument has no volume or no exposures; the fact that it lacks.
    Lacks {
        /// Place among the instruments.
        at: usize,
        /// What it lacks: "volume" or "exposures".
        what: &'static str,
    },
}

impl TermsFault {
    /// The place of the instrument that has it, if one has.
    pub(crate) const fn instrument(&self) -> Option<usize> {
        match self {
            TermsFault::Instrument { at, .. }
            | TermsFault::Repeated(at)
            | TermsFault::Option { at, .. }
            | TermsFault::NoPrice { at, .. }
            | TermsFault::Lacks { at, .. } => Some(*at),
            TermsFault::Positions(_)
            | TermsFault::Single { .. }
            | TermsFault::Mark(_)
            | TermsFault::ImpactSize
            | TermsFault::HeldSessions
            | TermsFault::Simulation
            | TermsFault::OptionValues { .. } => None,
        }
    }
}

impl DeskTerms {
    /// Faults that need no market to be seen.
    pub(crate) fn faults(&self) -> Vec<TermsFault> {
        let mut found: Vec<TermsFault> =
            wrong(&self.positions).into_iter().map(TermsFault::Positions).collect();
        for (at, (_, terms)) in self.single.iter().enumerate() {
            found.extend(wrong(terms).into_iter().map(|field| TermsFault::Single { at, field }));
        }
        for (at, instrument) in self.instruments.iter().enumerate() {
            let mut fields = wrong(&instrument.terms);
            let units = instrument.contract_units;
            let has_units = units.is_some() || instrument.option.is_none();
            fields
                .extend((!has_units || !units.is_none_or(is_positive)).then_some("contract_units"));
            fields.extend((!instrument.volume.is_none_or(is_positive)).then_some("volume"));
            found.extend(fields.into_iter().map(|field| TermsFault::Instrument { at, field }));
        }
        for (at, mark) in self.marks.iter().enumerate() {
            let is_second =
                self.marks[..at].iter().any(|other| other.instrument == mark.instrument);
            if is_second || !is_positive(mark.price) {
                found.push(TermsFault::Mark(at));
            }
        }
        found.extend((!is_positive(self.impact_size)).then_some(TermsFault::ImpactSize));
        found.extend((!is_positive(self.held_sessions)).then_some(TermsFault::HeldSessions));
        let is_lawful = self.simulation.is_none_or(|simulation| simulation.is_lawful());
        found.extend((!is_lawful).then_some(TermsFault::Simulation));
        found
    }
}

/// The fields that are out of range.
fn wrong(terms: &LineTerms) -> Vec<&'static str> {
    let is_cost = |value: f64| 0.0 <= value && value.is_finite();
    let rows = [
        ("lot_units", terms.lot_units.is_none_or(is_positive)),
        ("half_spread", is_cost(terms.half_spread)),
        ("commission", is_cost(terms.commission)),
        ("long_carry", terms.long_carry.is_finite()),
        (
            "short_carry",
            terms.short_carry.is_finite() && 0.0 <= terms.long_carry + terms.short_carry,
        ),
        ("margin", is_cost(terms.margin)),
    ];
    rows.into_iter().filter(|(_, lawful)| !lawful).map(|(field, _)| field).collect()
}

fn is_positive(value: f64) -> bool {
    0.0 < value && value.is_finite()
}
