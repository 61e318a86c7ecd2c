//! Converts calibrations to protobuf.

use crate::rpc::shared::timestamp;
use ::squeeze::{
    calibration::{
        check::{Bin, Check},
        gate::{Requirement, requirements},
        joint_fit::JointFit,
        label::Label,
        model::Model,
        recalibration::Recalibration,
        sample::Sample,
        stored::Stored,
    },
    measure::Component,
};
use contract::v1;
use marketdata::day::Day;

/// A stored calibration with the verdict of its gate.
pub(super) fn calibration(stored: &Stored) -> v1::SqueezeCalibration {
    let calibration = &stored.calibration;
    let on = |day: Option<Day>| day.map(|day| day.to_string()).unwrap_or_default();
    let (fit, check_days) = (calibration.fit_days, calibration.check_days);
    v1::SqueezeCalibration {
        known_at: Some(timestamp(stored.known_at)),
        label: label(calibration.label).into(),
        calibrated: calibration.is_calibrated(),
        requirements: requirements(calibration).iter().map(requirement).collect(),
        observed: Some(sample(&calibration.observed)),
        matured: Some(sample(&calibration.matured)),
        held_out: Some(sample(&calibration.held_out)),
        fit_start_on: on(fit.map(|days| days.0)),
        fit_end_on: on(fit.map(|days| days.1)),
        check_start_on: on(check_days.map(|days| days.0)),
        check_end_on: on(check_days.map(|days| days.1)),
        model: calibration.model.as_ref().map(model),
        check: calibration.check.as_ref().map(check),
        joint: joint(&calibration.joint),
        recalibration: calibration.recalibration.as_ref().map(recalibration),
    }
}

fn recalibration(step: &Recalibration) -> v1::SqueezeRecalibration {
    v1::SqueezeRecalibration {
        start_on: step.days.0.to_string(),
        end_on: step.days.1.to_string(),
        sample: Some(sample(&step.sample)),
        slope: step.slope.value,
        slope_standard_error: step.slope.error,
        intercept: step.intercept.value,
        intercept_standard_error: step.intercept.error,
    }
}

fn joint(joint: &JointFit) -> Option<v1::SqueezeJointFit> {
    let excess = joint.excess.map(|fit| v1::FittedSqueezeExcess {
        scale: fit.scale.value,
        scale_standard_error: fit.scale.error,
        shape: fit.shape.value,
        shape_standard_error: fit.shape.error,
        event_count: fit.events as i32,
    });
    let correlation = joint.correlation;
    (excess.is_some() || correlation.is_some()).then_some(v1::SqueezeJointFit {
        excess,
        correlation: correlation.map(|fit| fit.value),
        correlation_standard_error: correlation.map(|fit| fit.error),
    })
}

const fn label(label: Label) -> v1::SqueezeLabel {
    match label {
        Label::Jump => v1::SqueezeLabel::Jump,
        Label::CoveredJump => v1::SqueezeLabel::CoveredJump,
    }
}

fn requirement(requirement: &Requirement) -> v1::CalibrationRequirement {
    v1::CalibrationRequirement {
        requirement_id: requirement.id.to_owned(),
        found: requirement.found,
        least: requirement.least,
        most: requirement.most,
        met: requirement.holds(),
    }
}

fn sample(sample: &Sample) -> v1::CalibrationSample {
    v1::CalibrationSample {
        session_count: sample.sessions as i32,
        name_day_count: sample.name_days as i32,
        event_count: sample.events as i32,
        episode_count: sample.episodes as i32,
        name_count: sample.names as i32,
        week_count: sample.weeks as i32,
        regime_count: sample.regimes as i32,
        base_rate: sample.rate(),
    }
}

fn model(model: &Model) -> v1::CalibratedModel {
    let term = |component: Component| {
        let term = &model.terms[component.index()];
        v1::CalibratedTerm {
            measure_id: component.id().to_owned(),
            coefficient: term.coefficient,
            standard_error: term.error,
            mean: term.mean,
            standard_deviation: term.deviation,
        }
    };
    v1::CalibratedModel {
        intercept: model.intercept,
        intercept_standard_error: model.intercept_error,
        terms: Component::ALL.map(term).into(),
    }
}

fn check(check: &Check) -> v1::CalibrationCheck {
    let events: f64 = check.bins.iter().map(|bin| bin.events).sum();
    let name_days: f64 = check.bins.iter().map(|bin| bin.name_days).sum();
    let bin = |bin: &Bin| v1::ReliabilityBin {
        mean_probability: bin.probability,
        event_rate: bin.rate,
        standard_error: bin.error,
        name_day_count: bin.name_days as i32,
        event_count: bin.events as i32,
        lift: bin.rate / (events / name_days),
    };
    v1::CalibrationCheck {
        slope: check.slope.value,
        slope_standard_error: check.slope.error,
        intercept: check.intercept.value,
        intercept_standard_error: check.intercept.error,
        brier_score: check.brier,
        base_rate_brier_score: check.base_brier,
        precision_recall_area: check.precision_area,
        short_of_float_precision_recall_area: check.benchmark_precision_area,
        lift: check.lift,
        short_of_float_lift: check.benchmark_lift,
        lift_difference_lower: check.lift_difference_lower,
        bins: check.bins.iter().map(bin).collect(),
    }
}
