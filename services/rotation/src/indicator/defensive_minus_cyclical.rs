//! Defensive sectors against cyclical ones.

use crate::{
    inputs::{Inputs, less},
    measure::{Indicator, Outcome, Source, Spec, Unit},
};
use factors::{line::Line, moves::Moves};
use marketdata::{
    gap::{Gap, GapReason},
    snapshot::Series,
};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "defensive_minus_cyclical",
    title: "Defensive less cyclical sectors",
    method: "Mean daily return of the defensive sector funds, compounded over the sessions, less \
             that of the cyclical ones over the same sessions; equal weights among the funds that \
             are there, at least half of each basket (methodology A9).",
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    [1, 5, 21].map(|h| Spec::change("defensive_minus_cyclical", "", h, Unit::Decimal)).into()
}

fn measure(inputs: &Inputs<'_>, spec: &Spec) -> Outcome {
    let wanted = [&inputs.roles.defensive_sectors, &inputs.roles.cyclical_sectors];
    let mut gaps = Vec::new();
    for (symbols, lines) in wanted.into_iter().zip(&inputs.style) {
        let there = |symbol: &&String| lines.iter().any(|line| line.resolved.symbol == **symbol);
        let missing: Vec<&str> = symbols.iter().filter(|s| !there(s)).map(String::as_str).collect();
        if !missing.is_empty() {
            let enough = symbols.len() <= 2 * lines.len();
            let rest =
                if enough { "; the others stand for all" } else { ": less than half is there" };
            let detail = format!("no history of {}{rest}", missing.join(", "));
            gaps.push(Gap::new(GapReason::InputMissing, &*spec.id, detail));
        }
    }
    let [defensive, cyclical] = &inputs.style;
    if defensive.is_empty() || cyclical.is_empty() {
        return Outcome { gaps, ..Outcome::of(Series::empty(), Vec::new()) };
    }
    let legs = [(defensive, wanted[0]), (cyclical, wanted[1])];
    let [first, second] =
        legs.map(|(lines, wanted)| mean_returns(lines, wanted.len()).compounded(spec.horizon));
    let (history, gap) = less(spec, &first, &second);
    gaps.extend(gap);
    let sources = defensive.iter().chain(cyclical).map(Source::of).collect();
    Outcome { gaps, ..Outcome::of(history, sources) }
}

/// Mean growth of some lines a session, where at least half of the wanted ones have one.
fn mean_returns(lines: &[Line], wanted: usize) -> Moves {
    let moves: Vec<Moves> = lines.iter().map(|line| line.moves(1)).collect();
    Moves::mean(&moves, wanted.div_ceil(2))
}
