//! The counts of one day: advances, averages, highs, weights.

use crate::running::Marks;

/// Number of largest issuers whose weight is reported.
pub const LEADERS: usize = 7;
/// Largest share of the market value that may be missing on a day. Above it, the day's weights are
/// not comparable with those of the days around it.
const MISSING_PART: f64 = 0.01;
/// The counts of one day. A name counts if it is a member on the day and has a close on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    /// Names with a close.
    pub priced: u32,
    /// Names that closed above the close before.
    pub advancing: u32,
    /// Names that closed below it.
    pub declining: u32,
    /// Names that closed unchanged.
    pub unchanged: u32,
    /// Number of names above their average of 50 closes, and number of names that have 50.
    pub above_short: [u32; 2],
    /// Number of names above their average of 200 closes, and number of names that have 200.
    pub above_long: [u32; 2],
    /// Number of names at a 252-session high of closes, at a low, and of names that have 252.
    pub highs_lows: [u32; 3],
}

/// Whether `some` is at least half of `all`: a measure of a few names does not describe the
/// members.
pub const fn is_most(some: u32, all: u32) -> bool {
    0 < some && all <= 2 * some
}

/// The market values of one day, by issuer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Issuers with a close.
    pub priced: u32,
    /// Issuers with a known market value.
    pub valued: u32,
    /// Sum of the last values of issuers that have none on the day and had one shortly before, USD.
    pub missing: f64,
    /// Sum of the known market values, USD.
    pub cap: f64,
    /// Sum of their squares.
    pub cap_squared: f64,
    /// The largest of them, in descending order; zero if there are fewer.
    pub leaders: [f64; LEADERS],
}

impl Tally {
    /// Counts of no names.
    pub const NONE: Tally = Tally {
        priced: 0,
        advancing: 0,
        declining: 0,
        unchanged: 0,
        above_short: [0; 2],
        above_long: [0; 2],
        highs_lows: [0; 3],
    };

    /// A count, or a difference of counts, as a share of `of`. `None` if `of` is zero.
    pub fn share(count: f64, of: u32) -> Option<f64> {
        (0 < of).then(|| count / f64::from(of))
    }

    /// Number of names with a close and a close before.
    pub const fn compared(&self) -> u32 {
        self.advancing + self.declining + self.unchanged
    }

    /// Adds one name's close.
    pub(crate) fn mark(&mut self, marks: Marks) {
        self.priced += 1;
        if let Some([up, down]) = marks.moved {
            self.advancing += u32::from(up);
            self.declining += u32::from(down);
            self.unchanged += u32::from(!up && !down);
        }
        let averages = [marks.above_short, marks.above_long];
        for (count, above) in
            [&mut self.above_short, &mut self.above_long].into_iter().zip(averages)
        {
            count[0] += u32::from(above == Some(true));
            count[1] += u32::from(above.is_some());
        }
        if let Some([high, low]) = marks.high_low {
            self.highs_lows[0] += u32::from(high);
            self.highs_lows[1] += u32::from(low);
            self.highs_lows[2] += 1;
        }
    }

    /// Adds the counts of other names.
    pub fn add(&mut self, other: &Tally) {
        self.priced += other.priced;
        self.advancing += other.advancing;
        self.declining += other.declining;
        self.unchanged += other.unchanged;
        for (own, others) in [
            (&mut self.above_short[..], &other.above_short[..]),
            (&mut self.above_long[..], &other.above_long[..]),
            (&mut self.highs_lows[..], &other.highs_lows[..]),
        ] {
            own.iter_mut().zip(others).for_each(|(own, other)| *own += other);
        }
    }
}

impl Weights {
    /// Weights of no issuers.
    pub const NONE: Weights = Weights {
        priced: 0,
        valued: 0,
        missing: 0.0,
        cap: 0.0,
        cap_squared: 0.0,
        leaders: [0.0; LEADERS],
    };

    /// Whether the day's weights describe `all` issuers: at least half have a value, and the
    /// issuers whose value is missing on the day are too small to move a weight.
    pub fn are_most(&self, all: u32) -> bool {
        is_most(self.valued, all) && self.missing <= MISSING_PART * self.cap
    }

    /// Adds other issuers.
    pub fn add(&mut self, other: &Weights) {
        self.priced += other.priced;
        self.missing += other.missing;
        self.valued += other.valued;
        self.cap += other.cap;
        self.cap_squared += other.cap_squared;
        for cap in other.leaders {
            self.lead(cap);
        }
    }

    /// Adds one issuer's market value, USD.
    pub fn value(&mut self, cap: f64) {
        self.valued += 1;
        self.cap += cap;
        self.cap_squared += cap * cap;
        self.lead(cap);
    }

    fn lead(&mut self, cap: f64) {
        if self.leaders[LEADERS - 1] < cap {
            let at = self.leaders.partition_point(|leader| cap <= *leader);
            self.leaders[at..].rotate_right(1);
            self.leaders[at] = cap;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaders_are_the_seven_largest() {
        let mut weights = Weights::NONE;
        for cap in [3.0, 9.0, 1.0, 4.0, 4.0, 8.0, 2.0, 7.0, 5.0] {
            weights.value(cap);
        }
        assert_eq!(weights.leaders.map(|cap| cap as i32), [9, 8, 7, 5, 4, 4, 3]);
        let mut other = Weights::NONE;
        other.value(6.0);
        weights.add(&other);
        assert_eq!(weights.leaders.map(|cap| cap as i32), [9, 8, 7, 6, 5, 4, 4]);
        assert_eq!(weights.valued, 10);
    }
}
