//! Reads `tests/oracle/oracle.txt`: one named vector a line.

use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Oracle(BTreeMap<&'static str, Vec<f64>>);

impl Oracle {
    pub(crate) fn read() -> Self {
        let lines = include_str!("../oracle/oracle.txt").lines().filter(|l| !l.starts_with('#'));
        let vectors = lines.map(|line| {
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
