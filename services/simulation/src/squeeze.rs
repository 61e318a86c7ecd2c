//! Start and daily returns of the squeezes of the heavily shorted names.

/// Extra return of each session of a squeeze, decimals, from the first session.
const COURSE: [f64; 8] = [0.14, 0.27, 0.41, 0.18, -0.16, 0.09, -0.21, -0.12];
/// Volume of each session of a squeeze / ordinary volume.
const VOLUME: [f64; 8] = [3.0, 6.0, 11.0, 9.0, 7.0, 5.0, 4.0, 3.0];
/// Number of sessions before the rotation day at which the first name squeezes.
const EARLIER_BEFORE: usize = 160;

/// First session of the squeeze of number `at` among the squeezed names; `None` if it never
/// squeezes.
///
/// The first name squeezes long before the rotation day. The others start within the five sessions
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

/// Extra return of a session, a decimal; 0 outside a squeeze.
pub fn jump(start: Option<usize>, session: usize) -> f64 {
    course(start, session).map_or(0.0, |day| COURSE[day])
}

/// Multiple of the ordinary volume in a session; 1 outside a squeeze.
pub fn volume(start: Option<usize>, session: usize) -> f64 {
    course(start, session).map_or(1.0, |day| VOLUME[day])
}

fn course(start: Option<usize>, session: usize) -> Option<usize> {
    session.checked_sub(start?).filter(|day| *day < COURSE.len())
}

/// Shares short at a session / their maximum: shorts build up over a hundred sessions before the
/// squeeze and half of them are bought back within twenty sessions after its start. 1 without a
/// squeeze.
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
