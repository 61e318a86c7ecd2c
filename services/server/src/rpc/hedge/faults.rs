//! Why a view cannot state a hedging problem, at the fields of the request that ask for it.

use super::option;
use crate::{refusal::Refusal, rpc::field::Fields};
use ::hedge::{
    frontier::NoFrontier,
    limits::OPTION_VALUES,
    terms::TermsFault,
    wish::{Wish, WishFault},
};
use contract::v1;
use marketdata::snapshot::Snapshot;

/// Why terms are refused.
pub(super) fn of_terms(
    faults: Vec<TermsFault>,
    problem: &v1::HedgeProblem,
    snapshot: &Snapshot,
) -> Refusal {
    let mut fields = Fields::new();
    for fault in faults {
        let (path, text) = match fault {
            TermsFault::Instrument { at, field } => {
                (format!("problem.instruments[{at}]"), format!("has {field} out of range"))
            }
            TermsFault::Positions(field) => {
                ("problem.terms".to_owned(), format!("has {field} out of range"))
            }
            TermsFault::Single { at, field } => {
                (format!("problem.position_terms[{at}].terms"), format!("has {field} out of range"))
            }
            TermsFault::Mark(at) => {
                (format!("problem.marks[{at}]"), "must be positive, and once per name".to_owned())
            }
            TermsFault::ImpactSize => {
                ("problem.impact_size".to_owned(), "must be positive".to_owned())
            }
            TermsFault::OptionValues { options, values } => {
                let most = options * OPTION_VALUES / values.max(1);
                let text = format!(
                    "must have at most {most} options of known terms for this problem, which values \
                     each of them anew on every session of the past, in every simulated scenario and in \
                     that of every constraint: without_effectiveness or an objective of variance allows more, where \
                     the objective is a shortfall"
                );
                ("portfolio.positions".to_owned(), text)
            }
            TermsFault::Simulation => {
                ("problem.objective.shortfall.simulation".to_owned(), "cannot be drawn".to_owned())
            }
            TermsFault::HeldSessions => {
                ("problem.objective.horizon_sessions".to_owned(), "must be positive".to_owned())
            }
            TermsFault::Option { at, fault } => {
                let contract = problem.instruments.get(at).and_then(|one| one.contract.as_ref());
                let asked = contract.and_then(|contract| contract.option.as_ref());
                let (field, text) = option::fault(fault, asked);
                (format!("problem.instruments[{at}].contract.option{field}"), text)
            }
            TermsFault::Repeated(at) => {
                (format!("problem.instruments[{at}]"), "is another line of the problem".to_owned())
            }
            TermsFault::NoPrice { at, instrument, cause } => {
                let why = cause.why(snapshot.symbol(instrument));
                (format!("problem.instruments[{at}]"), format!("cannot trade: {why}"))
            }
            TermsFault::Lacks { at, what } => {
                let contract =
                    problem.instruments.get(at).is_some_and(|one| one.contract.is_some());
                let of = if contract { "what it moves as" } else { "it" };
                (format!("problem.instruments[{at}]"), format!("cannot trade: {of} has no {what}"))
            }
        };
        fields.add(path, text);
    }
    Refusal::Invalid(fields.into_violations())
}

/// Why a wish is refused.
pub(super) fn of_wish(faults: Vec<WishFault>, wish: &Wish) -> Refusal {
    if faults.contains(&WishFault::Gone) {
        return Refusal::DeadlineExceeded;
    }
    let mut fields = Fields::new();
    for fault in faults {
        match fault {
            WishFault::Unknown { id, subject } => {
                let text = format!("names {subject:?}, which the view does not have");
                fields.add(path_of(&id, wish), text);
            }
            WishFault::Tail => {
                let text = "has too few sessions in this view, or a confidence beyond them";
                fields.add("problem.objective.shortfall", text);
            }
            // Refused above.
            WishFault::Gone => {}
            WishFault::Problem(fault) => fields.add("problem", format!("is not sound: {fault}")),
        }
    }
    Refusal::Invalid(fields.into_violations())
}

fn path_of(id: &str, wish: &Wish) -> String {
    let of = |ids: Vec<&String>, list: &str| {
        let at = ids.into_iter().position(|known| known == id)?;
        Some(format!("problem.{list}[{at}]"))
    };
    let limits = wish.limits.iter().map(|limit| &limit.id).collect();
    let excluded = || wish.excluded.iter().map(|one| &one.id).collect();
    let found = of(limits, "constraints").or_else(|| of(excluded(), "exclusions"));
    found.unwrap_or_else(|| "problem".to_owned())
}

/// Why there is no frontier.
pub(super) fn of_frontier(fault: &NoFrontier) -> Refusal {
    let mut fields = Fields::new();
    match fault {
        NoFrontier::UnknownLimit => {
            fields.add("side", "must be a limit that the constraint has");
        }
        NoFrontier::Value(at) => {
            fields.add(format!("limits[{at}]"), "must not cross the other limit of the constraint");
        }
        // The client no longer waits.
        NoFrontier::Cancelled => return Refusal::DeadlineExceeded,
    }
    Refusal::Invalid(fields.into_violations())
}
