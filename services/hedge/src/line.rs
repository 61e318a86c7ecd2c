//! A line of the book or of the hedging universe, in factor form, with the terms of its trading.

/// A position of the book, an instrument that may hedge it, or both.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The caller's name of the line, unique in a problem.
    pub id: String,
    /// Value held before any trade, in money; a short is negative, and an instrument that is not
    /// held has zero.
    pub held: f64,
    /// Exposures per unit of value: index of the factor and exposure, in ascending order.
    pub exposures: Vec<(usize, f64)>,
    /// Loadings on specific returns per unit of value: index of the source and loading, in ascending
    /// order. A name loads one on its own; a fund that is looked through loads its weights.
    pub loadings: Vec<(usize, f64)>,
    /// `None` for a position that must stay as it is.
    pub trading: Option<Trading>,
}

/// The terms on which a line trades. All costs are positive, an income is negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trading {
    /// Value of one unit (share, contract) in money, positive: price times multiplier.
    pub unit_value: f64,
    /// Units trade in multiples of this many. `None` for any fraction.
    pub lot_units: Option<f64>,
    /// Cost of buying as a share of the money bought, a decimal: half a spread and commission.
    pub buy_cost: f64,
    /// Cost of selling as a share of the money sold, a decimal.
    pub sell_cost: f64,
    /// The quadratic impact q: trading x costs ½·q·x² besides. Unit: one over money.
    pub impact: f64,
    /// Cost of holding one unit of money long for a session, a decimal: financing and roll, less income.
    pub long_carry_per_session: f64,
    /// Cost of holding one unit of money short for a session, a decimal: borrow fee, less rebate.
    pub short_carry_per_session: f64,
    /// What trades in the line during the time in which the hedge is executed, in money, positive.
    /// `None` if unknown: a limit on participation is then refused.
    pub volume: Option<f64>,
}

impl Line {
    /// Exposure per unit of value to a factor, by its index.
    pub(crate) fn exposure(&self, factor: usize) -> f64 {
        let entry = self.exposures.iter().find(|(index, _)| *index == factor);
        entry.map_or(0.0, |(_, value)| *value)
    }
}

impl Trading {
    /// Half of the spread and the commission of a trade, in money.
    pub(crate) fn linear_cost(&self, trade: f64) -> f64 {
        self.buy_cost * trade.max(0.0) + self.sell_cost * (-trade).max(0.0)
    }

    /// Cost of holding a position for a session, in money.
    pub(crate) fn carry_per_session(&self, position: f64) -> f64 {
        self.long_carry_per_session * position.max(0.0)
            + self.short_carry_per_session * (-position).max(0.0)
    }

    /// The units of a trade in money; in whole lots if it is one of whole lots.
    pub(crate) fn units(&self, money: f64) -> f64 {
        match self.lot_units.zip(self.lot_value()) {
            Some((units, value)) => (money / value).round() * units,
            None => money / self.unit_value,
        }
    }

    /// Value of one lot in money. `None` if any fraction of a unit trades.
    #[must_use]
    pub fn lot_value(&self) -> Option<f64> {
        Some(self.lot_units? * self.unit_value)
    }
}

/// The quadratic impact that costs as much as the 3/2 law at one size of trade.
///
/// The law charges b·σ·|x|^{3/2}/√V for a trade of x in a line of volume V and volatility σ over the
/// time of V (Boyd et al. 2017, section 2.3). With ½·q·x₀² equal to it at the reference x₀,
/// q = 2·b·σ/√(V·x₀). It charges less than the law below x₀ and more above. All arguments positive;
/// `reference` and `volume` in money, `coefficient` b near one.
#[must_use]
pub fn quadratic_impact(coefficient: f64, volatility: f64, volume: f64, reference: f64) -> f64 {
    2.0 * coefficient * volatility / (volume * reference).sqrt()
}
