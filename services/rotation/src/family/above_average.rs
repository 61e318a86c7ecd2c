//! Share of members above an average of their own closes.

use crate::{
    family::each,
    inputs::Inputs,
    measure::{Detail, Outcome, Spec, Unit},
    tally::Tally,
};

/// The share above an average and its changes, with the number of names left out for lack of
/// closes.
pub(crate) fn above(
    inputs: &Inputs<'_>,
    wanted: &[Spec],
    window: usize,
    counts: fn(&Tally) -> [u32; 2],
) -> Vec<(Spec, Outcome)> {
    let share = |tally: &Tally| {
        let [above, of] = counts(tally);
        Tally::share(f64::from(above), of)
    };
    let measure = |spec: &Spec| {
        let mut outcome = inputs.of_breadth(spec, |tally| counts(tally)[1], share);
        outcome.take_changes(spec.horizon);
        if let Some(tally) = inputs.breadth().tallies.last() {
            let [above, of] = counts(tally).map(f64::from);
            let left_out = f64::from(tally.priced) - of;
            outcome.details.extend([
                Detail::of("above", Unit::Count, above),
                Detail::of("with_enough_closes", Unit::Count, of),
                Detail::of("left_out_for_short_history", Unit::Count, left_out),
                Detail::of("window_sessions", Unit::Count, window as f64),
            ]);
        }
        outcome
    };
    each(wanted, measure)
}
