//! Concentration: the effective number of positions, with the share classes of a company counted as
//! one.

use crate::{prepared::PreparedExposure, report::Concentration};
use factors::look_through::Part;
use portfolio::unresolved::LooseLine;

/// Net value of a company, and what is held both long and short besides.
#[derive(Clone, Copy)]
struct Company {
    net: f64,
    boxed: f64,
}

/// Measures the weights of companies within a gross, from the names in their order and the lines that
/// did not join.
pub(crate) fn measure(
    prepared: &PreparedExposure,
    parts: impl Iterator<Item = Part>,
    (loose, gross): (&[LooseLine], f64),
) -> Concentration {
    let gross = if 0.0 < gross { gross } else { 1.0 };
    let mut values: Vec<Company> = Vec::with_capacity(parts.size_hint().0);
    let mut classes: Vec<(u32, Company)> = Vec::new();
    for part in parts {
        let name = prepared.name(part.instrument);
        let value = Company { net: part.market_value, boxed: part.boxed };
        if name.has_sibling {
            classes.push((name.issuer, value));
        } else {
            values.push(value);
        }
    }
    let mut loose: Vec<f64> = loose.iter().filter_map(LooseLine::market_value).collect();
    loose.sort_unstable_by(f64::total_cmp);
    values.extend(loose.into_iter().map(|net| Company { net, boxed: 0.0 }));
    // Holdings are sorted by name and the sort is stable, so sums do not depend on the order of
    // lines.
    classes.sort_by_key(|(company, _)| *company);
    let companies = classes.chunk_by(|a, b| a.0 == b.0);
    values.extend(companies.map(|lines| Company {
        net: lines.iter().map(|(_, value)| value.net).sum(),
        boxed: lines.iter().map(|(_, value)| value.boxed).sum(),
    }));
    let (mut all, mut long, mut short) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    let mut sizes = Vec::with_capacity(values.len());
    for value in &values {
        // Shares of gross, so that squares neither overflow nor underflow.
        let (net, boxed) = (value.net / gross, value.boxed / gross);
        let size = net.abs() + 2.0 * boxed;
        sizes.push(size);
        add(&mut all, size);
        // Zero for the other side. Branch-free, because signs come in no predictable order.
        add(&mut long, net.max(0.0) + boxed);
        add(&mut short, (0.0 - net).max(0.0) + boxed);
    }
    let effective = |[sum, squares]: [f64; 2]| (0.0 < squares).then(|| sum * sum / squares);
    let [_, herfindahl] = all;
    let largest = largest(&sizes);
    Concentration {
        herfindahl,
        effective_names: if 0.0 < herfindahl { 1.0 / herfindahl } else { 0.0 },
        effective_long_names: effective(long),
        effective_short_names: effective(short),
        largest_share: largest[0],
        largest_five_share: largest.iter().sum::<f64>().min(1.0),
    }
}

/// Adds a size to a sum and its square to a sum of squares.
fn add([sum, squares]: &mut [f64; 2], size: f64) {
    *sum += size;
    *squares += size * size;
}

/// The five largest sizes, largest first; zero for those there are not.
fn largest(sizes: &[f64]) -> [f64; 5] {
    let mut largest = [0.0; 5];
    for size in sizes.iter().copied() {
        if largest[4] < size {
            largest[4] = size;
            largest.sort_unstable_by(|a, b| b.total_cmp(a));
        }
    }
    largest
}
