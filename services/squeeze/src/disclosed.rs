//! What is disclosed of a name besides its short interest: short sales, fails, days of earnings.
//!
//! Each is `None` if the view has data of its kind for no name, which is one gap of the answer.

use crate::{
    earnings,
    fails::{Fails, SettlementDays},
    measure::Measured,
    short_sales::{KnownFacilities, ShortSales},
};
use factors::short_ratio::{CountsOnBasis, Published};
use marketdata::{
    basis::Units,
    dataset::Dataset,
    day::Day,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    snapshot::Snapshot,
};

/// A disclosed measure that is ranked against all names. For all of them, more means more pressure on
/// the shorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DisclosedMeasure {
    /// Volume of short sales / all volume off exchange, a decimal.
    ShortSaleVolumeShare,
    /// Shares not delivered / float, a decimal.
    FailsOfFloat,
}

/// Name in answers of whether a name is a threshold security.
pub const ON_THRESHOLD: &str = "on_fails_threshold";

/// Number of such measures.
pub const DISCLOSED: usize = 2;

impl DisclosedMeasure {
    /// Every measure, in the order of all tables.
    pub const ALL: [DisclosedMeasure; DISCLOSED] =
        [DisclosedMeasure::ShortSaleVolumeShare, DisclosedMeasure::FailsOfFloat];

    /// Its name in answers.
    pub const fn id(self) -> &'static str {
        match self {
            DisclosedMeasure::ShortSaleVolumeShare => "short_sale_volume_share",
            DisclosedMeasure::FailsOfFloat => "fails_to_deliver_of_float",
        }
    }

    /// The dataset that it needs.
    pub const fn dataset(self) -> Dataset {
        match self {
            DisclosedMeasure::ShortSaleVolumeShare => Dataset::ShortSales,
            DisclosedMeasure::FailsOfFloat => Dataset::Fails,
        }
    }
}

/// Of which kinds a view has data of any name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisclosedState {
    facilities: Option<KnownFacilities>,
    settlement_days: Option<SettlementDays>,
    has_earnings: bool,
}

impl DisclosedState {
    /// Nothing is known.
    pub(crate) const NONE: DisclosedState =
        DisclosedState { facilities: None, settlement_days: None, has_earnings: false };

    /// That of a view. `freshest` is the market's latest session.
    pub(crate) fn of(snapshot: &Snapshot, freshest: Option<Day>) -> DisclosedState {
        let has = |dataset| snapshot.holders(dataset).next().is_some();
        DisclosedState {
            facilities: KnownFacilities::of(snapshot, freshest),
            settlement_days: SettlementDays::of(snapshot, freshest),
            has_earnings: has(Dataset::EarningsDates),
        }
    }

    /// A gap for every kind without any data, and those of lists.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = Gap> + use<> {
        let of_lists = self.settlement_days.as_ref().map_or_else(Vec::new, SettlementDays::gaps);
        let missing = [
            (Dataset::ShortSales, self.facilities.is_some(), "no volumes of short sales"),
            (Dataset::Fails, self.settlement_days.is_some(), "no fails to deliver"),
            (Dataset::EarningsDates, self.has_earnings, "no days of earnings"),
        ];
        let missing = missing.into_iter().filter(|(_, is_known, _)| !is_known);
        let missing = missing.map(|(dataset, _, what)| {
            let detail = format!("{what} were published by the as-of date");
            Gap::new(GapReason::InputMissing, Subject::Dataset(dataset), detail)
        });
        missing.chain(of_lists)
    }
}

/// What is disclosed of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Disclosed {
    /// Its short sales off exchange.
    pub short_sales: Option<ShortSales>,
    /// Its fails to deliver, with the settlement days of the market.
    pub fails: Option<(Fails, SettlementDays)>,
    /// Its next report of earnings.
    pub earnings: Option<Result<Published, GapReason>>,
}

impl Disclosed {
    /// That of an instrument, share counts in the units of a day.
    pub(crate) fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        (state, freshest): (&DisclosedState, Option<Day>),
        counts: &CountsOnBasis,
        basis: (&Units, Day),
    ) -> Disclosed {
        let short_sales = |known| ShortSales::of(snapshot, instrument, known);
        let fails = |days: &SettlementDays| {
            (Fails::of(snapshot, instrument, days, counts, basis), days.clone())
        };
        let earnings =
            || earnings::next(snapshot, instrument, freshest).ok_or(GapReason::InputMissing);
        Disclosed {
            short_sales: state.facilities.as_ref().map(short_sales),
            fails: state.settlement_days.as_ref().map(fails),
            earnings: state.has_earnings.then(earnings),
        }
    }

    /// Whether the view has data of its kind for any name.
    pub fn has(&self, measure: DisclosedMeasure) -> bool {
        match measure {
            DisclosedMeasure::ShortSaleVolumeShare => self.short_sales.is_some(),
            DisclosedMeasure::FailsOfFloat => self.fails.is_some(),
        }
    }

    /// A measure.
    ///
    /// # Errors
    /// No data give it, or they are too old.
    pub fn measure(&self, measure: DisclosedMeasure) -> Measured {
        let missing = GapReason::InputMissing;
        match measure {
            DisclosedMeasure::ShortSaleVolumeShare => {
                self.short_sales.as_ref().ok_or(missing)?.share
            }
            DisclosedMeasure::FailsOfFloat => self.fails.as_ref().ok_or(missing)?.0.of_float,
        }
    }

    /// The day of the newest observation that a measure rests on.
    pub fn observed_on(&self, measure: DisclosedMeasure) -> Option<Day> {
        let known = match measure {
            DisclosedMeasure::ShortSaleVolumeShare => self.short_sales.as_ref()?.total.ok()?,
            DisclosedMeasure::FailsOfFloat => self.fails.as_ref()?.0.shares.ok()?,
        };
        Some(known.effective_on)
    }

    /// 1 for a threshold security, and 0 for a name that is none.
    ///
    /// # Errors
    /// It is not known.
    pub fn on_threshold(&self) -> Measured {
        let (fails, _) = self.fails.as_ref().ok_or(GapReason::InputMissing)?;
        fails.is_on_threshold.map(|is_on| if is_on { 1.0 } else { 0.0 })
    }

    /// The gap of a name of which it is not known whether it is a threshold security, or for how long.
    pub(crate) fn threshold_gap(
        &self,
        symbol: &str,
        field: &'static str,
        reason: GapReason,
    ) -> Gap {
        let none = || "no data of its kind are known".to_owned();
        let why = self.fails.as_ref().map_or_else(none, |(of, days)| of.why_missing(reason, days));
        Gap::new(reason, Subject::number_of(symbol, field), why)
    }

    /// The gap of a missing measure of a name with the given symbol.
    pub(crate) fn gap(&self, symbol: &str, measure: DisclosedMeasure, reason: GapReason) -> Gap {
        let why = match (measure, &self.short_sales, &self.fails) {
            (DisclosedMeasure::ShortSaleVolumeShare, Some(of), _) => of.why_missing(reason),
            (DisclosedMeasure::FailsOfFloat, _, Some((of, days))) => of.why_missing(reason, days),
            (_, None, _) | (_, _, None) => "no data of its kind are known".to_owned(),
        };
        Gap::new(reason, Subject::number_of(symbol, measure.id()), why)
    }

    /// A gap for everything that is missing, of the kinds of which the view has data.
    pub(crate) fn gaps(&self, symbol: &str) -> Vec<Gap> {
        let known = DisclosedMeasure::ALL.into_iter().filter(|measure| self.has(*measure));
        let missing = known.filter_map(|one| Some((one, self.measure(one).err()?)));
        let mut gaps: Vec<Gap> =
            missing.map(|(measure, reason)| self.gap(symbol, measure, reason)).collect();
        let field = |field| Subject::number_of(symbol, field);
        if let Some(sales) = &self.short_sales
            && sales.share.is_ok()
            && let Err(reason) = sales.average
        {
            let subject = field("average_short_sale_volume_share");
            gaps.push(Gap::new(reason, subject, sales.why_missing(reason)));
        }
        // Of a name that no list has, one gap is enough: that of the share of the float.
        if let Some((fails, _)) = &self.fails
            && fails.threshold_days.err() != Some(GapReason::InputMissing)
        {
            let days = ("fails_threshold_days", fails.threshold_days.err());
            let missing = [days, (ON_THRESHOLD, fails.is_on_threshold.err())].into_iter();
            let missing = missing.filter_map(|(what, reason)| Some((what, reason?)));
            gaps.extend(missing.map(|(what, why)| self.threshold_gap(symbol, what, why)));
        }
        let fails = self.fails.as_ref();
        gaps.extend(fails.and_then(|(fails, days)| fails.unused(symbol, days)));
        gaps.extend(self.short_sales.as_ref().and_then(|sales| sales.unused(symbol)));
        if let Some(Err(reason)) = self.earnings {
            let detail = "no day of its next report was announced by the as-of date";
            gaps.push(Gap::new(reason, field("earnings_within_five_sessions"), detail));
        }
        gaps
    }
}
