//! When parts of a book are traded out, all lines being worked at once.

/// One point of the exit curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExitPoint {
    /// Share of the market value traded out, 0 to 1.
    pub share: f64,
    /// Days until that share is traded out.
    pub days: f64,
}

/// One line of the exit curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExitLine {
    /// Market value, above zero.
    pub value: f64,
    /// Days until it is traded out.
    pub days: f64,
}

/// Computes when the given shares of all lines' value are traded out: after `t` days, `v ·
/// min(1, t/d)` of a line of value v that takes d days is out. Empty without lines.
pub fn exit_curve(lines: &[ExitLine], shares: &[f64]) -> Vec<ExitPoint> {
    let mut lines: Vec<ExitLine> = lines.iter().filter(|line| 0.0 < line.value).copied().collect();
    lines.sort_by(|a, b| a.days.total_cmp(&b.days).then(a.value.total_cmp(&b.value)));
    let total: f64 = lines.iter().map(|line| line.value).sum();
    // Value traded out per day while line `i` and all slower ones are still worked.
    let mut speeds = vec![0.0; lines.len()];
    let mut speed = 0.0;
    for (at, line) in lines.iter().enumerate().rev() {
        speed += line.value / line.days.max(f64::MIN_POSITIVE);
        speeds[at] = speed;
    }
    let after = |share: f64| {
        let wanted = share * total;
        let mut gone = 0.0;
        for (line, speed) in lines.iter().zip(&speeds) {
            if wanted <= gone + speed * line.days {
                return (wanted - gone) / speed;
            }
            gone += line.value;
        }
        lines.last().map_or(0.0, |line| line.days)
    };
    if lines.is_empty() {
        return Vec::new();
    }
    shares.iter().map(|share| ExitPoint { share: *share, days: after(*share) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUARTERS: [f64; 4] = [0.25, 0.50, 0.75, 0.95];

    #[test]
    fn two_lines_by_hand() {
        // 60 over 1 day and 40 over 4: 70 per day at first, then 10 per day.
        let lines = [ExitLine { value: 40.0, days: 4.0 }, ExitLine { value: 60.0, days: 1.0 }];
        let curve = exit_curve(&lines, &QUARTERS);
        // 25/70; 50/70; 70 after one day, and 5 more at 10 per day; 25 more.
        let expected = [25.0 / 70.0, 50.0 / 70.0, 1.5, 3.5];
        for (point, days) in curve.iter().zip(expected) {
            assert!((point.days - days).abs() < 1e-12, "{point:?}");
        }
        assert!(exit_curve(&[], &QUARTERS).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// At each point of the curve, the stated share has been traded out.
        #[test]
        fn the_share_is_out_when_the_curve_says(
            book in prop::collection::vec((1.0..1e6f64, 0.01..500.0f64), 1..30),
        ) {
            let lines: Vec<ExitLine> =
                book.iter().map(|(value, days)| ExitLine { value: *value, days: *days }).collect();
            let total: f64 = lines.iter().map(|line| line.value).sum();
            let curve = exit_curve(&lines, &QUARTERS);
            for point in &curve {
                let gone: f64 =
                    lines.iter().map(|l| l.value * (point.days / l.days).min(1.0)).sum();
                prop_assert!((gone / total - point.share).abs() < 1e-9);
            }
            prop_assert!(curve.windows(2).all(|pair| pair[0].days <= pair[1].days));
            let mut turned = lines.clone();
            turned.reverse();
            prop_assert_eq!(curve, exit_curve(&turned, &QUARTERS));
        }
    }
}
