//! Funds and baskets by what they hold, looked through to names.
//!
//! A fund is worth the sum of its holdings, so a share of it is a share of each. Its weights are
//! those of its newest known holdings. A holding that is a fund itself is opened in turn, down to
//! [`DEPTH`] levels. What is not seen through stays with the fund, as its *rest*: cash and futures,
//! which no line of a file of holdings describes, holdings without a weight, holdings without a
//! price, and what is not seen through of the inner funds that were opened, times their weights. The
//! weights of the members and the rest add up to one.
//!
//! A fund whose holdings lead back to itself is wrong data: it is not opened, so all of it is rest.

use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    instant::Instant,
    instrument::InstrumentId,
    quotes::Quotes,
    snapshot::Snapshot,
};
use std::collections::BTreeMap;

/// Levels of funds inside of funds that are opened.
pub const DEPTH: usize = 3;

/// Published weights that miss one by more than this are a gap.
pub const WEIGHT_TOLERANCE: f64 = 0.01;

/// Calendar days after which holdings are old: funds publish them daily or monthly.
const STALE_DAYS: i32 = 31;

/// A rest smaller than this comes from rounding in a sum, and is none.
const ROUNDING: f64 = 1e-9;

/// All funds with known holdings.
#[derive(Clone, Debug)]
pub struct Funds {
    by_instrument: BTreeMap<InstrumentId, Fund>,
}

/// A fund, looked through.
#[derive(Clone, Debug, PartialEq)]
pub struct Fund {
    /// What is known of it.
    pub facts: FundFacts,
    /// The names seen through, each once, in the order of names, as shares of the fund's value. They
    /// are negative for what a fund holds short.
    pub members: Vec<(InstrumentId, f64)>,
}

/// What is known of a fund with holdings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FundFacts {
    /// The day that its newest known holdings describe.
    pub held_on: Day,
    /// When the last of them was published.
    pub published_at: Instant,
    /// The oldest day of the holdings that it was opened with, those of inner funds included.
    pub oldest_on: Day,
    /// Σ of the weights as published, of the rows that have one. The rest of a file of stocks is
    /// cash and futures.
    pub published_weight: f64,
    /// Number of names seen through.
    pub members: usize,
    /// 1 − Σ of the members' weights; 0 if only rounding is left.
    pub rest: f64,
    /// Holdings without a price, and their weight; it is part of the rest.
    pub unpriced: Unseen,
    /// Inner funds below [`DEPTH`] or leading back to themselves, and their weight. They are members
    /// if they have a price.
    pub unopened: Unseen,
    /// Opened inner funds whose published weights add up to less than one by more than
    /// [`WEIGHT_TOLERANCE`], and what they miss; it is part of the rest.
    pub inner_missing: Unseen,
    /// The same for more than one; the rest is less by it.
    pub inner_excess: Unseen,
    /// Whether its holdings lead back to itself.
    pub is_circular: bool,
}

impl FundFacts {
    /// Whether the holdings are old on a day.
    pub fn is_stale(&self, today: Day) -> bool {
        self.oldest_on.plus(STALE_DAYS) < today
    }
}

/// Holdings that could not be seen as they should.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unseen {
    /// Number of holdings.
    pub names: usize,
    /// Σ |weight| in the fund.
    pub weight: f64,
}

impl Unseen {
    /// Everything was seen.
    pub const NOTHING: Unseen = Unseen { names: 0, weight: 0.0 };

    fn add(&mut self, weight: f64) {
        self.names += 1;
        self.weight += weight.abs();
    }
}

/// The newest known holdings of a fund, as published.
struct Published {
    held_on: Day,
    published_at: Instant,
    /// Members with their weight and the value held, NaN where it is not known.
    rows: Vec<(InstrumentId, f64, f64)>,
}

impl Published {
    /// The rows with a weight, as shares of the fund's value.
    ///
    /// Files print weights to 0.01 %, a large part of a small member's weight, and values to the
    /// cent. So if every row has a positive value, the sum of the weights is split by values.
    fn weights(&self) -> Vec<(InstrumentId, f64)> {
        let weighted = || self.rows.iter().filter(|(_, weight, _)| weight.is_finite());
        let sum = |of: fn(&(InstrumentId, f64, f64)) -> f64| weighted().map(of).sum::<f64>();
        let (weight, value) = (sum(|(_, weight, _)| *weight), sum(|(_, _, value)| *value));
        let has_values = weighted().all(|(_, weight, value)| 0.0 <= *weight && 0.0 <= *value);
        let exact = has_values && 0.0 < value && value.is_finite();
        let of = |(member, printed, held): &(InstrumentId, f64, f64)| {
            (*member, if exact { weight * (held / value) } else { *printed })
        };
        weighted().map(of).collect()
    }
}

impl Funds {
    /// No fund is opened.
    pub const NONE: Funds = Funds { by_instrument: BTreeMap::new() };

    /// Opens every fund with holdings known to a view. `quotes` are those of the view.
    pub fn of(snapshot: &Snapshot, quotes: &Quotes) -> Funds {
        let published = published(snapshot);
        let shelf = Shelf {
            weights: published.iter().map(|(fund, held)| (*fund, held.weights())).collect(),
            held_on: published.iter().map(|(fund, held)| (*fund, held.held_on)).collect(),
            quotes,
        };
        let open = |(id, held): (&InstrumentId, &Published)| {
            let mut fund = shelf.open(*id, held);
            fund.members = by_name(snapshot, &fund.members);
            let seen: f64 = fund.members.iter().map(|(_, weight)| weight).sum();
            fund.facts.members = fund.members.len();
            fund.facts.rest = without_rounding(1.0 - seen);
            (*id, fund)
        };
        Funds { by_instrument: published.iter().map(open).collect() }
    }

    /// A fund. `None` if no holdings of the instrument are known.
    pub fn get(&self, instrument: InstrumentId) -> Option<&Fund> {
        self.by_instrument.get(&instrument)
    }

    /// Memory held, in bytes.
    pub fn heap_bytes(&self) -> usize {
        let of = |fund: &Fund| {
            fund.members.capacity() * size_of::<(InstrumentId, f64)>() + size_of::<Fund>()
        };
        self.by_instrument.values().map(of).sum()
    }
}

/// The newest known holdings of every fund, members in the order of names.
fn published(snapshot: &Snapshot) -> BTreeMap<InstrumentId, Published> {
    let column = |field| Dataset::Holdings.column(field);
    let (weight, value) = (column(Field::Weight), column(Field::HeldValue));
    let mut funds: BTreeMap<InstrumentId, Published> = BTreeMap::new();
    let mut members: Vec<InstrumentId> = snapshot.holders(Dataset::Holdings).collect();
    snapshot.sort_by_name(&mut members);
    for member in members {
        let rows = snapshot.rows(Dataset::Holdings, member);
        for row in 0..rows.len() {
            let (held_on, published_at) = (rows.day(row), rows.published_at(row));
            let none = || Published { held_on, published_at, rows: Vec::new() };
            let fund = funds.entry(rows.other(row)).or_insert_with(none);
            if fund.held_on < held_on {
                *fund = none();
            }
            if fund.held_on == held_on {
                let known = |column| rows.value(row, column).unwrap_or(f64::NAN);
                fund.published_at = fund.published_at.max(published_at);
                fund.rows.push((member, known(weight), known(value)));
            }
        }
    }
    funds
}

/// What opening a fund needs of all funds.
struct Shelf<'a> {
    weights: BTreeMap<InstrumentId, Vec<(InstrumentId, f64)>>,
    held_on: BTreeMap<InstrumentId, Day>,
    quotes: &'a Quotes,
}

impl Shelf<'_> {
    fn holdings(&self, fund: InstrumentId) -> &[(InstrumentId, f64)] {
        self.weights.get(&fund).map_or(&[], Vec::as_slice)
    }

    fn published_weight(&self, fund: InstrumentId) -> f64 {
        self.holdings(fund).iter().map(|(_, weight)| weight).sum()
    }

    /// Opens a fund; its members may be listed more than once.
    fn open(&self, id: InstrumentId, held: &Published) -> Fund {
        let facts = FundFacts {
            held_on: held.held_on,
            published_at: held.published_at,
            oldest_on: held.held_on,
            published_weight: self.published_weight(id),
            members: 0,
            rest: 0.0,
            unpriced: Unseen::NOTHING,
            unopened: Unseen::NOTHING,
            inner_missing: Unseen::NOTHING,
            inner_excess: Unseen::NOTHING,
            is_circular: self.leads_to(id, id, DEPTH),
        };
        let mut fund = Fund { facts, members: Vec::new() };
        if !facts.is_circular {
            self.add((id, 1.0), DEPTH, &mut fund);
        }
        fund
    }

    /// Adds the holdings of `inner`, of which `share` is in the fund.
    fn add(&self, (inner, share): (InstrumentId, f64), levels: usize, fund: &mut Fund) {
        for (member, weight) in self.holdings(inner) {
            let part = share * weight;
            if self.weights.contains_key(member) {
                if 1 < levels && !self.leads_to(*member, *member, DEPTH) {
                    self.add_inner((*member, part), levels - 1, fund);
                    continue;
                }
                fund.facts.unopened.add(part);
            }
            if self.quotes.get(*member).is_some() {
                fund.members.push((*member, part));
            } else {
                fund.facts.unpriced.add(part);
            }
        }
    }

    /// Opens an inner fund. What is not seen through of it is missing in the sum over the members,
    /// and so is part of the fund's rest.
    fn add_inner(&self, (inner, part): (InstrumentId, f64), levels: usize, fund: &mut Fund) {
        let facts = &mut fund.facts;
        facts.oldest_on = facts.oldest_on.min(self.held_on[&inner]);
        let missing = 1.0 - self.published_weight(inner);
        if WEIGHT_TOLERANCE < missing {
            facts.inner_missing.add(part * missing);
        } else if missing < -WEIGHT_TOLERANCE {
            facts.inner_excess.add(part * missing);
        }
        self.add((inner, part), levels, fund);
    }

    /// Whether a fund's holdings lead to an instrument within some levels.
    fn leads_to(&self, fund: InstrumentId, target: InstrumentId, levels: usize) -> bool {
        let reaches = |(member, _): &(InstrumentId, f64)| {
            *member == target
                || 1 < levels
                    && self.weights.contains_key(member)
                    && self.leads_to(*member, target, levels - 1)
        };
        self.holdings(fund).iter().any(reaches)
    }
}

/// A rest, or 0 if it is one of rounding only.
fn without_rounding(rest: f64) -> f64 {
    if rest.abs() < ROUNDING { 0.0 } else { rest }
}

/// Members in the order of names, each once. The sort is stable, so sums run in the order in which
/// the funds were opened.
fn by_name(snapshot: &Snapshot, members: &[(InstrumentId, f64)]) -> Vec<(InstrumentId, f64)> {
    let mut names: Vec<InstrumentId> = members.iter().map(|(member, _)| *member).collect();
    names.sort_unstable();
    names.dedup();
    let mut sums: BTreeMap<InstrumentId, f64> = BTreeMap::new();
    for (member, weight) in members {
        *sums.entry(*member).or_default() += weight;
    }
    snapshot.sort_by_name(&mut names);
    names.into_iter().map(|member| (member, sums[&member])).collect()
}
