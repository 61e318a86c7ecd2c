//! Forecasts session by session, each by the model of the close before it, with what happened.

use factors::roles::Roles;
use marketdata::{day::Day, instrument::InstrumentId, snapshot::Snapshot};
use risk::{
    cross_section::{self, CrossSection, settings::CrossSectionSettings},
    factor_model::FactorModel,
    model::RiskModel,
    prepare,
};
use stats::{forecast_check, rng::Rng};

/// Both models of a view.
pub(crate) struct Models {
    pub(crate) names: RiskModel,
    pub(crate) cross_section: CrossSection,
}

/// Prepares a view, with an earlier one or without.
pub(crate) fn models(snapshot: &Snapshot, earlier: Option<&Models>) -> Models {
    let names = prepare::prepare(snapshot, &Roles::standard(), earlier.map(|m| &m.names));
    let known = earlier.map(|m| &m.cross_section);
    let cross_section = cross_section::prepare(&names, CrossSectionSettings::PREPARED, known);
    Models { names, cross_section }
}

/// The factor model of a view.
pub(crate) fn factor_model(models: &Models) -> &FactorModel {
    &models.cross_section.outcome.as_ref().expect("an estimate").model
}

/// A book: values by name.
pub(crate) type Book = Vec<(InstrumentId, f64)>;

/// Books of names drawn by a seed, each with a gross of one: every other one has as many shorts as
/// longs, the others are long only.
pub(crate) fn books(names: &[InstrumentId], count: u64, lines: usize) -> Vec<Book> {
    let book = |number: u64| {
        let mut rng = Rng::new(17, number);
        let mut names = names.to_vec();
        rng.shuffle(&mut names);
        let sign = |at: usize| if number.is_multiple_of(2) && at % 2 == 1 { -1.0 } else { 1.0 };
        let drawn = names.into_iter().take(lines).enumerate();
        drawn.map(|(at, id)| (id, sign(at) / lines as f64)).collect()
    };
    (0..count).map(book).collect()
}

/// Outcomes of books: by book, the return of each session and the variance forecast before it by
/// the model, and by the book's own past returns weighted with λ = .94.
pub(crate) struct Outcomes {
    pub(crate) model: Vec<Vec<(f64, f64)>>,
    pub(crate) own: Vec<Vec<(f64, f64)>>,
}

impl Outcomes {
    /// Replays the closes of some sessions; the first is only forecast from.
    pub(crate) fn of(view: &dyn Fn(Day) -> Snapshot, days: &[Day], books: &[Book]) -> Outcomes {
        let mut outcomes =
            Outcomes { model: vec![Vec::new(); books.len()], own: vec![Vec::new(); books.len()] };
        let mut earlier: Option<Models> = None;
        for day in days {
            let next = models(&view(*day), earlier.as_ref());
            if let Some(before) = &earlier {
                for (at, book) in books.iter().enumerate() {
                    outcomes.add(at, book, before, &next);
                }
            }
            earlier = Some(next);
        }
        outcomes
    }

    /// Lines without a return, or that the model does not cover, are left out of both sides.
    fn add(&mut self, at: usize, book: &Book, before: &Models, next: &Models) {
        let last = next.names.panel.width - 1;
        let model = factor_model(before);
        let held: Vec<(InstrumentId, f64, f64)> = book
            .iter()
            .filter(|(id, _)| model.row(*id).is_some())
            .filter_map(|(id, value)| {
                let r = next.names.panel.own(next.names.anchored(*id).row, last)?;
                Some((*id, *value, r))
            })
            .collect();
        let positions: Book = held.iter().map(|(id, value, _)| (*id, *value)).collect();
        let outcome: f64 = held.iter().map(|(_, value, r)| value * r).sum();
        let forecast = model.book(&positions).volatility;
        self.model[at].push((outcome, forecast * forecast));
        let panel = &before.names.panel;
        let profit = |session: usize| -> f64 {
            let of = |(id, value): &(InstrumentId, f64)| {
                value * panel.at(before.names.anchored(*id).row, session)
            };
            positions.iter().map(of).sum()
        };
        let profits: Vec<f64> = (1..panel.width).map(profit).collect();
        let own = stats::ewma::variance(&profits, 0.94, stats::ewma::Centre::Zero);
        self.own[at].push((outcome, own.expect("a history")));
    }
}

/// Statistics over books: of the bias statistic its mean, and the share of books whose own is in
/// 1 ± √(2/T); mean QLIKE; mean MRAD over windows of twelve.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) bias: f64,
    pub(crate) in_band: f64,
    pub(crate) qlike: f64,
    pub(crate) mrad: f64,
}

impl Summary {
    pub(crate) fn of(books: &[Vec<(f64, f64)>]) -> Summary {
        let standardised = |outcomes: &Vec<(f64, f64)>| -> Vec<f64> {
            outcomes.iter().map(|(r, variance)| r / variance.sqrt()).collect()
        };
        let standardised: Vec<Vec<f64>> = books.iter().map(standardised).collect();
        let mean = |values: Vec<f64>| stats::moments::mean(&values).unwrap();
        let biases: Vec<f64> =
            standardised.iter().map(|z| forecast_check::bias(z).unwrap()).collect();
        let is_in_band = |(bias, z): (&f64, &Vec<f64>)| {
            let band = forecast_check::bias_band(z.len());
            f64::from(u8::from((bias - 1.0).abs() <= band))
        };
        Summary {
            in_band: mean(biases.iter().zip(&standardised).map(is_in_band).collect()),
            bias: mean(biases),
            qlike: mean(books.iter().map(|b| forecast_check::qlike(b).unwrap()).collect()),
            mrad: mean(standardised.iter().map(|z| forecast_check::mrad(z, 12).unwrap()).collect()),
        }
    }
}
