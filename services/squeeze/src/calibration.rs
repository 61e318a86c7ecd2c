//! Calibration: from past squeezes to a probability, if there are enough of them.
//!
//! Every heavily short name on every session is an observation, with what was known at its close and
//! what happened in the five sessions after it ([`panel`], [`label`]). Only sessions whose labels
//! have matured are used. The first half fits a penalised logistic regression on log levels
//! ([`mod@fit`]), the next sixth corrects its level and spread ([`recalibration`]), and the last third
//! checks the result ([`mod@check`]). Between two of them lie sessions that neither uses: as many as a
//! label looks ahead, and 20 more, so that no label of the one and no return over 5 or 20 sessions of
//! the next share a session. Measures over longer windows share sessions with labels before them: the
//! distance to the high looks back by a year, and leaving so much out would leave nothing. What matured
//! squeezes say about joint losses is fitted beside it ([`joint_fit`]). The model replaces short
//! interest over float only if the [`gate`] lets it.
//!
//! Everything is a function of one snapshot, so nothing later than it enters.

pub mod check;
pub mod document;
pub mod fit;
pub mod gate;
pub mod joint_fit;
pub mod label;
pub mod level;
pub mod model;
pub mod panel;
pub mod recalibration;
pub mod sample;
pub mod stored;

use check::{Check, check};
use fit::fit;
use gate::requirements;
use joint_fit::JointFit;
use label::Label;
use marketdata::day::Day;
use model::Model;
use panel::{Observation, Panel};
use recalibration::Recalibration;
use sample::Sample;

/// Share of the matured sessions that the fit gets.
const FIT_SHARE: f64 = 1.0 / 2.0;
/// Share that the fit and its recalibration get together.
const LEARNED_SHARE: f64 = 2.0 / 3.0;
/// Sessions left out after those that are purged: a return over 20 sessions begins so many before.
const EMBARGO: usize = 20;

/// What a snapshot says about the probability of squeezes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// The label.
    pub label: Label,
    /// Everything observed, matured or not: the jumps that are already known.
    pub observed: Sample,
    /// What has matured.
    pub matured: Sample,
    /// What was held out to check the fit.
    pub held_out: Sample,
    /// The sessions of the fit, first and last. `None` if nothing has matured.
    pub fit_days: Option<(Day, Day)>,
    /// The sessions of the check.
    pub check_days: Option<(Day, Day)>,
    /// The fitted model, with its recalibration if that is applicable. `None` if there was nothing to
    /// fit.
    pub model: Option<Model>,
    /// The correction of its level and spread. `None` if there was too little for one.
    pub recalibration: Option<Recalibration>,
    /// Its check. `None` without a model, or without events among what was held out.
    pub check: Option<Check>,
    /// How far the matured squeezes jumped, and how they clustered.
    pub joint: JointFit,
}

impl Calibration {
    /// The calibration of a panel from the observations of its sessions, in their order.
    pub fn of(panel: &Panel, observations: &[Observation]) -> Calibration {
        let matured: Vec<Observation> = observations
            .iter()
            .filter(|o| panel.matured_until().is_some_and(|until| o.on <= until))
            .copied()
            .collect();
        let [fitted, corrects, held_out] = split(&matured, panel.label().sessions_ahead());
        let model = fit(panel, &fitted);
        let recalibration = model.as_ref().and_then(|model| Recalibration::of(model, &corrects));
        let model = match &recalibration {
            Some(step) if step.is_applicable() => model.map(|model| step.applied(&model)),
            _ => model,
        };
        let owned: Vec<Observation> = held_out.iter().map(|o| **o).collect();
        Calibration {
            label: panel.label(),
            observed: Sample::of(observations),
            matured: Sample::of(&matured),
            held_out: Sample::of(&owned),
            fit_days: days(&fitted),
            check_days: days(&held_out),
            check: model.as_ref().and_then(|model| check(model, &held_out)),
            joint: JointFit::of(&matured, model.as_ref()),
            model,
            recalibration,
        }
    }

    /// Whether the model may replace short interest over float.
    pub fn is_calibrated(&self) -> bool {
        requirements(self).iter().all(gate::Requirement::holds)
    }
}

/// The observations of the fit, those that correct it, and those held out. Between them are the
/// sessions purged, whose labels reach into the sessions after them, and an embargo.
fn split(matured: &[Observation], purged: usize) -> [Vec<&Observation>; 3] {
    let mut sessions: Vec<Day> = matured.iter().map(|o| o.on).collect();
    sessions.dedup();
    let cut = |share: f64| (share * sessions.len() as f64) as usize;
    let (fit, learned) = (cut(FIT_SHARE), cut(LEARNED_SHARE));
    let part = |from: usize, to: usize| {
        let days = sessions.get(from..to).and_then(|part| Some((*part.first()?, *part.last()?)));
        let is_in = move |o: &&Observation| days.is_some_and(|(a, b)| a <= o.on && o.on <= b);
        matured.iter().filter(is_in).collect()
    };
    [
        part(0, fit.saturating_sub(purged)),
        part(fit + EMBARGO, learned.saturating_sub(purged)),
        part(learned + EMBARGO, sessions.len()),
    ]
}

fn days(observations: &[&Observation]) -> Option<(Day, Day)> {
    Some((observations.first()?.on, observations.last()?.on))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::COMPONENTS;
    use marketdata::calendar::{plus_sessions, sessions_between};

    /// 300 sessions: 150 for the fit, less 5 purged; 20 left out; up to 200 for the correction, less 5
    /// purged; 20 left out; the rest for the check. The last label of a part is of returns up to five
    /// sessions later, and the first return over 20 sessions of the next part begins with the session
    /// after that.
    #[test]
    fn the_split_leaves_gaps() {
        let on = |at| plus_sessions(Day::from_epoch(18_600), at);
        let observation = |at| {
            let (levels, excess) = ([None; COMPONENTS], None);
            Observation { on: on(at), name: 0, levels, event: false, excess }
        };
        let all: Vec<Observation> = (1..=300).map(observation).collect();
        let jump = Label::Jump.sessions_ahead();
        let [fitted, corrects, held_out] = split(&all, jump);
        assert_eq!(days(&fitted), Some((on(1), on(145))));
        assert_eq!(days(&corrects), Some((on(171), on(195))));
        assert_eq!(days(&held_out), Some((on(221), on(300))));
        let reach = |part: &[&Observation], next: &[&Observation], ahead: usize| {
            let label = plus_sessions(days(part).unwrap().1, ahead as i32);
            let base = plus_sessions(days(next).unwrap().0, -(EMBARGO as i32));
            sessions_between(label, base)
        };
        assert_eq!([reach(&fitted, &corrects, jump), reach(&corrects, &held_out, jump)], [1, 1]);
        // Of 90 sessions nothing is left to correct with, and of four nothing at all.
        assert_eq!(split(&all[..90], jump).map(|part| part.len()), [40, 0, 10]);
        assert_eq!(split(&all[..4], jump).map(|part| part.len()), [0, 0, 0]);
        // A label that waits for two settlements purges 25 sessions.
        let covered = Label::CoveredJump.sessions_ahead();
        let [fitted, corrects, held_out] = split(&all, covered);
        assert_eq!(days(&fitted), Some((on(1), on(125))));
        assert_eq!(days(&corrects), Some((on(171), on(175))));
        assert_eq!(days(&held_out), Some((on(221), on(300))));
        assert_eq!(reach(&fitted, &corrects, covered), 1);
    }
}
