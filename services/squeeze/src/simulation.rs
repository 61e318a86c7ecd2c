//! The joint loss of the shorts of a book: which of them can be simulated, with which numbers, and
//! the crowd that sells longs, in the simulation and in scenarios without probabilities.

use crate::{
    assess::{ShortBook, ShortLine, assess},
    calibration::{joint_fit::JointFit, stored::stored},
    deleveraging::{End, FirstLoss, Holders},
    exit::{Participation, share_left},
    joint::{
        Crowd, JointLoss, JointModel, KNOTS, NoModel, Short, Simulation, copula::Copula,
        jump::Excess, jump::Jump,
    },
    measure::Measured,
    scenario::Scenario,
    sentence::sentence,
    shorts::{Long, Shorts},
    universe::Universe,
};
use factors::squeeze_threshold::squeeze_threshold;
use marketdata::{
    gap::{Gap, GapReason, Subject},
    instant::Instant,
    instrument::InstrumentId,
};
use portfolio::coverage::share;

/// How to simulate.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulationTerms {
    /// One distribution per copula.
    pub copulas: Vec<Copula>,
    /// ρ, 0 to below 1.
    pub correlation: f64,
    /// Excess of jumps.
    pub excess: Excess,
    /// Largest jump, a decimal return above 0.
    pub cap: f64,
    /// Number of pairs of paths, at least 2.
    pub pairs: usize,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Confidences of the tails, inside (0, 1).
    pub confidences: Vec<f64>,
    /// Sessions of buying back after which the loss of what is left is given.
    pub exit_sessions: Vec<u16>,
}

/// A crowd that is short what the market is short of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrowdTerms {
    /// Its share of the short interest of every name, 0 to 1.
    pub share_of_short_interest: f64,
    /// Market value of its longs, 0 or more. `None`: as much as it is short over all names.
    pub assets: Option<f64>,
    /// Longs / equity, 1 or more.
    pub leverage: f64,
    /// Fall of the price of its longs if it sold all of them, 0 to 1.
    pub price_fall_of_all: f64,
    /// Rise of its margin per unit of that fall, 0 or more.
    pub margin_rise: f64,
}

/// A crowd in a view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SqueezeCrowd {
    /// Market value of its longs.
    pub assets: f64,
    /// Market value that it is short over all names with a known short interest and price.
    pub short_value: f64,
    /// Its leverage and the impact of its sales.
    pub holders: Holders,
    /// Market value of the book's own longs that fall with its sales.
    pub own_longs: f64,
    share_of_short_interest: f64,
    /// What a unit of the currency of the book is worth in dollars.
    usd_per_unit: f64,
}

/// A short that is simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedShort {
    /// Index among the lines of the book.
    pub line: usize,
    /// What is simulated of it.
    pub short: Short,
}

/// What a crowd does in a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deleveraging {
    /// Its loss on the squeezed shorts of the book.
    pub first_loss: f64,
    /// All its losses.
    pub total_loss: f64,
    /// Total / first loss. `None` without a loss.
    pub multiplier: Option<f64>,
    /// Number of rounds that were played.
    pub rounds: usize,
    /// What it sold.
    pub sold: f64,
    /// Fall of the price of its longs, 0 to 1.
    pub price_fall: f64,
    /// Whether its losses reached its equity.
    pub is_exhausted: bool,
    /// Whether its rounds had not died out when they were cut off; what follows was computed.
    pub is_cut_off: bool,
    /// P&L of the book's own longs, at most 0.
    pub longs_pnl: f64,
}

/// A short book ready to be simulated.
#[derive(Clone, Debug)]
pub struct SimulatedBook {
    /// The assessed shorts.
    pub book: ShortBook,
    /// When the calibration was made that gives the probabilities. `None`: there is none.
    pub calibrated_at: Option<Instant>,
    /// What it says of the sizes and the clustering of squeezes.
    pub joint: JointFit,
    /// The shorts that are simulated, in the order of the lines of the book.
    pub shorts: Vec<SimulatedShort>,
    /// Their value / gross short, 0 to 1. `None` without shorts.
    pub share_simulated: Option<f64>,
    /// The crowd.
    pub crowd: Option<SqueezeCrowd>,
    /// What each scenario of the book makes the crowd do. Empty without a crowd.
    pub deleveraging: Vec<Deleveraging>,
    /// Shorts that are not simulated, each with its share of gross.
    pub gaps: Vec<Gap>,
}

impl SimulatedBook {
    /// The shorts of a book. `own_longs` are the names whose longs fall with the crowd's sales;
    /// empty for all of them.
    pub fn of(
        universe: &Universe,
        shorts: Shorts<'_>,
        participation: Participation,
        (crowd, own_longs): (Option<&CrowdTerms>, &[InstrumentId]),
        exit_sessions: &[u16],
    ) -> SimulatedBook {
        let gross = shorts.gross;
        let own_longs = long_value(&shorts.longs, own_longs);
        let rate = universe.usd_per_unit_now();
        let mut gaps: Vec<Gap> = match (crowd, rate) {
            (Some(_), Err(reason)) => vec![no_crowd(reason)],
            _ => Vec::new(),
        };
        let crowd = crowd.zip(rate.ok());
        let crowd = crowd.and_then(|terms| SqueezeCrowd::of(universe, terms, own_longs));
        let book = assess(universe, shorts, participation);
        let calibration = stored(universe.snapshot());
        let calibration = calibration.filter(|found| found.calibration.is_calibrated());
        let mut simulated = Vec::new();
        match &calibration {
            None => gaps.push(not_calibrated()),
            Some(_) => {
                for (at, line) in book.lines.iter().enumerate() {
                    match simulated_short(universe, line, crowd.as_ref(), exit_sessions) {
                        Ok(short) => simulated.push(SimulatedShort { line: at, short }),
                        Err(gap) => {
                            gaps.extend(gap.map(|g| g.of_gross(-line.market_value / gross)));
                        }
                    }
                }
                gaps.extend(simulated.iter().filter_map(|s| never_left(&book.lines[s.line])));
            }
        }
        let value: f64 = simulated.iter().map(|simulated| simulated.short.value).sum::<f64>() + 0.0;
        let deleverage = |crowd: &SqueezeCrowd| {
            book.scenarios.iter().map(|scenario| crowd.deleveraging(&book, scenario)).collect()
        };
        SimulatedBook {
            deleveraging: crowd.as_ref().map_or_else(Vec::new, deleverage),
            joint: calibration.as_ref().map_or(JointFit::NONE, |found| found.calibration.joint),
            calibrated_at: calibration.map(|found| found.known_at),
            share_simulated: share(value, book.gross_short),
            shorts: simulated,
            crowd,
            gaps,
            book,
        }
    }

    /// How often an option is valued before any path is simulated.
    pub fn option_values(&self) -> usize {
        KNOTS * self.shorts.iter().map(|simulated| simulated.short.options.count()).sum::<usize>()
    }

    /// The joint losses, one per copula of the terms, on the threads of the caller's pool, with
    /// contributions in the order of [`JointModel::shorts`].
    ///
    /// # Errors
    /// [`NoModel`].
    pub fn simulate(
        &self,
        terms: &SimulationTerms,
        has_gone: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<(Copula, JointModel, JointLoss)>, NoModel> {
        let mut found: Vec<(Copula, JointModel, JointLoss)> = Vec::new();
        for copula in &terms.copulas {
            let model = match found.first() {
                Some((_, model, _)) => model.with_copula(*copula)?,
                None => self.model(*copula, terms, has_gone)?,
            };
            let loss = model.simulate(&terms.confidences, has_gone).ok_or(NoModel::Gone)?;
            found.push((*copula, model, loss));
        }
        Ok(found)
    }

    fn model(
        &self,
        copula: Copula,
        terms: &SimulationTerms,
        has_gone: &(dyn Fn() -> bool + Sync),
    ) -> Result<JointModel, NoModel> {
        let &SimulationTerms { correlation, excess, cap, pairs, seed, .. } = terms;
        let simulation = Simulation { copula, correlation, excess, cap, pairs, seed };
        let shorts = self.shorts.iter().map(|simulated| simulated.short.clone()).collect();
        let crowd =
            self.crowd.map(|SqueezeCrowd { holders, own_longs, .. }| Crowd { holders, own_longs });
        JointModel::new(shorts, crowd, simulation, has_gone)
    }

    /// Share of the simulated value that is left at a stage of buying back.
    pub fn share_left(&self, stage: usize) -> f64 {
        let value: f64 = self.shorts.iter().map(|simulated| simulated.short.value).sum();
        let left = self.shorts.iter().map(|s| s.short.value * s.short.left[stage]);
        left.sum::<f64>() / value
    }
}

impl SqueezeCrowd {
    /// `None` if a number is out of its range.
    fn of(
        universe: &Universe,
        (terms, usd_per_unit): (&CrowdTerms, f64),
        own_longs: f64,
    ) -> Option<SqueezeCrowd> {
        let share_of_short_interest = terms.share_of_short_interest;
        let market: f64 =
            universe.names().iter().filter_map(|name| name.short_interest_usd().ok()).sum();
        // The sum of nothing is -0.0.
        let short_value = share_of_short_interest * (market / usd_per_unit) + 0.0;
        let assets = terms.assets.unwrap_or(short_value);
        // Less than a unit of money moves no price.
        let impact = if 1.0 <= assets { terms.price_fall_of_all / assets } else { 0.0 };
        let holders = Holders::new(assets, terms.leverage, impact)?;
        let holders = holders.with_margin_rise(terms.margin_rise)?;
        Some(SqueezeCrowd {
            assets,
            short_value,
            holders,
            own_longs,
            share_of_short_interest,
            usd_per_unit,
        })
    }

    /// What it is short of the name of a line; 0 if no short interest is known.
    fn short_of(&self, line: &ShortLine) -> f64 {
        let held = |usd: f64| self.share_of_short_interest * (usd / self.usd_per_unit);
        line.name.short_interest_usd().map_or(0.0, held)
    }

    /// What a scenario makes it do.
    fn deleveraging(&self, book: &ShortBook, scenario: &Scenario) -> Deleveraging {
        let loss = |line: &ShortLine| {
            self.short_of(line) * line.name.volatility().map_or(0.0, squeeze_threshold)
        };
        let first_loss = scenario.lines.iter().map(|line| loss(&book.lines[*line])).sum();
        let spiral = self.holders.spiral(FirstLoss::Elsewhere(first_loss));
        let price_fall = spiral.price_fall.min(1.0);
        Deleveraging {
            first_loss,
            // The sum of nothing is -0.0, and so is the loss of nothing.
            total_loss: spiral.total() + 0.0,
            multiplier: spiral.multiplier(),
            rounds: spiral.losses.len(),
            sold: spiral.sold,
            price_fall,
            is_exhausted: spiral.end == End::Exhausted,
            is_cut_off: spiral.end == End::CutOff,
            longs_pnl: 0.0 - self.own_longs * price_fall,
        }
    }
}

/// Value of the longs in some names, or of all longs if there are none.
fn long_value(longs: &[Long], names: &[InstrumentId]) -> f64 {
    let is_one = |long: &&Long| names.is_empty() || names.contains(&long.instrument);
    longs.iter().filter(is_one).map(|long| long.market_value).sum::<f64>() + 0.0
}

/// What is simulated of a line; otherwise why not, unless the assessment says so.
fn simulated_short(
    universe: &Universe,
    line: &ShortLine,
    crowd: Option<&SqueezeCrowd>,
    exit_sessions: &[u16],
) -> Result<Short, Option<Gap>> {
    let gap = |reason: GapReason, detail: &str| {
        let detail = format!("not simulated: {detail}");
        Some(Gap::new(reason, Subject::symbol(&line.symbol), detail))
    };
    let score = line.place.and_then(|place| universe.score(place));
    if score.is_none() {
        return Err(None);
    }
    let probability = line.place.and_then(|place| universe.probability(place)).ok_or_else(|| {
        let detail = "the market is not heavily short of it, and the calibration says nothing about \
                      such names";
        gap(GapReason::InputMissing, detail)
    })?;
    let known = |measured: Measured| measured.map_err(|why| gap(why, sentence(why)));
    let daily_volatility = known(line.name.volatility())?;
    let days_to_cover = known(line.name.days_to_cover_at_normal_volume())?;
    let threshold = squeeze_threshold(daily_volatility);
    let left = |sessions: &u16| line.exit.normal.map_or(1.0, |days| share_left(days, *sessions));
    Ok(Short {
        symbol: line.symbol.clone(),
        value: -line.market_value,
        options: line.options.clone(),
        left: exit_sessions.iter().map(left).collect(),
        crowd_value: crowd.map_or(0.0, |crowd| crowd.short_of(line)),
        probability,
        jump: Jump { threshold, daily_volatility, days_to_cover },
    })
}

fn no_crowd(reason: GapReason) -> Gap {
    let detail = "the crowd is left out: the market's short interest has no rate that converts it to \
                  the currency of the portfolio";
    Gap::new(reason, Subject::number_of("", "crowd"), detail)
}

fn not_calibrated() -> Gap {
    let detail = "the newest calibration as of the view does not meet its requirements, or there is \
                  none: squeezes have no probabilities, so there is no distribution of losses, only scenarios";
    Gap::new(GapReason::InputMissing, Subject::number_of("", "squeeze_probability"), detail)
}

/// The gap of a line whose time of exit is not known.
fn never_left(line: &ShortLine) -> Option<Gap> {
    let reason = line.exit.normal.err()?;
    let subject = Subject::number_of(&line.symbol, "exit_days_at_normal_volume");
    let detail = format!("counts as not bought back at all: {}", sentence(reason));
    Some(Gap::new(reason, subject, detail))
}
