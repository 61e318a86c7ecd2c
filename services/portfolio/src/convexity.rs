//! What the options of a name make beyond their delta if its price moves at once.
//!
//! A book counts an option as its delta in shares. That is right for small moves. On a large rise a
//! bought put loses its value and no more, a bought call gains more than its delta, and a written
//! call loses more. Where a move is known, options of known terms are valued anew at the price that
//! follows ([`OptionAt`]): at the volatility of their terms, and without the passage of time. An
//! option of which only a delta is known stays at its delta.

use crate::{
    book::{Book, Lot},
    derivative::OptionAt,
};
use marketdata::currency::Currency;

/// The options of known terms of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Convexity {
    options: Vec<(usize, OptionAt)>,
}

impl Convexity {
    /// Of a name without such options.
    pub const NONE: Convexity = Convexity { options: Vec::new() };

    /// Of some lots of one name.
    pub fn of(book: &Book, lots: &[Lot]) -> Convexity {
        let option =
            |lot: &Lot| Some((lot.line, book.derivative(lot.line)?.option?.model?.at_close()));
        Convexity { options: lots.iter().filter_map(option).collect() }
    }

    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        self.options.is_empty()
    }

    /// Number of them.
    pub fn count(&self) -> usize {
        self.options.len()
    }

    /// The lines of the request that they are.
    pub fn lines(&self) -> impl Iterator<Item = usize> + '_ {
        self.options.iter().map(|(line, _)| *line)
    }

    /// What they make beyond their delta if the name has a return at once, in the currency of the
    /// book.
    pub fn beyond_delta(&self, total_return: f64) -> f64 {
        self.beyond_delta_with(total_return, |_| 1.0)
    }

    /// The same, given by what factor the rates of the currencies of strikes grow.
    pub fn beyond_delta_with(
        &self,
        total_return: f64,
        rate_growth: impl Fn(Option<Currency>) -> f64,
    ) -> f64 {
        let of = |option: &OptionAt| {
            option.beyond_delta_with(total_return, rate_growth(option.strike_in))
        };
        // The sum of nothing would be -0.0.
        self.options.iter().fold(0.0, |sum, (_, option)| sum + of(option))
    }
}
