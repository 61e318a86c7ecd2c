//! A calibration of the squeeze probability on one page: forecasts beside what happened.

use crate::{
    report::{
        chart::{Plane, Point, Series},
        document::Document,
    },
    show::{calibration as words, evidence},
    terminal::Terminal,
};
use contract::v1::{AnswerInfo, GetCalibrationResponse, SqueezeCalibration};
use tonic::Status;

/// The newest calibration, or why it is not known.
pub(crate) type Calibrated = Result<GetCalibrationResponse, Status>;

/// The report of a calibration.
pub(crate) fn document(
    calibration: Option<&SqueezeCalibration>,
    info: Option<&AnswerInfo>,
) -> Document {
    let known = evidence::as_known(info);
    let title = format!("Calibration of the squeeze probability {known}");
    let mut document = Document::new(title, info, "");
    match calibration {
        None => document.add(|page| page.say(words::NONE)),
        Some(calibration) => {
            document.add(|page| page.say(words::verdict(calibration, Terminal::plain())));
            reliability(&mut document, calibration);
            document.add(|page| words::evidence_of(page, calibration));
        }
    }
    document.lacks(info, &[]);
    document
}

/// Adds what is known of the probabilities.
pub(super) fn probability(document: &mut Document, calibrated: &Calibrated) {
    document.heading("How good the probabilities are");
    let stored = match calibrated {
        Ok(answer) => answer.calibration.as_ref(),
        Err(status) => {
            let text = format!("  The calibration is unknown: {}\n", status.message());
            return document.add(|page| page.say(text));
        }
    };
    let Some(stored) = stored else { return document.add(|page| page.say(words::NONE)) };
    document.add(|page| {
        page.say(words::verdict(stored, Terminal::plain()));
        if let Some(check) = &stored.check {
            page.say(words::quality(check));
        }
    });
    reliability(document, stored);
}

/// Adds the reliability diagram: the mean probability of each tenth, and how often it happened.
fn reliability(document: &mut Document, calibration: &SqueezeCalibration) {
    let Some(check) = &calibration.check else { return };
    let points = check.bins.iter().map(|bin| Point {
        x: bin.mean_probability,
        y: bin.event_rate,
        error: Some(bin.standard_error),
    });
    let series =
        Series { name: "tenths of the observations", is_line: false, runs: vec![points.collect()] };
    document.plane(Plane {
        title: "Reliability on sessions that had no part in the fit".to_owned(),
        x_axis: "mean probability of a squeeze within five sessions",
        y_axis: "squeezed; lines are one error",
        write_x: words::rate,
        write_y: words::rate,
        diagonal: Some("as often as forecast"),
        series: vec![series],
    });
}
