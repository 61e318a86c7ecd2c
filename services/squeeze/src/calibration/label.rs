//! What counts as a squeeze, afterwards: the label that a model is fitted to.
//!
//! ```text
//! jump     r − β·r_index ≥ max(3σ√5, 15 %) over the five sessions after the day
//! covered  the jump, and either short interest was lower at each of the two settlements after the
//!          day than at the last one before it, or the five sessions traded 3 times the usual volume
//! ```
//!
//! β and σ are of the 60 sessions up to the day, so nothing after it enters them.

use crate::{common_days::Lists, traded::WINDOW_DAYS};
use factors::{
    average_volume::{median_shares_over, rows_up_to, shares_over},
    returns::Sessions,
    roles::ResolvedRole,
    settlement_days::SettlementDays,
    squeeze_threshold::{HORIZON_SESSIONS, squeeze_threshold},
    trading::sessions_since,
};
use marketdata::{
    bars::Bars,
    basis::Units,
    calendar::plus_sessions,
    dataset::{Dataset, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use stats::moments::{self, Ddof};
use std::collections::BTreeMap;

/// Sessions in which the jump must happen.
pub const AHEAD: usize = HORIZON_SESSIONS as usize;
/// Sessions before the day that beta and volatility are measured over.
const BEFORE: usize = 60;
/// Volume of the five sessions over the usual volume that counts as covering.
const BURST: f64 = 3.0;
/// Window of the usual volume, and the minimum of its sessions that must have a volume.
const USUAL_SESSIONS: usize = 63;
const USUAL_LEAST: usize = 42;
/// Settlements after a day that its label waits for, and the most sessions to the last of them: they
/// are half a month apart.
const SETTLEMENTS: usize = 2;
const SETTLEMENTS_AHEAD: usize = 25;

/// Which label a model is fitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// The jump alone.
    Jump,
    /// The jump, and signs that the shorts covered.
    CoveredJump,
}

impl Label {
    /// The most sessions after a day that its label looks at.
    pub const fn sessions_ahead(self) -> usize {
        match self {
            Label::Jump => AHEAD,
            Label::CoveredJump => SETTLEMENTS_AHEAD,
        }
    }
}

/// Returns of a name or an index, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Moves {
    /// The sessions.
    pub days: Vec<Day>,
    /// The return of each session over the one before, a decimal. `None` if it is unknown.
    pub returns: Vec<Option<f64>>,
}

impl Moves {
    /// No sessions.
    pub const EMPTY: Moves = Moves { days: Vec::new(), returns: Vec::new() };

    /// Total returns of a name.
    pub fn of(bars: &Bars<'_>) -> Moves {
        let returns = (0..bars.len()).map(|row| bars.total_return(row)).collect();
        Moves { days: bars.days.to_vec(), returns }
    }
}

/// Returns of the index that jumps are measured against, by day.
#[derive(Clone, Debug)]
pub struct Index(BTreeMap<Day, f64>);

impl Index {
    /// An index without returns.
    pub const EMPTY: Index = Index(BTreeMap::new());

    /// The returns that are known.
    pub fn of(moves: &Moves) -> Index {
        let known = moves.days.iter().zip(&moves.returns);
        Index(known.filter_map(|(day, r)| Some((*day, (*r)?))).collect())
    }

    /// Total returns of a resolved role between the market's sessions.
    pub fn of_role(snapshot: &Snapshot, resolved: &ResolvedRole, sessions: &Sessions) -> Index {
        let mut returns = vec![f64::NAN; sessions.len()];
        sessions.role_returns(snapshot, resolved, &mut returns);
        let dated = sessions.days().iter().copied().zip(returns);
        Index(dated.filter(|(_, value)| value.is_finite()).collect())
    }

    /// Its sessions in a range of days, both included.
    pub fn sessions(&self, first: Day, last: Day) -> Vec<Day> {
        if last < first {
            return Vec::new();
        }
        self.0.range(first..=last).map(|(day, _)| *day).collect()
    }
}

/// By how much a name's move in the five sessions after a day exceeds the least that is a jump, a
/// decimal return; below zero without a jump. `None` without the 60 sessions before it or the five
/// after it.
pub fn jump_excess(moves: &Moves, index: &Index, day: Day) -> Option<f64> {
    let at = moves.days.binary_search(&day).ok()?;
    let first = at.checked_sub(BEFORE)?;
    let last = at + AHEAD;
    let own: Vec<f64> = moves.returns[first + 1..=at].iter().copied().collect::<Option<_>>()?;
    let of_index = |row: usize| index.0.get(&moves.days[row]).copied();
    let market: Vec<f64> = (first + 1..=at).map(of_index).collect::<Option<_>>()?;
    let sigma = moments::standard_deviation(&own, Ddof::Sample)?;
    let beta = moments::correlation(&own, &market)? * sigma
        / moments::standard_deviation(&market, Ddof::Sample)?;
    let (mut ahead, mut market) = (1.0, 1.0);
    for row in at + 1..=last {
        ahead *= 1.0 + (*moves.returns.get(row)?)?;
        market *= 1.0 + of_index(row)?;
    }
    Some(ahead - 1.0 - beta * (market - 1.0) - squeeze_threshold(sigma))
}

/// What labels are read from. Rows of days that are none of the market's are no part of a label.
#[derive(Clone, Debug)]
pub struct Outcomes {
    snapshot: Snapshot,
    /// The sessions of the market.
    sessions: Sessions,
    settlements: SettlementDays,
}

impl Outcomes {
    /// Outcomes after days from `first` on.
    pub fn of(snapshot: &Snapshot, first: Day) -> Outcomes {
        Outcomes {
            snapshot: snapshot.clone(),
            sessions: sessions_since(snapshot, first.plus(-WINDOW_DAYS)),
            settlements: SettlementDays::of(snapshot),
        }
    }

    /// The sessions of the market, from 380 days before the first day on.
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Total returns of a name.
    pub fn moves(&self, instrument: InstrumentId) -> Moves {
        Moves::of(&self.bars(instrument))
    }

    fn bars(&self, instrument: InstrumentId) -> Bars<'_> {
        Bars::on_sessions(&self.snapshot, instrument, self.sessions.with_start()).0
    }

    /// Whether the shorts of a name covered after a day. `None` without its two settlements, also if
    /// the volumes say that they did: what is known early would be known of squeezes alone. Without
    /// volumes the settlements decide.
    pub fn covered(&self, instrument: InstrumentId, day: Day) -> Option<bool> {
        let fell = self.fell(instrument, day)?;
        Some(fell || self.burst(instrument, day) == Some(true))
    }

    /// Whether the two settlements after a day that its label waits for are known of a name.
    pub fn is_settled(&self, instrument: InstrumentId, day: Day) -> bool {
        self.fell(instrument, day).is_some()
    }

    /// Whether short interest was lower at each of the two settlements after a day. `None` without
    /// them within the sessions that the label looks ahead: if one is missing, a later one is not it.
    fn fell(&self, instrument: InstrumentId, day: Day) -> Option<bool> {
        let rows = self.snapshot.rows(Dataset::ShortInterest, instrument);
        let units = Units::of(&self.snapshot, instrument);
        let is_settlement = |row: &usize| self.settlements.contains(rows.day(*row));
        let before = (0..=rows.last_on_or_before(day)?).rev().find(is_settlement)?;
        let column = Dataset::ShortInterest.column(Field::SharesShort);
        let shares = |row: usize| {
            let change = units.change(rows.day(row), rows.day(before))?;
            Some(rows.value(row, column)? / change.shares)
        };
        let short = shares(before)?;
        let last = plus_sessions(day, SETTLEMENTS_AHEAD as i32);
        let mut later = (before + 1..rows.len()).filter(is_settlement);
        let mut next = || later.next().filter(|row| rows.day(*row) <= last).and_then(shares);
        let later: Option<Vec<f64>> = (0..SETTLEMENTS).map(|_| next()).collect();
        Some(later?.iter().all(|later| *later < short))
    }

    /// Whether the five sessions after a day traded at least three times the median of the 63 up to
    /// it.
    fn burst(&self, instrument: InstrumentId, day: Day) -> Option<bool> {
        let bars = self.bars(instrument);
        let at = bars.index_on_or_before(day).filter(|at| bars.days[*at] == day)?;
        if bars.len() <= at + AHEAD {
            return None;
        }
        let usual = rows_up_to(at, USUAL_SESSIONS);
        let usual = median_shares_over(&bars, usual, USUAL_LEAST, day).ok()?;
        let ahead = shares_over(&bars, at + 1..at + 1 + AHEAD, AHEAD, day).1.ok()?;
        Some(BURST * usual <= ahead)
    }
}

/// The last day whose labels have matured: the last one before the second newest published
/// settlement, so that two settlements later than the day are known, whatever the label turned out
/// to be. Positives would mature first, so no day after it is used. Settlements are days on which the
/// market settles, with a whole list (`common_days`). `None` before two of them.
pub fn matured_until(snapshot: &Snapshot) -> Option<Day> {
    let settlements = Lists::of(snapshot, Dataset::ShortInterest, Day::MIN).whole;
    settlements.into_iter().nth_back(SETTLEMENTS - 1).map(|day| day.plus(-1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use factors::roles::{Role, Roles};
    use marketdata::{
        calendar,
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    fn days() -> Vec<Day> {
        (0..75).map(|at| plus_sessions(Day::from_epoch(18_600), at)).collect()
    }

    /// Flat for sixty sessions and then +20 % on the third day after: a jump, as long as the window
    /// contains it. +10 % is below the least jump of 15 %.
    #[test]
    fn a_jump_by_hand() {
        let days = days();
        let path = |jump: f64| {
            // Up and down by 0.1 %, so that beta and σ are defined.
            let level =
                |at: usize| (1.0 + 0.001 * (at % 2) as f64) * if at < 65 { 1.0 } else { jump };
            let growth = |at: usize| Some(level(at) / level(at.checked_sub(1)?) - 1.0);
            Moves { returns: (0..75).map(growth).collect(), days: days.clone() }
        };
        let index = Index::of(&path(1.0));
        let jumped = |moves: &Moves, index: &Index, day| {
            jump_excess(moves, index, day).map(|excess| 0.0 <= excess)
        };
        assert_eq!(jumped(&path(1.2), &index, days[62]), Some(true));
        assert_eq!(jumped(&path(1.1), &index, days[62]), Some(false));
        // The index is flat to 0.1 %, and beta is 1: 20 % less 15 % is the excess.
        let excess = jump_excess(&path(1.2), &index, days[62]).unwrap();
        assert!((excess - 0.05).abs() < 1e-3, "{excess}");
        assert_eq!(jumped(&path(1.2), &index, days[66]), Some(false), "it has happened");
        assert_eq!(jumped(&path(1.2), &index, days[59]), None, "too few sessions before");
        assert_eq!(jumped(&path(1.2), &index, days[70]), None, "too few sessions after");
    }

    /// FINRA settles on the 15th and on the last day of a month, or on the last session before: from no
    /// day of thirty years are there more than 25 sessions to the second settlement after it.
    #[test]
    fn two_settlements_are_within_the_sessions_that_a_label_looks_ahead() {
        let end = |day: Day| day.ymd().1 != day.plus(1).ymd().1;
        let settles = |day: Day| {
            let month_days = (day.epoch()..).map(Day::from_epoch);
            let next = plus_sessions(day, 1);
            calendar::is_session(day)
                && month_days.take_while(|at| *at < next).any(|at| end(at) || at.ymd().2 == 15)
        };
        let first = day("2000-01-03").epoch();
        let days: Vec<Day> = (first..day("2030-01-01").epoch()).map(Day::from_epoch).collect();
        let sessions: Vec<Day> =
            days.into_iter().filter(|day| calendar::is_session(*day)).collect();
        let settlements: Vec<usize> =
            (0..sessions.len()).filter(|at| settles(sessions[*at])).collect();
        assert_eq!(settlements.len(), 2 * 12 * 30);
        // The most are needed by the day of a settlement, for which the second one after it counts.
        let ahead = settlements.windows(3).map(|three| three[2] - three[0]);
        let most = ahead.max().unwrap();
        assert!(most <= Label::CoveredJump.sessions_ahead(), "{most}");
        assert!(Label::CoveredJump.sessions_ahead() <= most + 3, "{most}");
    }

    /// Short interest of 100, then 90 and 80: covered. 90 and 110: not. A label waits for both.
    #[test]
    fn covering_and_maturity_by_hand() {
        let mut fixture = Fixture::new();
        let settlements = ["2021-01-15", "2021-01-29", "2021-02-12"].map(day);
        for (symbol, counts) in [("DOWN", [100.0, 90.0, 80.0]), ("UP", [100.0, 90.0, 110.0])] {
            let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
            for (on, count) in settlements.into_iter().zip(counts) {
                let values = [(Field::SharesShort, count)];
                let seen = Instant::close_of(on.plus(10));
                fixture.fact(Dataset::ShortInterest, key, on, seen, &values);
            }
        }
        fixture.commit();
        let ids = ["DOWN", "UP"].map(|symbol| fixture.id(Namespace::Listed, symbol));
        let late = fixture.snapshot(Instant::close_of(day("2021-02-26")));
        let asked = day("2021-01-20");
        assert_eq!(ids.map(|id| outcomes(&late).covered(id, asked)), [Some(true), Some(false)]);
        assert_eq!(matured_until(&late), Some(day("2021-01-28")));
        // Before the third settlement is public, nothing is known of two later ones.
        let early = fixture.snapshot(Instant::close_of(day("2021-02-10")));
        assert_eq!(ids.map(|id| outcomes(&early).covered(id, asked)), [None, None]);
        assert_eq!(matured_until(&early), Some(day("2021-01-14")));
    }

    fn outcomes(snapshot: &Snapshot) -> Outcomes {
        Outcomes::of(snapshot, day("2021-01-04"))
    }

    /// Of twelve names S alone has short interest of a Wednesday and a bar of a Saturday: neither is one
    /// of its two settlements or one of its five sessions.
    #[test]
    fn rows_with_a_wrong_date_are_no_part_of_a_label() {
        let label = |with_strays: bool| {
            let mut fixture = Fixture::new();
            let seen = |on: Day| Instant::close_of(on);
            for name in 0..12 {
                let key = (fixture.id(Namespace::Listed, &format!("N{name}")), InstrumentId::NONE);
                let is_stray = with_strays && name == 0;
                let wrong = |on: &str| Some(day(on)).filter(|_| is_stray);
                let settled = ["2021-01-15", "2021-01-29", "2021-02-12"].map(day).into_iter();
                for (at, on) in settled.chain(wrong("2021-01-20")).enumerate() {
                    let short = [100.0, 110.0, 80.0, 10.0][at];
                    let values = [(Field::SharesShort, short)];
                    fixture.fact(Dataset::ShortInterest, key, on, seen(on), &values);
                }
                let sessions = (1..=75).map(|at| plus_sessions(day("2020-11-01"), at));
                for on in sessions.chain(wrong("2021-01-23")) {
                    // A burst on the Saturday alone.
                    let volume = if calendar::is_session(on) { 10.0 } else { 1e6 };
                    let values = [
                        (Field::Close, 10.0),
                        (Field::Volume, volume),
                        (Field::PriceBasis, 0.0),
                        (Field::BasisOn, 0.0),
                    ];
                    fixture.fact(Dataset::Bars, key, on, seen(on), &values);
                }
            }
            fixture.commit();
            let id = fixture.id(Namespace::Listed, "N0");
            let outcomes = outcomes(&fixture.snapshot(Instant::close_of(day("2021-04-30"))));
            let moves = outcomes.moves(id).days.len();
            (outcomes.covered(id, day("2021-01-19")), outcomes.burst(id, day("2021-01-19")), moves)
        };
        // 110 is not below 100, and volumes are flat.
        assert_eq!(label(false), (Some(false), Some(false), 75));
        assert_eq!(label(true), label(false));
    }

    /// The index has a bar of a Saturday at twice its level, and eleven names have none: it has no return
    /// on that day, and that of Monday is from Friday on.
    #[test]
    fn an_index_has_returns_of_the_sessions_of_the_market() {
        let [friday, saturday, monday] = ["2021-01-08", "2021-01-09", "2021-01-11"].map(day);
        let mut fixture = Fixture::new();
        for name in 0..11 {
            fixture.closes(&format!("N{name}"), &[(friday, 10.0), (monday, 10.0)]);
        }
        fixture.closes("SPY", &[(friday, 100.0), (saturday, 200.0), (monday, 101.0)]).commit();
        let snapshot = fixture.snapshot(Instant::close_of(monday));
        let resolved = Roles::standard().resolve_role(&snapshot, Role::LargeCapIndex).unwrap();
        let Index(returns) = Index::of_role(&snapshot, &resolved, outcomes(&snapshot).sessions());
        let [(on, growth)] = returns.into_iter().collect::<Vec<_>>()[..] else { panic!() };
        assert!(on == monday && (growth - 0.01).abs() < 1e-12, "{on} {growth}");
    }

    /// Settlements of 100, 90, 80 and 70, and of three of them. Two weeks before the third settlement of
    /// the whole, the last day that its label may look at is 25 sessions ahead: without the settlement of
    /// January 29 the second one after January 20 is that of February 26, the 26th session after it.
    #[test]
    fn a_label_without_one_of_its_settlements_is_not_known() {
        let all = ["2021-01-15", "2021-01-29", "2021-02-12", "2021-02-26"];
        let found = |missing: &str| {
            let mut fixture = Fixture::new();
            let key = (fixture.id(Namespace::Listed, "DOWN"), InstrumentId::NONE);
            for (at, on) in all.into_iter().enumerate().filter(|(_, on)| *on != missing) {
                let values = [(Field::SharesShort, 100.0 - 10.0 * at as f64)];
                let on = day(on);
                let seen = Instant::close_of(on.plus(10));
                fixture.fact(Dataset::ShortInterest, key, on, seen, &values);
            }
            fixture.commit();
            let snapshot = fixture.snapshot(Instant::close_of(day("2021-03-31")));
            let asked = day("2021-01-20");
            let last = plus_sessions(asked, Label::CoveredJump.sessions_ahead() as i32);
            assert_eq!(last, day("2021-02-25"));
            let outcomes = outcomes(&snapshot);
            (outcomes.covered(key.0, asked), outcomes.is_settled(key.0, asked))
        };
        assert_eq!(found(""), (Some(true), true));
        assert_eq!(found("2021-01-29"), (None, false));
        assert_eq!(found("2021-02-12"), (None, false));
        assert_eq!(found("2021-02-26"), (Some(true), true), "it is of another label");
    }
}
