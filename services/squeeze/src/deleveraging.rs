//! Forced selling that feeds on itself: a loss lifts leverage, selling restores it, and the price
//! impact of the sale is the next loss; a falling price may also raise margins, so that less leverage
//! is allowed (the loss spiral and the margin spiral of Brunnermeier and Pedersen 2009).
//!
//! A holder with equity E keeps assets A at leverage L = 1/m, with m the margin. A loss l of the assets
//! lowers both by l, so (L − 1)·l must be sold; a loss elsewhere, for instance of shorts, lowers equity
//! alone, so L·l must be sold. Selling s moves the price by f = λ·s, the assets still held lose f·A,
//! and the margin rises by μ·f. The loop gain at the start is
//!
//! ```text
//! φ = λ·A·(L − 1 + μ·L)
//! ```
//!
//! Below 1 each round is smaller than the one before. To first order a loss of the assets then becomes
//! l/(1 − φ), and a loss elsewhere l·(1 + λ·A·L/(1 − φ)).
//!
//! Near φ = 1 small losses need thousands of rounds to die out. Only the first rounds are played; what
//! follows them is computed. To second order the loss of the next round is φ·l − c·l², with
//!
//! ```text
//! c = λ·L·(1 + μ)·(L·(1 + 2μ) − 1)
//! ```
//!
//! and φ falls by c·l per round, so that the sum R of a loss l and all that follow it solves
//! l = (1 − φ)·R + ½·c·(R² + Σl²). Rounds that are still not over have small losses, and Σl² is then
//! small beside R².

/// Rounds that are played. A loop with a gain of up to 0.75 is over by then.
pub const ROUNDS: usize = 100;
/// A loss below this share of the first one ends the loop.
const NEGLIGIBLE: f64 = 1e-12;
/// A loss below this share of the assets is that of rounding.
const ROUNDED: f64 = 1e-15;

/// Holders who keep a leverage, together: for instance those of a crowded trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holders {
    assets: f64,
    leverage: f64,
    impact: f64,
    margin_rise: f64,
}

/// The loss that starts a spiral, 0 or more, and where it falls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FirstLoss {
    /// On the assets.
    OnAssets(f64),
    /// On something else that the holders have: their shorts.
    Elsewhere(f64),
}

/// What a first loss becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Spiral {
    /// The loss of each round that was played, positive, the first loss included.
    pub losses: Vec<f64>,
    /// The losses of all later rounds.
    pub rest: f64,
    /// What was sold in all.
    pub sold: f64,
    /// Fall of the price caused by the sales, λ · sold: the sum of the falls of the rounds, which
    /// compound for what the holders keep.
    pub price_fall: f64,
    /// How it ended.
    pub end: End,
}

/// How a spiral ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The rounds died out.
    Settled,
    /// They had not died out after [`ROUNDS`]; what follows was computed.
    CutOff,
    /// Losses reached the equity: everything was sold.
    Exhausted,
}

impl FirstLoss {
    const fn amount(self) -> f64 {
        match self {
            FirstLoss::OnAssets(loss) | FirstLoss::Elsewhere(loss) => loss.max(0.0),
        }
    }
}

impl Holders {
    /// Holders of `assets`, at a `leverage` of assets over equity, in a market whose price falls by
    /// `impact` (a decimal) per unit of money sold. `None` unless assets and impact are finite and 0
    /// or more, and leverage is finite and 1 or more.
    pub fn new(assets: f64, leverage: f64, impact: f64) -> Option<Holders> {
        let valid = is_amount(assets) && is_amount(impact);
        (valid && 1.0 <= leverage && leverage.is_finite()).then_some(Holders {
            assets,
            leverage,
            impact,
            margin_rise: 0.0,
        })
    }

    /// The same holders, whose margin (a share of their assets) rises by `rise` per unit by which the
    /// price falls, up to all of the assets. `None` unless it is finite and 0 or more.
    pub fn with_margin_rise(self, rise: f64) -> Option<Holders> {
        is_amount(rise).then_some(Holders { margin_rise: rise, ..self })
    }

    /// φ, the share of a round's loss that comes back in the next round, at the start.
    pub fn gain(&self) -> f64 {
        self.impact * self.assets * (self.leverage - 1.0 + self.margin_rise * self.leverage)
    }

    /// Whether small losses die out: φ < 1.
    pub fn is_stable(&self) -> bool {
        self.gain() < 1.0
    }

    /// What a small loss elsewhere becomes per unit, to first order. `None` if it does not die out.
    pub fn first_order_multiplier(&self) -> Option<f64> {
        let returned = self.impact * self.assets * self.leverage;
        self.is_stable().then(|| 1.0 + returned / (1.0 - self.gain()))
    }

    /// The rounds that follow a first loss.
    pub fn spiral(&self, first: FirstLoss) -> Spiral {
        let mut losses = Vec::new();
        let Played { rest, sold, end } = self.rounds(first, |loss| losses.push(loss));
        Spiral { losses, rest, sold, price_fall: self.impact * sold, end }
    }

    /// The fall of the price caused by the sales that follow a first loss, at most 1.
    pub fn price_fall(&self, first: FirstLoss) -> f64 {
        (self.impact * self.rounds(first, |_| ()).sold).min(1.0)
    }

    fn rounds(&self, first: FirstLoss, mut each: impl FnMut(f64)) -> Played {
        let (mut equity, mut assets) = (self.assets / self.leverage, self.assets);
        let (mut leverage, mut sold, mut fall) = (self.leverage, 0.0, 0.0);
        let least = NEGLIGIBLE * first.amount();
        let mut loss = first.amount();
        let mut on_assets = matches!(first, FirstLoss::OnAssets(_));
        for _round in 0..ROUNDS {
            if loss <= least {
                return Played { rest: 0.0, sold, end: End::Settled };
            }
            each(loss);
            equity -= loss;
            let per_loss = if on_assets { leverage - 1.0 } else { leverage };
            assets = if on_assets { (assets - loss).max(0.0) } else { assets };
            if equity <= 0.0 {
                return Played { rest: 0.0, sold: sold + assets, end: End::Exhausted };
            }
            // What the loss requires, and what the higher margin does. The difference of assets and
            // their target would be as large as its own rounding at the end.
            let allowed = self.allowed(leverage, fall);
            let sale = (per_loss * loss + equity * (leverage - allowed)).min(assets);
            leverage = allowed;
            assets -= sale;
            sold += sale;
            fall = self.impact * sale;
            loss = fall * assets;
            on_assets = true;
        }
        if loss <= least.max(ROUNDED * self.assets) {
            return Played { rest: 0.0, sold, end: End::Settled };
        }
        let rest = Holders { assets, leverage, ..*self }.slow_rest(loss);
        let sale = rest * (leverage - 1.0 + self.margin_rise * leverage);
        match rest < equity {
            true => Played { rest, sold: sold + sale.min(assets), end: End::CutOff },
            false => Played { rest: equity, sold: sold + assets, end: End::Exhausted },
        }
    }

    /// R of the module's text: a small loss of the assets and all that follow it.
    fn slow_rest(&self, loss: f64) -> f64 {
        let (leverage, rise) = (self.leverage, self.margin_rise);
        let shrinking = 1.0 - self.gain();
        let bend = self.impact * leverage * (1.0 + rise) * (leverage * (1.0 + 2.0 * rise) - 1.0);
        let sum = |loss: f64| {
            let root = (shrinking * shrinking + 2.0 * bend * loss).sqrt();
            // The form without cancellation.
            if shrinking < 0.0 {
                (root - shrinking) / bend
            } else {
                2.0 * loss / (root + shrinking)
            }
        };
        // Σl² as ∫l·dR, where l falls from the first loss along the parabola.
        let first = sum(loss);
        let area = first * (loss - first * (0.5 * shrinking + first * bend / 6.0));
        sum((loss - 0.5 * bend * (area.max(0.0) + 0.5 * loss * loss)).max(0.0))
    }

    /// The leverage that a margin allows after the price fell.
    fn allowed(&self, leverage: f64, fall: f64) -> f64 {
        match self.margin_rise * fall {
            rise if 0.0 < rise => 1.0 / (1.0 / leverage + rise).min(1.0),
            _ => leverage,
        }
    }
}

/// What playing the rounds comes to.
struct Played {
    rest: f64,
    sold: f64,
    end: End,
}

fn is_amount(value: f64) -> bool {
    value.is_finite() && 0.0 <= value
}

impl Spiral {
    /// The sum of all rounds.
    pub fn total(&self) -> f64 {
        self.losses.iter().sum::<f64>() + self.rest
    }

    /// The sum of all rounds / the first loss. `None` without a loss.
    pub fn multiplier(&self) -> Option<f64> {
        self.losses.first().map(|first| self.total() / first)
    }
}

#[cfg(test)]
mod tests {
    use super::{FirstLoss::*, *};
    use proptest::prelude::*;

    /// Equity 100, assets 400, leverage 4, λ = 0.0004, a shock of −2 %: a loss of 8. It leaves 392
    /// and sells 24: 0.0096 of the remaining 368 is 3.5328. That sells 10.5984 of 364.4672; 0.4239 %
    /// of 353.8688 is 1.5002, and so on. φ = 0.0004·3·400 = 0.48.
    #[test]
    fn the_rounds_by_hand() {
        let holders = Holders::new(400.0, 4.0, 0.0004).unwrap();
        let spiral = holders.spiral(OnAssets(8.0));
        for (loss, expected) in spiral.losses.iter().zip([8.0, 3.5328, 1.5002, 0.6262]) {
            assert!((loss - expected).abs() < 5e-5, "{loss} is not {expected}");
        }
        assert!((holders.gain() - 0.48).abs() < 1e-12 && holders.is_stable());
        assert!((spiral.total() - 14.1013).abs() < 5e-5, "{}", spiral.total());
        assert!((spiral.multiplier().unwrap() - 1.7627).abs() < 5e-5);
        assert_eq!(spiral.end, End::Settled);
    }

    /// The same shock on the shorts: equity 92 allows 368, so 32 are sold: 0.0128 of 368 is 4.7104.
    /// That sells 14.1312 of 363.2896; 0.565248 % of 349.1584 is 1.9736. With margins that rise by a
    /// tenth of the fall, 1.28 % allow a leverage of 1/0.25128 = 3.979624: equity 87.2896 holds
    /// 347.3798, and 15.9098 are sold; 0.636391 % of 347.3798 is 2.2107. The totals are those of the
    /// same rounds in Python, each target as equity / margin. φ = 0.0004·400·(3 + 0.1·4) = 0.544.
    #[test]
    fn a_loss_of_the_shorts_and_rising_margins_by_hand() {
        let plain = Holders::new(400.0, 4.0, 0.0004).unwrap();
        let rising = plain.with_margin_rise(0.1).unwrap();
        for (holders, rounds, total) in [
            (plain, [8.0, 4.7104, 1.973_611, 0.808_227], 16.042_092),
            (rising, [8.0, 4.7104, 2.210_695, 1.005_395], 16.737_699),
        ] {
            let spiral = holders.spiral(Elsewhere(8.0));
            for (loss, expected) in spiral.losses.iter().zip(rounds) {
                assert!((loss - expected).abs() < 1e-6, "{loss} is not {expected}");
            }
            assert!((spiral.total() - total).abs() < 1e-6, "{}", spiral.total());
            let fall = holders.price_fall(Elsewhere(8.0));
            assert!((fall - spiral.price_fall).abs() < 1e-15);
        }
        assert!((rising.gain() - 0.544).abs() < 1e-12);
        // A small loss becomes what the first order says: 1 + 0.64/0.456.
        let small = rising.spiral(Elsewhere(1e-6)).multiplier().unwrap();
        let first_order = rising.first_order_multiplier().unwrap();
        assert!((first_order - (1.0 + 0.64 / 0.456)).abs() < 1e-12);
        assert!((small - first_order).abs() < 1e-6, "{small}");
        assert_eq!(plain.with_margin_rise(f64::NAN), None);
    }

    /// A loss of all the equity sells everything.
    #[test]
    fn a_loss_of_the_equity_exhausts_it() {
        let spiral = Holders::new(400.0, 4.0, 0.0004).unwrap().spiral(OnAssets(100.0));
        assert_eq!((spiral.end, spiral.losses.len()), (End::Exhausted, 1));
        assert!((spiral.sold - 300.0).abs() < 1e-12);
        let unstable = Holders::new(400.0, 4.0, 0.01).unwrap();
        assert!(!unstable.is_stable());
        assert_eq!(unstable.spiral(OnAssets(8.0)).end, End::Exhausted);
    }

    /// Near a gain of 1 the rest is what the rounds come to. The expected sales are those of the same
    /// rounds in Python, played to their end (up to 10,495 rounds of exact margins). The
    /// third has a gain above 1, and ends all the same.
    #[test]
    fn slow_rounds_are_summed() {
        for (gain, rise, loss, expected) in SLOW {
            let holders = Holders::new(1e6, 4.0, gain / (1e6 * (3.0 + 4.0 * rise))).unwrap();
            let spiral = holders.with_margin_rise(rise).unwrap().spiral(Elsewhere(loss));
            assert!((spiral.sold / expected - 1.0).abs() < 1e-3, "{gain}: {}", spiral.sold);
            assert_eq!((spiral.end, spiral.losses.len()), (End::CutOff, ROUNDS));
            assert!(spiral.losses.iter().sum::<f64>() < spiral.total());
        }
        // Rounding alone is no rest.
        let holders = Holders::new(1e6, 2.0, 1e-6 * 0.5 / 2.0).unwrap();
        let tiny = holders.with_margin_rise(0.5).unwrap().spiral(Elsewhere(1e-6));
        assert_eq!(tiny.end, End::Settled, "{tiny:?}");
    }

    /// Gain, rise of margins, first loss, and what is sold.
    const SLOW: [(f64, f64, f64, f64); 4] = [
        (0.97, 0.0, 10.0, 1_297.055_534),
        (1.0, 0.0, 1.0, 2_449.155_978),
        (1.02, 0.0, 1.0, 29_512.376_252),
        (1.0, 0.5, 1.0, 2_182.002_029),
    ];

    #[test]
    fn what_holds_nothing_or_borrows_nothing_sells_nothing() {
        let unlevered = Holders::new(400.0, 1.0, 0.0004).unwrap().spiral(OnAssets(8.0));
        assert_eq!((unlevered.losses.len(), unlevered.sold.to_bits()), (1, 0));
        assert!(
            Holders::new(400.0, 4.0, 0.0004).unwrap().spiral(OnAssets(0.0)).multiplier().is_none()
        );
        for (assets, leverage, impact) in
            [(-1.0, 2.0, 0.1), (1.0, 0.5, 0.1), (1.0, f64::NAN, 0.1), (1.0, 2.0, f64::INFINITY)]
        {
            assert_eq!(Holders::new(assets, leverage, impact), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Money in other units gives the same rounds; a larger shock that leaves equity sells at
        /// least as much in a stable loop; nobody sells more than there is. Where losses grow, a
        /// larger round leaves fewer assets to the next one: with a gain of 2.99 and a leverage of
        /// 7.22 a shock of 0.91 % sells a little more than one of 1.00 %.
        #[test]
        fn laws_of_the_loop(
            assets in 1.0..1e4f64, leverage in 1.0..10.0f64, gain in 0.0..3.0f64,
            shock in 0.001..0.3f64, scale in prop::sample::select(vec![0.5, 4.0, 1024.0]),
        ) {
            let impact = gain / (assets * leverage);
            let holders = Holders::new(assets, leverage, impact).unwrap();
            let spiral = holders.spiral(OnAssets(shock * assets));
            let scaled = Holders::new(assets * scale, leverage, impact / scale).unwrap();
            let other = scaled.spiral(OnAssets(shock * assets * scale));
            prop_assert_eq!(other.sold.to_bits(), (spiral.sold * scale).to_bits());
            prop_assert_eq!(other.losses.len(), spiral.losses.len());
            prop_assert!(spiral.sold <= assets);
            prop_assert!(spiral.total() >= shock * assets);
            let larger = holders.spiral(OnAssets(1.1 * shock * assets));
            if holders.is_stable() && larger.end == End::Settled {
                prop_assert!(spiral.sold <= larger.sold * (1.0 + 1e-9));
            }
        }
    }
}
