//! Arguments for what an analysis measures.

use clap::Args;
use contract::v1::{
    AnalysisSettings, CornishFisherMethod, EwmaMethod, FilteredHistoricalMethod, FundView,
    GaussianMethod, GroupBy, GroupByKind, HistoricalMethod, LookThrough, Netting, NettingLevel,
    ReportBlock, RiskMeasureKind, RiskMeasureRequest, RiskSplit, RiskSplitKind,
    risk_measure_request::Method,
};

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

/// How funds are looked through.
#[derive(Args, Clone, Debug)]
pub(crate) struct LookThroughArguments {
    /// Look through funds by their known holdings, so that a short fund is a short of each name that
    /// it holds: `netted` (without a value) or `gross`, which keeps lines and funds side by side.
    #[arg(
        long,
        value_name = "VIEW",
        value_parser = fund_view,
        num_args = 0..=1,
        default_missing_value = "netted",
        require_equals = true,
        requires = "book"
    )]
    look_through: Option<FundView>,
}

impl LookThroughArguments {
    /// The settings of a request with the look through funds, if it was asked for.
    pub(crate) fn added_to(&self, settings: Option<AnalysisSettings>) -> Option<AnalysisSettings> {
        let Some(view) = self.look_through else { return settings };
        let look_through = Some(LookThrough { view: view.into() });
        Some(AnalysisSettings { look_through, ..settings.unwrap_or_default() })
    }
}

fn fund_view(text: &str) -> Result<FundView, String> {
    match text {
        "netted" => Ok(FundView::Netted),
        "gross" => Ok(FundView::Gross),
        _ => Err("must be `netted` or `gross`".to_owned()),
    }
}

/// The risk measures to compute.
#[derive(Args, Clone, Debug)]
pub(crate) struct MeasureArguments {
    /// A risk measure: `var`, `es` or `volatility`, then if wanted the method (`filtered`,
    /// `historical`, `ewma`, `gaussian` or `cornish_fisher`), the sessions of its window, and `@` with
    /// the sessions that the loss is counted over, for instance `es:historical:500` or `var@10`; can
    /// be repeated. Without it value at risk and expected shortfall of one session over 1,000 filtered
    /// ones.
    #[arg(long = "measure", value_name = "MEASURE", value_parser = measure)]
    measures: Vec<RiskMeasureRequest>,
    /// Split every `--measure` but a value at risk by the groups of `--group-by` as well.
    #[arg(long, requires = "measures")]
    risk_by_group: bool,
}

impl MeasureArguments {
    /// The measures asked for, in a report with some blocks and groupings.
    pub(crate) fn shown_by(
        &self,
        include: &[ReportBlock],
        group_by: &[GroupBy],
    ) -> Vec<RiskMeasureRequest> {
        let by_group = if self.risk_by_group { splits_by(group_by) } else { Vec::new() };
        self.measures.iter().map(|measure| shown_by(measure, include, &by_group)).collect()
    }
}

/// Splits by each grouping of a report; by size and sector without any.
fn splits_by(group_by: &[GroupBy]) -> Vec<RiskSplit> {
    let usual = [GroupByKind::Size, GroupByKind::Sector]
        .map(|kind| GroupBy { kind: kind.into(), ..GroupBy::default() });
    let groupings = if group_by.is_empty() { &usual[..] } else { group_by };
    let split = |one: &GroupBy| RiskSplit {
        kind: RiskSplitKind::Group.into(),
        group_by: Some(one.clone()),
    };
    groupings.iter().map(split).collect()
}

fn measure(text: &str) -> Result<RiskMeasureRequest, String> {
    let (what, horizon) = match text.split_once('@') {
        Some((what, sessions)) => (what, Some(sessions)),
        None => (text, None),
    };
    let horizon_sessions = horizon.map(str::parse).transpose();
    let horizon_sessions = horizon_sessions.map_err(|_| "`@` must be followed by a number")?;
    let mut parts = what.split(':');
    let kind = match parts.next() {
        Some("var") => RiskMeasureKind::ValueAtRisk,
        Some("es") => RiskMeasureKind::ExpectedShortfall,
        Some("volatility") => RiskMeasureKind::Volatility,
        _ => return Err("must begin with `var`, `es` or `volatility`".to_owned()),
    };
    let method = match parts.next() {
        None | Some("filtered") => {
            Method::FilteredHistorical(FilteredHistoricalMethod { decay: None })
        }
        Some("historical") => Method::Historical(HistoricalMethod {}),
        Some("ewma") => Method::Ewma(EwmaMethod { decay: None }),
        Some("gaussian") => Method::Gaussian(GaussianMethod {}),
        Some("cornish_fisher") => Method::CornishFisher(CornishFisherMethod {}),
        Some(_) => {
            let methods = "`filtered`, `historical`, `ewma`, `gaussian` or `cornish_fisher`";
            return Err(format!("the method must be {methods}"));
        }
    };
    let window = parts.next().map(str::parse).transpose();
    let window = window.map_err(|_| "the window must be a number of sessions".to_owned())?;
    if parts.next().is_some() {
        return Err(
            "must be KIND, KIND:METHOD or KIND:METHOD:WINDOW, each with @SESSIONS".to_owned()
        );
    }
    // A value at risk cannot be split.
    let by = [RiskSplitKind::TradeLeg, RiskSplitKind::Position]
        .map(|kind| RiskSplit { kind: kind.into(), group_by: None });
    let is_split = kind != RiskMeasureKind::ValueAtRisk;
    Ok(RiskMeasureRequest {
        measure_id: text.to_owned(),
        kind: kind.into(),
        method: Some(method),
        window_sessions: window,
        horizon_sessions,
        contributions_by: if is_split { by.to_vec() } else { Vec::new() },
        ..RiskMeasureRequest::default()
    })
}

/// A measure that is also split by groups if it can be split, without the splits that only blocks
/// left out would show. No block means all.
fn shown_by(
    measure: &RiskMeasureRequest,
    include: &[ReportBlock],
    by_group: &[RiskSplit],
) -> RiskMeasureRequest {
    let is_shown = |by: &RiskSplit| match by.kind() {
        RiskSplitKind::TradeLeg => include.contains(&ReportBlock::Trades),
        RiskSplitKind::Position => include.contains(&ReportBlock::Positions),
        RiskSplitKind::Group => include.contains(&ReportBlock::Breakdowns),
        RiskSplitKind::Unspecified => true,
    };
    let mut measure = measure.clone();
    if !measure.contributions_by.is_empty() {
        measure.contributions_by.extend_from_slice(by_group);
    }
    measure.contributions_by.retain(|by| include.is_empty() || is_shown(by));
    measure
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

    #[test]
    fn measures_of_risk() {
        let read = measure("es:historical:500").unwrap();
        assert_eq!(read.kind(), RiskMeasureKind::ExpectedShortfall);
        assert_eq!(read.method, Some(Method::Historical(HistoricalMethod {})));
        assert_eq!((read.window_sessions, read.contributions_by.len()), (Some(500), 2));
        assert_eq!(measure("var").unwrap().contributions_by.len(), 0);
        assert_eq!(
            (read.horizon_sessions, read.measure_id.clone()),
            (None, "es:historical:500".to_owned())
        );
        let ten = measure("var:gaussian@10").unwrap();
        assert_eq!((ten.horizon_sessions, ten.window_sessions), (Some(10), None));
        assert_eq!(ten.method, Some(Method::Gaussian(GaussianMethod {})));
        for wrong in
            ["", "cvar", "var:normal", "var:filtered:x", "var:filtered:500:1", "var@", "es@x"]
        {
            assert!(measure(wrong).is_err(), "{wrong}");
        }
        let by_group = splits_by(&[]);
        let count = |measure: &RiskMeasureRequest, include: &[ReportBlock]| {
            shown_by(measure, include, &by_group).contributions_by.len()
        };
        // By leg, by position, by size and by sector.
        assert_eq!((count(&read, &[]), count(&read, &[ReportBlock::Risk])), (4, 0));
        assert_eq!(count(&read, &[ReportBlock::Risk, ReportBlock::Trades]), 1);
        assert_eq!(count(&read, &[ReportBlock::Risk, ReportBlock::Breakdowns]), 2);
        assert_eq!(count(&measure("var").unwrap(), &[]), 0);
    }
}
