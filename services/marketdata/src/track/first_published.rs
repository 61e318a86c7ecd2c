//! Each row as it was first published, without later corrections.

use super::{Bounds, Rows, Track, Visible};

impl Track {
    /// The first publication of each day and other instrument within the bounds, with ties going to
    /// the higher revision. Sorted by day, then by other instrument.
    ///
    /// Each row is the one that [`Track::rows`] returns at the row's own publication. If several
    /// publications of one instant have the same values, both functions take the first.
    pub fn first_published(&self, bounds: Bounds) -> Rows<'_> {
        // If no two rows share a key, every row is its own first publication.
        Rows { track: self, picks: self.picks(bounds, Track::firsts) }
    }

    fn firsts(&self, visible: Vec<Visible>) -> Vec<(usize, usize)> {
        let mut picks: Vec<(usize, usize)> = Vec::new();
        let mut held = None;
        for (key, published, _, piece, row) in visible {
            match held {
                Some((last, first)) if last == key => {
                    let same =
                        picks.last().is_some_and(|pick| self.has_same_values(*pick, (piece, row)));
                    // Facts of better rank come later, whenever they were published.
                    if published < first || (first == published && !same) {
                        picks.pop();
                        picks.push((piece, row));
                        held = Some((key, published));
                    }
                }
                _ => {
                    picks.push((piece, row));
                    held = Some((key, published));
                }
            }
        }
        picks
    }
}
