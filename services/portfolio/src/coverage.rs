//! How well data cover a portfolio, aspect by aspect: one number would let a book with known prices
//! and unknown sizes look covered.

/// What an answer needs to know of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// Own: a fresh price. Proxied: a price more than a week old, or the value submitted for a known
    /// name. Missing: an unknown symbol.
    Priced,
    /// Own: shares times close. Proxied: a printed market value, a name that may be a fund, or a
    /// size published after the as-of date. Missing: funds, indices and names without a market
    /// value.
    Sized,
    /// Own: a sector in the scheme of the report. Proxied: one published after the as-of date.
    Classified,
    /// Own: a beta estimated from its own returns. Proxied: the mean of its bucket or of all names.
    OwnBetas,
    /// Shares of gross times sessions of the tail. Own: its own returns. Proxied: stand-ins.
    OwnTailHistory,
    /// Own: a squeeze score.
    Scored,
    /// Own: held by managers as known.
    ManagerHoldings,
    /// Own: a current short interest.
    ShortInterest,
}

/// Shares of gross by how well one aspect is covered; they sum to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coverage {
    /// The aspect.
    pub aspect: Aspect,
    /// Share with data of its own.
    pub own: f64,
    /// Share for which something else stands in.
    pub proxied: f64,
    /// Share without either.
    pub missing: f64,
}

impl Coverage {
    /// One row per aspect from the market values with data of their own and with a proxy; the rest of
    /// the gross is missing. Empty without gross.
    pub fn rows<const N: usize>(parts: [(Aspect, [f64; 2]); N], gross: f64) -> Vec<Coverage> {
        if gross <= 0.0 {
            return Vec::new();
        }
        let row = |(aspect, [own, proxied]): (Aspect, [f64; 2])| {
            let own = (own / gross).clamp(0.0, 1.0);
            let proxied = (proxied / gross).clamp(0.0, 1.0 - own);
            // Sums of parts may differ from the whole in the last bits; those are not a gap.
            let rest = 1.0 - own - proxied;
            let missing = if rest < ROUNDING { 0.0 } else { rest };
            Coverage { aspect, own, proxied, missing }
        };
        parts.into_iter().map(row).collect()
    }
}

/// Shares below this are rounding.
const ROUNDING: f64 = 1e-12;

/// What `part` is of `whole`, at most 1: sums of the same values in two orders differ by rounding.
/// `None` if there is nothing.
pub fn share(part: f64, whole: f64) -> Option<f64> {
    (0.0 < whole).then(|| (part / whole).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_at_most_one() {
        // 0.1 + 0.2 is above 0.3 by 2^-54.
        assert_eq!(share(0.1 + 0.2, 0.3), Some(1.0));
        assert_eq!((share(1.0, 4.0), share(0.0, 0.0)), (Some(0.25), None));
    }

    #[test]
    fn rounding_is_not_missing() {
        // 0.1 added ten times is 1 - 2^-53.
        let own = (0..10).fold(0.0, |sum, _| sum + 0.1);
        assert!(own < 1.0);
        let [row] = Coverage::rows([(Aspect::Priced, [own, 0.0])], 1.0)[..] else {
            panic!("a row")
        };
        assert_eq!((row.own, row.proxied, row.missing), (own, 0.0, 0.0));
        let [row] = Coverage::rows([(Aspect::Priced, [0.5, 0.25])], 1.0)[..] else {
            panic!("a row")
        };
        assert_eq!((row.own, row.proxied, row.missing), (0.5, 0.25, 0.25));
    }
}
