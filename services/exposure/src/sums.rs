//! All sums over holdings that a report needs, in one pass in the order of names.

use crate::{
    blocks::Blocks,
    groups::{Finder, Groups},
    lacking::{Lacking, LegTerms},
    name::{NONE, NameRow},
    prepared::PreparedExposure,
    report::{Measured, TailRisk},
    settings::TRADES_MAX,
    trades::Trade,
};
use factors::look_through::Part;
use portfolio::{
    book::{Book, Holding},
    coverage::{Aspect, Coverage},
    unresolved::LooseLine,
};

/// A sum of money betas over names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BetaSum {
    value: f64,
    variance: f64,
    names: usize,
}

impl BetaSum {
    pub(crate) const ZERO: BetaSum = BetaSum { value: 0.0, variance: 0.0, names: 0 };

    pub(crate) fn add(&mut self, market_value: f64, beta: f64, error: f64) {
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

/// Sums over the legs of a trade; the last entry is for everything else.
#[derive(Debug)]
pub(crate) struct TradeSums {
    pub(crate) terms: Vec<LegTerms>,
    /// Gross of what joined.
    pub(crate) joined: Vec<f64>,
}

impl TradeSums {
    fn of(trade: &Trade<'_>, book: &Book) -> TradeSums {
        let rows = trade.definition.legs.len() + 1;
        TradeSums {
            terms: (0..rows).map(|_| Vec::with_capacity(book.holdings.len())).collect(),
            joined: vec![0.0; rows],
        }
    }
}

/// Sums over a book.
#[derive(Debug)]
pub(crate) struct Sums {
    /// The lines as they are held, by what they are.
    pub(crate) groups: Groups,
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
    own_betas: [f64; 2],
    /// Number of names whose betas use the mean of all names instead of a bucket's, and their
    /// gross.
    pub(crate) all_names: usize,
    pub(crate) all_names_gross: f64,
    /// Holdings to name in gaps: their price is missing or old, or they have no beta of their own.
    pub(crate) noteworthy: Vec<usize>,
}

/// The leg of a holding in each trade.
type Legs = [u8; TRADES_MAX + 1];

impl Sums {
    /// Sums a book whose gross is positive, by the bands of a size scheme and by sector.
    pub(crate) fn of(finder: Finder<'_>, book: &Book) -> Sums {
        let mut sums = Sums {
            groups: Groups::empty(finder, book.gross),
            trades: finder.trades.iter().map(|trade| TradeSums::of(trade, book)).collect(),
            lacking: Vec::new(),
            joined: 0.0,
            joined_gross: 0.0,
            market: BetaSum::ZERO,
            size: BetaSum::ZERO,
            crowd: BetaSum::ZERO,
            priced: [0.0; 2],
            own_betas: [0.0; 2],
            all_names: 0,
            all_names_gross: 0.0,
            noteworthy: Vec::new(),
        };
        let prepared = finder.prepared;
        for (index, holding) in book.holdings.iter().enumerate() {
            let part = Part::line(holding.instrument, holding.market_value, holding.boxed);
            let found = finder.find(&part);
            let mut legs: Legs = [0; TRADES_MAX + 1];
            for (leg, trade) in legs.iter_mut().zip(finder.trades) {
                let value = holding.market_value;
                let test = trade.membership;
                // A trade has few legs.
                *leg = test.leg(prepared.standard_sizes(), holding.instrument, found.name, value)
                    as u8;
            }
            sums.groups.add(prepared, &part, found);
            sums.add((index, holding), (found.name, legs), prepared, book);
        }
        sums.groups.add_loose(book);
        sums.add_loose(book);
        sums
    }

    fn add(
        &mut self,
        (index, holding): (usize, &Holding),
        (name, legs): (&NameRow, Legs),
        prepared: &PreparedExposure,
        book: &Book,
    ) {
        let (value, size) = (holding.market_value, holding.gross());
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
        let exposures = self.groups.legs.iter_mut();
        for ((trade, exposures), leg) in self.trades.iter_mut().zip(exposures).zip(legs) {
            let leg = usize::from(leg);
            // A trade is made of net positions: what is boxed is not in it.
            exposures[leg].add(value, 0.0, name.market_beta());
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
        let is_adjusted = holding.quote.is_some_and(|quote| quote.is_adjusted);
        if stale || is_adjusted || name.has_unmoved_cap || !name.has_own_beta {
            self.noteworthy.push(index);
        }
    }

    /// How well data cover what some blocks show of the book. `groups` are those of the lines, or of
    /// the book looked through its funds.
    pub(crate) fn coverage(
        &self,
        (gross, groups): (f64, &Groups),
        tail: Option<&TailRisk>,
        blocks: Blocks,
    ) -> Vec<Coverage> {
        let history = tail.map_or([0.0; 2], |tail| {
            let proxied = tail.proxied_share * gross;
            [self.joined_gross - proxied, proxied]
        });
        let of_lines = [
            (Aspect::Priced, self.priced),
            (Aspect::OwnBetas, self.own_betas),
            (Aspect::OwnTailHistory, history),
        ];
        let mut rows = Coverage::rows(of_lines, gross);
        rows.extend(Coverage::rows(groups.coverage(), groups.gross));
        rows.sort_by_key(|row| row.aspect);
        rows.retain(|row| blocks.rest_on(row.aspect));
        rows
    }

    /// Counts lines that did not join but gave a value as priced, if their instrument is known.
    /// Sorted by value, so that the order of lines does not affect the sums.
    fn add_loose(&mut self, book: &Book) {
        let known = book.loose.iter().filter(|line| line.instrument.is_some());
        let mut loose: Vec<f64> = known.filter_map(LooseLine::market_value).collect();
        loose.sort_unstable_by(f64::total_cmp);
        loose.iter().for_each(|value| self.priced[1] += value.abs());
    }
}
