//! Squeeze risk on one page: the ranking, or the short side of a book with what squeezes would
//! cost; and how good the probabilities are, where there are any.

use crate::{
    report::{
        calibration::{Calibrated, probability},
        chart::{Bars, Plane, Point, Series, Shade},
        document::Document,
        squeeze_simulation::joint_loss,
    },
    show::{evidence, number, short_costs, squeeze},
    terminal::Terminal,
};
use contract::v1::{
    AssessShortBookResponse, ExitPlan, RankSqueezeResponse, ShortBookTotals,
    SimulateSqueezeResponse,
};
use tonic::Status;

/// The joint loss of a short book where there are probabilities, or why it is not known. `None`
/// without them.
pub(crate) type Simulated = Option<Result<SimulateSqueezeResponse, Status>>;

/// Names of a chart.
const NAMES: usize = 15;

/// The report of a ranking.
pub(crate) fn ranking(answer: &RankSqueezeResponse, calibrated: &Calibrated) -> Document {
    let info = answer.info.as_ref();
    let title = format!("Squeeze ranking {}", evidence::as_known(info));
    let mut document = Document::new(title, info, "");
    let mut bars =
        Bars::new("Sold short of the float, the first names", "share of the float", number::share);
    for name in answer.names.iter().take(NAMES).filter_map(|ranked| ranked.name.as_ref()) {
        if let Some(share) = name.short_of_float {
            bars.bar(&*name.symbol, Shade::Series(1), share, None);
        }
    }
    document.bars(bars);
    document.add(|page| squeeze::names(page, answer, Terminal::plain()));
    probability(&mut document, calibrated);
    document.lacks(info, &[]);
    document
}

/// The report of the shorts of a book; at most `lines` of them are listed.
pub(crate) fn short_book(
    book: &str,
    answer: &AssessShortBookResponse,
    lines: usize,
    calibrated: &Calibrated,
    simulated: &Simulated,
) -> Document {
    let info = answer.info.as_ref();
    let title = format!("The shorts of {book} {}", evidence::as_known(info));
    let mut document = Document::new(title, info, &answer.currency);
    document.doubts(info);
    document.add(|page| squeeze::lines_of(page, answer, lines));
    document.heading("What squeezes would cost");
    let mut bars = Bars::new("Loss by scenario", "P&L if these are squeezed", number::money_signed);
    for scenario in &answer.scenarios {
        bars.bar(short_costs::squeezed(scenario), Shade::BySign, scenario.pnl, None);
    }
    document.bars(bars);
    if let Some(totals) = &answer.totals {
        document.plane(exit(totals));
    }
    document.add(|page| {
        short_costs::scenarios(page, answer);
        short_costs::schedules(page, answer, lines);
        squeeze::basis(page, answer, Terminal::plain());
    });
    match simulated {
        None => {}
        Some(Ok(simulated)) => {
            document.heading("What several squeezes together would cost");
            joint_loss(&mut document, simulated, lines);
        }
        Some(Err(status)) => {
            let text = format!("  The joint loss is unknown: {}\n", status.message());
            document.add(|page| page.say(text));
        }
    }
    probability(&mut document, calibrated);
    document.lacks(info, &answer.unresolved);
    document
}

/// How long buying back takes, all lines at once.
fn exit(totals: &ShortBookTotals) -> Plane {
    let curve = |plan: Option<&ExitPlan>| {
        let points = plan.map_or(&[][..], |plan| &plan.curve);
        points.iter().map(|point| Point { x: point.days, y: point.share, error: None }).collect()
    };
    let series = [
        ("at normal volume", totals.exit_at_normal_volume.as_ref()),
        ("at the volume of the last 21 sessions", totals.exit_at_recent_volume.as_ref()),
    ];
    let series = series.map(|(name, plan)| Series { name, is_line: true, runs: vec![curve(plan)] });
    let share = number::share(totals.participation);
    Plane {
        title: format!("Buying back at {share} of the volume"),
        x_axis: "days",
        y_axis: "bought back, of the value with exit days",
        write_x: |days| format!("{days:.1}"),
        write_y: |share| format!("{:.0} %", 100.0 * share),
        diagonal: None,
        series: series.into_iter().filter(|series| !series.is_empty()).collect(),
    }
}
