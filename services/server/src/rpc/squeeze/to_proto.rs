//! Converts squeeze reports to protobuf.

use super::covering;
use crate::rpc::{gaps, portfolio, shared::timestamp};
use ::portfolio::book::Book;
use contract::v1;
use factors::{
    exit_curve::ExitPoint, short_ratio::Published, squeeze_threshold::squeeze_threshold,
};
use marketdata::{basis::Units, dataset::Dataset, day::Day, snapshot::Snapshot};
use squeeze::{
    assess::{Mark, ShortBook, ShortLine},
    calibration::level::Transform,
    disclosed::{Disclosed, DisclosedMeasure},
    earnings::is_near,
    exit::{ExitPlan, Participation},
    lending::{Dated, Lending, LendingMeasure},
    market::MostShortedState,
    measure::{Component, Measured},
    name::SqueezeName,
    rank::Ranking,
    score::{FITTED_ID, FITTED_METHOD, Index, IndexTerm, METHOD, METHOD_ID, Score},
    universe::{ShortsGain, Universe},
};

/// The method of the score.
pub(super) fn method(universe: &Universe) -> v1::SqueezeMethod {
    let term = |(term, mean): (IndexTerm, Option<f64>)| {
        let (transform, floor) = term.component.transform();
        v1::SqueezeTerm {
            measure_id: term.component.id().to_owned(),
            transform: match transform {
                Transform::Log => v1::SqueezeTransform::Log,
                Transform::LogOfOnePlus => v1::SqueezeTransform::LogOfOnePlus,
            }
            .into(),
            coefficient: term.coefficient,
            floor,
            mean,
            stand_in: term.stand_in,
        }
    };
    let (method_id, method, calibrated) = match universe.index() {
        Index::ShortOfFloat => (METHOD_ID, METHOD, false),
        Index::Fitted(_) => (FITTED_ID, FITTED_METHOD, true),
    };
    v1::SqueezeMethod {
        method_id: method_id.to_owned(),
        calibrated,
        method: method.to_owned(),
        terms: universe.terms().map(term).collect(),
        intercept: universe.index().intercept(),
        inputs_without_dataset: Vec::new(),
    }
}

/// The names that percentiles are computed over.
pub(super) fn universe(universe: &Universe) -> v1::SqueezeUniverse {
    let summary = universe.summary();
    let newest = summary.newest_settlement;
    v1::SqueezeUniverse {
        with_short_interest_count: summary.with_short_interest as i32,
        priced_count: summary.priced as i32,
        scored_count: summary.scored as i32,
        without_short_interest_count: summary.without_short_interest as i32,
        newest_settlement_on: newest.map(|n| n.effective_on.to_string()).unwrap_or_default(),
        at_newest_settlement_count: newest.map_or(0, |newest| newest.value as i32),
        shorts_gain_last_session: summary.shorts_gain_last_session.map(shorts_gain),
        shorts_gain_since_settlement: summary.shorts_gain_since_settlement.map(shorts_gain),
        shorts_gain_since_cost_basis: summary.shorts_gain_since_cost_basis.map(shorts_gain),
        market_state: universe
            .state()
            .map(|state| market_state(state, universe.snapshot().today())),
    }
}

fn market_state(state: &MostShortedState, today: Day) -> v1::SqueezeMarketState {
    v1::SqueezeMarketState {
        most_shorted_less_index: state.spread,
        z: state.z.map(|(z, _)| z),
        z_session_count: state.z.map_or(0, |(_, count)| count as i32),
        observed_on: state.observed_on.to_string(),
        published_at: state.published_at.map(timestamp),
        age_days: today.epoch() - state.observed_on.epoch(),
        name_count: state.names as i32,
        settlement_on: state.settlement_on.to_string(),
        index_symbol: state.index.clone(),
    }
}

fn shorts_gain(gain: ShortsGain) -> v1::ShortsGain {
    v1::ShortsGain { gain_usd: gain.gain_usd, name_count: gain.name_count as i32 }
}

/// The totals of a short book.
pub(super) fn totals(book: &ShortBook, participation: Participation) -> v1::ShortBookTotals {
    v1::ShortBookTotals {
        gross_short: book.gross_short,
        short_names: book.lines.len() as i32,
        long_names: book.long_names as i32,
        share_scored: book.share_scored,
        mean_score: book.mean_score,
        profit_and_loss: book.profit_and_loss,
        participation: participation.share(),
        exit_at_normal_volume: Some(exit_plan(&book.normal_exit)),
        exit_at_recent_volume: Some(exit_plan(&book.recent_exit)),
        covering_costs: covering::totals(book),
        borrow_cost_per_day: book.borrowing.map(|total| total.cost_per_day),
        share_with_borrow_fee: book.borrowing.map(|total| total.share),
    }
}

fn exit_plan(plan: &ExitPlan) -> v1::ExitPlan {
    let point = |point: &ExitPoint| v1::ExitPoint { share: point.share, days: point.days };
    v1::ExitPlan {
        share_with_exit_days: plan.share,
        curve: plan.curve.iter().map(point).collect(),
        exit_days: plan.days,
        sessions: Vec::new(),
    }
}

/// The names left out of a ranking.
pub(super) fn left_out(ranking: &Ranking) -> v1::SqueezeLeftOut {
    v1::SqueezeLeftOut {
        not_scored_count: ranking.not_scored as i32,
        below_line_market_cap_count: ranking.below_line_market_cap as i32,
        below_daily_value_count: ranking.below_daily_value as i32,
        other_exchange_count: ranking.other_exchange as i32,
        without_line_market_cap_count: ranking.without_line_market_cap as i32,
    }
}

/// One short line; its gaps are reported with its name.
pub(super) fn line(
    universe: &Universe,
    (portfolio, book): (&v1::Portfolio, &Book),
    line: ShortLine,
) -> v1::ShortLine {
    let lots = portfolio::lots(portfolio, book, &line.lots);
    let score = line.place.and_then(|place| universe.score(place));
    let mut name = name(universe, &line.name, score);
    name.gaps = gaps::folded(line.gaps);
    v1::ShortLine {
        name: Some(name),
        market_value: line.market_value,
        share_of_gross_short: line.share_of_short,
        quantity: line.shares,
        exit_days_at_normal_volume: line.exit.normal.ok(),
        exit_days_at_recent_volume: line.exit.recent.ok(),
        mark: line.mark.map(mark),
        lots,
        covering_cost: line
            .covering
            .ok()
            .map(|cost| covering::cost(&cost, line.market_value, line.borrow_cost_of_exit.ok())),
        squeeze_pnl: line.squeeze_pnl.ok(),
        through_funds_market_value: line.through_funds,
        covering_schedule: None,
        borrow_cost_per_day: line.borrow_cost_per_day.ok(),
    }
}

fn mark(mark: Mark) -> v1::ShortMark {
    match mark {
        Mark::AverageCost { return_on_basis, profit_and_loss } => v1::ShortMark {
            basis: v1::MarkBasis::AverageCost.into(),
            return_on_basis,
            profit_and_loss: Some(profit_and_loss),
        },
        Mark::SinceSettlement { return_on_basis } => v1::ShortMark {
            basis: v1::MarkBasis::Settlement.into(),
            return_on_basis,
            profit_and_loss: None,
        },
    }
}

/// The data of a name, with its score if it has one.
pub(super) fn name(
    universe: &Universe,
    name: &SqueezeName,
    score: Option<&Score>,
) -> v1::SqueezeName {
    let snapshot = universe.snapshot();
    let symbol = snapshot.symbol(name.instrument);
    let traded = name.traded.as_ref().ok();
    let measure = |component| name.measure(component).ok();
    let units = Units::of(snapshot, name.instrument);
    let disclosed = &name.disclosed;
    let short_sales = disclosed.short_sales.as_ref();
    let fails = disclosed.fails.as_ref().map(|(fails, _)| fails);
    let earnings = disclosed.earnings.and_then(Result::ok);
    v1::SqueezeName {
        symbol: symbol.to_owned(),
        units_on: name.units_on.to_string(),
        inputs: inputs(snapshot, name, &units),
        short_of_float: measure(Component::ShortOfFloat),
        short_of_float_s3: name.short_of_float_s3().ok(),
        short_of_shares_outstanding: name.short_of_shares_outstanding().ok(),
        short_interest_change: measure(Component::ShortInterestChange),
        days_to_cover_at_recent_volume: name.days_to_cover_at_recent_volume().ok(),
        days_to_cover_at_settlement: measure(Component::DaysToCover),
        volume_sessions: traded.map_or(0, |traded| traded.volume_sessions as i32),
        days_to_cover_at_source_volume: name.days_to_cover_at_source_volume().ok(),
        average_daily_value_usd: name.average_value_usd().ok(),
        line_market_cap_usd: name.market_cap.ok().map(|cap| cap.usd),
        return_since_settlement: measure(Component::ShortsLoss),
        five_session_return: measure(Component::Return5),
        twenty_session_return: measure(Component::Return20),
        distance_to_high: measure(Component::DistanceToHigh),
        high_sessions: traded.map_or(0, |traded| traded.high_sessions as i32),
        volume_ratio: measure(Component::VolumeRatio),
        float_turnover: measure(Component::FloatTurnover),
        score: score.map(|score| score.points),
        score_index: score.map(|score| score.index),
        contributions: score.map(|_| contributions(universe, name)).unwrap_or_default(),
        evidence: score.map(|score| evidence(name, score)).unwrap_or_default(),
        gaps: gaps::folded(name.gaps(symbol)),
        sixty_session_volatility: name.volatility().ok(),
        squeeze_threshold: name.volatility().ok().map(squeeze_threshold),
        shorts_gain_last_session_usd: name.shorts_gain_last_session_usd().ok(),
        shorts_gain_since_settlement_usd: name.shorts_gain_since_settlement_usd().ok(),
        squeeze_probability: universe
            .place(name.instrument)
            .and_then(|place| universe.probability(place)),
        utilisation: name.lending(LendingMeasure::Utilisation).ok(),
        borrow_fee: name.lending(LendingMeasure::BorrowFee).ok(),
        borrow_fee_volatility: name.lending(LendingMeasure::BorrowFeeVolatility).ok(),
        recall: name.lending(LendingMeasure::Recall).ok().map(|recall| 0.0 < recall),
        borrow_fee_sessions: name.lending.map_or(0, |lending| lending.fee_sessions as i32),
        short_cost_basis: name.short_cost_basis(&units).ok(),
        loss_on_cost_basis: name.loss_on_cost_basis().ok(),
        shorts_gain_since_cost_basis_usd: name.shorts_gain_since_cost_basis_usd().ok(),
        short_sale_volume_share: short_sales.and_then(|sales| sales.share.ok()),
        average_short_sale_volume_share: short_sales.and_then(|sales| sales.average.ok()),
        short_sale_sessions: short_sales.map_or(0, |sales| sales.sessions as i32),
        short_sale_facilities: short_sales.map_or_else(String::new, |s| s.facilities.letters()),
        fails_to_deliver_of_float: fails.and_then(|fails| fails.of_float.ok()),
        fails_threshold_days: fails.and_then(|fails| Some(fails.threshold_days.ok()? as i32)),
        on_fails_threshold: fails.and_then(|fails| fails.is_on_threshold.ok()),
        earnings_on: earnings.map(|next| next.effective_on.to_string()).unwrap_or_default(),
        earnings_within_five_sessions: earnings.map(is_near),
    }
}

/// What each term adds to the index above its mean.
fn contributions(universe: &Universe, name: &SqueezeName) -> Vec<v1::SqueezeContribution> {
    let contribution = |(term, mean): (IndexTerm, Option<f64>)| {
        let contribution = term.coefficient * (term.level(name)? - mean?);
        Some(v1::SqueezeContribution { measure_id: term.component.id().to_owned(), contribution })
    };
    universe.terms().filter_map(contribution).collect()
}

fn evidence(name: &SqueezeName, score: &Score) -> Vec<v1::SqueezeEvidence> {
    let row = |id: &str, value: Measured, percentile| v1::SqueezeEvidence {
        measure_id: id.to_owned(),
        value: value.ok(),
        percentile,
    };
    let measures = Component::ALL.into_iter().zip(score.percentiles);
    let measures =
        measures.map(|(component, rank)| row(component.id(), name.measure(component), rank));
    let lending = LendingMeasure::ranked().zip(score.lending);
    let lending = lending.filter(|_| name.lending.is_some());
    let lending = lending.map(|(measure, rank)| row(measure.id(), name.lending(measure), rank));
    let disclosed = DisclosedMeasure::ALL.into_iter().zip(score.disclosed);
    let disclosed = disclosed.filter(|(measure, _)| name.disclosed.has(*measure));
    let disclosed = disclosed.map(|(one, rank)| row(one.id(), name.disclosed.measure(one), rank));
    measures.chain(lending).chain(disclosed).collect()
}

/// Every known input, on the name's one basis of units.
fn inputs(snapshot: &Snapshot, name: &SqueezeName, units: &Units) -> Vec<v1::MeasureInput> {
    let today = snapshot.today();
    let ratio = name.short.as_ref().ok();
    let short = ratio.map(|ratio| ratio.shares_short);
    let previous = ratio.and_then(|ratio| ratio.previous.ok());
    let counts = &name.counts;
    let mut inputs = Vec::new();
    let mut add = |input, known: Option<Published>, value: Option<f64>| {
        inputs.extend(known.map(|known| dated(input, known, value, today)));
    };
    add("short_interest", short, short.map(|short| short.value));
    add("short_interest_before", previous, previous.map(|previous| previous.value));
    add("public_float", counts.public_float, counts.float_on_basis.ok());
    add("shares_outstanding", counts.shares_outstanding, counts.outstanding_on_basis.ok());
    let of_source = ratio.and_then(|ratio| ratio.source_daily_volume);
    add("average_volume_source", short.filter(|_| of_source.is_some()), of_source);
    let last = name.traded.as_ref().ok().zip(name.close_published_at);
    let last = last.map(|(traded, published_at)| Published {
        value: traded.close,
        effective_on: traded.last_on,
        published_at,
    });
    let bars = snapshot.rows(Dataset::Bars, name.instrument);
    let settled = short.filter(|_| name.traded.is_ok()).and_then(|short| {
        let row = bars.last_on_or_before(short.effective_on)?;
        let (effective_on, published_at) = (bars.day(row), bars.published_at(row));
        Some(Published { value: short.value, effective_on, published_at })
    });
    add("average_volume_at_settlement", settled, name.average_volume_at_settlement().ok());
    add("recent_volume", last, name.average_volume().ok());
    add("normal_volume", last, name.normal_volume().ok());
    add("close", last, name.close(units).ok());
    let lent = name.lending.iter().flat_map(lent);
    for (input, known) in lent.chain(disclosed(&name.disclosed)) {
        add(input, known.ok(), known.ok().map(|known| known.value));
    }
    inputs
}

/// The inputs of lending.
fn lent(lending: &Lending) -> [(&'static str, Dated); 5] {
    [
        ("utilisation", lending.utilisation),
        ("borrow_fee", lending.fee),
        ("shares_on_loan", lending.on_loan),
        ("shares_lendable", lending.lendable),
        ("recall", lending.recall),
    ]
}

/// What is disclosed besides: volumes of short sales, fails, and the next report of earnings.
fn disclosed(of: &Disclosed) -> impl Iterator<Item = (&'static str, Dated)> + use<> {
    let short_sales = of.short_sales.map(|sales| {
        [("short_sale_volume", sales.short), ("short_sale_total_volume", sales.total)]
    });
    let fails = of.fails.as_ref().map(|(fails, _)| ("fails_to_deliver", fails.shares));
    let earnings = of.earnings.map(|next| ("earnings_on", next));
    short_sales.into_iter().flatten().chain(fails).chain(earnings)
}

fn dated(input: &str, known: Published, value: Option<f64>, today: Day) -> v1::MeasureInput {
    v1::MeasureInput {
        name: input.to_owned(),
        value,
        observed_on: known.effective_on.to_string(),
        published_at: Some(timestamp(known.published_at)),
        age_days: today.epoch() - known.effective_on.epoch(),
    }
}
