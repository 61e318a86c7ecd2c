//! Back-tests of value at risk: is the number of exceptions as stated, and are exceptions
//! independent?
//!
//! An exception (a hit) is an observation whose loss was larger than the value at risk forecast for
//! it. The tests of expected shortfall are in [`crate::shortfall_test`].

/// A likelihood ratio statistic and its p-value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LikelihoodRatio {
    /// −2 ln of the ratio, asymptotically χ² distributed if the model is correct.
    pub statistic: f64,
    /// Probability of a larger statistic, by the χ² distribution.
    pub p_value: f64,
}

impl LikelihoodRatio {
    /// P-value from χ² with one degree of freedom.
    fn one_degree(statistic: f64) -> Self {
        let statistic = statistic.max(0.0);
        Self { statistic, p_value: libm::erfc((statistic / 2.0).sqrt()) }
    }

    /// P-value from χ² with two degrees of freedom.
    fn two_degrees(statistic: f64) -> Self {
        let statistic = statistic.max(0.0);
        Self { statistic, p_value: libm::exp(-statistic / 2.0) }
    }
}

/// Kupiec (1995): LR = −2 ln[(1−p)^{T−x}p^x / ((1−x/T)^{T−x}(x/T)^x)] for x exceptions in T days;
/// one degree of freedom.
///
/// `None` unless 0 < p < 1, T > 0 and x ≤ T.
#[must_use]
pub fn kupiec(observations: usize, exceptions: usize, p: f64) -> Option<LikelihoodRatio> {
    if observations == 0 || exceptions > observations || !(p > 0.0 && p < 1.0) {
        return None;
    }
    let (total, hits) = (observations as f64, exceptions as f64);
    let misses = total - hits;
    let mut statistic = 0.0;
    // 0·ln 0 is 0.
    if exceptions > 0 {
        statistic += 2.0 * hits * libm::log(hits / total / p);
    }
    if exceptions < observations {
        statistic += 2.0 * misses * libm::log(misses / total / (1.0 - p));
    }
    Some(LikelihoodRatio::one_degree(statistic))
}

/// Tests whether exceptions depend on an exception the day before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Christoffersen {
    /// First-order Markov chain of hits against independent hits; one degree of freedom.
    pub independence: LikelihoodRatio,
    /// Hits independent and as frequent as stated: the statistic of [`kupiec`] plus that of
    /// independence; two degrees of freedom.
    pub conditional_coverage: LikelihoodRatio,
    /// Share of hits among the days after a hit. `None` if no day follows a hit.
    pub hit_after_hit: Option<f64>,
    /// Share of hits among the days after a day without a hit. `None` if there is no such day.
    pub hit_after_none: Option<f64>,
}

/// Christoffersen (1998), for hits in order of time and p the stated probability of a hit.
///
/// With n_ij days in state j after one in state i, π_i = n_i1/(n_i0 + n_i1) and π the share of hits
/// without the first day: LR = −2 ln[(1−π)^{n00+n10}π^{n01+n11} /
/// ((1−π_0)^{n00}π_0^{n01}(1−π_1)^{n10}π_1^{n11})].
///
/// `None` for fewer than two days or p outside (0, 1).
#[must_use]
pub fn christoffersen(hits: &[bool], p: f64) -> Option<Christoffersen> {
    let exceptions = hits.iter().filter(|hit| **hit).count();
    let coverage = kupiec(hits.len(), exceptions, p)?;
    if hits.len() < 2 {
        return None;
    }
    let mut moves = [[0_usize; 2]; 2];
    for pair in hits.windows(2) {
        moves[usize::from(pair[0])][usize::from(pair[1])] += 1;
    }
    let [none, hit] = moves;
    let chain = log_likelihood(none) + log_likelihood(hit);
    let independent = log_likelihood([none[0] + hit[0], none[1] + hit[1]]);
    let independence = LikelihoodRatio::one_degree(2.0 * (chain - independent));
    let share = |[no, yes]: [usize; 2]| {
        let days = no + yes;
        (days > 0).then(|| yes as f64 / days as f64)
    };
    Some(Christoffersen {
        independence,
        conditional_coverage: LikelihoodRatio::two_degrees(
            coverage.statistic + independence.statistic,
        ),
        hit_after_hit: share(hit),
        hit_after_none: share(none),
    })
}

/// The zones of the Basel Committee (1996), for any number of days and any confidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// So few exceptions are seen with a probability below 95 % under a correct model.
    Green,
    /// Between the two.
    Yellow,
    /// So few or fewer are seen with a probability of at least 99.99 %: more than that is no chance.
    Red,
}

/// The zone of a number of exceptions, by the probability of as many or fewer under a binomial
/// distribution: yellow from 95 %, red from 99.99 %. For 250 days at 99 % yellow is 5 to 9, red 10 and
/// more.
///
/// `None` unless 0 < p < 1, there are observations and at most as many exceptions.
#[must_use]
pub fn traffic_light(observations: usize, exceptions: usize, p: f64) -> Option<Zone> {
    if observations == 0 || exceptions > observations || !(p > 0.0 && p < 1.0) {
        return None;
    }
    let odds = libm::log(p) - libm::log1p(-p);
    let mut log_term = observations as f64 * libm::log1p(-p);
    let mut at_most = libm::exp(log_term);
    for hits in 1..=exceptions {
        let ways = (observations - hits + 1) as f64 / hits as f64;
        log_term += libm::log(ways) + odds;
        at_most += libm::exp(log_term);
    }
    Some(match at_most {
        few if few < 0.95 => Zone::Green,
        some if some < 0.9999 => Zone::Yellow,
        _ => Zone::Red,
    })
}

/// Maximum log-likelihood of a number of misses and hits: Σ n·ln(n/total), with 0·ln 0 = 0.
fn log_likelihood(counts: [usize; 2]) -> f64 {
    let total = (counts[0] + counts[1]) as f64;
    let term = |count: usize| {
        if count == 0 { 0.0 } else { count as f64 * libm::log(count as f64 / total) }
    };
    term(counts[0]) + term(counts[1])
}
