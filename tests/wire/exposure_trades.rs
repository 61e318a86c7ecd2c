//! Trades of the caller's over the wire: arithmetic, echo, replay, refusals.

use crate::harness::{
    Harness, expect_refusal, gaps, header, held, is_about, on, reference, replay_of,
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, position::Size, trade_selection::Trade,
    trade_selector::Selector,
};
use marketdata::{calendar, day::Day};
use prost::Message as _;
use std::fmt::Write as _;
use tonic::{Code, transport::Channel};

const TODAY: &str = "2021-01-27";

/// Symbols with a market beta and the step of a pattern of their own.
const NAMES: [(&str, f64, i32); 8] = [
    ("^GSPC", 1.0, 0),
    ("^RUT", 1.3, 5),
    ("AAPL", 1.2, 2),
    ("MSFT", 1.1, 3),
    ("AMZN", 1.0, 4),
    ("NVDA", 1.6, 6),
    ("AA", 1.2, 7),
    ("BB", 0.9, 8),
];

/// A return, per cent, `back` sessions before [`TODAY`].
fn per_cent(beta: f64, step: i32, back: i32) -> f64 {
    let own = if step == 0 { 0.0 } else { 0.2 * f64::from((back * step) % 13 - 6) };
    beta * f64::from((back * 7) % 11 - 5) + own
}

/// 150 sessions up to [`TODAY`].
fn prices() -> String {
    let today = Day::parse_iso(TODAY).unwrap();
    let mut text = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    for (symbol, beta, step) in NAMES {
        let mut close = 100.0;
        for back in (0..150).rev() {
            let day = calendar::plus_sessions(today, -back);
            close *= 1.0 + 0.01 * per_cent(beta, step, back);
            writeln!(text, "{symbol},{day},{close},{close},{close},{close},{close},1000").unwrap();
        }
    }
    text
}

async fn market() -> (Harness, ExposureServiceClient<Channel>) {
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    harness.try_ingest(raw, prices().as_bytes()).await.unwrap();
    let client = ExposureServiceClient::new(harness.channel().await);
    (harness, client)
}

fn named(symbol: &str) -> v1::InstrumentRef {
    v1::InstrumentRef { symbol: symbol.to_owned(), ..v1::InstrumentRef::default() }
}

fn select(selector: Selector) -> v1::TradeSelector {
    v1::TradeSelector { selector: Some(selector) }
}

fn leg(leg_id: &str, side: v1::TradeSide, symbol: &str) -> v1::TradeLegDefinition {
    v1::TradeLegDefinition {
        leg_id: leg_id.to_owned(),
        side: side.into(),
        any_of: vec![select(Selector::Instrument(named(symbol)))],
        return_proxy: Some(v1::trade_leg_definition::ReturnProxy::Instrument(named(symbol))),
        ..v1::TradeLegDefinition::default()
    }
}

fn pair() -> v1::TradeDefinition {
    v1::TradeDefinition {
        trade_id: "aa_bb".to_owned(),
        name: "AA against BB".to_owned(),
        neutrality: v1::TradeNeutrality::Dollar.into(),
        legs: vec![leg("aa", v1::TradeSide::Long, "AA"), leg("bb", v1::TradeSide::Short, "BB")],
    }
}

fn own(definition: v1::TradeDefinition) -> v1::TradeSelection {
    v1::TradeSelection { trade: Some(Trade::Definition(definition)) }
}

fn standard() -> v1::TradeSelection {
    v1::TradeSelection { trade: Some(Trade::TradeId("megacap_small_cap".to_owned())) }
}

fn request(trades: Vec<v1::TradeSelection>) -> v1::AnalyzePortfolioRequest {
    let values = [("AA", 2e6), ("BB", -2e6), ("MSFT", 1e6), ("^RUT", -1e6)];
    let positions = values.map(|(symbol, value)| held(symbol, Size::MarketValue(value))).into();
    v1::AnalyzePortfolioRequest {
        as_of: on(TODAY),
        portfolio: Some(v1::Portfolio { positions, ..v1::Portfolio::default() }),
        repeat_on: vec![TODAY.to_owned()],
        trades,
        ..v1::AnalyzePortfolioRequest::default()
    }
}

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not within {tolerance} of {b}");
}

/// c = r_AA − r_BB; the book without its other two lines is two million of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pair_of_equal_dollars_and_its_replay() {
    let (harness, mut client) = market().await;
    let mut asked = request(vec![own(pair())]);
    asked.portfolio.as_mut().unwrap().positions.truncate(2);
    let answer = client.analyze_portfolio(asked.clone()).await.unwrap().into_inner();
    let report = answer.report.clone().unwrap();
    let [trade] = report.trades.as_slice() else { panic!("{:?}", report.trades) };
    assert_eq!(trade.definition.as_ref(), Some(&pair()), "nothing was left to a default");
    let beta = trade.beta.as_ref().unwrap();
    assert_eq!(beta.factor_id, "trade/aa_bb");
    assert!(beta.bottom_up.is_none() && beta.bottom_up_per_gross.is_none());
    near(beta.top_down.unwrap().value, 2e6, 20.0);
    near(trade.top_down_per_gross.unwrap(), 0.5, 1e-5);
    near(trade.share_of_variance.unwrap(), 1.0, 1e-9);
    near(trade.ratio.unwrap(), 1.0, 0.0);
    near(trade.matched, 2e6, 1e-6);
    let ids: Vec<&str> = trade.legs.iter().map(|leg| leg.leg_id.as_str()).collect();
    assert_eq!(ids, ["aa", "bb", ""]);
    assert_eq!(trade.legs[0].return_symbols, ["AA"]);
    let names: Vec<i32> = trade
        .legs
        .iter()
        .map(|leg| leg.exposure.unwrap().long_names + leg.exposure.unwrap().short_names)
        .collect();
    assert_eq!(names, [1, 1, 0]);
    let [a, b] = [6, 7].map(|at: usize| 0.01 * per_cent(NAMES[at].1, NAMES[at].2, 0));
    let repeat = &report.repeats[0].trades[0];
    near(repeat.trade_return.unwrap(), a - b, 1e-9);
    near(repeat.legs[0].pnl, 2e6 * a, 1.0);
    near(repeat.legs[1].pnl, -2e6 * b, 1.0);
    near(trade.unwinds[2].pnl, -3.0 * 2e6 * trade.standard_deviation.unwrap(), 50.0);
    let shortfall = &report.risk_measures[1].levels[0];
    let parts = &shortfall.trades[0];
    assert_eq!(parts.trade_id, "aa_bb");
    near(parts.legs.iter().map(|leg| leg.value).sum(), shortfall.value, 1.0);
    let memberships: Vec<(&str, &str)> = report
        .positions
        .iter()
        .flat_map(|row| &row.trades)
        .map(|membership| (membership.trade_id.as_str(), membership.leg_id.as_str()))
        .collect();
    assert_eq!(memberships, [("aa_bb", "aa"), ("aa_bb", "bb")]);

    let reference = reference(&answer.info);
    asked.as_of = replay_of(&reference);
    let harness = harness.restart().await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let again = client.analyze_portfolio(asked).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), answer.encode_to_vec(), "after a restart");
}

/// The trade of the settings is echoed in full; sent back under another id it is the same trade,
/// but for the betas of names.
#[tokio::test(flavor = "multi_thread")]
async fn the_echo_of_the_standard_trade_is_the_standard_trade() {
    let (_harness, mut client) = market().await;
    let quiet = client.analyze_portfolio(request(Vec::new())).await.unwrap().into_inner();
    let aloud = client.analyze_portfolio(request(vec![standard()])).await.unwrap().into_inner();
    assert_eq!(quiet.encode_to_vec(), aloud.encode_to_vec(), "empty is the standard trade");
    let found = quiet.report.as_ref().unwrap().trades[0].clone();
    let definition = found.definition.clone().unwrap();
    assert_eq!(definition.legs[0].any_of.len(), 9, "a bucket and eight lines");
    assert_eq!(found.legs[0].return_symbols, ["AAPL", "MSFT", "AMZN", "NVDA"]);
    assert_eq!(found.legs[1].return_symbols, ["^RUT"]);
    let expected = "no returns of GOOGL, META, TSLA; the leg megacap_long uses its other members";
    let gap = gaps(&quiet.info).iter().find(|gap| gap.detail.contains(expected));
    assert!(gap.is_some_and(|gap| is_about(gap, "Unspecified trade/megacap_small_cap")));
    near(found.matched, 1e6, 1e-6);
    let said = v1::TradeDefinition { trade_id: "said".to_owned(), ..definition.clone() };
    let said = client.analyze_portfolio(request(vec![own(said)])).await.unwrap().into_inner();
    let said = said.report.unwrap().trades[0].clone();
    let beta = v1::FactorExposure {
        factor_id: "trade/said".to_owned(),
        bottom_up: None,
        difference: None,
        bottom_up_per_gross: None,
        bottom_up_per_net_asset_value: None,
        ..found.beta.clone().unwrap()
    };
    let definition = Some(v1::TradeDefinition { trade_id: "said".to_owned(), ..definition });
    let expected = v1::TradeExposure { definition, beta: Some(beta), ..found };
    assert_eq!(said.encode_to_vec(), expected.encode_to_vec());
}

/// A security master in which AA and BB have identifiers, and the ISIN of two lines is one.
const MASTER: &[u8] = b"symbol,figi,isin,cusip,sedol,mic,name,asset_class,currency\n\
    AA,,US0378331005,,,XNAS,,Stock,USD\nBB,,US5949181045,,,XNAS,,Stock,USD\n\
    CC,,US5949181045,,,XLON,,Stock,USD\n";

fn isin(isin: &str, mic: &str) -> v1::InstrumentRef {
    v1::InstrumentRef { isin: isin.to_owned(), mic: mic.to_owned(), ..v1::InstrumentRef::default() }
}

/// A trade whose lines are named by other identifiers is the trade of their symbols.
#[tokio::test(flavor = "multi_thread")]
async fn a_trade_names_its_lines_as_a_portfolio_does() {
    use v1::trade_leg_definition::ReturnProxy;
    let (harness, mut client) = market().await;
    harness.ingest("security_master.csv", MASTER).await;
    let with = |of_long: v1::InstrumentRef, of_short: v1::InstrumentRef| {
        let mut trade = pair();
        for (leg, line) in trade.legs.iter_mut().zip([of_long, of_short]) {
            leg.any_of = vec![select(Selector::Instrument(line.clone()))];
            leg.return_proxy = Some(ReturnProxy::Instrument(line));
        }
        trade
    };
    let analyze = async |client: &mut ExposureServiceClient<_>, trade| {
        client.analyze_portfolio(request(vec![own(trade)])).await
    };
    let by_symbol = analyze(&mut client, pair()).await.unwrap().into_inner();
    let apple = isin("US0378331005", "");
    let by_isin = with(apple.clone(), isin("US5949181045", "XNAS"));
    let found = analyze(&mut client, by_isin.clone()).await.unwrap().into_inner();
    let trade = |answer: &v1::AnalyzePortfolioResponse| {
        let trade = answer.report.as_ref().unwrap().trades[0].clone();
        v1::TradeExposure { definition: None, ..trade }
    };
    assert_eq!(trade(&found).encode_to_vec(), trade(&by_symbol).encode_to_vec());
    assert_eq!(trade(&found).legs[1].return_symbols, ["BB"]);
    assert_eq!(found.report.unwrap().trades[0].definition, Some(by_isin), "as it was sent");
    // Two lines have the ISIN, and one has another ISIN than the one given.
    let both = v1::InstrumentRef { symbol: "BB".to_owned(), ..apple };
    let doubtful = with(both, isin("US5949181045", ""));
    let answer = analyze(&mut client, doubtful).await.unwrap().into_inner();
    for (reason, text) in [
        (v1::GapReason::IdentifiersDisagree, "in the leg aa, the identifiers disagree"),
        (v1::GapReason::AmbiguousInstrument, "in the leg bb, isin US5949181045 may be"),
    ] {
        let gap = gaps(&answer.info).iter().find(|gap| gap.reason() == reason).unwrap();
        assert!(gap.detail.starts_with(text), "{}", gap.detail);
        assert!(is_about(gap, "Unspecified trade/aa_bb"));
    }
    // A wrong check digit is refused at its path, and a market names no line.
    let wrong = with(isin("US0378331006", ""), isin("", "XNAS"));
    let refusal = analyze(&mut client, wrong).await.unwrap_err();
    let paths = [
        "trades[0].definition.legs[0].any_of[0].instrument.isin",
        "trades[0].definition.legs[0].instrument.isin",
        "trades[0].definition.legs[1].any_of[0].instrument",
        "trades[0].definition.legs[1].instrument",
    ];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_trade_is_refused_by_every_field() {
    use v1::trade_leg_definition::ReturnProxy;
    let (_harness, mut client) = market().await;
    let band = |first, last| select(Selector::RankBand(v1::TradeRankBand { first, last }));
    let bad_leg = v1::TradeLegDefinition {
        leg_id: "aa".to_owned(),
        side: 7,
        any_of: vec![
            select(Selector::BucketId("giant".to_owned())),
            band(0, 5),
            band(5, 4),
            select(Selector::Instrument(named(""))),
            select(Selector::HoldingsOf(named("<b>"))),
            select(Selector::Role("ten_year".to_owned())),
            v1::TradeSelector::default(),
        ],
        none_of: vec![select(Selector::HoldingsOfRole("nobody".to_owned()))],
        return_proxy: Some(ReturnProxy::Basket(v1::TradeBasket {
            weighting: 9,
            members: vec![v1::TradeBasketMember { name: "n".repeat(41), lines: Vec::new() }],
            min_members: Some(2),
        })),
    };
    let empty = v1::TradeLegDefinition::default();
    let definition = v1::TradeDefinition {
        trade_id: "Bad Id".to_owned(),
        name: "n".repeat(101),
        neutrality: 9,
        legs: vec![leg("aa", v1::TradeSide::Long, "AA"), bad_leg, empty],
    };
    let unknown = v1::TradeSelection { trade: Some(Trade::TradeId("unheard".to_owned())) };
    let none = v1::TradeSelection::default();
    let trades = vec![own(definition), unknown, none, own(pair())];
    let refusal = client.analyze_portfolio(request(trades)).await.unwrap_err();
    let paths = [
        "trades[0].definition.trade_id",
        "trades[0].definition.name",
        "trades[0].definition.neutrality",
        "trades[0].definition.legs",
        "trades[0].definition.legs[1].leg_id",
        "trades[0].definition.legs[1].side",
        "trades[0].definition.legs[1].any_of[0].bucket_id",
        "trades[0].definition.legs[1].any_of[1].rank_band.first",
        "trades[0].definition.legs[1].any_of[2].rank_band.last",
        "trades[0].definition.legs[1].any_of[3].instrument",
        "trades[0].definition.legs[1].any_of[4].holdings_of.symbol",
        "trades[0].definition.legs[1].any_of[5].role",
        "trades[0].definition.legs[1].any_of[6]",
        "trades[0].definition.legs[1].none_of[0].holdings_of_role",
        "trades[0].definition.legs[1].basket.weighting",
        "trades[0].definition.legs[1].basket.min_members",
        "trades[0].definition.legs[1].basket.members[0].name",
        "trades[0].definition.legs[1].basket.members[0].lines",
        "trades[0].definition.legs[2].leg_id",
        "trades[0].definition.legs[2].side",
        "trades[0].definition.legs[2].any_of",
        "trades[0].definition.legs[2]",
        "trades[1].trade_id",
        "trades[2]",
    ];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    // The settings' id is theirs, an id stands for one trade, and four are enough.
    let taken = v1::TradeDefinition { trade_id: "megacap_small_cap".to_owned(), ..pair() };
    let trades = vec![own(taken), own(pair()), own(pair()), standard()];
    let refusal = client.analyze_portfolio(request(trades)).await.unwrap_err();
    let paths =
        ["trades[0].definition.trade_id", "trades[2].definition.trade_id", "trades[3].trade_id"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let kept = v1::TradeDefinition { trade_id: "ballast_momentum".to_owned(), ..pair() };
    let refusal = client.analyze_portfolio(request(vec![own(kept)])).await.unwrap_err();
    let paths = ["trades[0].definition.trade_id"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let refusal = client.analyze_portfolio(request(vec![standard(); 5])).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["trades"]);
}

fn line(symbol: &str) -> v1::TradeSelector {
    select(Selector::Instrument(named(symbol)))
}

fn listed(trade: Option<v1::TradeSelection>) -> v1::ListTradeMembersRequest {
    v1::ListTradeMembersRequest { as_of: on(TODAY), trade, ..Default::default() }
}

fn members(answer: &v1::ListTradeMembersResponse) -> Vec<(&str, &str)> {
    answer.members.iter().map(|one| (one.leg_id.as_str(), one.symbol.as_str())).collect()
}

/// The members of a trade are the names whose positions would be in its legs.
#[tokio::test(flavor = "multi_thread")]
async fn the_members_of_a_trade_are_listed_by_pages() {
    let (_harness, mut client) = market().await;
    let mut trade = pair();
    let roles = select(Selector::Role("small_cap_index".to_owned()));
    trade.legs[0].any_of = ["MSFT", "AAPL", "NOBODY"].map(line).to_vec();
    trade.legs[1].any_of = vec![line("BB"), line("AAPL"), roles];
    trade.legs[1].none_of = vec![line("BB")];
    let request = listed(Some(own(trade.clone())));
    let whole = client.list_trade_members(request.clone()).await.unwrap().into_inner();
    assert_eq!(
        members(&whole),
        [("aa", "AAPL"), ("aa", "MSFT"), ("bb", "AAPL"), ("bb", "^RUT")],
        "leg by leg, by name, without the exception; a name may be in a leg of either side"
    );
    let legs: Vec<(&str, i32)> =
        whole.legs.iter().map(|leg| (leg.leg_id.as_str(), leg.member_count)).collect();
    assert_eq!((legs, whole.total_size), (vec![("aa", 2), ("bb", 2)], 4));
    assert_eq!(whole.legs[0].return_symbols, ["AA"]);
    assert_eq!(whole.definition.as_ref().unwrap().legs[0].any_of.len(), 3);
    let gap = gaps(&whole.info).iter().find(|gap| gap.detail.ends_with("the leg aa: NOBODY"));
    assert!(gap.is_some_and(|gap| is_about(gap, "Unspecified trade/aa_bb")));
    // Pages, and one leg.
    let mut page = v1::ListTradeMembersRequest { page_size: 3, ..request.clone() };
    let first = client.list_trade_members(page.clone()).await.unwrap().into_inner();
    page.page_token = first.next_page_token.clone();
    let last = client.list_trade_members(page).await.unwrap().into_inner();
    assert_eq!([first.members, last.members].concat(), whole.members);
    let one = v1::ListTradeMembersRequest { leg_id: "bb".to_owned(), ..request.clone() };
    let one = client.list_trade_members(one).await.unwrap().into_inner();
    assert_eq!(members(&one), [("bb", "AAPL"), ("bb", "^RUT")]);
    assert_eq!((one.legs.len(), one.total_size), (1, 2));
    // The trade of the settings is the default, and a position in a member is in its leg.
    let standard = client.list_trade_members(listed(None)).await.unwrap().into_inner();
    for name in ["AAPL", "AMZN", "MSFT", "NVDA"] {
        assert!(members(&standard).contains(&("megacap_long", name)), "{name}");
    }
    assert!(!members(&standard).contains(&("megacap_long", "AA")));
    assert!(members(&standard).contains(&("small_cap_short", "^RUT")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_members_is_refused_by_every_field() {
    let (_harness, mut client) = market().await;
    let unknown = v1::TradeSelection { trade: Some(Trade::TradeId("unheard".to_owned())) };
    let bad = v1::ListTradeMembersRequest { page_size: -1, ..listed(Some(unknown)) };
    let refusal = client.list_trade_members(bad).await.unwrap_err();
    let paths = ["trade.trade_id", "page_size"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let none = listed(Some(v1::TradeSelection::default()));
    let refusal = client.list_trade_members(none).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["trade"]);
    let mut wrong = pair();
    wrong.legs[1].leg_id = String::new();
    let refusal = client.list_trade_members(listed(Some(own(wrong)))).await.unwrap_err();
    let path = "trade.definition.legs[1].leg_id";
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &[path]);
    let leg = v1::ListTradeMembersRequest { leg_id: "nobody".to_owned(), ..listed(None) };
    let refusal = client.list_trade_members(leg).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["leg_id"]);
}
