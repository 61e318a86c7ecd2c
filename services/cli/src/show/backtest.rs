//! A back-test of risk measures: one line per method and confidence.

use crate::{
    show::{
        evidence, number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{BacktestRiskResponse, BacktestTest, RiskBacktest, TrafficLight};

/// P-values below this are shown in colour.
const SMALL: f64 = 0.05;

/// The tests for people.
pub(crate) fn report(answer: &BacktestRiskResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let mut page = Page::new();
    let heading = format!("Forecasts of risk for the shares of the book {known}");
    page.say(terminal.heading(&heading));
    let (sessions, first, last) = (answer.sessions, &answer.first_on, &answer.last_on);
    page.say(match sessions {
        0 => "  No sessions in this range.\n".to_owned(),
        _ => format!("  {} sessions, {first} to {last}\n", number::count(sessions)),
    });
    page.table("backtests", tests(&answer.backtests));
    page.table("worst", worst(&answer.backtests));
    let note = "  Each forecast as known at the close before its session. A small p is evidence \
                against the method:\n  of the number of breaches (Kupiec), their independence \
                (Christoffersen), number and size (Z2).\n";
    page.say(terminal.paint(Tone::Faint, note));
    evidence::unresolved(&mut page, &answer.unresolved);
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

fn tests(rows: &[RiskBacktest]) -> Table {
    let mut table = Table::new(&[
        "method",
        ">confidence",
        ">forecasts",
        ">breaches",
        ">expected",
        "zone",
        ">Kupiec p",
        ">indep. p",
        ">both p",
        ">Z2",
        ">Z2 p",
        ">mean VaR",
    ]);
    for row in rows {
        table.row([
            row.scenario_set_id.as_str().into(),
            confidence(row),
            number::counted(row.forecast_count),
            number::counted(row.breach_count),
            number::cell(Some(row.expected_breach_count), |count| format!("{count:.1}")),
            zone(row),
            chance(row.coverage.as_ref()),
            chance(row.independence.as_ref()),
            chance(row.joint.as_ref()),
            number::cell(row.shortfall.map(|test| test.statistic), |z| number::signed(z, 2)),
            chance(row.shortfall.as_ref()),
            number::cell(row.mean_value_at_risk, number::money),
        ]);
    }
    table
}

fn worst(rows: &[RiskBacktest]) -> Table {
    let headers = ["method", ">confidence", "worst breach", ">P&L", ">value at risk", ">shortfall"];
    let mut table = Table::new(&headers);
    for (row, breach) in rows.iter().filter_map(|row| Some((row, row.worst_breach.as_ref()?))) {
        table.row([
            row.scenario_set_id.as_str().into(),
            confidence(row),
            breach.on.as_str().into(),
            number::gain(Some(breach.pnl), number::money_signed),
            number::cell(Some(breach.value_at_risk), number::money),
            number::cell(Some(breach.expected_shortfall), number::money),
        ]);
    }
    table
}

fn confidence(row: &RiskBacktest) -> Cell {
    Cell::plain(format!("{:.1} %", 100.0 * row.confidence)).of(row.confidence)
}

fn zone(row: &RiskBacktest) -> Cell {
    match row.traffic_light.map(|_| row.traffic_light()) {
        None | Some(TrafficLight::Unspecified) => number::absent(),
        Some(TrafficLight::Green) => "green".into(),
        Some(TrafficLight::Yellow) => Cell::toned(Tone::Warning, "yellow"),
        Some(TrafficLight::Red) => Cell::toned(Tone::Bad, "red"),
    }
}

fn chance(test: Option<&BacktestTest>) -> Cell {
    let Some(BacktestTest { p_value, .. }) = test else { return number::absent() };
    let text = if *p_value < 1e-4 { "<.0001".to_owned() } else { format!("{p_value:.4}") };
    let tone = if *p_value < SMALL { Tone::Warning } else { Tone::Plain };
    Cell::toned(tone, text).of(*p_value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::BacktestBreach;

    #[test]
    fn a_row_says_how_often_and_how_surely() {
        let row = RiskBacktest {
            scenario_set_id: "gaussian/1000".to_owned(),
            confidence: 0.99,
            forecast_count: 250,
            breach_count: 10,
            expected_breach_count: 2.5,
            traffic_light: Some(TrafficLight::Red.into()),
            coverage: Some(BacktestTest { statistic: 12.9555, p_value: 0.000_32 }),
            worst_breach: Some(BacktestBreach {
                on: "2020-11-09".to_owned(),
                pnl: -2e6,
                value_at_risk: 5e5,
                expected_shortfall: 6e5,
            }),
            mean_value_at_risk: Some(4e5),
            ..RiskBacktest::default()
        };
        let answer = BacktestRiskResponse {
            backtests: vec![row, RiskBacktest::default()],
            sessions: 250,
            first_on: "2020-01-02".to_owned(),
            last_on: "2020-12-29".to_owned(),
            ..BacktestRiskResponse::default()
        };
        let plain = Terminal::plain();
        let page = report(&answer, plain);
        let text = page.render(plain);
        for wanted in [
            "250 sessions, 2020-01-02 to 2020-12-29",
            "gaussian/1000      99.0 %        250        10       2.5  red     0.0003",
            "2020-11-09    -$2.00m",
        ] {
            assert!(text.contains(wanted), "{wanted:?} is not in:\n{text}");
        }
        let csv = page.csv("backtests").unwrap();
        assert!(csv.contains("gaussian/1000,0.99,250,10,2.5,red,0.00032,"), "{csv}");
    }
}
