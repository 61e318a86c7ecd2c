//! SimulateSqueeze: the joint loss of the shorts of a portfolio, and what a crowd then sells.

use super::{merged, shorts, simulate_request::SimulateQuery};
use crate::{
    as_of::AsOf,
    limits,
    refusal::Refusal,
    rpc::{
        envelope::Answer,
        field::Fields,
        look_through, portfolio,
        query::{FromProto as _, Normal, Place, Query, respond},
        scenario::resolve,
        shared::timestamp,
    },
    services::Services,
    telemetry::spans::{Step, step_now},
    views::Pinned,
};
use ::portfolio::lookup::Lookup;
use ::squeeze::{
    calibration::joint_fit::JointFit,
    deleveraging::ROUNDS,
    joint::{
        JointLoss, JointModel, Loss, NoModel,
        contributions::Contributions,
        copula::Copula,
        jump::Excess,
        tail::{Estimate, Quantile, Tail},
    },
    prepared::PreparedSqueeze,
    scenario::{Scenario, ScenarioKind},
    simulation::{Deleveraging, SimulatedBook, SimulatedShort, SimulationTerms, SqueezeCrowd},
};
use contract::v1;
use marketdata::instrument::InstrumentId;
use tonic::{Request, Response, Status};

/// What a path costs again in each tail that it is in, of what its simulation costs.
const TAIL_COST: f64 = 4.0;

/// What valuing an option costs, in draws.
const OPTION_COST: f64 = 15.0;

/// The terms of a simulation, and where they are from.
struct Resolved {
    terms: SimulationTerms,
    echo: v1::SqueezeSimulation,
    correlation: v1::SqueezeTermSource,
    excess: v1::SqueezeTermSource,
}

/// What the work of a simulation follows from.
#[derive(Clone, Copy, Debug)]
struct Work {
    shorts: usize,
    copulas: usize,
    /// Rounds of the crowd, each of which costs as much as a short.
    rounds: usize,
    /// Share of the paths in tails, the sum over tails. What a path adds to them costs up to four
    /// times as much as its simulation, which draws for four paths at once.
    in_tails: f64,
    /// How often an option is valued before any path.
    option_values: usize,
}

impl Work {
    /// Most paths that one call may simulate, an even number.
    fn most_paths(self) -> usize {
        let per_path = self.shorts as f64 * (1.0 + TAIL_COST * self.in_tails) + self.rounds as f64;
        let draws = limits::SIMULATION_DRAWS - OPTION_COST * self.option_values as f64;
        2 * (draws.max(0.0) / (2.0 * per_path * self.copulas as f64)) as usize
    }

    /// What a number of paths must be, in words. Fewer than the least are no number to ask for.
    fn path_limit(self, paths: usize) -> String {
        let of = format!(
            "for {} simulated shorts, these copulas, confidences and crowd, is {paths}",
            self.shorts
        );
        let (most, least) = (self.most_paths(), limits::SIMULATION_PATHS_LEAST);
        match usize::try_from(least).is_ok_and(|least| least <= most) {
            true => format!("must be at most {most} {of}"),
            false => format!(
                "must be at most {most} {of}, and is at least {least}: ask for fewer copulas or \
                 higher confidences, leave the crowd out, or split the portfolio, also if it has \
                 thousands of options"
            ),
        }
    }
}

/// Answers a call. The simulation ends when the caller leaves.
pub(super) async fn simulate(
    services: &Services,
    request: Request<v1::SimulateSqueezeRequest>,
) -> Result<Response<v1::SimulateSqueezeResponse>, Status> {
    let query = step_now(Step::Validate, || SimulateQuery::from_proto(request.into_inner()))?;
    let _waiting = query.caller.waiting();
    Ok(Response::new(respond(services, query).await?))
}

impl Query for SimulateQuery {
    const MODEL: &'static str = ::squeeze::MODEL_VERSION;
    type Prepared = PreparedSqueeze;
    type Response = v1::SimulateSqueezeResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _prepared: &PreparedSqueeze) -> Result<Place, Refusal> {
        Ok(Place::Long)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        prepared: &PreparedSqueeze,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let nothing = v1::Portfolio::default();
        let asked = &self.normal;
        let portfolio = asked.portfolio.as_ref().unwrap_or(&nothing);
        let book =
            portfolio::book(Some(portfolio), &self.netting, &prepared.lookup, &prepared.quotes)?;
        let longs = self.crowd_longs(&prepared.lookup)?;
        let shorts = shorts(&book, self.look_through, prepared);
        let crowd = (self.crowd.as_ref(), &longs[..]);
        let exits = &self.terms.exit_sessions;
        let found = SimulatedBook::of(&prepared.universe, shorts, self.participation, crowd, exits);
        let is_through = self.look_through.is_some();
        let shown = found.book.lines.iter().map(|line| line.name.instrument);
        let held = book.holdings.iter().map(|holding| holding.instrument);
        // Merges of what is held matter for the longs of the crowd, and for funds.
        let names: Vec<InstrumentId> = shown.chain(held).collect();
        let merged = merged(pinned, is_through, &names.iter().copied());
        let resolved = self.resolved(&found.joint);
        let response = v1::SimulateSqueezeResponse {
            distributions: self.distributions(&found, &resolved.terms)?,
            no_distribution: no_distribution(&found).map(Into::into),
            shorts: found.shorts.iter().map(|simulated| short(&found, simulated)).collect(),
            scenarios: scenarios(&found),
            crowd: found.crowd.as_ref().map(crowd_of),
            gross_short: found.book.gross_short,
            share_simulated: found.share_simulated,
            calibrated_at: found.calibrated_at.map(timestamp),
            simulation: Some(resolved.echo),
            correlation_source: resolved.correlation.into(),
            excess_source: resolved.excess.into(),
            crowd_terms: asked.crowd.clone(),
            settings: asked.settings.clone(),
            participation: self.participation.share(),
            unresolved: portfolio::all_unresolved(portfolio, &book),
            currency: portfolio.currency.clone(),
            funds: found.book.funds.iter().map(look_through::fund).collect(),
            ..Default::default()
        };
        let mut gaps = found.book.gaps;
        gaps.extend(found.gaps);
        Ok(Answer::with_coverage(response, gaps, found.book.coverage).with_merged(merged))
    }
}

impl SimulateQuery {
    /// The longs that the request names as the crowd's.
    fn crowd_longs(&self, lookup: &Lookup) -> Result<Vec<InstrumentId>, Refusal> {
        let mut fields = Fields::new();
        let named = self.normal.crowd.iter().flat_map(|crowd| &crowd.longs);
        let mut found = Vec::new();
        for (at, named) in named.enumerate() {
            found.extend(resolve::line(&mut fields, &format!("crowd.longs[{at}]"), named, lookup));
        }
        fields.finish(Some(found))
    }

    /// The terms, with those of the calibration where the request does not say them.
    fn resolved(&self, fit: &JointFit) -> Resolved {
        use v1::SqueezeTermSource::{Assumed, Calibration, Request};
        let asked = self.normal.simulation.clone().unwrap_or_default();
        let mut terms = self.terms.clone();
        let correlation = match (asked.correlation, fit.cautious_correlation()) {
            (Some(_), _) => Request,
            (None, Some(bound)) => {
                terms.correlation = bound;
                Calibration
            }
            (None, None) => Assumed,
        };
        let excess = match (&asked.excess, fit.excess) {
            (Some(_), _) => Request,
            (None, Some(fit)) => {
                terms.excess = Excess { scale: fit.scale.value, shape: fit.shape.value };
                Calibration
            }
            (None, None) => Assumed,
        };
        let Excess { scale, shape } = terms.excess;
        let echo = v1::SqueezeSimulation {
            correlation: Some(terms.correlation),
            excess: Some(v1::SqueezeExcess { scale, shape }),
            ..asked
        };
        Resolved { terms, echo, correlation, excess }
    }

    fn distributions(
        &self,
        found: &SimulatedBook,
        terms: &SimulationTerms,
    ) -> Result<Vec<v1::JointSqueezeLoss>, Refusal> {
        if found.shorts.is_empty() {
            return Ok(Vec::new());
        }
        self.check_work(found)?;
        let made =
            found.simulate(terms, &|| self.caller.has_gone()).map_err(|none| match none {
                // The client no longer waits.
                NoModel::Gone => Refusal::DeadlineExceeded,
                NoModel::Range => Refusal::Failed("invariant: shorts can be simulated".to_owned()),
            })?;
        let distribution =
            |(copula, model, loss)| self.distribution(found, copula, (&model, &loss));
        Ok(made.into_iter().map(distribution).collect())
    }

    /// Refuses more work than one call may cause: the number of paths, and every other field of
    /// which less would be enough.
    fn check_work(&self, found: &SimulatedBook) -> Result<(), Refusal> {
        let (shorts, option_values) = (found.shorts.len(), found.option_values());
        let tails = || self.terms.confidences.iter().map(|level| 1.0 - level);
        let copulas = self.terms.copulas.len();
        let rounds = self.crowd.map_or(0, |_| ROUNDS);
        let work = Work { shorts, copulas, rounds, in_tails: tails().sum(), option_values };
        let paths = 2 * self.terms.pairs;
        let mut fields = Fields::new();
        if work.most_paths() < paths {
            let of = format!("{shorts} simulated shorts");
            fields.add("simulation.path_count", work.path_limit(paths));
            let highest = tails().fold(1.0, f64::min);
            for (field, one, less) in [
                ("simulation.copulas", "one copula", Work { copulas: 1, ..work }),
                ("simulation.confidences", "the highest alone", Work { in_tails: highest, ..work }),
                ("crowd", "absent", Work { rounds: 0, ..work }),
            ] {
                if paths <= less.most_paths() {
                    fields.add(field, format!("must be {one} for {paths} paths of {of}"));
                }
            }
        }
        fields.finish(Some(()))
    }

    fn distribution(
        &self,
        found: &SimulatedBook,
        copula: Copula,
        (model, loss): (&JointModel, &JointLoss),
    ) -> v1::JointSqueezeLoss {
        let has_crowd = found.crowd.is_some();
        let whole = loss.whole.tails.iter().zip(&loss.contributions).map(|(tail, parts)| {
            let (contributions, longs) = contributions(model, parts);
            v1::SqueezeTail {
                contributions,
                longs_contribution: has_crowd.then_some(longs),
                ..plain_tail(tail)
            }
        });
        let exit = |(stage, (session, left)): (usize, (&u16, &Loss))| v1::SqueezeExitLoss {
            session: i32::from(*session),
            share_left: found.share_left(stage),
            mean_loss: Some(number(left.mean)),
            tails: left.tails.iter().map(plain_tail).collect(),
        };
        let count = |(count, probability): (i32, &Estimate)| v1::SqueezeCount {
            count,
            probability: Some(number(*probability)),
        };
        v1::JointSqueezeLoss {
            copula: match copula {
                Copula::Gaussian => v1::SqueezeCopula::Gaussian,
                Copula::StudentT4 => v1::SqueezeCopula::StudentT4,
            }
            .into(),
            mean_loss: Some(number(loss.whole.mean)),
            counts: (1..).zip(&loss.at_least).map(count).collect(),
            tails: whole.collect(),
            exits: self.terms.exit_sessions.iter().zip(&loss.left).enumerate().map(exit).collect(),
            quantiles: loss.quantiles.iter().map(quantile).collect(),
        }
    }
}

fn no_distribution(found: &SimulatedBook) -> Option<v1::NoSqueezeDistribution> {
    match found.calibrated_at {
        None => Some(v1::NoSqueezeDistribution::NotCalibrated),
        Some(_) => found.shorts.is_empty().then_some(v1::NoSqueezeDistribution::NoShort),
    }
}

const fn number(estimate: Estimate) -> v1::SimulatedNumber {
    v1::SimulatedNumber { value: estimate.value, standard_error: estimate.error }
}

const fn quantile(quantile: &Quantile) -> v1::SqueezeLossQuantile {
    v1::SqueezeLossQuantile { level: quantile.level, loss: Some(number(quantile.loss)) }
}

/// A tail without contributions.
fn plain_tail(tail: &Tail) -> v1::SqueezeTail {
    v1::SqueezeTail {
        confidence: tail.confidence,
        value_at_risk: Some(number(tail.value_at_risk)),
        expected_shortfall: Some(number(tail.expected_shortfall)),
        contributions: Vec::new(),
        longs_contribution: None,
    }
}

/// What the shorts add, the largest first, and what the longs add.
fn contributions(
    model: &JointModel,
    parts: &Contributions,
) -> (Vec<v1::SqueezeTailContribution>, v1::SimulatedNumber) {
    let mut order: Vec<(&str, Estimate)> = model
        .shorts()
        .iter()
        .map(|s| s.symbol.as_str())
        .zip(parts.shorts.iter().copied())
        .collect();
    order.sort_by(|a, b| b.1.value.total_cmp(&a.1.value).then_with(|| a.0.cmp(b.0)));
    let row = |(symbol, estimate): (&str, Estimate)| v1::SqueezeTailContribution {
        symbol: symbol.to_owned(),
        contribution: Some(number(estimate)),
    };
    (order.into_iter().map(row).collect(), number(parts.longs))
}

fn short(found: &SimulatedBook, simulated: &SimulatedShort) -> v1::SimulatedShort {
    let (line, short) = (&found.book.lines[simulated.line], &simulated.short);
    v1::SimulatedShort {
        symbol: short.symbol.clone(),
        market_value: line.market_value,
        squeeze_probability: short.probability,
        squeeze_threshold: short.jump.threshold,
        sixty_session_volatility: short.jump.daily_volatility,
        days_to_cover_at_normal_volume: short.jump.days_to_cover,
        exit_days_at_normal_volume: line.exit.normal.ok(),
        crowd_market_value: short.crowd_value,
    }
}

fn crowd_of(crowd: &SqueezeCrowd) -> v1::SqueezeCrowd {
    v1::SqueezeCrowd {
        assets: crowd.assets,
        short_market_value: crowd.short_value,
        gain: crowd.holders.gain(),
        stable: crowd.holders.is_stable(),
        first_order_multiplier: crowd.holders.first_order_multiplier(),
        own_longs: crowd.own_longs,
    }
}

fn scenarios(found: &SimulatedBook) -> Vec<v1::SqueezeLossScenario> {
    let scenario = |(at, scenario): (usize, &Scenario)| {
        let deleveraging = found.deleveraging.get(at).map(deleveraging);
        let symbol = |line: &usize| found.book.lines[*line].symbol.clone();
        v1::SqueezeLossScenario {
            all_heavily_short: scenario.kind == ScenarioKind::Crowd,
            symbols: scenario.lines.iter().map(symbol).collect(),
            pnl: scenario.pnl,
            total_pnl: scenario.pnl + deleveraging.as_ref().map_or(0.0, |all| all.longs_pnl),
            deleveraging,
        }
    };
    found.book.scenarios.iter().enumerate().map(scenario).collect()
}

fn deleveraging(made: &Deleveraging) -> v1::SqueezeDeleveraging {
    v1::SqueezeDeleveraging {
        first_loss: made.first_loss,
        total_loss: made.total_loss,
        multiplier: made.multiplier,
        round_count: made.rounds as i32,
        sold: made.sold,
        price_fall: made.price_fall,
        exhausted: made.is_exhausted,
        longs_pnl: made.longs_pnl,
        cut_off: made.is_cut_off,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 200 m draws of 1,000 shorts, one copula and a tail of 1 %: 1,000·1.04 draws a path are 192,307
    /// paths, of which an even number. Of 100,000 shorts two copulas and tails of a half leave 333, fewer
    /// than a request may have.
    #[test]
    fn a_limit_below_the_least_says_what_else_to_change() {
        let work = Work { shorts: 1_000, copulas: 1, rounds: 0, in_tails: 0.01, option_values: 0 };
        assert_eq!(work.most_paths(), 192_306);
        // 10,000 options at 1,025 jumps cost 153.75 m draws; 46.25 m are 44,471 paths, and 14,000
        // options more than there are.
        let of_options = |options: usize| Work { option_values: 1_025 * options, ..work };
        assert_eq!(of_options(10_000).most_paths(), 44_470);
        assert_eq!(of_options(14_000).most_paths(), 0);
        assert!(!work.path_limit(200_000).contains("at least"));
        let work = Work { shorts: 100_000, copulas: 2, in_tails: 0.5, ..work };
        assert_eq!(work.most_paths(), 332);
        let said = work.path_limit(2_000);
        assert!(said.contains("at most 332") && said.contains("at least 2000"), "{said}");
    }
}
