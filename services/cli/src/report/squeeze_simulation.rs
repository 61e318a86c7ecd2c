//! The joint loss of a short book on one page: its distribution by copula, and what it rests on.

use crate::{
    report::{
        calibration::{Calibrated, probability},
        chart::{Bars, Plane, Point, Series, Shade},
        document::Document,
    },
    show::{evidence, number, squeeze_simulation as words},
    terminal::Terminal,
};
use contract::v1::{JointSqueezeLoss, SimulateSqueezeResponse, SimulatedNumber};

/// The report of a simulation; at most `names` names are listed.
pub(crate) fn document(
    book: &str,
    answer: &SimulateSqueezeResponse,
    names: usize,
    calibrated: &Calibrated,
) -> Document {
    let info = answer.info.as_ref();
    let title =
        format!("Squeezes of several shorts of {book} at once {}", evidence::as_known(info));
    let mut document = Document::new(title, info, &answer.currency);
    document.doubts(info);
    joint_loss(&mut document, answer, names);
    if !answer.scenarios.is_empty() {
        document.heading("Without probabilities");
        document.add(|page| words::without_probabilities(page, answer));
    }
    probability(&mut document, calibrated);
    document.lacks(info, &answer.unresolved);
    document
}

/// Adds the distributions: quantiles with their errors, tails, and tables.
pub(super) fn joint_loss(document: &mut Document, answer: &SimulateSqueezeResponse, names: usize) {
    document.add(|page| words::summary(page, answer, Terminal::plain()));
    document.plane(quantiles(&answer.distributions));
    document.bars(tails(&answer.distributions));
    document.add(|page| words::distributions(page, answer, names));
}

fn quantiles(distributions: &[JointSqueezeLoss]) -> Plane {
    let series = distributions.iter().map(|distribution| {
        let points = distribution.quantiles.iter().filter_map(|quantile| {
            let loss = quantile.loss.as_ref()?;
            Some(Point { x: quantile.level, y: loss.value, error: Some(loss.standard_error) })
        });
        Series { name: words::copula(distribution), is_line: true, runs: vec![points.collect()] }
    });
    Plane {
        title: "Loss over five sessions that is not exceeded with some probability".to_owned(),
        x_axis: "probability",
        y_axis: "loss; lines are one error",
        write_x: |level| format!("{:.0} %", 100.0 * level),
        write_y: number::money,
        diagonal: None,
        series: series.filter(|series| !series.is_empty()).collect(),
    }
}

fn tails(distributions: &[JointSqueezeLoss]) -> Bars {
    let axis = "loss, with one standard error to either side";
    let mut bars = Bars::new("Mean loss and tails", axis, number::money);
    for (at, distribution) in distributions.iter().enumerate() {
        let mut bar = |label: String, estimate: Option<&SimulatedNumber>| {
            if let Some(SimulatedNumber { value, standard_error }) = estimate.copied() {
                let interval = (value - standard_error, value + standard_error);
                bars.bar(label, Shade::Series(at + 1), value, Some(interval));
            }
        };
        let copula = words::copula(distribution);
        bar(format!("{copula}: mean"), distribution.mean_loss.as_ref());
        for tail in &distribution.tails {
            let level = number::share(tail.confidence);
            bar(format!("{copula}: VaR {level}"), tail.value_at_risk.as_ref());
            bar(format!("{copula}: ES {level}"), tail.expected_shortfall.as_ref());
        }
    }
    bars
}
