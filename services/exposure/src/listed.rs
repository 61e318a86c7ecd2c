//! Which positions a report lists.

use crate::settings::Listing;
use portfolio::book::{Book, Holding};

/// The positions to list, in order.
pub(crate) fn largest(book: &Book, listing: Listing) -> Vec<&Holding> {
    // The bits of non-negative doubles order like the doubles; holdings are in the order of names.
    let key = |(at, holding): (usize, &Holding)| (!holding.market_value.abs().to_bits(), at);
    let mut keys: Vec<(u64, usize)> = book.holdings.iter().enumerate().map(key).collect();
    if let Listing::Largest(count) = listing
        && count < keys.len()
    {
        keys.select_nth_unstable(count);
        keys.truncate(count);
    }
    keys.sort_unstable();
    keys.iter().map(|(_, at)| &book.holdings[*at]).collect()
}
