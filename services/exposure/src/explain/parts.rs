//! Sums over names: every part with its P&L and what its positions made on the sessions before.

use super::{
    ADDITIVE, Explained, FactorPnl, GroupPnl, LotPnl, NamePnl, Part, PnlReport, Request, TradePnl,
    Views,
    carried::{Carried, FACTORS},
    forecast::Forecast,
    window::FactorReturns,
};
use crate::{factor::Factor, prepared::PreparedExposure, settings::Listing, trades::Trade};
use portfolio::book::Lot;

/// A name's parts.
#[derive(Debug)]
pub(super) struct NameParts {
    /// Betas to [`FACTORS`] at the start.
    betas: [f64; 3],
    /// P&L through each of them.
    driven: [f64; 3],
    /// What the shares of the start would have made on the sessions before, and the part of it that
    /// no additive factor explains.
    pub(super) past: Vec<f64>,
    past_residual: Vec<f64>,
    /// Number of these sessions on which betas stand for a return that it lacks.
    pub(super) implied: usize,
}

impl NameParts {
    pub(super) fn of(
        start: &PreparedExposure,
        forecast: &Forecast,
        name: &Explained<'_>,
    ) -> NameParts {
        let row = start.name(name.holding.instrument);
        let betas = [row.market, row.size, row.crowd];
        let (mut past, implied) = forecast.returns(start, row);
        past.iter_mut().for_each(|value| *value *= name.carried.start_value);
        let mut past_residual = past.clone();
        for (at, beta) in betas.iter().enumerate().take(ADDITIVE.len()) {
            let money = name.carried.start_value * beta;
            let explained = forecast.factor(at).iter().map(|value| money * value);
            past_residual.iter_mut().zip(explained).for_each(|(left, part)| *left -= part);
        }
        let mut driven = name.carried.driven;
        driven.iter_mut().zip(betas).for_each(|(part, beta)| *part *= beta);
        NameParts { betas, driven, past, past_residual, implied }
    }

    /// P&L that no additive factor explains.
    fn residual(&self, name: &Explained<'_>) -> f64 {
        name.carried.pnl() - self.driven.iter().take(ADDITIVE.len()).sum::<f64>()
    }
}

/// A growing sum.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    pnl: f64,
    past: Vec<f64>,
    names: usize,
    start_value: f64,
}

impl Sum {
    pub(super) fn new(forecast: &Forecast) -> Sum {
        Sum { pnl: 0.0, past: vec![0.0; forecast.sessions()], names: 0, start_value: 0.0 }
    }

    pub(super) fn add(&mut self, pnl: f64, past: &[f64], start_value: f64) {
        self.pnl += pnl;
        self.past.iter_mut().zip(past).for_each(|(sum, value)| *sum += value);
        self.names += 1;
        self.start_value += start_value;
    }

    fn part(&self, forecast: &Forecast) -> Part {
        Part { pnl: self.pnl, forecast: forecast.standard_deviation(&self.past) }
    }

    pub(super) fn row(&self, id: Option<&String>, forecast: &Forecast) -> GroupPnl {
        GroupPnl {
            id: id.cloned(),
            names: self.names,
            start_value: self.start_value,
            part: self.part(forecast),
        }
    }
}

/// The sums over a book.
#[derive(Debug)]
pub(super) struct Parts {
    total: Sum,
    long: Sum,
    short: Sum,
    residual: Sum,
    price: f64,
    /// Of the names that are not quoted in the base currency.
    rates: Option<f64>,
    distributions: f64,
    /// Money betas to [`FACTORS`], and P&L through them.
    exposure: [f64; 3],
    driven: [f64; 3],
    /// By trade and leg, everything else last.
    legs: Vec<Vec<Sum>>,
}

impl Parts {
    pub(super) fn new(forecast: &Forecast, trades: &[&Trade<'_>]) -> Parts {
        let none = Sum::new(forecast);
        let legs = |trade: &&Trade<'_>| vec![none.clone(); trade.definition.legs.len() + 1];
        Parts {
            legs: trades.iter().map(legs).collect(),
            total: none.clone(),
            long: none.clone(),
            short: none.clone(),
            residual: none,
            price: 0.0,
            rates: None,
            distributions: 0.0,
            exposure: [0.0; 3],
            driven: [0.0; 3],
        }
    }

    pub(super) fn add(&mut self, name: &Explained<'_>, parts: &NameParts) {
        let (carried, value) = (&name.carried, name.carried.start_value);
        let side = if value < 0.0 { &mut self.short } else { &mut self.long };
        for sum in [&mut self.total, side] {
            sum.add(carried.pnl(), &parts.past, value);
        }
        self.residual.add(parts.residual(name), &parts.past_residual, value);
        self.price += carried.price;
        if let Some(rates) = carried.rates {
            *self.rates.get_or_insert(0.0) += rates;
        }
        self.distributions += carried.distributions;
        for at in 0..FACTORS.len() {
            self.exposure[at] += value * parts.betas[at];
            self.driven[at] += parts.driven[at];
        }
        for (legs, leg) in self.legs.iter_mut().zip(&name.legs) {
            legs[*leg].add(carried.pnl(), &parts.past, value);
        }
    }

    /// The report without its breakdowns, gaps and coverage.
    pub(super) fn report(
        &self,
        views: Views<'_>,
        (request, trades): (&Request<'_>, &[&Trade<'_>]),
        (returns, forecast): (&FactorReturns, &Forecast),
        (names, parts): (&[Explained<'_>], &[NameParts]),
    ) -> PnlReport {
        let (window, start) = (request.window, views.start);
        let factor = |factor| self.factor(start, factor, returns, forecast);
        let (listed, unlisted) = listed(request.listing, names);
        let mut others = Sum::new(forecast);
        for at in unlisted {
            others.add(names[at].carried.pnl(), &parts[at].past, names[at].carried.start_value);
        }
        let row =
            |at: usize| name_row(views, (request, trades), forecast, (&names[at], &parts[at]));
        let trade = |(trade, legs): (&&Trade<'_>, &Vec<Sum>)| TradePnl {
            definition: trade.definition.clone(),
            legs: leg_rows(trade, legs, forecast),
            factor: trade.has_name_betas.then(|| factor(Factor::Trade)),
        };
        PnlReport {
            start_on: window.start_on,
            end_on: window.end_on(),
            sessions: window.sessions.len(),
            total: self.total.part(forecast),
            price: self.price,
            rates: self.rates,
            distributions: self.distributions,
            long: self.long.part(forecast),
            short: self.short.part(forecast),
            start_long: self.long.start_value,
            start_short: -self.short.start_value,
            factors: ADDITIVE.map(factor).into(),
            residual: self.residual.part(forecast),
            trades: trades.iter().zip(&self.legs).map(trade).collect(),
            breakdowns: Vec::new(),
            sector_scheme: String::new(),
            names: listed.into_iter().map(row).collect(),
            unlisted: others.part(forecast),
            name_count: names.len(),
            coverage: Vec::new(),
            gaps: Vec::new(),
        }
    }

    fn factor(
        &self,
        start: &PreparedExposure,
        factor: Factor,
        returns: &FactorReturns,
        forecast: &Forecast,
    ) -> FactorPnl {
        let at = FACTORS.iter().position(|other| *other == factor).unwrap_or(0);
        let factor_change = returns.sum(factor);
        let exposure = factor_change.map(|_| self.exposure[at]);
        let part = exposure.map(|exposure| {
            let past: Vec<f64> = forecast.factor(at).iter().map(|value| exposure * value).collect();
            Part { pnl: self.driven[at], forecast: forecast.standard_deviation(&past) }
        });
        FactorPnl { factor, roles: start.factor_roles(factor), factor_change, exposure, part }
    }
}

fn leg_rows(trade: &Trade<'_>, legs: &[Sum], forecast: &Forecast) -> Vec<GroupPnl> {
    let ids = trade.definition.legs.iter().map(|leg| Some(&leg.leg_id)).chain([None]);
    ids.zip(legs).map(|(id, sum)| sum.row(id, forecast)).collect()
}

/// What the lots of a name made, in the order submitted.
fn lot_rows(carried: &Carried, lots: &[Lot]) -> Vec<LotPnl> {
    let row = |lot: &Lot| {
        let start_value = carried.lot_value(lot);
        LotPnl { line: lot.line, start_value, pnl: carried.pnl_of(start_value) }
    };
    let mut rows: Vec<LotPnl> = lots.iter().map(row).collect();
    rows.sort_unstable_by_key(|row| row.line);
    rows
}

/// The places of the names to list, the largest |P&L| first, ties by name; and those of the others
/// in the order of names.
fn listed(listing: Listing, names: &[Explained<'_>]) -> (Vec<usize>, Vec<usize>) {
    let mut places: Vec<usize> = (0..names.len()).collect();
    let size = |at: &usize| names[*at].carried.pnl().abs();
    places.sort_by(|a, b| size(b).total_cmp(&size(a)).then(a.cmp(b)));
    let count = match listing {
        Listing::All => places.len(),
        Listing::Largest(count) => count.min(places.len()),
    };
    let mut others = places.split_off(count);
    others.sort_unstable();
    (places, others)
}

fn name_row(
    views: Views<'_>,
    (request, trades): (&Request<'_>, &[&Trade<'_>]),
    forecast: &Forecast,
    (name, parts): (&Explained<'_>, &NameParts),
) -> NamePnl {
    let carried = &name.carried;
    let part = |pnl, past| Part { pnl, forecast: forecast.standard_deviation(past) };
    let in_leg = |(trade, leg): (&&Trade<'_>, &usize)| {
        Some(*leg).filter(|leg| *leg < trade.definition.legs.len())
    };
    NamePnl {
        instrument: name.holding.instrument,
        symbol: views.end.snapshot.symbol(name.holding.instrument).to_owned(),
        lots: lot_rows(carried, request.book.lots(name.holding)),
        start_value: carried.start_value,
        first_on: carried.first_on,
        last_on: carried.last_on,
        total: part(carried.pnl(), &parts.past),
        price: carried.price,
        rates: carried.rates,
        distributions: carried.distributions,
        factors: [parts.driven[0], parts.driven[1]],
        residual: part(parts.residual(name), &parts.past_residual),
        legs: trades.iter().zip(&name.legs).map(in_leg).collect(),
    }
}
