//! One name: its short interest, how it trades, and the measures computed from both.

use crate::{
    disclosed::{Disclosed, DisclosedState},
    lending::{Lending, LendingMeasure},
    measure::{COMPONENTS, Component, Measured, ratio},
    old_rates::{self, OldRateNumber},
    sentence::{MISSED_SETTLEMENTS, doubted, no_close_of_last_session, sentence},
    settlements,
    traded::{LeftOut, Traded},
};
use factors::{
    market_value::{CapSource, LineCap, line_value},
    settlement_days::SettlementDays,
    short_ratio::{CountsOnBasis, DataQualityFlag, ShortRatio},
};
use marketdata::{
    basis::Units,
    dataset::{Dataset, Field},
    day::Day,
    gap::{Gap, GapReason, Subject},
    instant::Instant,
    instrument::InstrumentId,
    quotes::Quotes,
    snapshot::Snapshot,
};
use std::sync::Arc;

/// What measures of a name need to know of the whole market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketState {
    /// The market's latest session. `None` without any close.
    pub freshest: Option<Day>,
    /// The sessions of the 380 days up to it, the oldest first.
    pub sessions: Arc<[Day]>,
    /// The settlements of short interest.
    pub settlements: Arc<SettlementDays>,
    /// Whether lending data of any name are known.
    pub has_lending: bool,
    /// Which other disclosures of any name are known.
    pub disclosed: DisclosedState,
}

/// A name, with or without current short interest.
///
/// Share counts and prices are in the units of one day ([`SqueezeName::units_on`]), so that each
/// ratio can be checked by hand against the numbers reported with it.
#[derive(Clone, Debug, PartialEq)]
pub struct SqueezeName {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The day whose units share counts and prices are in: the settlement day, or the view's day
    /// without current short interest.
    pub units_on: Day,
    /// Its current short interest. Without: `Stale` if its last one missed the newest settlements,
    /// else `NoShortInterest`.
    pub short: Result<ShortRatio, GapReason>,
    /// Float and shares outstanding.
    pub counts: CountsOnBasis,
    /// How it trades, in the units in which its prices are stored, or why it does not.
    pub traded: Result<Traded, GapReason>,
    /// Its closes of the last 380 days that were left out. `None`: there are none.
    pub left_out: Option<LeftOut>,
    /// Number of shares in the units of `traded` per share in the units of `units_on`.
    pub shares_factor: Measured,
    /// Publication time of the last close.
    pub close_published_at: Option<Instant>,
    /// Market value of this line at its last close, however old that is: shares outstanding times
    /// close, else as printed by a listing.
    pub market_cap: Result<LineCap, GapReason>,
    /// Text id of the exchange that the latest listing gives.
    pub exchange: Option<f64>,
    /// The market for borrowing its shares, counts in the units of `units_on`. `None` if the view
    /// has no lending data of any name.
    pub lending: Option<Lending>,
    /// Short sales, fails and the next report of earnings.
    pub disclosed: Disclosed,
    /// The settlement that lies between its last two. `None` if they follow each other.
    skipped_on: Option<Day>,
    measures: [Measured; COMPONENTS],
    old_rates: Vec<OldRateNumber>,
}

impl SqueezeName {
    /// Measures a name with current short interest.
    pub fn of(snapshot: &Snapshot, ratio: ShortRatio, market: &MarketState) -> SqueezeName {
        let (instrument, counts) = (ratio.instrument, ratio.counts);
        SqueezeName::measured(snapshot, (instrument, counts), Ok(ratio), market)
    }

    /// What can be measured of a name without current short interest.
    pub fn without_short_interest(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        market: &MarketState,
    ) -> SqueezeName {
        let reason = match ShortRatio::of(snapshot, instrument, &market.settlements) {
            Some(_) => GapReason::Stale,
            None => GapReason::NoShortInterest,
        };
        let counts = CountsOnBasis::of(snapshot, instrument, snapshot.today());
        SqueezeName::measured(snapshot, (instrument, counts), Err(reason), market)
    }

    fn measured(
        snapshot: &Snapshot,
        (instrument, counts): (InstrumentId, CountsOnBasis),
        short: Result<ShortRatio, GapReason>,
        market: &MarketState,
    ) -> SqueezeName {
        let freshest = market.freshest;
        let settlement = short.as_ref().ok().map(|ratio| ratio.shares_short.effective_on);
        let (traded, left_out) = freshest.map_or((Err(GapReason::NoPrice), None), |freshest| {
            let settled = settlement.map(|on| (on, &*market.settlements));
            Traded::of(snapshot, instrument, (&market.sessions, freshest), settled)
        });
        let previous = short.as_ref().ok().and_then(|ratio| ratio.previous.ok());
        let between = |on: &&Day| {
            previous.is_some_and(|before| before.effective_on < **on)
                && settlement.is_some_and(|latest| **on < latest)
        };
        let skipped_on = market.settlements.days().iter().find(between).copied();
        let units_on = settlement.unwrap_or_else(|| snapshot.today());
        let units = Units::of(snapshot, instrument);
        let shares_factor = match &traded {
            Ok(traded) => traded.shares_factor(&units, units_on),
            Err(reason) => Err(*reason),
        };
        let market_cap = market_cap(snapshot, instrument, &counts, freshest);
        let lending = || Lending::of(snapshot, instrument, freshest, (&units, units_on));
        let basis = (&units, units_on);
        let known = (&market.disclosed, freshest);
        let disclosed = Disclosed::of(snapshot, instrument, known, &counts, basis);
        let measures = Component::ALL.map(|c| measure(c, &short, &traded, shares_factor));
        let old_rates = traded.as_ref().map_or_else(
            |_| Vec::new(),
            |traded| old_rates::of_numbers(snapshot, instrument, traded, market_cap),
        );
        SqueezeName {
            instrument,
            units_on,
            short,
            counts,
            traded,
            left_out,
            shares_factor,
            close_published_at: close_published_at(snapshot, instrument, freshest),
            market_cap,
            exchange: exchange(snapshot, instrument),
            lending: market.has_lending.then(lending),
            disclosed,
            skipped_on,
            measures,
            old_rates,
        }
    }

    /// Heap memory held, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let doubts = self.short.as_ref().map_or(0, |short| short.doubts.capacity());
        let old_rates = self.old_rates.iter().map(OldRateNumber::heap_bytes).sum::<usize>();
        doubts * size_of::<DataQualityFlag>()
            + self.old_rates.capacity() * size_of::<OldRateNumber>()
            + old_rates
    }

    /// Short interest / float.
    ///
    /// # Errors
    /// No current short interest, no float, or no known factor converts its units.
    pub fn short_of_float(&self) -> Measured {
        current(&self.short)?.of_float()
    }

    /// Short interest / (float + short interest), the definition of S3 Partners.
    ///
    /// # Errors
    /// As for [`SqueezeName::short_of_float`].
    pub fn short_of_float_s3(&self) -> Measured {
        current(&self.short)?.of_float_s3()
    }

    /// Short interest / shares outstanding.
    ///
    /// # Errors
    /// No current short interest, no share count, or no known factor converts its units.
    pub fn short_of_shares_outstanding(&self) -> Measured {
        current(&self.short)?.of_shares_outstanding()
    }

    /// A measure that is ranked against all names.
    pub const fn measure(&self, component: Component) -> Measured {
        self.measures[component.index()]
    }

    /// A measure of the market for borrowing its shares.
    ///
    /// # Errors
    /// No lending data give it, or they are too old or too few.
    pub fn lending(&self, measure: LendingMeasure) -> Measured {
        self.lending.as_ref().ok_or(GapReason::InputMissing)?.measure(measure)
    }

    /// Average shares per day over 21 sessions, in the units of `units_on`.
    ///
    /// # Errors
    /// The name does not trade, or no known factor converts its units.
    pub fn average_volume(&self) -> Measured {
        let traded = self.traded.as_ref().map_err(|reason| *reason)?;
        Ok(traded.average_volume? / self.shares_factor?)
    }

    /// Median of shares per day over the last 63 sessions, in the units of `units_on`.
    ///
    /// # Errors
    /// The name does not trade, or no known factor converts its units.
    pub fn normal_volume(&self) -> Measured {
        let traded = self.traded.as_ref().map_err(|reason| *reason)?;
        Ok(traded.normal_volume? / self.shares_factor?)
    }

    /// Average shares per day over the 21 sessions up to the settlement, in its units.
    ///
    /// # Errors
    /// The name did not trade then, or no known factor converts its units.
    pub fn average_volume_at_settlement(&self) -> Measured {
        let traded = self.traded.as_ref().map_err(|reason| *reason)?;
        Ok(traded.since.volume_before? / self.shares_factor?)
    }

    /// Short interest / average volume over the 21 sessions up to the last close, in days.
    ///
    /// # Errors
    /// No current short interest, the name does not trade, or no known factor converts its units.
    pub fn days_to_cover_at_recent_volume(&self) -> Measured {
        ratio(current(&self.short)?.shares_short.value, self.average_volume()?)
    }

    /// The last close in the units of `units_on`.
    ///
    /// # Errors
    /// The name does not trade, or no known factor converts its units.
    pub fn close(&self, units: &Units) -> Measured {
        let traded = self.traded.as_ref().map_err(|reason| *reason)?;
        let change = units.change(self.units_on, traded.units_on).ok_or(GapReason::BasisUnknown)?;
        Ok(traded.close * change.price)
    }

    /// Standard deviation of daily total returns over 60 sessions, a decimal.
    ///
    /// # Errors
    /// The name does not trade, or not for long enough.
    pub fn volatility(&self) -> Measured {
        self.traded.as_ref().map_err(|reason| *reason)?.volatility
    }

    /// What the market's shorts gained on the latest session, USD, below 0 if they lost: the shares
    /// short at the settlement, as if they had been short all day.
    ///
    /// # Errors
    /// The name did not trade on that session, or no known factor converts its units.
    pub fn shorts_gain_last_session_usd(&self) -> Measured {
        self.shorts_gain(|traded| traded.gain_last_session)
    }

    /// What the market's shorts gained since the settlement, USD, below 0 if they lost: the shares
    /// short then, as if none had been covered since.
    ///
    /// # Errors
    /// No current short interest, no trading, or no known factor converts its units.
    pub fn shorts_gain_since_settlement_usd(&self) -> Measured {
        self.shorts_gain(|traded| traded.since.gain)
    }

    pub(crate) fn shorts_gain(&self, gain: impl Fn(&Traded) -> Measured) -> Measured {
        let traded = self.traded.as_ref().map_err(|reason| *reason)?;
        let shares = current(&self.short)?.shares_short.value * self.shares_factor?;
        Ok(0.0 - shares * gain(traded)?)
    }

    /// Market value at the last close of the shares short at the settlement, USD.
    ///
    /// # Errors
    /// No current short interest, no trading, or no known factor converts its units.
    pub fn short_interest_usd(&self) -> Measured {
        let traded = self.traded.as_ref().map_err(|reason| *reason)?;
        let shares = current(&self.short)?.shares_short.value * self.shares_factor?;
        Ok(shares * traded.value_per_share?)
    }

    /// Short interest / median volume of the last 63 sessions, in days.
    ///
    /// # Errors
    /// No current short interest, no normal volume, or no known factor converts its units.
    pub fn days_to_cover_at_normal_volume(&self) -> Measured {
        ratio(current(&self.short)?.shares_short.value, self.normal_volume()?)
    }

    /// Average USD traded per day over 21 sessions.
    ///
    /// # Errors
    /// The name does not trade.
    pub fn average_value_usd(&self) -> Measured {
        self.traded.as_ref().map_err(|reason| *reason)?.average_value_usd
    }

    /// Short interest / the source's own average daily volume, in days. The source's published days
    /// to cover are not used: they are 999.99 for zero volume.
    ///
    /// # Errors
    /// No current short interest, or the source gives no volume, or zero.
    pub fn days_to_cover_at_source_volume(&self) -> Measured {
        let short = current(&self.short)?;
        ratio(short.shares_short.value, short.source_daily_volume.ok_or(GapReason::NoVolume)?)
    }

    /// Calendar days from the as-of day to the publication of what its market value is from. `None`
    /// if that was published by then.
    pub fn later_market_cap(&self) -> Option<u16> {
        self.market_cap.ok()?.later_days
    }

    /// Why the name cannot be scored: it has no float, or does not trade. `None` if it can.
    pub fn why_not_scorable(&self) -> Option<(&'static str, GapReason)> {
        let ratio = self.measure(Component::ShortOfFloat).err();
        let ratio = ratio.map(|reason| (Component::ShortOfFloat.id(), reason));
        ratio.or_else(|| Some(("close", *self.traded.as_ref().err()?)))
    }

    /// The gap of a missing measure of a name with the given symbol; `of_short` if it rests on short
    /// interest.
    pub(crate) fn lack(
        &self,
        symbol: &str,
        what: &'static str,
        reason: GapReason,
        of_short: bool,
    ) -> Gap {
        let detail = match &self.short {
            Err(GapReason::Stale) if of_short => MISSED_SETTLEMENTS,
            _ => sentence(reason),
        };
        Gap::new(reason, Subject::number_of(symbol, what), detail)
    }

    /// A gap for every missing measure of lending. None without lending data of any name, which is
    /// a gap of the universe.
    fn lending_gaps(&self, symbol: &str) -> impl Iterator<Item = Gap> {
        let missing = LendingMeasure::ALL.into_iter().filter(|_| self.lending.is_some());
        let missing = missing.filter_map(|one| Some((one, self.lending(one).err()?)));
        missing.map(move |(measure, reason)| self.lending_gap(symbol, measure, reason))
    }

    /// The gap of a missing measure of lending of a name with the given symbol.
    pub(crate) fn lending_gap(
        &self,
        symbol: &str,
        measure: LendingMeasure,
        reason: GapReason,
    ) -> Gap {
        let none = || "lending data do not give it".to_owned();
        let why = self.lending.map_or_else(none, |lending| lending.why_missing(measure, reason));
        Gap::new(reason, Subject::number_of(symbol, measure.id()), why)
    }

    /// A gap for every missing measure and every data-quality flag of a name with the given symbol.
    pub fn gaps(&self, symbol: &str) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut lacks = |what: &'static str, reason: Option<GapReason>, of_short: bool| {
            gaps.extend(reason.map(|reason| self.lack(symbol, what, reason, of_short)));
        };
        for component in Component::ALL {
            lacks(component.id(), self.measure(component).err(), component.is_of_short_interest());
        }
        lacks("short_of_shares_outstanding", self.short_of_shares_outstanding().err(), true);
        lacks("days_to_cover_at_recent_volume", self.days_to_cover_at_recent_volume().err(), true);
        lacks("days_to_cover_at_source_volume", self.days_to_cover_at_source_volume().err(), true);
        lacks("line_market_cap_usd", self.market_cap.err(), false);
        lacks("sixty_session_volatility", self.volatility().err(), false);
        let gain = self.shorts_gain_last_session_usd().err();
        let is_absent = self.has_no_close_of_last_session();
        lacks("shorts_gain_last_session_usd", gain.filter(|_| !is_absent), true);
        let gain = self.shorts_gain_since_settlement_usd();
        lacks("shorts_gain_since_settlement_usd", gain.err(), true);
        lacks("short_cost_basis", self.cost_basis().err(), true);
        let gain = self.shorts_gain_since_cost_basis_usd().err();
        lacks("shorts_gain_since_cost_basis_usd", gain.filter(|_| self.cost_basis().is_ok()), true);
        lacks("average_daily_value_usd", self.average_value_usd().err(), false);
        if self.market_cap.is_ok_and(|cap| cap.source == CapSource::Printed) {
            lacks("line_market_cap_usd", Some(GapReason::Proxy), false);
        }
        gaps.extend(Some(no_close_of_last_session(symbol)).filter(|_| is_absent));
        gaps.extend(self.later_market_cap().map(|days| {
            let detail = format!(
                "its market value is from a fact published {days} days after the as-of date \
                 (reference_knowledge)"
            );
            Gap::new(
                GapReason::LaterKnowledge,
                Subject::number_of(symbol, "line_market_cap_usd"),
                detail,
            )
        }));
        gaps.extend(self.left_out(symbol));
        gaps.extend(
            self.short
                .as_ref()
                .into_iter()
                .flat_map(|short| settlements::gaps_of(short, self.skipped_on, symbol)),
        );
        gaps.extend(self.old_rates.iter().map(|number| number.gap(symbol)));
        gaps.extend(self.lending_gaps(symbol));
        gaps.extend(self.disclosed.gaps(symbol));
        let doubts = self.short.iter().flat_map(|short| &short.doubts);
        gaps.extend(doubts.map(|doubt| doubted(symbol, *doubt)));
        gaps
    }

    /// Whether it has short interest and prices, but no close of the market's latest session.
    fn has_no_close_of_last_session(&self) -> bool {
        let gain = self.traded.as_ref().map(|traded| traded.gain_last_session);
        self.short.is_ok() && matches!(gain, Ok(Err(GapReason::Stale)))
    }

    /// The gap of closes that are of no session.
    fn left_out(&self, symbol: &str) -> Option<Gap> {
        let LeftOut { count, last_on } = self.left_out?;
        let detail = format!(
            "{count} of its closes are of no session of the market, the last of {last_on}: left out"
        );
        Some(Gap::new(GapReason::MissingObservations, Subject::symbol(symbol), detail))
    }
}

fn current(short: &Result<ShortRatio, GapReason>) -> Result<&ShortRatio, GapReason> {
    short.as_ref().map_err(|reason| *reason)
}

fn measure(
    component: Component,
    short: &Result<ShortRatio, GapReason>,
    traded: &Result<Traded, GapReason>,
    shares_factor: Measured,
) -> Measured {
    let traded = || traded.as_ref().map_err(|reason| *reason);
    let short = || current(short);
    match component {
        Component::ShortOfFloat => short()?.of_float(),
        Component::DaysToCover => {
            ratio(short()?.shares_short.value * shares_factor?, traded()?.since.volume_before?)
        }
        Component::ShortInterestChange => {
            short()?.previous?;
            short()?.change().ok_or(GapReason::Degenerate)
        }
        Component::ShortsLoss => short().and(traded())?.since.total_return,
        Component::Return5 => traded()?.five_session_return,
        Component::Return20 => traded()?.twenty_session_return,
        Component::DistanceToHigh => traded()?.distance_to_high,
        Component::VolumeRatio => traded()?.volume_ratio,
        Component::FloatTurnover => {
            let float = short()?.counts.float_on_basis;
            ratio(traded()?.since.volume?, float? * shares_factor?)
        }
    }
}

fn market_cap(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    counts: &CountsOnBasis,
    freshest: Option<Day>,
) -> Result<LineCap, GapReason> {
    let value = line_value(snapshot, instrument, freshest.unwrap_or(Day::MAX));
    value.ok_or_else(|| match counts.shares_outstanding {
        None => GapReason::NoSharesOutstanding,
        Some(_) => Quotes::why_none(snapshot, instrument),
    })
}

/// Of the last close up to the market's latest session.
fn close_published_at(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    freshest: Option<Day>,
) -> Option<Instant> {
    let rows = snapshot.rows(Dataset::Bars, instrument);
    Some(rows.published_at(rows.last_on_or_before(freshest?)?))
}

fn exchange(snapshot: &Snapshot, instrument: InstrumentId) -> Option<f64> {
    let rows = snapshot.rows(Dataset::Listings, instrument);
    let column = Dataset::Listings.column(Field::Exchange);
    (0..rows.len()).rev().find_map(|row| rows.value(row, column))
}
