//! Factor models over the wire: a vendor's numbers by hand, what was known when, two models side by
//! side, our own models, what single lines add, and refusals.

use crate::{
    exposure::{TODAY, market as small_market, near, portfolio, worth},
    golden::{self, simulated},
    harness::{Harness, expect_refusal, gaps, header, on, reference, replay_of, timestamp},
};
use contract::v1::{
    self, AnalyzePortfolioRequest as Asked, CovarianceEstimator as Estimator, ReportBlock as Block,
    RiskModelKind as Ours, exposure_service_client::ExposureServiceClient,
    risk_model_choice::Model,
};
use prost::Message as _;
use simulation::{files::SourceFile, market::Market};
use std::fmt::Write as _;
use tonic::{Code, transport::Channel};

/// The day of the vendor's files, a Monday: known from 09:30 in New York on Tuesday.
const MODEL_ON: &str = "2021-01-25";
pub(crate) const LAST_ON: &str = "2024-07-31";

fn vendor(name: &str) -> v1::RiskModelChoice {
    v1::RiskModelChoice { model: Some(Model::VendorModelId(name.to_owned())) }
}

pub(crate) fn own(kind: Ours) -> v1::RiskModelChoice {
    v1::RiskModelChoice { model: Some(Model::Kind(kind.into())) }
}

pub(crate) fn under(models: Vec<v1::RiskModelChoice>, request: Asked) -> Asked {
    let settings =
        v1::RiskModelSettings { models, top_names: Some(10_000), covariances: Vec::new() };
    let include = vec![Block::RiskModel.into()];
    Asked { risk_model: Some(settings), include, top_positions: None, ..request }
}

/// A vendor's risk model of two days, of which the second lacks its covariances.
pub(crate) fn files(market: &Market) -> [SourceFile; 3] {
    let days = &market.days[market.days.len() - 42..market.days.len() - 40];
    let mut exposures = String::from("symbol,date,factor,value,model\n");
    let mut specific = String::from("symbol,date,volatility,model,period\n");
    for day in days {
        for (at, name) in market.names.iter().enumerate().filter(|(at, _)| at % 5 != 0) {
            let symbol = &name.symbol;
            writeln!(exposures, "{symbol},{day},MARKET,0.{},ACME", 5 + at % 5).unwrap();
            writeln!(exposures, "{symbol},{day},a long name of a factor,0.{at},ACME").unwrap();
            writeln!(specific, "{symbol},{day},0.{},ACME,year", 10 + at).unwrap();
        }
    }
    // A model that is none, for more reasons than an answer gives.
    for name in market.names.iter().take(5) {
        let (symbol, day) = (&name.symbol, days[0]);
        for factor in ["Z", "Y", "X", "M"] {
            writeln!(exposures, "{symbol},{day},{factor},1,WRONG").unwrap();
        }
        writeln!(specific, "{symbol},{day},0.2,WRONG,year").unwrap();
    }
    let long = "a long name of a factor";
    let on = days[0];
    let covariance = format!(
        "# period: session\ndate,factor_a,factor_b,value,model\n{on},MARKET,MARKET,0.0001,ACME\n\
         {on},{long},MARKET,0.00001,ACME\n{on},{long},{long},0.00004,ACME\n\
         {on},M,M,0.0001,WRONG\n"
    );
    let file = |name: &str, text: String| SourceFile {
        file_name: name.to_owned(),
        bytes: text.into_bytes(),
        symbol: None,
        index_id: None,
        observed_on: None,
        adjusted_on: None,
    };
    [
        file("exposures.csv", exposures),
        file("covariance.csv", covariance),
        file("specific.csv", specific),
    ]
}

/// The analysis of a book under a vendor's model, both of our own and one of a vendor that is none.
pub(crate) fn side_by_side(request: Asked) -> Asked {
    let models =
        vec![vendor("ACME"), own(Ours::TimeSeries), own(Ours::CrossSection), vendor("WRONG")];
    Asked {
        include: vec![Block::RiskModel.into()],
        risk_model: Some(v1::RiskModelSettings {
            models,
            top_names: Some(10_000),
            covariances: Vec::new(),
        }),
        ..request
    }
}

/// AA has exposures (1, 0.5), BB (1.5, -1); CC has none, and AA alone has specific risk, 20 % a year.
async fn ingest_acme(harness: &Harness, name: &str) {
    let exposures = format!(
        "symbol,date,factor,value\nAA,{MODEL_ON},market,1\nAA,{MODEL_ON},size,0.5\n\
         BB,{MODEL_ON},market,1.5\nBB,{MODEL_ON},size,-1\n"
    );
    // Per session 1e-4, 1e-5 and 4e-5.
    let covariance = format!(
        "date,factor_a,factor_b,value\n{MODEL_ON},market,market,0.0252\n\
         {MODEL_ON},size,market,0.00252\n{MODEL_ON},size,size,0.01008\n"
    );
    let specific = format!("symbol,date,volatility\nAA,{MODEL_ON},0.2\nBB,{MODEL_ON},0\n");
    for text in [exposures, covariance, specific] {
        let symbol = name.to_owned();
        let risk_period = v1::RiskPeriod::Year.into();
        let header = v1::IngestHeader { symbol, risk_period, ..header("model.csv") };
        let answer = harness.try_ingest(header, text.as_bytes()).await.unwrap();
        assert_eq!(answer.accepted_count, answer.row_count);
    }
}

fn acme_book() -> Asked {
    let lines = vec![worth("AA", 1e6), worth("BB", -5e5), worth("CC", 2e5)];
    Asked { as_of: on(TODAY), portfolio: portfolio(lines), ..Asked::default() }
}

pub(crate) async fn ask(
    client: &mut ExposureServiceClient<Channel>,
    request: Asked,
) -> v1::AnalyzePortfolioResponse {
    client.analyze_portfolio(request).await.unwrap().into_inner()
}

pub(crate) fn found(answer: &v1::AnalyzePortfolioResponse) -> v1::RiskModelReport {
    answer.report.clone().unwrap().risk_model.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_numbers_are_those_of_the_formulas() {
    let (harness, mut client) = small_market().await;
    ingest_acme(&harness, "Acme").await;
    let answer = ask(&mut client, under(vec![vendor("acme")], acme_book())).await;
    let report = found(&answer);
    assert_eq!(report.settings.unwrap().models, [vendor("ACME")]);
    let model = &report.models[0];
    assert_eq!((model.model_id.as_str(), model.model_on.as_str()), ("ACME", MODEL_ON));
    assert_eq!(
        (model.age_days, model.model_name_count, model.covered_count),
        (Some(2), Some(2), 2)
    );
    assert_eq!(model.published_at, Some(timestamp("2021-01-26T14:30:00Z")));
    // b = (1e6 - 1.5·5e5, 0.5·1e6 + 5e5) = (2.5e5, 1e6); F·b = (35, 42.5);
    // b′F·b = 2.5e5·35 + 1e6·42.5; specific 1e12·0.04/252.
    let (common, specific) = (5.125e7, 1e12 * 0.04 / 252.0);
    let volatility = f64::sqrt(common + specific);
    near(model.volatility.unwrap(), volatility, 1e-9);
    near(model.factor_volatility.unwrap(), common.sqrt(), 1e-9);
    near(model.specific_volatility.unwrap(), specific.sqrt(), 1e-9);
    near(model.factor_contribution.unwrap(), common / volatility, 1e-9);
    near(model.specific_contribution.unwrap(), specific / volatility, 1e-9);
    // The largest contribution first: 1e6·42.5 of SIZE, 2.5e5·35 of MARKET.
    let [size, market] = &model.factors[..] else { panic!("{:?}", model.factors) };
    assert_eq!((size.factor_id.as_str(), market.factor_id.as_str()), ("SIZE", "MARKET"));
    near(size.contribution, 4.25e7 / volatility, 1e-9);
    near(market.contribution, 8.75e6 / volatility, 1e-9);
    near(size.exposure, 1e6, 1e-6);
    near(market.factor_volatility, 0.01, 1e-15);
    // Of AA the covariance with the book is 35 + 21.25 + 1e6·d, of BB 52.5 - 42.5.
    let name = |symbol: &str| model.names.iter().find(|row| row.symbol == symbol).unwrap();
    near(name("AA").contribution, (1e6 * 56.25 + specific) / volatility, 1e-9);
    near(name("BB").contribution, -5e5 * 10.0 / volatility, 1e-9);
    near(name("BB").marginal, 10.0 / volatility, 1e-15);
    // (1.5, -1) F (1.5, -1)′ = 2.25e-4 - 3e-5 + 4e-5.
    near(name("BB").volatility, 2.35e-4_f64.sqrt(), 1e-15);
    near(name("BB").factor_volatility, name("BB").volatility, 1e-15);
    assert_eq!(name("AA").source(), v1::ExposureSource::Model);
    // CC is listed with its gross, and a gap.
    let [cc] = &model.uncovered[..] else { panic!("{:?}", model.uncovered) };
    assert_eq!((cc.symbol.as_str(), model.uncovered_count), ("CC", 1));
    near(cc.gross, 2e5, 1e-6);
    near(model.uncovered_gross_share.unwrap(), 2.0 / 17.0, 1e-12);
    let about = |gap: &&v1::Gap| gap.detail.contains("ACME does not cover");
    let gap = gaps(&answer.info).iter().find(about).unwrap();
    near(gap.gross_share.unwrap(), 2.0 / 17.0, 1e-12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_model_is_known_from_its_publication_and_replays() {
    let (harness, mut client) = small_market().await;
    ingest_acme(&harness, "ACME").await;
    let at = |text: &str| {
        let when = Some(v1::as_of::When::At(timestamp(text)));
        let as_of = Some(v1::AsOf { when, ..v1::AsOf::default() });
        under(vec![vendor("ACME")], Asked { as_of, ..acme_book() })
    };
    let early = client.analyze_portfolio(at("2021-01-26T14:29:59Z")).await.unwrap_err();
    expect_refusal(&early, Code::NotFound, "UNKNOWN_RISK_MODEL", &[]);
    assert!(early.message().contains("none is known"), "{early:?}");
    let answer = ask(&mut client, at("2021-01-26T14:30:00Z")).await;
    assert!(found(&answer).models[0].volatility.is_some());
    // A correction, which is known when it is received, changes no replay.
    let text = format!("symbol,date,volatility\nAA,{MODEL_ON},0.4\n");
    let (symbol, risk_period) = ("ACME".to_owned(), v1::RiskPeriod::Year.into());
    let header = v1::IngestHeader { symbol, risk_period, ..header("model.csv") };
    harness.try_ingest(header, text.as_bytes()).await.unwrap();
    let again = Asked { as_of: replay_of(&reference(&answer.info)), ..at("2021-01-26T14:30:00Z") };
    assert!(ask(&mut client, again).await.encode_to_vec() == answer.encode_to_vec(), "a replay");
    let now = ask(&mut client, under(vec![vendor("ACME")], Asked { as_of: None, ..acme_book() }));
    let now = found(&now.await);
    near(now.models[0].specific_volatility.unwrap(), 1e6 * 0.4 / 252.0_f64.sqrt(), 1e-9);
    let other = client.analyze_portfolio(under(vec![vendor("B")], acme_book())).await.unwrap_err();
    expect_refusal(&other, Code::NotFound, "UNKNOWN_RISK_MODEL", &[]);
    assert!(other.message().contains("known: ACME"), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_models_stand_side_by_side_by_name() {
    let (harness, mut client) = small_market().await;
    ingest_acme(&harness, "ACME").await;
    let models = vec![own(Ours::TimeSeries), vendor("ACME")];
    let report = found(&ask(&mut client, under(models, acme_book())).await);
    let [ours, theirs] = &report.models[..] else { panic!("{:?}", report.models) };
    assert_eq!((ours.model_id.as_str(), ours.covered_count), ("ballast-time-series", 3));
    let [compared] = &report.comparisons[..] else { panic!("{:?}", report.comparisons) };
    assert_eq!(compared.second_model_id, "ACME");
    assert_eq!((compared.common_count, compared.only_first_count), (2, 1));
    let (one, two) = (ours.volatility.unwrap(), theirs.volatility.unwrap());
    near(compared.log_ratio.unwrap(), f64::ln(one / two), 1e-12);
    let sum: f64 = compared.names.iter().map(|row| row.contribution_difference).sum();
    near(sum, one - two, 1e-9 * one);
    let sizes: Vec<f64> =
        compared.names.iter().map(|row| row.contribution_difference.abs()).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b), "{sizes:?}");
    for row in &compared.names {
        let of = |model: &v1::FactorModelRisk| {
            let found = model.names.iter().find(|name| name.symbol == row.symbol);
            found.map(|name| (name.contribution, name.volatility))
        };
        assert_eq!(of(ours).map(|(c, _)| c), row.first_contribution);
        assert_eq!(of(theirs).map(|(c, _)| c), row.second_contribution);
        assert_eq!(of(theirs).map(|(_, v)| v), row.second_volatility);
    }
}

/// Contributions of factors and of names add up to the volatility.
fn adds_up(model: &v1::FactorModelRisk) {
    let volatility = model.volatility.unwrap();
    let (common, specific) =
        (model.factor_contribution.unwrap(), model.specific_contribution.unwrap());
    let tolerance = 1e-12 * volatility;
    near(common + specific, volatility, tolerance);
    near(model.factors.iter().map(|row| row.contribution).sum(), common, tolerance);
    near(model.names.iter().map(|row| row.contribution).sum(), volatility, tolerance);
    let squares =
        model.factor_volatility.unwrap().powi(2) + model.specific_volatility.unwrap().powi(2);
    near(squares.sqrt(), volatility, tolerance);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_two_models_forecast_alike_and_add_up() {
    let harness = Harness::at("2024-08-01T12:00:00Z").await;
    let market = simulated(&harness).await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let mut hedged = golden::book(&market);
    hedged.positions.push(worth("IWM", -1e6));
    let book = Asked { as_of: on(LAST_ON), portfolio: Some(hedged), ..Asked::default() };
    let models = vec![own(Ours::TimeSeries), own(Ours::CrossSection)];
    let answer = ask(&mut client, under(models, book.clone())).await;
    let report = found(&answer);
    report.models.iter().for_each(adds_up);
    let [over_time, across] = &report.models[..] else { panic!("{:?}", report.models) };
    assert_eq!(across.model_id, "ballast-cross-section");
    assert_eq!((over_time.model_on.as_str(), across.model_on.as_str()), (LAST_ON, LAST_ON));
    assert_eq!((over_time.model_name_count, across.age_days), (None, Some(0)));
    // Both forecast the same market, one with two factors and one with many.
    let ratio = report.comparisons[0].log_ratio.unwrap().abs();
    assert!(ratio < 0.4, "{ratio}");
    // A fund has no row of the cross-section.
    let of = |source| across.names.iter().filter(|row| row.source() == source).count();
    assert!(0 < of(v1::ExposureSource::Model) && 0 < of(v1::ExposureSource::Regression));
    // The default is the model over time, with the same bits.
    let alone = Asked { risk_model: None, ..under(Vec::new(), book.clone()) };
    let alone = found(&ask(&mut client, alone).await);
    let listed = alone.models[0].names.len();
    assert_eq!(alone.models.len(), 1);
    assert_eq!(listed, over_time.names.len().min(10));
    assert_eq!(alone.models[0].names, over_time.names[..listed]);
    assert_eq!(alone.models[0].factors, over_time.factors);
    // Other blocks are the same beside it.
    let both =
        Asked { include: vec![Block::Factors.into(), Block::RiskModel.into()], ..book.clone() };
    let plain = Asked { include: vec![Block::Factors.into()], ..book };
    let [both, plain] = [ask(&mut client, both).await, ask(&mut client, plain).await];
    let (both, plain) = (both.report.unwrap(), plain.report.unwrap());
    assert_eq!((both.factors, plain.risk_model), (plain.factors, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_line_adds_is_the_difference_of_two_analyses() {
    let (harness, mut client) = small_market().await;
    ingest_acme(&harness, "ACME").await;
    let mut request = under(vec![vendor("ACME"), own(Ours::TimeSeries)], acme_book());
    request.include.push(Block::Risk.into());
    request.portfolio.as_mut().unwrap().positions[0].position_id = "first".to_owned();
    request.incremental_position_ids =
        vec!["first".to_owned(), "portfolio.positions[1]".to_owned()];
    let answer = ask(&mut client, request.clone()).await;
    let whole = answer.report.unwrap();
    for (at, line) in whole.incremental_risks.iter().enumerate() {
        assert_eq!(line.position_id, request.incremental_position_ids[at]);
        let mut rest = Asked { incremental_position_ids: Vec::new(), ..request.clone() };
        rest.portfolio.as_mut().unwrap().positions.remove(at);
        let rest = ask(&mut client, rest).await.report.unwrap();
        let levels = |report: &v1::ExposureReport| -> Vec<f64> {
            let measures = report.risk_measures.iter().flat_map(|measure| &measure.levels);
            let models = report.risk_model.iter().flat_map(|found| &found.models);
            let models = models.filter_map(|model| model.volatility);
            measures.map(|level| level.value).chain(models).collect()
        };
        let (whole, rest) = (levels(&whole), levels(&rest));
        // Two measures of two levels, and two models.
        assert_eq!((whole.len(), line.measures.len()), (6, 6));
        for ((whole, rest), row) in whole.iter().zip(&rest).zip(&line.measures) {
            assert_eq!((row.value_without, row.incremental), (*rest, whole - rest));
        }
        assert_eq!(line.measures[4].model_id, "ACME");
        assert_eq!(line.measures[1].confidence, Some(0.99));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_not_measured_has_a_gap_and_no_incremental_risk() {
    let (harness, mut client) = small_market().await;
    ingest_acme(&harness, "ACME").await;
    let mut request = under(vec![vendor("ACME"), own(Ours::TimeSeries)], acme_book());
    request.include.push(Block::Risk.into());
    request.portfolio.as_mut().unwrap().positions.push(worth("NOBODY", 1e5));
    request.incremental_position_ids =
        [0, 2, 3].map(|at| format!("portfolio.positions[{at}]")).into();
    let answer = ask(&mut client, request).await;
    let [aa, cc, nobody] = &answer.report.as_ref().unwrap().incremental_risks[..] else {
        panic!("{answer:?}")
    };
    let models = |line: &v1::IncrementalRisk| -> Vec<String> {
        line.measures.iter().map(|row| row.model_id.clone()).filter(|id| !id.is_empty()).collect()
    };
    assert_eq!(models(aa), ["ACME", "ballast-time-series"]);
    assert_eq!((models(cc), cc.measures.len()), (vec!["ballast-time-series".to_owned()], 5));
    assert_eq!(nobody.measures, []);
    let about = |gap: &&v1::Gap| gap.detail.contains("no incremental risk");
    let found: Vec<&v1::Gap> = gaps(&answer.info).iter().filter(about).collect();
    let [gap] = &found[..] else { panic!("{found:?}") };
    assert_eq!(gap.subject_count, 2);
    assert!(gap.detail.contains("under ACME"), "{gap:?}");
    assert!(gap.detail.contains("no measure knows"), "{gap:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_exposures_and_a_model_in_parts_have_gaps() {
    let (harness, mut client) = small_market().await;
    ingest_acme(&harness, "ACME").await;
    let ingest = async |model: &str, text: String| {
        let (symbol, risk_period) = (model.to_owned(), v1::RiskPeriod::Year.into());
        let header = v1::IngestHeader { symbol, risk_period, ..header("model.csv") };
        harness.try_ingest(header, text.as_bytes()).await.unwrap();
    };
    // CC has a specific volatility and no exposures, as if their file came in part.
    ingest("ACME", format!("symbol,date,volatility\nCC,{MODEL_ON},0.3\n")).await;
    ingest("BARE", format!("symbol,date,factor,value\nAA,{MODEL_ON},M,1\n")).await;
    let request = under(vec![vendor("ACME"), vendor("BARE")], acme_book());
    let answer = ask(&mut client, request).await;
    let report = found(&answer);
    let [cc] = &report.models[0].uncovered[..] else { panic!("{:?}", report.models[0]) };
    assert_eq!((cc.symbol.as_str(), report.models[0].covered_count), ("CC", 2));
    near(cc.gross, 2e5, 1e-6);
    assert_eq!(report.models[1].volatility, None);
    for why in [
        "ACME does not cover the name",
        "exposures of 2 names and specific volatilities of 3",
        "of BARE no day is known",
    ] {
        let said = gaps(&answer.info).iter().any(|gap| gap.detail.contains(why));
        assert!(said, "{why}: {:?}", answer.info);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cannot_be_are_refused_by_path() {
    let (harness, mut client) = small_market().await;
    ingest_acme(&harness, "ACME").await;
    let settings = v1::RiskModelSettings {
        models: vec![
            v1::RiskModelChoice { model: None },
            own(Ours::Unspecified),
            own(Ours::CrossSection),
            own(Ours::CrossSection),
        ],
        top_names: Some(-1),
        covariances: vec![Estimator::Sample.into(), 0, 99, Estimator::Sample.into()],
    };
    let request = Asked { risk_model: Some(settings), ..under(Vec::new(), acme_book()) };
    let refused = client.analyze_portfolio(request).await.unwrap_err();
    let paths = [
        "risk_model.top_names",
        "risk_model.models[0]",
        "risk_model.models[1].kind",
        "risk_model.models[3]",
        "risk_model.covariances[1]",
        "risk_model.covariances[2]",
        "risk_model.covariances[3]",
    ];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let many = under(vec![vendor("A/B"); 5], acme_book());
    let refused = client.analyze_portfolio(many).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["risk_model.models"]);
    let slash = under(vec![vendor("A/B")], acme_book());
    let refused = client.analyze_portfolio(slash).await.unwrap_err();
    let path = ["risk_model.models[0].vendor_model_id"];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &path);
    let unused = Asked {
        include: vec![Block::Factors.into()],
        incremental_position_ids: vec!["nobody".to_owned()],
        ..under(vec![vendor("ACME")], acme_book())
    };
    let refused = client.analyze_portfolio(unused).await.unwrap_err();
    let paths = ["risk_model", "incremental_position_ids", "incremental_position_ids[0]"];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    // The path of a line that has an id names the id.
    let mut path = under(vec![vendor("ACME")], acme_book());
    path.portfolio.as_mut().unwrap().positions[1].position_id = "second".to_owned();
    path.incremental_position_ids = vec!["portfolio.positions[1]".to_owned()];
    let refused = client.analyze_portfolio(path).await.unwrap_err();
    expect_refusal(
        &refused,
        Code::InvalidArgument,
        "INVALID_REQUEST",
        &["incremental_position_ids[0]"],
    );
    assert!(
        refused.message().contains("the line at this path has the id \"second\""),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_make_no_model_are_a_gap_and_matrices_that_are_none_are_refused() {
    let (harness, mut client) = small_market().await;
    ingest_acme(&harness, "ACME").await;
    let symbol = "ACME".to_owned();
    let risk_period = v1::RiskPeriod::Year.into();
    let header = || v1::IngestHeader { symbol: symbol.clone(), risk_period, ..header("model.csv") };
    let value = format!("symbol,date,factor,value\nAA,{MODEL_ON},VALUE,1\n");
    harness.try_ingest(header(), value.as_bytes()).await.unwrap();
    let request = under(vec![own(Ours::TimeSeries), vendor("ACME")], acme_book());
    let answer = ask(&mut client, request).await;
    let report = found(&answer);
    let nothing =
        v1::FactorModelRisk { model_id: "ACME".to_owned(), ..v1::FactorModelRisk::default() };
    assert_eq!(report.models[1], nothing);
    assert_eq!((report.comparisons[0].log_ratio, report.comparisons[0].names.len()), (None, 0));
    let why = "AA has an exposure to VALUE, which has no covariance";
    assert!(gaps(&answer.info).iter().any(|gap| gap.detail.contains(why)), "{:?}", answer.info);
    let indefinite = format!(
        "date,factor_a,factor_b,value\n{MODEL_ON},A,A,0.04\n{MODEL_ON},A,B,0.06\n\
         {MODEL_ON},B,B,0.04\n"
    );
    let refused = harness.try_ingest(header(), indefinite.as_bytes()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("a variance below zero"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_in_euros_has_the_volatility_of_its_values_and_a_gap_about_rates() {
    let (harness, mut client) = small_market().await;
    ingest_acme(&harness, "ACME").await;
    let rates = "series,date,value\nEURUSD,2021-01-26,1.25\nEURUSD,2021-01-27,1.25\n";
    harness.ingest("rates.csv", rates.as_bytes()).await;
    let dollars = ask(&mut client, under(vec![vendor("ACME")], acme_book())).await;
    let mut request = under(vec![vendor("ACME")], acme_book());
    request.portfolio.as_mut().unwrap().currency = "EUR".to_owned();
    let euros = ask(&mut client, request).await;
    // The lines are worth as many euros as they were worth dollars.
    let [one, two] = [&dollars, &euros].map(|answer| found(answer).models[0].volatility.unwrap());
    near(one, two, 1e-9);
    let about = |gap: &v1::Gap| gap.detail.contains("returns of ACME are taken as those in EUR");
    assert!(gaps(&euros.info).iter().any(about), "{:?}", euros.info);
    assert!(!gaps(&dollars.info).iter().any(about), "{:?}", dollars.info);
}
