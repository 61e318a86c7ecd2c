//! The bars of one name: total returns from factors and noise, then prices, ranges and volumes.

use crate::{
    market::Market,
    squeeze,
    universe::{SimulatedName, Tier},
};
use stats::rng::Rng;

/// Daily bars of one instrument, adjusted for splits up to the last day; one value per session.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// Opening price, USD.
    pub open: Vec<f64>,
    /// Highest price, USD.
    pub high: Vec<f64>,
    /// Lowest price, USD.
    pub low: Vec<f64>,
    /// Closing price, USD.
    pub close: Vec<f64>,
    /// Closing price adjusted for later distributions, USD.
    pub adjusted_close: Vec<f64>,
    /// Gross total return / gross price return: above 1 on an ex-day, 1 otherwise.
    pub distribution: Vec<f64>,
    /// Shares traded, in the units of the last day.
    pub volume: Vec<f64>,
}

/// Units per dollar that prices are rounded to, in memory and in files.
pub const PRICE_UNITS: f64 = 1e6;
/// Sessions between two distributions.
const QUARTER: usize = 63;
/// First random stream for bars; there are two per name.
const STREAM: u64 = 1 << 33;

/// Rounds a price as it will be printed.
pub(crate) fn printed(price: f64) -> f64 {
    (price * PRICE_UNITS).round().max(1.0) / PRICE_UNITS
}

/// True total returns of a name, decimals; 0 in the first session.
pub fn total_returns(market: &Market, at: usize) -> Vec<f64> {
    let name = &market.names[at];
    let factors = &market.factors;
    let mut rng = Rng::new(market.parameters.seed, STREAM + 2 * at as u64);
    // Sizes are fixed on one eve, so names that fell since the start were large then, and a
    // value-weighted index would lose the variance of the noise every day. This drift compensates
    // small caps fully and large ones by half.
    let share = if name.tier == Tier::Small { 1.0 } else { 0.5 };
    let drift = share * name.noise_sd * name.noise_sd;
    (0..market.days.len())
        .map(|session| {
            let noise = fat_tailed(&mut rng);
            if session == 0 {
                return 0.0;
            }
            if session == market.rotation {
                return market.rotation_returns[at];
            }
            let common = name.market_beta * factors.market[session]
                + name.size_beta * factors.size[session]
                + name.megacap_beta * factors.megacap[session]
                + factors.sector[session][name.sector];
            let jump = squeeze::jump(market.squeezes[at], session);
            (common + drift + name.noise_sd * noise + jump).clamp(-0.6, 1.5)
        })
        .collect()
}

/// A normal draw with variance one, three times as wide in one of fifty cases.
fn fat_tailed(rng: &mut Rng) -> f64 {
    // 0.98 + 0.02·9 = 1.16.
    const SCALE: f64 = 0.928_476_690_885_259_1;
    let wide = rng.next_u32() < u32::MAX / 50;
    rng.normal() * SCALE * if wide { 3.0 } else { 1.0 }
}

pub(crate) fn bars(market: &Market, at: usize) -> Bars {
    let name = &market.names[at];
    let returns = total_returns(market, at);
    let distribution: Vec<f64> =
        (0..returns.len()).map(|session| 1.0 + paid(name, at, session, market.rotation)).collect();
    let close = closes(&returns, &distribution, name.price, market.rotation);
    let mut bars = Bars {
        open: Vec::with_capacity(close.len()),
        high: Vec::with_capacity(close.len()),
        low: Vec::with_capacity(close.len()),
        adjusted_close: adjusted(&close, &distribution),
        close,
        distribution,
        volume: Vec::with_capacity(returns.len()),
    };
    let mut rng = Rng::new(market.parameters.seed, STREAM + 2 * at as u64 + 1);
    let usual = name.shares() * name.turnover;
    for (session, total) in returns.iter().enumerate() {
        let [gap, up, down] = three(rng.next_u64());
        let close = bars.close[session];
        let before = bars.close[session.saturating_sub(1)];
        let open = before * (1.0 + 0.4 * (close / before - 1.0) + name.noise_sd * (gap - 0.5));
        let open = printed(open);
        bars.open.push(open);
        bars.high.push(printed(open.max(close) * (1.0 + 0.6 * name.noise_sd * up)));
        bars.low.push(printed(open.min(close) * (1.0 - 0.6 * name.noise_sd * down)));
        let surprise = (total.abs() / name.noise_sd).min(6.0);
        let busy = squeeze::volume(market.squeezes[at], session);
        let volume = usual * busy * libm::exp(0.3 * rng.normal()) * (0.85 + 0.2 * surprise);
        bars.volume.push(volume.round().max(100.0));
    }
    bars
}

/// Distribution of a session / price after it; 0 on the rotation day.
fn paid(name: &SimulatedName, at: usize, session: usize, rotation: usize) -> f64 {
    let due = 0 < session && session != rotation && (session + 7 * at).is_multiple_of(QUARTER);
    if due { name.quarterly_yield } else { 0.0 }
}

/// Prices run backwards and forwards from the eve of the rotation day.
fn closes(returns: &[f64], distribution: &[f64], eve_price: f64, rotation: usize) -> Vec<f64> {
    let mut level = 1.0;
    let mut levels: Vec<f64> = Vec::with_capacity(returns.len());
    for (total, distribution) in returns.iter().zip(distribution) {
        level *= (1.0 + total) / distribution;
        levels.push(level);
    }
    let unit = eve_price / levels[rotation.saturating_sub(1)];
    levels.iter().map(|level| printed(level * unit)).collect()
}

fn adjusted(close: &[f64], distribution: &[f64]) -> Vec<f64> {
    let mut adjusted = close.to_vec();
    let mut factor = 1.0;
    for session in (1..close.len()).rev() {
        adjusted[session] = printed(close[session] * factor);
        factor /= distribution[session];
    }
    adjusted[0] = printed(close[0] * factor);
    adjusted
}

/// Three uniform numbers of 21 bits from one number of 64 bits.
fn three(bits: u64) -> [f64; 3] {
    const CELL: f64 = 1.0 / (1_u64 << 21) as f64;
    [0, 21, 42].map(|shift| ((bits >> shift & 0x1F_FFFF) as f64 + 0.5) * CELL)
}
