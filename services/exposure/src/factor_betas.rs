//! The betas of a book to factors that the request chooses: bottom-up by the names' own, and top-down
//! by the book's returns.

use crate::{
    factor::FactorRole,
    history::History,
    prepared::PreparedExposure,
    report::{BookBeta, Measured},
    sums::BetaSum,
};
use marketdata::{
    dataset::Dataset,
    gap::{Gap, GapReason, MeasureRef, Subject},
    instrument::InstrumentId,
};
use portfolio::book::{Book, Holding};
use risk::{
    beta::Beta,
    factor_betas::{ChosenFactor, FactorBetas, independent_within},
    series::MoveUnit,
};
use stats::{
    newey_west,
    regression::{ErrorModel, Fit, least_squares},
};

/// A book's beta to a chosen factor.
#[derive(Clone, Debug, PartialEq)]
pub struct BookFactor {
    /// The name of the factor.
    pub factor_id: String,
    /// Its unit.
    pub unit: MoveUnit,
    /// What its series is made of.
    pub roles: Vec<FactorRole>,
    /// In money per unit of the factor.
    pub beta: BookBeta,
    /// Variance inflation factor.
    pub inflation: Option<f64>,
    /// Standard deviation per session, in its unit.
    pub standard_deviation: Option<f64>,
}

/// A name of the book.
#[derive(Clone, Debug, PartialEq)]
pub struct NameRow {
    /// The name.
    pub instrument: InstrumentId,
    /// Net value.
    pub market_value: f64,
    /// Each with the place of its factor in the report.
    pub betas: Vec<(usize, Beta)>,
    /// Number of sessions with a return of its own.
    pub observations: usize,
    /// Number of sessions behind its own betas. 0 without.
    pub fitted: usize,
    /// Whether lags of the market were added.
    pub dimson: bool,
}

/// The betas of a book to chosen factors.
#[derive(Clone, Debug, PartialEq)]
pub struct BookFactors {
    /// In the order of the request.
    pub factors: Vec<BookFactor>,
    /// Share of variance that the factors explain together.
    pub r_squared: Option<f64>,
    /// The largest names.
    pub names: Vec<NameRow>,
    /// Factors without values, and names without betas of their own.
    pub gaps: Vec<Gap>,
}

/// Measures a book against factors of its view, and lists its `listed` largest names.
pub fn measure(
    prepared: &PreparedExposure,
    betas: &FactorBetas,
    book: &Book,
    listed: usize,
) -> BookFactors {
    let mut sums = vec![BetaSum::ZERO; betas.columns.len()];
    let mut gaps: Vec<Gap> = betas.factors.iter().filter_map(gap_of_factor).collect();
    gaps.extend(betas.factors.iter().filter_map(gap_of_lack));
    gaps.extend(gaps_of_young(betas));
    let is_estimated = !betas.columns.is_empty();
    for holding in &book.holdings {
        let found = betas.name(prepared, holding.instrument);
        let found = found.as_ref().map_or(&[][..], |found| &found.betas);
        for (sum, beta) in sums.iter_mut().zip(found) {
            if let Some(beta) = beta {
                sum.add(holding.market_value, beta.value, beta.standard_error);
            }
        }
        let own = found.iter().flatten().filter(|beta| beta.own.is_some()).count();
        if is_estimated && own < betas.columns.len() {
            let has_mean = found.iter().any(Option::is_some);
            gaps.push(gap_of_name(prepared, book, holding, (0 < own, has_mean)));
        }
    }
    let fit = top_down(prepared, betas, book);
    let slope = |place: usize| {
        let (fit, kept) = fit.as_ref()?;
        let slope = fit.slopes.get(kept.iter().position(|of| *of == place)?)?;
        Some(Measured {
            value: slope.value * book.net_gross,
            standard_error: slope.standard_error * book.net_gross,
            observations: fit.observations,
        })
    };
    let fitted = fit.as_ref().map_or(0, |(_, kept)| kept.len());
    if is_estimated && fitted < betas.columns.len() {
        gaps.push(no_top_down(betas, fit.is_some()));
    }
    let row = |factor: &ChosenFactor| {
        let series = factor.series.as_ref().ok();
        let told = factor.place.zip(betas.collinearity.as_ref());
        BookFactor {
            factor_id: factor.choice.id().to_owned(),
            unit: factor.unit(),
            roles: series.map_or_else(Vec::new, |series| series.roles.clone()),
            beta: BookBeta {
                bottom_up: factor.place.and_then(|place| sums[place].measured()),
                top_down: factor.place.and_then(slope),
            },
            inflation: told.map(|(place, found)| found.inflation[place]),
            standard_deviation: told.map(|(place, found)| found.deviations[place]),
        }
    };
    BookFactors {
        factors: betas.factors.iter().map(row).collect(),
        r_squared: fit.as_ref().and_then(|(fit, _)| fit.r_squared),
        names: names(prepared, betas, book, listed),
        gaps,
    }
}

/// The largest names by gross, ties in the order of names.
fn names(
    prepared: &PreparedExposure,
    betas: &FactorBetas,
    book: &Book,
    listed: usize,
) -> Vec<NameRow> {
    let mut largest: Vec<&Holding> = book.holdings.iter().collect();
    largest.sort_by(|a, b| b.gross().total_cmp(&a.gross()));
    let row = |holding: &&Holding| {
        let found = betas.name(prepared, holding.instrument);
        let of_factor = |(at, factor): (usize, &ChosenFactor)| {
            Some((at, (*found.as_ref()?.betas.get(factor.place?)?)?))
        };
        NameRow {
            instrument: holding.instrument,
            market_value: holding.market_value,
            betas: betas.factors.iter().enumerate().filter_map(of_factor).collect(),
            observations: found.as_ref().map_or(0, |found| found.observations),
            fitted: found.as_ref().map_or(0, |found| found.fitted),
            dimson: found.as_ref().is_some_and(|found| found.dimson),
        }
    };
    largest.iter().take(listed).map(row).collect()
}

/// The regression of the book's own returns on all factors together: least squares with the weights of
/// the betas, over the sessions that count for the book. With the places of the factors that can be told
/// apart on these.
fn top_down(
    prepared: &PreparedExposure,
    betas: &FactorBetas,
    book: &Book,
) -> Option<(Fit, Vec<usize>)> {
    let history = History::of_book(prepared, book, betas.window.start)?;
    let mut returns = history.since(&history.total, betas.window.start);
    if let Some(own) = history.own_since(betas.window.start) {
        let left_out = returns.iter_mut().zip(own).filter(|(_, own)| !**own);
        left_out.for_each(|(value, _)| *value = f64::NAN);
    }
    let kept = independent_within(&betas.columns, &returns, &betas.weights);
    let columns: Vec<&[f64]> = kept.iter().map(|place| betas.columns[*place].as_slice()).collect();
    let is_whole = |at: &usize| {
        returns[*at].is_finite() && columns.iter().all(|column| column[*at].is_finite())
    };
    let observations = (0..returns.len()).filter(is_whole).count();
    let least = betas.settings.min_observations;
    let errors = ErrorModel::Hac { lags: newey_west::lags(observations) };
    let fit = least_squares(&returns, &columns, Some(&betas.weights), errors).ok()?;
    (least <= fit.observations && !kept.is_empty()).then_some((fit, kept))
}

/// The gap of a factor without estimates.
fn gap_of_factor(factor: &ChosenFactor) -> Option<Gap> {
    let none = factor.series.as_ref().err()?;
    let id = factor.choice.id();
    let detail = format!("no betas to the factor {id}: {}", none.detail);
    Some(Gap::new(none.reason, MeasureRef::ChosenFactor(id.to_owned()), detail))
}

/// The gap of a factor whose values lack something.
fn gap_of_lack(factor: &ChosenFactor) -> Option<Gap> {
    let lack = factor.series.as_ref().ok()?.lack.as_ref()?;
    let subject = MeasureRef::ChosenFactor(factor.choice.id().to_owned());
    Some(Gap::new(lack.reason, subject, lack.detail.clone()))
}

/// The gaps of factors that shorten the window of all.
fn gaps_of_young(betas: &FactorBetas) -> impl Iterator<Item = Gap> {
    let (young, common) = betas.young();
    let sessions = betas.window.len();
    young.into_iter().map(move |(factor, own)| {
        let detail = format!(
            "it has values on {own} of {sessions} sessions of the window, fewer than other factors: \
             betas to all of them rest on the {common} sessions that they have in common"
        );
        let subject = MeasureRef::ChosenFactor(factor.choice.id().to_owned());
        Gap::new(GapReason::ShortHistory, subject, detail)
    })
}

/// The gap of a name without betas of its own.
fn gap_of_name(
    prepared: &PreparedExposure,
    book: &Book,
    holding: &Holding,
    (has_own, has_mean): (bool, bool),
) -> Gap {
    let symbol = Subject::symbol(prepared.snapshot().symbol(holding.instrument));
    let (reason, detail) = match has_mean {
        _ if has_own => (
            GapReason::Degenerate,
            "a chosen factor does not vary on the sessions of its returns, or the others determine it \
             there: the beta of its size bucket, or of all names, is used for that factor",
        ),
        true => (
            GapReason::Proxy,
            "too few returns for betas to the chosen factors: those of its size bucket, or of all \
             names, are used",
        ),
        false => (
            GapReason::ShortHistory,
            "too few returns for betas to the chosen factors, and no peers have any: it is in no sum",
        ),
    };
    let gap = Gap::new(reason, symbol, detail);
    if book.gross <= 0.0 { gap } else { gap.of_gross(holding.gross() / book.gross) }
}

fn no_top_down(betas: &FactorBetas, has_fit: bool) -> Gap {
    let least = betas.settings.min_observations;
    let subject = Subject::Dataset(Dataset::Bars);
    if has_fit {
        let detail = "no slope of the book's own returns on a chosen factor that does not vary on its \
                      sessions, or that the others determine there";
        return Gap::new(GapReason::Degenerate, subject, detail);
    }
    let detail = format!(
        "no slopes of the book's own returns on the chosen factors: fewer than {least} sessions on \
         which names of 95 % of the gross have returns and every factor has a value"
    );
    Gap::new(GapReason::ShortHistory, subject, detail)
}
