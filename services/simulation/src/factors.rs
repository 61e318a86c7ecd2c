//! Daily factor returns, and the volatility index, yield and credit spread that go with them.

use crate::universe::SECTORS;
use stats::rng::Rng;

/// Factor returns and market levels, one value per session. Returns are decimals.
#[derive(Clone, Debug)]
pub struct Factors {
    /// Return of the market factor.
    pub market: Vec<f64>,
    /// Return of the size factor: small caps minus large caps.
    pub size: Vec<f64>,
    /// Return of the megacap factor.
    pub megacap: Vec<f64>,
    /// Return of each sector factor, in the order of [`SECTORS`].
    pub sector: Vec<[f64; SECTORS.len()]>,
    /// Volatility index, per cent per year.
    pub volatility_index: Vec<f64>,
    /// Ten-year yield, per cent.
    pub ten_year: Vec<f64>,
    /// Spread of high-yield bonds over Treasuries, per cent.
    pub credit_spread: Vec<f64>,
}

/// Sessions before the rotation day during which the megacaps led.
const LEADERSHIP_SESSIONS: usize = 110;
/// Sessions after the rotation day during which small caps kept leading.
const FOLLOW_THROUGH_SESSIONS: usize = 5;
/// Ten-year yield on the eve and its change on the rotation day, per cent.
const YIELD_EVE: f64 = 4.28;
const YIELD_CHANGE: f64 = -0.08;
/// Volatility index on the eve, per cent.
const VOLATILITY_EVE: f64 = 12.9;
/// The last sessions of the megacaps' leadership, in which the index made its highs.
const LATE_SESSIONS: usize = 12;
/// Long-run logarithm of relative volatility while the megacaps lead.
const CALM: f64 = -0.5;

/// Draws every factor. An earlier and larger rotation lies at one fifth of the sessions before the
/// rotation day, so that the rotation day is not the record.
pub fn draw(seed: u64, sessions: usize, rotation: usize) -> Factors {
    let stream = |number| Rng::new(seed, number);
    let (mut shocks, mut levels, mut sectors) = (stream(1), stream(2), stream(3));
    let mut factors = Factors {
        market: Vec::with_capacity(sessions),
        size: Vec::with_capacity(sessions),
        megacap: Vec::with_capacity(sessions),
        sector: Vec::with_capacity(sessions),
        volatility_index: Vec::with_capacity(sessions),
        ten_year: Vec::with_capacity(sessions),
        credit_spread: Vec::with_capacity(sessions),
    };
    let mut log_volatilities = Vec::with_capacity(sessions);
    let mut v = 0.0;
    for session in 0..sessions {
        let calm = is_leadership(session, rotation);
        let (pull, noise) = if calm { (0.02 * CALM, 0.04) } else { (0.0, 0.08) };
        v = 0.97 * v + pull + noise * levels.normal();
        log_volatilities.push(v);
        let scale = libm::exp(v);
        let (m, s, g) = (shocks.normal(), shocks.normal(), shocks.normal());
        factors.market.push(0.0070 * scale * m);
        factors.size.push(0.0050 * scale * s);
        factors.megacap.push(0.0055 * scale * (0.8 * g - 0.6 * s));
        let own: [f64; SECTORS.len()] = std::array::from_fn(|_| 0.0045 * scale * sectors.normal());
        factors.sector.push(own);
    }
    drift(&mut factors, rotation);
    let earlier = earlier_rotation(rotation);
    factors.size[earlier] = 0.046;
    factors.megacap[earlier] = -0.034;
    levels_of(&mut factors, &log_volatilities, &mut levels, rotation);
    factors
}

/// Index of the session of the earlier rotation.
pub fn earlier_rotation(rotation: usize) -> usize {
    rotation / 5
}

/// Shifts the factors to the mean returns given here for each period, so that they do not depend on
/// the seed.
fn drift(factors: &mut Factors, rotation: usize) {
    let sessions = factors.market.len();
    let lead = rotation.saturating_sub(LEADERSHIP_SESSIONS);
    let late = rotation.saturating_sub(LATE_SESSIONS);
    let after = (rotation + 1 + FOLLOW_THROUGH_SESSIONS).min(sessions);
    // First session, end session (exclusive), and means of market, size and megacap.
    let chapters = [
        (0, lead, [0.0003, 0.0002, 0.0000]),
        (lead, late, [0.0006, -0.0006, 0.0010]),
        (late, rotation, [0.0010, -0.0008, 0.0012]),
        (rotation + 1, after, [0.0005, 0.0100, -0.0040]),
        (after, sessions, [0.0000, 0.0000, 0.0000]),
    ];
    for (from, to, [market, size, megacap]) in chapters {
        centre(&mut factors.market[from..to], market);
        centre(&mut factors.size[from..to], size);
        centre(&mut factors.megacap[from..to], megacap);
    }
}

fn is_leadership(session: usize, rotation: usize) -> bool {
    session < rotation && rotation <= session + LEADERSHIP_SESSIONS
}

fn centre(values: &mut [f64], mean: f64) {
    let excess = values.iter().sum::<f64>() / values.len().max(1) as f64 - mean;
    for value in values {
        *value -= excess;
    }
}

/// Appends the levels. They are fixed on the eve of the rotation day and run backwards and forwards
/// from there.
fn levels_of(factors: &mut Factors, log_volatilities: &[f64], rng: &mut Rng, rotation: usize) {
    let eve = rotation.saturating_sub(1);
    let changes: Vec<f64> = (0..log_volatilities.len())
        .map(|session| if session == rotation { YIELD_CHANGE } else { 0.055 * rng.normal() })
        .collect();
    for (session, v) in log_volatilities.iter().enumerate() {
        let calm = libm::exp(
            0.9 * (v - log_volatilities[eve]) - 8.0 * factors.market[session]
                + 8.0 * factors.market[eve],
        );
        factors.volatility_index.push((VOLATILITY_EVE * calm).clamp(9.0, 80.0));
        let moved: f64 = if session <= eve {
            -changes[session + 1..=eve].iter().sum::<f64>()
        } else {
            changes[eve + 1..=session].iter().sum()
        };
        factors.ten_year.push((YIELD_EVE + moved).max(0.3));
        factors.credit_spread.push(3.1 * libm::exp(0.5 * (v - log_volatilities[eve])));
    }
}
