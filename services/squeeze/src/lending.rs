//! The market for borrowing shares of a name: utilisation, fee, its volatility, recalls.
//!
//! Each value is the newest one known, of at most a week before the market's latest session, with
//! its own day: a file may leave any of them out. What is not known is a reason, never zero. A value
//! that is older is stale, with its day, also if newer rows leave it out.

use crate::measure::{Measured, ratio};
use factors::{short_ratio::Published, squeeze_threshold::STALE_DAYS};
use marketdata::{
    basis::Units,
    calendar::{is_session, plus_sessions},
    dataset::{Dataset, Field},
    day::Day,
    gap::GapReason,
    instrument::InstrumentId,
    snapshot::Snapshot,
    track::Rows,
};
use stats::moments::{Ddof, standard_deviation};

/// Sessions of the fee's volatility, and the minimum that must have a fee.
const FEE_SESSIONS: i32 = 21;
const FEE_LEAST: usize = 15;
/// Days of a year in which fees are paid: the convention of the money market.
const FEE_DAYS_PER_YEAR: f64 = 360.0;
/// Rows that are searched for a value, the newest first: a year of sessions and more.
const ROWS_SEARCHED: usize = 300;
/// Calendar days per session: 365 / 252.
const DAYS_PER_SESSION: f64 = 365.0 / 252.0;

/// A value with its dates, or the reason why it is missing.
pub type Dated = Result<Published, GapReason>;

/// A measure of lending. For all of them, more means more pressure on the shorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LendingMeasure {
    /// Shares on loan / shares that lenders offer, a decimal.
    Utilisation,
    /// Fee for borrowing, a decimal per year.
    BorrowFee,
    /// Standard deviation of the fee over 21 sessions, a decimal per year.
    BorrowFeeVolatility,
    /// 1 if lenders recall shares, 0 if they do not.
    Recall,
}

/// Number of measures that are ranked against all names: all but the last.
pub const RANKED: usize = 3;

impl LendingMeasure {
    /// Every measure, in the order of all tables.
    pub const ALL: [LendingMeasure; RANKED + 1] = [
        LendingMeasure::Utilisation,
        LendingMeasure::BorrowFee,
        LendingMeasure::BorrowFeeVolatility,
        LendingMeasure::Recall,
    ];

    /// Its name in answers.
    pub const fn id(self) -> &'static str {
        match self {
            LendingMeasure::Utilisation => "utilisation",
            LendingMeasure::BorrowFee => "borrow_fee",
            LendingMeasure::BorrowFeeVolatility => "borrow_fee_volatility",
            LendingMeasure::Recall => "recall",
        }
    }

    /// Those that are ranked against all names.
    pub fn ranked() -> impl Iterator<Item = LendingMeasure> {
        LendingMeasure::ALL.into_iter().take(RANKED)
    }
}

/// The market for borrowing shares of one name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lending {
    /// Shares on loan / shares that lenders offer, as the source states it, else from the two.
    pub utilisation: Dated,
    /// Fee for borrowing, a decimal per year. Below zero, borrowers are paid.
    pub fee: Dated,
    /// Standard deviation of the fee over the 21 sessions up to its day.
    pub fee_volatility: Measured,
    /// Number of these sessions that have a fee.
    pub fee_sessions: u32,
    /// Shares on loan.
    pub on_loan: Dated,
    /// Shares that lenders offer, on loan or not.
    pub lendable: Dated,
    /// 1 if lenders recall shares, 0 if the source says that they do not.
    pub recall: Dated,
    /// Of the stale measures, in the order of [`LendingMeasure::ALL`], how old they are.
    stale: [Option<Age>; RANKED + 1],
}

/// How old the newest value of a measure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Age {
    /// Its day.
    on: Day,
    /// Calendar days from it to the market's latest session.
    days: i32,
}

impl Lending {
    /// The lending of an instrument, its shares in the units of a day. `freshest` is the market's
    /// latest session.
    pub(crate) fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        freshest: Option<Day>,
        (units, basis): (&Units, Day),
    ) -> Lending {
        let today = snapshot.today();
        let freshest = freshest.unwrap_or(today);
        let oldest = freshest.plus(-STALE_DAYS);
        let rows = snapshot.rows(Dataset::Lending, instrument);
        let last = rows.last_on_or_before(today);
        let recent = Recent { rows: &rows, last, oldest };
        let of_rows = LendingMeasure::ALL.map(|measure| recent.found(measure));
        let [utilisation, fee, _, recall] = of_rows.map(|found| recent.current(found));
        let age = |found: Found| {
            let on =
                found.filter(|(row, _)| rows.day(*row) < oldest).map(|(row, _)| rows.day(row))?;
            Some(Age { on, days: freshest.epoch() - on.epoch() })
        };
        let fees = match fee {
            Ok(fee) => recent.fees(fee.effective_on),
            Err(_) => Vec::new(),
        };
        let shares = |field: Field| {
            let known = recent.current(recent.newest(|row| column(&rows, row, field)))?;
            let change = units.change(known.effective_on, basis).ok_or(GapReason::BasisUnknown)?;
            Ok(Published { value: known.value * change.shares, ..known })
        };
        Lending {
            utilisation,
            fee,
            fee_volatility: fee.and_then(|_| volatility(&fees)),
            fee_sessions: fees.len() as u32,
            on_loan: shares(Field::SharesOnLoan),
            lendable: shares(Field::SharesLendable),
            recall,
            stale: of_rows.map(age),
        }
    }

    /// A measure.
    pub fn measure(&self, measure: LendingMeasure) -> Measured {
        match measure {
            LendingMeasure::Utilisation => value(self.utilisation),
            LendingMeasure::BorrowFee => value(self.fee),
            LendingMeasure::BorrowFeeVolatility => self.fee_volatility,
            LendingMeasure::Recall => value(self.recall),
        }
    }

    /// The day of the newest observation that a measure rests on.
    pub fn observed_on(&self, measure: LendingMeasure) -> Option<Day> {
        let dated = match measure {
            LendingMeasure::Utilisation => self.utilisation,
            LendingMeasure::BorrowFee | LendingMeasure::BorrowFeeVolatility => self.fee,
            LendingMeasure::Recall => self.recall,
        };
        dated.ok().map(|known| known.effective_on)
    }

    /// Why a measure is missing, in one sentence.
    pub(crate) fn why_missing(&self, measure: LendingMeasure, reason: GapReason) -> String {
        match (reason, self.stale[measure as usize]) {
            (GapReason::Stale, Some(Age { on, days })) => format!(
                "the newest value is of {on}, {days} days before the market's latest close, and more \
                 than {STALE_DAYS} are too many"
            ),
            (GapReason::ShortHistory, _) => "fewer than 15 of 21 sessions have a fee".to_owned(),
            (GapReason::BasisUnknown, _) => "no known split factor converts its shares".to_owned(),
            _ => "lending data do not give it".to_owned(),
        }
    }

    /// What borrowing shares of a value costs per calendar day, in the unit of the value.
    ///
    /// # Errors
    /// The fee is not known.
    pub fn cost_per_day(&self, value: f64) -> Measured {
        Ok(value.abs() * self.fee?.value / FEE_DAYS_PER_YEAR)
    }

    /// What borrowing costs while a short is bought back in equal parts over some sessions: half of
    /// it is borrowed on average.
    ///
    /// # Errors
    /// The fee is not known.
    pub fn cost_of_exit(&self, value: f64, sessions: f64) -> Measured {
        Ok(self.cost_per_day(value)? * sessions * DAYS_PER_SESSION / 2.0)
    }
}

/// The rows of a name up to the view's day.
struct Recent<'a> {
    rows: &'a Rows<'a>,
    last: Option<usize>,
    /// The first day that is not too old.
    oldest: Day,
}

/// A value and its row, if there is one.
type Found = Option<(usize, f64)>;

impl Recent<'_> {
    /// The newest value, however old; the function finds that of a row.
    fn newest(&self, of_row: impl Fn(usize) -> Option<f64>) -> Found {
        let rows = (0..=self.last?).rev().take(ROWS_SEARCHED);
        rows.filter_map(|row| Some((row, of_row(row)?))).next()
    }

    /// The newest value of what a measure is made of.
    fn found(&self, measure: LendingMeasure) -> Found {
        self.newest(|row| match measure {
            LendingMeasure::Utilisation => utilisation(self.rows, row),
            LendingMeasure::BorrowFee | LendingMeasure::BorrowFeeVolatility => {
                column(self.rows, row, Field::BorrowFee)
            }
            LendingMeasure::Recall => column(self.rows, row, Field::Recall),
        })
    }

    /// A newest value with its dates, if it is not too old.
    fn current(&self, found: Found) -> Dated {
        let (row, value) = found.ok_or(GapReason::InputMissing)?;
        let (effective_on, published_at) = (self.rows.day(row), self.rows.published_at(row));
        match effective_on < self.oldest {
            true => Err(GapReason::Stale),
            false => Ok(Published { value, effective_on, published_at }),
        }
    }

    /// The fees of the sessions up to a day, the newest first.
    fn fees(&self, last_on: Day) -> Vec<f64> {
        let first = plus_sessions(last_on.plus(1), -FEE_SESSIONS);
        let Some(last) = self.rows.last_on_or_before(last_on) else { return Vec::new() };
        let window = (0..=last).rev().take_while(|row| first <= self.rows.day(*row));
        let of_sessions = window.filter(|row| is_session(self.rows.day(*row)));
        of_sessions.filter_map(|row| column(self.rows, row, Field::BorrowFee)).collect()
    }
}

fn column(rows: &Rows<'_>, row: usize, field: Field) -> Option<f64> {
    rows.value(row, Dataset::Lending.column(field))
}

/// Utilisation as stated; else shares on loan over lendable shares of the same row.
fn utilisation(rows: &Rows<'_>, row: usize) -> Option<f64> {
    let of_counts = || {
        let on_loan = column(rows, row, Field::SharesOnLoan)?;
        ratio(on_loan, column(rows, row, Field::SharesLendable)?).ok()
    };
    column(rows, row, Field::Utilisation).or_else(of_counts)
}

fn volatility(fees: &[f64]) -> Measured {
    match FEE_LEAST <= fees.len() {
        true => standard_deviation(fees, Ddof::Sample).ok_or(GapReason::ShortHistory),
        false => Err(GapReason::ShortHistory),
    }
}

fn value(dated: Dated) -> Measured {
    dated.map(|known| known.value)
}
