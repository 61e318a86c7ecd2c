//! Returns of a desk's lines over the past sessions of the view.
//!
//! A missing return is replaced by what the line's exposures explain of the session, X·f, and where
//! a factor has no return by its betas times MARKET and SIZE ([`risk::stand_in`]), plus a specific
//! return: without it every hedge by factors would look too good. What has no beta counts as
//! unmoved.
//!
//! The specific return is one that the line had on another session, what the same explanation left
//! of it, less their mean; so tails are its own. Beside X·f it is scaled to the specific variance
//! of the model. With fewer than [`OWN_MIN`] such returns it is a normal draw of that variance. The
//! session is chosen by a hash of the line's symbol and the day, so that a line has the same draws
//! in every book; for lines of one company by that of the first of them, so that they share what
//! happens to it.

use marketdata::instrument::InstrumentId;
use risk::{factor_view::FactorView, specific_sources::Mover, stand_in::StandIn};
use stats::rng::{normal_at, stream_of, uniform_at};
use std::{collections::BTreeMap, ops::Range};

/// Seed of the draws; part of the method, never of a request.
const SEED: u64 = 0x4E_01_5E;

/// Least number of specific returns to draw from.
const OWN_MIN: usize = 20;

/// Returns by line and session.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// By line, decimals; finite.
    pub(crate) returns: Vec<Vec<f64>>,
    /// By line and session, whether the return stands in for a missing one.
    is_stand_in: Vec<Vec<bool>>,
    /// By option line, the returns of what it moves as.
    moves: BTreeMap<usize, Vec<f64>>,
    /// By session, what the options of the book itself made beyond their delta.
    beyond: Vec<f64>,
}

impl History {
    pub(crate) fn of(view: &FactorView<'_>, movers: &[Mover]) -> History {
        let sessions = view.weights.len();
        let mut history = History {
            returns: Vec::new(),
            is_stand_in: Vec::new(),
            moves: BTreeMap::new(),
            beyond: vec![0.0; sessions],
        };
        for mover in movers {
            let own = view.own_returns(mover.instrument);
            let own = own.unwrap_or_else(|| vec![f64::NAN; sessions]);
            let is_whole = own.iter().all(|own| own.is_finite());
            let filled = if is_whole { own.clone() } else { filled(view, mover, &own) };
            history.is_stand_in.push(own.iter().map(|own| !own.is_finite()).collect());
            history.returns.push(filled);
        }
        history
    }

    /// Turns the returns of a line into those of something that moves with it, given session and
    /// return.
    pub(crate) fn move_as(&mut self, line: usize, moved: impl Fn(usize, f64) -> f64) {
        let moves = self.returns[line].clone();
        self.returns[line] = moves.iter().enumerate().map(|(at, r)| moved(at, *r)).collect();
        self.moves.insert(line, moves);
    }

    /// Adds what the options of the book made beyond their deltas by session to the P&L of the
    /// past.
    pub(crate) fn add_beyond(&mut self, beyond: &[f64]) {
        self.beyond.iter_mut().zip(beyond).for_each(|(sum, made)| *sum += made);
    }

    /// Returns of what a line moves as in the first sessions, less their mean.
    pub(crate) fn centred_moves(&self, line: usize, sessions: usize) -> Vec<f64> {
        let moves = self.moves.get(&line).unwrap_or(&self.returns[line]);
        centred(moves[..sessions].to_vec())
    }

    /// Number of sessions.
    pub(crate) fn sessions(&self) -> usize {
        self.returns.first().map_or(0, Vec::len)
    }

    /// Number of sessions on which something stands in for the return of a line.
    pub(crate) fn stand_ins(&self, line: usize) -> usize {
        self.is_stand_in[line].iter().filter(|flag| **flag).count()
    }

    /// P&L by session of values held by line, and of the options of the book itself beyond their
    /// delta.
    pub(crate) fn pnl(&self, held: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut pnl = self.beyond.clone();
        for (returns, held) in self.returns.iter().zip(held) {
            pnl.iter_mut().zip(returns).for_each(|(sum, r)| *sum += held * r);
        }
        pnl
    }

    /// Share of Σ |held| over some sessions that rests on stand-ins.
    pub(crate) fn stand_in_share(
        &self,
        held: impl Iterator<Item = f64>,
        sessions: Range<usize>,
    ) -> f64 {
        let (mut stood, mut all) = (0.0, 0.0);
        for (flags, held) in self.is_stand_in.iter().zip(held) {
            let count = flags[sessions.clone()].iter().filter(|flag| **flag).count();
            stood += held.abs() * count as f64;
            all += held.abs() * sessions.len() as f64;
        }
        if 0.0 < all { stood / all } else { 0.0 }
    }
}

/// The returns of a line with stand-ins where it has none.
fn filled(view: &FactorView<'_>, mover: &Mover, own: &[f64]) -> Vec<f64> {
    let betas = StandIn::of(view.risk, mover.instrument);
    let of_betas: Vec<f64> = (0..own.len()).map(|at| betas.mapped(view.first + at)).collect();
    let of_factors: Vec<f64> = match &mover.name {
        Some(name) => (0..own.len()).map(|at| view.explained(&name.exposures, at)).collect(),
        None => vec![f64::NAN; own.len()],
    };
    let draws = Draws::of(view, mover);
    let left = |explained: &[f64]| -> Vec<f64> {
        let rests = own.iter().zip(explained).map(|(own, explained)| own - explained);
        centred(rests.filter(|rest| rest.is_finite()).collect())
    };
    let specific = mover.name.as_ref().map_or(0.0, |name| name.specific_variance.sqrt());
    let of_factors_left = scaled(left(&of_factors), specific);
    let of_betas_left = left(&of_betas);
    let days = &view.risk.sessions.days()[view.first..];
    let value = |(at, own): (usize, &f64)| {
        let day = days[at].epoch().unsigned_abs().into();
        match (own.is_finite(), of_factors[at].is_finite()) {
            (true, _) => *own,
            (false, true) => of_factors[at] + draws.draw(&of_factors_left, specific, day),
            (false, false) => of_betas[at] + draws.draw(&of_betas_left, specific, day),
        }
    };
    own.iter().enumerate().map(value).collect()
}

/// Where the draws of a line come from.
struct Draws {
    stream: u64,
}

impl Draws {
    fn of(view: &FactorView<'_>, mover: &Mover) -> Draws {
        let classes = view.factors.share_classes();
        let symbol = |line: InstrumentId| view.risk.snapshot.symbol(line);
        let company = classes.get(&mover.instrument).map(|class| class.company);
        let lines = classes.iter().filter(|(_, class)| Some(class.company) == company);
        let first = lines.map(|(line, _)| symbol(*line)).min();
        Draws { stream: stream_of(first.unwrap_or_else(|| symbol(mover.instrument))) }
    }

    /// One of some returns, or if these are too few a normal draw.
    fn draw(&self, returns: &[f64], deviation: f64, index: u64) -> f64 {
        if returns.len() < OWN_MIN {
            return deviation * normal_at(SEED, self.stream, index);
        }
        let place = (uniform_at(SEED, self.stream, index) * returns.len() as f64) as usize;
        returns[place.min(returns.len() - 1)]
    }
}

fn centred(mut values: Vec<f64>) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.iter_mut().for_each(|value| *value -= mean);
    values
}

/// The values with a deviation; none if they do not vary.
fn scaled(mut values: Vec<f64>, deviation: f64) -> Vec<f64> {
    let squares: f64 = values.iter().map(|u| u * u).sum();
    let known = (squares / values.len().max(1) as f64).sqrt();
    if known <= 0.0 {
        return Vec::new();
    }
    values.iter_mut().for_each(|value| *value *= deviation / known);
    values
}
