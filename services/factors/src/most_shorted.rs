//! The most-shorted basket, built at each publication from what was public then (methodology A8).
//!
//! At each settlement's publication: names with a market value ([`crate::market_value`]) of at least
//! 1bn USD and at least 5m USD traded per day ([`crate::average_volume`]), ranked by short interest
//! as a share of float. The first 50 (the first tenth if fewer than 500 qualify) are bought in equal
//! weights at the close of the session after the publication's day, so that no return is earned
//! before it was possible to act on it. A name already held stays while its rank is within 1.2 times
//! that number.

mod judgement;
mod publications;

pub(crate) use judgement::MAX_SETTLEMENT_AGE;
pub use judgement::{MIN_CAP_USD, MIN_TRADED_USD};

use crate::{
    comparison::Comparison, kind::Kinds, known::Known, moves::Moves, roles::Roles,
    settlement_days::SettlementDays, trading::Trading,
};
use judgement::Judgement;
use marketdata::{
    bars::Bars,
    dataset::{Dataset, Field},
    day::Day,
    instant::Instant,
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use publications::Publication;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Most names of a basket; a tenth of those that qualify if they are fewer than ten times as many.
pub const NAMES: usize = 50;
const BUFFER: f64 = 1.2;
/// Number of names with unknown units that are listed.
const NAMED: usize = 5;

/// One rebalancing of the basket.
#[derive(Clone, Debug, PartialEq)]
pub struct Rebalance {
    /// The settlement that was published.
    pub settlement_on: Day,
    /// When it was published.
    pub published_at: Instant,
    /// The names bought at the close of the next session, with short interest over float, highest
    /// first.
    pub members: Vec<(InstrumentId, f64)>,
    /// Number of names that met the bounds on market value and traded value.
    pub eligible: usize,
    /// Number of names with short interest but without a known float, price, share count or volume, or
    /// with unknown units.
    pub incomplete: usize,
    /// Those of them that have all of these, but no known split factor connects their units, in the
    /// order of names: each may be one of the most-shorted names.
    pub unknown_units: Vec<InstrumentId>,
}

/// The basket over time.
#[derive(Clone, Debug)]
pub struct MostShorted {
    /// All rebalances, oldest first.
    pub rebalances: Vec<Rebalance>,
    /// Mean total return of the members per session.
    pub returns: Moves,
    /// Sessions since the first purchase on which fewer than half the members have a return.
    pub sessions_left_out: usize,
    /// Number of publications for which the names were ranked anew; the others were taken from the
    /// earlier basket.
    pub ranked_anew: usize,
    memo: Memo,
}

/// State that a later snapshot continues from.
#[derive(Clone, Debug)]
struct Memo {
    /// The names with short interest, in the order of names.
    holders: Vec<InstrumentId>,
    /// Those that are not funds.
    companies: Vec<InstrumentId>,
    publications: Vec<Publication>,
    settlements: SettlementDays,
    /// `None` before the first purchase.
    trading: Option<Trading>,
    /// The sessions left out.
    left_out: Vec<Day>,
}

impl MostShorted {
    /// The rebalance whose names earn the return of a session. `None` before the first purchase.
    pub fn held_on(&self, session: Day) -> Option<&Rebalance> {
        let sessions = &self.memo.trading.as_ref()?.sessions;
        let is_held = |rebalance: &&Rebalance| {
            let bought = sessions.after(rebalance.published_at.new_york_day());
            bought.is_some_and(|bought| bought < session)
        };
        self.rebalances.iter().rev().find(is_held)
    }

    /// The names that could not be ranked because their units are not known, in one sentence, of the
    /// rebalances whose names earn returns from a day on. `None` without any.
    pub fn unknown_units(&self, snapshot: &Snapshot, first: Day) -> Option<String> {
        let held = self.held_on(first).map(|rebalance| rebalance.published_at);
        let of_days = self.rebalances.iter().filter(|one| held <= Some(one.published_at));
        let found: BTreeSet<InstrumentId> =
            of_days.flat_map(|rebalance| rebalance.unknown_units.iter().copied()).collect();
        let mut found: Vec<InstrumentId> = found.into_iter().collect();
        snapshot.sort_by_name(&mut found);
        let named = found.iter().take(NAMED).map(|id| snapshot.symbol(*id));
        let named = named.collect::<Vec<_>>().join(", ");
        let more = if NAMED < found.len() { " and others" } else { "" };
        (!found.is_empty()).then(|| {
            format!(
                "names that may be among the most shorted are left out, {} of them: no known split \
                 factor connects their short interest, shares and prices ({named}{more})",
                found.len()
            )
        })
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let held = |rebalance: &Rebalance| {
            rebalance.members.capacity() * size_of::<(InstrumentId, f64)>()
                + rebalance.unknown_units.capacity() * size_of::<InstrumentId>()
        };
        let members = self.rebalances.iter().map(held);
        let Memo { holders, companies, publications, settlements, trading, left_out } = &self.memo;
        size_of::<MostShorted>()
            + members.sum::<usize>()
            + self.rebalances.capacity() * size_of::<Rebalance>()
            + self.returns.heap_bytes()
            + (holders.capacity() + companies.capacity()) * size_of::<InstrumentId>()
            + publications.capacity() * size_of::<Publication>()
            + settlements.heap_bytes()
            + left_out.capacity() * size_of::<Day>()
            + trading.as_ref().map_or(0, Trading::heap_bytes)
    }
}

/// The rank data of one name at one publication.
struct Standing {
    instrument: InstrumentId,
    ratio: f64,
}

/// The basket as a snapshot sees it; without rebalances if no short interest is known. Reuses what
/// is still valid of an earlier basket with the same roles; the result is the same without it.
pub fn most_shorted(
    snapshot: &Snapshot,
    roles: &Roles,
    earlier: Option<(&MostShorted, &Comparison<'_>)>,
) -> MostShorted {
    let memo = Memo::of(snapshot, roles, earlier);
    let kept = earlier.filter(|(basket, comparison)| basket.ranks_as(&memo, comparison));
    let mut rebalances: Vec<Rebalance> = Vec::new();
    let mut first = 0;
    if let Some((basket, comparison)) = kept {
        let differs = |id: &InstrumentId| comparison.first_difference(Dataset::Bars, *id);
        let prices = memo.companies.iter().filter_map(differs).min().unwrap_or(Day::MAX);
        first = memo.publications.partition_point(|publication| publication.last_close < prices);
        let end = memo.publications.get(first).map(|p| (p.at, p.settlement_on));
        let stands = |r: &&Rebalance| end.is_none_or(|end| (r.published_at, r.settlement_on) < end);
        rebalances.extend(basket.rebalances.iter().take_while(stands).cloned());
    }
    let unchanged = rebalances.len();
    let published = (&memo.publications[first..], &memo.settlements);
    rebalance(snapshot, &memo.companies, published, &mut rebalances);
    let bought =
        |rebalances: &[Rebalance]| rebalances.get(unchanged).map(|r| r.published_at.new_york_day());
    let rebought = [bought(&rebalances), kept.and_then(|(basket, _)| bought(&basket.rebalances))];
    let rebought = rebought.into_iter().flatten().min().unwrap_or(Day::MAX);
    let kept_returns = kept.map(|(basket, comparison)| (basket, comparison, rebought));
    let basket = MostShorted {
        rebalances,
        returns: Moves::empty(),
        sessions_left_out: 0,
        ranked_anew: memo.publications.len() - first,
        memo,
    };
    basket.with_returns(snapshot, kept_returns)
}

/// Adds the rebalances of some publications.
fn rebalance(
    snapshot: &Snapshot,
    companies: &[InstrumentId],
    (publications, settlements): (&[Publication], &SettlementDays),
    rebalances: &mut Vec<Rebalance>,
) {
    if publications.is_empty() {
        return;
    }
    let read = (publications, settlements);
    let ranked: Vec<(InstrumentId, Vec<Option<Judgement>>)> =
        companies.par_iter().map(|id| (*id, judgement::of_name(snapshot, *id, read))).collect();
    for (at, publication) in publications.iter().enumerate() {
        let judged = ranked.iter().filter_map(|(id, ranks)| Some((*id, ranks[at]?)));
        let (mut all, mut incomplete, mut unknown_units) = (Vec::new(), 0, Vec::new());
        for (instrument, judgement) in judged {
            match judgement {
                Judgement::Ranked(ratio) => all.push(Standing { instrument, ratio }),
                Judgement::TooSmall => {}
                Judgement::Incomplete => incomplete += 1,
                Judgement::UnknownUnits => {
                    incomplete += 1;
                    unknown_units.push(instrument);
                }
            }
        }
        let held = rebalances.last().map_or(&[][..], |last| &last.members);
        let eligible = all.len();
        let members = choose(all, held);
        if !members.is_empty() {
            rebalances.push(Rebalance {
                settlement_on: publication.settlement_on,
                published_at: publication.at,
                members,
                eligible,
                incomplete,
                unknown_units,
            });
        }
    }
}

impl Memo {
    /// The names with short interest and its publications, taken from an earlier basket where they
    /// are the same.
    fn of(
        snapshot: &Snapshot,
        roles: &Roles,
        earlier: Option<(&MostShorted, &Comparison<'_>)>,
    ) -> Memo {
        let named = earlier.filter(|(_, comparison)| comparison.has_same_names());
        let same = |datasets: &[Dataset]| {
            let holds = |c: &Comparison<'_>| datasets.iter().all(|dataset| c.is_same(*dataset));
            named.filter(|(_, comparison)| holds(comparison)).map(|(basket, _)| &basket.memo)
        };
        let (holders, publications, settlements) = match same(&[Dataset::ShortInterest]) {
            Some(memo) => {
                (memo.holders.clone(), memo.publications.clone(), memo.settlements.clone())
            }
            None => {
                let holders: Vec<InstrumentId> = snapshot.holders(Dataset::ShortInterest).collect();
                let settlements = SettlementDays::of(snapshot);
                let publications = publications::all(snapshot, &holders, &settlements);
                (holders, publications, settlements)
            }
        };
        let companies = match same(&[Dataset::ShortInterest, Dataset::Listings, Dataset::Holdings])
        {
            Some(memo) => memo.companies.clone(),
            None => {
                let kinds = Kinds::of(snapshot, roles);
                let all = holders.par_iter().copied();
                all.filter(|id| !kinds.is_fund(snapshot, *id)).collect()
            }
        };
        let (trading, left_out) = (None, Vec::new());
        Memo { holders, companies, publications, settlements, trading, left_out }
    }
}

impl MostShorted {
    /// Whether the rankings can differ from those of the earlier snapshot, which are these, only
    /// through prices. `memo` is that of the later snapshot.
    fn ranks_as(&self, memo: &Memo, comparison: &Comparison<'_>) -> bool {
        let counts_hold = |id: &InstrumentId| {
            comparison.first_difference(Dataset::ShareCounts, *id).is_none()
                || self.share_counts_hold(comparison, *id)
        };
        let is_same = |dataset: Dataset| comparison.is_same(dataset);
        // The order of names breaks ties, so the lists must agree in their order, too.
        is_same(Dataset::ShortInterest)
            && memo.companies == self.memo.companies
            && (is_same(Dataset::Splits)
                || memo.companies.par_iter().all(|id| comparison.has_same_units(*id)))
            && (is_same(Dataset::ShareCounts) || memo.companies.par_iter().all(counts_hold))
    }

    /// Whether every publication finds the same shares outstanding and float of a name in both
    /// snapshots.
    fn share_counts_hold(&self, comparison: &Comparison<'_>, id: InstrumentId) -> bool {
        let [new, old] = [comparison.snapshot, comparison.before]
            .map(|snapshot| snapshot.rows(Dataset::ShareCounts, id));
        [Field::PublicFloat, Field::SharesOutstanding].into_iter().all(|field| {
            let [new, old] = [&new, &old].map(|rows| Known::of(rows, Dataset::ShareCounts, field));
            let bits = |(day, value): (Day, f64)| (day, value.to_bits());
            self.memo
                .publications
                .iter()
                .all(|p| new.at(p.day, p.at).map(bits) == old.at(p.day, p.at).map(bits))
        })
    }
}

fn choose(mut all: Vec<Standing>, held: &[(InstrumentId, f64)]) -> Vec<(InstrumentId, f64)> {
    // The names arrive in the order of names, which breaks ties.
    all.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    let names = NAMES.min(all.len().div_ceil(10));
    let kept = (names as f64 * BUFFER) as usize;
    let is_held = |s: &Standing| held.iter().any(|(id, _)| *id == s.instrument);
    let mut chosen: Vec<usize> =
        (0..kept.min(all.len())).filter(|i| is_held(&all[*i])).take(names).collect();
    let fill = (0..all.len()).filter(|i| !chosen.contains(i));
    let fill: Vec<usize> = fill.take(names - chosen.len()).collect();
    chosen.extend(fill);
    chosen.sort_unstable();
    chosen.into_iter().map(|i| (all[i].instrument, all[i].ratio)).collect()
}

impl MostShorted {
    /// Adds the mean of the members' total returns per session, and the number of sessions without
    /// one. `kept` is an earlier basket, how the snapshot differs from its own, and the day from
    /// which it holds other names.
    ///
    /// A basket is held from the close of the first session after its publication's day to that of
    /// the next one. A member has a return for a session if it has a close on it and on the
    /// previous session, so that no return reaches back over a halt to before the purchase.
    fn with_returns(
        mut self,
        snapshot: &Snapshot,
        kept: Option<(&MostShorted, &Comparison<'_>, Day)>,
    ) -> MostShorted {
        let Some(first) = self.rebalances.first() else { return self };
        let first = first.published_at.new_york_day();
        let earlier = kept.and_then(|(basket, comparison, rebought)| {
            Some((basket.memo.trading.as_ref()?, comparison, basket, rebought))
        });
        let continued = earlier.map(|(trading, comparison, ..)| (trading, comparison));
        let (trading, mut changed) = Trading::since(snapshot, first, continued);
        if let Some((_, _, basket, rebought)) = earlier {
            changed = changed.min(rebought);
            let end = basket.returns.to.partition_point(|day| *day < changed);
            for (from, to, value) in basket.returns.iter().take(end) {
                self.returns.push(from, to, value);
            }
            let left_out = basket.memo.left_out.iter().take_while(|day| **day < changed);
            self.memo.left_out.extend(left_out);
        }
        self.add_returns(snapshot, &trading, changed);
        self.sessions_left_out = self.memo.left_out.len();
        self.memo.trading = Some(trading);
        self
    }

    /// Adds the returns of the sessions from a day on.
    fn add_returns(&mut self, snapshot: &Snapshot, trading: &Trading, from: Day) {
        let sessions = &trading.sessions;
        let bought = |rebalance: &Rebalance| sessions.after(rebalance.published_at.new_york_day());
        let start_of_all = || sessions.with_start().first().copied().unwrap_or(from);
        let before = sessions.before(from).unwrap_or_else(start_of_all);
        let mut bars: BTreeMap<InstrumentId, Bars<'_>> = BTreeMap::new();
        for (at, rebalance) in self.rebalances.iter().enumerate() {
            let Some(start) = bought(rebalance) else { break };
            let end = self.rebalances.get(at + 1).and_then(bought).unwrap_or(Day::MAX);
            let held = sessions.between(start.max(before), end);
            if held.is_empty() {
                continue;
            }
            let mut members: Vec<InstrumentId> =
                rebalance.members.iter().map(|(id, _)| *id).collect();
            // Sums are taken in the order of names.
            snapshot.sort_by_name(&mut members);
            let mut sums = vec![(0.0, 0_usize); held.len()];
            let mut of_member = vec![0.0; held.len()];
            for member in &members {
                let bars =
                    bars.entry(*member).or_insert_with(|| Bars::since(snapshot, *member, before));
                held.total_returns_of(bars, &mut of_member);
                for ((sum, count), value) in sums.iter_mut().zip(&of_member) {
                    if value.is_finite() {
                        (*sum, *count) = (*sum + value, *count + 1);
                    }
                }
            }
            for (days, (sum, count)) in held.with_start().windows(2).zip(sums) {
                if members.len() <= 2 * count {
                    self.returns.push(days[0], days[1], sum / count as f64);
                } else {
                    self.memo.left_out.push(days[1]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
