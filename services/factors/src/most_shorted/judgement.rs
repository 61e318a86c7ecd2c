//! Whether a name qualifies for the most-shorted basket at a publication, and the ratio that ranks it.

use super::publications::Publication;
use crate::{
    average_volume, known::Known, market_value::ShareCount, settlement_days::SettlementDays,
};
use marketdata::{
    bars::Bars,
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
};

/// Least market value of a name, USD.
pub const MIN_CAP_USD: f64 = 1e9;
/// Least value traded a day, USD.
pub const MIN_TRADED_USD: f64 = 5e6;
/// Maximum age of a name's settlement at a publication, in days.
pub(crate) const MAX_SETTLEMENT_AGE: i32 = 45;
/// A price more than this many days older than the publication does not count.
const MAX_PRICE_AGE: i32 = 7;

/// The result for a name with a current settlement at one publication.
#[derive(Clone, Copy, Debug)]
pub(super) enum Judgement {
    /// Short interest over float of a name that qualifies.
    Ranked(f64),
    /// Its market value or traded value is below the bounds.
    TooSmall,
    /// An input is missing.
    Incomplete,
    /// No known split factor connects the units of the inputs.
    UnknownUnits,
}

/// The result for a name at each publication; `None` if its latest settlement is too old.
pub(super) fn of_name(
    snapshot: &Snapshot,
    instrument: InstrumentId,
    (publications, settlements): (&[Publication], &SettlementDays),
) -> Vec<Option<Judgement>> {
    let interest = snapshot.rows(Dataset::ShortInterest, instrument);
    let counts = snapshot.rows(Dataset::ShareCounts, instrument);
    let name = Name {
        bars: Bars::usd_since(snapshot, instrument, Day::MIN),
        interest: Known::of(&interest, Dataset::ShortInterest, Field::SharesShort)
            .among(settlements),
        float: Known::of(&counts, Dataset::ShareCounts, Field::PublicFloat),
        shares: Known::of(&counts, Dataset::ShareCounts, Field::SharesOutstanding),
    };
    let judge = |publication: &Publication| {
        let latest = name.interest.at(publication.day, publication.at);
        let current = |(day, _): &(Day, f64)| publication.day <= day.plus(MAX_SETTLEMENT_AGE);
        let (settled, short) = latest.filter(current)?;
        Some(name.judge(publication, settled, short).unwrap_or(Judgement::Incomplete))
    };
    publications.iter().map(judge).collect()
}

/// The data by which one name is judged.
struct Name<'a> {
    bars: Bars<'a>,
    interest: Known,
    float: Known,
    shares: Known,
}

impl Name<'_> {
    /// The result at a publication; `None` if an input is missing.
    fn judge(&self, publication: &Publication, settled: Day, short: f64) -> Option<Judgement> {
        let last = self.bars.index_on_or_before(publication.last_close)?;
        if self.bars.days[last].plus(MAX_PRICE_AGE) < publication.day {
            return None;
        }
        let (float_on, float) = self.float.at(publication.day, publication.at)?;
        let (counted_on, shares) = self.shares.at(publication.day, publication.at)?;
        let cap = ShareCount::counted(counted_on, shares)?.value(&self.bars, last);
        let of_float = self.bars.units().change(settled, float_on);
        let Some((cap, of_float)) = cap.zip(of_float) else { return Some(Judgement::UnknownUnits) };
        let ratio = short * of_float.shares / float;
        if cap < MIN_CAP_USD || !ratio.is_finite() {
            return Some(Judgement::TooSmall);
        }
        match average_volume::usd_up_to(&self.bars, last) {
            Ok(traded) if MIN_TRADED_USD <= traded => Some(Judgement::Ranked(ratio)),
            Ok(_) => Some(Judgement::TooSmall),
            Err(_) => None,
        }
    }
}
