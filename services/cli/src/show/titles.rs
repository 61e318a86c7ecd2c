//! What tables of groups are called.

use contract::v1::{AnalysisSettings, GroupBy, GroupByKind};

/// The bucket of names without a known size.
pub(crate) const UNKNOWN_SIZE: &str = "unknown size";

/// What a table of groups is called.
pub(crate) struct Titles {
    /// The table.
    pub(crate) name: String,
    /// The column of the groups.
    pub(crate) heading: String,
    /// What has no group.
    pub(crate) rest: String,
}

/// The titles of a grouping under the settings of a report.
pub(crate) fn titles(group_by: Option<&GroupBy>, settings: Option<&AnalysisSettings>) -> Titles {
    let group_by = group_by.cloned().unwrap_or_default();
    let scheme = settings.map_or("", |settings| settings.classification_scheme_id.as_str());
    let (name, heading, rest) = match group_by.kind() {
        GroupByKind::Size => ("sizes".to_owned(), "size".to_owned(), UNKNOWN_SIZE.to_owned()),
        GroupByKind::Sector if scheme.is_empty() => {
            ("sectors".to_owned(), "sector".to_owned(), "unknown sector".to_owned())
        }
        GroupByKind::Sector => {
            ("sectors".to_owned(), format!("sector ({scheme})"), "unknown sector".to_owned())
        }
        GroupByKind::PositionKind => ("kinds".to_owned(), "kind".to_owned(), String::new()),
        GroupByKind::Label | GroupByKind::Unspecified => {
            let key = group_by.label_key;
            (format!("label:{key}"), key.clone(), format!("no {key}"))
        }
    };
    Titles { name, heading, rest }
}
