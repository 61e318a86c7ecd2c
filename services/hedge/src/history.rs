//! Returns of a desk's lines over the past sessions of the view.
//!
//! A missing return is replaced by what the line's exposures explain of the session, X·f, and where a
//! factor has no return by its betas times MARKET and SIZE ([`risk::stand_in`]), as in a replay of past
//! sessions: without the specific part, so that much of it makes risk look smaller. What has no beta
//! counts as unmoved.

use risk::{factor_view::FactorView, specific_sources::Mover, stand_in::StandIn};
use std::ops::Range;

/// Returns by line and session.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// By line, decimals; finite.
    pub(crate) returns: Vec<Vec<f64>>,
    /// By line and session, whether the return stands in for a missing one.
    is_stand_in: Vec<Vec<bool>>,
}

impl History {
    pub(crate) fn of(view: &FactorView<'_>, movers: &[Mover]) -> History {
        let sessions = view.weights.len();
        let mut history = History { returns: Vec::new(), is_stand_in: Vec::new() };
        for mover in movers {
            let own = view.own_returns(mover.instrument);
            let own = own.unwrap_or_else(|| vec![f64::NAN; sessions]);
            let betas = StandIn::of(view.risk, mover.instrument);
            let explained = |at: usize| {
                let name = mover.name.as_ref()?;
                Some(view.explained(&name.exposures, at)).filter(|value| value.is_finite())
            };
            let value = |(at, own): (usize, &f64)| {
                let stand_in = || explained(at).unwrap_or_else(|| betas.mapped(view.first + at));
                if own.is_finite() { *own } else { stand_in() }
            };
            history.is_stand_in.push(own.iter().map(|own| !own.is_finite()).collect());
            history.returns.push(own.iter().enumerate().map(value).collect());
        }
        history
    }

    /// Number of sessions.
    pub(crate) fn sessions(&self) -> usize {
        self.returns.first().map_or(0, Vec::len)
    }

    /// Number of sessions on which something stands in for the return of a line.
    pub(crate) fn stand_ins(&self, line: usize) -> usize {
        self.is_stand_in[line].iter().filter(|flag| **flag).count()
    }

    /// P&L by session of values held by line.
    pub(crate) fn pnl(&self, held: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut pnl = vec![0.0; self.sessions()];
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
