//! Change of volatility.

use crate::{
    family::{Indicator, Work, each},
    inputs::Inputs,
    measure::{Outcome, Source, Spec, Unit},
};
use factors::{
    line::{Line, over},
    roles::Role,
};
use marketdata::{
    gap::{Gap, GapReason},
    snapshot::Series,
};
use stats::{
    change,
    moments::{Ddof, standard_deviation},
};

/// Window of realised volatility, in sessions.
const REALISED: usize = 21;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "volatility_change",
    title: "Volatility change",
    method: "Difference of the logarithm of the volatility index or, without one, of the \
             standard deviation of 21 daily returns of the large-cap index.",
    work: Work::Roles(|_| vec![&[Role::Volatility, Role::LargeCapIndex]]),
    specs,
    measure,
};

fn specs() -> Vec<Spec> {
    [1, 5, 21].map(|h| Spec::change("volatility_change", h, Unit::Decimal)).into()
}

fn measure(inputs: &Inputs<'_>, wanted: &[Spec]) -> Vec<(Spec, Outcome)> {
    if let Ok(line) = inputs.line(Role::Volatility, "") {
        let levels = Series { days: line.days.clone(), values: line.levels.clone() };
        let of = |spec: &Spec| logs(levels.clone(), spec.horizon, |_| line.precision);
        return each(wanted, |spec| Outcome::of(of(spec), vec![Source::of(line)]));
    }
    let realised = inputs.line(Role::LargeCapIndex, "").map(realised);
    let measure = |spec: &Spec| match (inputs.line(Role::LargeCapIndex, &spec.id), &realised) {
        (Ok(line), Ok(realised)) => {
            let mut source = Source::of(line);
            source.symbol = format!("realised volatility of {}", source.symbol);
            source.proxy_for = inputs.roles.candidates(Role::Volatility).first().cloned();
            // The relative error of a standard deviation of returns is that of the returns.
            let history = logs(realised.clone(), spec.horizon, |least| line.precision / least);
            let mut outcome = Outcome::of(history, vec![source]);
            let detail = "no volatility index is known: realised volatility is used instead";
            outcome.gaps.push(Gap::new(GapReason::Proxy, spec.subject(), detail));
            outcome
        }
        (Err(gap), _) => Outcome::missing(gap),
        (_, Err(gap)) => Outcome::missing(gap.clone()),
    };
    each(wanted, measure)
}

/// Changes of logarithms. `precision` maps the smaller of two values to the relative change that
/// still counts as zero.
fn logs(mut series: Series, horizon: usize, precision: impl Fn(f64) -> f64) -> Series {
    let above_zero = series.days.iter().zip(&series.values).filter(|(_, value)| 0.0 < **value);
    (series.days, series.values) = above_zero.map(|(day, value)| (*day, *value)).unzip();
    over(&series.days, &series.values, horizon, |old, new| {
        Some(change::settled(libm::log(new / old), precision(old.min(new))))
    })
}

fn realised(line: &Line) -> Series {
    let returns = line.growth(1);
    let mut series = Series::empty();
    for (window, day) in
        returns.values.windows(REALISED).zip(returns.days.iter().skip(REALISED - 1))
    {
        if let Some(value) = standard_deviation(window, Ddof::Sample) {
            series.days.push(*day);
            series.values.push(value);
        }
    }
    series
}
