//! Stand-ins for a book's missing returns, in every draw.

pub(crate) use risk::stand_in::StandIn;

use crate::{history::Lacking, prepared::PreparedExposure, settings::DRAWS};
use marketdata::instrument::InstrumentId;
use risk::stand_in::Stretch;
use std::collections::BTreeMap;

/// Stand-ins for a book's missing returns by leg, as shares of gross, from a session on.
#[derive(Debug)]
pub(crate) struct StandIns {
    first: usize,
    width: usize,
    /// By leg: the returns implied by betas, the same in every draw.
    mapped: [Vec<f64>; 3],
    /// By leg: residuals, one draw after the other.
    residuals: [Vec<f64>; 3],
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
    pub(crate) fn of(prepared: &PreparedExposure, lacking: &[Lacking], first: usize) -> StandIns {
        let width = prepared.panel.width - first;
        let mut stand_ins = StandIns {
            first,
            width,
            mapped: [0, 1, 2].map(|_| vec![0.0; width]),
            residuals: [0, 1, 2].map(|_| vec![0.0; width * DRAWS]),
            stretches: BTreeMap::new(),
            undrawn: vec![0.0; width],
            undrawn_gross: vec![0.0; width],
        };
        for lacking in lacking {
            let name = StandIn::of(prepared, lacking.instrument);
            let stretches = name.stretches(first);
            for stretch in &stretches {
                stand_ins.add(&name, stretch, lacking);
            }
            stand_ins.stretches.insert(lacking.instrument, stretches);
        }
        stand_ins
    }

    fn add(&mut self, name: &StandIn<'_>, stretch: &Stretch, lacking: &Lacking) {
        let (first, width) = (self.first, self.width);
        let Lacking { leg, weight, gross_share, .. } = *lacking;
        let mapped = &mut self.mapped[leg];
        for session in stretch.sessions() {
            mapped[session - first] += weight * name.mapped(session);
        }
        let Some(rows) = &stretch.rows else {
            for at in stretch.sessions() {
                self.undrawn[at - first] += weight.abs();
                self.undrawn_gross[at - first] += gross_share;
            }
            return;
        };
        for (draw, row) in rows.iter().enumerate() {
            let residuals = &mut self.residuals[leg][draw * width..(draw + 1) * width];
            let scaled = weight * name.scale(*row);
            for run in stretch.runs() {
                let sums = &mut residuals[run.start - first..run.end - first];
                let of_peer = name.residuals_of(*row, run);
                sums.iter_mut().zip(of_peer).for_each(|(sum, residual)| *sum += scaled * residual);
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
    pub(crate) fn leg(&self, leg: usize, draw: usize, at: usize) -> f64 {
        self.mapped[leg][at] + self.residuals[leg][draw * self.width + at]
    }

    /// The sum over all legs.
    pub(crate) fn total(&self, draw: usize, at: usize) -> f64 {
        self.leg(0, draw, at) + self.leg(1, draw, at) + self.leg(2, draw, at)
    }
}
