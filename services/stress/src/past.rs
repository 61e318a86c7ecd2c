//! The returns of names in a window of past sessions, and stand-ins where a name has none.
//!
//! The ladder of a session's return:
//!
//! 1. the name's own total return;
//! 2. the factor map: market beta × MARKET + size beta × SIZE of the session, with the betas of the
//!    as-of date, those of its size bucket if it has no own, as in the repeat of an exposure report;
//! 3. the mean return of its peers on the session, at least ten names of its size and sector, else of
//!    its size, else of its sector, else of all: if it has no beta, or the session no MARKET;
//! 4. none: the name counts as unmoved and is reported.

use factors::{
    returns::Sessions,
    roles::{Role, Roles},
    size::SizeBucket,
};
use marketdata::{
    bars::Bars,
    calendar,
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use risk::{
    model::RiskModel,
    name::{NONE, NameRow},
    peers::DONORS_MIN,
};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

/// Calendar days to look back for the close before a window.
const CLOSE_BEFORE_DAYS: i32 = 14;

/// Where a return of a session comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The name's own.
    Own,
    /// Betas and the factors' returns.
    FactorMap,
    /// The mean of peers.
    Peers,
    /// Nothing stands in for it.
    Missing,
}

/// A window of past sessions.
pub(crate) struct Past<'a> {
    model: &'a RiskModel,
    pub(crate) sessions: Sessions,
    /// Returns of MARKET and SIZE by session, NaN if missing.
    pub(crate) market: Vec<f64>,
    pub(crate) size: Vec<f64>,
    peers: OnceCell<PeerMeans>,
}

/// Companies of a size and a sector; `None` and [`NONE`] mean any.
type Group = (Option<SizeBucket>, u32);

/// Mean returns of groups by session; NaN with fewer than ten.
type PeerMeans = BTreeMap<Group, Vec<f64>>;

/// The returns of a name in a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PastReturns {
    /// By session; zero if nothing stands in.
    pub(crate) returns: Vec<f64>,
    /// By session.
    pub(crate) sources: Vec<Source>,
}

impl<'a> Past<'a> {
    /// The sessions from a day to a day, both included. `None` unless the market has a price in the
    /// window and in the two weeks before it, and the window is over.
    pub(crate) fn of(
        model: &'a RiskModel,
        roles: &Roles,
        (start, end): (Day, Day),
    ) -> Option<Past<'a>> {
        let sessions = sessions(model, roles, (start, end))?;
        let role = |role: Role| -> Vec<f64> {
            let mut returns = vec![f64::NAN; sessions.len()];
            if let Some(resolved) = roles.resolve_role(&model.snapshot, role) {
                sessions.role_returns(&model.snapshot, &resolved, &mut returns);
            }
            returns
        };
        let (market, small) = (role(Role::LargeCapIndex), role(Role::SmallCapIndex));
        let slope = model.drivers.size_market_slope.unwrap_or(0.0);
        let size = market.iter().zip(&small).map(|(m, s)| (s - m) - slope * m).collect();
        Some(Past { model, sessions, market, size, peers: OnceCell::new() })
    }

    /// The returns of a name, by the ladder.
    pub(crate) fn returns(&self, instrument: InstrumentId) -> PastReturns {
        let mut own = vec![f64::NAN; self.sessions.len()];
        self.sessions.total_returns(&self.model.snapshot, instrument, &mut own);
        let name = self.model.name(instrument);
        let of = |(at, own): (usize, f64)| {
            if own.is_finite() {
                return (own, Source::Own);
            }
            match self.mapped(name, at).filter(|value| value.is_finite()) {
                Some(mapped) => (mapped, Source::FactorMap),
                None => match self.mean_of_peers(name, at) {
                    Some(mean) => (mean, Source::Peers),
                    None => (0.0, Source::Missing),
                },
            }
        };
        let (returns, sources) = own.into_iter().enumerate().map(of).unzip();
        PastReturns { returns, sources }
    }

    /// What betas imply on a session. A missing SIZE counts as zero: the index of small caps is
    /// younger than that of large ones.
    fn mapped(&self, name: &NameRow, at: usize) -> Option<f64> {
        let size = if self.size[at].is_finite() { self.size[at] } else { 0.0 };
        name.has_beta.then(|| name.market * self.market[at] + name.size * size)
    }

    fn mean_of_peers(&self, name: &NameRow, at: usize) -> Option<f64> {
        let means = self.peers.get_or_init(|| self.peer_means());
        let mean = |group| means.get(&group).map(|means| means[at]).filter(|m| m.is_finite());
        groups(name).into_iter().find_map(mean)
    }

    fn peer_means(&self) -> PeerMeans {
        let width = self.sessions.len();
        let mut sums: BTreeMap<Group, Vec<(f64, usize)>> = BTreeMap::new();
        let mut companies: Vec<InstrumentId> = self.model.snapshot.holders(Dataset::Bars).collect();
        companies.retain(|id| {
            let name = self.model.anchored(*id);
            name.row != NONE && !name.is_fund && !name.may_be_fund
        });
        for id in companies {
            let name = self.model.anchored(id);
            let mut own = vec![f64::NAN; width];
            self.sessions.total_returns(&self.model.snapshot, id, &mut own);
            // A company of unknown size or sector belongs to fewer groups.
            for group in BTreeSet::from(groups(&name)) {
                let of_group = sums.entry(group).or_insert_with(|| vec![(0.0, 0); width]);
                for ((sum, count), value) in of_group.iter_mut().zip(&own) {
                    if value.is_finite() {
                        (*sum, *count) = (*sum + value, *count + 1);
                    }
                }
            }
        }
        let mean = |(sum, count): (f64, usize)| {
            if DONORS_MIN <= count { sum / count as f64 } else { f64::NAN }
        };
        sums.into_iter().map(|(g, sums)| (g, sums.into_iter().map(mean).collect())).collect()
    }
}

/// The groups of a name, from the narrowest to all names.
fn groups(name: &NameRow) -> [Group; 4] {
    [(name.bucket, name.sector), (name.bucket, NONE), (None, name.sector), (None, NONE)]
}

/// The sessions of the panel, if it reaches back to the one before the window; else the days on
/// which the large-cap index has a price.
fn sessions(model: &RiskModel, roles: &Roles, (start, end): (Day, Day)) -> Option<Sessions> {
    let days = model.sessions.with_start();
    let days = match days.first() {
        Some(first) if *first < start => days.to_vec(),
        _ => market_days(&model.snapshot, roles)?,
    };
    let first = days.partition_point(|day| *day < start).checked_sub(1)?;
    let past = days.partition_point(|day| *day <= end);
    let is_over = calendar::sessions_between(*days.last()?, end) <= 0;
    let has_close_before = start <= days[first].plus(CLOSE_BEFORE_DAYS);
    (first + 1 < past && is_over && has_close_before)
        .then(|| Sessions::of_days(days[first..past].to_vec()))
}

fn market_days(snapshot: &Snapshot, roles: &Roles) -> Option<Vec<Day>> {
    let resolved = roles.resolve_role(snapshot, Role::LargeCapIndex)?;
    if resolved.dataset == Dataset::Bars {
        return Some(Bars::of(snapshot, resolved.instrument).days.to_vec());
    }
    let field = Field::Value;
    Some(snapshot.series(resolved.dataset, field, resolved.instrument).days)
}
