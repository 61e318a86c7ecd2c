//! The names that the legs of a trade select on a view, held or not.

use crate::{
    gaps,
    prepared::PreparedExposure,
    settings::TradeChoice,
    trades::{OwnTrade, Trade, standard},
};
use factors::{kind::InstrumentKind, size_scheme::SizeScheme, trade::Side};
use marketdata::{
    gap::Gap,
    instrument::{InstrumentId, Namespace},
};
use rayon::prelude::*;

/// A leg of a trade and its members.
#[derive(Clone, Debug, PartialEq)]
pub struct LegMembers {
    /// Its id.
    pub leg_id: String,
    /// The symbols behind its return series.
    pub return_symbols: Vec<String>,
    /// The names that it selects and no earlier leg of its side does, in the order of names.
    pub members: Vec<TradeMember>,
}

/// A name that a leg selects.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeMember {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Its symbol on the as-of day.
    pub symbol: String,
    /// Its bucket in the standard scheme, which selectors use. `None` if its size is unknown.
    pub bucket_id: Option<String>,
    /// The rank of its company by market value.
    pub market_cap_rank: Option<u32>,
}

/// The legs of a trade with their members, and what the trade lacks.
pub fn trade_members(
    prepared: &PreparedExposure,
    choice: &TradeChoice,
) -> (Vec<LegMembers>, Vec<Gap>) {
    let own = OwnTrade::all(prepared, std::slice::from_ref(choice));
    match own.first() {
        Some(own) => of_trade(prepared, &own.trade()),
        None => of_trade(prepared, &standard(prepared)),
    }
}

fn of_trade(prepared: &PreparedExposure, trade: &Trade<'_>) -> (Vec<LegMembers>, Vec<Gap>) {
    let snapshot = prepared.snapshot();
    let listed = snapshot.instruments().iter().filter(|one| one.namespace == Namespace::Listed);
    let ids = listed.map(|one| one.id).filter(|id| snapshot.survivor(*id) == *id);
    let mut ids: Vec<InstrumentId> = ids.collect();
    snapshot.sort_by_name(&mut ids);
    // The leg of a long and of a short position in each name.
    let legs: Vec<[usize; 2]> = ids.par_iter().map(|id| legs_of(prepared, trade, *id)).collect();
    let leg = |(at, series): (usize, &risk::trade::LegSeries)| {
        let side = usize::from(series.side == Side::Short);
        let members = ids.iter().zip(&legs).filter(|(_, legs)| legs[side] == at);
        LegMembers {
            leg_id: trade.definition.legs[at].leg_id.clone(),
            return_symbols: series.symbols.clone(),
            members: members.map(|(id, _)| member(prepared, *id)).collect(),
        }
    };
    let legs = trade.series.iter().enumerate().map(leg).collect();
    (legs, gaps::series(prepared, trade))
}

fn legs_of(prepared: &PreparedExposure, trade: &Trade<'_>, id: InstrumentId) -> [usize; 2] {
    let company = prepared.size(id);
    let may_be_fund = company.is_some_and(|company| company.kind != InstrumentKind::Company);
    [1.0, -1.0]
        .map(|value| trade.membership.leg_of(prepared.standard_sizes(), id, may_be_fund, value))
}

fn member(prepared: &PreparedExposure, id: InstrumentId) -> TradeMember {
    let sized = prepared.standard_size(id);
    let band = sized.and_then(|sized| SizeScheme::standard().bands.get(sized.band));
    TradeMember {
        instrument: id,
        symbol: prepared.snapshot().symbol(id).to_owned(),
        bucket_id: band.map(|band| band.bucket_id.clone()),
        market_cap_rank: prepared.size(id).map(|company| company.rank),
    }
}
