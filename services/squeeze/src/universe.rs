//! The cross-section of a view: every name with published short interest, measured and scored.

use crate::{
    calibration::{model::clipped_probability, stored::stored},
    disclosed::DisclosedState,
    heavy::is_heavily_short,
    market::MostShortedState,
    measure::Measured,
    name::{MarketState, SqueezeName},
    score::{Index, IndexTerm, Score, Scores, score},
    settlements,
    traded::WINDOW_DAYS,
};
use factors::{
    settlement_days::SettlementDays,
    short_ratio::{Published, ShortRatio},
    trading::sessions_since,
};
use marketdata::{
    currency::Currency,
    dataset::Dataset,
    day::Day,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    newest::{PRICES_COMPARED_DAYS, newest_of_market, session_up_to},
    old_rates::OldRate,
    snapshot::Snapshot,
};
use rayon::prelude::*;
use std::{collections::BTreeMap, sync::Arc};

/// A name whose last settlement is this many calendar days before the newest has left the market.
const SKIPPED_DAYS: i32 = 40;
/// Bytes per entry of the index map: key, value, and node overhead, with nodes two thirds full on
/// average.
const PLACE_BYTES: usize = (size_of::<InstrumentId>() + size_of::<usize>()) * 3 / 2;
/// A latest close older than this many calendar days means that price files are missing.
const OLD_CLOSE_DAYS: i32 = 7;

/// Short selling across the market in one view, shared by all requests.
#[derive(Clone, Debug)]
pub struct Universe {
    snapshot: Snapshot,
    market: MarketState,
    names: Vec<SqueezeName>,
    /// Index of each instrument among the names.
    places: BTreeMap<InstrumentId, usize>,
    scores: Scores,
    summary: Summary,
    /// The currency of books that are assessed with it. Names are measured in dollars.
    base: Currency,
    /// `None` if it was not asked for.
    state: Option<Result<MostShortedState, Gap>>,
}

/// What the market's shorts gained, over all names in which that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShortsGain {
    /// USD, below 0 if they lost.
    pub gain_usd: f64,
    /// Number of names that it adds up.
    pub name_count: u32,
}

impl ShortsGain {
    /// The sum over names, in their order.
    fn of(gains: impl Iterator<Item = Measured>) -> Option<ShortsGain> {
        let mut sum = ShortsGain { gain_usd: 0.0, name_count: 0 };
        for usd in gains.flatten() {
            sum = ShortsGain { gain_usd: sum.gain_usd + usd, name_count: sum.name_count + 1 };
        }
        (0 < sum.name_count).then_some(sum)
    }
}

/// Size of the universe, and how well short interest and prices join.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The newest published settlement; its value is the number of names that have it.
    pub newest_settlement: Option<Published>,
    /// Names with a published short interest.
    pub with_short_interest: u32,
    /// Of these, names with a fresh price.
    pub priced: u32,
    /// Of these, names with a score.
    pub scored: u32,
    /// Names with prices but without short interest.
    pub without_short_interest: u32,
    /// What the shorts gained on the market's latest session. `None` if no name has a price of it.
    pub shorts_gain_last_session: Option<ShortsGain>,
    /// What they gained since the settlement of each name. `None` if no name has a price.
    pub shorts_gain_since_settlement: Option<ShortsGain>,
    /// What they gained since the cost basis of each name. `None` if no name has one.
    pub shorts_gain_since_cost_basis: Option<ShortsGain>,
    /// The day to which most prices were restated, if it is after the view's day: the files then
    /// contain only names that were still listed on that day.
    pub restated_on: Option<Day>,
}

impl Universe {
    /// Measures and scores every name, on the threads of the caller's pool.
    pub fn of(snapshot: &Snapshot) -> Universe {
        let has_lending = snapshot.holders(Dataset::Lending).next().is_some();
        let disclosed = |freshest| DisclosedState::of(snapshot, freshest);
        Universe::disclosing(snapshot, has_lending, disclosed)
    }

    /// The names with all measures but those of lending and of other disclosures, as if none were
    /// known: no score and no level rests on them, so a history of observations need not measure them.
    pub(crate) fn undisclosed(snapshot: &Snapshot) -> Universe {
        Universe::disclosing(snapshot, false, |_| DisclosedState::NONE)
    }

    fn disclosing(
        snapshot: &Snapshot,
        has_lending: bool,
        disclosed: impl FnOnce(Option<Day>) -> DisclosedState,
    ) -> Universe {
        let (freshest, priced) = closes(snapshot);
        let market = MarketState {
            freshest,
            sessions: sessions(snapshot, freshest),
            settlements: Arc::new(SettlementDays::of(snapshot)),
            has_lending,
            disclosed: disclosed(freshest),
        };
        Universe::measured(snapshot, market, &priced)
    }

    fn measured(snapshot: &Snapshot, market: MarketState, priced: &[InstrumentId]) -> Universe {
        let ratios = ShortRatio::all(snapshot, &market.settlements);
        let newest = settlements::newest(&ratios);
        let names: Vec<SqueezeName> = ratios
            .into_par_iter()
            .filter(|ratio| {
                let settlement = ratio.shares_short.effective_on;
                newest.is_none_or(|newest| newest.effective_on.plus(-SKIPPED_DAYS) <= settlement)
            })
            .map(|ratio| SqueezeName::of(snapshot, ratio, &market))
            .collect();
        let calibrated = stored(snapshot).map(|stored| stored.calibration);
        let model = calibrated.filter(|found| found.is_calibrated()).and_then(|found| found.model);
        let scores = score(
            &names,
            model.map_or(Index::ShortOfFloat, |model| Index::Fitted(Box::new(model))),
        );
        let places: BTreeMap<InstrumentId, usize> =
            names.iter().enumerate().map(|(place, name)| (name.instrument, place)).collect();
        let summary = Summary {
            newest_settlement: newest,
            with_short_interest: names.len() as u32,
            priced: names.iter().filter(|name| name.traded.is_ok()).count() as u32,
            scored: scores.names.iter().flatten().count() as u32,
            without_short_interest: priced.iter().filter(|id| !places.contains_key(id)).count()
                as u32,
            shorts_gain_last_session: ShortsGain::of(
                names.iter().map(SqueezeName::shorts_gain_last_session_usd),
            ),
            shorts_gain_since_settlement: ShortsGain::of(
                names.iter().map(SqueezeName::shorts_gain_since_settlement_usd),
            ),
            shorts_gain_since_cost_basis: ShortsGain::of(
                names.iter().map(SqueezeName::shorts_gain_since_cost_basis_usd),
            ),
            restated_on: restated_on(&names, snapshot.today()),
        };
        let state = None;
        let (snapshot, base) = (snapshot.clone(), Currency::USD);
        Universe { snapshot, market, names, places, scores, summary, base, state }
    }

    /// The same universe for books in a currency.
    #[must_use]
    pub fn with_base(self, base: Currency) -> Universe {
        Universe { base, ..self }
    }

    /// What a unit of the currency of books is worth in dollars on a day.
    ///
    /// # Errors
    /// It has no rate.
    pub fn usd_per_unit(&self, on: Day) -> Measured {
        self.snapshot.rate(self.base, on).map(|rate| rate.value).map_err(|_| GapReason::NoRate)
    }

    /// The rate that converts a share's close of a day to the currency of books, if it is of an earlier
    /// day: the older one of two rates.
    pub(crate) fn old_rate(&self, instrument: InstrumentId, on: Day) -> Option<OldRate> {
        let currency = self.snapshot.quotation(instrument, on).currency;
        let of = |currency| self.snapshot.rate(currency, on).ok()?.on;
        let both = [currency, self.base].into_iter().filter(|_| currency != self.base);
        let rate_on = both.filter_map(of).min()?;
        (rate_on < on).then_some(OldRate { on, rate_on })
    }

    /// What a unit of the currency of books is worth in dollars on the market's latest session.
    ///
    /// # Errors
    /// It has no rate.
    pub fn usd_per_unit_now(&self) -> Measured {
        self.usd_per_unit(self.market.freshest.unwrap_or_else(|| self.snapshot.today()))
    }

    /// The same universe beside the state of the market for shorts.
    #[must_use]
    pub fn with_state(self, state: Result<MostShortedState, Gap>) -> Universe {
        Universe { state: Some(state), ..self }
    }

    /// The state of the market for shorts. `None` if it is not known, or was not asked for.
    pub fn state(&self) -> Option<&MostShortedState> {
        self.state.as_ref()?.as_ref().ok()
    }

    /// Heap memory held, in bytes, excluding the market behind its snapshot.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.names.capacity() * size_of::<SqueezeName>()
            + self.names.iter().map(SqueezeName::heap_bytes).sum::<usize>()
            + self.places.len() * PLACE_BYTES
            + size_of_val(&*self.market.sessions)
            + self.market.settlements.heap_bytes()
            + self.scores.names.capacity() * size_of::<Option<Score>>()
            + self.scores.means.capacity() * size_of::<Option<f64>>()
    }

    /// The view it was made from.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Every name whose short interest is current, sorted by name.
    pub fn names(&self) -> &[SqueezeName] {
        &self.names
    }

    /// The score of a name by its index. `None` if it could not be scored.
    pub fn score(&self, place: usize) -> Option<&Score> {
        self.scores.names.get(place)?.as_ref()
    }

    /// What names are ranked by.
    pub const fn index(&self) -> &Index {
        &self.scores.index
    }

    /// The terms of the index, each with the mean of its level over the scored names; `None` without
    /// any.
    pub fn terms(&self) -> impl Iterator<Item = (IndexTerm, Option<f64>)> + '_ {
        self.scores.index.terms().into_iter().zip(self.scores.means.iter().copied())
    }

    /// The probability that a name is squeezed, by its index among the names. `None` unless the
    /// index is a calibrated model and the name is scored and heavily short.
    pub fn probability(&self, place: usize) -> Option<f64> {
        let score = self.score(place)?;
        let name = self.names.get(place).filter(|name| is_heavily_short(name));
        match &self.scores.index {
            Index::ShortOfFloat => None,
            Index::Fitted(_) => name.map(|_| clipped_probability(score.index)),
        }
    }

    /// Index of an instrument among the names.
    pub fn place(&self, instrument: InstrumentId) -> Option<usize> {
        self.places.get(&instrument).copied()
    }

    /// The measures of an instrument without current short interest, which no rank rests on.
    pub fn outside(&self, instrument: InstrumentId) -> SqueezeName {
        SqueezeName::without_short_interest(&self.snapshot, instrument, &self.market)
    }

    /// Size of the universe, and how well short interest and prices join.
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Gaps of the whole universe: short interest and prices that do not join, missing files.
    pub fn gaps(&self) -> Vec<Gap> {
        let today = self.snapshot.today();
        let summary = &self.summary;
        let mut gaps = Vec::new();
        let settled =
            |name: &SqueezeName| Some(name.short.as_ref().ok()?.shares_short.effective_on);
        let last_days: Vec<Day> = self.names.iter().filter_map(settled).collect();
        let known = (&*self.market.settlements, summary.newest_settlement);
        gaps.extend(settlements::gaps(known, &last_days, today));
        let mut add = |reason, dataset, detail: String| {
            gaps.push(Gap::new(reason, Subject::Dataset(dataset), detail));
        };
        match self.market.freshest {
            None => {
                add(GapReason::NoPrice, Dataset::Bars, "no close is known by the as-of date".into())
            }
            Some(day) if day < today.plus(-OLD_CLOSE_DAYS) => {
                add(GapReason::Stale, Dataset::Bars, format!("the latest close is of {day}"));
            }
            Some(_) => {}
        }
        let unpriced = summary.with_short_interest - summary.priced;
        if 0 < unpriced {
            let all = summary.with_short_interest;
            let detail =
                format!("{unpriced} of {all} names with short interest have no recent price");
            add(GapReason::NoPrice, Dataset::Bars, detail);
        }
        if 0 < summary.without_short_interest {
            let count = summary.without_short_interest;
            let detail = format!("{count} names with prices have no current short interest");
            add(GapReason::NoShortInterest, Dataset::ShortInterest, detail);
        }
        if let Some(day) = summary.restated_on {
            let detail = format!(
                "most prices are in the units of {day}: names that left the market before that day \
                 are missing"
            );
            add(GapReason::Survivorship, Dataset::Bars, detail);
        }
        if !self.market.has_lending {
            let detail = "no lending data were published by the as-of date: utilisation, fees and \
                          recalls are not known";
            add(GapReason::InputMissing, Dataset::Lending, detail.into());
        }
        gaps.extend(self.market.disclosed.gaps());
        gaps
    }

    /// The gap of an answer that shows the inputs of names: the state of the market is not known. It is
    /// no gap of other answers, which do not need it.
    pub fn gap_of_state(&self) -> Option<Gap> {
        self.state.as_ref()?.as_ref().err().cloned()
    }
}

/// The market's latest session, and every instrument that has a close.
fn closes(snapshot: &Snapshot) -> (Option<Day>, Vec<InstrumentId>) {
    let mut last_days = Vec::new();
    let mut priced = Vec::new();
    for instrument in snapshot.holders(Dataset::Bars) {
        let rows = snapshot.rows(Dataset::Bars, instrument);
        let Some(last) = rows.last() else { continue };
        last_days.push(session_up_to(rows.day(last)));
        priced.push(instrument);
    }
    (newest_of_market(last_days, PRICES_COMPARED_DAYS), priced)
}

/// The sessions that measures of names read.
fn sessions(snapshot: &Snapshot, freshest: Option<Day>) -> Arc<[Day]> {
    let Some(freshest) = freshest else { return Arc::default() };
    let known = sessions_since(snapshot, freshest.plus(-WINDOW_DAYS));
    known.with_start().iter().copied().filter(|day| *day <= freshest).collect()
}

/// The median day of the units in which prices are stored, if it is after today.
fn restated_on(names: &[SqueezeName], today: Day) -> Option<Day> {
    let mut units: Vec<Day> =
        names.iter().filter_map(|name| Some(name.traded.as_ref().ok()?.units_on)).collect();
    units.sort_unstable();
    units.get(units.len() / 2).copied().filter(|day| today < *day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{calibration::level::levels, heavy::is_heavily_short};
    use marketdata::{
        dataset::Field,
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    /// What is disclosed decides no score, no level and not who is heavily short.
    #[test]
    fn observations_do_not_rest_on_what_is_disclosed() {
        let mut fixture = Fixture::new();
        let on = day("2021-01-27");
        for (at, symbol) in ["A", "B", "C"].into_iter().enumerate() {
            let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
            let facilities = (key.0, fixture.id(Namespace::Series, "REGSHO/BNQ"));
            let seen = Instant::close_of(on);
            let short = [(Field::SharesShort, 1e6 * (1 + at) as f64)];
            fixture.fact(Dataset::ShortInterest, key, day("2021-01-15"), seen, &short);
            let counts = [(Field::PublicFloat, 8e6), (Field::SharesOutstanding, 1e7)];
            fixture.fact(Dataset::ShareCounts, key, day("2021-01-15"), seen, &counts);
            let bar = [
                (Field::Close, 10.0),
                (Field::Volume, 1e5),
                (Field::Distribution, 1.0),
                (Field::PriceBasis, 0.0),
                (Field::BasisOn, 0.0),
            ];
            fixture.fact(Dataset::Bars, key, on, seen, &bar);
            fixture.fact(Dataset::Lending, key, on, seen, &[(Field::BorrowFee, at as f64)]);
            let sold = [(Field::ShortVolume, at as f64), (Field::TotalVolume, 9.0)];
            fixture.fact(Dataset::ShortSales, facilities, on, seen, &sold);
            fixture.fact(Dataset::Fails, key, on, seen, &[(Field::FailedShares, 5e5)]);
        }
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(on));
        let (all, bare) = (Universe::of(&snapshot), Universe::undisclosed(&snapshot));
        assert!(all.names().iter().all(|name| name.disclosed.fails.is_some()));
        assert!(bare.names().iter().all(|name| name.disclosed.fails.is_none()));
        let seen = |of: &Universe| -> Vec<_> {
            let score = |place| of.score(place).map(|score: &Score| (score.index, score.points));
            let names = of.names().iter().enumerate();
            names.map(|(at, one)| (score(at), levels(one), is_heavily_short(one))).collect()
        };
        assert_eq!(seen(&all), seen(&bare));
        assert!(seen(&all).iter().all(|(score, _, _)| score.is_some()));
    }
}
