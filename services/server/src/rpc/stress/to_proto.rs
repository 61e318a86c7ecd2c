//! Converts stress reports to protobuf.

use super::{
    repriced::{self, Rates},
    setup::Setup,
};
use crate::rpc::{
    portfolio,
    scenario::{move_size, series, series_id},
};
use contract::v1::{self, ScenarioSource as Wire, likely_loss::Result as WireOutcome};
use marketdata::{
    dataset::Dataset,
    gap::{Gap, GapReason, Subject},
};
use risk::{
    factor_view::{FactorView, Rung},
    series::MoveUnit,
};
use stress::{
    hypothetical::{CoordinateMove, Outcome, RungShares},
    likely_loss::{LikelyLoss, LossPosition},
    past::Source,
    replay::{ReplayReport, SourceShares},
    reverse::NoScenario,
};

/// The model of the factors of hypothetical scenarios.
const CROSS_SECTION: &str = "ballast-cross-section";
/// The model of the betas of replays.
const REGRESSION: &str = "ballast-regression";

/// What a P&L is shown with.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) setup: &'a Setup,
    /// `None` without a factor model, which replays do not need.
    pub(super) view: Option<&'a FactorView<'a>>,
}

/// A holding's part of a P&L.
struct Made {
    pnl: f64,
    total_return: f64,
    source: Wire,
    proxied_sessions: usize,
}

impl Shown<'_> {
    /// What a replay makes.
    pub(super) fn replay(self, report: &ReplayReport) -> v1::ScenarioOutcome {
        let factor = |factor_id: &str, pnl| v1::ScenarioFactorPnl {
            model_id: REGRESSION.to_owned(),
            factor_id: factor_id.to_owned(),
            moved: None,
            pnl,
        };
        let made = |at: usize| {
            let position = &report.positions[at];
            Made {
                pnl: position.pnl,
                total_return: position.total_return,
                source: source(position.source),
                proxied_sessions: position.sessions_without,
            }
        };
        let of = |at: usize| report.positions[at].total_return;
        let options = repriced::options(self.setup, Rates::of(report), of);
        options.beside(v1::ScenarioOutcome {
            pnl: report.pnl,
            pnl_low: report.low,
            pnl_high: report.high,
            factors: vec![factor("MARKET", report.market), factor("SIZE", report.size)],
            residual_pnl: report.residual,
            positions: self.positions(|at| report.positions[at].pnl, made),
            ..self.splits(&report.partitions)
        })
    }

    /// What known moves make.
    pub(super) fn outcome(self, outcome: &Outcome) -> v1::ScenarioOutcome {
        let factor_count = self.view.map_or(0, |view| view.factors.factors().len());
        let (factors, others) = outcome.coordinates.split_at(factor_count);
        let made = |at: usize| self.expected(at, outcome.positions[at]);
        let options = repriced::options(self.setup, Rates::Fixed, |at| outcome.moves[at]);
        options.beside(v1::ScenarioOutcome {
            pnl: outcome.pnl,
            pnl_low: outcome.low,
            pnl_high: outcome.high,
            factors: factors.iter().map(factor).collect(),
            residual_pnl: outcome.specific_pnl,
            series: others.iter().map(series_move).collect(),
            positions: self.positions(|at| outcome.positions[at], made),
            shock_betas: outcome.betas.clone(),
            plausibility: Some(v1::ScenarioPlausibility {
                standard_deviations: outcome.distance,
                probability: outcome.probability,
            }),
            ..self.splits(&outcome.partitions)
        })
    }

    /// The likeliest scenario of a loss; a gap if the search has no end.
    pub(super) fn likely_loss(
        self,
        found: Result<LikelyLoss, NoScenario>,
        gaps: &mut Vec<Gap>,
    ) -> Option<v1::LikelyLoss> {
        let outcome = match found {
            Ok(likely) => {
                gaps.extend(repriced::fixed_strikes(self.setup, Rates::Fixed));
                WireOutcome::Scenario(self.likely(&likely))
            }
            Err(NoScenario::OutOfReach { largest_loss }) => WireOutcome::LargestLoss(largest_loss),
            Err(NoScenario::NoLoss | NoScenario::Boxes | NoScenario::Unsolved) => {
                let bars = Subject::Dataset(Dataset::Bars);
                let detail =
                    "the search for the likeliest loss did not end: its numbers degenerate";
                gaps.push(Gap::new(GapReason::Degenerate, bars, detail));
                return None;
            }
        };
        Some(v1::LikelyLoss { result: Some(outcome) })
    }

    fn likely(self, likely: &LikelyLoss) -> v1::LikelyScenario {
        let pnl = likely.positions.iter().fold(0.0, |sum, position| sum + position.pnl);
        let made = |at: usize| {
            let LossPosition { pnl, moved, .. } = likely.positions[at];
            Made { total_return: moved, ..self.expected(at, pnl) }
        };
        let pnl = v1::ScenarioOutcome {
            pnl,
            pnl_low: pnl,
            pnl_high: pnl,
            factors: likely.factors.iter().map(factor).collect(),
            residual_pnl: likely.specific_pnl,
            positions: self.positions(|at| likely.positions[at].pnl, made),
            ..self.splits(&likely.partitions)
        };
        let moved = |at: usize| likely.positions[at].moved;
        let pnl = repriced::options(self.setup, Rates::Fixed, moved).beside(pnl);
        v1::LikelyScenario {
            outcome: Some(pnl),
            standard_deviations: likely.distance,
            probability: likely.probability.normal,
            heavy_tail_probability: likely.probability.student_4,
            factor_ids_at_bound: likely.at_bound.clone(),
        }
    }

    /// A holding by its exposures.
    fn expected(self, at: usize, pnl: f64) -> Made {
        let holding = &self.setup.book.holdings[at];
        let name = self.view.and_then(|view| view.name(holding.instrument));
        let total_return = pnl / holding.market_value;
        Made { pnl, total_return, source: rung(name.map(|name| name.rung)), proxied_sessions: 0 }
    }

    /// The holdings listed, the largest P&L by size first, equal ones in the order of names.
    /// Only of these is more than the P&L asked for: a fund's own source may be a regression.
    fn positions(
        self,
        pnl: impl Fn(usize) -> f64,
        made: impl Fn(usize) -> Made,
    ) -> Vec<v1::ScenarioPositionPnl> {
        let Setup { book, setting, exposure, .. } = self.setup;
        let top = setting.top;
        if top == 0 {
            return Vec::new();
        }
        let row = |at: usize| {
            let (holding, made) = (&book.holdings[at], made(at));
            let mut lines: Vec<usize> = book.lots(holding).iter().map(|lot| lot.line).collect();
            lines.sort_unstable();
            let name = |line| portfolio::name(&setting.portfolio, line);
            v1::ScenarioPositionPnl {
                symbol: exposure.snapshot().symbol(holding.instrument).to_owned(),
                position_ids: lines.into_iter().map(name).collect(),
                market_value: holding.market_value,
                total_return: Some(made.total_return).filter(|value| value.is_finite()),
                pnl: made.pnl,
                source: made.source.into(),
                proxied_sessions: made.proxied_sessions as i32,
            }
        };
        let mut all: Vec<usize> = (0..book.holdings.len()).collect();
        all.sort_by(|a, b| pnl(*b).abs().total_cmp(&pnl(*a).abs()));
        all.truncate(top);
        all.into_iter().map(row).collect()
    }

    /// The P&L by the partitions of the book: the trade, sizes, sectors.
    fn splits(self, sums: &[Vec<f64>]) -> v1::ScenarioOutcome {
        let partitions = &self.setup.partitions;
        let [trade, size, sector] =
            [0, 1, 2].map(|at| partitions[at].part_ids.iter().zip(&sums[at]));
        let legs = trade.map(|(id, pnl)| v1::TradeLegScenarioPnl { leg_id: id.clone(), pnl: *pnl });
        let trade = v1::ScenarioTradePnl {
            trade_id: partitions[0].partition_id.clone(),
            legs: legs.collect(),
        };
        let by =
            |kind: v1::GroupByKind, at: usize, parts: &mut dyn Iterator<Item = (&String, &f64)>| {
                let held = |part: usize| partitions[at].part_of.contains(&part);
                let groups = parts
                    .enumerate()
                    .filter(|(part, _)| held(*part))
                    .map(|(_, (id, pnl))| v1::ScenarioGroupPnl { group_id: id.clone(), pnl: *pnl });
                v1::ScenarioBreakdown {
                    group_by: Some(v1::GroupBy { kind: kind.into(), label_key: String::new() }),
                    groups: groups.collect(),
                }
            };
        v1::ScenarioOutcome {
            trades: vec![trade],
            breakdowns: vec![
                by(v1::GroupByKind::Size, 1, &mut { size }),
                by(v1::GroupByKind::Sector, 2, &mut { sector }),
            ],
            ..v1::ScenarioOutcome::default()
        }
    }
}

fn factor(moved: &CoordinateMove) -> v1::ScenarioFactorPnl {
    v1::ScenarioFactorPnl {
        model_id: CROSS_SECTION.to_owned(),
        factor_id: moved.id.clone(),
        moved: Some(move_size(MoveUnit::Return, moved.moved)),
        pnl: moved.pnl,
    }
}

fn series_move(moved: &CoordinateMove) -> v1::ScenarioSeriesMove {
    let found = series(&moved.id);
    let unit = found.map_or(MoveUnit::Return, risk::series::Series::unit);
    v1::ScenarioSeriesMove {
        series_id: found.map_or_else(|| moved.id.clone(), series_id),
        moved: Some(move_size(unit, moved.moved)),
    }
}

/// The sessions of a replay.
pub(super) fn sessions(report: &ReplayReport) -> v1::ReplayedSessions {
    let session = |(on, pnl): (&marketdata::day::Day, &f64)| v1::ReplayedSession {
        on: on.to_string(),
        pnl: *pnl,
    };
    let (worst_pnl, worst) = report.worst;
    v1::ReplayedSessions {
        sessions: report.days.iter().zip(&report.by_session).map(session).collect(),
        worst_pnl,
        worst_on: worst.map_or_else(String::new, |at| report.days[at].to_string()),
    }
}

/// Where the returns of a replay come from.
pub(super) fn sources(shares: &SourceShares) -> Vec<v1::ScenarioSourceShare> {
    let SourceShares { own, factor_map, peers, missing } = *shares;
    shares_of(&[
        (Wire::Own, own),
        (Wire::Betas, factor_map),
        (Wire::Peers, peers),
        (Wire::None, missing),
    ])
}

/// Where the exposures of a hypothetical scenario come from.
pub(super) fn rungs(shares: &RungShares) -> Vec<v1::ScenarioSourceShare> {
    let RungShares { model, regression, peers, missing } = *shares;
    shares_of(&[
        (Wire::Model, model),
        (Wire::Regression, regression),
        (Wire::Peers, peers),
        (Wire::None, missing),
    ])
}

fn shares_of(shares: &[(Wire, f64)]) -> Vec<v1::ScenarioSourceShare> {
    let row = |(source, gross_share): &(Wire, f64)| v1::ScenarioSourceShare {
        source: (*source).into(),
        gross_share: *gross_share,
    };
    shares.iter().map(row).collect()
}

const fn source(source: Source) -> Wire {
    match source {
        Source::Own => Wire::Own,
        Source::FactorMap => Wire::Betas,
        Source::Peers => Wire::Peers,
        Source::Missing => Wire::None,
    }
}

const fn rung(rung: Option<Rung>) -> Wire {
    match rung {
        Some(Rung::Model) => Wire::Model,
        Some(Rung::Regression) => Wire::Regression,
        Some(Rung::Peers) => Wire::Peers,
        None => Wire::None,
    }
}
