//! Each row as it was first published, without later corrections.

use super::{Bounds, Picks, Rows, Track};

impl Track {
    /// The first publication of each day and other instrument within the bounds, ties going to the
    /// higher revision; by day, then by other instrument.
    ///
    /// A row is the one that [`Track::rows`] gives at its own publication: of publications of one
    /// instant that say the same the first is taken, there as here.
    pub fn first_published(&self, bounds: Bounds) -> Rows<'_> {
        // Where no two rows share a key, every row is its own first publication.
        let picks = self.prefixes(bounds).unwrap_or_else(|| self.firsts(bounds));
        Rows { track: self, picks }
    }

    fn firsts(&self, bounds: Bounds) -> Picks {
        let mut picks: Vec<(usize, usize)> = Vec::new();
        let mut held = None;
        for (key, published, _, piece, row) in self.visible(bounds) {
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
        Picks::Each(picks)
    }
}
