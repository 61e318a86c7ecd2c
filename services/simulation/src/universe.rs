//! The listed instruments: names, sectors, sizes, true betas, memberships.

use stats::rng::Rng;

/// Names of the sectors, by number.
pub const SECTORS: [&str; 11] = [
    "Technology",
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Health Care",
    "Financials",
    "Industrials",
    "Energy",
    "Materials",
    "Real Estate",
    "Utilities",
];

/// The exchange where a name is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The Nasdaq; its names are in `^IXIC`.
    Nasdaq,
    /// The New York Stock Exchange.
    Nyse,
}

impl Exchange {
    /// Spelling used in screeners.
    pub const fn text(self) -> &'static str {
        match self {
            Exchange::Nasdaq => "nasdaq",
            Exchange::Nyse => "nyse",
        }
    }
}

/// Part of the market that a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// A share class of one of the seven megacap companies.
    Mega,
    /// Another name that is a member of SP500 most of the time.
    Large,
    /// Neither in the large nor in the small index.
    Mid,
    /// In the small-cap index.
    Small,
}

/// One listed instrument, with its true parameters.
#[derive(Clone, Debug)]
pub struct SimulatedName {
    /// Ticker.
    pub symbol: String,
    /// Company name; it always contains that it is simulated.
    pub title: String,
    /// Exchange.
    pub exchange: Exchange,
    /// Index into [`SECTORS`].
    pub sector: usize,
    /// Part of the market.
    pub tier: Tier,
    /// Market value of this share class on the eve of the rotation day, USD.
    pub cap_usd: f64,
    /// Market value of the whole company on that eve, USD; differs from `cap_usd` if it has several
    /// share classes.
    pub company_cap_usd: f64,
    /// Price on that eve, USD.
    pub price: f64,
    /// Free float / shares outstanding, a decimal.
    pub float_share: f64,
    /// True loading on the market factor.
    pub market_beta: f64,
    /// True loading on the size factor (small minus large).
    pub size_beta: f64,
    /// True loading on the megacap factor.
    pub megacap_beta: f64,
    /// True standard deviation of the daily idiosyncratic noise, a decimal.
    pub noise_sd: f64,
    /// Shares traded per day / shares outstanding, on an ordinary day.
    pub turnover: f64,
    /// Shares sold short / float; the maximum for a squeezed name.
    pub short_ratio: f64,
    /// Quarterly distribution / price after it; 0 for none.
    pub quarterly_yield: f64,
    /// Sessions of membership in SP500: first, and end (exclusive). `None`: never a member.
    pub membership: Option<(usize, usize)>,
    /// Whether it is one of the 30 members of the price-weighted index.
    pub in_dow: bool,
    /// Split: first session in the new units, and number of new shares per old share.
    pub split: Option<(usize, f64)>,
}

impl SimulatedName {
    /// Shares outstanding in the units of the last day.
    pub fn shares(&self) -> f64 {
        (self.cap_usd / self.price).round()
    }

    /// Floating shares in the units of the last day.
    pub fn float_shares(&self) -> f64 {
        (self.shares() * self.float_share).round()
    }

    /// New shares per old share from a session to the last one: 1 if there is no split in between.
    pub fn split_after(&self, session: usize) -> f64 {
        self.split.filter(|(at, _)| session < *at).map_or(1.0, |(_, factor)| factor)
    }
}

/// Ticker, sector, market value (USD bn), price, float, market beta, short ratio.
type Mega = (&'static str, usize, f64, f64, f64, f64, f64);

/// Market values are the rounded ones of July 2024, of which 3.5 % is more than $500bn; everything
/// else is made up.
const MEGACAPS: [Mega; 8] = [
    ("AAPL", 0, 3_500.0, 230.0, 0.999, 1.05, 0.007),
    ("MSFT", 0, 3_450.0, 465.0, 0.999, 1.00, 0.008),
    ("GOOGL", 1, 1_150.0, 190.0, 0.990, 1.10, 0.010),
    ("GOOG", 1, 1_100.0, 192.0, 0.900, 1.10, 0.009),
    ("AMZN", 2, 2_050.0, 198.0, 0.900, 1.20, 0.009),
    ("NVDA", 0, 3_300.0, 134.0, 0.960, 1.60, 0.012),
    ("META", 1, 1_320.0, 530.0, 0.990, 1.25, 0.014),
    ("TSLA", 2, 810.0, 260.0, 0.870, 1.70, 0.031),
];

/// Market value of all other members together, USD.
const LARGE_TOTAL_USD: f64 = 30.0e12;
/// First session after the split of NVDA's namesake, in sessions before the rotation day:
/// 2024-06-10.
const NVDA_SPLIT_BEFORE: usize = 21;
/// The same for the reverse split of the second of the squeezed names.
const REVERSE_SPLIT_BEFORE: usize = 95;

/// Number of names in each part of the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Members other than the megacaps.
    pub large: usize,
    /// Mid caps.
    pub mid: usize,
    /// Small caps.
    pub small: usize,
    /// Heavily shorted small caps; they come first among the small caps.
    pub squeezed: usize,
}

impl Shape {
    /// Three fifths of the names are members, at most 500 including the megacaps; one tenth of the
    /// rest are mid caps.
    pub fn of(names: usize) -> Shape {
        let names = names.max(100);
        let members = (names * 3 / 5).min(500);
        let mid = (names - members) / 10;
        let small = names - members - mid;
        Shape { large: members - MEGACAPS.len(), mid, small, squeezed: (small / 25).clamp(3, 12) }
    }
}

/// Generates all names: megacaps, large, mid, small. Each part is ordered from the largest down,
/// except that the squeezed names come first among the small caps.
pub fn names(seed: u64, shape: Shape, sessions: usize, rotation: usize) -> Vec<SimulatedName> {
    let mut names: Vec<SimulatedName> =
        MEGACAPS.iter().map(|mega| megacap(mega, sessions, rotation)).collect();
    let draw = |number: usize| Rng::new(seed, STREAM + number as u64);
    let spread = |at: usize, of: usize| {
        let p = (at as f64 + 0.5) / of as f64;
        -stats::normal::quantile(p).unwrap_or(0.0)
    };
    let sizes: Vec<f64> =
        (0..shape.large).map(|at| libm::exp(1.05 * spread(at, shape.large))).collect();
    let total: f64 = sizes.iter().sum();
    for (at, size) in sizes.iter().enumerate() {
        let number = names.len();
        names.push(large(at, size / total * LARGE_TOTAL_USD, &mut draw(number), sessions));
    }
    for at in 0..shape.mid {
        let number = names.len();
        let cap = 6e9 * libm::exp(0.4 * spread(at, shape.mid));
        names.push(ordinary(number, Tier::Mid, cap, &mut draw(number)));
    }
    for at in 0..shape.small {
        let number = names.len();
        // The squeezed names are spread over the sizes; the others are ordered from the largest
        // down.
        let rank = if at < shape.squeezed { shape.small * (2 * at + 3) / 32 } else { at };
        let cap = 1.1e9 * libm::exp(0.95 * spread(rank % shape.small, shape.small));
        names.push(ordinary(number, Tier::Small, cap, &mut draw(number)));
    }
    let first_small = names.len() - shape.small;
    for (at, name) in names[first_small..first_small + shape.squeezed].iter_mut().enumerate() {
        crowd_with_shorts(name, at);
        if at == 1 {
            name.split = rotation.checked_sub(REVERSE_SPLIT_BEFORE).map(|at| (at, 0.2));
        }
    }
    swap_members(&mut names, shape, sessions, rotation);
    names
}

/// First random stream for names.
const STREAM: u64 = 1 << 32;

fn megacap(mega: &Mega, sessions: usize, rotation: usize) -> SimulatedName {
    let (symbol, sector, cap_bn, price, float_share, market_beta, short_ratio) = *mega;
    let company_bn = if symbol.starts_with("GOOG") { 2_250.0 } else { cap_bn };
    SimulatedName {
        symbol: symbol.to_owned(),
        title: format!("{symbol} namesake (simulated)"),
        exchange: Exchange::Nasdaq,
        sector,
        tier: Tier::Mega,
        cap_usd: cap_bn * 1e9,
        company_cap_usd: company_bn * 1e9,
        price,
        float_share,
        market_beta,
        size_beta: -0.15,
        megacap_beta: 1.0,
        noise_sd: 0.006 + 0.008 * (market_beta - 1.0).max(0.0),
        turnover: 0.004 + 0.02 * (market_beta - 1.0).max(0.0),
        short_ratio,
        quarterly_yield: 0.0,
        membership: Some((0, sessions)),
        in_dow: matches!(symbol, "AAPL" | "MSFT" | "AMZN"),
        split: (symbol == "NVDA")
            .then(|| rotation.checked_sub(NVDA_SPLIT_BEFORE))
            .flatten()
            .map(|at| (at, 10.0)),
    }
}

fn large(at: usize, cap_usd: f64, rng: &mut Rng, sessions: usize) -> SimulatedName {
    let mut name = ordinary(at + MEGACAPS.len(), Tier::Large, cap_usd, rng);
    name.exchange = if at % 3 == 2 { Exchange::Nasdaq } else { Exchange::Nyse };
    name.membership = Some((0, sessions));
    // 27 names, in addition to three megacaps.
    name.in_dow = at < 54 && at.is_multiple_of(2);
    name
}

fn ordinary(number: usize, tier: Tier, cap_usd: f64, rng: &mut Rng) -> SimulatedName {
    let sector = rng.below(SECTORS.len() as u32) as usize;
    let (z, v) = (rng.normal(), rng.normal());
    let small = tier == Tier::Small;
    let dollars = if small { 18.0 } else { 110.0 };
    let cap_usd = cap_usd.round();
    let payer = !small && rng.uniform() < 0.7;
    SimulatedName {
        symbol: format!("SIM{:04}", number + 1 - MEGACAPS.len()),
        title: format!("Simulated {} {:04}", SECTORS[sector], number + 1 - MEGACAPS.len()),
        exchange: if rng.uniform() < 0.5 { Exchange::Nasdaq } else { Exchange::Nyse },
        sector,
        tier,
        cap_usd,
        company_cap_usd: cap_usd,
        price: (dollars * libm::exp(0.5 * v) * 100.0).round() / 100.0,
        float_share: (if small { 0.80 } else { 0.95 }) + 0.045 * rng.uniform(),
        market_beta: if small { 1.10 + 0.22 * z } else { 0.98 + 0.18 * z },
        size_beta: match tier {
            Tier::Small => 1.0 + 0.25 * rng.normal(),
            Tier::Mid => 0.5 + 0.15 * rng.normal(),
            Tier::Large | Tier::Mega => 0.05 + 0.10 * rng.normal(),
        },
        megacap_beta: if small { 0.0 } else { -0.05 + 0.05 * rng.normal() },
        noise_sd: (if small { 0.024 } else { 0.012 }) * libm::exp(0.2 * rng.normal()),
        turnover: (if small { 0.009 } else { 0.006 }) * libm::exp(0.3 * rng.normal()),
        short_ratio: (if small { 0.045 } else { 0.018 }) * libm::exp(0.5 * rng.normal()),
        quarterly_yield: if payer { 0.002 + 0.006 * rng.uniform() } else { 0.0 },
        membership: None,
        in_dow: false,
        split: None,
    }
}

/// Sets short interest to between 28 % and 50 % of the float, and a volume too low to exit within a
/// week.
fn crowd_with_shorts(name: &mut SimulatedName, at: usize) {
    name.short_ratio = 0.50 - 0.02 * at as f64;
    name.turnover = 0.030 + 0.004 * (at % 4) as f64;
    name.noise_sd = 0.032;
    name.float_share = 0.78 + 0.02 * (at % 5) as f64;
}

/// Lets three mid caps replace the three smallest members, one at a time.
fn swap_members(names: &mut [SimulatedName], shape: Shape, sessions: usize, rotation: usize) {
    let first_mid = MEGACAPS.len() + shape.large;
    for swap in 0..3.min(shape.mid) {
        let at = rotation * (swap + 1) / 4;
        names[first_mid - 1 - swap].membership = Some((0, at));
        names[first_mid + swap].membership = Some((at, sessions));
    }
}
