//! Reads the files of `tests/oracle`: one named vector per line.

use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Oracle(BTreeMap<&'static str, Vec<f64>>);

impl Oracle {
    /// The output of `oracle.py`.
    pub(crate) fn read() -> Self {
        Self::parse(include_str!("../oracle/oracle.txt"))
    }

    /// The output of `tails.py`.
    pub(crate) fn tails() -> Self {
        Self::parse(include_str!("../oracle/tails.txt"))
    }

    /// The output of `parametric.py`.
    pub(crate) fn parametric() -> Self {
        Self::parse(include_str!("../oracle/parametric.txt"))
    }

    /// The output of `shrink.py`.
    pub(crate) fn shrink() -> Self {
        Self::parse(include_str!("../oracle/shrink.txt"))
    }

    /// The output of `bets.py`.
    pub(crate) fn bets() -> Self {
        Self::parse(include_str!("../oracle/bets.txt"))
    }

    /// The output of `factors.py`.
    pub(crate) fn factors() -> Self {
        Self::parse(include_str!("../oracle/factors.txt"))
    }

    fn parse(text: &'static str) -> Self {
        let vectors = text.lines().filter(|l| !l.starts_with('#')).map(|line| {
            let (name, numbers) = line.split_once(':').expect("a name and a colon");
            let numbers = numbers.split_whitespace().map(|n| n.parse().expect("a number"));
            (name, numbers.collect())
        });
        Self(vectors.collect())
    }

    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> &[f64] {
        &self.0[name]
    }
}
