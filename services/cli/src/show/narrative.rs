//! The rotation report in a few short sentences: who led, how broad it was, what the megacaps lost.

use crate::show::{number, reading};
use contract::v1::IndicatorReading;

/// Builds sentences from the readings that have values; skips the others.
pub(crate) fn of(readings: &[IndicatorReading]) -> String {
    let readings = Readings(readings);
    let sentences = [
        leadership(&readings),
        breadth(&readings),
        megacaps(&readings),
        shorts(&readings),
        rates(&readings),
    ];
    sentences.into_iter().flatten().map(|sentence| format!("{sentence}\n")).collect()
}

struct Readings<'a>(&'a [IndicatorReading]);

impl<'a> Readings<'a> {
    fn get(&self, id: &str) -> Option<(&'a IndicatorReading, f64)> {
        let reading = self.0.iter().find(|reading| reading.measure_id == id)?;
        Some((reading, reading.value?))
    }
}

fn leadership(readings: &Readings<'_>) -> Option<String> {
    let (small, small_move) = readings.get("index_return.small_cap_index.1d")?;
    let (nasdaq, nasdaq_move) = readings.get("index_return.nasdaq.1d")?;
    let mut out = format!(
        "Small caps ({}) {}, the Nasdaq ({}) {}",
        symbol(small),
        moved(small_move),
        symbol(nasdaq),
        moved(nasdaq_move)
    );
    if let Some((spread, gap)) = readings.get("small_vs_nasdaq.1d") {
        let points = format!("{:.2} points", 100.0 * gap.abs());
        let side = if 0.0 < gap { "ahead" } else { "behind" };
        out.push_str(&format!(": {points} {side}"));
        if let Some(record) = &spread.record {
            out.push_str(&format!(", {}", record.words));
        }
    }
    out.push('.');
    Some(out)
}

fn breadth(readings: &Readings<'_>) -> Option<String> {
    let (_, up) = readings.get("share_advancing")?;
    let mut out = format!("{} of the members rose", number::share(up));
    if let Some((index, index_move)) = readings.get("index_return.large_cap_index.1d") {
        let word = if (0.0 < index_move) == (0.5 < up) { "and" } else { "while" };
        out.push_str(&format!(", {word} the index ({}) {}", symbol(index), moved(index_move)));
    }
    if let Some((_, gap)) = readings.get("equal_minus_cap.1d") {
        let side = if 0.0 < gap { "ahead of" } else { "behind" };
        let points = 100.0 * gap.abs();
        out.push_str(&format!("; equal weight was {points:.2} points {side} cap weight"));
    }
    out.push('.');
    Some(out)
}

fn megacaps(readings: &Readings<'_>) -> Option<String> {
    let (reading, usd) = readings.get("megacap_value_change_usd.1d")?;
    let word = if usd < 0.0 { "lost" } else { "gained" };
    let mut out = format!("The megacaps {word} {} of market value", number::usd(usd.abs()));
    if let Some((_, share)) = readings.get("megacap_value_change_usd.of_value.1d") {
        out.push_str(&format!(", {} of it", number::share(share.abs())));
    }
    if let Some((_, down)) =
        readings.get("megacap_value_change_usd.issuers_down").filter(|d| 0.0 < d.1)
    {
        out.push_str(&format!("; {down:.0} of them fell 2 % or more"));
    }
    if let Some(record) = &reading.record {
        out.push_str(&format!(" ({})", record.words));
    }
    out.push('.');
    Some(out)
}

fn shorts(readings: &Readings<'_>) -> Option<String> {
    let (_, basket) = readings.get("most_shorted.1d")?;
    let mut out = format!("The most-shorted names {}", moved(basket));
    if let Some((_, gap)) = readings.get("most_shorted.less_index.1d") {
        let side = if 0.0 < gap { "more" } else { "less" };
        out.push_str(&format!(", {:.2} points {side} than the market", 100.0 * gap.abs()));
        if 0.02 < gap && 0.0 < basket {
            out.push_str(": consistent with short covering");
        }
    }
    out.push('.');
    Some(out)
}

fn rates(readings: &Readings<'_>) -> Option<String> {
    let (reading, _) = readings.get("ten_year_change_bp.1d")?;
    let change = reading::value(reading)?;
    let age = reading.age_days.unwrap_or(0);
    let when = match age {
        0 => "that day".to_owned(),
        1 => format!("on {}, the latest published then (a day old)", reading.observed_on),
        days => format!("on {}, the latest published then ({days} days old)", reading.observed_on),
    };
    Some(format!("The ten-year yield moved {change} {when}."))
}

fn moved(value: f64) -> String {
    let size = format!("{:.2} %", 100.0 * value.abs());
    if 0.0 < value { format!("rose {size}") } else { format!("fell {size}") }
}

fn symbol(reading: &IndicatorReading) -> String {
    reading.sources.first().map(|source| source.symbol.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::{IndicatorSource, IndicatorUnit, RecordKind, ValueRecord};

    fn reading(id: &str, symbol: &str, value: f64) -> IndicatorReading {
        let source = IndicatorSource { symbol: symbol.to_owned(), ..IndicatorSource::default() };
        IndicatorReading {
            measure_id: id.to_owned(),
            unit: IndicatorUnit::Decimal.into(),
            kind: RecordKind::Change.into(),
            value: Some(value),
            sources: vec![source],
            ..IndicatorReading::default()
        }
    }

    #[test]
    fn missing_readings_are_not_mentioned() {
        assert_eq!(of(&[]), "");
        let alone = [reading("index_return.small_cap_index.1d", "IWM", 0.036)];
        assert_eq!(of(&alone), "");
    }

    #[test]
    fn leaders_are_listed_with_their_record() {
        let words = "largest gain since 2000-12-19".to_owned();
        let mut spread = reading("small_vs_nasdaq.1d", "IWM", 0.0567);
        spread.record = Some(ValueRecord { words, ..ValueRecord::default() });
        let readings = [
            reading("index_return.small_cap_index.1d", "IWM", 0.0362),
            reading("index_return.nasdaq.1d", "QQQ", -0.0204),
            spread,
        ];
        assert_eq!(
            of(&readings),
            "Small caps (IWM) rose 3.62 %, the Nasdaq (QQQ) fell 2.04 %: 5.67 points ahead, \
             largest gain since 2000-12-19.\n"
        );
    }
}
