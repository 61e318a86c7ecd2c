//! The list of factors over the wire: ids, symbols, sessions, gaps.

use crate::{
    exposure::{TODAY, market},
    harness::{expect_refusal, gaps, is_about, on, subjects, symbols_of},
};
use contract::v1;
use marketdata::{calendar, day::Day};
use tonic::Code;

/// A market of 150 sessions with a large-cap index only.
#[tokio::test(flavor = "multi_thread")]
async fn every_factor_says_its_symbols_its_sessions_or_why_it_has_none() {
    let (_harness, mut client) = market().await;
    let request = v1::ListFactorsRequest { as_of: on(TODAY), ..Default::default() };
    let answer = client.list_factors(request).await.unwrap().into_inner();
    let ids: Vec<&str> = answer.factors.iter().map(|factor| factor.factor_id.as_str()).collect();
    assert_eq!(ids, ["MARKET", "SIZE", "MARKET_UP", "trade/megacap_small_cap"]);
    for factor in &answer.factors {
        assert_eq!(
            (factor.model_id.as_str(), factor.unit()),
            ("ballast-regression", v1::FactorUnit::Return)
        );
        assert!(100 < factor.method.len() && factor.method.ends_with('.'), "{}", factor.method);
    }
    let roles = |at: usize| -> Vec<(&str, String)> {
        let roles = answer.factors[at].roles.iter();
        roles.map(|role| (role.role.as_str(), symbols_of(role))).collect()
    };
    let large = || ("large_cap_index", "^GSPC".to_owned());
    let small = || ("small_cap_index", String::new());
    assert_eq!(roles(0), [large()]);
    assert_eq!(roles(1), [small(), large()]);
    assert_eq!(roles(3), [("megacaps", String::new()), small()]);
    // The first of 150 sessions has no return. The market's return is 1 % times (7k mod 11) - 5, k
    // sessions before today: below 0 for k of 148 and 0, above 0 for 147 and 1.
    let back = |k: i32| calendar::plus_sessions(Day::parse_iso(TODAY).unwrap(), -k).to_string();
    let span =
        |at: usize| (answer.factors[at].first_on.clone(), answer.factors[at].last_on.clone());
    assert_eq!(span(0), (back(148), TODAY.to_owned()));
    assert_eq!(span(2), (back(147), back(1)));
    assert_eq!(span(1), (String::new(), String::new()));
    let missing: Vec<String> = gaps(&answer.info).iter().flat_map(subjects).collect();
    assert_eq!(missing, ["small_cap_index", "Unspecified trade/megacap_small_cap"]);
    assert!(gaps(&answer.info).iter().all(|gap| gap.reason() == v1::GapReason::InputMissing));
}

/// A view of a day before any data has every factor, and none has a symbol.
#[tokio::test(flavor = "multi_thread")]
async fn factors_of_a_day_before_the_data_have_no_symbol() {
    let (_harness, mut client) = market().await;
    let request = v1::ListFactorsRequest { as_of: on("2010-01-04"), ..Default::default() };
    let answer = client.list_factors(request).await.unwrap().into_inner();
    assert_eq!(answer.factors.len(), 4);
    for factor in &answer.factors {
        assert!(factor.roles.iter().all(|role| role.symbols.is_empty()), "{factor:?}");
        assert_eq!(factor.first_on, "");
    }
    assert!(gaps(&answer.info).iter().any(|gap| is_about(gap, "large_cap_index")));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_factors_are_the_list() {
    let (_harness, mut client) = market().await;
    let whole = v1::ListFactorsRequest { as_of: on(TODAY), ..Default::default() };
    let whole = client.list_factors(whole).await.unwrap().into_inner();
    assert_eq!((whole.total_size, whole.next_page_token.as_str()), (4, ""));
    let mut request =
        v1::ListFactorsRequest { as_of: on(TODAY), page_size: 3, ..Default::default() };
    let first = client.list_factors(request.clone()).await.unwrap().into_inner();
    request.page_token = first.next_page_token;
    let last = client.list_factors(request.clone()).await.unwrap().into_inner();
    assert_eq!((last.next_page_token.as_str(), last.total_size), ("", 4));
    assert_eq!([first.factors, last.factors].concat(), whole.factors);
    request.page_size = -1;
    request.page_token = String::new();
    let refusal = client.list_factors(request.clone()).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["page_size"]);
    request.page_token = "00".to_owned();
    let refusal = client.list_factors(request).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_PAGE_TOKEN", &[]);
}
