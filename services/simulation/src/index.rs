//! Index and fund levels, computed from the printed prices of the names.

use crate::{
    market::Market,
    universe::{Exchange, SECTORS, SimulatedName, Tier},
};

/// Closing levels of the indices, one per session.
#[derive(Clone, Debug, PartialEq)]
pub struct Indices {
    /// `^GSPC`: members of SP500, by market value.
    pub large: Vec<f64>,
    /// `^IXIC`: names on the Nasdaq, by market value.
    pub nasdaq: Vec<f64>,
    /// `^DJI`: thirty members, by price.
    pub dow: Vec<f64>,
    /// `^RUT`: small caps, by market value.
    pub small: Vec<f64>,
    /// Members of SP500, equally weighted.
    pub equal: Vec<f64>,
    /// Mid caps, by market value.
    pub mid: Vec<f64>,
    /// Every name, by market value.
    pub broad: Vec<f64>,
    /// For each of [`SECTORS`], the members of SP500 in it, by market value.
    pub sectors: Vec<Vec<f64>>,
}

/// Levels of the first seven on the eve of the rotation day, close to those of 2024-07-10; sectors
/// are at 100.
const EVE: [f64; 7] = [5_634.0, 18_647.0, 39_721.0, 2_052.0, 6_600.0, 2_930.0, 275.0];
const KINDS: usize = EVE.len() + SECTORS.len();

/// The sector funds, in the order of [`SECTORS`].
const SECTOR_FUNDS: [&str; SECTORS.len()] =
    ["XLK", "XLC", "XLY", "XLP", "XLV", "XLF", "XLI", "XLE", "XLB", "XLRE", "XLU"];

/// An index or a fund with its own ticker.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its ticker.
    pub symbol: &'static str,
    /// Levels that it follows.
    pub levels: &'a [f64],
    /// Price divided by level.
    pub unit: f64,
}

impl Indices {
    pub(crate) const fn empty() -> Indices {
        Indices {
            large: Vec::new(),
            nasdaq: Vec::new(),
            dow: Vec::new(),
            small: Vec::new(),
            equal: Vec::new(),
            mid: Vec::new(),
            broad: Vec::new(),
            sectors: Vec::new(),
        }
    }

    /// Every index (its ticker begins with a caret) and fund.
    pub fn lines(&self) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        let mut add = |symbol, levels, unit| lines.push(Line { symbol, levels, unit });
        add("^GSPC", &self.large[..], 1.0);
        add("^IXIC", &self.nasdaq, 1.0);
        add("^DJI", &self.dow, 1.0);
        add("^RUT", &self.small, 1.0);
        add("SPY", &self.large, 0.1);
        add("QQQ", &self.nasdaq, 0.027);
        add("DIA", &self.dow, 0.01);
        add("IWM", &self.small, 0.1);
        add("RSP", &self.equal, 0.025);
        add("MDY", &self.mid, 0.18);
        add("VTI", &self.broad, 1.0);
        for (symbol, levels) in SECTOR_FUNDS.into_iter().zip(&self.sectors) {
            add(symbol, levels, 1.0);
        }
        lines
    }
}

pub(crate) fn build(market: &Market) -> Indices {
    // Weighted sums of returns, and sums of weights, per session and kind.
    let mut sums = vec![[[0.0; 2]; KINDS]; market.days.len()];
    for (at, name) in market.names.iter().enumerate() {
        add(name, &market.bars(at).close, &mut sums);
    }
    let levels = |kind: usize| {
        let mut level = 1.0;
        let relative: Vec<f64> = sums
            .iter()
            .map(|session| {
                let [moved, weight] = session[kind];
                level *= 1.0 + if 0.0 < weight { moved / weight } else { 0.0 };
                level
            })
            .collect();
        let eve = EVE.get(kind).copied().unwrap_or(100.0);
        let unit = eve / relative[market.rotation.saturating_sub(1)];
        relative.iter().map(|level| level * unit).collect()
    };
    Indices {
        large: levels(0),
        nasdaq: levels(1),
        dow: levels(2),
        small: levels(3),
        equal: levels(4),
        mid: levels(5),
        broad: levels(6),
        sectors: (EVE.len()..KINDS).map(levels).collect(),
    }
}

fn add(name: &SimulatedName, close: &[f64], sums: &mut [[[f64; 2]; KINDS]]) {
    let shares = name.shares();
    let member = |session| name.membership.is_some_and(|(a, b)| a <= session && session < b);
    for (session, kinds) in sums.iter_mut().enumerate().skip(1) {
        let before = close[session - 1];
        let moved = close[session] - before;
        let mut count = |kind: usize, unit: f64| {
            kinds[kind][0] += moved * unit;
            kinds[kind][1] += before * unit;
        };
        if member(session) {
            count(0, shares);
            count(4, 1.0 / before);
            count(EVE.len() + name.sector, shares);
        }
        if name.exchange == Exchange::Nasdaq {
            count(1, shares);
        }
        if name.in_dow {
            count(2, 1.0);
        }
        match name.tier {
            Tier::Small => count(3, shares),
            Tier::Mid => count(5, shares),
            Tier::Mega | Tier::Large => {}
        }
        count(6, shares);
    }
}
