//! Reads the files of `tests/oracle`: one named vector a line.

use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Oracle(BTreeMap<&'static str, Vec<f64>>);

impl Oracle {
    /// What `oracle.py` printed.
    pub(crate) fn read() -> Self {
        Self::parse(include_str!("../oracle/oracle.txt"))
    }

    /// What `tails.py` printed.
    pub(crate) fn tails() -> Self {
        Self::parse(include_str!("../oracle/tails.txt"))
    }

    /// What `shrink.py` printed.
    pub(crate) fn shrink() -> Self {
        Self::parse(include_str!("../oracle/shrink.txt"))
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
