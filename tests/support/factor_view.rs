//! A prepared view, books on it, and everything that a report says as text.

use factors::roles::Roles;
use marketdata::{instrument::InstrumentId, snapshot::Snapshot};
use portfolio::{
    book::Book,
    lines::{RawLine, Size, Terms},
    lookup::Lookup,
};
use risk::{
    cross_section::{self, CrossSection, settings::CrossSectionSettings},
    factor_view::FactorView,
    model::RiskModel,
    prepare,
    series::TradeSeries,
};

/// What a server would prepare.
pub(crate) struct View {
    pub(crate) roles: Roles,
    pub(crate) model: RiskModel,
    pub(crate) lookup: Lookup,
    cross_section: CrossSection,
}

impl View {
    pub(crate) fn of(snapshot: &Snapshot) -> View {
        View::with(snapshot, Roles::standard())
    }

    pub(crate) fn with(snapshot: &Snapshot, roles: Roles) -> View {
        let model = prepare::prepare(snapshot, &roles, None);
        let cross_section = cross_section::prepare(&model, CrossSectionSettings::PREPARED, None);
        let lookup = Lookup::of(snapshot);
        View { roles, model, lookup, cross_section }
    }

    pub(crate) fn factors(&self) -> FactorView<'_> {
        self.factors_by(TradeSeries::standard(&self.model))
    }

    /// The model with another trade.
    pub(crate) fn factors_by<'a>(&'a self, trade: Option<TradeSeries<'a>>) -> FactorView<'a> {
        let estimated = self.cross_section.outcome.as_ref().unwrap();
        FactorView::of(&self.model, (&self.cross_section, estimated), &self.roles, trade)
    }

    /// A book of market values by symbol.
    pub(crate) fn book(&self, lines: &[(&str, f64)]) -> Book {
        let raw = lines.iter().map(|(symbol, usd)| RawLine::of(symbol, Size::MarketValue(*usd)));
        Book::join(raw, &Terms::NONE, &self.lookup, self.model.quotes()).unwrap()
    }

    pub(crate) fn id(&self, symbol: &str) -> InstrumentId {
        self.model.snapshot().listed(symbol).unwrap()
    }
}

#[track_caller]
pub(crate) fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected} ± {tolerance}");
}
