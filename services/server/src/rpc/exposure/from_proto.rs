//! Validates exposure requests.

use super::{
    crowding::{self, CrowdingAsked},
    factor_betas::{self, FactorBetasAsked},
    group_by::group_by as read_groupings,
    include, incremental,
    risk_model::{self, RiskModelAsked},
    risk_request::{self, RiskPlan},
    trades::{trade as read_trade, trades as read_trades},
};
use crate::{
    as_of::AsOf,
    limits,
    refusal::Refusal,
    rpc::{
        field::Fields,
        page::Page,
        portfolio,
        query::FromProto,
        settings::{self, Settings},
        shared,
    },
    services::Services,
};
use ::portfolio::{book::Book, lines::Violation};
use contract::v1;
use exposure::{
    blocks::{Block, Blocks},
    grouping::GroupBy,
    settings::{Listing, TradeChoice},
};
use marketdata::{currency::Currency, day::Day};

/// Default number of positions listed.
const TOP_POSITIONS: i32 = 10;
/// Maximum number of positions listed: all of a portfolio.
const TOP_POSITIONS_MAX: i32 = limits::POSITIONS as i32;
/// Maximum number of days repeated.
const REPEAT_DAYS_MAX: usize = 4;
/// A request to analyse a portfolio.
pub(super) struct AnalysisQuery {
    pub(super) as_of: AsOf,
    pub(super) settings: Settings,
    pub(super) blocks: Blocks,
    pub(super) risk: RiskPlan,
    pub(super) group_by: Vec<GroupBy>,
    pub(super) trades: Vec<TradeChoice>,
    pub(super) repeat_on: Vec<Day>,
    pub(super) listing: Listing,
    pub(super) crowding: Option<CrowdingAsked>,
    pub(super) risk_model: Option<RiskModelAsked>,
    pub(super) factor_betas: Option<FactorBetasAsked>,
    /// The request with all defaults applied; the portfolio is read from it.
    pub(super) normal: v1::AnalyzePortfolioRequest,
    /// The joined portfolio, if it was joined to decide where to compute the answer.
    pub(super) book: Option<Book>,
}

impl FromProto for AnalysisQuery {
    const METHOD: &'static str = "AnalyzePortfolio";
    type Request = v1::AnalyzePortfolioRequest;

    fn from_proto(mut request: v1::AnalyzePortfolioRequest) -> Result<AnalysisQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let asked = request.settings.get_or_insert_default();
        let settings = settings::all(&mut fields, asked, request.portfolio.as_ref());
        let blocks = include::blocks(&mut fields, &mut request.include);
        include::unused(&mut fields, blocks, &request);
        let (mut risk, mut group_by, mut trades) = (RiskPlan::NONE, Vec::new(), Vec::new());
        let (mut repeat_on, mut listing) = (Vec::new(), Listing::Largest(0));
        if blocks.has(Block::Breakdowns) {
            let portfolio = request.portfolio.as_ref();
            group_by = read_groupings(&mut fields, &mut request.group_by, portfolio);
        }
        if blocks.has(Block::Risk) {
            let shown = (blocks, request.group_by.as_slice());
            risk = risk_request::plan(&mut fields, &mut request.risk_measures, shown);
            risk.check_contributions(&mut fields, &group_by);
        }
        if blocks.has(Block::Trades) {
            trades = read_trades(&mut fields, &mut request.trades);
            repeat_on = read_repeat_on(&mut fields, &request.repeat_on);
        }
        if blocks.has(Block::Positions) {
            listing = read_listing(&mut fields, &mut request);
        }
        let crowding = blocks
            .has(Block::Crowding)
            .then(|| crowding::from_proto(&mut fields, request.crowding.get_or_insert_default()));
        let risk_model = blocks.has(Block::RiskModel).then(|| {
            risk_model::from_proto(&mut fields, request.risk_model.get_or_insert_default())
        });
        let factor_betas = blocks.has(Block::FactorBetas).then(|| {
            factor_betas::from_proto(&mut fields, request.factor_betas.get_or_insert_default())
        });
        incremental::check(&mut fields, (blocks, &risk), &request);
        portfolio::check(&mut fields, "portfolio", request.portfolio.as_mut());
        as_of.base = portfolio::currency::base(request.portfolio.as_ref());
        fields.finish(Some(AnalysisQuery {
            as_of,
            settings,
            blocks,
            risk,
            group_by,
            trades,
            repeat_on,
            listing,
            crowding,
            risk_model,
            factor_betas,
            normal: request,
            book: None,
        }))
    }
}

/// Reads the days to repeat.
fn read_repeat_on(fields: &mut Fields, asked: &[String]) -> Vec<Day> {
    let mut days = Vec::new();
    if !fields.at_most("repeat_on", asked.len(), REPEAT_DAYS_MAX) {
        return days;
    }
    for (at, text) in asked.iter().enumerate() {
        let path = format!("repeat_on[{at}]");
        match fields.day(&path, text) {
            None if text.is_empty() => fields.add(path, "must be an ISO date (YYYY-MM-DD)"),
            Some(day) if days.contains(&day) => fields.add(path, "appears twice"),
            day => days.extend(day),
        }
    }
    days
}

/// Reads which positions to list, and writes the default into the request.
fn read_listing(fields: &mut Fields, request: &mut v1::AnalyzePortfolioRequest) -> Listing {
    let bounds = (0, TOP_POSITIONS_MAX);
    let top = fields.within_or("top_positions", request.top_positions, TOP_POSITIONS, bounds);
    request.top_positions = Some(top);
    Listing::Largest(usize::try_from(top).unwrap_or(0))
}

/// A request to check a portfolio.
pub(super) struct ValidationQuery {
    pub(super) as_of: AsOf,
    /// Violations other than those of its lines.
    pub(super) violations: Vec<Violation>,
    pub(super) normal: v1::ValidatePortfolioRequest,
}

impl ValidationQuery {
    /// Takes a portfolio in a currency without a rate as a finding, which the answer reports.
    ///
    /// # Errors
    /// As [`Services::view`].
    pub(super) async fn check_currency(
        &mut self,
        services: &Services,
        model: &'static str,
    ) -> Result<(), Refusal> {
        let field = self.as_of.base_path;
        match services.view(&self.as_of, model).await {
            Ok(_) => Ok(()),
            Err(Refusal::Invalid(found)) if found.iter().all(|one| one.field == field) => {
                self.violations.extend(found);
                self.as_of.base = Currency::USD;
                Ok(())
            }
            Err(refusal) => Err(refusal),
        }
    }
}

impl FromProto for ValidationQuery {
    const METHOD: &'static str = "ValidatePortfolio";
    type Request = v1::ValidatePortfolioRequest;

    fn from_proto(mut request: v1::ValidatePortfolioRequest) -> Result<ValidationQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let mut found = Fields::new();
        match &mut request.portfolio {
            None => fields.add("portfolio", "must be given"),
            Some(held) => {
                portfolio::frame(&mut found, "portfolio", held);
            }
        }
        as_of.base = portfolio::currency::base(request.portfolio.as_ref());
        let violations = found.into_violations();
        fields.finish(Some(ValidationQuery { as_of, violations, normal: request }))
    }
}

/// A request for a page of the factors.
pub(super) struct FactorsQuery {
    pub(super) as_of: AsOf,
    pub(super) page: Page,
    pub(super) normal: v1::ListFactorsRequest,
}

impl FromProto for FactorsQuery {
    const METHOD: &'static str = "ListFactors";
    type Request = v1::ListFactorsRequest;

    fn from_proto(mut normal: v1::ListFactorsRequest) -> Result<FactorsQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, normal.as_of.take());
        let page = Page::from_proto(&mut fields, Self::METHOD, &mut normal, &mut as_of)?;
        fields.finish(Some(FactorsQuery { as_of, page, normal }))
    }
}

/// A request for a page of the members of a trade.
pub(super) struct MembersQuery {
    pub(super) as_of: AsOf,
    pub(super) page: Page,
    pub(super) trade: TradeChoice,
    pub(super) normal: v1::ListTradeMembersRequest,
}

impl FromProto for MembersQuery {
    const METHOD: &'static str = "ListTradeMembers";
    type Request = v1::ListTradeMembersRequest;

    fn from_proto(mut normal: v1::ListTradeMembersRequest) -> Result<MembersQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, normal.as_of.take());
        let trade = read_trade(&mut fields, "trade", &mut normal.trade);
        let page = Page::from_proto(&mut fields, Self::METHOD, &mut normal, &mut as_of)?;
        fields.finish(Some(MembersQuery { as_of, page, trade, normal }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use v1::{AnalyzePortfolioRequest as Asked, risk_measure_request::Method};

    fn id(asked: &Asked) -> String {
        let query = AnalysisQuery::from_proto(asked.clone()).unwrap();
        shared::result_id("AnalyzePortfolio", &query.normal, &v1::SnapshotRef::default())
    }

    fn position(symbol: &str, quantity: f64) -> v1::Position {
        let size = Some(v1::position::Size::Quantity(quantity));
        let instrument =
            Some(v1::InstrumentRef { symbol: symbol.to_owned(), ..v1::InstrumentRef::default() });
        v1::Position { instrument, size, ..v1::Position::default() }
    }

    fn own_trade(trade_id: &str) -> v1::TradeSelection {
        use v1::{trade_leg_definition::ReturnProxy, trade_selector::Selector};
        let leg = |leg_id: &str, side: v1::TradeSide| v1::TradeLegDefinition {
            leg_id: leg_id.to_owned(),
            side: side.into(),
            any_of: vec![v1::TradeSelector {
                selector: Some(Selector::BucketId("mid".to_owned())),
            }],
            return_proxy: Some(ReturnProxy::Role("mid_cap_index".to_owned())),
            ..v1::TradeLegDefinition::default()
        };
        let definition = v1::TradeDefinition {
            trade_id: trade_id.to_owned(),
            legs: vec![leg("l", v1::TradeSide::Long), leg("s", v1::TradeSide::Short)],
            ..v1::TradeDefinition::default()
        };
        v1::TradeSelection { trade: Some(v1::trade_selection::Trade::Definition(definition)) }
    }

    fn label(key: &str) -> v1::Label {
        v1::Label { key: key.to_owned(), value: "v".to_owned() }
    }

    fn grouping(kind: v1::GroupByKind) -> v1::GroupBy {
        v1::GroupBy { kind: kind.into(), label_key: String::new() }
    }

    /// The default value at risk with every default written out.
    fn whole_measure() -> v1::RiskMeasureRequest {
        let filtered = v1::FilteredHistoricalMethod { decay: Some(0.94) };
        v1::RiskMeasureRequest {
            measure_id: "value_at_risk".to_owned(),
            kind: v1::RiskMeasureKind::ValueAtRisk.into(),
            method: Some(Method::FilteredHistorical(filtered)),
            confidences: vec![0.95, 0.99],
            quantile_rule: Some(v1::QuantileRule::Linear.into()),
            interval_level: Some(0.95),
            horizon_sessions: Some(1),
            window_sessions: Some(1_000),
            contributions_by: Vec::new(),
        }
    }

    /// The request for one value at risk.
    fn measure(asked: &mut Asked) -> &mut v1::RiskMeasureRequest {
        asked.risk_measures = vec![whole_measure()];
        &mut asked.risk_measures[0]
    }

    fn split(kind: v1::RiskSplitKind, group_by: Option<v1::GroupBy>) -> v1::RiskSplit {
        v1::RiskSplit { kind: kind.into(), group_by }
    }

    fn by_group(kind: v1::GroupByKind) -> v1::RiskSplit {
        split(v1::RiskSplitKind::Group, Some(grouping(kind)))
    }

    /// Asks for one expected shortfall with contributions.
    fn shortfall(asked: &mut Asked, by: v1::RiskSplit) {
        let measure = measure(asked);
        measure.kind = v1::RiskMeasureKind::ExpectedShortfall.into();
        (measure.quantile_rule, measure.interval_level) = (None, None);
        measure.contributions_by = vec![by];
    }

    fn beta(asked: &mut Asked) -> &mut v1::BetaSettings {
        asked.settings.get_or_insert_default().beta.get_or_insert_default()
    }

    fn book() -> Asked {
        let positions = vec![position("AAPL", 10.0), position("IWM", -3.0)];
        let cash = vec![v1::CashBalance { amount: Some(5.0), ..v1::CashBalance::default() }];
        let portfolio = Some(v1::Portfolio { positions, cash, ..v1::Portfolio::default() });
        Asked { portfolio, ..Asked::default() }
    }

    #[test]
    fn defaults_written_out_give_the_id_of_defaults_left_out() {
        let mut written = book();
        written.as_of = Some(v1::AsOf::default());
        written.top_positions = Some(10);
        // Blocks in any order.
        written.include = (1..=7).rev().collect();
        let standard = v1::trade_selection::Trade::TradeId("megacap_small_cap".to_owned());
        written.trades = vec![v1::TradeSelection { trade: Some(standard) }];
        let portfolio = written.portfolio.as_mut().unwrap();
        portfolio.currency = "USD".to_owned();
        portfolio.cash[0].currency = "USD".to_owned();
        for position in &mut portfolio.positions {
            position.kind = v1::PositionKind::Listed.into();
        }
        *beta(&mut written) = v1::BetaSettings {
            half_life_sessions: Some(126.0),
            min_observations: Some(60),
            huber_k: Some(1.345),
            shrinkage: v1::BetaShrinkage::Vasicek.into(),
        };
        written.settings.get_or_insert_default().netting =
            Some(v1::Netting { level: v1::NettingLevel::Instrument.into(), label_keys: vec![] });
        written.risk_measures = vec![
            whole_measure(),
            v1::RiskMeasureRequest {
                measure_id: "expected_shortfall".to_owned(),
                kind: v1::RiskMeasureKind::ExpectedShortfall.into(),
                contributions_by: vec![
                    split(v1::RiskSplitKind::TradeLeg, None),
                    split(v1::RiskSplitKind::Position, None),
                ],
                quantile_rule: None,
                interval_level: None,
                ..whole_measure()
            },
        ];
        written.group_by = vec![grouping(v1::GroupByKind::Size), grouping(v1::GroupByKind::Sector)];
        assert_eq!(id(&written), id(&book()));
        let empty = Asked { settings: Some(v1::AnalysisSettings::default()), ..book() };
        assert_eq!(id(&empty), id(&book()));
    }

    fn second(asked: &mut Asked) -> &mut v1::Position {
        &mut asked.portfolio.as_mut().unwrap().positions[1]
    }

    #[test]
    fn every_field_that_alters_an_answer_alters_its_id() {
        type Change = fn(&mut Asked);
        let changes: [Change; 40] = [
            |_| {},
            |asked| asked.include = vec![v1::ReportBlock::Risk.into()],
            |asked| asked.repeat_on = vec!["2024-03-28".to_owned()],
            |asked| asked.trades = vec![own_trade("a")],
            |asked| asked.trades = vec![own_trade("b")],
            |asked| asked.top_positions = Some(11),
            |asked| asked.group_by = vec![grouping(v1::GroupByKind::Size)],
            |asked| asked.group_by = vec![grouping(v1::GroupByKind::Sector)],
            |asked| beta(asked).half_life_sessions = Some(125.0),
            |asked| beta(asked).min_observations = Some(61),
            |asked| beta(asked).huber_k = Some(1.5),
            |asked| beta(asked).shrinkage = 2,
            |asked| {
                let netting = asked.settings.get_or_insert_default().netting.insert(<_>::default());
                netting.set_level(v1::NettingLevel::Line);
            },
            |asked| {
                let settings = asked.settings.get_or_insert_default();
                settings.classification_scheme_id = "GICS".to_owned();
            },
            |asked| measure(asked).measure_id = "a".to_owned(),
            |asked| measure(asked).window_sessions = Some(999),
            |asked| measure(asked).horizon_sessions = Some(2),
            |asked| shortfall(asked, split(v1::RiskSplitKind::Position, None)),
            |asked| shortfall(asked, by_group(v1::GroupByKind::Size)),
            |asked| shortfall(asked, by_group(v1::GroupByKind::Sector)),
            |asked| measure(asked).confidences = vec![0.99, 0.95],
            |asked| measure(asked).quantile_rule = Some(2),
            |asked| measure(asked).interval_level = Some(0.9),
            |asked| measure(asked).method = Some(Method::Historical(v1::HistoricalMethod {})),
            |asked| {
                let filtered = v1::FilteredHistoricalMethod { decay: Some(0.97) };
                measure(asked).method = Some(Method::FilteredHistorical(filtered));
            },
            |asked| {
                let measure = measure(asked);
                measure.kind = v1::RiskMeasureKind::ExpectedShortfall.into();
                (measure.quantile_rule, measure.interval_level) = (None, None);
            },
            |asked| asked.portfolio.as_mut().unwrap().portfolio_id = "a".to_owned(),
            |asked| asked.portfolio.as_mut().unwrap().net_asset_value = Some(1e6),
            |asked| asked.portfolio.as_mut().unwrap().positions.reverse(),
            |asked| *second(asked) = position("IWN", -3.0),
            |asked| asked.portfolio.as_mut().unwrap().valued_on = "2024-03-28".to_owned(),
            |asked| asked.portfolio.as_mut().unwrap().cash[0].amount = Some(6.0),
            |asked| asked.portfolio.as_mut().unwrap().cash.clear(),
            |asked| second(asked).position_id = "a".to_owned(),
            |asked| second(asked).valued_on = "b".to_owned(),
            |asked| second(asked).labels.push(label("k")),
            |asked| second(asked).instrument.as_mut().unwrap().isin = "US4642876555".to_owned(),
            |asked| second(asked).average_cost = Some(3.0),
            |asked| *second(asked) = position("IWM", -4.0),
            |asked| second(asked).size = Some(v1::position::Size::MarketValue(-3.0)),
        ];
        let mut ids: Vec<String> = changes
            .iter()
            .map(|change| {
                let mut asked = book();
                change(&mut asked);
                id(&asked)
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), changes.len());
    }

    /// An answer's id covers its snapshot reference and the method that computed it.
    #[test]
    fn the_reference_and_the_method_alter_the_id() {
        let asked = book();
        let reference = |revision| v1::SnapshotRef { revision, ..v1::SnapshotRef::default() };
        let ids = [("A", 1), ("A", 2), ("B", 1)]
            .map(|(method, revision)| shared::result_id(method, &asked, &reference(revision)));
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
        assert_eq!(ids[0], shared::result_id("A", &asked, &reference(1)));
    }
}
