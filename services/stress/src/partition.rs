//! Partitions of a book, such as the legs of a trade, by which every P&L is split.

/// A partition of the holdings of a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its id, for instance that of a trade.
    pub partition_id: String,
    /// The parts, for instance its legs; the last one is what belongs to none.
    pub part_ids: Vec<String>,
    /// By holding of the book, the index of its part; an index out of range counts as the last part.
    pub part_of: Vec<usize>,
}

impl Partition {
    /// Sums of values by holding, by part.
    pub fn sums(&self, by_holding: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.part_ids.len()];
        let Some(last) = sums.len().checked_sub(1) else { return sums };
        for (at, value) in by_holding.iter().enumerate() {
            sums[self.part_of.get(at).copied().unwrap_or(last).min(last)] += value;
        }
        sums
    }
}
