//! What happened in the last session, without hysteresis: the moves that make a rotation, how
//! unusual each is, and whether together they are one (methodology A21 (iv)).

use crate::{reading::Reading, record::Record, standardise::rank_z};
use factors::{
    roles::{Role, Roles},
    usual_change::Deviation,
};
use marketdata::{
    day::Day,
    instant::Instant,
    snapshot::{Series, Snapshot},
};

/// A size move of at least this many standard deviations is a rotation.
pub const ROTATION_Z: f64 = 2.5;
/// Minimum number of values behind the z-score of a move: a month.
pub const MOVE_MIN: usize = 21;
/// Number of sessions over which rotations are counted: ten years.
pub const RATE_SESSIONS: usize = 2_520;
/// Sessions in a year.
const YEAR: usize = 252;

/// The two measures of size; the larger move in absolute value is the size move.
pub const SIZE: [&str; 2] = ["small_vs_nasdaq.1d", "size_spread.1d"];
/// Breadth: a share of names, standardised by its rank.
pub const BREADTH: &str = "share_advancing";
/// Equal weight less cap weight.
pub const EQUAL_LESS_CAP: &str = "equal_minus_cap.1d";
/// The most-shorted names less the market.
pub const MOST_SHORTED: &str = "most_shorted.less_index.1d";

/// Whether a session's values are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    /// A price of the size move was published before the session's close: it may still change.
    Open,
    /// Every price of the size move was published at the close or later.
    Closed,
}

/// One move of the session.
#[derive(Clone, Debug, PartialEq)]
pub struct MoveRow {
    /// The measure's id.
    pub measure: &'static str,
    /// Its value. `None` if it has none on the session itself.
    pub value: Option<f64>,
    /// Its z-score, from values before the session. `None` if there are fewer than [`MOVE_MIN`].
    pub z: Option<f64>,
    /// Number of values behind the z-score.
    pub z_observations: Option<usize>,
    /// When a value was last this extreme, and its rank.
    pub record: Option<Record>,
}

impl MoveRow {
    /// Whether the move is at least as unusual as a rotation.
    pub fn is_large(&self) -> bool {
        self.z.is_some_and(|z| ROTATION_Z <= z.abs())
    }
}

/// The size move of one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizeMove {
    /// The session.
    pub on: Day,
    /// The larger of the two moves in absolute value, a decimal.
    pub value: f64,
    /// Its z-score, from values before the session. `None` if there are fewer than [`MOVE_MIN`].
    pub z: Option<f64>,
}

impl SizeMove {
    /// Whether it is a rotation. `None` if it has no z-score.
    pub fn is_rotation(&self) -> Option<bool> {
        Some(ROTATION_Z <= self.z?.abs())
    }
}

/// How often size moves were rotations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Number of sessions, up to and including the last, of which the size move has a z-score.
    pub sessions: usize,
    /// Rotations per 252 of them.
    pub per_year: f64,
    /// Rotations in the last 252 of them.
    pub last_year: usize,
}

/// The moves of the last session.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionMove {
    /// The session.
    pub on: Day,
    /// Whether its values are final. `None` if the size move has no value.
    pub status: Option<SessionStatus>,
    /// Whether the size move is at least [`ROTATION_Z`] standard deviations. `None` if it has no
    /// z-score.
    pub is_rotation: Option<bool>,
    /// Size, breadth, equal less cap, most-shorted less index.
    pub rows: Vec<MoveRow>,
    /// How often that happens. `None` if no size move has a z-score.
    pub rate: Option<Rate>,
}

impl SessionMove {
    /// The moves of the last of some sessions. `None` without sessions.
    pub fn of<'a>(
        snapshot: &Snapshot,
        roles: &Roles,
        sessions: &[Day],
        reading: impl Fn(&str) -> Option<&'a Reading>,
    ) -> Option<SessionMove> {
        let on = *sessions.last()?;
        let of = |measure: &'static str| match reading(measure) {
            Some(reading) if measure == BREADTH => row(measure, reading, on, ranked),
            Some(reading) => row(measure, reading, on, scaled),
            None => MoveRow { measure, value: None, z: None, z_observations: None, record: None },
        };
        let size = larger(of(SIZE[0]), of(SIZE[1]));
        let is_rotation = size.z.map(|_| size.is_large());
        let status = size.value.and_then(|_| status(snapshot, roles, size.measure, on));
        let rows = vec![size, of(BREADTH), of(EQUAL_LESS_CAP), of(MOST_SHORTED)];
        let histories = SIZE.map(|id| reading(id).map(|reading| &reading.history));
        let from = sessions[sessions.len().saturating_sub(RATE_SESSIONS)];
        Some(SessionMove { on, status, is_rotation, rows, rate: rate(histories, from) })
    }

    /// The row of the size move.
    pub fn size(&self) -> &MoveRow {
        &self.rows[0]
    }
}

fn row(
    measure: &'static str,
    reading: &Reading,
    on: Day,
    z_of: fn(&Series) -> Option<(f64, usize)>,
) -> MoveRow {
    let value = reading.history.last().filter(|(day, _)| *day == on).map(|(_, value)| value);
    let z = value.and_then(|_| z_of(&reading.history));
    let record = reading.record.filter(|_| value.is_some());
    MoveRow { measure, value, z: z.map(|z| z.0), z_observations: z.map(|z| z.1), record }
}

fn scaled(series: &Series) -> Option<(f64, usize)> {
    let (on, value) = series.last()?;
    let (deviation, observations) = Deviation::of(series, 1).before(on, MOVE_MIN)?;
    Some((value / deviation, observations)).filter(|(z, _)| z.is_finite())
}

fn ranked(series: &Series) -> Option<(f64, usize)> {
    rank_z(&series.values, series.values.len().checked_sub(1)?, MOVE_MIN)
}

fn larger(one: MoveRow, other: MoveRow) -> MoveRow {
    let size = |row: &MoveRow| row.value.map(f64::abs);
    if size(&one) < size(&other) { other } else { one }
}

/// The size moves since a day, oldest first, from the histories of [`SIZE`].
pub fn size_moves(histories: [Option<&Series>; 2], from: Day) -> Vec<SizeMove> {
    let mut moves: Vec<SizeMove> = Vec::new();
    for series in histories.into_iter().flatten() {
        let mut deviation = Deviation::of(series, 1);
        let first = series.days.partition_point(|day| *day < from);
        for (on, value) in series.days[first..].iter().zip(&series.values[first..]) {
            let z = deviation.before(*on, MOVE_MIN).map(|(deviation, _)| value / deviation);
            moves.push(SizeMove { on: *on, value: *value, z: z.filter(|z| z.is_finite()) });
        }
    }
    // Of two moves of one day the larger stays; of equal ones the first.
    let size = |one: &SizeMove| one.value.abs();
    moves.sort_by(|one, other| one.on.cmp(&other.on).then(size(other).total_cmp(&size(one))));
    moves.dedup_by_key(|size| size.on);
    moves
}

/// Counts rotations since a day.
fn rate(histories: [Option<&Series>; 2], from: Day) -> Option<Rate> {
    let moves = size_moves(histories, from);
    let large: Vec<bool> = moves.iter().filter_map(SizeMove::is_rotation).collect();
    let count = |part: &[bool]| part.iter().filter(|large| **large).count();
    let last_year = count(&large[large.len().saturating_sub(YEAR)..]);
    let per_year = (YEAR * count(&large)) as f64 / large.len() as f64;
    (!large.is_empty()).then_some(Rate { sessions: large.len(), per_year, last_year })
}

/// Whether the prices behind a size move are final. `None` if one of them is not found.
fn status(snapshot: &Snapshot, roles: &Roles, measure: &str, on: Day) -> Option<SessionStatus> {
    let other = if measure == SIZE[0] { Role::Nasdaq } else { Role::LargeCapIndex };
    let close = Instant::close_of(on);
    let mut status = SessionStatus::Closed;
    for role in [Role::SmallCapIndex, other] {
        let resolved = roles.resolve_role(snapshot, role)?;
        let rows = snapshot.rows(resolved.dataset, resolved.instrument);
        let last = (0..rows.len()).rev().find(|at| rows.day(*at) == on)?;
        if rows.published_at(last) < close {
            status = SessionStatus::Open;
        }
    }
    Some(status)
}
