//! When the heavily shorted names squeeze, and by how much a day.

/// Extra return of each session of a squeeze, decimals, from its first.
const COURSE: [f64; 8] = [0.14, 0.27, 0.41, 0.18, -0.16, 0.09, -0.21, -0.12];
/// Volume of each of those sessions over that of an ordinary one.
const VOLUME: [f64; 8] = [3.0, 6.0, 11.0, 9.0, 7.0, 5.0, 4.0, 3.0];
/// Sessions before the rotation day at which the first of them squeezed already.
const EARLIER_BEFORE: usize = 160;

/// The first session of each squeeze: number `at` among the squeezed names.
///
/// The first has one long before the rotation day. The others begin one after the other from the day
/// after it, as covering spreads; the last two stay crowded and never squeeze.
pub fn starts(at: usize, squeezed: usize, rotation: usize) -> Option<usize> {
    if at == 0 {
        rotation.checked_sub(EARLIER_BEFORE)
    } else if at + 2 < squeezed {
        Some(rotation + 1 + (at - 1) % 5)
    } else {
        None
    }
}

/// Extra return of a session, decimal.
pub fn jump(start: Option<usize>, session: usize) -> f64 {
    course(start, session).map_or(0.0, |day| COURSE[day])
}

/// What a session's ordinary volume is multiplied by.
pub fn volume(start: Option<usize>, session: usize) -> f64 {
    course(start, session).map_or(1.0, |day| VOLUME[day])
}

fn course(start: Option<usize>, session: usize) -> Option<usize> {
    session.checked_sub(start?).filter(|day| *day < COURSE.len())
}

/// Shares short over their height at a settlement, by the sessions until (negative: since) the
/// squeeze: shorts build up over a hundred sessions and are bought back in twenty.
pub fn build_up(start: Option<usize>, session: usize) -> f64 {
    let Some(start) = start else { return 1.0 };
    if session < start {
        let before = (start - session) as f64;
        1.0 - 0.45 * (before / 100.0).min(1.0)
    } else {
        let after = (session - start) as f64;
        1.0 - 0.50 * (after / 20.0).min(1.0)
    }
}
