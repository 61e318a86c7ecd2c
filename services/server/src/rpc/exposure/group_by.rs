//! Validates groupings of a book, and converts books by groups to protobuf.

use super::to_proto;
use crate::rpc::{field::Fields, portfolio::kind::group_id};
use contract::v1;
use exposure::{
    grouping::{GroupBy, LabelGroups},
    report::{Breakdown, Group},
};
use v1::GroupByKind as Kind;

/// Maximum number of groupings of one request.
pub(super) const GROUPINGS_MAX: usize = 8;

/// Reads the groupings of an analysis and writes the defaults into the request.
pub(super) fn group_by(
    fields: &mut Fields,
    asked: &mut Vec<v1::GroupBy>,
    portfolio: Option<&v1::Portfolio>,
) -> Vec<GroupBy> {
    if asked.is_empty() {
        let usual = |kind: Kind| v1::GroupBy { kind: kind.into(), label_key: String::new() };
        *asked = vec![usual(Kind::Size), usual(Kind::Sector)];
    }
    groupings(fields, asked, portfolio)
}

/// Reads groupings of a portfolio; none are none.
pub(super) fn groupings(
    fields: &mut Fields,
    asked: &[v1::GroupBy],
    portfolio: Option<&v1::Portfolio>,
) -> Vec<GroupBy> {
    fields.at_most("group_by", asked.len(), GROUPINGS_MAX);
    let lines = portfolio.map_or(&[][..], |portfolio| &portfolio.positions);
    let mut read = Vec::with_capacity(asked.len());
    for (at, one) in asked.iter().enumerate().take(GROUPINGS_MAX) {
        let path = format!("group_by[{at}]");
        match asked[..at].contains(one) {
            true => fields.add(path, "appears twice"),
            false => read.extend(grouping(fields, &path, one, lines)),
        }
    }
    read
}

fn grouping(
    fields: &mut Fields,
    path: &str,
    asked: &v1::GroupBy,
    lines: &[v1::Position],
) -> Option<GroupBy> {
    let (kind_path, key_path) = (format!("{path}.kind"), format!("{path}.label_key"));
    if asked.kind == Kind::Unspecified as i32 {
        fields.add(&kind_path, "must be SIZE, SECTOR, LABEL or POSITION_KIND");
    }
    let kind = fields.choice(&kind_path, asked.kind);
    if matches!(kind, Kind::Size | Kind::Sector | Kind::PositionKind) && !asked.label_key.is_empty()
    {
        fields.add(&key_path, "is for a grouping by LABEL only");
    }
    match kind {
        Kind::Unspecified => None,
        Kind::Size => Some(GroupBy::Size),
        Kind::Sector => Some(GroupBy::Sector),
        Kind::PositionKind => Some(GroupBy::Label(LabelGroups::of(lines.iter().map(group_id)))),
        Kind::Label => {
            let groups = label_groups(lines, &asked.label_key);
            if groups.is_empty() {
                fields.add(key_path, "must be the key of a label that a position has");
            }
            Some(GroupBy::Label(groups))
        }
    }
}

fn label_groups(lines: &[v1::Position], key: &str) -> LabelGroups {
    LabelGroups::of(lines.iter().map(|line| {
        let label = line.labels.iter().find(|label| label.key == key);
        label.map_or("", |label| label.value.as_str())
    }))
}

/// The book by the groupings of a request.
pub(super) fn breakdowns(asked: &[v1::GroupBy], made: Vec<Breakdown>) -> Vec<v1::Breakdown> {
    let group = |group: Group| v1::BreakdownGroup {
        group_id: group.group_id.unwrap_or_default(),
        exposure: Some(to_proto::exposure(&group.exposure)),
    };
    let breakdown = |(group_by, made): (&v1::GroupBy, Breakdown)| v1::Breakdown {
        group_by: Some(group_by.clone()),
        groups: made.groups.into_iter().map(group).collect(),
    };
    asked.iter().zip(made).map(breakdown).collect()
}
