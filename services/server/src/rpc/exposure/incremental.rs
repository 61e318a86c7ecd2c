//! What single lines add to the risk of a book: the analysis is made again without each of them.

use super::{
    definitions,
    from_proto::AnalysisQuery,
    risk_answer::Risk,
    risk_model::{Measured, RiskModelAsked},
    risk_request::{PATH_SESSIONS_MAX, RiskPlan},
    to_proto,
    views::Seen,
};
use crate::{
    refusal::Refusal,
    rpc::{field::Fields, portfolio},
    views::Pinned,
};
use ::portfolio::book::Book;
use contract::v1;
use exposure::{
    analyze::analyze,
    blocks::{Block, Blocks},
    factor_risk::MeasuredBook,
};
use marketdata::{
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of lines of a request: each is another analysis.
const LINES_MAX: usize = 8;

/// Checks the lines whose incremental risk is asked for.
pub(super) fn check(
    fields: &mut Fields,
    (blocks, risk): (Blocks, &RiskPlan),
    asked: &v1::AnalyzePortfolioRequest,
) {
    const FIELD: &str = "incremental_position_ids";
    let ids = &asked.incremental_position_ids;
    let lines = asked.portfolio.as_ref().map_or(0, |portfolio| portfolio.positions.len());
    if ids.is_empty() || !fields.at_most(FIELD, ids.len(), LINES_MAX) {
        return;
    }
    if !(blocks.has(Block::Risk) || blocks.has(Block::RiskModel)) {
        let text = "must be empty: `include` asks for neither REPORT_BLOCK_RISK nor \
                    REPORT_BLOCK_RISK_MODEL";
        fields.add(FIELD, text);
    }
    let sessions = risk.simulated_sessions() * (1 + ids.len());
    if PATH_SESSIONS_MAX < sessions {
        let text = format!(
            "must be so few that at most {PATH_SESSIONS_MAX} sessions are simulated, with the whole \
             portfolio; has {sessions}"
        );
        fields.add(FIELD, text);
    }
    if lines == 1 {
        fields.add(FIELD, "must be empty for a portfolio of one line");
    }
    for (at, id) in ids.iter().enumerate() {
        let path = format!("{FIELD}[{at}]");
        match asked.portfolio.as_ref().and_then(|portfolio| place(portfolio, id)) {
            _ if ids[..at].contains(id) => fields.add(path, "appears twice"),
            None => fields.add(path, not_found(asked.portfolio.as_ref(), id)),
            Some(_) => {}
        }
    }
}

/// The place of a line by its name in answers: its id, or its path.
fn place(portfolio: &v1::Portfolio, id: &str) -> Option<usize> {
    (0..portfolio.positions.len()).find(|line| portfolio::name(portfolio, *line) == id)
}

/// What an id must be that names no line.
fn not_found(portfolio: Option<&v1::Portfolio>, id: &str) -> String {
    let must = "must be the position_id of a line of the portfolio, or the path of one without";
    let lines = portfolio.map_or(&[][..], |portfolio| &portfolio.positions);
    let at = |line: &usize| portfolio::path(*line) == id;
    match (0..lines.len()).find(at) {
        Some(line) => {
            format!("{must}: the line at this path has the id {:?}", lines[line].position_id)
        }
        None => must.to_owned(),
    }
}

/// A portfolio without a line.
fn without(portfolio: &v1::Portfolio, id: &str) -> Result<v1::Portfolio, Refusal> {
    let Some(line) = place(portfolio, id) else {
        return Err(Refusal::Failed("invariant: the line was found before".to_owned()));
    };
    let mut rest = portfolio.clone();
    rest.positions.remove(line);
    Ok(rest)
}

/// A portfolio of one line.
fn alone(portfolio: &v1::Portfolio, id: &str) -> Result<v1::Portfolio, Refusal> {
    let Some(line) = place(portfolio, id) else {
        return Err(Refusal::Failed("invariant: the line was found before".to_owned()));
    };
    let positions = vec![portfolio.positions[line].clone()];
    Ok(v1::Portfolio { positions, ..portfolio.clone() })
}

/// Names that models do not cover, by model.
type Uncovered = BTreeMap<String, BTreeSet<InstrumentId>>;

/// The gaps of a line that is in no number, or not in those of some models.
fn gaps(id: &str, names: &[InstrumentId], uncovered: &Uncovered) -> Vec<Gap> {
    let gap = |why: String| Gap::new(GapReason::InputMissing, Subject::Line(id.to_owned()), why);
    if names.is_empty() {
        let why = "has no incremental risk: no measure knows what the line holds";
        return vec![gap(why.to_owned())];
    }
    let lacks = uncovered.iter().filter(|(_, missing)| covers_none(names, missing));
    let why =
        |model| format!("has no incremental risk under {model}, which covers none of the line");
    lacks.map(|(model, _)| gap(why(model))).collect()
}

fn covers_none(names: &[InstrumentId], uncovered: &BTreeSet<InstrumentId>) -> bool {
    names.iter().all(|name| uncovered.contains(name))
}

/// The measures of two reports, of the whole book and of the rest.
fn measures(whole: &v1::ExposureReport, rest: &v1::ExposureReport) -> Vec<v1::IncrementalMeasure> {
    let of_measures =
        whole.risk_measures.iter().zip(&rest.risk_measures).flat_map(|(all, rest)| {
            let id = all.request.as_ref().map_or("", |asked| asked.measure_id.as_str());
            let levels = all.levels.iter().zip(&rest.levels);
            levels.map(move |(all, rest)| v1::IncrementalMeasure {
                measure_id: id.to_owned(),
                model_id: String::new(),
                confidence: all.confidence,
                value_without: rest.value,
                incremental: all.value - rest.value,
            })
        });
    let models = |report: &v1::ExposureReport| {
        report.risk_model.as_ref().map_or_else(Vec::new, |found| found.models.clone())
    };
    let (all, rest) = (models(whole), models(rest));
    let of_models = all.into_iter().zip(rest).filter_map(|(all, rest)| {
        let (value, without) = all.volatility.zip(rest.volatility)?;
        Some(v1::IncrementalMeasure {
            measure_id: String::new(),
            model_id: all.model_id,
            confidence: None,
            value_without: without,
            incremental: value - without,
        })
    });
    of_measures.chain(of_models).collect()
}

impl AnalysisQuery {
    /// The book under the factor models that are asked for.
    pub(super) fn under_models(
        &self,
        pinned: &Pinned,
        seen: Seen<'_>,
        book: &Book,
    ) -> Result<Option<Measured>, Refusal> {
        let Some(asked) = &self.risk_model else { return Ok(None) };
        self.under((pinned, seen), asked, book).map(Some)
    }

    fn under(
        &self,
        view: (&Pinned, Seen<'_>),
        asked: &RiskModelAsked,
        book: &Book,
    ) -> Result<Measured, Refusal> {
        let (settings, look_through) = (self.normal.risk_model.clone(), self.settings.look_through);
        asked.measure(view, (book, look_through), self.settings.beta, settings)
    }

    /// The numbers of a portfolio that [`measures`] compares.
    fn risk_of(
        &self,
        pinned: &Pinned,
        seen: Seen<'_>,
        portfolio: &v1::Portfolio,
    ) -> Result<v1::ExposureReport, Refusal> {
        let prepared = seen.exposure;
        let (lookup, quotes) = (prepared.lookup(), prepared.quotes());
        let book = portfolio::book(Some(portfolio), &self.settings.netting, lookup, quotes)?;
        let report = analyze(prepared, &self.request(&book));
        let trades = definitions(&self.normal.trades, prepared);
        let risk = Risk { plan: &self.risk, asked: &self.normal.risk_measures };
        let asked = (&self.normal, trades.as_slice());
        let report = to_proto::report(report, asked, risk, (&book, portfolio))?;
        let models = self.risk_model.as_ref().map(RiskModelAsked::of_models);
        let found = models.map(|asked| self.under((pinned, seen), &asked, &book)).transpose()?;
        let risk_model = found.map(|found| found.report);
        Ok(v1::ExposureReport { risk_model, ..report })
    }

    /// The names that a line stands for, also those behind a fund. Empty: the line holds nothing that is
    /// known.
    fn names_of(
        &self,
        seen: Seen<'_>,
        portfolio: &v1::Portfolio,
    ) -> Result<Vec<InstrumentId>, Refusal> {
        let prepared = seen.exposure;
        let (lookup, quotes) = (prepared.lookup(), prepared.quotes());
        let book = portfolio::book(Some(portfolio), &self.settings.netting, lookup, quotes)?;
        Ok(MeasuredBook::of(prepared, &book, self.settings.look_through).names())
    }

    /// What the lines asked for add to the risk of a book, and the gaps of lines that are in none of the
    /// numbers. A difference of 0 would say that such a line has no risk.
    pub(super) fn incremental(
        &self,
        pinned: &Pinned,
        seen: Seen<'_>,
        (whole, uncovered): (&v1::ExposureReport, &Uncovered),
    ) -> Result<(Vec<v1::IncrementalRisk>, Vec<Gap>), Refusal> {
        let nothing = v1::Portfolio::default();
        let portfolio = self.normal.portfolio.as_ref().unwrap_or(&nothing);
        let (mut risks, mut missing) = (Vec::new(), Vec::new());
        for id in &self.normal.incremental_position_ids {
            let names = self.names_of(seen, &alone(portfolio, id)?)?;
            missing.extend(gaps(id, &names, uncovered));
            let mut measured = Vec::new();
            if !names.is_empty() {
                measured = measures(whole, &self.risk_of(pinned, seen, &without(portfolio, id)?)?);
            }
            measured.retain(|row| {
                uncovered.get(&row.model_id).is_none_or(|missing| !covers_none(&names, missing))
            });
            risks.push(v1::IncrementalRisk { position_id: id.clone(), measures: measured });
        }
        Ok((risks, missing))
    }
}
