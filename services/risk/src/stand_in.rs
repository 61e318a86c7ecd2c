//! Stand-ins for a name's missing returns: its betas times the drivers, plus residuals of peers.
//!
//! Residuals are drawn by calendar month. In each of 32 draws, one peer supplies the residuals of
//! all days that the name lacks in the month. The peer is chosen by a hash of the name's symbol,
//! the draw and the month. Tails and clusters of residuals are therefore those of real names, all
//! names share the shock of the same day, and a name's draws depend neither on other lines nor on
//! the window. If fewer than ten peers have all of the days, each day is drawn separately; a day
//! that fewer than ten peers have is not drawn. A peer's residuals are scaled by the ratio of the
//! two names' robust residual deviations, if the name has one of its own: its volatility is known
//! even though its path is not.

use crate::{
    model::RiskModel,
    name::{NONE, NameRow},
    panel::mask,
    peers::{Block, Found, Wanted, places},
    settings::DRAWS,
};
use marketdata::instrument::InstrumentId;
use stats::rng::{self, stream_of};
use std::{iter, ops::Range};

/// Seed of the choices; part of the method, never of a request.
const SEED: u64 = 0x0BA1_1A57;

/// Offset that separates the indices of single days from those of months.
const DAY_INDEX: u64 = 1 << 40;

/// Consecutive or separate sessions of one month that a name lacks, and the peers that replace
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    first: usize,
    bits: u64,
    /// Row of a peer, by draw. `None` if too few peers have returns on these days.
    pub rows: Option<[u32; DRAWS]>,
    /// Whether there were too few peers of its own size and sector.
    pub widened: bool,
}

impl Stretch {
    /// The sessions, in order.
    pub fn sessions(&self) -> impl Iterator<Item = usize> + '_ {
        places(self.bits).map(|at| self.first + at)
    }

    /// The same as runs of consecutive sessions.
    pub fn runs(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (first, mut bits) = (self.first, self.bits);
        iter::from_fn(move || {
            let start = bits.trailing_zeros() as usize;
            let run =
                (bits != 0).then(|| start..start + (!(bits >> start)).trailing_zeros() as usize)?;
            bits &= !mask(run.end);
            Some(first + run.start..first + run.end)
        })
    }
}

/// A name with missing returns.
#[derive(Debug)]
pub struct StandIn<'a> {
    model: &'a RiskModel,
    name: NameRow,
    /// Its residual deviation, a decimal per day; zero if it has no estimate.
    deviation: f64,
    wanted: Wanted,
    stream: u64,
}

impl<'a> StandIn<'a> {
    /// Uses the name's betas as of the end of the previous month.
    pub fn of(model: &'a RiskModel, instrument: InstrumentId) -> StandIn<'a> {
        let (peers, name) = (&model.peers, model.anchored(instrument));
        let deviation = peers.deviations.get(name.row as usize).copied().unwrap_or(0.0);
        StandIn {
            model,
            name,
            deviation,
            wanted: peers.wanted(&name, deviation),
            stream: stream_of(model.snapshot.symbol(instrument)),
        }
    }

    /// The return that its betas imply on a session.
    pub fn mapped(&self, session: usize) -> f64 {
        self.model.peers.implied_return([self.name.market, self.name.size], session)
    }

    /// A peer's residual on a session, scaled to this name.
    pub fn residual(&self, row: u32, session: usize) -> f64 {
        self.scale(row) * self.model.peers.residual(&self.model.panel, row, session)
    }

    /// The peer's unscaled residuals on consecutive sessions.
    pub fn residuals_of(&self, row: u32, run: Range<usize>) -> impl Iterator<Item = f64> + '_ {
        self.model.peers.residuals(&self.model.panel, row, run)
    }

    /// Factor applied to a peer's residuals.
    pub fn scale(&self, row: u32) -> f64 {
        let donor = self.model.peers.deviations[row as usize];
        if 0.0 < self.deviation { self.deviation / donor } else { 1.0 }
    }

    /// The missing sessions from `first` on, month by month. Peers are chosen for whole months,
    /// wherever in its month `first` is.
    pub fn stretches(&self, first: usize) -> Vec<Stretch> {
        let mut all = Vec::new();
        let mut found = Found::nothing();
        for block in self.model.peers.blocks.iter().filter(|block| first < block.sessions.end) {
            let bits = self.absent_bits(block);
            let kept = !mask(first.saturating_sub(block.sessions.start));
            if bits & kept != 0 {
                let from = all.len();
                self.choose(block, bits, &mut found, &mut all);
                all[from..].iter_mut().for_each(|stretch| stretch.bits &= kept);
            }
        }
        all.retain(|stretch| stretch.bits != 0);
        all
    }

    /// One bit for each session of a month that the name lacks.
    fn absent_bits(&self, block: &Block) -> u64 {
        let all = mask(block.sessions.len());
        match self.name.row {
            NONE => all,
            row => !self.model.panel.own_bits(row, block.sessions.clone()) & all,
        }
    }

    /// Chooses once for the month if enough peers have all of its days, otherwise day by day.
    fn choose(&self, block: &Block, bits: u64, found: &mut Found, all: &mut Vec<Stretch>) {
        let (peers, first) = (&self.model.peers, block.sessions.start);
        let drawable = peers.drawable(first, bits);
        let mut undrawn = bits & !drawable;
        let mut draw = |bits: u64, index: u64| {
            let enough = bits != 0 && peers.find(&self.wanted, first, bits, found);
            if enough {
                let rows = Some(self.rows(found, index * DRAWS as u64));
                all.push(Stretch { first, bits, rows, widened: found.widened });
            }
            enough
        };
        if !draw(drawable, u64::from(block.month)) {
            for at in places(drawable) {
                let day = self.model.sessions.days()[first + at].epoch().unsigned_abs();
                if !draw(1 << at, DAY_INDEX / DRAWS as u64 + u64::from(day)) {
                    undrawn |= 1 << at;
                }
            }
        }
        if undrawn != 0 {
            all.push(Stretch { first, bits: undrawn, rows: None, widened: false });
        }
    }

    /// One peer per draw, from the symbol and an index of the draw and the block.
    fn rows(&self, found: &Found, index: u64) -> [u32; DRAWS] {
        rng::uniforms_at(SEED, self.stream, index).map(|uniform: f64| {
            let place = (uniform * found.count() as f64) as usize;
            self.model.peers.row(&self.wanted, found, place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture::{World, world_with},
        prepare::prepare,
    };
    use stats::{rank::median_in_place, rng::Rng};
    use std::collections::BTreeMap;

    /// Share of residuals beyond four robust deviations (1.4826 times the median size), and the
    /// kurtosis.
    fn tails(residuals: &[f64]) -> (f64, f64) {
        let n = residuals.len() as f64;
        let mut sizes: Vec<f64> = residuals.iter().map(|e| e.abs()).collect();
        let deviation = 1.4826 * median_in_place(&mut sizes).unwrap();
        let beyond = residuals.iter().filter(|e| 4.0 * deviation < e.abs()).count();
        let moment = |power: i32| residuals.iter().map(|e| e.powi(power)).sum::<f64>() / n;
        (beyond as f64 / n, moment(4) / (moment(2) * moment(2)))
    }

    #[test]
    fn drawn_residuals_have_the_tails_of_real_ones() {
        // Every name jumps by six residual deviations on one day in forty.
        let world = world_with(200, 700, 61, |names| {
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
        let prepared = prepare(&world.snapshot(), &World::roles(), None);
        let id = |at: usize| prepared.snapshot.listed(&world.names[at].symbol).unwrap();
        let young = StandIn::of(&prepared, id(100));
        let mut drawn = Vec::new();
        for stretch in young.stretches(0) {
            for row in stretch.rows.unwrap() {
                drawn.extend(stretch.sessions().map(|at| young.residual(row, at)));
            }
        }
        assert_eq!(drawn.len(), 580 * DRAWS);
        let row = prepared.anchored(id(101)).row;
        let real: Vec<f64> =
            (0..699).map(|at| prepared.peers.residual(&prepared.panel, row, at)).collect();
        let ((drawn, kurtosis), (real, _)) = (tails(&drawn), tails(&real));
        // One in forty, with a standard error of 0.6 % over 699 days; a normal draw has 0.006 %.
        assert!((0.013..0.037).contains(&real), "{real}");
        assert!((0.02..0.03).contains(&drawn), "{drawn}");
        // Var 1 + .025·36 = 1.9, fourth moment 3 + 6·.9 + .025·1296 = 40.8: 40.8/1.9² = 11.3.
        assert!((9.0..14.0).contains(&kurtosis), "{kurtosis}");
    }

    /// The peers drawn for a session do not depend on where a window begins in its month.
    #[test]
    fn choices_do_not_depend_on_the_window() {
        let world = world_with(200, 400, 62, |names| {
            names.iter_mut().enumerate().for_each(|(at, name)| name.listed_from = at % 60);
            names[100].listed_from = 300;
        });
        let prepared = prepare(&world.snapshot(), &World::roles(), None);
        let id = prepared.snapshot.listed(&world.names[100].symbol).unwrap();
        let young = StandIn::of(&prepared, id);
        let by_session = |first: usize| -> BTreeMap<usize, Option<[u32; DRAWS]>> {
            let of = |stretch: Stretch| {
                let sessions: Vec<usize> = stretch.sessions().collect();
                sessions.into_iter().map(move |at| (at, stretch.rows))
            };
            young.stretches(first).into_iter().flat_map(of).collect()
        };
        let all = by_session(0);
        assert_eq!(all.len(), 300);
        assert!(all.values().any(Option::is_none) && all.values().any(Option::is_some));
        for first in 1..80 {
            let later: BTreeMap<_, _> = all.range(first..).map(|(at, rows)| (*at, *rows)).collect();
            assert_eq!(by_session(first), later, "{first}");
        }
    }

    /// A donor has all of the days and a comparable deviation, and groups are widened in order.
    #[test]
    fn donors_match_a_one_by_one_search() {
        let world = world_with(300, 200, 63, |names| {
            for (at, name) in names.iter_mut().enumerate() {
                name.listed_from = at * 7 % 90;
                name.residual_sd *= 1.0 + (at % 13) as f64;
            }
        });
        let prepared = prepare(&world.snapshot(), &World::roles(), None);
        let (peers, panel) = (&prepared.peers, &prepared.panel);
        let ids: Vec<_> =
            world.names.iter().map(|n| prepared.snapshot.listed(&n.symbol).unwrap()).collect();
        let mut found = Found::nothing();
        let mut searches = [0, 0];
        for (at, id) in ids.iter().enumerate() {
            let name = prepared.anchored(*id);
            let own = peers.deviations[name.row as usize];
            let (first, bits) = (at % 120, 0b1_0110_1101 << (at % 5));
            let fits = |donor: &&NameRow| {
                let other = peers.deviations[donor.row as usize];
                let days = panel.own_bits(donor.row, first..first + 20) & bits == bits;
                days && 0.0 < other && own <= 4.0 * other && other <= 4.0 * own
            };
            let names: Vec<NameRow> = ids.iter().map(|id| prepared.anchored(*id)).collect();
            let levels: [&dyn Fn(&NameRow) -> bool; 4] = [
                &|d| d.bucket == name.bucket && d.sector == name.sector,
                &|d| d.bucket == name.bucket,
                &|d| d.sector == name.sector,
                &|_| true,
            ];
            let rows = |keep: &dyn Fn(&NameRow) -> bool| -> Vec<u32> {
                let mut rows: Vec<u32> =
                    names.iter().filter(fits).filter(|d| keep(d)).map(|d| d.row).collect();
                rows.sort_unstable();
                rows
            };
            let wanted = peers.wanted(&name, own);
            let expected = levels.map(rows).into_iter().find(|rows| 10 <= rows.len());
            let enough = peers.find(&wanted, first, bits, &mut found);
            searches[usize::from(enough)] += 1;
            assert_eq!(enough, expected.is_some(), "{at}");
            if let Some(expected) = expected {
                let of = |place| peers.row(&wanted, &found, place);
                let mut rows: Vec<u32> = (0..found.count()).map(of).collect();
                rows.sort_unstable();
                assert_eq!(rows, expected, "{at}");
            }
        }
        assert!(0 < searches[0] && 0 < searches[1], "{searches:?}");
    }
}
