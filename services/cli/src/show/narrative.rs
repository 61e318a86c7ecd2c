//! The rotation report in a few short sentences: who led, how broad it was, what the megacaps lost.

use crate::show::{number, reading};
use contract::v1::IndicatorReading;

/// Builds sentences from the readings that have values; skips the others. The numbers of a sentence are of
/// one day. A sentence about an older day than the others begins with that day.
pub(crate) fn of(readings: &[IndicatorReading]) -> String {
    type Sentence = for<'a> fn(&Readings<'a>) -> Option<String>;
    let dated: [(&str, Sentence); 4] = [
        ("index_return.small_cap_index.1d", leadership),
        ("share_advancing", breadth),
        ("megacap_value_change_usd.1d", megacaps),
        ("most_shorted.1d", shorts),
    ];
    let all = Readings { all: readings, on: None };
    let newest = dated.iter().filter_map(|(id, _)| Some(&all.get(id)?.0.observed_on)).max();
    let sentence = |(id, sentence): (&str, Sentence)| {
        let on = &all.get(id)?.0.observed_on;
        let said = sentence(&Readings { all: readings, on: Some(on) })?;
        Some(if Some(on) == newest { said } else { format!("On {on}: {said}") })
    };
    let sentences = dated.into_iter().map(sentence).chain([rates(&all)]);
    sentences.flatten().map(|sentence| format!("{sentence}\n")).collect()
}

struct Readings<'a> {
    all: &'a [IndicatorReading],
    /// The day that they are of. `None`: any.
    on: Option<&'a str>,
}

impl<'a> Readings<'a> {
    fn get(&self, id: &str) -> Option<(&'a IndicatorReading, f64)> {
        let of_day =
            |reading: &&IndicatorReading| self.on.is_none_or(|on| reading.observed_on == on);
        let reading = self.all.iter().find(|reading| reading.measure_id == id).filter(of_day)?;
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

    /// Breadth is of the day on which a file ended, and the index goes on: its move of another day is no
    /// part of the sentence.
    #[test]
    fn a_sentence_is_of_one_day_and_says_which() {
        let on = |day: &str, of: IndicatorReading| IndicatorReading {
            observed_on: day.to_owned(),
            ..of
        };
        let (ended, now) = ("2021-03-31", "2021-04-12");
        let readings = [
            on(now, reading("index_return.small_cap_index.1d", "IWM", 0.01)),
            on(now, reading("index_return.nasdaq.1d", "QQQ", 0.02)),
            on(now, reading("index_return.large_cap_index.1d", "SPY", 0.0004)),
            on(ended, reading("share_advancing", "", 0.409)),
            on(ended, reading("equal_minus_cap.1d", "", -0.001)),
        ];
        assert_eq!(
            of(&readings),
            "Small caps (IWM) rose 1.00 %, the Nasdaq (QQQ) rose 2.00 %.\n\
             On 2021-03-31: 40.9 % of the members rose; equal weight was 0.10 points behind cap weight.\n"
        );
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
