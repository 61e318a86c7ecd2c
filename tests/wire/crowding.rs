//! The crowding of a book over the wire: its formulas on the simulated market, what was known when,
//! replays, refusals, and the shorts of January 2021.

use crate::{
    exposure::{coverage, near, portfolio, worth},
    golden::{NOW, simulated},
    harness::{Harness, expect_refusal, gaps, is_about, on, read, real_data, reference, replay_of},
};
use contract::v1::{
    self, CoverageAspect as Aspect, ReportBlock as Block,
    exposure_service_client::ExposureServiceClient, squeeze_service_client::SqueezeServiceClient,
};
use prost::Message as _;
use std::path::Path;
use tonic::{Code, transport::Channel};

const TODAY: &str = "2024-07-31";
/// The day of the filings, 22:00 in New York: known from the next day on.
const FILED: &str = "2024-05-15";
/// Managers, and how many of the tradable names each holds: the first ten are held by all three.
const MANAGERS: [(&str, usize); 3] = [("MA", 10), ("MB", 20), ("MC", 30)];
const SHARES: f64 = 1e6;

/// The names that can be in a crowd: those that squeeze ranks within the bounds of the most-shorted
/// basket, by symbol.
async fn tradable(channel: Channel) -> Vec<v1::SqueezeName> {
    let request = v1::RankSqueezeRequest {
        as_of: on(TODAY),
        page_size: 1_000,
        min_line_market_cap_usd: Some(1e9),
        min_daily_value_usd: Some(5e6),
        known_line_market_cap_only: true,
        ..v1::RankSqueezeRequest::default()
    };
    let answer = SqueezeServiceClient::new(channel).rank_squeeze(request).await.unwrap();
    let mut names: Vec<v1::SqueezeName> =
        answer.into_inner().names.into_iter().filter_map(|row| row.name).collect();
    names.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    names
}

/// Three managers hold the first names; the second one filed for the quarter before.
fn filings(names: &[v1::SqueezeName]) -> String {
    let mut text = "manager,symbol,shares,value_usd,period,filed_at\n".to_owned();
    for (manager, count) in MANAGERS {
        for name in &names[..count] {
            let symbol = &name.symbol;
            text += &format!("{manager},{symbol},{SHARES},1000,2024-03-31,{FILED}\n");
        }
    }
    text
}

struct Desk {
    _harness: Harness,
    client: ExposureServiceClient<Channel>,
    names: Vec<v1::SqueezeName>,
}

async fn desk() -> Desk {
    let harness = Harness::at(NOW).await;
    simulated(&harness).await;
    let names = tradable(harness.channel().await).await;
    harness.ingest("13f.csv", filings(&names).as_bytes()).await;
    let client = ExposureServiceClient::new(harness.channel().await);
    Desk { _harness: harness, client, names }
}

impl Desk {
    /// Long two consensus names and one that few hold, short the most shorted and another one.
    fn book(&self) -> v1::AnalyzePortfolioRequest {
        let name = |at: usize| self.names[at].symbol.as_str();
        let shorted = self.by_short_of_float();
        let lines = vec![
            worth(name(0), 6e5),
            worth(name(1), 2e5),
            worth(name(25), 2e5),
            worth(shorted[0], -3e5),
            worth(shorted[shorted.len() - 1], -1e5),
        ];
        v1::AnalyzePortfolioRequest {
            as_of: on(TODAY),
            portfolio: portfolio(lines),
            include: vec![Block::Positions.into(), Block::Crowding.into()],
            top_positions: Some(10),
            ..v1::AnalyzePortfolioRequest::default()
        }
    }

    /// Tradable names, the most shorted first, without those held long and the consensus.
    fn by_short_of_float(&self) -> Vec<&str> {
        let is_free = |(at, _): &(usize, &v1::SqueezeName)| ![0, 1, 2, 25].contains(at);
        let free = self.names.iter().enumerate().filter(is_free);
        let mut ranked: Vec<&v1::SqueezeName> = free.map(|(_, name)| name).collect();
        ranked.sort_by(|a, b| b.short_of_float.unwrap().total_cmp(&a.short_of_float.unwrap()));
        ranked.into_iter().map(|name| name.symbol.as_str()).collect()
    }

    async fn ask(&mut self, request: v1::AnalyzePortfolioRequest) -> v1::AnalyzePortfolioResponse {
        self.client.analyze_portfolio(request).await.unwrap().into_inner()
    }
}

fn crowding(answer: &v1::AnalyzePortfolioResponse) -> v1::Crowding {
    answer.report.clone().unwrap().crowding.unwrap()
}

fn crowd<'a>(crowding: &'a v1::Crowding, id: &str) -> &'a v1::CrowdOverlap {
    crowding.overlaps.iter().find(|row| row.crowd_id == id).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn overlaps_are_those_of_the_formulas() {
    let mut desk = desk().await;
    assert!(30 < desk.names.len(), "{} tradable names", desk.names.len());
    let book = desk.book();
    let answer = desk.ask(book).await;
    let found = crowding(&answer);
    let ids: Vec<&str> = found.overlaps.iter().map(|row| row.crowd_id.as_str()).collect();
    let expected = [
        "managers_holding",
        "managers_convinced",
        "share_of_float_held",
        "days_of_volume_held",
        "short_of_float",
        "short_of_shares_outstanding",
        "days_to_cover_at_settlement",
        "days_to_cover_at_recent_volume",
        "days_to_cover_at_source_volume",
    ];
    assert_eq!(ids, expected);
    // Thirty names are held, so the crowd has three: the first by symbol of those that all hold.
    let consensus = crowd(&found, "managers_holding");
    assert_eq!((consensus.member_count, consensus.ranked_count), (3, 30));
    assert_eq!((consensus.held_count, consensus.side()), (Some(2), v1::TradeSide::Long));
    near(consensus.with_crowd.unwrap(), 8e5, 1e-6);
    near(consensus.against_crowd.unwrap(), 0.0, 1e-6);
    // Weights of the longs are 0.6, 0.2 and 0.2, of the crowd 1/3 each:
    // min(0.6, 1/3) + min(0.2, 1/3), and (0.6 + 0.2)/√3 / √(0.6² + 2·0.2²).
    near(consensus.overlap.unwrap(), 1.0 / 3.0 + 0.2, 1e-12);
    near(consensus.cosine.unwrap(), 0.8 / 3f64.sqrt() / 0.44f64.sqrt(), 1e-12);
    near(consensus.net_gross_share.unwrap(), 8e5 / 14e5, 1e-12);
    // MA's ten names are a tenth of what it reports each, MB's twenty a twentieth, MC's thirty less.
    assert_eq!(crowd(&found, "managers_convinced").ranked_count, 20);
    let short = crowd(&found, "short_of_float");
    let members = desk.names.len().div_ceil(10).min(50);
    assert_eq!((short.member_count, short.ranked_count), (members as i32, desk.names.len() as i32));
    near(short.overlap.unwrap(), f64::min(0.75, 1.0 / members as f64), 1e-12);
    let whole = found.crowded_book.unwrap();
    let against: f64 = consensus.against_crowd.unwrap() + short.against_crowd.unwrap();
    let net = consensus.with_crowd.unwrap() + short.with_crowd.unwrap() - against;
    near(whole.net_crowding.unwrap(), net, 1e-6);
    // Everything held is in short interest; only the longs are held by managers.
    near(coverage(&answer, Aspect::ShortInterest).own, 1.0, 1e-12);
    assert!(10.0 / 14.0 - 1e-12 <= coverage(&answer, Aspect::ManagerHoldings).own);
    assert_eq!((found.manager_count, found.last_period_on.as_str()), (3, "2024-03-31"));
}

/// The consensus crowd is the first three names in equal parts: a book of them moves as it does, one
/// short of them opposite to it, and size plays no part.
#[tokio::test(flavor = "multi_thread")]
async fn a_book_of_a_crowd_moves_as_the_crowd_does() {
    let mut desk = desk().await;
    let names: Vec<String> = desk.names[..3].iter().map(|name| name.symbol.clone()).collect();
    let mut of = Vec::new();
    for value in [1e5, 3e7, -1e5] {
        let lines = names.iter().map(|name| worth(name, value)).collect();
        let request = v1::AnalyzePortfolioRequest { portfolio: portfolio(lines), ..desk.book() };
        let found = crowding(&desk.ask(request).await);
        near(crowd(&found, "managers_holding").risk_overlap.unwrap(), value.signum(), 1e-9);
        near(found.risk_gross_share.unwrap(), 1.0, 1e-12);
        of.push(found);
    }
    let of: Vec<Vec<f64>> = of
        .iter()
        .map(|of| of.overlaps.iter().filter_map(|row| row.risk_overlap).collect())
        .collect();
    let [long, scaled, short] = &of[..] else { panic!("three books") };
    // Every crowd but those that need a float or five per cent of a manager's book has names.
    assert!(5 < long.len(), "{long:?}");
    for ((long, scaled), short) in long.iter().zip(scaled).zip(short) {
        near(*long, *scaled, 1e-9);
        near(*long, -short, 1e-9);
        assert!(long.abs() <= 1.0);
    }
    // Nothing is known of how nine tenths of a book move: the rest is what the correlation rests on.
    let lines = vec![worth(&names[0], 1e6), worth("NOSUCH", -9e6)];
    let request = v1::AnalyzePortfolioRequest { portfolio: portfolio(lines), ..desk.book() };
    near(crowding(&desk.ask(request).await).risk_gross_share.unwrap(), 0.1, 1e-12);
    // A hedged book has less in common with the crowd than its longs.
    let request = desk.book();
    let hedged = crowding(&desk.ask(request).await);
    let both = hedged.crowded_book.unwrap().risk_overlap.unwrap();
    assert!((-1.0..=1.0).contains(&both), "{both}");
    assert!(crowd(&hedged, "managers_holding").risk_overlap.unwrap() < 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn exits_add_the_shares_of_the_crowd() {
    let mut desk = desk().await;
    let request = desk.book();
    let answer = desk.ask(request.clone()).await;
    let (report, found) = (answer.report.clone().unwrap(), crowding(&answer));
    let input = |name: &v1::SqueezeName, id: &str| {
        name.inputs.iter().find(|input| input.name == id).unwrap().value.unwrap()
    };
    for row in &found.names {
        let name = desk.names.iter().find(|name| name.symbol == row.symbol).unwrap();
        let held = report.positions.iter().find(|at| at.symbol == row.symbol).unwrap();
        // The simulated market has no split between the settlement and the last session.
        let a_day = 0.15 * input(name, "normal_volume");
        let own = held.quantity.unwrap().abs();
        near(row.exit_days_alone.unwrap(), own / a_day, 1e-9 * own / a_day);
        let at = desk.names.iter().position(|name| name.symbol == row.symbol).unwrap();
        let managers = MANAGERS.iter().filter(|(_, count)| at < *count).count();
        let crowd = match row.market_value < 0.0 {
            true => input(name, "short_interest"),
            false => managers as f64 * SHARES,
        };
        let together = (own + crowd) / a_day;
        near(row.exit_days_with_crowd.unwrap(), together, 1e-9 * together);
        assert_eq!(row.manager_count.unwrap_or(0), managers as i32, "{}", row.symbol);
        let of_float = managers as f64 * SHARES / input(name, "public_float");
        near(row.share_of_float_held.unwrap_or(0.0), of_float, 1e-9);
        assert_eq!(row.short_of_float, name.short_of_float);
    }
    let symbols: Vec<&str> = found.names.iter().map(|row| row.symbol.as_str()).collect();
    assert_eq!(symbols[0], desk.names[0].symbol, "the largest first");
    let exit = found.short_exit.unwrap();
    near(exit.share_with_exit_days.unwrap(), 1.0, 1e-12);
    let (alone, together) = (exit.alone.unwrap(), exit.with_crowd.unwrap());
    assert!(alone.nearly_out_days <= alone.slowest_days && alone.mean_days < together.mean_days);
    // Half the participation takes twice as long.
    let settings = v1::CrowdingSettings { participation: Some(0.075), ..Default::default() };
    let slower = v1::AnalyzePortfolioRequest { crowding: Some(settings), ..request };
    let slower = crowding(&desk.ask(slower).await);
    near(slower.short_exit.unwrap().alone.unwrap().mean_days, 2.0 * alone.mean_days, 1e-9);
    assert_eq!(slower.settings.unwrap().crowd_names, Some(50));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_known_of_managers_before_they_file() {
    let mut desk = desk().await;
    let request = v1::AnalyzePortfolioRequest { as_of: on(FILED), ..desk.book() };
    let answer = desk.ask(request).await;
    let found = crowding(&answer);
    assert_eq!((found.manager_count, found.filed_at), (0, None));
    let consensus = crowd(&found, "managers_holding");
    assert_eq!((consensus.member_count, consensus.overlap, consensus.with_crowd), (0, None, None));
    assert_eq!(found.crowded_book.unwrap(), v1::CrowdedBook::default());
    assert!(crowd(&found, "short_of_float").overlap.is_some());
    near(coverage(&answer, Aspect::ManagerHoldings).missing, 1.0, 1e-12);
    let about = |gap: &&v1::Gap| gap.detail.contains("no current holdings of managers");
    assert_eq!(gaps(&answer.info).iter().filter(about).count(), 1, "{:?}", answer.info);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_replays_and_other_blocks_are_the_same() {
    let mut desk = desk().await;
    let request = desk.book();
    let answer = desk.ask(request.clone()).await;
    let again = v1::AnalyzePortfolioRequest {
        as_of: replay_of(&reference(&answer.info)),
        ..request.clone()
    };
    assert!(desk.ask(again).await.encode_to_vec() == answer.encode_to_vec(), "a replay");
    let plain = v1::AnalyzePortfolioRequest { include: vec![Block::Positions.into()], ..request };
    let plain = desk.ask(plain).await.report.unwrap();
    let report = answer.report.unwrap();
    assert_eq!((plain.crowding, plain.positions), (None, report.positions));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_crowds_are_refused_by_path() {
    let mut desk = desk().await;
    let settings = v1::CrowdingSettings {
        crowd_names: Some(0),
        top_names: Some(-1),
        participation: Some(f64::NAN),
    };
    let request = v1::AnalyzePortfolioRequest { crowding: Some(settings), ..desk.book() };
    let refusal = desk.client.analyze_portfolio(request).await.unwrap_err();
    let paths = ["crowding.crowd_names", "crowding.top_names", "crowding.participation"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let request = v1::AnalyzePortfolioRequest {
        crowding: Some(v1::CrowdingSettings::default()),
        include: vec![Block::Risk.into()],
        top_positions: None,
        ..desk.book()
    };
    let refusal = desk.client.analyze_portfolio(request).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["crowding"]);
}

async fn market_of_january(folder: &Path) -> Harness {
    let harness = Harness::start().await;
    let files = [
        "short_interest/publication_times.csv",
        "prices/us_equities_2020-07_2021-03.csv.gz",
        "universe/split_factor_2021-01-29_to_2024-03.csv",
        "short_interest/settle_2021-01-15.csv.gz",
    ];
    for file in files {
        harness.ingest(file.rsplit('/').next().unwrap(), &read(folder, file)).await;
    }
    harness
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_in_gme_was_a_short_of_the_crowd() {
    let Some(folder) = real_data("a short in GME was a short of the crowd") else { return };
    let harness = market_of_january(&folder).await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let request = v1::AnalyzePortfolioRequest {
        as_of: on("2021-01-29"),
        portfolio: portfolio(vec![worth("AAPL", 1e6), worth("GME", -6e5), worth("MSFT", -4e5)]),
        include: vec![Block::Crowding.into()],
        ..v1::AnalyzePortfolioRequest::default()
    };
    let answer = client.analyze_portfolio(request).await.unwrap().into_inner();
    let found = crowding(&answer);
    let gme = found.names.iter().find(|name| name.symbol == "GME").unwrap();
    // 61.78 million short of a float of 46.89 million at the settlement of 2021-01-15.
    assert!(1.2 < gme.short_of_float.unwrap(), "{gme:?}");
    let place = gme.crowds.iter().find(|place| place.crowd_id == "short_of_float").unwrap();
    assert!(place.rank <= 3, "{gme:?}");
    let shorts = crowd(&found, "short_of_float");
    assert_eq!((shorts.member_count, shorts.held_count), (50, Some(1)));
    // GME is 60 % of the shorts and 1/50 of the crowd.
    near(shorts.overlap.unwrap(), 0.02, 1e-12);
    near(shorts.with_crowd.unwrap(), 6e5, 1e-3);
    let together = found.short_exit.unwrap();
    assert!(together.alone.unwrap().slowest_days < together.with_crowd.unwrap().slowest_days);
    let nobody = |gap: &&v1::Gap| is_about(gap, "manager_holdings");
    assert_eq!(gaps(&answer.info).iter().filter(nobody).count(), 1, "{:?}", answer.info);
}
