//! Reads scenarios of requests, for every service that takes them: validates them by themselves, and
//! applies their defaults. What they name is looked up on the view, by [`resolve`].

pub mod resolve;

use crate::{
    limits,
    rpc::{field::Fields, portfolio},
};
use contract::v1::{
    self, move_size::Size, scenario::Happening as WireEvent, scenario_shock::Target as WireTarget,
    short_squeeze::Shorts,
};
use factors::{roles::Role, size::SizeBucket, size_scheme::SizeScheme, trade::MEGACAP_SMALL_CAP};
use marketdata::day::Day;
use risk::{
    like_this::DaysLikeThis,
    series::{MoveUnit, Series},
};
use stress::{ready::CUT_FULLY_PRICED, shock::SIZE_MAX};

/// Maximum length of an id of the caller's, bytes.
const ID_BYTES: usize = 64;
/// Maximum length of the name of a basket, characters.
const NAME_CHARS: usize = 100;
/// Largest weight of a line of a basket.
const WEIGHT_MAX: f64 = 1e15;

/// What happens in a scenario.
#[derive(Clone, Debug)]
pub enum Event {
    /// A listed one.
    Listed {
        /// Its id.
        scenario_id: String,
        /// What the market prices today.
        cut_probability: Option<f64>,
    },
    /// Past sessions.
    Replay(Day, Day),
    /// Known moves.
    Hypothetical {
        /// What moves by how much.
        shocks: Vec<Known>,
        /// Over how many sessions.
        sessions: u32,
    },
}

/// A known move.
#[derive(Clone, Debug)]
pub struct Known {
    /// What moves.
    pub target: Target,
    /// By how much, in its unit.
    pub size: f64,
}

/// What moves. Lines are looked up on the view.
#[derive(Clone, Debug)]
pub enum Target {
    /// A factor.
    Factor(String),
    /// A series.
    Series(Series),
    /// A sector.
    Sector(String),
    /// A size bucket.
    Bucket(SizeBucket),
    /// One line.
    Line(v1::InstrumentRef),
    /// Several lines, with their weights.
    Basket(String, Vec<(v1::InstrumentRef, f64)>),
}

/// Which shorts are squeezed.
#[derive(Clone, Debug)]
pub enum Squeeze {
    /// The costliest.
    Costliest(usize),
    /// Those that the market is heavily short of.
    Crowded,
    /// These, with their jumps if given.
    Chosen(Vec<(v1::InstrumentRef, Option<f64>)>),
}

/// A scenario of a request.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What happens.
    pub event: Event,
    /// Which shorts are squeezed besides.
    pub squeeze: Option<Squeeze>,
}

/// Reads the scenarios of a request and writes their defaults into it. Those with a violation are
/// left out.
pub fn scenarios(fields: &mut Fields, path: &str, asked: &mut [v1::Scenario]) -> Vec<Scenario> {
    let mut read = Vec::with_capacity(asked.len());
    let mut ids: Vec<String> = Vec::with_capacity(asked.len());
    for (at, one) in asked.iter_mut().enumerate().take(limits::SCENARIOS) {
        let path = format!("{path}[{at}]");
        read.extend(scenario(fields, &path, one));
        if !one.scenario_id.is_empty() && ids.contains(&one.scenario_id) {
            fields.add(format!("{path}.scenario_id"), "appears twice");
        }
        ids.push(one.scenario_id.clone());
    }
    read
}

/// Reads one scenario.
pub fn scenario(fields: &mut Fields, path: &str, asked: &mut v1::Scenario) -> Option<Scenario> {
    if ID_BYTES < asked.scenario_id.len() {
        fields.add(format!("{path}.scenario_id"), format!("must have at most {ID_BYTES} bytes"));
    }
    let squeeze = asked.squeeze.as_ref();
    let squeeze = squeeze.and_then(|one| read_squeeze(fields, &format!("{path}.squeeze"), one));
    let event = match &mut asked.happening {
        None => {
            fields.add(path, "must give listed, replay or hypothetical");
            None
        }
        Some(WireEvent::Listed(listed)) => Some(read_listed(fields, path, listed)),
        Some(WireEvent::Replay(window)) => read_window(fields, path, window),
        Some(WireEvent::Hypothetical(known)) => read_known(fields, path, known),
    }?;
    if asked.scenario_id.is_empty() {
        asked.scenario_id = match &event {
            Event::Listed { scenario_id, .. } => scenario_id.clone(),
            Event::Replay(start_on, end_on) => format!("replay/{start_on}/{end_on}"),
            Event::Hypothetical { .. } => "hypothetical".to_owned(),
        };
    }
    Some(Scenario { event, squeeze })
}

fn read_listed(fields: &mut Fields, path: &str, asked: &v1::ListedScenarioRef) -> Event {
    let field = format!("{path}.listed.cut_probability");
    let needs_it = asked.scenario_id == CUT_FULLY_PRICED;
    match asked.cut_probability {
        None if needs_it => fields.add(field, format!("must be given for {CUT_FULLY_PRICED}")),
        Some(given) if needs_it => {
            fields.within(&field, given, 0.0, 1.0);
        }
        Some(_) => fields.add(field, format!("is for {CUT_FULLY_PRICED} only")),
        None => {}
    }
    if asked.scenario_id.is_empty() {
        fields.add(format!("{path}.listed.scenario_id"), "must be given");
    }
    let cut_probability = asked.cut_probability;
    Event::Listed { scenario_id: asked.scenario_id.clone(), cut_probability }
}

fn read_window(fields: &mut Fields, path: &str, asked: &mut v1::ReplayedWindow) -> Option<Event> {
    let field = format!("{path}.replay.start_on");
    if asked.start_on.is_empty() {
        fields.add(&field, "must be an ISO date (YYYY-MM-DD)");
        return None;
    }
    if asked.end_on.is_empty() {
        asked.end_on.clone_from(&asked.start_on);
    }
    let end = format!("{path}.replay.end_on");
    let (start_on, end_on) = fields.days((&field, &asked.start_on), (&end, &asked.end_on));
    let (start_on, end_on) = (start_on?, end_on?);
    if start_on.plus(limits::REPLAY_DAYS) < end_on {
        let text = format!("must be at most {} days after {field}", limits::REPLAY_DAYS);
        fields.add(end, text);
    }
    Some(Event::Replay(start_on, end_on))
}

fn read_known(
    fields: &mut Fields,
    path: &str,
    asked: &mut v1::HypotheticalScenario,
) -> Option<Event> {
    let path = format!("{path}.hypothetical");
    let sessions = fields.within_or(
        &format!("{path}.sessions"),
        asked.sessions,
        1,
        (1, limits::SCENARIO_SESSIONS),
    );
    asked.sessions = Some(sessions);
    let field = format!("{path}.shocks");
    if asked.shocks.is_empty() {
        fields.add(&field, "must have at least one entry");
    }
    fields.at_most(&field, asked.shocks.len(), limits::SCENARIO_SHOCKS).then_some(())?;
    let count = asked.shocks.len();
    let mut shocks = Vec::with_capacity(count);
    for (at, shock) in asked.shocks.iter_mut().enumerate() {
        shocks.extend(read_shock(fields, &format!("{field}[{at}]"), shock));
    }
    let whole = shocks.len() == count;
    whole.then(|| Event::Hypothetical { shocks, sessions: sessions.unsigned_abs() })
}

fn read_shock(fields: &mut Fields, path: &str, asked: &mut v1::ScenarioShock) -> Option<Known> {
    let target = match &mut asked.target {
        None => {
            fields.add(
                path,
                "must give a factor_id, a series_id, a sector, a bucket_id, an instrument or a basket",
            );
            None
        }
        Some(WireTarget::FactorId(id)) => Some(Target::Factor(id.clone())),
        Some(WireTarget::SeriesId(id)) => series(id).map(Target::Series).or_else(|| {
            let known: Vec<String> = all_series().map(series_id).collect();
            let text = format!("must be one of {}, is {id:?}", known.join(", "));
            fields.add(format!("{path}.series_id"), text);
            None
        }),
        Some(WireTarget::Sector(name)) => Some(Target::Sector(name.clone())),
        Some(WireTarget::BucketId(id)) => bucket(id).map(Target::Bucket).or_else(|| {
            let bands = SizeScheme::standard().bands.iter();
            let known: Vec<&str> = bands.map(|band| band.bucket_id.as_str()).collect();
            let text = format!("must be one of {}, is {id:?}", known.join(", "));
            fields.add(format!("{path}.bucket_id"), text);
            None
        }),
        Some(WireTarget::Instrument(named)) => {
            portfolio::check_instrument(fields, &format!("{path}.instrument"), Some(named));
            Some(Target::Line(named.clone()))
        }
        Some(WireTarget::Basket(basket)) => {
            Some(read_basket(fields, &format!("{path}.basket"), basket))
        }
    };
    let unit = match target {
        Some(Target::Series(series)) => series.unit(),
        _ => MoveUnit::Return,
    };
    let size = read_size(fields, &format!("{path}.size"), (unit, asked.size));
    Some(Known { target: target?, size: size? })
}

/// The size of a move, in the unit of what moves.
fn read_size(
    fields: &mut Fields,
    path: &str,
    (unit, asked): (MoveUnit, Option<v1::MoveSize>),
) -> Option<f64> {
    let given = asked.and_then(|asked| asked.size);
    let (name, least, value) = match (unit, given) {
        (MoveUnit::Return, Some(Size::TotalReturn(value))) => ("total_return", -1.0, value),
        (MoveUnit::BasisPoints, Some(Size::ChangeBp(value))) => ("change_bp", -SIZE_MAX, value),
        (MoveUnit::Points, Some(Size::ChangePoints(value))) => ("change_points", -SIZE_MAX, value),
        (MoveUnit::Return, _) => {
            fields.add(path, "must give a total_return");
            return None;
        }
        (MoveUnit::BasisPoints, _) => {
            fields.add(path, "must give a change_bp: the series is in per cent");
            return None;
        }
        (MoveUnit::Points, _) => {
            fields.add(path, "must give a change_points: the series is in points");
            return None;
        }
    };
    Some(fields.within(&format!("{path}.{name}"), value, least, SIZE_MAX))
}

fn read_basket(fields: &mut Fields, path: &str, asked: &mut v1::ScenarioBasket) -> Target {
    if NAME_CHARS < asked.name.chars().count() || asked.name.chars().any(char::is_control) {
        let text = format!("must have at most {NAME_CHARS} printable characters");
        fields.add(format!("{path}.name"), text);
    }
    if asked.lines.is_empty() {
        fields.add(format!("{path}.lines"), "must have at least one entry");
    }
    fields.at_most(&format!("{path}.lines"), asked.lines.len(), limits::SCENARIO_LINES);
    let mut lines = Vec::new();
    for (at, line) in asked.lines.iter_mut().enumerate().take(limits::SCENARIO_LINES) {
        let path = format!("{path}.lines[{at}]");
        portfolio::check_instrument(
            fields,
            &format!("{path}.instrument"),
            line.instrument.as_ref(),
        );
        let weight = *line.weight.get_or_insert(1.0);
        if !(0.0 < weight && weight <= WEIGHT_MAX) {
            let text = format!("must be above 0 and at most {WEIGHT_MAX}, is {weight}");
            fields.add(format!("{path}.weight"), text);
        }
        lines.push((line.instrument.clone().unwrap_or_default(), weight));
    }
    Target::Basket(asked.name.clone(), lines)
}

fn read_squeeze(fields: &mut Fields, path: &str, asked: &v1::ShortSqueeze) -> Option<Squeeze> {
    let most = limits::SCENARIO_LINES;
    match &asked.shorts {
        None => {
            fields.add(path, "must give costliest_count, crowded or chosen");
            None
        }
        Some(Shorts::CostliestCount(count)) => {
            let field = format!("{path}.costliest_count");
            let count = fields.within(&field, *count, 1, most as i32);
            Some(Squeeze::Costliest(usize::try_from(count).unwrap_or(1)))
        }
        Some(Shorts::Crowded(v1::CrowdedShorts {})) => Some(Squeeze::Crowded),
        Some(Shorts::Chosen(chosen)) => {
            let path = format!("{path}.chosen.lines");
            if chosen.lines.is_empty() {
                fields.add(&path, "must have at least one entry");
            }
            fields.at_most(&path, chosen.lines.len(), most);
            let mut lines = Vec::new();
            for (at, line) in chosen.lines.iter().enumerate().take(most) {
                let path = format!("{path}[{at}]");
                let named = line.instrument.as_ref();
                portfolio::check_instrument(fields, &format!("{path}.instrument"), named);
                let jump = line
                    .jump
                    .map(|jump| fields.within(&format!("{path}.jump"), jump, 0.0, SIZE_MAX));
                lines.push((named.cloned().unwrap_or_default(), jump));
            }
            Some(Squeeze::Chosen(lines))
        }
    }
}

/// Every series that a scenario may shock.
pub fn all_series() -> impl Iterator<Item = Series> {
    Role::ALL.into_iter().map(Series::Role).chain([Series::Trade])
}

/// The id of a series on the wire.
pub fn series_id(series: Series) -> String {
    match series {
        Series::Role(role) => role.id().to_owned(),
        Series::Trade => format!("trade/{MEGACAP_SMALL_CAP}"),
    }
}

/// The series with an id.
pub fn series(id: &str) -> Option<Series> {
    all_series().find(|series| series_id(*series) == id)
}

fn bucket(id: &str) -> Option<SizeBucket> {
    let bands = SizeScheme::standard().bands.iter();
    let at = bands.zip(SizeBucket::ALL).find(|(band, _)| band.bucket_id == id);
    at.map(|(_, bucket)| bucket)
}

/// A move of a series or a factor on the wire.
pub fn move_size(unit: MoveUnit, value: f64) -> v1::MoveSize {
    let size = match unit {
        MoveUnit::Return => Size::TotalReturn(value),
        MoveUnit::BasisPoints => Size::ChangeBp(value),
        MoveUnit::Points => Size::ChangePoints(value),
    };
    v1::MoveSize { size: Some(size) }
}

/// The days like this one, as answers list them.
pub fn like_this_days(days: &DaysLikeThis) -> v1::LikeThisDays {
    v1::LikeThisDays {
        moved_on: days.days.iter().map(ToString::to_string).collect(),
        least_standard_deviations: days.least_move,
        residual_ratio: days.residual_ratio,
    }
}
