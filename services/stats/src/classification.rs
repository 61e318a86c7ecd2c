//! How well a score tells events from the rest: areas under curves.

/// Area under the ROC curve: the probability that an event scores above a non-event, ties counting
/// one half. ½ is chance. `None` without events, without non-events, or with a score that is not
/// finite.
#[must_use]
pub fn roc_area(scored: &[(f64, bool)]) -> Option<f64> {
    let (mut below, mut pairs) = (0.0, 0.0);
    for group in groups(scored)?.into_iter().rev() {
        let (events, others) = (group.events as f64, (group.count - group.events) as f64);
        pairs += events * (below + 0.5 * others);
        below += others;
    }
    let events = scored.iter().filter(|(_, event)| *event).count() as f64;
    (0.0 < events && 0.0 < below).then(|| pairs / (events * below))
}

/// Area under the curve of precision against recall, as the sum over thresholds of the increase of
/// recall times the precision there (average precision, without interpolation). The base rate is
/// chance. `None` without events, or with a score that is not finite.
#[must_use]
pub fn precision_area(scored: &[(f64, bool)]) -> Option<f64> {
    let (mut found, mut taken, mut area) = (0, 0, 0.0);
    for group in groups(scored)? {
        found += group.events;
        taken += group.count;
        area += group.events as f64 * found as f64 / taken as f64;
    }
    (0 < found).then(|| area / found as f64)
}

/// Brier score: mean of (p − y)², 0 for a perfect forecast. Forecasting the base rate r always gives
/// r(1 − r). `None` for no forecasts, or one that is no probability.
#[must_use]
pub fn brier_score(forecasts: &[(f64, bool)]) -> Option<f64> {
    let valid = !forecasts.is_empty() && forecasts.iter().all(|(p, _)| (0.0..=1.0).contains(p));
    let squared = |(p, event): &(f64, bool)| (p - f64::from(*event)).powi(2);
    valid.then(|| forecasts.iter().map(squared).sum::<f64>() / forecasts.len() as f64)
}

/// Observations with equal scores.
struct Group {
    count: usize,
    events: usize,
}

/// The groups of equal scores, highest first.
fn groups(scored: &[(f64, bool)]) -> Option<Vec<Group>> {
    if scored.iter().any(|(score, _)| !score.is_finite()) {
        return None;
    }
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let group = |tied: &[(f64, bool)]| Group {
        count: tied.len(),
        events: tied.iter().filter(|(_, event)| *event).count(),
    };
    Some(sorted.chunk_by(|a, b| a.0 <= b.0).map(group).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: `roc_auc_score` and `average_precision_score` of scikit-learn 1.9.1.
    #[test]
    fn areas_agree_with_scikit_learn() {
        let plain = [(0.1, false), (0.4, false), (0.35, true), (0.8, true)];
        assert!((roc_area(&plain).unwrap() - 0.75).abs() < 1e-15);
        assert!((precision_area(&plain).unwrap() - 0.833_333_333_333_333_3).abs() < 1e-15);
        let tied = [
            (0.5, true),
            (0.5, false),
            (0.5, false),
            (0.9, true),
            (0.2, true),
            (0.2, false),
            (0.7, false),
        ];
        assert!((roc_area(&tied).unwrap() - 0.541_666_666_666_666_6).abs() < 1e-15);
        assert!((precision_area(&tied).unwrap() - 0.609_523_809_523_809_5).abs() < 1e-15);
    }

    /// (0.2² + 0.5² + 0.4²) / 3 = 0.45 / 3.
    #[test]
    fn a_brier_score_by_hand() {
        let forecasts = [(0.8, true), (0.5, false), (0.4, false)];
        assert!((brier_score(&forecasts).unwrap() - 0.15).abs() < 1e-15);
        assert_eq!(brier_score(&[]), None);
        assert_eq!(brier_score(&[(1.5, true)]), None);
    }

    #[test]
    fn what_has_no_area_is_none() {
        assert_eq!(roc_area(&[(1.0, true)]), None);
        assert_eq!(precision_area(&[(1.0, false)]), None);
        assert_eq!(precision_area(&[(f64::NAN, true)]), None);
    }
}
