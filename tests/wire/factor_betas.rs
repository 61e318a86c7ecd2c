//! Betas to factors that a request chooses, over the wire: beside those of every report, with gaps,
//! replayed, and refused by path.

use crate::{
    exposure::{example, market as small_market, near, portfolio, worth},
    golden::{self, LAST_ON, simulated},
    harness::{Harness, expect_refusal, gaps, on, read, real_data, reference, replay_of},
};
use contract::v1::{
    self, AnalyzePortfolioRequest as Asked, FactorUnit as Unit, GapReason as Reason,
    ReportBlock as Block, exposure_service_client::ExposureServiceClient,
};
use prost::Message as _;
use tonic::{Code, transport::Channel};

fn factor(id: &str, symbol: &str, less: &str) -> v1::FactorChoice {
    let [factor_id, symbol, less_symbol] = [id, symbol, less].map(str::to_owned);
    v1::FactorChoice { factor_id, symbol, less_symbol }
}

fn ours(ids: &[&str]) -> Vec<v1::FactorChoice> {
    ids.iter().map(|id| factor(id, "", "")).collect()
}

/// An analysis with some blocks of a report and some factors.
fn asked(blocks: &[Block], factors: Vec<v1::FactorChoice>, book: Asked) -> Asked {
    let mut include: Vec<i32> = blocks.iter().map(|block| (*block).into()).collect();
    include.push(Block::FactorBetas.into());
    let settings = v1::FactorBetaSettings { factors, top_names: Some(10_000) };
    Asked { include, factor_betas: Some(settings), ..book }
}

async fn ask(
    client: &mut ExposureServiceClient<Channel>,
    request: Asked,
) -> v1::AnalyzePortfolioResponse {
    client.analyze_portfolio(request).await.unwrap().into_inner()
}

fn found(answer: &v1::AnalyzePortfolioResponse) -> v1::FactorBetaReport {
    answer.report.clone().unwrap().factor_betas.unwrap()
}

/// The simulated market, and a book of it.
async fn simulated_book() -> (Harness, ExposureServiceClient<Channel>, Asked) {
    let harness = Harness::at(golden::NOW).await;
    let market = simulated(&harness).await;
    let client = ExposureServiceClient::new(harness.channel().await);
    let portfolio = Some(golden::book(&market));
    (harness, client, Asked { as_of: on(LAST_ON), portfolio, ..Asked::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn betas_to_market_and_size_are_those_of_the_factors_of_every_report() {
    let (_harness, mut client, book) = simulated_book().await;
    let book = Asked { top_positions: Some(10_000), ..book };
    let blocks = [Block::Factors, Block::Positions];
    let request = asked(&blocks, ours(&["SIZE", "MARKET"]), book);
    let answer = ask(&mut client, request.clone()).await;
    let report = found(&answer);
    assert!(60 <= report.observations && report.last_on == LAST_ON, "{report:?}");
    for row in answer.report.as_ref().unwrap().factors.iter().take(2) {
        let same = |beta: &&v1::BookFactorBeta| {
            beta.exposure.as_ref().is_some_and(|other| other.factor_id == row.factor_id)
        };
        let beta = report.factors.iter().find(same).unwrap();
        let other = beta.exposure.clone().unwrap();
        assert_eq!((other.model_id.as_str(), other.unit()), ("ballast-factors", Unit::Return));
        assert_eq!((&other.roles, other.difference.is_some()), (&row.roles, true));
        // The same regression of the book's own returns, solved in another way.
        let [slope, usual] = [other.top_down.unwrap(), row.top_down.unwrap()];
        near(slope.value / usual.value, 1.0, 1e-6);
        near(slope.standard_error.unwrap() / usual.standard_error.unwrap(), 1.0, 1e-6);
        assert_eq!(slope.observations, usual.observations);
        // SIZE has no beta to MARKET, so neither inflates the other.
        near(beta.variance_inflation.unwrap(), 1.0, 1e-6);
    }
    // A name's own estimates are the same fits; what they are shrunk to is of another month.
    let positions = &answer.report.as_ref().unwrap().positions;
    let mut compared = 0;
    for (name, row) in report.names.iter().flat_map(|name| {
        let is_it = |row: &&v1::PositionExposure| row.symbol == name.symbol;
        positions.iter().find(is_it).map(|row| (name, row))
    }) {
        assert_eq!(
            (name.observations, name.dimson_adjusted),
            (row.observations, row.dimson_adjusted)
        );
        for id in ["MARKET", "SIZE"] {
            let own = |betas: &[v1::FactorBeta]| {
                let beta = betas.iter().find(|beta| beta.factor_id == id);
                beta.and_then(|beta| beta.beta.as_ref()?.own)
            };
            let both = own(&name.betas).zip(own(&row.betas));
            if let Some((a, b)) = both {
                assert!(
                    (a.value - b.value).abs() < 1e-6 * b.standard_error.unwrap(),
                    "{a:?} {b:?}"
                );
                near(a.standard_error.unwrap() / b.standard_error.unwrap(), 1.0, 1e-6);
                compared += 1;
            }
        }
    }
    assert!(40 < compared, "{compared}");
    let replayed = Asked { as_of: replay_of(&reference(&answer.info)), ..request };
    assert_eq!(ask(&mut client, replayed).await.encode_to_vec(), answer.encode_to_vec());
}

#[tokio::test(flavor = "multi_thread")]
async fn factors_stand_beside_other_blocks_and_lack_what_the_store_lacks() {
    let (_harness, mut client, book) = simulated_book().await;
    let usual = [Block::Factors, Block::Risk, Block::Positions];
    let plain = Asked { include: usual.map(i32::from).to_vec(), ..book.clone() };
    let plain = ask(&mut client, plain).await;
    let answer = ask(&mut client, asked(&usual, Vec::new(), book.clone())).await;
    let mut rest = answer.report.clone().unwrap();
    rest.factor_betas = None;
    rest.included.pop();
    assert_eq!(Some(rest), plain.report);
    let report = found(&answer);
    let ids: Vec<String> =
        report.settings.clone().unwrap().factors.into_iter().map(|f| f.factor_id).collect();
    let expected =
        ["MARKET", "SIZE", "MEGACAP", "MOMENTUM", "VALUE", "MOST_SHORTED", "RATES", "CREDIT"];
    assert_eq!(ids, expected);
    // The simulated market has no funds of styles or credit.
    let missing = ["MOMENTUM", "VALUE", "CREDIT"];
    for row in &report.factors {
        let exposure = row.exposure.as_ref().unwrap();
        let is_missing = missing.contains(&exposure.factor_id.as_str());
        assert_eq!(exposure.bottom_up.is_none(), is_missing, "{exposure:?}");
        assert_eq!(exposure.top_down.is_none(), is_missing, "{exposure:?}");
        assert_eq!(row.variance_inflation.is_none(), is_missing, "{exposure:?}");
        let unit = if exposure.factor_id == "RATES" { Unit::BasisPoint } else { Unit::Return };
        assert_eq!(exposure.unit(), unit);
    }
    assert!(1.0 < report.condition_number.unwrap() && 0.0 < report.r_squared.unwrap());
    let lacking =
        gaps(&answer.info).iter().filter(|gap| gap.detail.contains("no betas to the factor"));
    let lacking: Vec<Reason> = lacking.map(v1::Gap::reason).collect();
    assert!(!lacking.is_empty() && lacking.iter().all(|reason| *reason == Reason::InputMissing));
    // The yield as the caller's series, in per cent.
    let own =
        asked(&[], [ours(&["MARKET"]), vec![factor("Y", "dgs10", "")]].concat(), book.clone());
    let own = found(&ask(&mut client, own).await);
    let basis = found(&ask(&mut client, asked(&[], ours(&["MARKET", "RATES"]), book)).await);
    let of = |report: &v1::FactorBetaReport| report.factors[1].exposure.clone().unwrap();
    assert_eq!((of(&own).unit(), of(&basis).unit()), (Unit::Point, Unit::BasisPoint));
    let top_down = |report: &v1::FactorBetaReport| of(report).top_down.unwrap().value;
    near(top_down(&own) / top_down(&basis), 100.0, 1e-6);
}

#[tokio::test(flavor = "multi_thread")]
async fn factors_are_refused_by_path() {
    let (_harness, mut client) = small_market().await;
    let list = |factors: Vec<v1::FactorChoice>| asked(&[], factors, example());
    let nine = [
        "MARKET",
        "SIZE",
        "CROWD",
        "MEGACAP",
        "MOMENTUM",
        "VALUE",
        "MOST_SHORTED",
        "RATES",
        "CREDIT",
    ];
    let at = |place: usize, field: &str| format!("factor_betas.factors[{place}].{field}");
    let many = v1::FactorBetaSettings { factors: Vec::new(), top_names: Some(-1) };
    let many = Asked { factor_betas: Some(many), ..list(Vec::new()) };
    let elsewhere = Asked { include: vec![Block::Risk.into()], ..list(Vec::new()) };
    for (request, paths) in [
        (list(ours(&nine)), vec!["factor_betas.factors".to_owned()]),
        (list(ours(&["MARKET", "MARKET", "market"])), vec![at(1, "factor_id"), at(2, "factor_id")]),
        (
            list(vec![factor("", "", ""), factor("MARKET", "", "SPY")]),
            vec![at(0, "factor_id"), at(1, "less_symbol")],
        ),
        (
            list(vec![
                factor("MARKET", "SPY", ""),
                factor("a b", "SPY", ""),
                factor("A", &"x".repeat(300), ""),
            ]),
            vec![at(0, "factor_id"), at(1, "factor_id"), at(2, "symbol")],
        ),
        (many, vec!["factor_betas.top_names".to_owned()]),
        (elsewhere, vec!["factor_betas".to_owned()]),
    ] {
        let refusal = client.analyze_portfolio(request).await.unwrap_err();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    }
    let analysis = Some(list(ours(&["MARKET"])));
    let change = v1::ExplainChangeRequest { analysis, ..v1::ExplainChangeRequest::default() };
    let refusal = Box::pin(client.explain_change(change)).await.unwrap_err();
    assert!(format!("{refusal:?}").contains("FACTOR_BETAS"), "{refusal:?}");
}

/// The funds behind VALUE and CREDIT, held as those factors hold them, have a beta of one to them and of
/// zero to all others, and nothing is left over.
#[tokio::test(flavor = "multi_thread")]
async fn books_that_are_a_factor_have_its_beta_on_real_files() {
    let Some(folder) = real_data("books that are a factor") else { return };
    let harness = Harness::start().await;
    for file in [
        "short_interest/publication_times.csv",
        "prices/us_equities_2020-07_2021-03.csv.gz",
        "prices/etf_ohlcv/SPY.csv.gz",
        "prices/etf_ohlcv/IWM.csv.gz",
        "prices/etf_ohlcv/HYG.csv.gz",
        "prices/etf_close/IWD.csv.gz",
        "prices/etf_close/IWF.csv.gz",
        "macro/fred_layout/DGS10.csv.gz",
        "universe/split_factor_2021-01-29_to_2024-03.csv",
        "short_interest/settle_2020-12-15.csv.gz",
        "short_interest/settle_2020-12-31.csv.gz",
        "short_interest/settle_2021-01-15.csv.gz",
    ] {
        harness.ingest(file.rsplit('/').next().unwrap(), &read(&folder, file)).await;
    }
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let of = |lines: Vec<v1::Position>| {
        let portfolio = portfolio(lines);
        asked(&[], Vec::new(), Asked { as_of: on("2021-03-04"), portfolio, ..Asked::default() })
    };
    let top_down = |report: &v1::FactorBetaReport, id: &str| {
        let mut rows = report.factors.iter().map(|row| row.exposure.as_ref().unwrap());
        rows.find(|row| row.factor_id == id).unwrap().top_down.map(|beta| beta.value)
    };
    let values = found(&ask(&mut client, of(vec![worth("IWD", 1e6), worth("IWF", -1e6)])).await);
    let credit = ask(&mut client, of(vec![worth("HYG", 1e6)])).await;
    // Returns of names are kept in single precision.
    for (report, own) in [(&values, "VALUE"), (&found(&credit), "CREDIT")] {
        near(top_down(report, own).unwrap() / 1e6, 1.0, 1e-4);
        near(report.r_squared.unwrap(), 1.0, 1e-4);
        for id in ["MARKET", "SIZE", "VALUE", "CREDIT"].into_iter().filter(|id| *id != own) {
            near(top_down(report, id).unwrap() / 1e6, 0.0, 1e-4);
        }
        // Closes of the megacaps begin in July 2020.
        assert!((100..200).contains(&report.observations), "{report:?}");
    }
    // What the fund of high yield makes per basis point of the yield is in CREDIT's own definition:
    // in these two years it gained as yields rose.
    let rates = top_down(&found(&credit), "RATES").unwrap();
    assert!((0.0..1e3).contains(&rates), "{rates}");
    near(top_down(&values, "RATES").unwrap(), 0.0, 1.0);
    // No momentum fund is loaded, and the basket of the most shorted is too young.
    for id in ["MOMENTUM", "MOST_SHORTED"] {
        assert_eq!(top_down(&values, id), None);
        let about = format!("no betas to the factor {id}");
        assert!(gaps(&credit.info).iter().any(|gap| gap.detail.contains(&about)), "{id}");
    }
}
