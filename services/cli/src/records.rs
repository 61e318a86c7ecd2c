//! `ballast records`: parses the ranked variable and its conditions, sends the query and prints the
//! answer.

use crate::{as_of_args::AsOfArguments, connect::Connection, output::Output, show, terminal};
use anyhow::Result;
use clap::{Args, ValueEnum};
use contract::v1::{
    InstrumentRef, QueryRecordsRequest, RecordComparison, RecordCondition, RecordDirection,
    RecordTransform, RecordVariable, record_variable::Subject,
};

/// The variable to rank, and which days count.
#[derive(Args, Clone, Debug)]
pub(crate) struct RecordsArguments {
    /// Variable to rank, for instance `IWM change 5d`.
    ///
    /// A variable is a name, a transform and a number of sessions to look back: `IWM`, `GME high`,
    /// `DGS10 points 5d`, `role:small_cap_index change 21d`, `measure:size_spread.5d`. The
    /// transform is one of `change` (total return), `points`, `value` (change of market value,
    /// USD), `level`, `high` and `low` (of the day).
    ///
    /// The days on which small caps rose more than 3 % while large caps fell:
    /// `ballast records IWM --where "IWM > 3%" --where "SPY < 0"`
    #[arg(required = true, num_args = 1..=3, value_name = "VARIABLE")]
    variable: Vec<String>,
    /// Count a day only if this holds, for instance `SPY change 1d < -1%`; may be repeated.
    #[arg(long = "where", value_name = "CONDITION", value_parser = condition, allow_hyphen_values = true)]
    conditions: Vec<RecordCondition>,
    /// Ignore days before this one.
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Day to rank; without it the last that counts.
    #[arg(long, value_name = "DATE")]
    on: Option<String>,
    /// Direction of the record; without it that of the ranked day.
    #[arg(long, value_enum)]
    direction: Option<Direction>,
    /// Number of most extreme days to list.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=100))]
    top: i32,
    #[command(flatten)]
    as_of: AsOfArguments,
}

/// Direction in which a value is extreme.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Direction {
    /// Gains, high levels.
    Up,
    /// Falls, low levels.
    Down,
}

/// Sends the query and prints the answer.
///
/// # Errors
/// If the server rejects the request or cannot be reached.
pub(crate) async fn records(
    arguments: &RecordsArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let direction = arguments.direction.map_or(RecordDirection::Unspecified, |way| match way {
        Direction::Up => RecordDirection::Up,
        Direction::Down => RecordDirection::Down,
    });
    let words = arguments.variable.iter().flat_map(|text| text.split_whitespace());
    let request = QueryRecordsRequest {
        as_of: arguments.as_of.to_proto()?,
        variable: Some(variable(words).map_err(anyhow::Error::msg)?),
        direction: direction.into(),
        conditions: arguments.conditions.clone(),
        start_on: arguments.since.clone().unwrap_or_default(),
        observed_on: arguments.on.clone().unwrap_or_default(),
        top_count: Some(arguments.top),
    };
    let titles: Vec<String> = request
        .variable
        .iter()
        .chain(request.conditions.iter().flat_map(|c| &c.variable))
        .map(title)
        .collect();
    let clients = connection.open().await?;
    let answer = clients.rotation().query_records(connection.request(request)).await?.into_inner();
    let page = |terminal| show::records::days(&answer, &titles, terminal);
    terminal::say(&output.text("QueryRecordsResponse", &answer, page)?);
    Ok(())
}

/// Parses `SUBJECT [TRANSFORM] [SESSIONS]`, the last two in any order.
fn variable<'a>(words: impl Iterator<Item = &'a str>) -> Result<RecordVariable, String> {
    let mut words = words;
    let subject = match words.next() {
        None => return Err("a variable starts with a name, for instance `IWM change 5d`".into()),
        Some(word) => match word.split_once(':') {
            Some(("role", id)) => Subject::Role(id.to_owned()),
            Some(("measure", id)) => Subject::MeasureId(id.to_owned()),
            _ => Subject::Instrument(of_symbol(word)),
        },
    };
    let mut transform = RecordTransform::Unspecified;
    let mut horizon_sessions = None;
    for word in words {
        let sessions = word.strip_suffix('d').unwrap_or(word).parse::<i32>().ok();
        match (transform_of(word), sessions) {
            (Some(found), _) => transform = found,
            (None, Some(sessions)) => horizon_sessions = Some(sessions),
            (None, None) => {
                return Err(format!(
                    "`{word}` is neither change, points, value, level, high or low nor a number of \
                     sessions (5d)"
                ));
            }
        }
    }
    Ok(RecordVariable { subject: Some(subject), transform: transform.into(), horizon_sessions })
}

fn of_symbol(symbol: &str) -> InstrumentRef {
    InstrumentRef { symbol: symbol.to_owned(), ..InstrumentRef::default() }
}

/// Parses `VARIABLE COMPARISON NUMBER`; the number may be in per cent.
fn condition(text: &str) -> Result<RecordCondition, String> {
    let at = text.find(['<', '>']).ok_or("a condition needs a comparison: `SPY < -1%`")?;
    let (left, right) = text.split_at(at);
    // Longer operators first, so that `<=` is not read as `<`.
    let signs = [
        ("<=", RecordComparison::AtMost),
        (">=", RecordComparison::AtLeast),
        ("<", RecordComparison::Below),
        (">", RecordComparison::Above),
    ];
    let (threshold, comparison) = signs
        .into_iter()
        .find_map(|(sign, comparison)| right.strip_prefix(sign).map(|rest| (rest, comparison)))
        .ok_or("a condition uses <, <=, > or >=")?;
    Ok(RecordCondition {
        variable: Some(variable(left.split_whitespace())?),
        comparison: comparison.into(),
        threshold: Some(number(threshold.trim())?),
    })
}

fn number(text: &str) -> Result<f64, String> {
    let (digits, unit) = match text.strip_suffix('%') {
        Some(digits) => (digits.trim_end(), 100.0),
        None => (text, 1.0),
    };
    match digits.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value / unit),
        _ => Err(format!("`{text}` is not a number (examples: 0.03, 3%)")),
    }
}

fn transform_of(word: &str) -> Option<RecordTransform> {
    TRANSFORMS.into_iter().find(|(name, _)| *name == word).map(|(_, transform)| transform)
}

const TRANSFORMS: [(&str, RecordTransform); 6] = [
    ("change", RecordTransform::ChangeRelative),
    ("points", RecordTransform::ChangePoints),
    ("value", RecordTransform::ChangeValueUsd),
    ("level", RecordTransform::Level),
    ("high", RecordTransform::IntradayHigh),
    ("low", RecordTransform::IntradayLow),
];

/// A variable as a column title.
fn title(variable: &RecordVariable) -> String {
    let subject = match &variable.subject {
        Some(Subject::Instrument(named)) => &named.symbol,
        Some(Subject::Role(name) | Subject::MeasureId(name)) => name,
        None => "",
    };
    let transform = TRANSFORMS.iter().find(|(_, transform)| *transform == variable.transform());
    let transform = transform.map(|(name, _)| format!(" {name}")).unwrap_or_default();
    let horizon = variable.horizon_sessions.map(|d| format!(" {d}d")).unwrap_or_default();
    format!("{subject}{transform}{horizon}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, subject: Subject, transform: RecordTransform, sessions: Option<i32>) {
        let parsed = variable(text.split_whitespace()).unwrap();
        let expected = RecordVariable {
            subject: Some(subject),
            transform: transform.into(),
            horizon_sessions: sessions,
        };
        assert_eq!(parsed, expected, "{text}");
        assert_eq!(
            variable(title(&parsed).split_whitespace()).unwrap().transform,
            parsed.transform
        );
    }

    #[test]
    fn a_variable_is_a_name_a_transform_and_a_horizon() {
        let symbol = |name: &str| Subject::Instrument(of_symbol(name));
        check("IWM", symbol("IWM"), RecordTransform::Unspecified, None);
        check("IWM change 5d", symbol("IWM"), RecordTransform::ChangeRelative, Some(5));
        check("BRK.B 5", symbol("BRK.B"), RecordTransform::Unspecified, Some(5));
        check("GME high", symbol("GME"), RecordTransform::IntradayHigh, None);
        let role = Subject::Role("small_cap_index".to_owned());
        check("role:small_cap_index", role, RecordTransform::Unspecified, None);
        let measure = Subject::MeasureId("size_spread.5d".to_owned());
        check("measure:size_spread.5d level", measure, RecordTransform::Level, None);
        assert!(variable("IWM rise".split_whitespace()).unwrap_err().contains("`rise`"));
        assert!(variable(std::iter::empty()).is_err());
    }

    #[test]
    fn a_condition_compares_a_variable_with_a_number() {
        let parsed = condition("SPY change 1d <= -1.5 %").unwrap();
        assert_eq!(parsed.comparison(), RecordComparison::AtMost);
        assert!((parsed.threshold.unwrap() + 0.015).abs() < 1e-15);
        assert_eq!(parsed.variable.unwrap().horizon_sessions, Some(1));
        assert_eq!(condition("^VIX level>30").unwrap().comparison(), RecordComparison::Above);
        assert!(condition("SPY = 0").is_err());
        assert!(condition("SPY < nan").is_err());
        assert!(condition("SPY < ").is_err());
    }
}
