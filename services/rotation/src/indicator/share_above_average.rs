//! Share of members above an average of their own closes: one indicator per length of the average.

use crate::{
    family::{Indicator, Work, each},
    inputs::Inputs,
    measure::{Detail, Outcome, Spec, Unit},
    running::{LONG_AVERAGE, SHORT_AVERAGE},
    tally::Tally,
};

/// The indicator of one length: its sessions as text, the horizons of its changes, and how it counts.
macro_rules! share_above {
    ($sessions:literal, $horizons:expr, $average:expr) => {
        Indicator {
            id: concat!("share_above_", $sessions, "d"),
            title: concat!("Members above their ", $sessions, "-day average"),
            method: concat!(
                "Number of members whose close is above the mean of their last ",
                $sessions,
                " closes, today's included, over the number that have ",
                $sessions,
                ", if that is at least half the members; closes on one split basis, dividends not \
                 reinvested (methodology A5)."
            ),
            work: Work::WholeMarket,
            specs: || specs(concat!("share_above_", $sessions, "d"), &$horizons),
            measure: |inputs, wanted| measure(inputs, wanted, &$average),
        }
    };
}

/// Above the average of 50 sessions.
pub(super) const SHORT: Indicator = share_above!(
    "50",
    [1, 10],
    Average { sessions: SHORT_AVERAGE, counts: |tally| tally.above_short }
);

/// Above the average of 200 sessions.
pub(super) const LONG: Indicator =
    share_above!("200", [10], Average { sessions: LONG_AVERAGE, counts: |tally| tally.above_long });

/// An average of a member's closes.
struct Average {
    sessions: usize,
    /// The number of members above it, and of those that have enough closes.
    counts: fn(&Tally) -> [u32; 2],
}

fn specs(id: &str, horizons: &[usize]) -> Vec<Spec> {
    let changes = horizons.iter();
    let changes = changes.map(|h| Spec::change(&format!("{id}.change"), *h, Unit::Share));
    std::iter::once(Spec::level(id, Unit::Share)).chain(changes).collect()
}

/// The share above an average and its changes, with the number of names left out for lack of
/// closes.
fn measure(inputs: &Inputs<'_>, wanted: &[Spec], average: &Average) -> Vec<(Spec, Outcome)> {
    let counts = average.counts;
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
                Detail::of("window_sessions", Unit::Count, average.sessions as f64),
            ]);
        }
        outcome
    };
    each(wanted, measure)
}
