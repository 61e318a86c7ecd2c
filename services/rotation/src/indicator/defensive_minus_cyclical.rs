//! Defensive sectors against cyclical sectors.

use crate::{
    family::{Indicator, Work, each},
    inputs::{Inputs, less},
    measure::{Outcome, Source, Spec, Unit},
};
use factors::{line::Line, moves::Moves, roles::Role};
use marketdata::{
    gap::{Gap, GapReason},
    snapshot::Series,
};

pub(super) const INDICATOR: Indicator = Indicator {
    id: "defensive_minus_cyclical",
    title: "Defensive less cyclical sectors",
    method: "Mean daily return of the defensive sector funds, compounded over the sessions, \
             less that of the cyclical ones over the same sessions; equal weights among the \
             available funds, which must be at least half of each basket (methodology A9).",
    work: Work::Lines,
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    [1, 5, 21].map(|h| Spec::change("defensive_minus_cyclical", h, Unit::Decimal)).into()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    let roles = inputs.roles;
    let baskets = [
        Basket::of(inputs, Role::Defensive, &roles.defensive_sectors),
        Basket::of(inputs, Role::Cyclical, &roles.cyclical_sectors),
    ];
    each(wanted, |spec| spread(&baskets, spec))
}

/// A basket of sector funds in equal weights.
struct Basket<'a> {
    /// Configured tickers.
    wanted: &'a [String],
    /// Those that have a history.
    lines: Vec<Line>,
    /// Mean growth of the funds per session, for sessions on which at least half of the configured
    /// funds have a return.
    daily: Moves,
}

impl<'a> Basket<'a> {
    fn of(inputs: &Inputs<'_>, role: Role, wanted: &'a [String]) -> Basket<'a> {
        let found = wanted
            .iter()
            .filter_map(|symbol| inputs.roles.resolve_role_as(inputs.snapshot, role, symbol));
        let lines: Vec<Line> = found.map(|resolved| Line::of(inputs.snapshot, resolved)).collect();
        let moves: Vec<Moves> = lines.iter().map(|line| line.moves(1)).collect();
        Basket { wanted, lines, daily: Moves::mean(&moves, wanted.len().div_ceil(2)) }
    }

    /// The gap for the funds that are missing, if any.
    fn gap(&self, spec: &Spec) -> Option<Gap> {
        let there = |symbol: &&String| self.lines.iter().any(|l| l.resolved.symbol == **symbol);
        let missing: Vec<&str> =
            self.wanted.iter().filter(|symbol| !there(symbol)).map(String::as_str).collect();
        let enough = self.wanted.len() <= 2 * self.lines.len();
        let rest = if enough {
            "; the other funds represent the basket"
        } else {
            "; fewer than half of the basket have a history"
        };
        let detail = format!("no history of {}{rest}", missing.join(", "));
        (!missing.is_empty()).then(|| Gap::new(GapReason::InputMissing, spec.subject(), detail))
    }
}

fn spread(baskets: &[Basket<'_>; 2], spec: &Spec) -> Outcome {
    let mut gaps: Vec<Gap> = baskets.iter().filter_map(|basket| basket.gap(spec)).collect();
    if baskets.iter().any(|basket| basket.lines.is_empty()) {
        return Outcome { gaps, ..Outcome::of(Series::empty(), Vec::new()) };
    }
    let [first, second] = [0, 1].map(|at| baskets[at].daily.compounded(spec.horizon));
    let (history, gap) = less(spec, &first, &second);
    gaps.extend(gap);
    let sources = baskets.iter().flat_map(|basket| &basket.lines).map(Source::of).collect();
    Outcome { gaps, ..Outcome::of(history, sources) }
}
