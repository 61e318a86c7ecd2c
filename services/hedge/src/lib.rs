//! What is the cheapest way out of the risk of a book? Pure: a problem in, an answer out.
//!
//! # The problem
//!
//! [`line::Line`]s are the positions of the book, the instruments that may hedge it, or both: a line
//! with [`line::Trading`] terms may trade, so cutting the book and overlaying it are one problem. With
//! the values held w, the trades x and the positions p = w + x, all in money and negative for a short,
//! the trades minimise
//!
//! > λ·H·(b′F·b + Σ dᵢ·zᵢ²) + Σ (buy·x⁺ + sell·x⁻ + ½·q·x²) + H·Σ (long·p⁺ + short·p⁻)
//!
//! in money. The carry is that of all lines, those that do not trade included, so that equal trades have
//! equal objectives whatever else may trade. b = E′p are the exposures to factors and z = L′p the
//! loadings on specific returns, so the
//! bracket is the variance of the book per session without a matrix of names by names
//! ([`risk::FactorRisk`]). λ is the aversion to risk in one over money. H is the number of sessions over
//! which the hedge is held: a cost paid once can be compared with a variance and a carry per session only
//! over a stated time. Instead of λ·H·σ² the price of risk can be κ·CVaR over scenarios
//! ([`objective::Scenarios`]), demeaned unless the caller wants their drifts (Rockafellar and Uryasev
//! 2000). They are past sessions, or drawn from the same factor model ([`simulated`]).
//!
//! The term ½·q·x² is a stand-in for the 3/2 law of impact, equal to it at one size of trade
//! ([`line::quadratic_impact`]).
//!
//! A [`constraint::Constraint`] limits a measure of the book or of the trades from below, above or both:
//! net, gross, turnover, a weighted sum (the net of a group, beta, trade beta, the P&L of a stress
//! scenario), the exposure to a factor, one position, one trade, participation, the loss on the worst
//! shorts. Each has the caller's id and a unit. Lines may be excluded; the number of lines that trade and
//! the smallest trade may be
//! limited. [`problem::Problem::new`] finds every fault of a statement.
//!
//! # The answer
//!
//! [`optimize::optimize`] gives one of three answers.
//! - [`plan::Plan`]: trades in units and money after rounding to lots, every measure before and after,
//!   the cost in its parts, and the price of each limit that binds: −∂objective/∂limit in money per unit
//!   of the limit, positive for an upper limit and negative for a lower one.
//! - [`conflict::Infeasible`]: an irreducible set of constraints that contradict each other, and the
//!   smallest changes of limits that let some trades meet them, each verified by solving with it.
//! - [`optimize::Unbounded`]: the direction along which the objective falls without end.
//!
//! [`frontier::trace`] repeats the problem for several values of one limit, from the narrowest on; each
//! search begins with the lines of the one before.
//!
//! # How it is solved
//!
//! The convex problem is a quadratic program in sparse form, with y = E′x as variables of their own, so
//! that P holds F and the few entries of specific risk that lines share. Clarabel, an interior-point
//! solver, solves it (Goulart and Chen 2024). Money is scaled by a power of two near the size of
//! the book, and the objective by one near its price of risk.
//!
//! A tail is minimised by cutting planes (Künzi-Bay and Mayer 2006), one plane per scenario instead of
//! one per set of scenarios: only scenarios that may be in the tail are in the program, and those that
//! turn out to lose more than its threshold are added until none matters. In a problem of 500 scenarios
//! and 50 instruments two rounds suffice, where planes of whole sets took more than 350.
//!
//! A book that loses nothing in any scenario needs no solver where no line gains by its costs and its
//! mean return.
//!
//! Limits on lines and tickets are met by branch and bound, the node with the lowest bound first. Where
//! a line may still be picked or not, the part ½·Q·x² of the objective that is its own is replaced by
//! ½·Q·x²/z with its share z of a pick, the convex hull of both cases (Frangioni and Gentile 2006). The
//! answer has the bound and the gap. [`limits::SolveLimits`] bound the search by nodes and by the gap,
//! never by a clock: equal problems have equal answers, bit by bit. The caller may leave in any iteration
//! of the solver, and between two steps of the rounding to lots ([`limits::Caller`]).
//!
//! Where the solver stops without an answer, the limits contradict each other by little, or leave hardly
//! any room. The problem of the first phase, in which every row may be missed, decides which; in the
//! second case a price on every miss gives both values and multipliers an interior. Which limits
//! contradict each other is found by leaving out one after the other, at most
//! [`conflict::EXPLANATION_SOLVES`] problems in all.
//!
//! Every solution is checked against the conditions of Karush, Kuhn and Tucker by code that shares
//! nothing with the solver ([`proof::Residuals`]); one that misses them is no answer. Limits that leave
//! hardly any room have large multipliers, and what these are part of is compared with them.
//!
//! # From a book to a problem and back
//!
//! [`desk::Desk`] makes lines of a joined book and of the instruments that may hedge it: exposures by
//! the ladder of [`::risk::factor_view`], funds looked through, prices, volumes and costs on the
//! caller's [`terms`]. [`wish::Wish`] says what is wanted by meaning, and [`scheme`] puts it into a
//! problem for each of three schemes: cut the book's own positions, overlay instruments, or both.
//! [`plans::plans`] solves them side by side, and [`consequences`] says what the trades do: P&L if the
//! trade unwinds or resumes, carry, margin, locates, the squeeze budget, and how far they are by noon
//! and by the close ([`clock`]). [`walk_forward`] says how much variance a plan takes away on sessions
//! that it did not know, [`cover`] in which order to buy shorts back, and [`working`] how to work the
//! trades. Listed options are lines by their delta, and are valued anew where a move is known
//! ([`option`]); what those of the book itself make is computed once for all plans.
//!
//! Modules are declared in reading order.

pub mod risk;

pub mod line;

pub mod objective;

pub mod constraint;

pub mod squeezed;

pub mod fault;

pub mod problem;

pub mod measure;

pub mod breach;

pub mod limits;

pub mod proof;

pub mod plan;

pub mod conflict;

pub mod optimize;

pub mod frontier;

mod flat;

mod program;

mod feasible;

mod narrow;

mod solve;

mod assemble;

mod convex;

mod branch;

mod standing;

mod rounding;

pub mod clock;

pub mod option;

mod rates;

mod held_options;

pub mod terms;

mod line_risk;

mod mixing;

pub mod simulated;

mod large_days;

pub mod desk;

pub mod scenario;

mod history;

pub mod wish;
pub mod written;

pub mod scheme;

pub mod consequences;

pub mod plans;

pub mod unjudged;
pub mod walk_forward;

pub mod working;

pub mod cover;

/// Model version of the answers of this crate, part of every `SnapshotRef`.
///
/// It changes with every change of code that may alter such an answer, also if the code is in a
/// crate that several services share: then the versions of all services concerned change.
pub const MODEL_VERSION: &str = "hedge-0.21.0";
