//! What is lost if shorts squeeze: by source of specific risk, with the convexity of options.
//!
//! A source whose names jump by θ loses (−θ·z − b)⁺, with z the money that loads on it and b what
//! options make beyond their delta at that jump. A line of loading l moves by l·θ. Options that
//! trade add to b in proportion to their money, those of the book itself a number, so the loss
//! stays convex in the trades: a bought put loses at most its premium, a written call more than its
//! delta.

use std::collections::BTreeMap;

/// Source and number, in ascending order of sources.
pub type BySource = Vec<(usize, f64)>;

/// What options make beyond their delta if a source is squeezed.
#[derive(Clone, Debug, PartialEq)]
pub struct SqueezedOptions {
    /// Of lines that are options, in ascending order: the line, and P&L by source per money of
    /// position.
    pub lines: Vec<(usize, BySource)>,
    /// Of the options that are part of a line: the line, and P&L by source, in money.
    pub held: Vec<(usize, BySource)>,
}

impl SqueezedOptions {
    /// No options.
    pub const NONE: SqueezedOptions = SqueezedOptions { lines: Vec::new(), held: Vec::new() };

    /// P&L beyond the delta by source, for positions by line in money; no other source has any.
    pub(crate) fn beyond(&self, positions: &[f64]) -> BTreeMap<usize, f64> {
        let mut beyond = BTreeMap::new();
        let lines = self.lines.iter().map(|(line, by_source)| (positions[*line], by_source));
        let held = self.held.iter().map(|(_, by_source)| (1.0, by_source));
        for (position, by_source) in lines.chain(held) {
            for (source, pnl) in by_source {
                *beyond.entry(*source).or_default() += position * pnl;
            }
        }
        beyond
    }

    /// What a step of a line in money adds to that of a source.
    pub(crate) fn added(&self, line: usize, source: usize, by: f64) -> f64 {
        let at = self.lines.binary_search_by_key(&line, |(at, _)| *at);
        let of_line = at.map_or(&[][..], |at| &self.lines[at].1);
        let at = of_line.binary_search_by_key(&source, |(at, _)| *at);
        at.map_or(0.0, |at| by * of_line[at].1)
    }

    /// Whether all numbers are finite, of sources and lines that there are, in their orders.
    pub(crate) fn is_valid(&self, (lines, sources): (usize, usize)) -> bool {
        let is_valid = |(line, of): &(usize, BySource)| {
            *line < lines
                && of.iter().all(|(source, pnl)| *source < sources && pnl.is_finite())
                && of.is_sorted_by(|(a, _), (b, _)| a < b)
        };
        self.lines.iter().chain(&self.held).all(is_valid)
            && self.lines.is_sorted_by(|(a, _), (b, _)| a < b)
    }
}

/// The loss by source: θ, z, and b where it is not zero.
pub(crate) fn losses(thetas: &[f64], z: &[f64], beyond: &BTreeMap<usize, f64>) -> Vec<f64> {
    let both = thetas.iter().zip(z).enumerate();
    both.map(|(source, (theta, z))| loss(*theta, *z, beyond.get(&source).copied().unwrap_or(0.0)))
        .collect()
}

/// The loss of a source.
pub(crate) fn loss(theta: f64, z: f64, beyond: f64) -> f64 {
    (theta * -z - beyond).max(0.0)
}

/// The sum of the largest losses.
pub(crate) fn worst(mut losses: Vec<f64>, count: usize) -> f64 {
    losses.sort_by(|a, b| b.total_cmp(a));
    losses.iter().take(count).sum()
}
