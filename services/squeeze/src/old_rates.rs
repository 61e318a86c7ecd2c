//! Numbers of a name in dollars that rest on closes converted at older rates.

use crate::{
    measure::{Component, Measured},
    traded::Traded,
};
use factors::market_value::{CapSource, LineCap};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    old_rates::OldRate,
    snapshot::Snapshot,
};

/// A number of a name, and the closes behind it that older rates convert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OldRateNumber {
    field: &'static str,
    closes: Vec<OldRate>,
}

/// The numbers of a name that rest on such closes. Of a return these are the two with which it begins
/// and ends: rates in between cancel out. Of what many sessions make up it is the last. The market
/// value is that of a close, or another one.
pub(crate) fn of_numbers(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    traded: &Traded,
    market_cap: Result<LineCap, GapReason>,
) -> Vec<OldRateNumber> {
    if !snapshot.converts_any() {
        return Vec::new();
    }
    let last = Some(traded.last_on);
    let settled = traded.since.total_return.and(traded.since.from_on).ok();
    let known = [traded.five_session_return, traded.twenty_session_return];
    let [five, twenty] = [0, 1].map(|at| known[at].ok().and(traded.returns_from_on[at]));
    let is_of_close = |cap: &LineCap| cap.source == CapSource::SharesTimesClose;
    let cap = market_cap.ok().filter(is_of_close).and(last);
    let known = |value: Measured| value.ok().and(last);
    let (basis, volatility) = (known(traded.cost_basis), known(traded.volatility));
    let numbers = [
        (Component::ShortsLoss.id(), settled, settled.and(last)),
        ("shorts_gain_since_settlement_usd", settled, settled.and(last)),
        (Component::Return5.id(), five, five.and(last)),
        (Component::Return20.id(), twenty, twenty.and(last)),
        ("line_market_cap_usd", None, cap),
        ("average_daily_value_usd", None, known(traded.average_value_usd)),
        ("sixty_session_volatility", None, volatility),
        ("squeeze_threshold", None, volatility),
        ("shorts_gain_last_session_usd", None, known(traded.gain_last_session)),
        ("short_cost_basis", None, basis),
        ("loss_on_cost_basis", None, basis),
        ("shorts_gain_since_cost_basis_usd", None, known(traded.gain_since_cost_basis)),
    ];
    let number = |(field, first, last): (_, Option<Day>, Option<Day>)| {
        let closes = first.into_iter().chain(last).filter_map(|on| old(snapshot, instrument, on));
        OldRateNumber { field, closes: closes.collect() }
    };
    let numbers = numbers.into_iter().map(number);
    numbers.filter(|number| !number.closes.is_empty()).collect()
}

fn old(snapshot: &Snapshot, instrument: InstrumentId, on: Day) -> Option<OldRate> {
    let currency = snapshot.quotation(instrument, on).currency;
    let rate_on = snapshot.rate(currency, on).ok()?.on?;
    (rate_on < on).then_some(OldRate { on, rate_on })
}

/// The closes with the days of their rates, as a part of a sentence.
pub(crate) fn told(closes: &[OldRate]) -> String {
    let each = |OldRate { on, rate_on }: &OldRate| {
        format!("the close of {on} is converted at the rate of {rate_on}")
    };
    closes.iter().map(each).collect::<Vec<_>>().join(" and ")
}

impl OldRateNumber {
    /// The gap of a name with the given symbol.
    pub(crate) fn gap(&self, symbol: &str) -> Gap {
        let subject = Subject::number_of(symbol, self.field);
        Gap::new(GapReason::OldRate, subject, told(&self.closes))
    }

    /// Heap memory held, in bytes.
    pub(crate) const fn heap_bytes(&self) -> usize {
        self.closes.capacity() * size_of::<OldRate>()
    }
}
