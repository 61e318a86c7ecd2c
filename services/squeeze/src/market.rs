//! The state of the market for shorts: the most-shorted names against the broad market.
//!
//! ```text
//! s = five-session return of the most-shorted basket − that of the index over the same sessions
//! z = s / σ₅, σ₅ its standard deviation before, from one-session changes
//! ```
//!
//! The basket is that of methodology A8 ([`factors::most_shorted`]), σ₅ that of methodology A21
//! ([`factors::usual_change`]), so both numbers are those of the rotation of the same view. It is
//! evidence beside the score of every name, and no part of it: on one day it is the same for all
//! names, so it ranks none.

use factors::{
    comparison::Comparison,
    line::Line,
    most_shorted::{MostShorted, most_shorted},
    roles::{ResolvedRole, Role, Roles},
    squeeze_threshold::STALE_DAYS,
    usual_change::{Deviation, Z_MIN},
};
use marketdata::{
    dataset::Dataset,
    day::Day,
    gap::{Gap, GapReason, Subject},
    instant::Instant,
    instrument::InstrumentId,
    snapshot::Snapshot,
};

/// Sessions of the spread.
const SESSIONS: usize = 5;
/// Name of the number in gaps.
const FIELD: &str = "market_state";

/// The most-shorted names against the market.
#[derive(Clone, Debug, PartialEq)]
pub struct MostShortedState {
    /// Return of the basket over five sessions less that of the index, a decimal.
    pub spread: f64,
    /// It over its standard deviation before, and the number of one-session changes behind that.
    /// `None` with fewer than [`Z_MIN`].
    pub z: Option<(f64, usize)>,
    /// The last of the five sessions.
    pub observed_on: Day,
    /// The latest publication among the closes of that session.
    pub published_at: Option<Instant>,
    /// Number of names of the basket on that session.
    pub names: usize,
    /// The settlement by which they were chosen.
    pub settlement_on: Day,
    /// Symbol of the index.
    pub index: String,
}

/// The state of a view, and the basket that the next view continues.
#[derive(Clone, Debug)]
pub struct PreparedState {
    /// The state, or why it is not known.
    pub outcome: Result<MostShortedState, Gap>,
    basket: MostShorted,
    snapshot: Snapshot,
    roles: Roles,
}

impl PreparedState {
    /// The state of a snapshot in dollars. Reuses what it shares with that of an earlier one; the
    /// result has the same bits without it.
    pub fn of(
        snapshot: &Snapshot,
        roles: &Roles,
        previous: Option<&PreparedState>,
    ) -> PreparedState {
        let previous = previous.filter(|previous| previous.roles == *roles);
        let compared = previous.map(|p| (&p.basket, Comparison::of(snapshot, &p.snapshot)));
        let earlier = compared.as_ref().map(|(basket, comparison)| (*basket, comparison));
        let basket = most_shorted(snapshot, roles, earlier);
        PreparedState {
            outcome: state(snapshot, roles, &basket),
            basket,
            snapshot: snapshot.clone(),
            roles: roles.clone(),
        }
    }

    /// Memory held, in bytes, excluding the market behind its snapshot.
    pub(crate) fn heap_bytes(&self) -> usize {
        // Part of it is inside of this value and counted twice, which is little.
        self.basket.bytes()
    }
}

fn gap(reason: GapReason, detail: impl Into<String>) -> Gap {
    Gap::new(reason, Subject::number_of("", FIELD), detail)
}

fn state(
    snapshot: &Snapshot,
    roles: &Roles,
    basket: &MostShorted,
) -> Result<MostShortedState, Gap> {
    let first = basket.rebalances.first().ok_or_else(|| {
        let detail = "no short interest was published for names with a known float, price and size";
        gap(GapReason::NoShortInterest, detail)
    })?;
    let resolved = roles.resolve_role(snapshot, Role::BroadMarket).ok_or_else(|| {
        let candidates = roles.candidates(Role::BroadMarket).join(", ");
        gap(GapReason::InputMissing, format!("none of {candidates} is known as broad market"))
    })?;
    let line = Line::of(snapshot, resolved);
    let (spread, _) = basket.returns.compounded(SESSIONS).less(&line.moves(SESSIONS));
    let (Some(observed_on), Some(value)) = (spread.to.last(), spread.values.last()) else {
        let (settled, since) = (first.settlement_on, first.published_at);
        let detail = format!(
            "the first basket is of the settlement of {settled}, known since {since}: fewer than \
             {SESSIONS} sessions have passed since it could be bought"
        );
        return Err(gap(GapReason::ShortHistory, detail));
    };
    let latest = line.days.last().copied().unwrap_or(*observed_on);
    if *observed_on < latest.plus(-STALE_DAYS) {
        let detail = format!(
            "the basket's last session is {observed_on}, more than {STALE_DAYS} days before {latest}"
        );
        return Err(gap(GapReason::Stale, detail));
    }
    let held = basket.held_on(*observed_on).unwrap_or(first);
    let members = held.members.iter().map(|(instrument, _)| *instrument);
    Ok(MostShortedState {
        spread: *value,
        z: z(basket, &line, *observed_on, *value),
        observed_on: *observed_on,
        published_at: published_at(snapshot, members, &line.resolved, *observed_on),
        names: held.members.len(),
        settlement_on: held.settlement_on,
        index: line.resolved.symbol.clone(),
    })
}

/// The spread over its deviation before its last session, and the number of changes behind it.
fn z(basket: &MostShorted, line: &Line, on: Day, spread: f64) -> Option<(f64, usize)> {
    let (daily, _) = basket.returns.compounded(1).less(&line.moves(1));
    let daily = daily.into_series();
    let (deviation, count) = Deviation::of(&daily, SESSIONS).before(on, Z_MIN)?;
    Some((spread / deviation, count)).filter(|(z, _)| z.is_finite())
}

/// The latest publication among the closes of a session.
fn published_at(
    snapshot: &Snapshot,
    members: impl Iterator<Item = InstrumentId>,
    index: &ResolvedRole,
    on: Day,
) -> Option<Instant> {
    let all = members.map(|member| (Dataset::Bars, member));
    let of = |(dataset, instrument): (Dataset, InstrumentId)| {
        let rows = snapshot.rows(dataset, instrument);
        let row = rows.last_on_or_before(on).filter(|row| rows.day(*row) == on)?;
        Some(rows.published_at(row))
    };
    all.chain([(index.dataset, index.instrument)]).filter_map(of).max()
}
