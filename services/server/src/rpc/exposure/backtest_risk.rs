//! BacktestRisk: forecasts at each close of a stretch, and what the shares made on the session after.
//!
//! A view of the close before each session makes its forecast, so that no number can look ahead. Over
//! several sessions runs follow each other without overlap, because the tests suppose independence.

use super::{
    backtest_request::{BacktestQuery, Row},
    book_history::asked,
    held_shares::HeldShares,
};
use crate::{
    as_of::AsOf,
    limits,
    needed::Needed,
    refusal::Refusal,
    rpc::{
        envelope::Answer,
        portfolio::{self, currency::Money},
        query::{Normal, Query},
    },
    services::Services,
    views::Pinned,
};
use ::portfolio::{book::Book, lines::Violation, netting::Netting};
use contract::v1;
use exposure::{
    backtest::{Forecast, Outcome, forecasts, made_on, outcome},
    prepared::PreparedExposure,
    report::{DayPnl, TailRisk},
    settings::TailSettings,
};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, MeasureRef, Subject},
    instant::Instant,
};
use stats::backtest::{LikelihoodRatio, Zone};
use std::{collections::BTreeMap, ops::Range, sync::Arc};

/// Largest share of gross that may have no P&L on a session that is tested.
const MISSING_SHARE_MAX: f64 = 0.05;

/// The tests of a stretch.
#[derive(Debug)]
pub(super) struct Backtest {
    rows: Vec<v1::RiskBacktest>,
    stretch: Vec<Day>,
    unresolved: Vec<v1::UnresolvedLine>,
    gaps: Vec<Gap>,
}

/// What a close says: what was made on the session, and the forecasts for the next.
#[derive(Debug)]
struct AtClose {
    made: DayPnl,
    forecasts: Vec<Result<TailRisk, Gap>>,
    /// Lines without a value, by their names.
    without_value: Vec<String>,
    /// Share of gross, of the two closes of its session, whose exchange rates were older then.
    old_rate_share: f64,
}

impl Needed<BacktestQuery> for Backtest {
    async fn of(
        query: &BacktestQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<Backtest>, Refusal> {
        let submitted = query.normal.portfolio.as_ref();
        let prepared = services.prepared::<PreparedExposure>(pinned).await?;
        let days = prepared.sessions.with_start();
        let stretch = stretch(query, days)?;
        let (lookup, quotes) = (prepared.lookup(), prepared.quotes());
        let book = portfolio::book(submitted, &Netting::Instrument, lookup, quotes)?;
        let held = HeldShares::of(&book, submitted);
        let mut gaps = held.gaps.clone();
        gaps.extend(book.first_order_gaps());
        let of_cash = |held| Money::of(held, &book, (lookup.snapshot(), quotes)).gaps;
        gaps.extend(submitted.map(of_cash).unwrap_or_default());
        // The close before the stretch is the first that forecasts.
        let closes = stretch.start.saturating_sub(1)..stretch.end;
        let mut found = Vec::with_capacity(closes.len());
        let whole = stretch.len() - stretch.len() % query.horizon;
        for (place, at) in closes.filter(|_| !stretch.is_empty()).enumerate() {
            let then = pinned.earlier(Instant::close_of(days[at]));
            let (positions, without_units) = held.positions(&then, pinned);
            gaps.extend(without_units);
            let prepared = services.prepared::<PreparedExposure>(&then).await?;
            // Only a close before a run makes forecasts.
            let forecasts = place.is_multiple_of(query.horizon) && place < whole;
            let sets = if forecasts { query.sets.clone() } else { Vec::new() };
            let currency = currency(query);
            let portfolio = v1::Portfolio { positions, currency, ..v1::Portfolio::default() };
            let on = days[at];
            let work = move || AtClose::of((&prepared, on), &portfolio, &sets);
            found.push(services.compute.run_soon(work).await??);
        }
        let days = days[stretch].to_vec();
        let unresolved = submitted
            .map_or_else(Vec::new, |submitted| portfolio::all_unresolved(submitted, &book));
        let (rows, methods) = (query.rows.clone(), query.normal.methods.clone());
        let horizon = query.horizon;
        let test = move || {
            gaps.extend(lines_without_value(&found));
            gaps.extend(sessions_without_pnl(&found, &days));
            gaps.extend(sessions_of_old_rates(&found, &days));
            gaps.extend(no_run(days.len(), horizon));
            let runs = runs(&found, &days, horizon);
            let test = |row: &Row| test(row, &methods[row.method], (&runs, horizon));
            let (rows, missing): (Vec<_>, Vec<_>) = rows.iter().map(test).unzip();
            gaps.extend(missing.into_iter().flatten());
            Backtest { rows, stretch: days, unresolved, gaps }
        };
        Ok(Arc::new(services.compute.run_soon(test).await?))
    }
}

fn currency(query: &BacktestQuery) -> String {
    query.normal.portfolio.as_ref().map_or_else(String::new, |book| book.currency.clone())
}

/// The sessions to forecast, each of which has a session before it.
fn stretch(query: &BacktestQuery, days: &[Day]) -> Result<Range<usize>, Refusal> {
    let asked = asked(days, query.start_on, query.end_on);
    let start = match query.start_on {
        Some(_) => asked.start.max(1),
        None => asked.end.saturating_sub(limits::BACKTEST_SESSIONS_DEFAULT).max(1),
    };
    // A view without sessions has no day after the first either.
    let stretch = start.min(days.len())..asked.end.max(start).min(days.len());
    let positions = query.normal.portfolio.as_ref().map_or(0, |book| book.positions.len());
    let (sessions, methods) = (stretch.len(), query.normal.methods.len());
    let refused = |description: String| {
        Err(Refusal::Invalid(vec![Violation { field: "start_on".to_owned(), description }]))
    };
    if limits::BACKTEST_SESSIONS < sessions {
        let most = limits::BACKTEST_SESSIONS;
        return refused(format!("must leave at most {most} sessions, leaves {sessions}"));
    }
    let simulated = query.simulated_methods();
    let work = sessions * (methods * positions + simulated * limits::BACKTEST_PATHS_WORK);
    if limits::BACKTEST_WORK < work {
        let most = limits::BACKTEST_WORK;
        return refused(format!(
            "must leave at most {most} sessions x methods x positions (a simulated method counts as \
             {} more), leaves {work}",
            limits::BACKTEST_PATHS_WORK
        ));
    }
    Ok(stretch)
}

impl AtClose {
    fn of(
        (prepared, on): (&PreparedExposure, Day),
        portfolio: &v1::Portfolio,
        sets: &[TailSettings],
    ) -> Result<AtClose, Refusal> {
        if portfolio.positions.is_empty() {
            return Ok(AtClose::without_lines(sets.len()));
        }
        let (lookup, quotes) = (prepared.lookup(), prepared.quotes());
        let book = portfolio::book(Some(portfolio), &Netting::Instrument, lookup, quotes)?;
        Ok(AtClose {
            made: made_on(prepared, &book, on),
            forecasts: forecasts(prepared, &book, sets),
            without_value: without_value(&book),
            old_rate_share: old_rate_share(prepared, &book, on),
        })
    }

    /// A close at which the shares of no line are known.
    fn without_lines(sets: usize) -> AtClose {
        let nothing = Gap::new(
            GapReason::NoPrice,
            MeasureRef::ProfitAndLoss,
            "the shares of no line are known",
        );
        AtClose {
            made: DayPnl { pnl: None, missing_gross_share: 1.0 },
            forecasts: vec![Err(nothing); sets],
            without_value: Vec::new(),
            old_rate_share: 0.0,
        }
    }

    /// What was made on its session, if nearly all of the book has a P&L.
    fn pnl(&self) -> Option<f64> {
        self.made.pnl.filter(|_| self.made.missing_gross_share <= MISSING_SHARE_MAX)
    }
}

fn without_value(book: &Book) -> Vec<String> {
    book.loose.iter().map(|line| book.line_name(line.unresolved(book.gross).line)).collect()
}

/// One gap per line that some closes cannot value.
fn lines_without_value(found: &[AtClose]) -> Vec<Gap> {
    let mut closes = BTreeMap::<&str, usize>::new();
    for line in found.iter().flat_map(|close| &close.without_value) {
        *closes.entry(line).or_default() += 1;
    }
    let gap = |(line, count): (&str, usize)| {
        let detail =
            format!("no price at {count} of {} closes: not in their forecasts", found.len());
        Gap::new(GapReason::NoPrice, Subject::Line(line.to_owned()), detail)
    };
    closes.into_iter().map(gap).collect()
}

/// A gap if names of more than a twentieth of gross have no P&L on some sessions, and one if names of
/// less have none.
fn sessions_without_pnl(found: &[AtClose], days: &[Day]) -> Vec<Gap> {
    let share = |close: &AtClose| match close.made.pnl {
        Some(_) => close.made.missing_gross_share,
        None => 1.0,
    };
    let closes = found.get(1..).unwrap_or(&[]).iter().zip(days);
    let lacking = closes.map(|(close, day)| (share(close), day)).filter(|(share, _)| 0.0 < *share);
    let (untested, unmoved): (Vec<_>, Vec<_>) =
        lacking.partition(|(share, _)| MISSING_SHARE_MAX < *share);
    let gap = |lacking: &[(f64, &Day)], size: &str, what: &str| {
        let (_, first) = lacking.first()?;
        let (count, of) = (lacking.len(), days.len());
        let detail = format!(
            "names of {size} 5 % of gross have no P&L on {count} of {of} sessions, the first on \
             {first}: {what}"
        );
        let gap = Gap::new(GapReason::MissingObservations, MeasureRef::ProfitAndLoss, detail);
        let most = lacking.iter().map(|(share, _)| *share).fold(0.0, f64::max);
        Some(gap.of_gross(most))
    };
    let untested = gap(&untested, "more than", "they are not tested");
    let unmoved = gap(&unmoved, "at most", "these names count as unmoved there");
    untested.into_iter().chain(unmoved).collect()
}

/// The share of a book's closes of a session and the one before whose rates are older.
fn old_rate_share(prepared: &PreparedExposure, book: &Book, on: Day) -> f64 {
    let days = prepared.sessions.with_start();
    let end = days.partition_point(|day| *day <= on);
    let closes = &days[end.saturating_sub(2)..end];
    let measure = MeasureRef::ProfitAndLoss;
    let gap = book.old_rate_gap_behind(prepared.snapshot(), closes, &[], measure);
    gap.and_then(|gap| gap.gross_share).unwrap_or(0.0)
}

/// A gap if what was made on some sessions rests on older rates: each is measured with what was known at
/// its close, and a weekly publication has no rate of that day then.
fn sessions_of_old_rates(found: &[AtClose], days: &[Day]) -> Option<Gap> {
    let closes = found.get(1..).unwrap_or(&[]).iter().zip(days);
    let old: Vec<(f64, &Day)> = closes
        .map(|(close, day)| (close.old_rate_share, day))
        .filter(|(share, _)| 0.0 < *share)
        .collect();
    let (_, first) = old.first()?;
    let detail = format!(
        "on {} of {} sessions, the first on {first}, closes had only older exchange rates at that \
         close: the forecasts and what was made lack a move of the rate or have one of earlier days",
        old.len(),
        days.len()
    );
    let gap = Gap::new(GapReason::OldRate, MeasureRef::ProfitAndLoss, detail);
    let share = old.iter().map(|(share, _)| share).sum::<f64>() / days.len() as f64;
    Some(gap.of_gross(share))
}

/// A gap if a stretch has sessions but no run of them.
fn no_run(sessions: usize, horizon: usize) -> Option<Gap> {
    let detail = format!("no forecasts: {sessions} sessions are no run of {horizon}");
    let gap = || Gap::new(GapReason::ShortHistory, MeasureRef::ProfitAndLoss, detail);
    (0 < sessions && sessions < horizon).then(gap)
}

/// A run of sessions: the close before it, what was made on it, and its last session.
#[derive(Debug)]
struct Run<'a> {
    before: &'a AtClose,
    /// `None` if one of its sessions has none.
    pnl: Option<f64>,
    on: Day,
}

/// The runs of a stretch, one after the other.
fn runs<'a>(found: &'a [AtClose], days: &[Day], horizon: usize) -> Vec<Run<'a>> {
    let run = |(at, days): (usize, &[Day])| {
        let closes = found.get(at * horizon..=at * horizon + horizon)?;
        let (before, sessions) = closes.split_first()?;
        let pnl = sessions.iter().map(AtClose::pnl).sum();
        Some(Run { before, pnl, on: *days.last()? })
    };
    days.chunks_exact(horizon).enumerate().filter_map(run).collect()
}

/// The tests of a row, and a gap if it has no forecast for some runs.
fn test(
    row: &Row,
    method: &v1::BacktestMethod,
    (runs, horizon): (&[Run<'_>], usize),
) -> (v1::RiskBacktest, Option<Gap>) {
    let (mut tested, mut risks, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for Run { before, pnl, on } in runs {
        match (&before.forecasts[row.set], pnl) {
            (Err(gap), _) => failed.push((*on, gap)),
            (Ok(risk), Some(pnl)) => {
                let level = &risk.levels[row.level];
                let (value_at_risk, expected_shortfall) =
                    (level.value_at_risk, level.expected_shortfall);
                let (on, pnl) = (*on, *pnl);
                tested.push(Forecast { on, pnl, value_at_risk, expected_shortfall });
                risks.push(risk);
            }
            (Ok(_), None) => {}
        }
    }
    let found = outcome(&tested, row.confidence);
    let mean = |of: fn(&TailRisk) -> f64| {
        let sum: f64 = risks.iter().map(|risk| of(risk)).sum();
        // A sum of nothing is -0.
        (!risks.is_empty()).then(|| (0.0 + sum) / risks.len() as f64)
    };
    let answer = v1::RiskBacktest {
        method: Some(*method),
        confidence: row.confidence,
        forecast_count: tested.len() as i32,
        missing_count: (runs.len() - tested.len()) as i32,
        fewest_sessions: risks.iter().map(|risk| risk.sessions as i32).min().unwrap_or(0),
        mean_proxied_share: mean(|risk| risk.proxied_share),
        ..found.map_or_else(v1::RiskBacktest::default, tests)
    };
    let gap = failed.first().map(|(first, gap)| {
        let detail = format!(
            "no forecast at {} for {} of {} {}, the first {first}: {}",
            row.confidence,
            failed.len(),
            runs.len(),
            if horizon == 1 { "sessions" } else { "runs" },
            gap.detail
        );
        Gap::new(gap.reason, gap.subject.clone(), detail)
    });
    (answer, gap)
}

fn tests(found: Outcome) -> v1::RiskBacktest {
    let ratio = |LikelihoodRatio { statistic, p_value }| v1::BacktestTest { statistic, p_value };
    let clusters = found.clusters.as_ref();
    v1::RiskBacktest {
        breach_count: found.breaches as i32,
        expected_breach_count: found.expected,
        coverage: Some(ratio(found.coverage)),
        independence: clusters.map(|clusters| ratio(clusters.independence)),
        joint: clusters.map(|clusters| ratio(clusters.conditional_coverage)),
        breach_after_breach: clusters.and_then(|clusters| clusters.hit_after_hit),
        traffic_light: Some(traffic_light(found.zone).into()),
        shortfall: found.shortfall.map(|shortfall| v1::BacktestTest {
            statistic: shortfall.z,
            p_value: shortfall.p_value,
        }),
        worst_breach: found.worst.map(|breach| v1::BacktestBreach {
            on: breach.on.to_string(),
            pnl: breach.pnl,
            value_at_risk: breach.value_at_risk,
            expected_shortfall: breach.expected_shortfall,
        }),
        mean_value_at_risk: Some(found.mean_value_at_risk),
        ..v1::RiskBacktest::default()
    }
}

const fn traffic_light(zone: Zone) -> v1::TrafficLight {
    match zone {
        Zone::Green => v1::TrafficLight::Green,
        Zone::Yellow => v1::TrafficLight::Yellow,
        Zone::Red => v1::TrafficLight::Red,
    }
}

impl Query for BacktestQuery {
    const MODEL: &'static str = ::exposure::MODEL_VERSION;
    type Prepared = Backtest;
    type Response = v1::BacktestRiskResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn answer(
        &self,
        _pinned: &Pinned,
        backtest: &Backtest,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let on = |day: Option<&Day>| day.map_or_else(String::new, Day::to_string);
        let names = self.rows.iter().map(|row| self.sets[row.set].id());
        let row = |(row, scenario_set_id): (&v1::RiskBacktest, String)| v1::RiskBacktest {
            scenario_set_id,
            ..row.clone()
        };
        let response = v1::BacktestRiskResponse {
            backtests: backtest.rows.iter().zip(names).map(row).collect(),
            first_on: on(backtest.stretch.first()),
            last_on: on(backtest.stretch.last()),
            sessions: backtest.stretch.len() as i32,
            unresolved: backtest.unresolved.clone(),
            currency: currency(self),
            ..Default::default()
        };
        Ok(Answer::with_gaps(response, backtest.gaps.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight sessions in runs of three: two runs, and a rest of two that is left out. The close before a
    /// run is not part of what is made on it.
    #[test]
    fn runs_follow_each_other_without_overlap() {
        let start = Day::parse_iso("2021-01-04").unwrap();
        let close = |at: i32| AtClose {
            made: DayPnl {
                pnl: Some(f64::from(1 << at)),
                missing_gross_share: if at == 5 { 0.06 } else { 0.0 },
            },
            forecasts: Vec::new(),
            without_value: vec![at.to_string()],
            old_rate_share: 0.0,
        };
        let found: Vec<AtClose> = (0..9).map(close).collect();
        let days: Vec<Day> = (1..9).map(|at| start.plus(at)).collect();
        let of = |horizon| {
            let runs = runs(&found, &days, horizon);
            let run = |run: &Run<'_>| (run.before.without_value[0].clone(), run.pnl, run.on);
            runs.iter().map(run).collect::<Vec<_>>()
        };
        // 2 + 4 + 8; the fifth session has no P&L for more than a twentieth of gross.
        let expected = [("0", Some(14.0), days[2]), ("3", None, days[5])];
        assert_eq!(of(3), expected.map(|(before, pnl, on)| (before.to_owned(), pnl, on)));
        let single = of(1);
        assert_eq!((single.len(), &single[7]), (8, &("7".to_owned(), Some(256.0), days[7])));
        assert_eq!(of(9), []);
    }
}
