//! A calibration for people: the verdict with its reasons, how good it is, and what was fitted.

use crate::{
    show::{
        evidence, number,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::{
    AnswerInfo, CalibratedModel, CalibrationCheck, CalibrationRequirement, CalibrationSample,
    SqueezeCalibration, SqueezeJointFit,
};

/// The calibration of a view, or that there is none.
pub(crate) fn report(
    calibration: Option<&SqueezeCalibration>,
    info: Option<&AnswerInfo>,
    terminal: Terminal,
) -> Page {
    let known = evidence::as_known(info);
    let mut page = Page::new();
    page.say(terminal.heading(&format!("Calibration of the squeeze probability {known}")));
    let Some(calibration) = calibration else {
        page.say(NONE);
        return page;
    };
    page.say(verdict(calibration, terminal));
    evidence_of(&mut page, calibration);
    page.say(evidence::gaps(info, terminal));
    page
}

/// What there is to say without a calibration.
pub(crate) const NONE: &str =
    "  None is stored as of then: `ballast squeeze calibrate` makes one.\n";

/// What a calibration was made of, and how good it is.
pub(crate) fn evidence_of(page: &mut Page, calibration: &SqueezeCalibration) {
    page.table("requirements", requirements(&calibration.requirements));
    let step = calibration.recalibration.as_ref();
    let of_step = step.and_then(|step| step.sample);
    let samples = [
        ("observed", &calibration.observed),
        ("matured", &calibration.matured),
        ("recalibrates", &of_step),
        ("held out", &calibration.held_out),
    ];
    page.table("samples", counted(&samples));
    if let Some(check) = &calibration.check {
        page.say(quality(check));
        page.table("reliability", reliability(check));
    }
    if let Some(model) = &calibration.model {
        page.table("model", terms(model));
    }
    if let Some(step) = step {
        page.say(format!(
            "  Its log odds are corrected by the sessions from {} to {}: slope {:.2} (+/- {:.2}), \
             intercept {:.2} (+/- {:.2}).\n",
            step.start_on,
            step.end_on,
            step.slope,
            step.slope_standard_error,
            step.intercept,
            step.intercept_standard_error,
        ));
    }
    if let Some(joint) = &calibration.joint {
        page.say(joint_words(joint));
    }
}

/// Whether it may be used, and what it lacks.
pub(crate) fn verdict(calibration: &SqueezeCalibration, terminal: Terminal) -> String {
    if calibration.calibrated {
        return "  calibrated: it replaces the score of short interest over float.\n".to_owned();
    }
    let unmet = calibration.requirements.iter().filter(|requirement| !requirement.met);
    let unmet: Vec<&str> = unmet.map(|unmet| unmet.requirement_id.as_str()).collect();
    let text = format!(
        "  not calibrated: {} of {} requirements are not met ({}). The score stays that of short \
         interest over float.\n",
        unmet.len(),
        calibration.requirements.len(),
        unmet.join(", ")
    );
    terminal.paint(Tone::Warning, &text)
}

/// How far squeezes jump and how they cluster.
fn joint_words(joint: &SqueezeJointFit) -> String {
    let excess = joint.excess.as_ref().map(|fit| {
        format!(
            "  Jumps exceed the least that counts by a generalised Pareto of scale {:.3} (+/- {:.3}) \
             and shape {:.2} (+/- {:.2}), over {} events.\n",
            fit.scale,
            fit.scale_standard_error,
            fit.shape,
            fit.shape_standard_error,
            number::count(fit.event_count),
        )
    });
    let correlation = joint.correlation.zip(joint.correlation_standard_error);
    let correlation = correlation.map(|(value, error)| {
        format!("  Squeezes cluster with a correlation of {value:.3} (+/- {error:.3}).\n")
    });
    excess.unwrap_or_default() + &correlation.unwrap_or_default()
}

fn requirements(requirements: &[CalibrationRequirement]) -> Table {
    let mut table = Table::new(&["requirement", ">found", ">least", ">most", "met"]);
    for requirement in requirements {
        let met = if requirement.met { "yes".into() } else { Cell::toned(Tone::Bad, "no") };
        table.row([
            requirement.requirement_id.as_str().into(),
            number::cell(requirement.found, plain),
            number::cell(requirement.least, plain),
            number::cell(requirement.most, plain),
            met,
        ]);
    }
    table
}

fn plain(value: f64) -> String {
    if value.fract().abs() > 0.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn counted(samples: &[(&str, &Option<CalibrationSample>)]) -> Table {
    let mut table = Table::new(&[
        "sample",
        ">sessions",
        ">name-days",
        ">events",
        ">base rate",
        ">episodes",
        ">names",
        ">weeks",
        ">regimes",
    ]);
    for (name, sample) in samples {
        let Some(sample) = sample else { continue };
        table.row([
            (*name).into(),
            number::counted(sample.session_count),
            number::counted(sample.name_day_count),
            number::counted(sample.event_count),
            number::cell(sample.base_rate, rate),
            number::counted(sample.episode_count),
            number::counted(sample.name_count),
            number::counted(sample.week_count),
            number::counted(sample.regime_count),
        ]);
    }
    table
}

pub(crate) fn rate(value: f64) -> String {
    format!("{:.2} %", 100.0 * value)
}

/// How good it is on sessions that had no part in the fit.
pub(crate) fn quality(check: &CalibrationCheck) -> String {
    let bound = check.lift_difference_lower.map_or_else(
        || "too few weeks for a bound of the difference".to_owned(),
        |bound| format!("difference above {bound:+.2} with 95 %"),
    );
    format!(
        "  On sessions that had no part in the fit: slope {:.2} \u{b1} {:.2}, intercept {:.2} \u{b1} \
         {:.2}; lift {:.2}, of short interest over float {:.2} ({}); \
         Brier score {:.4}, of the base rate {:.4}; area under precision and recall {:.3} and {:.3}.\n",
        check.slope,
        check.slope_standard_error,
        check.intercept,
        check.intercept_standard_error,
        check.lift,
        check.short_of_float_lift,
        bound,
        check.brier_score,
        check.base_rate_brier_score,
        check.precision_recall_area,
        check.short_of_float_precision_recall_area,
    )
}

fn reliability(check: &CalibrationCheck) -> Table {
    let mut table = Table::new(&[
        ">mean probability",
        ">event rate",
        ">error",
        ">name-days",
        ">events",
        ">lift",
    ]);
    for bin in &check.bins {
        table.row([
            number::cell(Some(bin.mean_probability), rate),
            number::cell(Some(bin.event_rate), rate),
            number::cell(Some(bin.standard_error), rate),
            number::counted(bin.name_day_count),
            number::counted(bin.event_count),
            number::cell(Some(bin.lift), |lift| format!("{lift:.2}")),
        ]);
    }
    table
}

fn terms(model: &CalibratedModel) -> Table {
    let mut table = Table::new(&["measure", ">coefficient", ">error", ">mean", ">deviation"]);
    let three = |value: f64| number::cell(Some(value), |value| format!("{value:.3}"));
    for term in &model.terms {
        table.row([
            term.measure_id.as_str().into(),
            three(term.coefficient),
            three(term.standard_error),
            three(term.mean),
            three(term.standard_deviation),
        ]);
    }
    table.row([
        "intercept".into(),
        three(model.intercept),
        three(model.intercept_standard_error),
        number::absent(),
        number::absent(),
    ]);
    table
}
