//! The problem of a desk under a wish, for each of three schemes.
//!
//! The trades of [`Scheme::Cut`] and of [`Scheme::Overlay`] are also trades of [`Scheme::Both`], at
//! the same cost, so that the latter is never worse. What a scheme does not trade stays as it is,
//! and its cost of carry is in the objective of every scheme: equal trades have equal objectives.

use crate::{
    clock::SessionMinute,
    constraint::{Constraint, Exclusion, ExclusionRule, MaxLines, Measure, MinTicket, Weights},
    desk::{Desk, DeskLine},
    line::{Line, Trading},
    line_risk::LineRisk,
    objective::{Centring, Objective, RiskTerm, Scenarios},
    option::LineOption,
    problem::{Problem, Statement},
    squeezed,
    terms::{DAYS_PER_SESSION, RATE_DAYS},
    wish::{
        Aim, BOUGHT_PREFIX, CUT_PREFIX, LINES_ID, Limit, Meaning, PARTICIPATION_ID, SQUEEZE_ID,
        SQUEEZE_SHARE_LEAST, SQUEEZED_SHORTS, SqueezeBudget, TICKET_ID, Wish, WishFault,
    },
    written::excluded_by,
};
use marketdata::instrument::InstrumentId;
use std::collections::BTreeMap;

/// What may trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// Positions of the book, towards zero only.
    Cut,
    /// Instruments only.
    Overlay,
    /// Both.
    Both,
}

impl Scheme {
    /// All, in the order of answers.
    pub const ALL: [Scheme; 3] = [Scheme::Cut, Scheme::Overlay, Scheme::Both];

    /// Whether a line trades, and whether towards zero only.
    fn trades(self, line: &DeskLine) -> Option<Range> {
        if !line.can_trade() {
            return None;
        }
        match self {
            Scheme::Cut => line.is_position.then_some(Range::TowardsZero),
            Scheme::Overlay => line.is_instrument.then_some(Range::Free),
            Scheme::Both if line.is_instrument => Some(Range::Free),
            Scheme::Both => Some(Range::TowardsZero),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    Free,
    TowardsZero,
}

impl Desk<'_> {
    /// Whether the trade has a series, so that betas to it are known.
    #[must_use]
    pub fn has_trade(&self) -> bool {
        self.view.trade.is_some()
    }

    /// Whether a scheme trades anything.
    #[must_use]
    pub fn trades_anything(&self, scheme: Scheme) -> bool {
        self.lines.iter().any(|line| scheme.trades(line).is_some())
    }

    /// The problem of a scheme.
    ///
    /// # Errors
    /// Every [`WishFault`].
    pub fn problem(&self, scheme: Scheme, wish: &Wish) -> Result<Problem, Vec<WishFault>> {
        self.problem_with(scheme, wish, (&self.risk, self.history.sessions()))
    }

    /// The same with the risk of an earlier time, and the first sessions of the history alone.
    pub(crate) fn problem_with(
        &self,
        scheme: Scheme,
        wish: &Wish,
        (risk, sessions): (&LineRisk, usize),
    ) -> Result<Problem, Vec<WishFault>> {
        let wording = Wording { desk: self, scheme };
        let (mut constraints, mut faults) = wording.limits(&wish.limits);
        constraints.extend(wording.cuts());
        constraints.extend(wording.bought(wish));
        constraints.extend(self.written_limits(wish, &|line| wording.is_traded(line)));
        constraints.extend(self.written_notional(wish, &|line| wording.is_traded(line)));
        constraints.extend(wish.participation.map(|share| Constraint {
            id: PARTICIPATION_ID.to_owned(),
            measure: Measure::Participation,
            lower: None,
            upper: Some(share),
        }));
        constraints.extend(self.squeeze_budget(wish.squeeze, risk));
        let exclusions = wording.exclusions(wish, &mut faults);
        let objective = match wording.objective(wish, (risk, sessions)) {
            Ok(objective) if faults.is_empty() => objective,
            found => {
                faults.extend(found.err());
                return Err(faults);
            }
        };
        Problem::new(Statement {
            lines: wording.lines(risk),
            risk: risk.risk.clone(),
            objective,
            constraints,
            exclusions,
            max_lines: wish.max_lines.map(|count| MaxLines { id: LINES_ID.to_owned(), count }),
            min_ticket: wish.min_ticket.map(|money| MinTicket { id: TICKET_ID.to_owned(), money }),
        })
        .map_err(|found| found.into_iter().map(WishFault::Problem).collect())
    }

    fn squeeze_budget(&self, budget: SqueezeBudget, risk: &LineRisk) -> Option<Constraint> {
        let losses: Vec<f64> = self.thresholds_of(risk);
        let most = self.squeeze_limit_with(budget, risk)?;
        Some(Constraint {
            id: SQUEEZE_ID.to_owned(),
            measure: Measure::WorstShorts {
                count: SQUEEZED_SHORTS,
                losses,
                options: self.squeezed.clone(),
            },
            lower: None,
            upper: Some(most),
        })
    }

    /// The most that the largest shorts may lose, in money. `None`: not limited.
    #[must_use]
    pub fn squeeze_limit(&self, budget: SqueezeBudget) -> Option<f64> {
        self.squeeze_limit_with(budget, &self.risk)
    }

    fn squeeze_limit_with(&self, budget: SqueezeBudget, risk: &LineRisk) -> Option<f64> {
        match budget {
            SqueezeBudget::Off => None,
            SqueezeBudget::Most(money) => Some(money),
            SqueezeBudget::NotMore => {
                let held: Vec<f64> = self.held().collect();
                let looked_through = risk.looked_through(held.iter().copied());
                let beyond = self.squeezed.beyond(&held);
                let lost = squeezed::losses(&self.thresholds_of(risk), &looked_through, &beyond);
                let now = squeezed::worst(lost, SQUEEZED_SHORTS);
                Some(now.max(SQUEEZE_SHARE_LEAST * self.gross()))
            }
        }
    }

    /// θ by source of a risk with the same instruments.
    fn thresholds_of(&self, risk: &LineRisk) -> Vec<f64> {
        debug_assert_eq!(risk.sources, self.risk.sources, "invariant: risks share their sources");
        self.thresholds.clone()
    }
}

/// Puts a wish into the words of the solver.
struct Wording<'a> {
    desk: &'a Desk<'a>,
    scheme: Scheme,
}

impl Wording<'_> {
    fn lines(&self, risk: &LineRisk) -> Vec<Line> {
        let left = self.desk.clock.volume_until(SessionMinute::CLOSE);
        let trading = |line: &DeskLine| {
            self.scheme.trades(line)?;
            let cost = line.terms.half_spread + line.terms.commission;
            Some(Trading {
                unit_value: line.unit_value?,
                lot_units: line.terms.lot_units,
                buy_cost: cost,
                sell_cost: cost,
                impact: line.impact(self.desk.impact_size),
                long_carry_per_session: line.terms.long_carry / RATE_DAYS * DAYS_PER_SESSION,
                short_carry_per_session: line.terms.short_carry / RATE_DAYS * DAYS_PER_SESSION,
                volume: line.volume.map(|volume| volume * left),
            })
        };
        let lines = self.desk.lines.iter().zip(&risk.lines);
        lines
            .map(|(line, (exposures, loadings))| Line {
                id: line.id.clone(),
                held: line.held,
                exposures: exposures.clone(),
                loadings: loadings.clone(),
                trading: trading(line),
            })
            .collect()
    }

    fn is_traded(&self, line: usize) -> bool {
        self.scheme.trades(&self.desk.lines[line]).is_some()
    }

    /// What keeps cut positions between what they are and zero.
    fn cuts(&self) -> impl Iterator<Item = Constraint> + '_ {
        let lines = self.desk.lines.iter().enumerate();
        let cut = lines.filter(|(_, line)| self.scheme.trades(line) == Some(Range::TowardsZero));
        cut.map(|(at, line)| Constraint {
            id: format!("{CUT_PREFIX}{}", line.id),
            measure: Measure::Position(at),
            lower: Some(line.held.min(0.0)),
            upper: Some(line.held.max(0.0)),
        })
    }

    /// What keeps options from being written: a bought put is a short of its underlying. Where it
    /// is an exclusion, it has its id.
    fn bought(&self, wish: &Wish) -> impl Iterator<Item = Constraint> + '_ {
        let lines = self.desk.lines.iter().enumerate();
        let only = lines.filter(|(at, _)| self.is_traded(*at)).filter_map(|(at, line)| {
            let option = line.option.as_ref()?;
            let id = match option.quoted.may_write {
                true => excluded_by(line, wish)?.to_owned(),
                false => format!("{BOUGHT_PREFIX}{}", line.id),
            };
            Some((at, id, 0.0 < option.exposure()))
        });
        let only: Vec<(usize, String, bool)> = only.collect();
        only.into_iter().map(|(at, id, is_long)| Constraint {
            id,
            measure: Measure::Position(at),
            lower: is_long.then_some(0.0),
            upper: (!is_long).then_some(0.0),
        })
    }

    fn exclusions(&self, wish: &Wish, faults: &mut Vec<WishFault>) -> Vec<Exclusion> {
        let mut found = Vec::new();
        for excluded in &wish.excluded {
            let (id, rule) = (excluded.id.clone(), excluded.rule);
            match self.desk.place(&excluded.line) {
                None => faults.push(WishFault::Unknown { id, subject: excluded.line.clone() }),
                // An option that must not be shorted is only bought.
                Some(line)
                    if rule == ExclusionRule::NoNewShort
                        && self.desk.lines[line].option.is_some() => {}
                // What is only cut is never shorted, and what does not trade needs no rule.
                Some(line)
                    if self.is_traded(line)
                        && (rule == ExclusionRule::NoTrade
                            || self.desk.lines[line].is_instrument) =>
                {
                    found.push(Exclusion { id, line, rule });
                }
                Some(_) => {}
            }
        }
        found
    }

    fn objective(&self, wish: &Wish, known: (&LineRisk, usize)) -> Result<Objective, WishFault> {
        let risk = match wish.aim {
            Aim::Variance { aversion } => RiskTerm::Variance { aversion },
            Aim::Tail { weight, confidence } => {
                let traded = (0..self.desk.lines.len()).filter(|line| self.is_traded(*line));
                let (book, returns) = self.desk.scenarios(traded, known).ok_or(WishFault::Gone)?;
                let scenarios = Scenarios::new(confidence, book, returns, Centring::AsGiven);
                RiskTerm::Tail { weight, scenarios: scenarios.map_err(|_| WishFault::Tail)? }
            }
        };
        let lines = self.desk.lines.iter().enumerate();
        let staying = lines.filter(|(at, _)| !self.is_traded(*at));
        let staying = staying.map(|(_, line)| line.terms.carry_per_day(line.held));
        Ok(Objective {
            risk,
            horizon_sessions: wish.horizon_sessions,
            staying_carry_per_session: DAYS_PER_SESSION * staying.sum::<f64>(),
        })
    }

    fn limits(&self, limits: &[Limit]) -> (Vec<Constraint>, Vec<WishFault>) {
        let (mut constraints, mut faults) = (Vec::new(), Vec::new());
        for limit in limits {
            match self.measure(&limit.meaning) {
                Ok(measure) => constraints.push(Constraint {
                    id: limit.id.clone(),
                    measure,
                    lower: limit.lower,
                    upper: limit.upper,
                }),
                Err(subject) => faults.push(WishFault::Unknown { id: limit.id.clone(), subject }),
            }
        }
        (constraints, faults)
    }

    /// The measure of a meaning, or the subject that is unknown.
    fn measure(&self, meaning: &Meaning) -> Result<Measure, String> {
        let weighted = |kind: Weights, weight: &dyn Fn(&DeskLine) -> f64| {
            let weights = self.desk.lines.iter().map(weight).collect();
            Measure::Weighted { kind, offset: 0.0, weights }
        };
        let members = |is_member: &dyn Fn(&DeskLine) -> bool| {
            weighted(Weights::Members, &|line| f64::from(u8::from(is_member(line))))
        };
        let risk = self.desk.view.risk;
        let line = |id: &String| self.desk.place(id).ok_or_else(|| id.clone());
        Ok(match meaning {
            Meaning::Net => Measure::Net,
            Meaning::Gross => Measure::Gross,
            Meaning::Turnover => Measure::Turnover,
            Meaning::Spread => Measure::Spread,
            Meaning::MarketBeta => weighted(Weights::Betas, &|line| line.market_beta),
            Meaning::TradeBeta => weighted(Weights::Betas, &|line| line.trade_beta),
            Meaning::Sector(name) => {
                let sector = risk.sectors.iter().position(|sector| sector == name);
                let sector = sector.ok_or_else(|| name.clone())?;
                let of = |line: &DeskLine| risk.anchored(line.instrument).sector as usize == sector;
                members(&of)
            }
            Meaning::Bucket(bucket) => {
                let of = |line: &DeskLine| {
                    risk.size(line.instrument).is_some_and(|size| size.bucket == *bucket)
                };
                members(&of)
            }
            Meaning::Members(shares) => self.members(shares)?,
            Meaning::Premium => {
                let premium = |line: &DeskLine| {
                    line.option.as_ref().map_or(0.0, LineOption::premium_per_exposure)
                };
                weighted(Weights::Returns, &premium)
            }
            Meaning::Factor(name) => {
                let factors = self.desk.view.factors.factors();
                let place = factors.iter().position(|factor| factor == name);
                Measure::Factor(place.ok_or_else(|| name.clone())?)
            }
            Meaning::Position(id) => Measure::Position(line(id)?),
            Meaning::Trade(id) => match line(id)? {
                at if self.is_traded(at) => Measure::Trade(at),
                // The trade of a line that does not trade in the scheme is zero.
                _ => Measure::OfLines { kind: Weights::Members, weights: Vec::new() },
            },
            Meaning::Scenario(pnl) => Measure::Weighted {
                kind: Weights::Returns,
                offset: pnl.offset,
                weights: pnl.weights.clone(),
            },
        })
    }

    /// Weights by what lines move as.
    fn members(&self, values: &BTreeMap<InstrumentId, f64>) -> Result<Measure, String> {
        let of =
            |line: &DeskLine| values.get(&line.instrument).copied().ok_or_else(|| line.id.clone());
        let weights: Result<Vec<f64>, String> = self.desk.lines.iter().map(of).collect();
        Ok(Measure::Weighted { kind: Weights::Members, offset: 0.0, weights: weights? })
    }
}
