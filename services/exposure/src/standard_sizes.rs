//! The buckets of companies under the standard scheme, which the legs of trades select by.

use factors::{
    size::Size,
    size_scheme::{SchemeSize, SizeScheme, Sizer},
};
use marketdata::{instrument::InstrumentId, snapshot::Snapshot};
use risk::model::RiskModel;
use std::sync::OnceLock;

/// Buckets of companies, found when a book first needs them.
#[derive(Debug)]
pub(crate) struct Buckets {
    sizer: Sizer,
    /// By number of the company.
    companies: Vec<OnceLock<Option<SchemeSize>>>,
}

impl Buckets {
    /// Those of a view, none of them found yet.
    pub(crate) fn new(snapshot: &Snapshot, companies: u32) -> Buckets {
        Buckets {
            sizer: Sizer::new(SizeScheme::standard().clone(), snapshot),
            companies: (0..companies).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&self.companies[..])
    }
}

/// The sizes of the companies of a view.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StandardSizes<'a> {
    pub(crate) model: &'a RiskModel,
    pub(crate) buckets: &'a Buckets,
}

impl<'a> StandardSizes<'a> {
    /// The bucket of a line's company. `None` if its size is unknown.
    pub(crate) fn band(self, instrument: InstrumentId) -> Option<SchemeSize> {
        let (snapshot, sizes) = (self.model.snapshot(), self.model.sizes());
        let sizer = &self.buckets.sizer;
        *self.cell(instrument)?.get_or_init(|| sizer.size(snapshot, sizes, instrument))
    }

    /// The company of a line.
    pub(crate) fn company(self, instrument: InstrumentId) -> Option<&'a Size> {
        self.model.size(instrument)
    }

    /// Whether the bucket of a line was found before, or there is none to find.
    pub(crate) fn is_found(self, instrument: InstrumentId) -> bool {
        self.cell(instrument).is_none_or(|cell| cell.get().is_some())
    }

    fn cell(self, instrument: InstrumentId) -> Option<&'a OnceLock<Option<SchemeSize>>> {
        self.buckets.companies.get(self.model.size(instrument)?.issuer as usize)
    }
}
