//! The facilities that a row of short sales adds up: a series `REGSHO/` and their letters.
//!
//! FINRA publishes the volumes of each of its facilities, and of all of them in one row. The letters
//! are part of the key of a fact, so that the row of one facility never replaces that of another, or
//! that of all. Letters are in alphabetical order, each once.

use crate::symbol::{InvalidSymbol, Symbol};

/// Facilities as bits, that of `A` the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Facilities(u32);

/// The beginning of the id of the series.
const PREFIX: &str = "REGSHO/";

impl Facilities {
    /// No facility.
    pub const NONE: Facilities = Facilities(0);

    /// The facilities of a list of letters, with commas or blanks between them or none: `B,Q,N`.
    /// `None` if it has anything else, a letter twice, or no letter.
    pub fn parse(list: &[u8]) -> Option<Facilities> {
        let mut bits = 0u32;
        for byte in list.iter().filter(|byte| !matches!(byte, b',' | b' ')) {
            let bit = 1 << byte.is_ascii_uppercase().then(|| byte - b'A')?;
            if bits & bit != 0 {
                return None;
            }
            bits |= bit;
        }
        (bits != 0).then_some(Facilities(bits))
    }

    /// The facilities of the id of a series. `None` if it is of something else.
    pub fn of_series(id: &str) -> Option<Facilities> {
        Facilities::parse(id.strip_prefix(PREFIX)?.as_bytes())
    }

    /// The id of the series.
    ///
    /// # Errors
    /// Never for letters; [`Symbol::series`] says so.
    pub fn series(self) -> Result<Symbol, InvalidSymbol> {
        Symbol::series(&format!("{PREFIX}{}", self.letters()))
    }

    /// The letters, in alphabetical order.
    pub fn letters(self) -> String {
        (b'A'..=b'Z').filter(|byte| self.0 & (1 << (byte - b'A')) != 0).map(char::from).collect()
    }

    /// Number of facilities.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether both have a facility.
    pub const fn overlaps(self, other: Facilities) -> bool {
        self.0 & other.0 != 0
    }

    /// The facilities of both.
    #[must_use]
    pub const fn shared(self, other: Facilities) -> Facilities {
        Facilities(self.0 & other.0)
    }

    /// The facilities of either.
    #[must_use]
    pub const fn with(self, other: Facilities) -> Facilities {
        Facilities(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_in_any_order_and_written_in_one() {
        let all = Facilities::parse(b"B,Q,N").unwrap();
        assert_eq!((all.letters().as_str(), all.count()), ("BNQ", 3));
        assert_eq!(all.series().unwrap().as_str(), "REGSHO/BNQ");
        assert_eq!(Facilities::of_series("REGSHO/BNQ"), Some(all));
        assert_eq!(Facilities::parse(b"Q"), Facilities::of_series("REGSHO/Q"));
        for wrong in ["", ",", "b", "B,B", "B;Q", "1"] {
            assert_eq!(Facilities::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(Facilities::of_series("DGS10"), None);
    }

    #[test]
    fn facilities_overlap_where_they_share_a_letter() {
        let of = |list: &[u8]| Facilities::parse(list).unwrap();
        assert!(of(b"BQ").overlaps(of(b"Q")) && !of(b"BQ").overlaps(of(b"N")));
        assert_eq!(of(b"BQ").with(of(b"N")), of(b"NQB"));
        assert_eq!(of(b"BQ").shared(of(b"NQ")), of(b"Q"));
        assert!(!Facilities::NONE.overlaps(of(b"B")));
    }
}
