//! Hypothetical scenarios ready to be run, made with what a view knows.
//!
//! The story behind them is the crowded trade's, long megacaps and short small caps. What they assume
//! is in their descriptions, and what of it the view lacks in [`Missing`].

use crate::{
    library::{NamedWindow, PublishedMove, ROTATION_DAY},
    shock::{Basket, Hypothetical, Shock, Target},
};
use factors::roles::Role;
use marketdata::instrument::InstrumentId;
use risk::{factor_view::FactorView, series::Series};

/// A ready scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// Its id.
    pub scenario_id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// What it assumes.
    pub description: &'static str,
    /// The scenario, or all that the view lacks for it.
    pub scenario: Result<Hypothetical, Vec<Missing>>,
}

/// What a ready scenario lacks.
#[derive(Clone, Debug, PartialEq)]
pub enum Missing {
    /// A series without moves in the history of the factors.
    Series(Series),
    /// A megacap without a market value.
    MarketValue(String),
    /// The probability of a cut as priced now, which the caller gives.
    CutProbability,
}

/// What a view does not hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GivenInputs {
    /// Probability of a cut of 25 basis points at the next meeting as priced now, 0 to 1.
    pub cut_probability: Option<f64>,
}

/// Sessions of ten weeks.
const TEN_WEEKS: u32 = 50;

/// What the seven megacaps lose, USD.
const LOSS_USD: f64 = 500e9;

/// A cut, basis points.
const CUT_BP: f64 = 25.0;

/// The ids of all ready scenarios, in the order of [`ready`].
pub const IDS: [&str; 6] =
    [SMALL_CAPS_UP, MEGACAPS_DOWN, CUT_FULLY_PRICED, PUBLISHED_MOVES, TWICE, GIVEN_BACK];

/// The one that needs [`GivenInputs::cut_probability`].
pub const CUT_FULLY_PRICED: &str = "cut_fully_priced";
const SMALL_CAPS_UP: &str = "small_caps_up_40_in_ten_weeks";
const MEGACAPS_DOWN: &str = "megacaps_lose_500bn";
const PUBLISHED_MOVES: &str = "rotation_2024_07_11_published";
const TWICE: &str = "rotation_2024_07_11_twice";
const GIVEN_BACK: &str = "yields_hold_and_small_caps_give_back";

/// Every ready scenario.
pub fn ready(model: &FactorView<'_>, given: GivenInputs) -> Vec<Ready> {
    let cut = given.cut_probability.ok_or_else(|| vec![Missing::CutProbability]);
    let to_cut = |now: f64| series(model, &[(Role::TwoYear, -CUT_BP * (1.0 - now))], 1);
    vec![
        row(
            [SMALL_CAPS_UP, "Small caps rise by 40 % in ten weeks"],
            "The small-cap index returns 40 % over 50 sessions; all else follows as it has moved \
             with it.",
            series(model, &[(Role::SmallCapIndex, 0.4)], TEN_WEEKS),
        ),
        row(
            [MEGACAPS_DOWN, "Seven megacaps lose 500 billion dollars"],
            "The configured megacaps lose 500 billion USD of market value in one session, \
             together; how it is shared among them follows from how they move.",
            megacaps(model),
        ),
        row(
            [CUT_FULLY_PRICED, "A cut is priced with certainty"],
            "The two-year yield falls by 25 bp times what is not priced yet. A cut that is certain \
             also changes the paths after it; this is its first step only.",
            cut.and_then(to_cut),
        ),
        row(
            [PUBLISHED_MOVES, "2024-07-11 by its published index moves"],
            "Published moves of the S&P 500, the Nasdaq Composite and the Russell 2000 on \
             2024-07-11, rounded to a tenth of a per cent; names follow as they have moved with \
             them.",
            published(model, 1),
        ),
        row(
            [TWICE, "The rotation of 2024-07-11 twice in a row"],
            "The published moves on two sessions, compounded.",
            published(model, 2),
        ),
        row(
            [GIVEN_BACK, "Yields hold, and small caps give it back"],
            "Two-year and ten-year yields stay, and the small-cap index loses what it won over the \
             last ten weeks, in as many sessions; nothing if it won nothing.",
            give_back(model),
        ),
    ]
}

/// Shocks and the sessions that they take, or what the view lacks for them.
type Made = Result<(Vec<Shock>, u32), Vec<Missing>>;

fn row([scenario_id, name]: [&'static str; 2], description: &'static str, made: Made) -> Ready {
    let scenario = made.map(|(shocks, sessions)| Hypothetical {
        scenario_id: scenario_id.to_owned(),
        sessions,
        shocks,
    });
    Ready { scenario_id, name, description, scenario }
}

fn series(model: &FactorView<'_>, moves: &[(Role, f64)], sessions: u32) -> Made {
    let missing: Vec<Missing> = moves
        .iter()
        .map(|(role, _)| Series::Role(*role))
        .filter(|series| model.moves(*series).is_none())
        .map(Missing::Series)
        .collect();
    if !missing.is_empty() {
        return Err(missing);
    }
    let shock = |(role, size): &(Role, f64)| Shock {
        target: Target::Series(Series::Role(*role)),
        size: *size,
    };
    Ok((moves.iter().map(shock).collect(), sessions))
}

fn megacaps(model: &FactorView<'_>) -> Made {
    let snapshot = &model.risk.snapshot;
    let (mut weights, mut missing) = (Vec::new(), Vec::new());
    for issuer in &model.roles.megacaps {
        let lines = issuer.lines(snapshot);
        let values: Vec<(InstrumentId, f64)> =
            lines.filter_map(|(_, id)| Some((id, model.risk.size(id)?.line.usd))).collect();
        if values.is_empty() {
            missing.push(Missing::MarketValue(issuer.name.clone()));
        }
        weights.extend(values);
    }
    let value: f64 = weights.iter().map(|(_, usd)| usd).sum();
    if !missing.is_empty() || value <= 0.0 {
        return Err(missing);
    }
    let basket = Basket { name: "megacaps".to_owned(), weights };
    // They cannot lose more than they are worth.
    let size = (-LOSS_USD / value).max(-1.0);
    Ok((vec![Shock { target: Target::Basket(basket), size }], 1))
}

/// The published moves that shock an index of most of the market; the Dow's 30 names add nothing.
fn published(model: &FactorView<'_>, times: i32) -> Made {
    let moves = NamedWindow::find(ROTATION_DAY).map_or(&[][..], |window| window.published);
    let is_used = |known: &&PublishedMove| known.role != Role::Dow;
    let grown = |size: f64| (0..times).fold(1.0, |grown, _| grown * (1.0 + size));
    let compounded = |known: &PublishedMove| (known.role, grown(known.size) - 1.0);
    let moves: Vec<(Role, f64)> = moves.iter().filter(is_used).map(compounded).collect();
    series(model, &moves, times.unsigned_abs())
}

fn give_back(model: &FactorView<'_>) -> Made {
    let small = model.moves(Series::Role(Role::SmallCapIndex)).unwrap_or_default();
    let last = &small[small.len().saturating_sub(TEN_WEEKS as usize)..];
    let grown = last.iter().filter(|r| r.is_finite()).fold(1.0, |grown, r| grown * (1.0 + r));
    let back = (1.0 / grown - 1.0).min(0.0);
    let moves = [(Role::TwoYear, 0.0), (Role::TenYear, 0.0), (Role::SmallCapIndex, back)];
    series(model, &moves, TEN_WEEKS)
}
