//! Stand-ins for a book's missing returns, in every draw.

pub(crate) use risk::stand_in::StandIn;

use crate::{lacking::Lacking, prepared::PreparedExposure, settings::DRAWS, sums::TradeSums};
use marketdata::instrument::InstrumentId;
use risk::stand_in::Stretch;
use std::collections::BTreeMap;

/// Stand-ins of a leg's missing returns, as shares of gross.
#[derive(Clone, Debug)]
struct LegStandIns {
    /// The returns implied by betas, the same in every draw.
    mapped: Vec<f64>,
    /// Residuals, one draw after the other.
    residuals: Vec<f64>,
}

/// Stand-ins for a book's missing returns by trade and leg, from a session on.
#[derive(Debug)]
pub(crate) struct StandIns {
    first: usize,
    width: usize,
    /// By trade, the standard one first, and by leg.
    trades: Vec<Vec<LegStandIns>>,
    /// The missing stretches of each name and the peers drawn for them. The order of numbers
    /// affects no sum.
    pub(crate) stretches: BTreeMap<InstrumentId, Vec<Stretch>>,
    /// By session: Σ |weight| of names that lack it and for which too few peers have it.
    pub(crate) undrawn: Vec<f64>,
    /// The same sums of their shares of gross.
    pub(crate) undrawn_gross: Vec<f64>,
}

impl StandIns {
    /// Stand-ins of the names with missing returns, from a session on.
    pub(crate) fn of(
        prepared: &PreparedExposure,
        trades: &[TradeSums],
        lacking: &[Lacking],
        first: usize,
    ) -> StandIns {
        let width = prepared.panel.width - first;
        let none = LegStandIns { mapped: vec![0.0; width], residuals: vec![0.0; width * DRAWS] };
        let mut stand_ins = StandIns {
            first,
            width,
            trades: trades.iter().map(|trade| vec![none.clone(); trade.terms.len()]).collect(),
            stretches: BTreeMap::new(),
            undrawn: vec![0.0; width],
            undrawn_gross: vec![0.0; width],
        };
        for lacks in lacking {
            let name = StandIn::of(prepared, lacks.instrument);
            let stretches = name.stretches(first);
            for stretch in &stretches {
                stand_ins.add(&name, stretch, lacks);
            }
            stand_ins.stretches.insert(lacks.instrument, stretches);
        }
        stand_ins
    }

    fn add(&mut self, name: &StandIn<'_>, stretch: &Stretch, lacks: &Lacking) {
        let (first, weight) = (self.first, lacks.weight);
        for (at, legs) in self.trades.iter_mut().enumerate() {
            legs[lacks.leg_of(at)].add(name, stretch, weight, (first, self.width));
        }
        if stretch.rows.is_none() {
            for at in stretch.sessions() {
                self.undrawn[at - first] += weight.abs();
                self.undrawn_gross[at - first] += lacks.gross_share;
            }
        }
    }

    /// Number of names for which some draws on the given sessions (ascending) used peers of other
    /// sizes or sectors.
    pub(crate) fn widened_names(&self, sessions: &[usize]) -> usize {
        let counts = |at: usize| sessions.binary_search(&at).is_ok();
        let widened = |stretch: &Stretch| stretch.widened && stretch.sessions().any(counts);
        self.stretches.values().filter(|all| all.iter().any(widened)).count()
    }

    /// A leg's stand-in return in a draw, `at` sessions after the first.
    pub(crate) fn leg(&self, trade: usize, leg: usize, draw: usize, at: usize) -> f64 {
        self.trades[trade][leg].at(draw * self.width, at)
    }

    /// The sum over all legs of the standard trade.
    pub(crate) fn total(&self, draw: usize, at: usize) -> f64 {
        let legs = self.trades.iter().take(1).flatten();
        legs.fold(0.0, |sum, leg| sum + leg.at(draw * self.width, at))
    }
}

impl LegStandIns {
    fn add(
        &mut self,
        name: &StandIn<'_>,
        stretch: &Stretch,
        weight: f64,
        (first, width): (usize, usize),
    ) {
        for session in stretch.sessions() {
            self.mapped[session - first] += weight * name.mapped(session);
        }
        for (draw, row) in stretch.rows.iter().flatten().enumerate() {
            let residuals = &mut self.residuals[draw * width..(draw + 1) * width];
            let scaled = weight * name.scale(*row);
            for run in stretch.runs() {
                let sums = &mut residuals[run.start - first..run.end - first];
                let of_peer = name.residuals_of(*row, run);
                sums.iter_mut().zip(of_peer).for_each(|(sum, residual)| *sum += scaled * residual);
            }
        }
    }

    /// The return `at` sessions after the first, in the draw that begins at `draw`.
    fn at(&self, draw: usize, at: usize) -> f64 {
        self.mapped[at] + self.residuals[draw + at]
    }
}
