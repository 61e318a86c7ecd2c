//! Forced selling that feeds on itself: a loss lifts leverage, selling restores it, and the price
//! impact of the sale is the next loss (the loss spiral of Brunnermeier and Pedersen 2009).
//!
//! A holder with equity E keeps assets A at leverage L. A loss l lowers equity by l, so (L − 1)·l
//! must be sold beside the loss itself; selling s moves the price by λ·s, and the assets still held
//! lose λ·s·A. The loop gain at the start is φ = λ·(L − 1)·A. Below 1 each round is smaller than the
//! one before, and to first order the losses add up to l/(1 − φ).

/// Rounds after which the loop is cut off, whatever is left.
const ROUNDS: usize = 10_000;
/// A loss below this share of the first one ends the loop.
const NEGLIGIBLE: f64 = 1e-12;

/// Holders who keep a leverage, together: for instance those of a crowded trade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holders {
    assets: f64,
    leverage: f64,
    impact: f64,
}

/// What a first loss becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Spiral {
    /// The loss of each round, positive, the first loss included.
    pub losses: Vec<f64>,
    /// What was sold in all.
    pub sold: f64,
    /// Fall of the price caused by the sales, λ · sold.
    pub price_fall: f64,
    /// How it ended.
    pub end: End,
}

/// How a spiral ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The rounds died out.
    Settled,
    /// Losses reached the equity: everything was sold.
    Exhausted,
}

impl Holders {
    /// Holders of `assets`, at a `leverage` of assets over equity, in a market whose price falls by
    /// `impact` (a decimal) per unit of money sold. `None` unless assets and impact are finite and 0
    /// or more, and leverage is finite and 1 or more.
    pub fn new(assets: f64, leverage: f64, impact: f64) -> Option<Holders> {
        let valid = [assets, impact].iter().all(|value| value.is_finite() && 0.0 <= *value);
        (valid && 1.0 <= leverage && leverage.is_finite()).then_some(Holders {
            assets,
            leverage,
            impact,
        })
    }

    /// φ, the share of a round's loss that comes back in the next round, at the start.
    pub fn gain(&self) -> f64 {
        self.impact * (self.leverage - 1.0) * self.assets
    }

    /// Whether small losses die out: φ < 1.
    pub fn is_stable(&self) -> bool {
        self.gain() < 1.0
    }

    /// The rounds that follow a first loss, 0 or more.
    pub fn spiral(&self, first_loss: f64) -> Spiral {
        let mut equity = self.assets / self.leverage;
        let mut assets = self.assets;
        let mut spiral =
            Spiral { losses: Vec::new(), sold: 0.0, price_fall: 0.0, end: End::Settled };
        let mut loss = first_loss.max(0.0);
        while NEGLIGIBLE * first_loss < loss && spiral.losses.len() < ROUNDS {
            spiral.losses.push(loss);
            equity -= loss;
            assets = (assets - loss).max(0.0);
            let exhausted = equity <= 0.0;
            let sale = if exhausted { assets } else { ((self.leverage - 1.0) * loss).min(assets) };
            assets -= sale;
            spiral.sold += sale;
            if exhausted {
                spiral.end = End::Exhausted;
                break;
            }
            loss = self.impact * sale * assets;
        }
        spiral.price_fall = self.impact * spiral.sold;
        spiral
    }
}

impl Spiral {
    /// The sum of all rounds.
    pub fn total(&self) -> f64 {
        self.losses.iter().sum()
    }

    /// The sum of all rounds / the first loss. `None` without a loss.
    pub fn multiplier(&self) -> Option<f64> {
        self.losses.first().map(|first| self.total() / first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Equity 100, assets 400, leverage 4, λ = 0.0004, a shock of −2 %: a loss of 8. It leaves 392
    /// and sells 24: 0.0096 of the remaining 368 is 3.5328. That sells 10.5984 of 364.4672; 0.4239 %
    /// of 353.8688 is 1.5002, and so on. φ = 0.0004·3·400 = 0.48.
    #[test]
    fn the_rounds_by_hand() {
        let holders = Holders::new(400.0, 4.0, 0.0004).unwrap();
        let spiral = holders.spiral(8.0);
        for (loss, expected) in spiral.losses.iter().zip([8.0, 3.5328, 1.5002, 0.6262]) {
            assert!((loss - expected).abs() < 5e-5, "{loss} is not {expected}");
        }
        assert!((holders.gain() - 0.48).abs() < 1e-12 && holders.is_stable());
        assert!((spiral.total() - 14.1013).abs() < 5e-5, "{}", spiral.total());
        assert!((spiral.multiplier().unwrap() - 1.7627).abs() < 5e-5);
        assert_eq!(spiral.end, End::Settled);
    }

    /// A loss of all the equity sells everything.
    #[test]
    fn a_loss_of_the_equity_exhausts_it() {
        let spiral = Holders::new(400.0, 4.0, 0.0004).unwrap().spiral(100.0);
        assert_eq!((spiral.end, spiral.losses.len()), (End::Exhausted, 1));
        assert!((spiral.sold - 300.0).abs() < 1e-12);
        let unstable = Holders::new(400.0, 4.0, 0.01).unwrap();
        assert!(!unstable.is_stable());
        assert_eq!(unstable.spiral(8.0).end, End::Exhausted);
    }

    #[test]
    fn what_holds_nothing_or_borrows_nothing_sells_nothing() {
        let unlevered = Holders::new(400.0, 1.0, 0.0004).unwrap().spiral(8.0);
        assert_eq!((unlevered.losses.len(), unlevered.sold.to_bits()), (1, 0));
        assert!(Holders::new(400.0, 4.0, 0.0004).unwrap().spiral(0.0).multiplier().is_none());
        for (assets, leverage, impact) in
            [(-1.0, 2.0, 0.1), (1.0, 0.5, 0.1), (1.0, f64::NAN, 0.1), (1.0, 2.0, f64::INFINITY)]
        {
            assert_eq!(Holders::new(assets, leverage, impact), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Money in other units gives the same rounds; a larger shock that leaves equity sells at
        /// least as much; nobody sells more than there is.
        #[test]
        fn laws_of_the_loop(
            assets in 1.0..1e4f64, leverage in 1.0..10.0f64, gain in 0.0..3.0f64,
            shock in 0.001..0.3f64, scale in prop::sample::select(vec![0.5, 4.0, 1024.0]),
        ) {
            let impact = gain / (assets * leverage);
            let holders = Holders::new(assets, leverage, impact).unwrap();
            let spiral = holders.spiral(shock * assets);
            let scaled = Holders::new(assets * scale, leverage, impact / scale).unwrap();
            let other = scaled.spiral(shock * assets * scale);
            prop_assert_eq!(other.sold.to_bits(), (spiral.sold * scale).to_bits());
            prop_assert_eq!(other.losses.len(), spiral.losses.len());
            prop_assert!(spiral.sold <= assets);
            prop_assert!(spiral.total() >= shock * assets);
            let larger = holders.spiral(1.1 * shock * assets);
            if larger.end == End::Settled {
                prop_assert!(spiral.sold <= larger.sold * (1.0 + 1e-9));
            }
        }
    }
}
