//! All sums over holdings that a report needs, in one pass in the order of names.

use crate::{
    blocks::Blocks,
    classification::{Classification, Place},
    history::{Lacking, LegTerms},
    name::{NONE, NameRow},
    prepared::PreparedExposure,
    report::{Exposure, Measured, TailRisk},
    settings::TRADES_MAX,
    sizing::Sizing,
    trades::Trade,
};
use factors::market_value::CapSource;
use portfolio::{
    book::{Book, Holding},
    coverage::{Aspect, Coverage},
};

/// A sum of money betas over names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BetaSum {
    value: f64,
    variance: f64,
    names: usize,
}

impl BetaSum {
    const ZERO: BetaSum = BetaSum { value: 0.0, variance: 0.0, names: 0 };

    fn add(&mut self, market_value: f64, beta: f64, error: f64) {
        self.value += market_value * beta;
        self.variance += (market_value * error) * (market_value * error);
        self.names += 1;
    }

    pub(crate) fn measured(&self) -> Option<Measured> {
        (0 < self.names).then(|| Measured {
            value: self.value,
            standard_error: self.variance.sqrt(),
            observations: self.names,
        })
    }
}

/// Names of which something was published after the as-of date.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Later {
    /// Gross market value.
    pub(crate) gross: f64,
    /// Number of names.
    pub(crate) names: usize,
    /// Calendar days from the as-of day to the latest publication.
    pub(crate) days: u16,
}

impl Later {
    pub(crate) const NONE: Later = Later { gross: 0.0, names: 0, days: 0 };

    pub(crate) fn add(&mut self, size: f64, days: Option<u16>) {
        if let Some(days) = days {
            self.gross += size;
            self.names += 1;
            self.days = self.days.max(days);
        }
    }
}

/// Sums over the legs of a trade; the last entry is for everything else.
#[derive(Debug)]
pub(crate) struct TradeSums {
    pub(crate) legs: Vec<Exposure>,
    pub(crate) terms: Vec<LegTerms>,
    /// Gross of what joined.
    pub(crate) joined: Vec<f64>,
}

impl TradeSums {
    fn of(trade: &Trade<'_>, book: &Book) -> TradeSums {
        let rows = trade.definition.legs.len() + 1;
        TradeSums {
            legs: vec![Exposure::ZERO; rows],
            terms: (0..rows).map(|_| Vec::with_capacity(book.holdings.len())).collect(),
            joined: vec![0.0; rows],
        }
    }
}

/// Sums over a book.
#[derive(Debug)]
pub(crate) struct Sums {
    pub(crate) total: Exposure,
    /// By band of the scheme; the last entry is for names of unknown size.
    pub(crate) by_size: Vec<Exposure>,
    /// By sector; the last entry is for names without one.
    pub(crate) by_sector: Vec<Exposure>,
    /// By trade, the standard one first. Empty if no block needs legs.
    pub(crate) trades: Vec<TradeSums>,
    /// Names with missing returns, in the order of names.
    pub(crate) lacking: Vec<Lacking>,
    /// Σ |market value| of what joined: the same under every netting.
    pub(crate) joined: f64,
    /// Gross of what joined.
    joined_gross: f64,
    pub(crate) market: BetaSum,
    pub(crate) size: BetaSum,
    pub(crate) crowd: BetaSum,
    /// Market values by aspect: with data of its own, and with a proxy.
    priced: [f64; 2],
    sized: [f64; 2],
    own_betas: [f64; 2],
    /// Gross of names without a size bucket, and of names without a sector.
    pub(crate) unsized_gross: f64,
    /// Gross of names that have a size bucket but are not classified as company or fund.
    pub(crate) may_be_fund_gross: f64,
    pub(crate) unsectored_gross: f64,
    /// The part of it that has a sector in another scheme.
    pub(crate) sectored_elsewhere_gross: f64,
    /// Names whose size was published after the as-of date, and those whose sector was.
    pub(crate) later_size: Later,
    pub(crate) later_sector: Later,
    /// Number of names whose betas use the mean of all names instead of a bucket's, and their
    /// gross.
    pub(crate) all_names: usize,
    pub(crate) all_names_gross: f64,
    /// Holdings to name in gaps: their price is missing or old, or they have no beta of their own.
    pub(crate) noteworthy: Vec<usize>,
}

/// What is known of a holding: its name, its size band, its place among the sectors, and its leg of
/// each trade.
type Found<'a> = (&'a NameRow, Option<usize>, Place, [u8; TRADES_MAX + 1]);

impl Sums {
    /// Sums a book whose gross is positive, by the bands of a size scheme and by sector.
    pub(crate) fn of(
        prepared: &PreparedExposure,
        book: &Book,
        (sizing, bands): (&Sizing<'_>, usize),
        (classification, trades): (&Classification<'_>, &[Trade<'_>]),
    ) -> Sums {
        let mut sums = Sums {
            total: Exposure::ZERO,
            by_size: vec![Exposure::ZERO; bands + 1],
            by_sector: vec![Exposure::ZERO; classification.sectors.len() + 1],
            trades: trades.iter().map(|trade| TradeSums::of(trade, book)).collect(),
            lacking: Vec::new(),
            joined: 0.0,
            joined_gross: 0.0,
            market: BetaSum::ZERO,
            size: BetaSum::ZERO,
            crowd: BetaSum::ZERO,
            priced: [0.0; 2],
            sized: [0.0; 2],
            own_betas: [0.0; 2],
            unsized_gross: 0.0,
            may_be_fund_gross: 0.0,
            unsectored_gross: 0.0,
            sectored_elsewhere_gross: 0.0,
            later_size: Later::NONE,
            later_sector: Later::NONE,
            all_names: 0,
            all_names_gross: 0.0,
            noteworthy: Vec::new(),
        };
        for (index, holding) in book.holdings.iter().enumerate() {
            let name = prepared.name(holding.instrument);
            let band = sizing.size(holding.instrument).map(|sized| sized.band);
            let mut legs = [0; TRADES_MAX + 1];
            for (leg, trade) in legs.iter_mut().zip(trades) {
                let value = holding.market_value;
                // A trade has few legs.
                *leg = trade.membership.leg(prepared, holding.instrument, name, value) as u8;
            }
            let sector = classification.place(holding.instrument, name);
            sums.add((index, holding), (name, band, sector, legs), prepared, book);
        }
        sums.add_loose(book);
        sums
    }

    fn add(
        &mut self,
        (index, holding): (usize, &Holding),
        (name, band, place, legs): Found<'_>,
        prepared: &PreparedExposure,
        book: &Book,
    ) {
        let (value, boxed, size) = (holding.market_value, holding.boxed, holding.gross());
        self.total.add(value, boxed, name.market_beta());
        let unsized_band = self.by_size.len() - 1;
        self.by_size[band.unwrap_or(unsized_band)].add(value, boxed, name.market_beta());
        let unsectored = self.by_sector.len() - 1;
        self.by_sector[(place.sector as usize).min(unsectored)].add(
            value,
            boxed,
            name.market_beta(),
        );
        if band.is_none() {
            self.unsized_gross += size;
        }
        if name.may_be_fund {
            self.may_be_fund_gross += size;
        }
        if place.sector == NONE {
            self.unsectored_gross += size;
        }
        if place.is_elsewhere {
            self.sectored_elsewhere_gross += size;
        }
        self.later_sector.add(size, place.later_days);
        if name.uses_all_names {
            self.all_names += 1;
            self.all_names_gross += size;
        }
        if name.has_beta {
            self.market.add(value, name.market, name.market_error);
            self.size.add(value, name.size, name.size_error);
            self.crowd.add(value, name.crowd, name.crowd_error);
        }
        self.joined += value.abs();
        self.joined_gross += size;
        let weight = value / book.net_gross;
        let row = (name.row != NONE).then_some(name.row);
        for (trade, leg) in self.trades.iter_mut().zip(legs) {
            let leg = usize::from(leg);
            // A trade is made of net positions: what is boxed is not in it.
            trade.legs[leg].add(value, 0.0, name.market_beta());
            trade.joined[leg] += value.abs();
            trade.terms[leg].extend(row.map(|row| (row, weight as f32)));
        }
        if 0.0 < value.abs() && (row.is_none() || 0 < name.absent) {
            let (instrument, gross_share) = (holding.instrument, size / book.gross);
            self.lacking.push(Lacking { instrument, row, legs, weight, gross_share });
        }
        let stale = holding.quote.is_none_or(|quote| prepared.is_stale(quote));
        self.priced[usize::from(stale)] += size;
        if name.has_beta {
            self.own_betas[usize::from(!name.has_own_beta)] += size;
        }
        if band.is_some() {
            let source = prepared.size(holding.instrument).map(|company| company.line.source);
            let is_own = source == Some(CapSource::SharesTimesClose)
                && !name.may_be_fund
                && name.later_size_days.is_none();
            self.sized[usize::from(!is_own)] += size;
            self.later_size.add(size, name.later_size_days);
        }
        let is_adjusted = holding.quote.is_some_and(|quote| quote.is_adjusted);
        if stale || is_adjusted || name.has_unmoved_cap || !name.has_own_beta {
            self.noteworthy.push(index);
        }
    }

    /// How well data cover what some blocks show of the book.
    pub(crate) fn coverage(
        &self,
        gross: f64,
        tail: Option<&TailRisk>,
        blocks: Blocks,
    ) -> Vec<Coverage> {
        let classified = gross - self.unsectored_gross;
        let history = tail.map_or([0.0; 2], |tail| {
            let proxied = tail.proxied_share * gross;
            [self.joined_gross - proxied, proxied]
        });
        let parts = [
            (Aspect::Priced, self.priced),
            (Aspect::Sized, self.sized),
            (Aspect::Classified, [classified - self.later_sector.gross, self.later_sector.gross]),
            (Aspect::OwnBetas, self.own_betas),
            (Aspect::OwnTailHistory, history),
        ];
        let mut rows = Coverage::rows(parts, gross);
        rows.retain(|row| blocks.rest_on(row.aspect));
        rows
    }

    /// Adds lines that did not join but gave a value, sorted by value so that the order of lines
    /// does not affect the sums.
    fn add_loose(&mut self, book: &Book) {
        let mut loose: Vec<(f64, bool)> = book
            .loose
            .iter()
            .filter_map(|line| Some((line.market_value()?, line.instrument.is_some())))
            .collect();
        loose.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (value, known) in loose {
            self.total.add(value, 0.0, None);
            let unsized_band = self.by_size.len() - 1;
            self.by_size[unsized_band].add(value, 0.0, None);
            let unsectored = self.by_sector.len() - 1;
            self.by_sector[unsectored].add(value, 0.0, None);
            for others in self.trades.iter_mut().filter_map(|trade| trade.legs.last_mut()) {
                others.add(value, 0.0, None);
            }
            self.unsized_gross += value.abs();
            self.unsectored_gross += value.abs();
            self.priced[1] += if known { value.abs() } else { 0.0 };
        }
    }
}
