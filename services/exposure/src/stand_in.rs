//! What answers for returns that a name does not have: its betas times the drivers, and residuals of
//! its peers on the same days.
//!
//! A calendar month is a block: in each of 32 draws one peer's residuals of all the days that are
//! wanted in it, chosen by a hash of the name's symbol, the draw and the month. So tails and clusters
//! of residuals are those of real names, all names have the shock of the same day, and what one name
//! draws does not depend on any other line. A peer's residuals are scaled by the ratio of the two
//! names' robust residual deviations where the name has one of its own: how volatile it is, is known;
//! only its path is not.

use crate::{
    history::Lacking,
    name::{NOBODY, NONE, Name},
    panel::mask,
    peers::{Block, DONORS_MIN, Wanted},
    prepared::Prepared,
    settings::DRAWS,
};
use marketdata::instrument::InstrumentId;
use stats::rng;
use std::ops::Range;

/// Seed of the choices; part of the method, never of a request.
const SEED: u64 = 0x0BA1_1A57;

/// Apart from the indices of months, where single days are drawn for.
const DAY_INDEX: u64 = 1 << 40;

/// A peer and what its residuals are multiplied by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) row: u32,
    pub(crate) scale: f64,
}

/// Sessions that a name lacks, and who answers for them.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    first: usize,
    bits: u64,
    /// By draw; none where nobody comparable has returns of these days.
    pub(crate) choices: Option<[Choice; DRAWS]>,
    /// Whether peers of its own size and sector were too few.
    pub(crate) widened: bool,
}

impl Stretch {
    /// The sessions, in order.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = usize> + '_ {
        (0..64).filter(|at| self.bits >> at & 1 == 1).map(|at| self.first + at)
    }
}

/// A name with returns that are not its own.
#[derive(Debug)]
pub(crate) struct StandIn<'a> {
    prepared: &'a Prepared,
    name: Name,
    wanted: Wanted,
    stream: u64,
}

impl<'a> StandIn<'a> {
    /// A name, by the betas of the view.
    pub(crate) fn of(prepared: &'a Prepared, instrument: InstrumentId) -> StandIn<'a> {
        let peers = &prepared.peers;
        let name = peers.names.get(instrument.0 as usize).copied().unwrap_or(NOBODY);
        let deviation = peers.deviations.get(name.row as usize).copied().unwrap_or(0.0);
        StandIn {
            prepared,
            name,
            wanted: Wanted { bucket: name.bucket, sector: name.sector, deviation },
            stream: stream_of(prepared.snapshot.symbol(instrument)),
        }
    }

    /// What its betas make of the drivers' returns of a session.
    pub(crate) fn mapped(&self, session: usize) -> f64 {
        self.prepared.peers.made_of([self.name.market, self.name.size], session)
    }

    /// What a peer answers for a session.
    pub(crate) fn residual(&self, choice: Choice, session: usize) -> f64 {
        choice.scale * self.prepared.peers.residual(&self.prepared.panel, choice.row, session)
    }

    /// Visits what it lacks from a session on, in the order of time.
    pub(crate) fn visit(&self, first: usize, mut see: impl FnMut(&Stretch)) {
        let mut donors = Vec::new();
        for block in &self.prepared.peers.blocks {
            let sessions = block.sessions.start.max(first)..block.sessions.end;
            if sessions.is_empty() {
                continue;
            }
            let bits = self.absent_bits(sessions.clone());
            if bits != 0 {
                self.visit_block(block, (sessions, bits), &mut donors, &mut see);
            }
        }
    }

    fn absent_bits(&self, sessions: Range<usize>) -> u64 {
        if self.name.row == NONE {
            return mask(sessions.len());
        }
        !self.prepared.panel.own_bits(self.name.row, sessions.clone()) & mask(sessions.len())
    }

    /// One choice for the month where enough peers have all of its days, else day by day.
    fn visit_block(
        &self,
        block: &Block,
        (sessions, bits): (Range<usize>, u64),
        donors: &mut Vec<u32>,
        see: &mut impl FnMut(&Stretch),
    ) {
        let (peers, panel) = (&self.prepared.peers, &self.prepared.panel);
        let first = sessions.start;
        let month = u64::from(block.month) * DRAWS as u64;
        let widened = peers.donors(panel, &self.wanted, (sessions.clone(), bits), donors);
        let of_month = self.choices(donors, month);
        if DONORS_MIN <= donors.len() {
            see(&Stretch { first, bits, choices: of_month, widened });
            return;
        }
        for at in (0..sessions.len()).filter(|at| bits >> at & 1 == 1) {
            let session = first + at;
            let widened = peers.donors(panel, &self.wanted, (session..session + 1, 1), donors);
            let day = self.prepared.sessions.days()[session].epoch().unsigned_abs();
            let of_day = || self.choices(donors, DAY_INDEX + u64::from(day) * DRAWS as u64);
            let choices =
                if donors.len() < DONORS_MIN { of_month.or_else(of_day) } else { of_day() };
            see(&Stretch { first: session, bits: 1, choices, widened });
        }
    }

    /// One peer a draw, by the symbol and an index of the draw and the block.
    fn choices(&self, donors: &[u32], index: u64) -> Option<[Choice; DRAWS]> {
        if donors.is_empty() {
            return None;
        }
        let own = self.wanted.deviation;
        Some(std::array::from_fn(|draw| {
            let uniform = rng::uniform_at(SEED, self.stream, index + draw as u64);
            let row = donors[(uniform * donors.len() as f64) as usize];
            let donor = self.prepared.peers.deviations[row as usize];
            Choice { row, scale: if 0.0 < own { own / donor } else { 1.0 } }
        }))
    }
}

/// FNV-1a of the symbol's bytes: the same stream whatever number the instrument was given.
fn stream_of(symbol: &str) -> u64 {
    symbol.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// What stands in for absent returns of a book, by leg, as shares of gross from a session on.
#[derive(Debug)]
pub(crate) struct StandIns {
    width: usize,
    /// By leg: what betas make of the drivers, the same in every draw.
    mapped: [Vec<f64>; 3],
    /// By leg: residuals, draw after draw.
    residuals: [Vec<f64>; 3],
    /// Names some of whose draws came from beyond their own size and sector.
    pub(crate) widened_names: usize,
    /// By session: Σ |weight| of names that lack it, and of whose peers none has it.
    pub(crate) undrawn: Vec<f64>,
}

impl StandIns {
    /// Stand-ins of the names that lack returns, from a session on.
    pub(crate) fn of(prepared: &Prepared, lacking: &[Lacking], first: usize) -> StandIns {
        let width = prepared.panel.width - first;
        let mut stand_ins = StandIns {
            width,
            mapped: [0, 1, 2].map(|_| vec![0.0; width]),
            residuals: [0, 1, 2].map(|_| vec![0.0; width * DRAWS]),
            widened_names: 0,
            undrawn: vec![0.0; width],
        };
        for Lacking { instrument, leg, weight, .. } in lacking {
            stand_ins.add(&StandIn::of(prepared, *instrument), *leg, *weight, first);
        }
        stand_ins
    }

    fn add(&mut self, name: &StandIn<'_>, leg: usize, weight: f64, first: usize) {
        let width = self.width;
        let (mapped, residuals) = (&mut self.mapped[leg], &mut self.residuals[leg]);
        let (mut widened, undrawn) = (false, &mut self.undrawn);
        name.visit(first, |stretch| {
            for session in stretch.sessions() {
                mapped[session - first] += weight * name.mapped(session);
            }
            let Some(choices) = &stretch.choices else {
                stretch.sessions().for_each(|at| undrawn[at - first] += weight.abs());
                return;
            };
            widened |= stretch.widened;
            for (draw, choice) in choices.iter().enumerate() {
                let residuals = &mut residuals[draw * width..(draw + 1) * width];
                for session in stretch.sessions() {
                    residuals[session - first] += weight * name.residual(*choice, session);
                }
            }
        });
        self.widened_names += usize::from(widened);
    }

    /// A leg's stand-in return in a draw, `at` sessions after the first.
    pub(crate) fn leg(&self, leg: usize, draw: usize, at: usize) -> f64 {
        self.mapped[leg][at] + self.residuals[leg][draw * self.width + at]
    }

    /// The same over all legs.
    pub(crate) fn total(&self, draw: usize, at: usize) -> f64 {
        self.leg(0, draw, at) + self.leg(1, draw, at) + self.leg(2, draw, at)
    }
}

#[cfg(test)]
#[path = "../tests/world/mod.rs"]
#[allow(dead_code, reason = "the world is made for the tests beside it as well")]
mod world;

#[cfg(test)]
mod tests {
    use super::{world::World, *};
    use crate::plan::prepare;
    use stats::{rank::median_in_place, rng::Rng};

    /// Share beyond four robust deviations (1.4826 times the median size), and the kurtosis.
    fn tails(residuals: &[f64]) -> (f64, f64) {
        let n = residuals.len() as f64;
        let mut sizes: Vec<f64> = residuals.iter().map(|e| e.abs()).collect();
        let deviation = 1.4826 * median_in_place(&mut sizes).unwrap();
        let beyond = residuals.iter().filter(|e| 4.0 * deviation < e.abs()).count();
        let moment = |power: i32| residuals.iter().map(|e| e.powi(power)).sum::<f64>() / n;
        (beyond as f64 / n, moment(4) / (moment(2) * moment(2)))
    }

    #[test]
    fn what_is_drawn_has_the_tails_of_real_residuals() {
        // Every name jumps by six residual deviations on one day in forty.
        let world = world::world_with(200, 700, 61, |names| {
            for (at, name) in names.iter_mut().enumerate() {
                let mut rng = Rng::new(61, 7_000 + at as u64);
                let mut side = || match rng.uniform() {
                    up if up < 0.0125 => 6.0,
                    down if down < 0.025 => -6.0,
                    _ => 0.0,
                };
                let sides: Vec<f64> = (0..700).map(|_| side()).collect();
                let jumps = sides.iter().enumerate().filter(|(_, side)| 0.0 < side.abs());
                name.jumps = jumps.map(|(day, side)| (day, side * name.residual_sd)).collect();
            }
            names[100].listed_from = 580;
        });
        let prepared = prepare(&world.snapshot(), &World::roles());
        let id = |at: usize| prepared.lookup.find(&world.names[at].symbol).unwrap();
        let young = StandIn::of(&prepared, id(100));
        let mut drawn = Vec::new();
        young.visit(0, |stretch| {
            for choice in stretch.choices.as_ref().unwrap() {
                drawn.extend(stretch.sessions().map(|at| young.residual(*choice, at)));
            }
        });
        assert_eq!(drawn.len(), 580 * DRAWS);
        let row = prepared.name(id(101)).row;
        let real: Vec<f64> =
            (0..699).map(|at| prepared.peers.residual(&prepared.panel, row, at)).collect();
        let ((drawn, kurtosis), (real, _)) = (tails(&drawn), tails(&real));
        // One in forty, ± 0.6 % a standard error of 699 days; a normal draw has 0.006 %.
        assert!((0.013..0.037).contains(&real), "{real}");
        assert!((0.02..0.03).contains(&drawn), "{drawn}");
        // Var 1 + .025·36 = 1.9, fourth moment 3 + 6·.9 + .025·1296 = 40.8: 40.8/1.9² = 11.3.
        assert!((9.0..14.0).contains(&kurtosis), "{kurtosis}");
    }
}
