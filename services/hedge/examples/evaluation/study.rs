//! Hedges of the trade, session by session, with what was known before.

use crate::files::{FUNDS, LONG, Returns, symbols};
use hedge::{
    constraint::{Constraint, Measure},
    limits::{Caller, SolveLimits},
    line::{Line, Trading},
    objective::{Centring, Objective, RiskTerm, Scenarios},
    optimize::{Answer, optimize},
    problem::{Problem, Statement},
    risk::FactorRisk,
    terms::DAYS_PER_SESSION,
    walk_forward::OutOfSample,
};
use risk::{driver::Driver, like_this};
use stats::{
    covariance,
    ewma::{self, Centre},
    ledoit_wolf,
    matrix::SymmetricMatrix,
    moments::Ddof,
};

/// Sessions before its own that a hedge knows.
pub(crate) const WINDOW: usize = 252;

/// Sessions after which one counts half as much in [`Method::Weighted`].
const HALF_LIFE: f64 = 126.0;

/// Sessions of a block of the jackknife.
const BLOCK: usize = 21;

/// λ of a relative risk aversion of ten on a wealth of one long side, and H in sessions.
const AVERSION: f64 = 5.0;
const HORIZON_SESSIONS: f64 = 10.0;

/// Half a spread and commission of the funds, two basis points; a borrow fee of half a percent a year.
const COST: f64 = 2e-4;
const BORROW_FEE: f64 = 0.005;

const LIMITS: SolveLimits = SolveLimits { max_nodes: 1, relative_gap: 1e-6 };

/// How a hedge is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Least squares on one fund.
    Spy,
    /// Least squares on IWM less QQQ.
    DollarNeutral,
    /// One side each of IWM less QQQ: nothing is fitted.
    Fixed,
    /// Least squares on both.
    Both,
    /// The same with sessions that count half as much after 126 more.
    Weighted,
    /// The plan: variance with a shrunk covariance and costs, from yesterday's hedge on.
    Variance,
    /// The same with the covariance of the window's large days, by the rule of the service.
    LargeDays,
    /// The plan by variance with the worst 5 % of the window's sessions instead.
    Tail,
}

impl Method {
    pub(crate) const ALL: [Method; 8] = [
        Method::Spy,
        Method::Fixed,
        Method::DollarNeutral,
        Method::Both,
        Method::Weighted,
        Method::Variance,
        Method::LargeDays,
        Method::Tail,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Method::Spy => "SPY, least squares",
            Method::DollarNeutral => "QQQ and IWM, dollar-neutral, least squares",
            Method::Fixed => "QQQ and IWM, one side each, not fitted",
            Method::Both => "QQQ and IWM, least squares",
            Method::Weighted => "QQQ and IWM, least squares, half-life 126",
            Method::Variance => "plan by variance: SPY, IWM, QQQ",
            Method::LargeDays => "plan by variance of large days: SPY, IWM, QQQ",
            Method::Tail => "plan by CVaR 95 %: SPY, IWM, QQQ",
        }
    }

    const fn is_plan(self) -> bool {
        matches!(self, Method::Variance | Method::LargeDays | Method::Tail)
    }

    /// Whether it trades a fund.
    fn trades(self, fund: &str) -> bool {
        match self {
            Method::Spy => fund == "SPY",
            Method::Fixed | Method::DollarNeutral | Method::Both | Method::Weighted => {
                fund != "SPY"
            }
            Method::Variance | Method::LargeDays | Method::Tail => true,
        }
    }
}

/// The hedges of a method on every session, and what they did.
#[derive(Debug)]
pub(crate) struct Study {
    pub(crate) method: Method,
    /// Positions of the book by line.
    book: Vec<f64>,
    /// P&L by session as a share of one side of the book, without and with the hedge; costs are not
    /// in it.
    pub(crate) before: Vec<f64>,
    pub(crate) after: Vec<f64>,
    /// Hedges by session and fund, in units of one side of the book.
    pub(crate) hedges: Vec<Vec<f64>>,
    /// Whether the book moved by two standard deviations of its window.
    pub(crate) is_large: Vec<bool>,
}

/// Positions of a book by line: long a seventh of each name, short one of a fund.
fn book(short: &'static str) -> Vec<f64> {
    let held = |symbol: &str| if symbol == short { -1.0 } else { 0.0 };
    let long = LONG.iter().map(|_| 1.0 / LONG.len() as f64);
    long.chain(symbols(short).skip(LONG.len()).map(held)).collect()
}

impl Study {
    /// Hedges every session from a place on. `None` if one has no plan.
    pub(crate) fn of(returns: &Returns, method: Method, first: usize) -> Option<Study> {
        let book = book(returns.short);
        let pnl = |positions: &[f64], at: usize| -> f64 {
            positions.iter().zip(&returns.lines).map(|(p, line)| p * line[at]).sum()
        };
        let mut study = Study {
            method,
            book: book.clone(),
            before: Vec::new(),
            after: Vec::new(),
            hedges: Vec::new(),
            is_large: Vec::new(),
        };
        let mut hedge = vec![0.0; FUNDS.len()];
        for at in first..returns.days.len() {
            let window: Vec<&[f64]> =
                returns.lines.iter().map(|line| &line[at - WINDOW..at]).collect();
            let held = if method.is_plan() { hedge.clone() } else { vec![0.0; FUNDS.len()] };
            hedge = match method {
                Method::Fixed => vec![0.0, 1.0, -1.0],
                _ => self::hedge(&window, method, (&book, returns.short), &held)?,
            };
            let past: Vec<f64> = (at - WINDOW..at).map(|at| pnl(&book, at)).collect();
            let deviation = stats::moments::standard_deviation(&past, Ddof::Sample)?;
            let mut hedged = book.clone();
            hedged[LONG.len()..].iter_mut().zip(&hedge).for_each(|(p, h)| *p += h);
            study.before.push(pnl(&book, at));
            study.after.push(pnl(&hedged, at));
            study.is_large.push(2.0 * deviation <= pnl(&book, at).abs());
            study.hedges.push(hedge.clone());
        }
        Some(study)
    }

    /// Effectiveness over all sessions, with its interval.
    pub(crate) fn out_of_sample(&self) -> Option<OutOfSample> {
        let blocks = self.before.chunks(BLOCK).zip(self.after.chunks(BLOCK));
        let blocks: Vec<(Vec<f64>, Vec<f64>)> =
            blocks.map(|(before, after)| (before.to_vec(), after.to_vec())).collect();
        OutOfSample::of(&blocks, &self.hedges)
    }

    /// The share of the variance of the first sessions that the hedge takes away.
    pub(crate) fn cut_of_first(&self, sessions: usize) -> Option<f64> {
        let variance = |pnl: &[f64]| {
            stats::moments::standard_deviation(&pnl[..sessions], Ddof::Sample).map(|sd| sd * sd)
        };
        Some(1.0 - variance(&self.after)? / variance(&self.before)?)
    }

    /// What the book made a year, as a share of one side.
    pub(crate) fn book_made_a_year(&self) -> f64 {
        252.0 * self.before.iter().sum::<f64>() / self.before.len() as f64
    }

    /// Share of the squares of large days that the hedge takes away, and their number.
    pub(crate) fn large_days(&self) -> (f64, usize) {
        let large = || (0..self.before.len()).filter(|at| self.is_large[*at]);
        let squares = |pnl: &[f64]| -> f64 { large().map(|at| pnl[at] * pnl[at]).sum() };
        (1.0 - squares(&self.after) / squares(&self.before), large().count())
    }

    /// What the hedge made a year besides costs, as a share of one side.
    pub(crate) fn made_a_year(&self) -> f64 {
        let made: f64 = self.after.iter().zip(&self.before).map(|(a, b)| a - b).sum();
        252.0 * made / self.before.len() as f64
    }

    /// Borrow fees and trading costs a year.
    pub(crate) fn cost_a_year(&self) -> f64 {
        let short = |hedge: &Vec<f64>| -> f64 {
            let with = hedge.iter().zip(&self.book[LONG.len()..]);
            with.map(|(h, held)| (-(held + h)).max(0.0) - (-held).max(0.0)).sum()
        };
        let fees: f64 = self.hedges.iter().map(short).sum::<f64>() / self.hedges.len() as f64;
        BORROW_FEE * fees + 252.0 * COST * self.turnover_a_session()
    }

    /// Mean of Σ |change of the hedge| between sessions.
    pub(crate) fn turnover_a_session(&self) -> f64 {
        let change = |pair: &[Vec<f64>]| -> f64 {
            pair[0].iter().zip(&pair[1]).map(|(a, b)| (b - a).abs()).sum()
        };
        self.hedges.windows(2).map(change).sum::<f64>() / (self.hedges.len() - 1) as f64
    }

    /// Place of the session on which the hedge cost most.
    pub(crate) fn worst(&self) -> usize {
        let cost = |at: usize| self.after[at] - self.before[at];
        (0..self.before.len()).min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap_or(0)
    }
}

/// The hedge by fund that a method finds in a window, given yesterday's.
fn hedge(
    window: &[&[f64]],
    method: Method,
    (book, short): (&[f64], &'static str),
    held: &[f64],
) -> Option<Vec<f64>> {
    let problem = Problem::new(statement(window, method, (book, short), held)?).ok()?;
    let Answer::Plan(plan) = optimize(&problem, LIMITS, &Caller::waiting()).ok()? else {
        return None;
    };
    let mut hedge = held.to_vec();
    for trade in &plan.trades {
        hedge[trade.line - LONG.len()] += trade.money;
    }
    Some(hedge)
}

fn statement(
    window: &[&[f64]],
    method: Method,
    (book, short): (&[f64], &'static str),
    held: &[f64],
) -> Option<Statement> {
    let costs = f64::from(u8::from(method.is_plan()));
    let trading = |fund: &str| {
        method.trades(fund).then_some(Trading {
            unit_value: 1.0,
            lot_units: None,
            buy_cost: costs * COST,
            sell_cost: costs * COST,
            impact: 0.0,
            long_carry_per_session: 0.0,
            short_carry_per_session: costs * BORROW_FEE / 360.0 * DAYS_PER_SESSION,
            volume: None,
        })
    };
    let line = |(at, symbol): (usize, &str)| {
        let fund = at.checked_sub(LONG.len()).filter(|fund| *fund < FUNDS.len());
        Line {
            id: symbol.to_owned(),
            held: book[at] + fund.map_or(0.0, |fund| held[fund]),
            exposures: vec![(at, 1.0)],
            loadings: Vec::new(),
            trading: fund.and_then(|fund| trading(FUNDS[fund])),
        }
    };
    let neutral = Constraint {
        id: "net".to_owned(),
        measure: Measure::Net,
        lower: Some(0.0),
        upper: Some(0.0),
    };
    Some(Statement {
        lines: symbols(short).enumerate().map(line).collect(),
        risk: FactorRisk::new(covariance(window, method, book)?, Vec::new()).ok()?,
        objective: Objective {
            risk: risk(window, method, book, held)?,
            horizon_sessions: HORIZON_SESSIONS,
            staying_carry_per_session: 0.0,
        },
        constraints: (method == Method::DollarNeutral).then_some(neutral).into_iter().collect(),
        exclusions: Vec::new(),
        max_lines: None,
        min_ticket: None,
    })
}

/// The sample's for least squares; for plans shrunk towards one factor, the mean of all lines, and for
/// that of large days blended with what these show.
fn covariance(window: &[&[f64]], method: Method, book: &[f64]) -> Option<SymmetricMatrix> {
    if method == Method::Weighted {
        let weights = ewma::weights(WINDOW, ewma::lambda_of_half_life(HALF_LIFE)?)?;
        return covariance::weighted(window, &weights, Centre::Mean);
    }
    if !method.is_plan() {
        return covariance::sample(window, Ddof::Sample);
    }
    let mean = |at: usize| window.iter().map(|line| line[at]).sum::<f64>() / window.len() as f64;
    let market: Vec<f64> = (0..WINDOW).map(mean).collect();
    let usual = ledoit_wolf::single_factor(window, &market)?.covariance;
    match method {
        Method::LargeDays => on_large_days(window, &usual, book),
        _ => Some(usual),
    }
}

/// The covariance on the days on which the book, which is the trade, moved by two of its deviations in
/// the window, or the 30 on which it moved most: the rule of the service for what is known at the end of
/// the window.
fn on_large_days(
    window: &[&[f64]],
    usual: &SymmetricMatrix,
    book: &[f64],
) -> Option<SymmetricMatrix> {
    let pnl = |at: usize| book.iter().zip(window).map(|(p, line)| p * line[at]).sum();
    let trade: Vec<f64> = (0..WINDOW).map(pnl).collect();
    let weights = ewma::weights(WINDOW, ewma::lambda_of_half_life(HALF_LIFE)?)?;
    let deviation = Driver::of(trade.clone(), 0, &weights)?.standard_deviation;
    let coordinates: Vec<Vec<f64>> = window.iter().map(|line| line.to_vec()).collect();
    let days = like_this::days_of(&trade, deviation, &coordinates).ok()?;
    like_this::covariance(usual, &coordinates, &days)
}

fn risk(window: &[&[f64]], method: Method, book: &[f64], held: &[f64]) -> Option<RiskTerm> {
    if method != Method::Tail {
        return Some(RiskTerm::Variance { aversion: AVERSION });
    }
    let mut positions = book.to_vec();
    positions[LONG.len()..].iter_mut().zip(held).for_each(|(position, held)| *position += held);
    let pnl = |at: usize| positions.iter().zip(window).map(|(p, line)| p * line[at]).sum();
    let funds = window[LONG.len()..].iter().take(FUNDS.len());
    let funds = funds.map(|line| line.to_vec()).collect();
    let scenarios = Scenarios::new(0.95, (0..WINDOW).map(pnl).collect(), funds, Centring::Demeaned);
    // As dear as the variance of the same book: λ·H·σ² at σ of 1 % is 0.5 % of one side, and its CVaR
    // is about 2 %.
    Some(RiskTerm::Tail { weight: 0.25, scenarios: scenarios.ok()? })
}
