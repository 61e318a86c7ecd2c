//! Converts books looked through their funds to protobuf.

use crate::rpc::{exposure::exposure, shared::timestamp};
use ::exposure::report::{LookedThroughBook, SeenName};
use contract::v1;
use factors::{fund_line::FundLine, funds::Unseen};

/// A book looked through its funds.
pub(super) fn book(book: LookedThroughBook) -> v1::LookedThroughBook {
    let gross = book.exposure.gross();
    v1::LookedThroughBook {
        exposure: Some(exposure(&book.exposure)),
        remaining_gross: book.rest_gross,
        funds: book.funds.iter().map(fund).collect(),
        names: book.names.into_iter().map(|seen| name(seen, gross)).collect(),
    }
}

/// A fund of a portfolio.
pub(super) fn fund(line: &FundLine) -> v1::LookedThroughFund {
    let none = Unseen::NOTHING;
    let facts = line.facts;
    let (unpriced, unopened) = facts.map_or((none, none), |facts| (facts.unpriced, facts.unopened));
    v1::LookedThroughFund {
        symbol: line.symbol.clone(),
        market_value: line.market_value,
        holdings_observed_on: facts.map(|facts| facts.held_on.to_string()).unwrap_or_default(),
        holdings_published_at: facts.map(|facts| timestamp(facts.published_at)),
        oldest_holdings_observed_on: facts
            .map(|facts| facts.oldest_on.to_string())
            .unwrap_or_default(),
        member_count: facts.map_or(0, |facts| facts.members) as i32,
        published_weight: facts.map(|facts| facts.published_weight),
        remaining_weight: facts.map_or(1.0, |facts| facts.rest),
        unpriced_count: unpriced.names as i32,
        unpriced_weight: unpriced.weight,
        unopened_count: unopened.names as i32,
        unopened_weight: unopened.weight,
        circular: facts.is_some_and(|facts| facts.is_circular),
    }
}

fn name(seen: SeenName, gross: f64) -> v1::LookedThroughName {
    let SeenName { symbol, part, shares } = seen;
    v1::LookedThroughName {
        symbol,
        market_value: part.market_value,
        gross: part.gross(),
        gross_share: if 0.0 < gross { part.gross() / gross } else { 0.0 },
        through_funds_market_value: part.through_funds,
        quantity: shares,
    }
}
