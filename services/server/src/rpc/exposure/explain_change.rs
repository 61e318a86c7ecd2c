//! ExplainChange: two analyses, and those between them that change one cause at a time.
//!
//! The causes are changed in a fixed order, from the earlier analysis to the later one. The part of a
//! cause is the difference of the two analyses around it, so the parts add up by construction.

use super::{
    carried::carried,
    change_request::{ChangeQuery, field_of_earlier},
    from_proto::AnalysisQuery,
    numbers::{self, Numbers},
    views::AnalysisViews,
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
use std::{collections::BTreeSet, sync::Arc};

/// An analysis: a portfolio and settings in a view.
#[derive(Clone)]
struct Stage {
    pinned: Pinned,
    request: v1::AnalyzePortfolioRequest,
}

/// What a stage answers.
#[derive(Clone, Debug)]
struct Found {
    numbers: Arc<Numbers>,
    gaps: Vec<v1::Gap>,
}

/// The analyses of a change.
#[derive(Debug)]
pub(super) struct Change {
    /// The numbers of the caller's own report.
    answered: Option<Numbers>,
    /// From the earlier analysis to the later one.
    stages: Vec<Found>,
    before: v1::SnapshotRef,
    gaps: Vec<Gap>,
}

impl Needed<ChangeQuery> for Change {
    async fn of(
        query: &ChangeQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<Change>, Refusal> {
        let before = services.view(&query.before_of(pinned), ChangeQuery::MODEL).await?;
        if pinned.as_of() < before.as_of() {
            let (field, of) = (query.before.field(), pinned.as_of());
            let description = format!("must not be after that of the analysis, {of}");
            return Err(Refusal::Invalid(vec![Violation { field, description }]));
        }
        let (stages, gaps) = stages(query, services, (&before, pinned)).await?;
        let mut found: Vec<Found> = Vec::with_capacity(stages.len());
        for (at, stage) in stages.iter().enumerate() {
            let same = at.checked_sub(1).filter(|earlier| stage.is(&stages[*earlier]));
            let answered = match same {
                Some(earlier) => found[earlier].clone(),
                None => stage.answer(services, pinned, query.names).await.map_err(of_stage(at))?,
            };
            found.push(answered);
        }
        let answered = query.normal.before_report.as_ref();
        let answered =
            answered.map(|report| Numbers::of(report, |symbol| renamed(symbol, &before, pinned)));
        let before = shared::snapshot_ref(&before);
        Ok(Arc::new(Change { answered, stages: found, before, gaps }))
    }
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

    /// Analyses it, with every name: which of them are listed depends on all stages.
    async fn answer(
        &self,
        services: &Services,
        last: &Pinned,
        names: usize,
    ) -> Result<Found, Refusal> {
        let mut request = self.request.clone();
        if 0 < names && request.include.contains(&ReportBlock::Positions.into()) {
            request.top_positions = Some(limits::POSITIONS as i32);
        }
        let query = AnalysisQuery::from_proto(request)?;
        let pinned = self.pinned.clone();
        let views = Arc::new(AnalysisViews::of(services, &pinned, false).await?);
        let answer = respond_with(services, query, pinned.clone(), views).await?;
        let gaps = answer.info.map(|info| info.gaps).unwrap_or_default();
        let report = answer.report.unwrap_or_default();
        let last = last.clone();
        let numbers = move || Numbers::of(&report, |symbol| renamed(symbol, &pinned, &last));
        Ok(Found { numbers: Arc::new(services.compute.run_soon(numbers).await?), gaps })
    }
}

/// The symbol in one view of the instrument that has a symbol in another.
fn renamed(symbol: &str, of: &Pinned, to: &Pinned) -> String {
    let instrument = of.snapshot().listed(symbol);
    let renamed = instrument.map_or("", |instrument| to.snapshot().symbol(instrument));
    if renamed.is_empty() { symbol } else { renamed }.to_owned()
}

/// A refusal of a stage as one of the request.
fn of_stage(at: usize) -> impl Fn(Refusal) -> Refusal {
    // The last two hold the later portfolio.
    move |refusal| located(refusal, at < 3)
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
    /// The addresses to list: of names those whose market value changed most.
    fn listed(&self, names: usize) -> Vec<&v1::MeasureRef> {
        let (Some(first), Some(last)) = (self.stages.first(), self.stages.last()) else {
            return Vec::new();
        };
        let (first, last) = (&first.numbers, &last.numbers);
        let only_first = first.addresses().filter(|address| !last.has(address));
        let all: Vec<&v1::MeasureRef> = last.addresses().chain(only_first).collect();
        let symbols: BTreeSet<&str> = all.iter().copied().filter_map(numbers::symbol_of).collect();
        let mut moved: Vec<(f64, &str)> = symbols
            .into_iter()
            .map(|symbol| {
                let address = numbers::market_value(symbol);
                let value = |of: &Numbers| of.get(&address).unwrap_or(0.0);
                ((value(last) - value(first)).abs(), symbol)
            })
            .collect();
        moved.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let shown: BTreeSet<&str> = moved.into_iter().take(names).map(|(_, name)| name).collect();
        let is_shown = |address: &&v1::MeasureRef| {
            numbers::symbol_of(address).is_none_or(|symbol| shown.contains(symbol))
        };
        all.into_iter().filter(is_shown).collect()
    }

    fn row(&self, address: &v1::MeasureRef) -> v1::NumberChange {
        let at = |stage: usize| self.stages[stage].numbers.get(address);
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
        Ok(Place::Pool)
    }

    fn answer(&self, _pinned: &Pinned, change: &Change) -> Result<Answer<Self::Response>, Refusal> {
        let gaps = |found: Option<&Found>| found.map_or_else(Vec::new, |found| found.gaps.clone());
        let currency = self.later.portfolio.as_ref().map(|book| book.currency.clone());
        let response = v1::ExplainChangeResponse {
            before_snapshot: Some(change.before.clone()),
            changes: {
                let listed = change.listed(self.names);
                listed.into_iter().map(|address| change.row(address)).collect()
            },
            before_gaps: gaps(change.stages.first()),
            after_gaps: gaps(change.stages.last()),
            currency: currency.unwrap_or_default(),
            ..Default::default()
        };
        Ok(Answer::with_gaps(response, change.gaps.clone()))
    }
}
