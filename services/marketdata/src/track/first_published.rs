//! Each row as it was first published, without later corrections.

use super::{Bounds, Rows, Track, Visible};

impl Track {
    /// The first publication of each day and other instrument within the bounds, ties going to the
    /// higher revision; by day, then by other instrument.
    ///
    /// A row is the one that [`Track::rows`] gives at its own publication: of publications of one
    /// instant that say the same the first is taken, there as here.
    pub fn first_published(&self, bounds: Bounds) -> Rows<'_> {
        // Where no two rows share a key, every row is its own first publication.
        Rows { track: self, picks: self.picks(bounds, Track::firsts) }
    }

    fn firsts(&self, visible: Vec<Visible>) -> Vec<(usize, usize)> {
        let mut picks: Vec<(usize, usize)> = Vec::new();
        let mut held = None;
        for (key, published, _, piece, row) in visible {
            match held {
                Some((last, first)) if last == key => {
                    let same =
                        picks.last().is_some_and(|pick| self.says_the_same(*pick, (piece, row)));
                    if first == published && !same {
                        picks.pop();
                        picks.push((piece, row));
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
