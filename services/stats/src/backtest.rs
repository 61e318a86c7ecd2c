//! Does a value at risk fail as often as it says it does?

/// A likelihood ratio and the chance of one as large when the model is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LikelihoodRatio {
    /// −2 ln of the ratio, χ² with one degree of freedom for a correct model.
    pub statistic: f64,
    /// Probability of a larger statistic.
    pub p_value: f64,
}

/// Kupiec (1995): LR = −2 ln[(1−p)^{T−x}p^x / ((1−x/T)^{T−x}(x/T)^x)] for x exceptions in T days.
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
    let statistic = statistic.max(0.0);
    Some(LikelihoodRatio { statistic, p_value: libm::erfc((statistic / 2.0).sqrt()) })
}
