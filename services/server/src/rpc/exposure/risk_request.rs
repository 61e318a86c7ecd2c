//! Reads risk measures, writes their defaults into the request, and plans which scenarios they share.

use super::{group_by::GROUPINGS_MAX, include};
use crate::rpc::field::Fields;
use contract::v1;
use exposure::{
    blocks::{Block, Blocks},
    grouping::GroupBy,
    settings::{
        FILTER_DECAY, HORIZON_SESSIONS_MAX, LevelSettings, SCENARIOS_MIN, TailMethod, TailPart,
        TailSettings, WINDOW_SESSIONS_MAX,
    },
};
use stats::quantile::QuantileRule;
use v1::{
    RiskMeasureKind as Kind, RiskMeasureRequest as Asked, RiskSplit, RiskSplitKind as SplitKind,
    risk_measure_request::Method,
};

/// Maximum number of measures of one request.
const MEASURES_MAX: usize = 16;
/// Maximum bytes of a measure's id.
const MEASURE_ID_BYTES: usize = 64;
/// Default confidences.
const CONFIDENCES: [f64; 2] = [0.95, 0.99];
/// Maximum number of confidences of one measure.
const CONFIDENCES_MAX: usize = 8;
/// Default level of intervals.
pub(super) const INTERVAL_LEVEL: f64 = 0.95;
/// Bounds of confidences and levels.
const LEVEL_BOUNDS: (f64, f64) = (0.5, 0.999);
/// Maximum number of contributions by values of labels, over all measures: about 8 MB of an answer.
/// Without it a small request could ask for an answer that is computed for long and then too large.
const LABEL_CONTRIBUTIONS_MAX: usize = 100_000;
/// Bounds of the window, sessions.
const WINDOW_BOUNDS: (i32, i32) = (252, WINDOW_SESSIONS_MAX as i32);
/// Bounds of the horizon, sessions.
const HORIZON_BOUNDS: (i32, i32) = (1, HORIZON_SESSIONS_MAX as i32);
/// Maximum sum of the horizons of all sets of simulated paths of a request. A session of ten thousand
/// paths with stand-ins takes milliseconds.
pub(super) const PATH_SESSIONS_MAX: usize = 120;
/// Bounds of λ: a memory of 5 to 100 sessions.
const DECAY_BOUNDS: (f64, f64) = (0.8, 0.99);

/// The sets of scenarios that the measures of a request need.
#[derive(Debug)]
pub(super) struct RiskPlan {
    /// Each set once, with everything that is measured on it.
    pub(super) sets: Vec<TailSettings>,
    /// One per measure requested.
    pub(super) measures: Vec<PlannedMeasure>,
}

/// Where the numbers of a measure are found.
#[derive(Debug)]
pub(super) struct PlannedMeasure {
    /// Its set of scenarios.
    pub(super) set: usize,
    /// One per confidence; a volatility has one.
    pub(super) parts: Vec<TailPart>,
    /// Whether contributions by leg are wanted.
    pub(super) by_leg: bool,
    /// Place of its first part among those of the set that are wanted by position.
    pub(super) by_position: Option<usize>,
    /// The groupings that it is split by, as places among those of the report.
    pub(super) groupings: Vec<usize>,
    /// Places of its parts among those of the set that are wanted by group. Empty without
    /// groupings, but for a value at risk by leg.
    pub(super) by_group: Vec<usize>,
}

/// What a report shows: its blocks, and the groupings of its book.
type Shown<'a> = (Blocks, &'a [v1::GroupBy]);

/// What a measure is split by.
#[derive(Debug, Default)]
struct Splits {
    by_leg: bool,
    by_position: bool,
    /// Places among the groupings of the report.
    groupings: Vec<usize>,
}

/// Maximum number of splits of one measure: by position, by leg, and by each grouping.
const SPLITS_MAX: usize = 2 + GROUPINGS_MAX;

/// The measures of a request that names none.
fn usual(blocks: Blocks) -> Vec<Asked> {
    let usual = [SplitKind::TradeLeg, SplitKind::Position];
    let shown = usual.into_iter().filter(|kind| missing_block(*kind, blocks).is_none());
    let by = shown.map(|kind| RiskSplit { kind: kind.into(), group_by: None }).collect();
    let asked = |id: &str, kind: Kind, contributions_by| Asked {
        measure_id: id.to_owned(),
        kind: kind.into(),
        contributions_by,
        ..Asked::default()
    };
    vec![
        asked("value_at_risk", Kind::ValueAtRisk, Vec::new()),
        asked("expected_shortfall", Kind::ExpectedShortfall, by),
    ]
}

/// The block that would show a split, if a report lacks it.
fn missing_block(kind: SplitKind, blocks: Blocks) -> Option<v1::ReportBlock> {
    let (block, name) = match kind {
        SplitKind::Unspecified => return None,
        SplitKind::Position => (Block::Positions, v1::ReportBlock::Positions),
        SplitKind::TradeLeg => (Block::Trades, v1::ReportBlock::Trades),
        SplitKind::Group => (Block::Breakdowns, v1::ReportBlock::Breakdowns),
    };
    (!blocks.has(block)).then_some(name)
}

/// Reads all measures of a report.
pub(super) fn plan(fields: &mut Fields, asked: &mut Vec<Asked>, shown: Shown<'_>) -> RiskPlan {
    let mut plan = RiskPlan::NONE;
    if asked.is_empty() {
        *asked = usual(shown.0);
    }
    if !fields.at_most("risk_measures", asked.len(), MEASURES_MAX) {
        return plan;
    }
    for at in 0..asked.len() {
        let path = |field: &str| format!("risk_measures[{at}].{field}");
        let id = &asked[at].measure_id;
        if id.is_empty() || MEASURE_ID_BYTES < id.len() || id.chars().any(char::is_control) {
            let text = format!("must have 1 to {MEASURE_ID_BYTES} bytes and no control characters");
            fields.add(path("measure_id"), text);
        }
        if asked[..at].iter().any(|other| other.measure_id == *id) {
            fields.add(path("measure_id"), "appears twice");
        }
        plan.add(fields, &path, &mut asked[at], shown);
    }
    plan.check_paths(fields);
    plan
}

impl RiskPlan {
    /// No measures.
    pub(super) const NONE: RiskPlan = RiskPlan { sets: Vec::new(), measures: Vec::new() };

    /// Refuses more contributions by values of labels than an answer can hold. There are few sizes and
    /// sectors.
    pub(super) fn check_contributions(&self, fields: &mut Fields, group_by: &[GroupBy]) {
        let values = |group_by: &GroupBy| match group_by {
            GroupBy::Label(groups) => groups.ids().count(),
            GroupBy::Size | GroupBy::Sector => 0,
        };
        let values: Vec<usize> = group_by.iter().map(values).collect();
        let split = |measure: &PlannedMeasure| {
            let groups = measure.groupings.iter().filter_map(|at| values.get(*at));
            measure.parts.len() * groups.sum::<usize>()
        };
        let asked: usize = self.measures.iter().map(split).sum();
        if LABEL_CONTRIBUTIONS_MAX < asked {
            let text = format!(
                "must have at most {LABEL_CONTRIBUTIONS_MAX} contributions by values of labels, over \
                 all confidences; has {asked}"
            );
            fields.add("risk_measures", text);
        }
    }

    /// Sum of the horizons of all sets of simulated paths.
    pub(super) fn simulated_sessions(&self) -> usize {
        let simulated =
            self.sets.iter().filter(|set| is_simulated(set.method, set.horizon_sessions));
        simulated.map(|set| set.horizon_sessions).sum()
    }

    /// Refuses more simulated sessions than a request may cost.
    fn check_paths(&self, fields: &mut Fields) {
        let sessions = self.simulated_sessions();
        if PATH_SESSIONS_MAX < sessions {
            let text = format!(
                "must have at most {PATH_SESSIONS_MAX} sessions over all simulated horizons \
                 (filtered_historical), has {sessions}"
            );
            fields.add("risk_measures", text);
        }
    }

    fn add(
        &mut self,
        fields: &mut Fields,
        path: &dyn Fn(&str) -> String,
        asked: &mut Asked,
        shown: Shown<'_>,
    ) {
        let kind: Kind = fields.choice(&path("kind"), asked.kind);
        if asked.kind == Kind::Unspecified as i32 {
            fields.add(path("kind"), "must be given");
        }
        let horizon = horizon(fields, &path("horizon_sessions"), &mut asked.horizon_sessions);
        let window = window(fields, &path("window_sessions"), &mut asked.window_sessions);
        let (method, wire) = method(fields, path, asked.method);
        asked.method = Some(wire);
        if lacks_runs(method, window, horizon) {
            fields.add(path("horizon_sessions"), too_long(window));
        }
        let set = self.set(method, window, horizon);
        let levels = levels(fields, path, asked, (kind, method));
        let parts = match levels {
            Some(levels) => {
                let parts = add_levels(&mut self.sets[set], &levels);
                if kind == Kind::ValueAtRisk { of_value_at_risk(parts) } else { parts }
            }
            None => {
                self.sets[set].volatility = true;
                vec![TailPart::Volatility]
            }
        };
        let Splits { by_leg, by_position, groupings } = splits(fields, path, asked, shown);
        let first = parts.first().filter(|_| by_position);
        let by_position = first.map(|part| place(&mut self.sets[set].by_position, *part));
        let by_leg_of_quantile = by_leg && kind == Kind::ValueAtRisk;
        let grouped = parts.iter().filter(|_| !groupings.is_empty() || by_leg_of_quantile);
        let by_group = grouped.map(|part| place(&mut self.sets[set].by_group, *part)).collect();
        let planned = PlannedMeasure { set, parts, by_leg, by_position, groupings, by_group };
        self.measures.push(planned);
    }

    /// The set of a method, a window and a horizon.
    fn set(
        &mut self,
        method: TailMethod,
        window_sessions: usize,
        horizon_sessions: usize,
    ) -> usize {
        let wanted = (method, window_sessions, horizon_sessions);
        let is_same =
            |set: &TailSettings| (set.method, set.window_sessions, set.horizon_sessions) == wanted;
        self.sets.iter().position(is_same).unwrap_or_else(|| {
            self.sets.push(TailSettings {
                method,
                window_sessions,
                horizon_sessions,
                levels: Vec::new(),
                volatility: false,
                by_position: Vec::new(),
                by_group: Vec::new(),
            });
            self.sets.len() - 1
        })
    }
}

/// Whether the scenarios are simulated paths.
pub(super) fn is_simulated(method: TailMethod, horizon: usize) -> bool {
    1 < horizon && matches!(method, TailMethod::FilteredHistorical { .. })
}

/// Whether a window can never have enough runs of sessions that do not overlap. A horizon out of bounds
/// is refused as such.
pub(super) fn lacks_runs(method: TailMethod, window: usize, horizon: usize) -> bool {
    let is_plain = method == TailMethod::Historical && horizon <= HORIZON_SESSIONS_MAX;
    is_plain && window < SCENARIOS_MIN * horizon
}

/// What is wrong with a horizon that [`lacks_runs`].
pub(super) fn too_long(window: usize) -> String {
    let most = window / SCENARIOS_MIN;
    format!(
        "must be at most {most} for historical with a window of {window} sessions: it needs \
         {SCENARIOS_MIN} runs that do not overlap"
    )
}

/// Adds confidences to a set, to those that are measured in the same way if there are any.
fn add_levels(set: &mut TailSettings, asked: &LevelSettings) -> Vec<TailPart> {
    let is_same = |group: &LevelSettings| {
        group.quantile_rule == asked.quantile_rule
            && group.interval_level.to_bits() == asked.interval_level.to_bits()
    };
    let group = set.levels.iter().position(is_same).unwrap_or_else(|| {
        set.levels.push(LevelSettings { confidences: Vec::new(), ..asked.clone() });
        set.levels.len() - 1
    });
    let confidences = &mut set.levels[group].confidences;
    let place = |confidence: f64| {
        let known = confidences.iter().position(|known| known.to_bits() == confidence.to_bits());
        let at = known.unwrap_or(confidences.len());
        if known.is_none() {
            confidences.push(confidence);
        }
        TailPart::Level(group, at)
    };
    asked.confidences.iter().copied().map(place).collect()
}

/// The values at risk at the same places.
fn of_value_at_risk(parts: Vec<TailPart>) -> Vec<TailPart> {
    let of = |part| match part {
        TailPart::Level(group, at) => TailPart::ValueAtRisk(group, at),
        part => part,
    };
    parts.into_iter().map(of).collect()
}

/// The place of a part in a list, to which it is added if it is new.
fn place(parts: &mut Vec<TailPart>, part: TailPart) -> usize {
    parts.iter().position(|known| *known == part).unwrap_or_else(|| {
        parts.push(part);
        parts.len() - 1
    })
}

/// Reads a method and fills in its defaults.
pub(super) fn method(
    fields: &mut Fields,
    path: &dyn Fn(&str) -> String,
    asked: Option<Method>,
) -> (TailMethod, Method) {
    let mut decay = |name: &str, decay: Option<f64>| {
        fields.within_or(&path(&format!("{name}.decay")), decay, FILTER_DECAY, DECAY_BOUNDS)
    };
    match asked.unwrap_or_else(|| Method::FilteredHistorical(Default::default())) {
        plain @ Method::Historical(_) => (TailMethod::Historical, plain),
        Method::FilteredHistorical(asked) => {
            let decay = decay("filtered_historical", asked.decay);
            let wire = v1::FilteredHistoricalMethod { decay: Some(decay) };
            (TailMethod::FilteredHistorical { decay }, Method::FilteredHistorical(wire))
        }
        Method::Ewma(asked) => {
            let decay = decay("ewma", asked.decay);
            (TailMethod::Ewma { decay }, Method::Ewma(v1::EwmaMethod { decay: Some(decay) }))
        }
        gaussian @ Method::Gaussian(_) => (TailMethod::Gaussian, gaussian),
        expansion @ Method::CornishFisher(_) => (TailMethod::CornishFisher, expansion),
    }
}

/// Reads the number of sessions behind a measure, and fills in its default.
pub(super) fn window(fields: &mut Fields, path: &str, asked: &mut Option<i32>) -> usize {
    let window = fields.within_or(path, *asked, WINDOW_BOUNDS.1, WINDOW_BOUNDS);
    *asked = Some(window);
    usize::try_from(window).unwrap_or(WINDOW_SESSIONS_MAX)
}

/// Reads the number of sessions that a loss is counted over, and fills in its default.
pub(super) fn horizon(fields: &mut Fields, path: &str, asked: &mut Option<i32>) -> usize {
    let horizon = fields.within_or(path, *asked, HORIZON_BOUNDS.0, HORIZON_BOUNDS);
    *asked = Some(horizon);
    usize::try_from(horizon).unwrap_or(1)
}

/// The confidences of a measure and how they are measured; `None` for a volatility.
fn levels(
    fields: &mut Fields,
    path: &dyn Fn(&str) -> String,
    asked: &mut Asked,
    (kind, method): (Kind, TailMethod),
) -> Option<LevelSettings> {
    let is_quantile = kind == Kind::ValueAtRisk && method.has_scenarios();
    if !is_quantile && asked.quantile_rule.is_some() {
        let text = "must be absent: only a value at risk over scenarios is a quantile of them";
        fields.add(path("quantile_rule"), text);
    }
    if !is_quantile && asked.interval_level.is_some() {
        let text = "must be absent: only a value at risk over scenarios has an interval";
        fields.add(path("interval_level"), text);
    }
    if kind == Kind::Volatility {
        if !asked.confidences.is_empty() {
            fields.add(path("confidences"), "must be empty: a volatility has no confidence");
        }
        return None;
    }
    confidences(fields, &path("confidences"), &mut asked.confidences, CONFIDENCES_MAX);
    let (mut quantile_rule, mut interval_level) = (QuantileRule::Linear, INTERVAL_LEVEL);
    if is_quantile {
        let field = path("interval_level");
        interval_level =
            fields.within_or(&field, asked.interval_level, INTERVAL_LEVEL, LEVEL_BOUNDS);
        asked.interval_level = Some(interval_level);
        quantile_rule = rule(fields, &path("quantile_rule"), asked);
    }
    let confidences = asked.confidences.clone();
    Some(LevelSettings { confidences, quantile_rule, interval_level })
}

/// Checks confidences, and fills in their default. Those beyond the limit are refused and left out,
/// because what follows compares each with all others.
pub(super) fn confidences(
    fields: &mut Fields,
    path: &str,
    confidences: &mut Vec<f64>,
    limit: usize,
) {
    if confidences.is_empty() {
        *confidences = CONFIDENCES.to_vec();
    }
    fields.at_most(path, confidences.len(), limit);
    confidences.truncate(limit);
    let (least, most) = LEVEL_BOUNDS;
    for (at, level) in confidences.iter().enumerate() {
        let field = format!("{path}[{at}]");
        fields.within(&field, *level, least, most);
        if confidences[..at].iter().any(|other| other.to_bits() == level.to_bits()) {
            fields.add(field, "appears twice");
        }
    }
}

fn rule(fields: &mut Fields, field: &str, asked: &mut Asked) -> QuantileRule {
    use v1::QuantileRule as Wire;
    let (rule, wire) = match fields.choice(field, asked.quantile_rule.unwrap_or_default()) {
        Wire::Unspecified | Wire::Linear => (QuantileRule::Linear, Wire::Linear),
        Wire::Lower => (QuantileRule::Lower, Wire::Lower),
        Wire::Higher => (QuantileRule::Higher, Wire::Higher),
        Wire::Ceil => (QuantileRule::Ceil, Wire::Ceil),
        Wire::Weibull => (QuantileRule::Weibull, Wire::Weibull),
        Wire::MedianUnbiased => (QuantileRule::MedianUnbiased, Wire::MedianUnbiased),
    };
    asked.quantile_rule = Some(wire.into());
    rule
}

/// What a measure is split by.
fn splits(
    fields: &mut Fields,
    path: &dyn Fn(&str) -> String,
    asked: &Asked,
    shown: Shown<'_>,
) -> Splits {
    let (by, mut splits) = (&asked.contributions_by, Splits::default());
    fields.at_most(&path("contributions_by"), by.len(), SPLITS_MAX);
    for (at, split) in by.iter().enumerate().take(SPLITS_MAX) {
        let field = path(&format!("contributions_by[{at}]"));
        match by[..at].contains(split) {
            true => fields.add(field, "appears twice"),
            false => splits.add(fields, &field, split, shown),
        }
    }
    splits
}

impl Splits {
    fn add(&mut self, fields: &mut Fields, field: &str, split: &RiskSplit, shown: Shown<'_>) {
        let (blocks, groupings) = shown;
        let kind_path = format!("{field}.kind");
        let kind = fields.choice(&kind_path, split.kind);
        if let Some(block) = missing_block(kind, blocks) {
            return fields.add(field, format!("must be absent: {}", include::not_asked_for(block)));
        }
        if kind != SplitKind::Group && split.group_by.is_some() {
            fields.add(format!("{field}.group_by"), "must be absent: it is for GROUP only");
        }
        match kind {
            SplitKind::Position => self.by_position = true,
            SplitKind::TradeLeg => self.by_leg = true,
            SplitKind::Group => {
                let mut groupings = groupings.iter().take(GROUPINGS_MAX);
                match groupings.position(|one| split.group_by.as_ref() == Some(one)) {
                    Some(place) => self.groupings.push(place),
                    None => {
                        let text = "must be one of the groupings of the report (`group_by`)";
                        fields.add(format!("{field}.group_by"), text);
                    }
                }
            }
            SplitKind::Unspecified if split.kind == 0 => fields.add(kind_path, "must be given"),
            SplitKind::Unspecified => {}
        }
    }
}
