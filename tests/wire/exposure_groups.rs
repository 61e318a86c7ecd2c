//! Books by size, sector and labels over the wire: sums, sub-books, refusals.

use crate::{
    harness::{expect_refusal, held},
    portfolio::{market, of, request},
};
use contract::v1::{
    self, GroupByKind, exposure_service_client::ExposureServiceClient, position::Size,
};
use tonic::Code;

fn line(symbol: &str, value: f64, account: &str) -> v1::Position {
    let label = v1::Label { key: "account".to_owned(), value: account.to_owned() };
    v1::Position {
        kind: v1::PositionKind::Listed.into(),
        labels: if account.is_empty() { Vec::new() } else { vec![label] },
        ..held(symbol, Size::MarketValue(value))
    }
}

fn by(kind: GroupByKind, key: &str) -> v1::GroupBy {
    v1::GroupBy { kind: kind.into(), label_key: key.to_owned() }
}

/// AA is long in one account and short in the other.
fn book() -> Vec<v1::Position> {
    vec![
        line("AA", 3e6, "x"),
        line("AA", -1e6, "a"),
        line("CASH", -2e6, "x"),
        line("NEW", 5e5, ""),
        line("AA", 1e6, "x"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_two_accounts_is_split_and_the_nets_add_up() {
    let (_harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel);
    let mut asked = request(of(book()));
    asked.group_by = vec![by(GroupByKind::Label, "account"), by(GroupByKind::Size, "")];
    let report = client.analyze_portfolio(asked).await.unwrap().into_inner().report.unwrap();
    let [accounts, sizes] = report.breakdowns.as_slice() else { panic!("{report:?}") };
    assert_eq!(accounts.group_by, Some(by(GroupByKind::Label, "account")));
    let sides = |breakdown: &v1::Breakdown| -> Vec<(String, f64, f64)> {
        let of = |group: &v1::BreakdownGroup| (group.group_id.clone(), group.exposure.unwrap());
        breakdown.groups.iter().map(of).map(|(id, e)| (id, e.long, e.short)).collect()
    };
    // x holds 3 + 1 of AA and is short 2 of CASH; a is short 1 of AA. The book nets AA to 3.
    let expected =
        [("a".to_owned(), 0.0, 1e6), ("x".to_owned(), 4e6, 2e6), (String::new(), 5e5, 0.0)];
    assert_eq!(sides(accounts), expected);
    assert_eq!(sides(sizes), [(String::new(), 3.5e6, 2e6)]);
    let total = report.total.unwrap();
    assert_eq!((total.gross, total.net), (5.5e6, 1.5e6));
    // Each account analysed as a book of its own.
    for group in &accounts.groups {
        let is_own = |position: &v1::Position| {
            let value = position.labels.first().map_or("", |label| &label.value);
            value == group.group_id
        };
        let own = of(book().into_iter().filter(is_own).collect());
        let answer = client.analyze_portfolio(request(own)).await.unwrap().into_inner();
        assert_eq!(answer.report.unwrap().total, group.exposure, "{}", group.group_id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grouping_is_refused_by_field() {
    let (_harness, channel) = market().await;
    let mut asked = request(of(book()));
    asked.group_by = vec![
        by(GroupByKind::Unspecified, ""),
        v1::GroupBy { kind: 99, label_key: String::new() },
        by(GroupByKind::Label, ""),
        by(GroupByKind::Size, "account"),
        by(GroupByKind::Sector, ""),
        by(GroupByKind::Sector, ""),
        by(GroupByKind::Label, "Account"),
        by(GroupByKind::Size, ""),
        by(GroupByKind::Size, ""),
    ];
    let refusal = ExposureServiceClient::new(channel).analyze_portfolio(asked).await.unwrap_err();
    let paths = [
        "group_by",
        "group_by[0].kind",
        "group_by[1].kind",
        "group_by[2].label_key",
        "group_by[3].label_key",
        "group_by[5]",
        "group_by[6].label_key",
    ];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}
