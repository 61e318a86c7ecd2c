//! Positions of the columns of bars.

use marketdata::dataset::{Dataset, Field};

pub(crate) const OPEN: usize = Dataset::Bars.column(Field::Open);
pub(crate) const CLOSE: usize = Dataset::Bars.column(Field::Close);
pub(crate) const VOLUME: usize = Dataset::Bars.column(Field::Volume);
pub(crate) const DISTRIBUTION: usize = Dataset::Bars.column(Field::Distribution);
pub(crate) const PRICE_BASIS: usize = Dataset::Bars.column(Field::PriceBasis);
pub(crate) const BASIS_ON: usize = Dataset::Bars.column(Field::BasisOn);
/// Staged rows hold the adjusted close here until the distribution is computed from it.
pub(crate) const ADJUSTED: usize = DISTRIBUTION;

const _: () = {
    // Loops run from the open to the close, and on to the volume.
    assert!(OPEN + 3 == CLOSE && CLOSE + 1 == VOLUME);
};
