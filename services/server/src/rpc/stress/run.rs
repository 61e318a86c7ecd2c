//! Runs one scenario of a request.

use super::{
    repriced::{Rates, fixed_strikes},
    setup::Setup,
    squeezed,
    to_proto::{self, Shown},
};
use crate::rpc::{
    gaps::folded,
    scenario::{
        Scenario, like_this_days,
        resolve::{self, Happens},
    },
};
use ::portfolio::{
    book::{Book, Holding},
    lines::Violation,
};
use contract::v1;
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use risk::{factor_view::FactorView, like_this::DaysLikeThis};
use stress::{
    hypothetical::{HypotheticalReport, hypothetical},
    liquidity::{ExitTerms, adjusted},
    past::Source,
    replay::{ReplayReport, replay},
    shock::Hypothetical,
};

/// A scenario that was run.
struct Ran {
    result: v1::StressResult,
    by_holding: Vec<f64>,
    /// What the rates of currencies do in it.
    rates: Rates,
}

/// Runs the scenario at a place of the request; `asked` is its normal form.
///
/// # Errors
/// Every violation that shows on the view only.
pub(super) fn scenario(
    setup: &Setup,
    (at, scenario, asked): (usize, &Scenario, v1::Scenario),
    exit: &ExitTerms,
) -> Result<v1::StressResult, Vec<Violation>> {
    let path = format!("scenarios[{at}]");
    let lookup = setup.exposure.lookup();
    let view = setup.view();
    let found = resolve::found(&scenario.event, &path, lookup, &view)?;
    let is_own = found.name.is_empty();
    let mut gaps = Vec::new();
    let ran = match (found.happens, &view) {
        (Ok(Happens::Replay(start_on, end_on)), _) => {
            replayed(setup, view.as_ref().ok(), (start_on, end_on), &mut gaps)
        }
        (Ok(Happens::Hypothetical(known)), Ok(view)) => {
            shocked(setup, view, &known, ((&path, is_own), &mut gaps))?
        }
        (Ok(Happens::Hypothetical(_)), Err(gap)) => {
            gaps.push(gap.clone());
            None
        }
        (Err(lacking), _) => {
            gaps.extend(lacking);
            None
        }
    };
    let mut result = v1::StressResult::default();
    if let Some(Ran { result: ran, by_holding, rates }) = ran {
        result = ran;
        let mut made = (by_holding.clone(), by_holding);
        if let Some(squeeze) = &scenario.squeeze {
            let (squeezed, both) =
                squeezed::add(setup, (squeeze, &path), (&made.0, rates), &mut gaps)?;
            result.squeezed = Some(squeezed);
            made = both;
        }
        result.exit = exit_pnl(setup, &view, ((&made.0, &made.1), exit), &mut gaps);
    }
    result.scenario = Some(asked);
    result.name = found.name.to_owned();
    result.source = found.source.to_owned();
    result.gaps = folded(gaps);
    Ok(result)
}

fn replayed(
    setup: &Setup,
    view: Option<&FactorView<'_>>,
    window: (Day, Day),
    gaps: &mut Vec<Gap>,
) -> Option<Ran> {
    let (book, roles) = (&setup.book, setup.views.roles());
    let Some(report) = replay(&setup.exposure, roles, book, &setup.partitions, window) else {
        gaps.push(Gap::new(
            GapReason::InputMissing,
            Subject::Role("large_cap_index"),
            "the market has no close in the window or in the two weeks before it, or the window is \
             not over",
        ));
        return None;
    };
    gaps.extend(unmoved(
        setup,
        report.positions.iter().filter(|p| p.source == Source::Missing).map(|p| p.instrument),
    ));
    // The close before the first session is one of a return, too.
    let closes: Vec<Day> = std::iter::once(report.start_on).chain(report.days.clone()).collect();
    gaps.extend(book.old_rate_gaps_on(setup.exposure.snapshot(), &closes));
    gaps.extend(fixed_strikes(setup, Rates::of(&report)));
    let shown = Shown { setup, view };
    let by_holding = report.positions.iter().map(|position| position.pnl).collect();
    let ReplayReport { coverage, .. } = &report;
    let result = v1::StressResult {
        outcome: Some(shown.replay(&report)),
        replayed: Some(to_proto::sessions(&report)),
        sources: to_proto::sources(coverage),
        ..Default::default()
    };
    Some(Ran { result, by_holding, rates: Rates::of(&report) })
}

fn shocked(
    setup: &Setup,
    view: &FactorView<'_>,
    known: &Hypothetical,
    (own, gaps): ((&str, bool), &mut Vec<Gap>),
) -> Result<Option<Ran>, Vec<Violation>> {
    let snapshot = setup.exposure.snapshot();
    let report = match hypothetical(view, &setup.book, &setup.partitions, known) {
        Ok(report) => report,
        Err(faults) => {
            gaps.extend(resolve::faults(faults, own, snapshot)?);
            return Ok(None);
        }
    };
    let HypotheticalReport { average, like_this, coverage, missing, .. } = report;
    gaps.extend(setup.exposure.old_rates_behind(&setup.book, &[]));
    gaps.extend(unmoved(setup, missing.into_iter()));
    gaps.extend(below_nothing(setup, &average.positions));
    gaps.extend(fixed_strikes(setup, Rates::Fixed));
    let shown = Shown { setup, view: Some(view) };
    let (like_this, days) = like_this.unzip();
    gaps.extend(days.as_ref().and_then(DaysLikeThis::gap));
    let result = v1::StressResult {
        outcome: Some(shown.outcome(&average)),
        outcome_like_this: like_this.as_ref().map(|outcome| shown.outcome(outcome)),
        like_this: days.as_ref().map(like_this_days),
        hypothetical: Some(resolve::hypothetical(known, snapshot)),
        sources: to_proto::rungs(&coverage),
        ..Default::default()
    };
    Ok(Some(Ran { result, by_holding: average.positions, rates: Rates::Fixed }))
}

/// One gap per name that nothing stands in for.
fn unmoved(setup: &Setup, names: impl Iterator<Item = InstrumentId>) -> Vec<Gap> {
    let (book, snapshot): (&Book, &Snapshot) = (&setup.book, setup.exposure.snapshot());
    let gap = |id: InstrumentId| {
        let held = book.holdings.iter().find(|holding| holding.instrument == id);
        let share = held.map_or(0.0, |holding| holding.gross() / book.gross);
        let subject = Subject::symbol(snapshot.symbol(id));
        let detail = "nothing stands in for its returns: it counts as unmoved";
        Gap::new(GapReason::MissingObservations, subject, detail).of_gross(share)
    };
    names.map(gap).collect()
}

/// One gap per name that the shocks carry below nothing. The P&L stays that of the linear model
/// (methodology F), whose parts add up.
fn below_nothing(setup: &Setup, by_holding: &[f64]) -> Vec<Gap> {
    let (book, snapshot): (&Book, &Snapshot) = (&setup.book, setup.exposure.snapshot());
    let held = book.holdings.iter().zip(by_holding);
    let below = held.filter(|(holding, pnl)| **pnl / holding.market_value < -1.0);
    let gap = |(holding, _): (&Holding, &f64)| {
        let subject = Subject::symbol(snapshot.symbol(holding.instrument));
        let detail = "the shocks carry its return below -100 %: the scenario is beyond the model";
        Gap::new(GapReason::Implausible, subject, detail).of_gross(holding.gross() / book.gross)
    };
    below.map(gap).collect()
}

/// The P&L after leaving the book; `None` without volatilities.
fn exit_pnl(
    setup: &Setup,
    view: &Result<FactorView<'_>, Gap>,
    (made, terms): ((&[f64], &[f64]), &ExitTerms),
    gaps: &mut Vec<Gap>,
) -> Option<v1::ExitPnl> {
    let view = match view {
        Ok(view) => view,
        Err(gap) => {
            gaps.push(gap.clone());
            return None;
        }
    };
    // The terms were checked with the request.
    let left = adjusted(view, &setup.book, made, terms).ok()?;
    let unknown = left.gaps.iter().filter_map(|gap| gap.gross_share).sum::<f64>();
    gaps.extend(left.gaps);
    Some(v1::ExitPnl {
        pnl: left.adjusted,
        cost: left.cost,
        unsold: left.left,
        unknown_gross_share: unknown.min(1.0),
    })
}
