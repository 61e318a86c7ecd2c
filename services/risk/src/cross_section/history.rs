//! The history of factor returns and specific returns, session by session.
//!
//! A session depends only on the year before it, so a later view takes over those whose inputs are
//! the same. That is found by fingerprints of everything known of a session, not by reasons why
//! something might have changed.

use super::{
    inputs::Line,
    session::{Exposures, SessionFit},
    settings::{CrossSectionSettings, HISTORY_SESSIONS, LOOKBACK_SESSIONS, RESIDUAL_SESSIONS},
    style::{self, Characteristics, MarketWindow, Returns},
};
use crate::{
    model::RiskModel,
    panel::{Panel, RowSource},
};
use marketdata::{day::Day, instrument::InstrumentId};
use rayon::prelude::*;
use std::{collections::BTreeMap, ops::Range};

/// Number of sessions whose characteristics are in memory together.
const BLOCK_SESSIONS: usize = 64;

/// What the regressions of past sessions found.
#[derive(Clone, Debug)]
pub struct History {
    /// The sessions with a regression, oldest first, at most [`HISTORY_SESSIONS`].
    pub days: Vec<Day>,
    /// By factor, returns by session, decimals; NaN if a session has none.
    pub(crate) factors: Vec<Vec<f64>>,
    /// R² by session: share of the weighted cross-sectional variance explained.
    pub r_squared: Vec<Option<f64>>,
    /// Number of names in the regression, by session.
    pub names: Vec<usize>,
    /// Specific returns of the latest sessions, at most [`RESIDUAL_SESSIONS`], by row.
    pub(crate) residuals: Panel,
    /// The rows of `residuals`.
    pub(crate) lines: Vec<InstrumentId>,
    /// Names of the sectors, in the order of their factors.
    pub(crate) sectors: Vec<String>,
    /// A fingerprint of everything known of each session that the history depends on.
    fingerprints: Vec<(Day, u64)>,
    /// Number of sessions taken over from an earlier history, for tests and metrics.
    pub taken_over: usize,
}

/// Number of sessions that one thread walks through name by name.
const CHUNK_SESSIONS: usize = 256;

/// Inputs of a history.
pub(crate) struct Inputs<'a> {
    pub(crate) model: &'a RiskModel,
    pub(crate) lines: &'a [Line],
    /// Names of the sectors, see [`super::inputs::sectors`].
    sectors: &'a [String],
    pub(crate) settings: &'a CrossSectionSettings,
    /// Return of the market by session of the panel: mean of all companies' returns weighted by
    /// their caps of the session before. NaN if none has one.
    market: Vec<f64>,
}

impl<'a> Inputs<'a> {
    pub(crate) fn of(
        model: &'a RiskModel,
        lines: &'a [Line],
        sectors: &'a [String],
        settings: &'a CrossSectionSettings,
    ) -> Inputs<'a> {
        let market = by_chunk(0..model.panel.width, |sessions| market(model, lines, sessions));
        Inputs { model, lines, sectors, settings, market }
    }

    fn sectors(&self) -> usize {
        self.sectors.len()
    }

    /// The exposures at the close of each of some sessions, in turn. Characteristics are computed
    /// name by name, because a name's returns are together in memory.
    fn exposures(&self, sessions: Range<usize>) -> Vec<Exposures> {
        let windows: Vec<MarketWindow> =
            sessions.clone().map(|at| MarketWindow::ending(&self.market, at)).collect();
        let first = (sessions.start + 1).saturating_sub(LOOKBACK_SESSIONS);
        let of_line = |line: &Line| -> Vec<Characteristics> {
            let returns = Returns::of(&self.model.panel, line.row, first..sessions.end);
            let least = self.settings.observations_min;
            let at = |window| style::characteristics(line, &returns, window, least);
            windows.iter().map(at).collect()
        };
        let by_line: Vec<Vec<Characteristics>> = self.lines.par_iter().map(of_line).collect();
        let of_session = |(at, session): (usize, usize)| {
            let values: Vec<Characteristics> = by_line.iter().map(|line| line[at]).collect();
            Exposures::of(self.lines, &values, session, self.sectors(), self.settings)
        };
        let sessions: Vec<(usize, usize)> = sessions.enumerate().collect();
        sessions.into_par_iter().map(of_session).collect()
    }

    /// The exposures at the close of the last session. `None` without any session.
    pub(crate) fn latest(&self) -> Option<Exposures> {
        let last = self.model.panel.width.checked_sub(1)?;
        self.exposures(last..last + 1).pop()
    }

    /// The regressions of some sessions, each on the exposures of the session before.
    fn fits(&self, sessions: Range<usize>) -> Vec<SessionFit> {
        let panel = &self.model.panel;
        let mut fits = Vec::with_capacity(sessions.len());
        for start in sessions.clone().step_by(BLOCK_SESSIONS) {
            let block = start..sessions.end.min(start + BLOCK_SESSIONS);
            let exposures = self.exposures(block.start - 1..block.end - 1);
            let of_session = |(exposures, session): (&Exposures, usize)| {
                let own = |line: &Line| panel.own(line.row, session).unwrap_or(f64::NAN);
                let returns: Vec<f64> = self.lines.iter().map(own).collect();
                let sectors = self.sectors();
                SessionFit::of(self.lines, exposures, &returns, sectors, self.settings)
            };
            let block: Vec<(&Exposures, usize)> = exposures.iter().zip(block).collect();
            fits.par_extend(block.into_par_iter().map(of_session));
        }
        fits
    }
}

/// Computes values of sessions for chunks of them side by side.
fn by_chunk<T: Send>(
    sessions: Range<usize>,
    of_chunk: impl Fn(Range<usize>) -> Vec<T> + Sync,
) -> Vec<T> {
    let end = sessions.end;
    let starts: Vec<usize> = sessions.step_by(CHUNK_SESSIONS).collect();
    let chunk = |start: usize| of_chunk(start..end.min(start + CHUNK_SESSIONS));
    starts.into_par_iter().flat_map_iter(chunk).collect()
}

/// The market's return on some sessions; see [`Inputs`].
fn market(model: &RiskModel, lines: &[Line], sessions: Range<usize>) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); sessions.len()];
    for line in lines.iter().filter(|line| line.is_company) {
        let returns = model.panel.own_within(line.row, sessions.clone());
        for ((session, r), (sum, caps)) in sessions.clone().zip(returns).zip(&mut sums) {
            let before = session.checked_sub(1).map_or(f32::NAN, |before| line.cap[before]);
            if r.is_finite() && before.is_finite() {
                let cap = f64::from(before);
                (*sum, *caps) = (*sum + cap * r, *caps + cap);
            }
        }
    }
    let mean = |(sum, caps): (f64, f64)| if 0.0 < caps { sum / caps } else { f64::NAN };
    sums.into_iter().map(mean).collect()
}

/// Fingerprints of all that is known of some sessions: equal ones mean equal inputs, but for one
/// chance in 2⁶⁴. Lines of which nothing is known on a session do not count there.
fn fingerprints(model: &RiskModel, lines: &[Line], sessions: Range<usize>) -> Vec<u64> {
    let mut states = vec![Fingerprint(0); sessions.len()];
    for line in lines {
        let returns = model.panel.own_within(line.row, sessions.clone());
        for ((session, r), state) in sessions.clone().zip(returns).zip(&mut states) {
            let values =
                [r as f32, line.cap[session], line.traded[session], line.short_ratio[session]];
            if values.iter().all(|value| value.is_nan()) {
                continue;
            }
            let [r, cap, traded, short] = values.map(|value| u64::from(value.to_bits()));
            state.add(line.class());
            state.add(r << 32 | cap);
            state.add(traded << 32 | short);
            if line.has_siblings() {
                state.add(line.company_cap(session).to_bits());
            }
        }
    }
    states.into_iter().map(|state| state.0).collect()
}

/// A hash by multiplication and shifts, with the constants of SplitMix64.
#[derive(Clone, Copy)]
struct Fingerprint(u64);

impl Fingerprint {
    fn add(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        self.0 = mixed ^ (mixed >> 31);
    }
}

impl History {
    /// The history of a view. An earlier one, of any view, does not change a bit of the result.
    pub(crate) fn of(inputs: &Inputs<'_>, earlier: Option<&History>) -> History {
        let model = inputs.model;
        let width = model.panel.width;
        let days = model.sessions.days();
        let first = width.saturating_sub(HISTORY_SESSIONS).max(1).min(width);
        // One more than the windows: the market's return needs the caps of the session before.
        let seen = first.saturating_sub(LOOKBACK_SESSIONS + 1)..width;
        let is_whole = 0 < seen.start;
        let found = by_chunk(seen.clone(), |chunk| fingerprints(model, inputs.lines, chunk));
        let fingerprints: Vec<(Day, u64)> = days[seen].iter().copied().zip(found).collect();
        let earlier = earlier.filter(|earlier| {
            earlier.sectors == inputs.sectors && earlier.continues(&fingerprints, is_whole)
        });
        let kept = earlier.map_or(0, |earlier| earlier.shared_with(&days[first..]));
        let fits = inputs.fits(first + kept..width);
        let mut history = History {
            days: days[first..].to_vec(),
            factors: vec![Vec::new(); 1 + style::STYLES + inputs.sectors()],
            r_squared: Vec::new(),
            names: Vec::new(),
            residuals: Panel::empty(0),
            lines: inputs.lines.iter().map(|line| line.instrument).collect(),
            sectors: inputs.sectors.to_vec(),
            fingerprints,
            taken_over: kept,
        };
        if let Some(earlier) = earlier {
            history.take_over(earlier, kept);
        }
        history.append(&fits);
        history.residuals = history.residuals(earlier.filter(|_| 0 < kept), &fits);
        history
    }

    /// Whether everything that the sessions of both were made of is the same in a later view. If
    /// that view does not reach back as far as windows could, it must begin on the same day.
    fn continues(&self, later: &[(Day, u64)], is_whole: bool) -> bool {
        let Some((first, _)) = later.first() else { return false };
        let start = self.fingerprints.partition_point(|(day, _)| day < first);
        let shared = &self.fingerprints[start..];
        (is_whole || start == 0) && !shared.is_empty() && later.starts_with(shared)
    }

    /// Number of sessions that are the last ones here and the first ones of a later view.
    fn shared_with(&self, later: &[Day]) -> usize {
        let start = self.days.partition_point(|day| Some(day) < later.first());
        let shared = &self.days[start..];
        if later.starts_with(shared) { shared.len() } else { 0 }
    }

    fn take_over(&mut self, earlier: &History, kept: usize) {
        let dropped = earlier.days.len() - kept;
        let returns = self.factors.iter_mut().zip(&earlier.factors);
        returns.for_each(|(new, old)| new.extend_from_slice(&old[dropped..]));
        self.r_squared.extend_from_slice(&earlier.r_squared[dropped..]);
        self.names.extend_from_slice(&earlier.names[dropped..]);
    }

    fn append(&mut self, fits: &[SessionFit]) {
        for fit in fits {
            let values = self.factors.iter_mut().zip(&fit.factors);
            values.for_each(|(returns, value)| returns.push(*value));
            self.r_squared.push(fit.r_squared);
            self.names.push(fit.names);
        }
    }

    /// The residuals of the latest sessions: those of an earlier history, and of the new fits.
    fn residuals(&self, earlier: Option<&History>, fits: &[SessionFit]) -> Panel {
        let width = self.days.len().min(RESIDUAL_SESSIONS);
        let added = &fits[fits.len().saturating_sub(width)..];
        let of_fits = |at: usize| added.iter().map(move |fit| f64::from(fit.residuals[at]));
        let Some(earlier) = earlier else {
            let read = |at| RowSource::Read(of_fits(at).collect());
            let sources: Vec<RowSource> = (0..self.lines.len()).map(read).collect();
            return Panel::of(width, &sources, None);
        };
        let rows: BTreeMap<InstrumentId, u32> = earlier.lines.iter().copied().zip(0..).collect();
        let dropped = earlier.residuals.width + added.len() - width;
        let absent = || vec![f64::NAN; width - added.len()].into_iter();
        let source = |(at, id): (usize, &InstrumentId)| match rows.get(id) {
            Some(row) => RowSource::Continued { row: *row, added: of_fits(at).collect() },
            None => RowSource::Read(absent().chain(of_fits(at)).collect()),
        };
        let sources: Vec<RowSource> = self.lines.iter().enumerate().map(source).collect();
        Panel::of(width, &sources, Some((&earlier.residuals, dropped)))
    }

    /// Returns of a factor by session, decimals. `None` if a session has none.
    pub fn returns(&self, factor: usize) -> impl Iterator<Item = Option<f64>> + '_ {
        self.factors[factor].iter().map(|value| Some(*value).filter(|value| value.is_finite()))
    }

    /// Memory held, in bytes.
    pub fn bytes(&self) -> usize {
        let factors: usize = self.factors.iter().map(|returns| size_of_val(&returns[..])).sum();
        factors
            + size_of_val(&self.days[..])
            + size_of_val(&self.r_squared[..])
            + size_of_val(&self.names[..])
            + size_of_val(&self.lines[..])
            + size_of_val(&self.fingerprints[..])
            + self.residuals.bytes()
    }
}
