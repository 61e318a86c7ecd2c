//! Concentration: the effective number of positions, with the share classes of a company counted as
//! one.

use crate::{prepared::PreparedExposure, report::Concentration};
use portfolio::{book::Book, unresolved::LooseLine};

/// Measures the weights of companies within the book's gross.
pub(crate) fn measure(prepared: &PreparedExposure, book: &Book) -> Concentration {
    let gross = if 0.0 < book.gross { book.gross } else { 1.0 };
    let mut values: Vec<f64> = Vec::with_capacity(book.holdings.len());
    let mut classes: Vec<(u32, f64)> = Vec::new();
    for holding in &book.holdings {
        let name = prepared.name(holding.instrument);
        if name.has_sibling {
            classes.push((name.issuer, holding.market_value));
        } else {
            values.push(holding.market_value);
        }
    }
    let mut loose: Vec<f64> = book.loose.iter().filter_map(LooseLine::market_value).collect();
    loose.sort_unstable_by(f64::total_cmp);
    values.extend(loose);
    // Holdings are sorted by name and the sort is stable, so sums do not depend on the order of
    // lines.
    classes.sort_by_key(|(company, _)| *company);
    let companies = classes.chunk_by(|a, b| a.0 == b.0);
    values.extend(companies.map(|lines| lines.iter().map(|(_, value)| value).sum::<f64>()));
    // Shares of gross, so that squares neither overflow nor underflow.
    values.iter_mut().for_each(|value| *value /= gross);
    let (mut all, mut long, mut short) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    for value in &values {
        add(&mut all, *value);
        // Zero for the other side. Branch-free, because signs come in no predictable order.
        add(&mut long, if 0.0 < *value { *value } else { 0.0 });
        add(&mut short, if *value < 0.0 { *value } else { 0.0 });
    }
    let effective = |[sum, squares]: [f64; 2]| (0.0 < squares).then(|| sum * sum / squares);
    let [_, herfindahl] = all;
    let largest = largest(&values);
    Concentration {
        herfindahl,
        effective_names: if 0.0 < herfindahl { 1.0 / herfindahl } else { 0.0 },
        effective_long_names: effective(long),
        effective_short_names: effective(short),
        largest_share: largest[0],
        largest_five_share: largest.iter().sum(),
    }
}

/// Adds a value to a sum and its square to a sum of squares.
fn add([sum, squares]: &mut [f64; 2], value: f64) {
    *sum += value.abs();
    *squares += value * value;
}

/// The five largest sizes, largest first; zero for those there are not.
fn largest(values: &[f64]) -> [f64; 5] {
    let mut largest = [0.0; 5];
    for size in values.iter().map(|value| value.abs()) {
        if largest[4] < size {
            largest[4] = size;
            largest.sort_unstable_by(|a, b| b.total_cmp(a));
        }
    }
    largest
}
