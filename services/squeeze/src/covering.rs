//! What buying one's own shorts back would cost, line by line and for the whole book.

use crate::{exit::Participation, measure::Measured, traded::Traded};
use factors::impact::{Almgren, SquareRoot};
use marketdata::gap::GapReason;
use portfolio::coverage::share;

/// The cost of buying one short back at a participation in normal volume.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Covering {
    /// Days that it takes at the participation.
    pub days: f64,
    /// The short in days of all of the normal volume.
    pub days_of_volume: f64,
    /// By the square-root law.
    pub square_root: SquareRoot,
    /// By Almgren et al. `None` without a count of shares outstanding.
    pub almgren: Option<Almgren>,
}

impl Covering {
    /// The cost of buying back `shares`, with `outstanding` of the same units.
    ///
    /// # Errors
    /// The name has no normal volume, no volatility, or the short is no order.
    pub fn of(
        traded: &Traded,
        shares: f64,
        outstanding: Measured,
        participation: Participation,
    ) -> Result<Covering, GapReason> {
        let order = traded.buying_back(shares)?;
        let days = participation.exit_days(shares, traded.normal_volume?)?;
        let almgren = outstanding.ok().and_then(|outstanding| order.almgren(days, outstanding));
        let square_root = order.square_root();
        Ok(Covering { days, days_of_volume: order.days_of_volume(), square_root, almgren })
    }
}

/// The cost of buying a whole short book back by one model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoveringTotal {
    /// Σ value · mean cost over the lines that have one, in money, 0 or more.
    pub cost: f64,
    /// Value of these lines / gross short, 0 to 1.
    pub share: f64,
}

impl CoveringTotal {
    /// The total of lines, each with its value, above 0, and its mean cost, a decimal. `None` if no
    /// line has a cost.
    pub fn of(
        lines: impl Iterator<Item = (f64, Option<f64>)>,
        gross_short: f64,
    ) -> Option<CoveringTotal> {
        let (mut cost, mut value) = (0.0, 0.0);
        for (of_line, mean) in lines.filter_map(|(value, mean)| Some((value, mean?))) {
            cost += of_line * mean;
            value += of_line;
        }
        share(value, gross_short).filter(|_| 0.0 < value).map(|share| CoveringTotal { cost, share })
    }
}
