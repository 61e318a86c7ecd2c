//! ExplainChange: two analyses, and those between them that change one cause at a time.
//!
//! The causes are changed in a fixed order, from the earlier analysis to the later one. The part of a
//! cause is the difference of the two analyses around it, so the parts add up by construction.

use super::{
    carried::{carried, own_symbol},
    change_request::{ChangeQuery, check_numbers, field_of_earlier},
    from_proto::AnalysisQuery,
    numbers::Numbers,
    views::{AnalysisViews, Extras},
};
use crate::{
    as_of::AsOf,
    limits,
    needed::Needed,
    refusal::Refusal,
    rpc::{
        envelope::Answer,
        portfolio,
        query::{FromProto as _, Normal, Place, Query, respond_with},
        shared,
    },
    services::Services,
    views::Pinned,
};
use ::portfolio::lines::Violation;
use contract::v1::{self, ReportBlock};
use exposure::prepared::PreparedExposure;
use marketdata::gap::Gap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// An analysis: a portfolio and settings in a view.
#[derive(Clone)]
struct Stage {
    pinned: Pinned,
    request: v1::AnalyzePortfolioRequest,
}

/// The report of a stage, and its gaps.
struct Report(v1::ExposureReport, Vec<v1::Gap>);

/// The analyses of a change.
#[derive(Debug)]
pub(super) struct Change {
    /// The numbers of the caller's own report.
    answered: Option<Arc<Numbers>>,
    /// Those of the stages, from the earlier analysis to the later one.
    stages: Vec<Arc<Numbers>>,
    before: v1::SnapshotRef,
    before_gaps: Vec<v1::Gap>,
    after_gaps: Vec<v1::Gap>,
    gaps: Vec<Gap>,
}

impl Needed<ChangeQuery> for Change {
    async fn of(
        query: &ChangeQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<Change>, Refusal> {
        let before = services.view(&query.before_of(pinned), ChangeQuery::MODEL).await?;
        check_order(query, (&before, pinned))?;
        // Few at a time: each holds reports with every name.
        let _turn = services.explanation().await?;
        let given = given_numbers(query, services).await?;
        let (stages, gaps) = stages(query, services, (&before, pinned)).await?;
        let (one, other) = ends(query, services, &stages).await?;
        let Report(at_end, after_gaps) = other.as_ref().unwrap_or(&one);
        let shown = shown((&one.0, &before), (at_end, pinned), query.names);
        let (listing, after_gaps) = (Listing { after: pinned.clone(), shown }, after_gaps.clone());
        let Report(report, before_gaps) = one;
        let first = listing.numbers(services, report, &before).await?;
        let last = match other {
            Some(Report(report, _)) => Some(listing.numbers(services, report, pinned).await?),
            None => None,
        };
        let found = between(query, services, (&listing, &stages), (first, last)).await?;
        let answered = match given {
            Some(report) => Some(listing.numbers(services, report, &before).await?),
            None => None,
        };
        Ok(Arc::new(Change {
            answered,
            stages: found,
            before: shared::snapshot_ref(&before),
            before_gaps,
            after_gaps,
            gaps,
        }))
    }
}

/// The reports of the first and the last stage; one if they are the same.
async fn ends(
    query: &ChangeQuery,
    services: &Services,
    stages: &[Stage],
) -> Result<(Report, Option<Report>), Refusal> {
    let [first, .., last] = stages else { return Err(no_stages()) };
    let is_earlier = query.normal.before_portfolio.is_some();
    let one = first.answer(services, query.names).await;
    let one = one.map_err(|refusal| located(refusal, is_earlier))?;
    if first.is(last) {
        return Ok((one, None));
    }
    let other = last.answer(services, query.names).await;
    Ok((one, Some(other.map_err(|refusal| located(refusal, false))?)))
}

/// The numbers of all stages, given those of the first and, if it differs, of the last.
async fn between(
    query: &ChangeQuery,
    services: &Services,
    (listing, stages): (&Listing, &[Stage]),
    (first, mut last): (Arc<Numbers>, Option<Arc<Numbers>>),
) -> Result<Vec<Arc<Numbers>>, Refusal> {
    let is_earlier = query.normal.before_portfolio.is_some();
    let mut found = vec![first];
    for (at, stage) in stages.iter().enumerate().skip(1) {
        let known = match stage.is(&stages[at - 1]) {
            true => found.last().cloned(),
            false if at + 1 == stages.len() => last.take(),
            false => None,
        };
        found.push(match known {
            Some(known) => known,
            None => {
                let answered = stage.answer(services, query.names).await;
                let Report(report, _) = answered.map_err(|refusal| located(refusal, is_earlier))?;
                listing.numbers(services, report, &stage.pinned).await?
            }
        });
    }
    Ok(found)
}

/// The caller's own report, if all its numbers can be subtracted. They are looked through on the pool:
/// there may be as many as a large book has.
async fn given_numbers(
    query: &ChangeQuery,
    services: &Services,
) -> Result<Option<v1::ExposureReport>, Refusal> {
    let Some(report) = query.normal.before_report.clone() else { return Ok(None) };
    let checked = move || {
        check_numbers(&Numbers::of(&report, |symbol| Some(symbol.to_owned())))?;
        Ok(Some(report))
    };
    services.compute.run_soon(checked).await?
}

/// The names to list, each as the later view calls it.
#[derive(Clone)]
struct Listing {
    after: Pinned,
    shown: BTreeSet<String>,
}

impl Listing {
    /// The numbers of a report of a view, made on the pool.
    async fn numbers(
        &self,
        services: &Services,
        report: v1::ExposureReport,
        of: &Pinned,
    ) -> Result<Arc<Numbers>, Refusal> {
        let (listing, of) = (self.clone(), of.clone());
        let named = move || {
            let name = |symbol: &str| renamed(symbol, &of, &listing.after);
            let is_shown = |name: &String| listing.shown.contains(name);
            Arc::new(Numbers::of(&report, |symbol| Some(name(symbol)).filter(is_shown)))
        };
        services.compute.run_soon(named).await
    }
}

/// Refuses an earlier analysis that knows what the later one does not.
fn check_order(query: &ChangeQuery, (before, after): (&Pinned, &Pinned)) -> Result<(), Refusal> {
    let refused = |field: String, description: String| {
        Err(Refusal::Invalid(vec![Violation { field, description }]))
    };
    if after.as_of() < before.as_of() {
        let description = format!("must not be after that of the analysis, {}", after.as_of());
        return refused(query.before.field(), description);
    }
    let (earlier, later) = (before.snapshot().revision(), after.snapshot().revision());
    if later < earlier {
        let description = format!("must not be above that of the analysis, {later}");
        return refused(format!("{}.revision", query.before.path), description);
    }
    Ok(())
}

fn no_stages() -> Refusal {
    Refusal::Failed("invariant: a change has stages".to_owned())
}

/// The names to list: those whose market value changed the most, ties in the order of names.
fn shown(
    (first, before): (&v1::ExposureReport, &Pinned),
    (last, after): (&v1::ExposureReport, &Pinned),
    names: usize,
) -> BTreeSet<String> {
    let mut moved: BTreeMap<String, f64> = BTreeMap::new();
    for (report, view, sign) in [(first, before, -1.0), (last, after, 1.0)] {
        for row in &report.positions {
            let name = renamed(&row.symbol, view, after);
            *moved.entry(name).or_insert(0.0) += sign * row.market_value;
        }
    }
    let mut moved: Vec<(String, f64)> = moved.into_iter().collect();
    moved.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    moved.into_iter().take(names).map(|(name, _)| name).collect()
}

/// The stages: the earlier analysis; with the data of the later revision; at the later instant; with
/// the later portfolio; with the later settings.
async fn stages(
    query: &ChangeQuery,
    services: &Services,
    (before, after): (&Pinned, &Pinned),
) -> Result<(Vec<Stage>, Vec<Gap>), Refusal> {
    let later = after.under(before);
    let revised = later.earlier(before.as_of());
    let of = |portfolio: &v1::Portfolio| v1::AnalyzePortfolioRequest {
        portfolio: Some(portfolio.clone()),
        ..query.earlier.clone()
    };
    let nothing = v1::Portfolio::default();
    let given = query.later.portfolio.as_ref().unwrap_or(&nothing);
    let ((held, kept), gaps) = match &query.normal.before_portfolio {
        Some(held) => {
            let (kept, gaps) = carry(services, held, query, (&revised, &later)).await?;
            ((held.clone(), kept), gaps)
        }
        None => {
            let (held, gaps) = carry(services, given, query, (&later, &revised)).await?;
            ((held, given.clone()), gaps)
        }
    };
    let stages = vec![
        Stage { pinned: before.clone(), request: of(&held) },
        Stage { pinned: revised, request: of(&held) },
        Stage { pinned: later.clone(), request: of(&kept) },
        Stage { pinned: later, request: of(given) },
        Stage { pinned: after.clone(), request: query.later.clone() },
    ];
    Ok((stages, gaps))
}

/// A portfolio of one view with the same shares in another; at the same instant it is the same.
async fn carry(
    services: &Services,
    held: &v1::Portfolio,
    query: &ChangeQuery,
    (from, to): (&Pinned, &Pinned),
) -> Result<(v1::Portfolio, Vec<Gap>), Refusal> {
    if from.as_of() == to.as_of() {
        return Ok((held.clone(), Vec::new()));
    }
    let prepared = services.prepared::<PreparedExposure>(from).await?;
    let settings = AnalysisQuery::from_proto(query.earlier.clone())?.settings;
    let (lookup, quotes) = (prepared.lookup(), prepared.quotes());
    let book = portfolio::book(Some(held), &settings.netting, lookup, quotes);
    let is_earlier = query.normal.before_portfolio.is_some();
    let book = book.map_err(|refusal| located(refusal, is_earlier))?;
    let units = if from.as_of() < to.as_of() { to } else { from };
    Ok(carried((held, &book), (from, to), units))
}

impl Stage {
    /// Whether another stage has the same answer.
    fn is(&self, other: &Stage) -> bool {
        let (view, of) = (self.pinned.view(), other.pinned.view());
        view.snapshot.has_bounds_of(&of.snapshot)
            && view.snapshot.reference() == of.snapshot.reference()
            && view.settings.hash() == of.settings.hash()
            && self.request == other.request
    }

    /// Analyses it, with every name: which of them are listed depends on both ends.
    async fn answer(&self, services: &Services, names: usize) -> Result<Report, Refusal> {
        let mut request = self.request.clone();
        if 0 < names && request.include.contains(&ReportBlock::Positions.into()) {
            request.top_positions = Some(limits::POSITIONS as i32);
        }
        let query = AnalysisQuery::from_proto(request)?;
        let pinned = self.pinned.clone();
        let views = Arc::new(AnalysisViews::of(services, &pinned, Extras::NONE).await?);
        let answer = respond_with(services, query, pinned, views).await?;
        let gaps = answer.info.map(|info| info.gaps).unwrap_or_default();
        Ok(Report(answer.report.unwrap_or_default(), gaps))
    }
}

/// The symbol in the later view of the instrument that has a symbol in another one. If it belongs to
/// another instrument by then, the old one with its day.
fn renamed(symbol: &str, of: &Pinned, later: &Pinned) -> String {
    let Some(instrument) = of.snapshot().listed(symbol) else { return symbol.to_owned() };
    match own_symbol(instrument, later) {
        Some(symbol) => symbol.to_owned(),
        None => format!("{symbol}@{}", of.snapshot().today()),
    }
}

fn located(refusal: Refusal, is_earlier: bool) -> Refusal {
    let Refusal::Invalid(violations) = refusal else { return refusal };
    let located = |Violation { field, description }| {
        let field = match is_earlier {
            true => field_of_earlier(&field),
            false => format!("analysis.{field}"),
        };
        Violation { field, description }
    };
    Refusal::Invalid(violations.into_iter().map(located).collect())
}

impl Change {
    /// The addresses to list: those of the later analysis, then those that only the earlier one has.
    fn listed(&self) -> Vec<&v1::MeasureRef> {
        let (Some(first), Some(last)) = (self.stages.first(), self.stages.last()) else {
            return Vec::new();
        };
        let only_first = first.addresses().filter(|address| !last.has(address));
        last.addresses().chain(only_first).collect()
    }

    fn row(&self, address: &v1::MeasureRef) -> v1::NumberChange {
        let at = |stage: usize| self.stages[stage].get(address);
        let step = |from: Option<f64>, to: Option<f64>| Some(to? - from?);
        let before = match &self.answered {
            Some(answered) if answered.has(address) => answered.get(address),
            Some(_) => None,
            None => at(0),
        };
        v1::NumberChange {
            measure: Some(address.clone()),
            before,
            after: at(4),
            change: step(before, at(4)),
            by_model: step(before, at(0)),
            by_data: step(at(0), at(1)),
            by_market: step(at(1), at(2)),
            by_positions: step(at(2), at(3)),
            by_settings: step(at(3), at(4)),
        }
    }
}

impl Query for ChangeQuery {
    const MODEL: &'static str = ::exposure::MODEL_VERSION;
    type Prepared = Change;
    type Response = v1::ExplainChangeResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _change: &Change) -> Result<Place, Refusal> {
        Ok(Place::Long)
    }

    fn answer(&self, _pinned: &Pinned, change: &Change) -> Result<Answer<Self::Response>, Refusal> {
        let currency = self.later.portfolio.as_ref().map(|book| book.currency.clone());
        let response = v1::ExplainChangeResponse {
            before_snapshot: Some(change.before.clone()),
            changes: change.listed().into_iter().map(|address| change.row(address)).collect(),
            before_gaps: change.before_gaps.clone(),
            after_gaps: change.after_gaps.clone(),
            currency: currency.unwrap_or_default(),
            ..Default::default()
        };
        Ok(Answer::with_gaps(response, change.gaps.clone()))
    }
}
