//! Index levels made of the names' printed prices.

use crate::{
    market::Market,
    path::Bars,
    universe::{Exchange, Tier},
};

/// Closing levels of the five indices, one a session.
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
    /// Members of SP500, each alike.
    pub equal: Vec<f64>,
}

/// Levels on the eve of the rotation day, about those of 2024-07-10.
const EVE: [f64; KINDS] = [5_634.0, 18_647.0, 39_721.0, 2_052.0, 6_600.0];
const KINDS: usize = 5;

impl Indices {
    pub(crate) const fn empty() -> Indices {
        Indices {
            large: Vec::new(),
            nasdaq: Vec::new(),
            dow: Vec::new(),
            small: Vec::new(),
            equal: Vec::new(),
        }
    }

    /// Everything traded as an index or a fund: symbol, levels, and what one unit of it costs over
    /// one unit of the level.
    pub fn lines(&self) -> [(&'static str, &[f64], f64); 9] {
        [
            ("^GSPC", &self.large, 1.0),
            ("^IXIC", &self.nasdaq, 1.0),
            ("^DJI", &self.dow, 1.0),
            ("^RUT", &self.small, 1.0),
            ("SPY", &self.large, 0.1),
            ("QQQ", &self.nasdaq, 0.027),
            ("DIA", &self.dow, 0.01),
            ("IWM", &self.small, 0.1),
            ("RSP", &self.equal, 0.025),
        ]
    }
}

pub(crate) fn build(market: &Market) -> Indices {
    let sessions = market.days.len();
    // Weighted sums of returns, and of weights, of each index and session.
    let mut sums = vec![[[0.0; 2]; KINDS]; sessions];
    for at in 0..market.names.len() {
        add(market, at, &market.bars(at), &mut sums);
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
        let unit = EVE[kind] / relative[market.rotation.saturating_sub(1)];
        relative.iter().map(|level| level * unit).collect()
    };
    Indices {
        large: levels(0),
        nasdaq: levels(1),
        dow: levels(2),
        small: levels(3),
        equal: levels(4),
    }
}

fn add(market: &Market, at: usize, bars: &Bars, sums: &mut [[[f64; 2]; KINDS]]) {
    let name = &market.names[at];
    let shares = name.shares();
    for (session, kinds) in sums.iter_mut().enumerate().skip(1) {
        let before = bars.close[session - 1];
        let moved = bars.close[session] - before;
        let member = name.membership.is_some_and(|(a, b)| a <= session && session < b);
        let by = |unit: f64| [moved * unit, before * unit];
        let parts = [
            member.then(|| by(shares)),
            (name.exchange == Exchange::Nasdaq).then(|| by(shares)),
            name.in_dow.then(|| by(1.0)),
            (name.tier == Tier::Small).then(|| by(shares)),
            member.then(|| by(1.0 / before)),
        ];
        for (sum, part) in kinds.iter_mut().zip(parts) {
            let [moved, weight] = part.unwrap_or([0.0; 2]);
            sum[0] += moved;
            sum[1] += weight;
        }
    }
}
