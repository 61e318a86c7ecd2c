//! Series that a scenario may shock, and their moves from session to session.

use crate::{
    driver::{Driver, zero_missing_weights},
    model::RiskModel,
    trade::{self, LegSeries},
};
use factors::{
    returns::Sessions,
    roles::{ResolvedRole, Role, Roles},
    trade::Neutrality,
};
use marketdata::{
    bars::Bars,
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use stats::ewma;

/// A series other than a factor of the risk model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Series {
    /// The instrument that fills a role: an index, a yield, a spread, a volatility.
    Role(Role),
    /// The return of the trade.
    Trade,
}

/// The unit of a move of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveUnit {
    /// A return, a decimal.
    Return,
    /// A change in basis points; the series is in per cent.
    BasisPoints,
    /// A change in the points of the series.
    Points,
}

impl Series {
    /// Its name in scenarios and answers.
    pub fn id(self, trade: Option<&TradeSeries<'_>>) -> String {
        match (self, trade) {
            (Series::Role(role), _) => role.id().to_owned(),
            (Series::Trade, Some(trade)) => format!("trade/{}", trade.trade_id),
            (Series::Trade, None) => "trade".to_owned(),
        }
    }

    /// The unit of its moves and shocks.
    pub const fn unit(self) -> MoveUnit {
        match self {
            Series::Role(Role::TenYear | Role::TwoYear | Role::CreditSpread) => {
                MoveUnit::BasisPoints
            }
            Series::Role(Role::Volatility) => MoveUnit::Points,
            Series::Role(_) | Series::Trade => MoveUnit::Return,
        }
    }
}

/// The trade whose large moves say which days are like this one.
#[derive(Clone, Copy, Debug)]
pub struct TradeSeries<'a> {
    /// Its id.
    pub trade_id: &'a str,
    /// Its return by session of the risk model's panel, NaN if missing; a gain is a gain of those in
    /// the trade.
    pub returns: &'a [f64],
    /// Its standard deviation per session, a decimal.
    pub standard_deviation: f64,
    /// Its legs. Empty: it is known as a whole.
    pub legs: &'a [LegSeries],
    /// What decides the ratio of the legs.
    pub neutrality: Neutrality,
    /// Units held short per unit held long.
    pub ratio: f64,
}

impl<'a> TradeSeries<'a> {
    /// The trade of the settings. `None` if its legs have too few returns.
    pub fn standard(model: &'a RiskModel) -> Option<TradeSeries<'a>> {
        let driver: &Driver = model.drivers.crowd.as_ref()?;
        Some(TradeSeries {
            trade_id: &model.roles.trade.trade_id,
            returns: &driver.returns,
            standard_deviation: driver.standard_deviation,
            legs: &model.roles.legs,
            neutrality: model.roles.trade.neutrality,
            ratio: model.drivers.crowd_ratio?,
        })
    }

    /// The trade as it was known before session `end` of the panel: at the ratio that its legs had, and with
    /// the standard deviation, in the fit window that ends there. What is known as a whole keeps its
    /// returns. `None` if it would have been none.
    pub(crate) fn before(&self, model: &RiskModel, end: usize) -> Option<Driver> {
        let (market, settings) = (&model.drivers.market.as_ref()?.returns, &model.settings);
        let first = end.saturating_sub(settings.window_sessions());
        let lambda = ewma::lambda_of_half_life(settings.half_life_sessions)?;
        let mut weights = ewma::weights(end - first, lambda)?;
        zero_missing_weights(&mut weights, market.get(first..end)?);
        if self.legs.is_empty() {
            return Driver::of(self.returns.to_vec(), first, &weights);
        }
        Some(trade::driver(self.legs, self.neutrality, market, (first, &weights))?.0)
    }
}

/// The lines that a series is made of, with what it holds of each per unit. `None` if it is something
/// else, for instance a yield.
pub(crate) fn lines(
    model: &RiskModel,
    roles: &Roles,
    trade: Option<TradeSeries<'_>>,
    series: Series,
) -> Option<Vec<(InstrumentId, f64)>> {
    match (series, series.unit()) {
        (Series::Trade, _) => trade.and_then(|trade| trade::lines(trade.legs, trade.ratio)),
        (Series::Role(role), MoveUnit::Return) => {
            Some(vec![(roles.resolve_role(&model.snapshot, role)?.line()?, 1.0)])
        }
        (Series::Role(_), MoveUnit::BasisPoints | MoveUnit::Points) => None,
    }
}

/// Moves of a role by session of the model's panel, NaN if missing. `None` if nothing fills it.
pub(crate) fn role_moves(model: &RiskModel, roles: &Roles, role: Role) -> Option<Vec<f64>> {
    let resolved = roles.resolve_role(&model.snapshot, role)?;
    let mut moves = vec![f64::NAN; model.sessions.len()];
    let scale = match Series::Role(role).unit() {
        MoveUnit::Return => {
            let present = model.sessions.role_returns(&model.snapshot, &resolved, &mut moves);
            return (0 < present).then_some(moves);
        }
        MoveUnit::BasisPoints => 100.0,
        MoveUnit::Points => 1.0,
    };
    let moves = changes_of(&model.sessions, &levels(&model.snapshot, &resolved), scale);
    moves.iter().any(|value| value.is_finite()).then_some(moves)
}

/// Changes of a series of levels, days ascending, from session to session, times `scale`; NaN if one
/// of the two is missing.
pub(crate) fn changes_of(sessions: &Sessions, levels: &[(Day, f64)], scale: f64) -> Vec<f64> {
    let on =
        |day: &Day| levels.binary_search_by_key(day, |(day, _)| *day).ok().map(|at| levels[at].1);
    let days = sessions.with_start().windows(2);
    days.map(|days| {
        let both = on(&days[1]).zip(on(&days[0]));
        both.map_or(f64::NAN, |(now, before)| scale * (now - before))
    })
    .collect()
}

fn levels(snapshot: &Snapshot, resolved: &ResolvedRole) -> Vec<(Day, f64)> {
    if resolved.dataset == Dataset::Bars {
        // A yield or an index of volatility is no price: no rate converts it.
        let bars = Bars::usd_since(snapshot, resolved.instrument, Day::MIN);
        return (0..bars.len()).map(|row| (bars.days[row], bars.close_as_stored(row))).collect();
    }
    let series = snapshot.series(resolved.dataset, Field::Value, resolved.instrument);
    series.days.into_iter().zip(series.values).collect()
}
