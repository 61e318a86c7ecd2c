//! Arguments for what an analysis measures.

use clap::Args;
use contract::v1::{AnalysisSettings, Netting, NettingLevel};

/// Before what gross is measured.
#[derive(Args, Clone, Debug)]
pub(crate) struct NettingArguments {
    /// What is added up before it counts as long or short: `instrument` (the default), `line`, or
    /// the lines with equal labels, for instance `label:strategy` or `label:strategy,trader`.
    #[arg(long, value_name = "LEVEL", value_parser = netting, requires = "book")]
    netting: Option<Netting>,
}

impl NettingArguments {
    /// The settings of a request. Absent if nothing was asked for.
    pub(crate) fn to_proto(&self) -> Option<AnalysisSettings> {
        let netting = self.netting.clone()?;
        Some(AnalysisSettings { netting: Some(netting), ..AnalysisSettings::default() })
    }
}

fn netting(text: &str) -> Result<Netting, String> {
    let of = |level: NettingLevel| Netting { level: level.into(), label_keys: Vec::new() };
    match text.split_once(':') {
        None if text == "instrument" => Ok(of(NettingLevel::Instrument)),
        None if text == "line" => Ok(of(NettingLevel::Line)),
        Some(("label", keys)) => Ok(Netting {
            label_keys: keys.split(',').map(str::to_owned).collect(),
            ..of(NettingLevel::Labels)
        }),
        _ => Err("must be `instrument`, `line` or `label:KEY[,KEY]`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_netting() {
        let read = |text| netting(text).map(|read| (read.level(), read.label_keys));
        assert_eq!(read("line"), Ok((NettingLevel::Line, Vec::new())));
        let keys = vec!["strategy".to_owned(), "trader".to_owned()];
        assert_eq!(read("label:strategy,trader"), Ok((NettingLevel::Labels, keys)));
        assert!(read("strategy").is_err() && read("labels").is_err());
    }
}
