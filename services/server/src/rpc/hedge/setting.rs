//! A hedging problem in a view: its lines, groups and factors are found, and its book is valued.

use super::{
    faults,
    from_proto::Asked,
    limited::{AskedLimit, Limited},
    problem::AskedAim,
    scenario::moves,
    to_proto::Dealt,
    working,
};
use crate::{
    prepared::{Prepared, PreparedCrossSection},
    refusal::Refusal,
    rpc::{
        field::Fields, marketdata::instrument::other_days, merged::hidden_values, portfolio,
        scenario::Event,
    },
    views::Pinned,
};
use ::hedge::{
    desk::{Desk, NoDesk},
    scenario::{NoScenario, ScenarioPnl},
    scheme::Scheme,
    terms::{DAYS_PER_SESSION, DeskTerms, Instrument, Mark, ScenarioUse},
    wish::{Aim, Excluded, Limit, Meaning, Wish, aversion},
};
use ::portfolio::{book::Book, unresolved::Cause};
use contract::v1::{self, hedge_line::Line, hedge_objective::Risk};
use exposure::prepared::PreparedExposure;
use factors::{roles::Roles, size_scheme::SizeScheme};
use marketdata::{changes::DatasetSet, gap::Gap, instrument::InstrumentId};
use risk::factor_view::FactorView;
use std::collections::BTreeMap;

/// The datasets behind every line.
const READS: DatasetSet = <PreparedCrossSection as Prepared>::READS;

/// A problem in a view.
pub(super) struct Setting<'a> {
    pub(super) asked: &'a Asked,
    pub(super) portfolio: &'a v1::Portfolio,
    pub(super) pinned: &'a Pinned,
    pub(super) prepared: &'a PreparedExposure,
    /// The book at the marks.
    pub(super) book: Book,
    pub(super) desk: Desk<'a>,
    pub(super) wish: Wish,
    pub(super) gaps: Vec<Gap>,
}

/// What a setting is made of.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) asked: &'a Asked,
    pub(super) portfolio: &'a v1::Portfolio,
    pub(super) problem: &'a v1::HedgeProblem,
    pub(super) pinned: &'a Pinned,
    pub(super) prepared: &'a PreparedExposure,
    pub(super) view: &'a FactorView<'a>,
    pub(super) roles: &'a Roles,
}

impl<'a> Setting<'a> {
    /// Finds everything that a problem names.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every violation of the lines of the portfolio, or else of the
    /// problem.
    pub(super) fn of(source: Source<'a>) -> Result<Setting<'a>, Refusal> {
        let Source { asked, portfolio, pinned, prepared, view, .. } = source;
        let book = asked.report.join(prepared)?;
        let mut finder =
            Finder { source, fields: Fields::new(), gaps: Vec::new(), has_left: false };
        let terms = finder.terms();
        finder.finish()?;
        let desk = Desk::of(view, &book, &terms, &asked.caller.of_solves());
        let desk = desk.map_err(|none| match none {
            NoDesk::Faults(faults) => faults::of_terms(faults, source.problem, prepared.snapshot()),
            // The client no longer waits.
            NoDesk::Gone => Refusal::DeadlineExceeded,
        })?;
        // Before the wish: wealth and limits that depend on the book are those at the marks.
        let is_marked = |line| terms.marks.iter().any(|mark| mark.instrument == line);
        let book = match terms.marks.is_empty() {
            true => book,
            false => revalued(&book, &desk, prepared, (&vec![0.0; desk.lines().len()], is_marked)),
        };
        let mut finder =
            Finder { source, fields: Fields::new(), gaps: finder.gaps, has_left: false };
        let wish = finder.wish(&desk, &book);
        finder.finish()?;
        let merged = merged(pinned, &desk);
        let gaps = finder.gaps.into_iter().chain(desk.gaps().iter().cloned()).chain(merged);
        // The risk of a plan and its past are those of returns.
        let lines: Vec<_> = desk.lines().iter().map(|line| line.instrument).collect();
        let gaps = gaps.chain(prepared.old_rates_behind(&book, &lines));
        let unscheduled = asked.problem.working.map(|_| desk.unscheduled());
        let gaps = gaps.chain(unscheduled.into_iter().flatten()).collect();
        Ok(Setting { asked, portfolio, pinned, prepared, book, desk, wish, gaps })
    }

    /// The problem as answers repeat it, with the defaults that depend on the book.
    pub(super) fn echoed(&self, problem: &v1::HedgeProblem) -> v1::HedgeProblem {
        let mut echoed = problem.clone();
        let objective = echoed.objective.as_mut();
        if let Some(Risk::Variance(variance)) = objective.and_then(|one| one.risk.as_mut()) {
            variance.wealth = Some(variance.wealth.unwrap_or_else(|| wealth_of(&self.book)));
        }
        if let Some(budget) = echoed.squeeze_budget.as_mut() {
            budget.max_loss = self.desk.squeeze_limit(self.wish.squeeze);
        }
        if let Some(budget) = echoed.written_budget.as_mut() {
            budget.max_loss = self.desk.written_limit(self.wish.written);
            budget.max_notional = self.desk.written_notional_limit(self.wish.written_notional);
        }
        if let Some((wire, read)) = echoed.working.as_mut().zip(self.asked.problem.working) {
            wire.risk_aversion = Some(working::aversion(self, &read));
        }
        echoed
    }

    /// Calendar days over which trades are held.
    pub(super) fn held_days(&self) -> f64 {
        DAYS_PER_SESSION * self.wish.horizon_sessions
    }

    /// The book after trades: indices of lines, and money.
    pub(super) fn after(&self, trades: &[(usize, f64)]) -> Book {
        let mut by_line = vec![0.0; self.desk.lines().len()];
        trades.iter().for_each(|(line, money)| by_line[*line] += money);
        let traded: Vec<InstrumentId> =
            trades.iter().map(|(line, _)| self.desk.lines()[*line].instrument).collect();
        let is_traded = |instrument| traded.contains(&instrument);
        revalued(&self.book, &self.desk, self.prepared, (&by_line, is_traded))
    }

    /// The problem of a scheme.
    ///
    /// # Errors
    /// What it lacks, at the fields that ask for it.
    pub(super) fn problem(&self, scheme: Scheme) -> Result<::hedge::problem::Problem, Refusal> {
        let problem = self.desk.problem(scheme, &self.wish);
        problem.map_err(|faults| faults::of_wish(faults, &self.wish))
    }
}

/// A book after trades by line, in money, with the desk's values of the wanted instruments.
fn revalued(
    book: &Book,
    desk: &Desk<'_>,
    prepared: &PreparedExposure,
    (trades, is_wanted): (&[f64], impl Fn(InstrumentId) -> bool),
) -> Book {
    let mut values: BTreeMap<InstrumentId, f64> = BTreeMap::new();
    for (line, trade) in desk.lines().iter().zip(trades) {
        *values.entry(line.instrument).or_default() += line.held + trade;
    }
    values.retain(|instrument, _| is_wanted(*instrument));
    let values: Vec<(InstrumentId, f64)> = values.into_iter().collect();
    book.revalued(&values, (prepared.lookup(), prepared.quotes()))
}

/// The money that risk is measured against where the caller gives none.
fn wealth_of(book: &Book) -> f64 {
    book.net_asset_value.unwrap_or(book.net_gross)
}

/// Gaps about values of lines that merges leave out. The report before the trades reports those of
/// what the book holds, but not of instruments that may only be traded.
fn merged(pinned: &Pinned, desk: &Desk<'_>) -> Vec<Gap> {
    hidden_values(pinned.snapshot(), |hidden| {
        READS.contains(hidden.dataset)
            && desk.lines().iter().any(|line| hidden.involves(line.instrument))
    })
}

/// Finds the parts of a problem and collects violations.
struct Finder<'a> {
    source: Source<'a>,
    fields: Fields,
    gaps: Vec<Gap>,
    /// Whether the client no longer waits.
    has_left: bool,
}

impl Finder<'_> {
    fn finish(&mut self) -> Result<(), Refusal> {
        if self.has_left {
            return Err(Refusal::DeadlineExceeded);
        }
        std::mem::replace(&mut self.fields, Fields::new()).finish(Some(()))
    }

    /// The instrument of a reference.
    fn find(&mut self, path: &str, named: Option<&v1::InstrumentRef>) -> Option<InstrumentId> {
        let reference = portfolio::instrument(named);
        match self.source.prepared.lookup().resolve(&reference) {
            Ok(found) => {
                let snapshot = self.source.pinned.snapshot();
                self.gaps.extend(other_days(snapshot, found, &reference));
                Some(found.instrument)
            }
            Err(cause) => {
                let text = match &cause {
                    Cause::UnknownInstrument(given) => {
                        format!("must name a known line: nothing has the {given}")
                    }
                    other => other.why_unresolved(),
                };
                self.fields.add(path, text);
                None
            }
        }
    }

    fn symbol(&self, instrument: InstrumentId) -> String {
        self.source.pinned.snapshot().symbol(instrument).to_owned()
    }

    fn terms(&mut self) -> DeskTerms {
        let Source { asked, problem, .. } = self.source;
        let (read, wire) = (&asked.problem, problem);
        let mut single = Vec::new();
        for (at, (terms, one)) in read.positions.iter().zip(&wire.position_terms).enumerate() {
            let path = format!("problem.position_terms[{at}].instrument");
            let found = self.find(&path, one.instrument.as_ref());
            if found.is_some_and(|id| single.iter().any(|(known, _)| *known == id)) {
                self.fields.add(path, "appears twice");
            }
            single.extend(found.map(|id| (id, *terms)));
        }
        let mut marks = Vec::new();
        for (at, mark) in wire.marks.iter().enumerate() {
            let path = format!("problem.marks[{at}].instrument");
            let found = self.find(&path, mark.instrument.as_ref());
            if found.is_some_and(|id| marks.iter().any(|known: &Mark| known.instrument == id)) {
                self.fields.add(path, "appears twice");
            }
            marks.extend(found.map(|instrument| Mark { instrument, price: mark.price }));
        }
        let mut instruments = Vec::new();
        for (at, (terms, one)) in read.instruments.iter().zip(&wire.instruments).enumerate() {
            let path = format!("problem.instruments[{at}].instrument");
            let found = self.find(&path, one.instrument.as_ref());
            instruments.extend(found.map(|moves_as| Instrument {
                id: match &terms.contract {
                    Some((id, _)) => id.clone(),
                    None => self.symbol(moves_as),
                },
                moves_as,
                contract_units: terms.contract.as_ref().map(|(_, multiplier)| *multiplier),
                option: terms.option,
                volume: terms.daily_value,
                terms: terms.terms,
            }));
        }
        let (positions, impact_size, clock) = (read.usual, read.impact_size, read.clock);
        let held_sessions = read.horizon_sessions;
        let scenarios = match (read.aim, asked.walks) {
            (AskedAim::Variance { .. }, _) => ScenarioUse::Never,
            (AskedAim::Shortfall { .. }, false) => ScenarioUse::Once,
            (AskedAim::Shortfall { .. }, true) => ScenarioUse::EveryMonth,
        };
        let is_scenario = |limit: &&AskedLimit| matches!(limit.limited, Limited::Scenario(_));
        let limited_scenarios = read.limits.iter().filter(is_scenario).count();
        DeskTerms {
            positions,
            single,
            marks,
            instruments,
            held_sessions,
            impact_size,
            clock,
            scenarios,
            simulation: read.simulation,
            limited_scenarios,
            days: read.days,
        }
    }

    fn wish(&mut self, desk: &Desk<'_>, book: &Book) -> Wish {
        let read = &self.source.asked.problem;
        let mut limits = Vec::new();
        for (at, limit) in read.limits.iter().enumerate() {
            let meaning = self.meaning(&format!("problem.constraints[{at}]"), limit, (desk, book));
            let (id, lower, upper) = (limit.id.clone(), limit.lower, limit.upper);
            limits.extend(meaning.map(|meaning| Limit { id, meaning, lower, upper }));
        }
        let mut excluded = Vec::new();
        for (at, one) in read.excluded.iter().enumerate() {
            let line = self.line(&format!("problem.exclusions[{at}].line"), &one.line, desk);
            let (id, rule) = (one.id.clone(), one.rule);
            excluded.extend(line.map(|line| Excluded { id, line, rule }));
        }
        Wish {
            aim: self.aim(book),
            horizon_sessions: read.horizon_sessions,
            limits,
            excluded,
            max_lines: read.max_lines,
            min_ticket: read.min_ticket,
            participation: Some(read.participation),
            squeeze: read.squeeze,
            written: read.written,
            written_notional: read.written_notional,
        }
    }

    fn aim(&mut self, book: &Book) -> Aim {
        match self.source.asked.problem.aim {
            AskedAim::Shortfall { confidence, price } => Aim::Tail { weight: price, confidence },
            AskedAim::Variance { aversion: relative, wealth } => {
                let wealth = wealth.unwrap_or_else(|| wealth_of(book));
                if wealth <= 0.0 {
                    let text = "must be given: the book has neither a net asset value nor a gross";
                    self.fields.add("problem.objective.variance.wealth", text);
                }
                Aim::Variance { aversion: aversion(relative, wealth) }
            }
        }
    }

    fn meaning(
        &mut self,
        path: &str,
        limit: &AskedLimit,
        (desk, book): (&Desk<'_>, &Book),
    ) -> Option<Meaning> {
        Some(match &limit.limited {
            Limited::Net => Meaning::Net,
            Limited::Gross => Meaning::Gross,
            Limited::Turnover => Meaning::Turnover,
            Limited::Spread => Meaning::Spread,
            Limited::Premium => Meaning::Premium,
            Limited::MarketBeta => Meaning::MarketBeta,
            Limited::TradeBeta => Meaning::TradeBeta,
            Limited::Sector(name) => Meaning::Sector(name.clone()),
            Limited::Factor(name) => Meaning::Factor(name.clone()),
            Limited::Size(bucket_id) => self.size_group(path, bucket_id, desk)?,
            Limited::Position(line) => {
                Meaning::Position(self.line(&format!("{path}.position"), line, desk)?)
            }
            Limited::Trade(line) => {
                Meaning::Trade(self.line(&format!("{path}.trade"), line, desk)?)
            }
            Limited::Scenario(event) => Meaning::Scenario(self.scenario(
                &format!("{path}.scenario"),
                event,
                (desk, book),
            )?),
        })
    }

    /// The P&L of a scenario; `None` if it has none, or the client no longer waits.
    fn scenario(
        &mut self,
        path: &str,
        event: &Event,
        (desk, book): (&Desk<'_>, &Book),
    ) -> Option<ScenarioPnl> {
        self.has_left |= self.source.asked.caller.has_gone();
        if self.has_left {
            return None;
        }
        let moves = match moves(self.source, (event, path), desk, book) {
            Ok((moves, gaps)) => {
                self.gaps.extend(gaps);
                moves
            }
            Err(found) => {
                found.into_iter().for_each(|v| self.fields.add(v.field, v.description));
                return None;
            }
        };
        match desk.scenario(&moves) {
            Ok(pnl) => return Some(pnl),
            Err(NoScenario::Gone) => self.has_left = true,
            Err(NoScenario::Line(id)) => {
                self.fields.add(path, format!("has no return of {id:?}"));
            }
        }
        None
    }

    /// The net of a bucket of the standard scheme, as exposure has it: the sum over its members.
    fn size_group(&mut self, path: &str, bucket_id: &str, desk: &Desk<'_>) -> Option<Meaning> {
        let bands = &SizeScheme::standard().bands;
        let Some(band) = bands.iter().position(|band| band.bucket_id == bucket_id) else {
            let known: Vec<&str> = bands.iter().map(|band| band.bucket_id.as_str()).collect();
            let text = format!("must be a bucket of the standard scheme: {}", known.join(", "));
            self.fields.add(format!("{path}.measure.group.group_id"), text);
            return None;
        };
        let of = |instrument: InstrumentId| {
            let size = self.source.prepared.standard_size(instrument);
            f64::from(u8::from(size.is_some_and(|size| size.band == band)))
        };
        let members = desk.lines().iter().map(|line| (line.instrument, of(line.instrument)));
        Some(Meaning::Members(members.collect()))
    }

    /// The id of a line of the problem.
    fn line(&mut self, path: &str, named: &v1::HedgeLine, desk: &Desk<'_>) -> Option<String> {
        let id = match named.line.as_ref()? {
            Line::ContractId(id) => id.clone(),
            Line::Instrument(named) => {
                let found = self.find(&format!("{path}.instrument"), Some(named))?;
                self.symbol(found)
            }
        };
        let is_known = desk.place(&id).is_some();
        if !is_known {
            self.fields.add(path, "must be held, or an instrument of the problem");
        }
        is_known.then_some(id)
    }
}

/// The trades of orders.
pub(super) fn orders(
    setting: &Setting<'_>,
    source: Source<'_>,
    orders: &[v1::HedgeOrder],
) -> Result<Vec<Dealt>, Refusal> {
    use v1::hedge_order::Size;
    let mut finder = Finder { source, fields: Fields::new(), gaps: Vec::new(), has_left: false };
    let mut read: Vec<Dealt> = Vec::with_capacity(orders.len());
    let dealt = |line, units, money| Dealt { line, units, money, unrounded: money };
    for (at, order) in orders.iter().enumerate() {
        let path = format!("orders[{at}].line");
        let line = order.line.clone().unwrap_or_default();
        let Some(id) = finder.line(&path, &line, &setting.desk) else { continue };
        let Some(place) = setting.desk.place(&id) else { continue };
        let of = &setting.desk.lines()[place];
        match (of.can_trade(), of.unit_value, order.size) {
            (true, Some(value), Some(Size::MarketValue(money))) => {
                read.push(dealt(place, money / value, money));
            }
            (true, Some(value), Some(Size::Quantity(units))) => {
                let units = of.direction() * units;
                read.push(dealt(place, units, units * value));
            }
            _ => finder.fields.add(&path, "cannot trade: it lacks a price, a volume or returns"),
        }
        if read.iter().filter(|known| known.line == place).count() == 2 {
            finder.fields.add(path, "appears twice");
        }
    }
    finder.finish()?;
    Ok(read)
}
