//! Reads requests to explain a change.

use super::{from_proto::AnalysisQuery, numbers::Numbers};
use crate::{
    as_of::{AsOf, Pin, When},
    limits,
    refusal::Refusal,
    rpc::{field::Fields, portfolio, query::FromProto, shared},
    views::Pinned,
};
use ::portfolio::lines::Violation;
use contract::v1::{self, ReportBlock};

/// Largest size of a number of a report of the caller's: differences of such numbers are finite.
const NUMBER_MAX: f64 = 1e30;

/// A request to explain a change.
pub(super) struct ChangeQuery {
    /// Of the later analysis.
    pub(super) as_of: AsOf,
    /// Of the earlier one.
    pub(super) before: AsOf,
    /// The later analysis, in normal form.
    pub(super) later: v1::AnalyzePortfolioRequest,
    /// The earlier one, in normal form. Without `before_portfolio` it has the later portfolio.
    pub(super) earlier: v1::AnalyzePortfolioRequest,
    /// Number of names to list.
    pub(super) names: usize,
    pub(super) normal: v1::ExplainChangeRequest,
}

impl FromProto for ChangeQuery {
    const METHOD: &'static str = "ExplainChange";
    type Request = v1::ExplainChangeRequest;

    fn from_proto(mut request: v1::ExplainChangeRequest) -> Result<ChangeQuery, Refusal> {
        let mut fields = Fields::new();
        let mut analysis = request.analysis.take().unwrap_or_default();
        let mut of_analysis = Fields::new();
        let mut as_of = shared::as_of(&mut of_analysis, analysis.as_of.take());
        if analysis.include.contains(&ReportBlock::Crowding.into()) {
            of_analysis.add("include", "must not name CROWDING, whose numbers have no address");
        }
        if analysis.include.contains(&ReportBlock::RiskModel.into()) {
            of_analysis.add("include", "must not name RISK_MODEL, whose numbers have no address");
        }
        if analysis.include.contains(&ReportBlock::FactorBetas.into()) {
            of_analysis.add("include", "must not name FACTOR_BETAS, whose numbers have no address");
        }
        if !analysis.incremental_position_ids.is_empty() {
            let text = "must be empty: its numbers have no address";
            of_analysis.add("incremental_position_ids", text);
        }
        fields.add_all("analysis", of_analysis.into_violations());
        let mut before = before(&mut fields, &request, analysis.portfolio.as_ref());
        let earlier = v1::AnalyzePortfolioRequest {
            portfolio: request.before_portfolio.clone().or_else(|| analysis.portfolio.clone()),
            settings: request.before_settings.clone().or_else(|| analysis.settings.clone()),
            ..analysis.clone()
        };
        let (later, found) = normal(analysis)?;
        for Violation { field, description } in &found {
            fields.add(format!("analysis.{field}"), description);
        }
        let (earlier, of_earlier) = normal(earlier)?;
        for violation in of_earlier.into_iter().filter(|violation| !found.contains(violation)) {
            fields.add(field_of_earlier(&violation.field), violation.description);
        }
        let are_valid = earlier.is_some() && later.is_some();
        let (earlier, later) = (earlier.unwrap_or_default(), later.unwrap_or_default());
        as_of.base = portfolio::currency::base(later.portfolio.as_ref());
        as_of.base_path = "analysis.portfolio.currency";
        (before.base, before.base_path) = (as_of.base, as_of.base_path);
        let base_before = portfolio::currency::base(earlier.portfolio.as_ref());
        if are_valid && base_before != as_of.base {
            fields.add("before_portfolio.currency", "must be that of analysis.portfolio");
        }
        request.before_portfolio = request.before_portfolio.and(earlier.portfolio.clone());
        request.before_settings = earlier.settings.clone();
        request.analysis = Some(later.clone());
        let names = usize::try_from(later.top_positions.unwrap_or(0)).unwrap_or(0);
        let normal = request;
        fields.finish(Some(ChangeQuery { as_of, before, later, earlier, names, normal }))
    }
}

impl ChangeQuery {
    /// What the earlier analysis may use: what the request leaves out is that of the later view, so
    /// that a replay of the later analysis is one of both.
    pub(super) fn before_of(&self, later: &Pinned) -> AsOf {
        let before = self.before.clone();
        let when = match before.when {
            When::Now => When::At(later.as_of()),
            when => when,
        };
        AsOf {
            when,
            revision: before.revision.or(Some(later.snapshot().revision())),
            reference: before.reference.or(Some(later.snapshot().reference())),
            settings: before.settings.or_else(|| Some(later.settings().hash().to_owned())),
            ..before
        }
    }
}

/// Reads what the earlier analysis may use, and checks its report.
fn before(
    fields: &mut Fields,
    request: &v1::ExplainChangeRequest,
    portfolio: Option<&v1::Portfolio>,
) -> AsOf {
    // It stays in the request, whose id must depend on it.
    let given = request.before_as_of.clone();
    if given.is_none() {
        fields.add("before_as_of", "must be given");
    }
    let mut of_before = Fields::new();
    let mut before = shared::as_of(&mut of_before, given);
    before.path = match before.path {
        "as_of.snapshot" => "before_as_of.snapshot",
        _ => "before_as_of",
    };
    for Violation { field, description } in of_before.into_violations() {
        fields.add(format!("before_{field}"), description);
    }
    if let Some(report) = &request.before_report {
        // The report has the numbers of its formulas, whichever these were.
        before.pins.retain(|(pin, _)| *pin != Pin::AnswerModel);
        if limits::REPORT_ROWS < rows(report) {
            let most = limits::REPORT_ROWS;
            fields.add("before_report", format!("must have at most {most} rows in all its lists"));
        }
        let currency = portfolio.map_or("", |portfolio| portfolio.currency.as_str());
        let currency = if currency.is_empty() { "USD" } else { currency };
        if !report.currency.is_empty() && report.currency != currency {
            let text = format!("must be that of the portfolio, {currency}");
            fields.add("before_report.currency", text);
        }
    }
    before
}

/// Rows of a report in the lists whose numbers have an address.
fn rows(report: &v1::ExposureReport) -> usize {
    let of_trade = |trade: &v1::TradeExposure| {
        let unwinds = trade.unwinds.iter().map(|unwind| 1 + unwind.legs.len());
        1 + trade.legs.len() + unwinds.sum::<usize>()
    };
    let of_repeat = |repeat: &v1::DayRepeat| {
        1 + repeat.trades.iter().map(|trade| 1 + trade.legs.len()).sum::<usize>()
    };
    let of_level = |level: &v1::RiskLevel| {
        let trades = level.trades.iter().map(|trade| 1 + trade.legs.len());
        let groups = level.breakdowns.iter().map(|by| 1 + by.groups.len());
        1 + trades.chain(groups).sum::<usize>()
    };
    let of_measure = |of: &v1::RiskMeasure| 1 + of.levels.iter().map(of_level).sum::<usize>();
    let lists = [
        report.breakdowns.iter().map(|by| 1 + by.groups.len()).sum(),
        report.factors.len(),
        report.trades.iter().map(of_trade).sum(),
        report.repeats.iter().map(of_repeat).sum(),
        report.risk_measures.iter().map(of_measure).sum(),
        report.scenario_sets.len(),
        report.positions.iter().map(|of| 1 + of.risk_contributions.len()).sum(),
    ];
    lists.into_iter().sum::<usize>()
}

/// The refusal of a report of the caller's whose numbers cannot be subtracted.
pub(super) fn check_numbers(report: &Numbers) -> Result<(), Refusal> {
    // A number that is not finite is no number of the range either.
    if report.values().all(|value| value.abs() <= NUMBER_MAX) {
        return Ok(());
    }
    let description = format!("must have numbers of at most {NUMBER_MAX:e}");
    let field = "before_report".to_owned();
    Err(Refusal::Invalid(vec![Violation { field, description }]))
}

/// An analysis in normal form, or its violations.
fn normal(
    analysis: v1::AnalyzePortfolioRequest,
) -> Result<(Option<v1::AnalyzePortfolioRequest>, Vec<Violation>), Refusal> {
    match AnalysisQuery::from_proto(analysis) {
        Ok(query) => Ok((Some(query.normal), Vec::new())),
        Err(Refusal::Invalid(violations)) => Ok((None, violations)),
        Err(refusal) => Err(refusal),
    }
}

/// Where the request gives a field of the earlier analysis.
pub(super) fn field_of_earlier(field: &str) -> String {
    let own = ["portfolio", "settings"];
    match own.iter().any(|part| field.strip_prefix(part).is_some_and(is_end_of_name)) {
        true => format!("before_{field}"),
        false => format!("analysis.{field}"),
    }
}

fn is_end_of_name(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('.')
}
