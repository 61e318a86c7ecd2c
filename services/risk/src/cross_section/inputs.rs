//! What the exposures of each name are made of, besides its returns: read once per view.

use super::settings::CrossSectionSettings;
use crate::{model::RiskModel, name::NONE};
use factors::{
    market_value::{CapSource, KnownShares},
    settlement_days::SettlementDays,
    short_history,
};
use marketdata::{
    bars::Bars, day::Day, instant::Instant, instrument::InstrumentId, snapshot::Snapshot,
};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Number of sessions whose traded value is averaged, and how many of them must have one.
const TRADED_SESSIONS: usize = 63;
const TRADED_SESSIONS_MIN: u32 = 21;

/// A company's line, with what is known of it by session of the panel. NaN where nothing is known.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) instrument: InstrumentId,
    /// Row of the panel.
    pub(crate) row: u32,
    /// Index of its sector, if it has one and the model has sectors.
    pub(crate) sector: Option<usize>,
    /// Whether it is known to be a company; others may be funds and estimate nothing.
    pub(crate) is_company: bool,
    /// Market value of the line at the close, USD.
    pub(crate) cap: Vec<f32>,
    /// Market value of its company, if it has several lines.
    company_cap: Option<Vec<f32>>,
    /// Value traded, USD.
    pub(crate) traded: Vec<f32>,
    /// Short interest over float, as public at the close.
    pub(crate) short_ratio: Vec<f32>,
    source: CapSource,
}

impl Line {
    /// Market value of its company at the close of a session, USD.
    pub(crate) fn company_cap(&self, session: usize) -> f64 {
        f64::from(self.company_cap.as_ref().unwrap_or(&self.cap)[session])
    }

    /// What does not depend on the session: the instrument, its sector and its kind.
    pub(crate) fn class(&self) -> u64 {
        let sector = self.sector.map_or(0, |sector| sector as u64 + 1);
        let flags = u64::from(self.is_company) << 1 | u64::from(self.has_siblings());
        u64::from(self.instrument.0) << 32 | sector << 2 | flags
    }

    /// Whether its company has several lines.
    pub(crate) fn has_siblings(&self) -> bool {
        self.company_cap.is_some()
    }

    /// Mean value traded a day over three months up to a session, as a share of the market value;
    /// NaN if fewer than a third of the sessions have one.
    pub(crate) fn turnover(&self, session: usize) -> f64 {
        let window = &self.traded[(session + 1).saturating_sub(TRADED_SESSIONS)..=session];
        let present = window.iter().filter(|usd| usd.is_finite());
        let (count, sum) =
            present.fold((0_u32, 0.0), |(n, sum), usd| (n + 1, sum + f64::from(*usd)));
        if count < TRADED_SESSIONS_MIN {
            return f64::NAN;
        }
        sum / f64::from(count) / f64::from(self.cap[session])
    }
}

/// The lines of a view with returns and a market value, in the order of names, without funds.
pub(crate) fn lines(model: &RiskModel) -> Vec<Line> {
    let snapshot = &model.snapshot;
    let names =
        model.peers.names.iter().zip(0..).map(|(name, number)| (InstrumentId(number), name));
    let known = names.filter(|(_, name)| name.row != NONE && !name.is_fund);
    let mut instruments: Vec<InstrumentId> = known.map(|(id, _)| id).collect();
    snapshot.sort_by_name(&mut instruments);
    let days = model.sessions.days();
    let closes: Vec<(Day, Instant)> =
        days.iter().map(|day| (*day, Instant::close_of(*day))).collect();
    let settlements = SettlementDays::of(snapshot);
    let read = |id: &InstrumentId| read(model, *id, (&closes, &settlements));
    let mut lines: Vec<Line> = instruments.par_iter().filter_map(read).collect();
    let mut companies: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let name = model.anchored(line.instrument);
        if name.has_sibling {
            companies.entry(name.issuer).or_default().push(at);
        }
    }
    for siblings in companies.values().filter(|siblings| 1 < siblings.len()) {
        let caps = company_caps(&lines, siblings);
        siblings.iter().for_each(|at| lines[*at].company_cap = Some(caps.clone()));
    }
    lines
}

/// The sectors of the model: those of the view's scheme, or none if it classifies too few companies.
/// The lines have none then either.
pub(crate) fn sectors<'a>(
    model: &'a RiskModel,
    lines: &mut [Line],
    settings: &CrossSectionSettings,
) -> &'a [String] {
    let companies = lines.iter().filter(|line| line.is_company);
    let (count, classified) = companies.fold((0, 0), |(count, classified), line| {
        (count + 1, classified + usize::from(line.sector.is_some()))
    });
    if count <= 2 * classified && settings.names_min <= classified {
        return &model.sectors;
    }
    lines.iter_mut().for_each(|line| line.sector = None);
    &[]
}

fn company_caps(lines: &[Line], siblings: &[usize]) -> Vec<f32> {
    let sessions = lines[siblings[0]].cap.len();
    let of_session = |session: usize| {
        let values = siblings.iter().map(|at| (lines[*at].source, lines[*at].cap[session]));
        let known = values.filter(|(_, cap)| cap.is_finite());
        let cap = CapSource::of_company(known.map(|(source, cap)| (source, f64::from(cap))));
        if 0.0 < cap { cap as f32 } else { f32::NAN }
    };
    (0..sessions).map(of_session).collect()
}

fn read(
    model: &RiskModel,
    instrument: InstrumentId,
    (closes, settlements): (&[(Day, Instant)], &SettlementDays),
) -> Option<Line> {
    let snapshot: &Snapshot = &model.snapshot;
    let days = model.sessions.days();
    let name = model.anchored(instrument);
    let bars = Bars::usd_since(snapshot, instrument, *days.first()?);
    let shares = KnownShares::of_size(snapshot, instrument, &bars)?;
    let cap = by_session(&bars, days, &shares.sizes(&bars));
    if !cap.iter().any(|cap| cap.is_finite()) {
        return None;
    }
    let traded: Vec<f64> =
        (0..bars.len()).map(|row| bars.value_traded(row).unwrap_or(f64::NAN)).collect();
    let traded = by_session(&bars, days, &traded);
    let short_ratio = short_history::ratios(snapshot, instrument, (closes, settlements));
    Some(Line {
        instrument,
        row: name.row,
        sector: (name.sector != NONE).then_some(name.sector as usize),
        is_company: !name.may_be_fund,
        cap,
        company_cap: None,
        traded,
        short_ratio: short_ratio.iter().map(|r| r.map_or(f32::NAN, |r| r as f32)).collect(),
        source: shares.source,
    })
}

/// Values by row of the bars as values by session.
fn by_session(bars: &Bars<'_>, days: &[Day], values: &[f64]) -> Vec<f32> {
    let mut found = vec![f32::NAN; days.len()];
    let mut session = 0;
    for (day, value) in bars.days.iter().zip(values) {
        while days.get(session).is_some_and(|passed| passed < day) {
            session += 1;
        }
        if days.get(session) == Some(day) {
            found[session] = *value as f32;
        }
    }
    found
}
