//! A history of squeezes whose true chance is known, for tests of the calibration.
//!
//! The chance that a jump begins on the next session is 1 − exp(−h) with
//!
//! ```text
//! h = κ · shock · T/25 % · (floor + max(0, A)²)
//! ```
//!
//! T is short interest over float at the last settlement, A the attention that a name gets, which
//! moves its volume, and `shock` a lognormal number that all names of a week share. No logistic
//! regression on log levels is of this form: the hinge, the square and the weekly shock are none of
//! its assumptions. Jumps have exponential excess, ordinary returns Student-t noise.

use marketdata::{calendar::plus_sessions, day::Day};
use stats::rng::Rng;

/// Parameters of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryParameters {
    /// Number of names.
    pub names: usize,
    /// Number of sessions.
    pub sessions: usize,
    /// Seed of all random draws.
    pub seed: u64,
}

/// A simulated history of short squeezes.
#[derive(Clone, Debug)]
pub struct SqueezeHistory {
    /// The sessions, oldest first.
    pub days: Vec<Day>,
    /// Closes of the index `SPY`.
    pub index: Vec<f64>,
    /// Places of the settlements among the sessions: every tenth.
    pub settlements: Vec<usize>,
    /// The names.
    pub names: Vec<HistoryName>,
}

/// One name.
#[derive(Clone, Debug)]
pub struct HistoryName {
    /// Its ticker.
    pub symbol: String,
    /// A close per session.
    pub closes: Vec<f64>,
    /// Shares traded per session.
    pub volumes: Vec<f64>,
    /// Shares short at each settlement; the float is [`FLOAT`].
    pub shares_short: Vec<f64>,
    /// The chance, after each session, that a jump begins on the next one.
    pub chances: Vec<f64>,
}

/// Floating shares of every name.
pub const FLOAT: f64 = 50e6;
/// First session.
const FIRST_ON: Day = Day::from_epoch(17_897);
/// Sessions between settlements, and from one to its publication.
const SETTLEMENT_EVERY: usize = 10;
/// Publication of a settlement: so many sessions later.
pub const PUBLISHED_AFTER: i32 = 7;
/// κ, and what the hinge is added to.
const RATE: f64 = 0.004;
const FLOOR: f64 = 0.15;
/// Persistence and innovation of attention.
const PERSISTENCE: f64 = 0.96;
const INNOVATION: f64 = 0.28;
/// Standard deviation of the log of the weekly shock.
const SHOCK: f64 = 0.4;
/// Daily volatilities of index and names.
const INDEX_VOLATILITY: f64 = 0.008;
const NAME_VOLATILITY: f64 = 0.02;
/// Least return of a jump over its three sessions, and mean of the excess.
const JUMP: f64 = 0.25;
const EXCESS: f64 = 0.15;
/// Sessions of a jump, and sessions before the next one can begin.
const JUMP_SESSIONS: usize = 3;
const REST: usize = 15;

impl SqueezeHistory {
    /// Generates a history.
    pub fn new(parameters: HistoryParameters) -> SqueezeHistory {
        let HistoryParameters { names, sessions, seed } = parameters;
        let days: Vec<Day> = (1..=sessions as i32).map(|at| plus_sessions(FIRST_ON, at)).collect();
        let mut common = Rng::new(seed, 0);
        let market: Vec<f64> = (0..sessions).map(|_| INDEX_VOLATILITY * common.normal()).collect();
        let shocks: Vec<f64> = (0..sessions.div_ceil(5))
            .map(|_| libm::exp(SHOCK * common.normal() - SHOCK * SHOCK / 2.0))
            .collect();
        let mut index = Vec::with_capacity(sessions);
        for r in &market {
            index.push(index.last().copied().unwrap_or(300.0) * (1.0 + r));
        }
        let name = |at| Path::of(seed, at, &market, &shocks);
        let settlements = (SETTLEMENT_EVERY..sessions).step_by(SETTLEMENT_EVERY).collect();
        SqueezeHistory { days, index, settlements, names: (0..names).map(name).collect() }
    }
}

/// The path of one name while it is drawn.
struct Path {
    rng: Rng,
    attention: f64,
    close: f64,
    ratio: f64,
    settled: f64,
    jump: f64,
    since_jump: usize,
}

impl Path {
    fn of(seed: u64, at: usize, market: &[f64], shocks: &[f64]) -> HistoryName {
        let mut rng = Rng::new(seed, at as u64 + 1);
        let ratio = 0.25 * libm::exp(0.5 * rng.normal());
        let mut path = Path {
            rng,
            attention: 0.0,
            close: 20.0,
            ratio,
            settled: ratio,
            jump: 0.0,
            since_jump: REST,
        };
        let mut name = HistoryName {
            symbol: format!("SQ{at:03}"),
            closes: Vec::new(),
            volumes: Vec::new(),
            shares_short: Vec::new(),
            chances: Vec::new(),
        };
        for (session, r) in market.iter().enumerate() {
            path.step(*r);
            name.closes.push(path.close);
            name.volumes.push(path.volume());
            if session % SETTLEMENT_EVERY == 0 && 0 < session {
                path.settle();
                name.shares_short.push((FLOAT * path.settled).round());
            }
            name.chances.push(path.decide(shocks[session / 5]));
        }
        name
    }

    /// One session: the return, and the attention after it.
    fn step(&mut self, market: f64) {
        // Student's t with four degrees, scaled to unit variance.
        let chi: f64 = (0..4).map(|_| self.rng.normal().powi(2)).sum();
        let noise = self.rng.normal() / (chi / 4.0).sqrt() / std::f64::consts::SQRT_2;
        let jumping = self.since_jump < JUMP_SESSIONS;
        let part = if jumping { self.jump / JUMP_SESSIONS as f64 } else { 0.0 };
        let own = (NAME_VOLATILITY * noise).clamp(-0.3, 0.3);
        self.close *= (1.0 + market + own + part).max(0.5);
        self.since_jump += 1;
        self.attention = PERSISTENCE * self.attention + INNOVATION * self.rng.normal();
    }

    /// Shares traded: attention moves them, and so does a jump.
    fn volume(&mut self) -> f64 {
        let burst = if self.since_jump <= JUMP_SESSIONS { 4.0 } else { 1.0 };
        (2e6 * burst * libm::exp(0.7 * self.attention + 0.2 * self.rng.normal())).round()
    }

    /// A settlement: short interest wanders, and falls after a jump.
    fn settle(&mut self) {
        let covered = if self.since_jump < SETTLEMENT_EVERY { 0.8 } else { 1.02 };
        self.ratio = (self.ratio * covered * libm::exp(0.08 * self.rng.normal())).clamp(0.02, 1.2);
        self.settled = self.ratio;
    }

    /// Decides whether a jump begins on the next session, and returns the chance of it.
    fn decide(&mut self, shock: f64) -> f64 {
        let hinge = FLOOR + self.attention.max(0.0).powi(2);
        let hazard = RATE * shock * self.settled / 0.25 * hinge;
        let (drawn, excess) = (self.rng.uniform(), self.rng.uniform());
        let chance = if REST <= self.since_jump { 1.0 - libm::exp(-hazard) } else { 0.0 };
        if drawn < chance {
            self.jump = JUMP - EXCESS * libm::log(excess);
            self.since_jump = 0;
        }
        chance
    }
}
