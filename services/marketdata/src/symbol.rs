//! Ticker symbols in one spelling: `BRK-B`, `BRK/B` and `BRK B` become `BRK.B`.

use crate::facilities::Facilities;
use std::fmt;

/// Why a text is not a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSymbol {
    /// Empty after trimming.
    #[error("must not be empty")]
    Empty,
    /// Longer than any ticker.
    #[error("must have at most 32 characters")]
    TooLong,
    /// A character that does not occur in tickers.
    #[error("must have only characters that occur in tickers")]
    Character,
    /// A name that stands for the facilities of short sales.
    #[error("is the name of facilities that report short sales")]
    Facilities,
}

/// A symbol in canonical spelling: upper case, share classes after a dot, preferreds after a caret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(Box<str>);

impl Symbol {
    /// Parses any of the usual spellings of a listed ticker.
    ///
    /// A Bloomberg suffix (`AAPL US Equity`) and a `.US` suffix are dropped. A separator after the
    /// first character becomes a dot. `BRKB` cannot be distinguished from a plain ticker here:
    /// [`crate::instrument::Directory::resolve`] tries [`Symbol::with_class_split`] if it finds no
    /// instrument.
    ///
    /// # Errors
    /// [`InvalidSymbol`] if the text is empty, too long or has other characters.
    pub fn listed(text: &str) -> Result<Symbol, InvalidSymbol> {
        let text = text.trim();
        // A tab before a suffix would be trimmed with it, and stand in the text that others keep.
        if text.contains(char::is_control) {
            return Err(InvalidSymbol::Character);
        }
        let text = strip_suffix_ignoring_case(text, " Equity").unwrap_or(text);
        let text = strip_suffix_ignoring_case(text, " US").unwrap_or(text);
        let text = strip_suffix_ignoring_case(text, ".US").unwrap_or(text);
        let upper = checked(text)?;
        let mut canonical = String::with_capacity(upper.len());
        for (at, character) in upper.char_indices() {
            match character {
                '-' | '/' | ' ' | '.' if 0 < at => canonical.push('.'),
                other => canonical.push(other),
            }
        }
        Ok(Symbol(canonical.into_boxed_str()))
    }

    /// Parses the id of a series, kept as written except for case and surrounding blanks. A name made
    /// by [`Symbol::factor`] may be as long as its two parts.
    ///
    /// # Errors
    /// [`InvalidSymbol`] as for [`Symbol::listed`].
    pub fn series(text: &str) -> Result<Symbol, InvalidSymbol> {
        match (checked(text), factor_parts(text)) {
            (Err(InvalidSymbol::TooLong), Some((model, factor))) => Symbol::factor(model, factor),
            (read, _) => read.map(|upper| Symbol(upper.into_boxed_str())),
        }
    }

    /// The name of a factor of a vendor's risk model, `MODEL/FACTOR`: a name in the namespace of
    /// series. The model has no slash, so that [`factor_parts`] can part them.
    ///
    /// # Errors
    /// [`InvalidSymbol`] as for [`Symbol::listed`], of either part, and for the name of facilities.
    pub fn factor(model: &str, factor: &str) -> Result<Symbol, InvalidSymbol> {
        let (model, factor) = (checked(model)?, checked(factor)?);
        if model.contains('/') {
            return Err(InvalidSymbol::Character);
        }
        let name = format!("{model}/{factor}");
        match Facilities::of_series(&name) {
            Some(_) => Err(InvalidSymbol::Facilities),
            None => Ok(Symbol(name.into_boxed_str())),
        }
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads `BRKB` as `BRK.B`, with the last letter as the share class.
    pub fn with_class_split(&self) -> Option<Symbol> {
        let (stem, class) = self.0.split_at_checked(self.0.len().checked_sub(1)?)?;
        let plain = self.0.bytes().all(|byte| byte.is_ascii_uppercase());
        (plain && 2 <= stem.len()).then(|| Symbol(format!("{stem}.{class}").into_boxed_str()))
    }

    /// Writes `BRK.B` as `BRKB`, the inverse of [`Symbol::with_class_split`].
    pub fn with_class_joined(&self) -> Option<Symbol> {
        let (stem, class) = self.0.split_once('.')?;
        let joined = Symbol(format!("{stem}{class}").into_boxed_str());
        (joined.with_class_split().as_ref() == Some(self)).then_some(joined)
    }
}

/// The factor that stands for the specific returns of a vendor's risk model.
pub const SPECIFIC_FACTOR: &str = "*";

/// The model and the factor of a name made by [`Symbol::factor`]. `None` for facilities, which have a
/// slash in their name as well.
pub fn factor_parts(symbol: &str) -> Option<(&str, &str)> {
    symbol.split_once('/').filter(|_| Facilities::of_series(symbol).is_none())
}

fn strip_suffix_ignoring_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    (tail.eq_ignore_ascii_case(suffix) && !head.is_empty()).then(|| head.trim_end())
}

fn checked(text: &str) -> Result<String, InvalidSymbol> {
    let text = text.trim();
    if text.is_empty() {
        return Err(InvalidSymbol::Empty);
    }
    if 32 < text.len() {
        return Err(InvalidSymbol::TooLong);
    }
    let lawful = |c: char| c.is_ascii_alphanumeric() || "^.-/_ =+*&$#:".contains(c);
    if !text.chars().all(lawful) {
        return Err(InvalidSymbol::Character);
    }
    Ok(text.to_ascii_uppercase())
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_class_share_give_one_symbol() {
        for text in ["BRK.B", "BRK-B", "BRK/B", "BRK B", "brk.b", " BRK B US Equity ", "BRK-B.US"] {
            assert_eq!(Symbol::listed(text).unwrap().as_str(), "BRK.B", "{text}");
        }
        assert_eq!(Symbol::listed("BRKB").unwrap().with_class_split().unwrap().as_str(), "BRK.B");
        let joined = |text| Symbol::listed(text).unwrap().with_class_joined();
        assert_eq!(joined("BRK.B").unwrap().as_str(), "BRKB");
        assert_eq!((joined("ABR.PRB"), joined("BRKB")), (None, None));
        assert_eq!(Symbol::listed("^RUT").unwrap().as_str(), "^RUT");
        assert_eq!(Symbol::listed("AAPL US Equity").unwrap().as_str(), "AAPL");
    }

    #[test]
    fn a_factor_is_named_by_its_model() {
        let name = Symbol::factor(" acme us", "sector/Consumer Discretionary").unwrap();
        assert_eq!(name.as_str(), "ACME US/SECTOR/CONSUMER DISCRETIONARY");
        assert_eq!(Symbol::series(name.as_str()), Ok(name.clone()));
        let parts = ("ACME US", "SECTOR/CONSUMER DISCRETIONARY");
        assert_eq!(factor_parts(name.as_str()), Some(parts));
        assert_eq!(Symbol::factor("A/B", "C"), Err(InvalidSymbol::Character));
        assert_eq!(Symbol::factor("", "C"), Err(InvalidSymbol::Empty));
        assert_eq!(Symbol::factor("A", &"C".repeat(33)), Err(InvalidSymbol::TooLong));
    }

    #[test]
    fn facilities_are_no_factor_of_a_model() {
        assert_eq!(factor_parts("REGSHO/BNQ"), None);
        assert_eq!(Symbol::series("regsho/bnq").unwrap().as_str(), "REGSHO/BNQ");
        assert_eq!(Symbol::factor("RegSHO", "bnq"), Err(InvalidSymbol::Facilities));
        // Letters of no facility, in a model that has this name.
        assert_eq!(factor_parts("REGSHO/SIZE-1"), Some(("REGSHO", "SIZE-1")));
        assert_eq!(factor_parts("REGSHO/*"), Some(("REGSHO", SPECIFIC_FACTOR)));
    }

    #[test]
    fn an_invalid_symbol_is_rejected_with_its_reason() {
        assert_eq!(Symbol::listed("  "), Err(InvalidSymbol::Empty));
        assert_eq!(Symbol::listed("<HTML>"), Err(InvalidSymbol::Character));
        assert_eq!(Symbol::listed(&"A".repeat(33)), Err(InvalidSymbol::TooLong));
        for text in ["A\0B", "A\t US Equity", "A\n US", "A US\t Equity"] {
            assert_eq!(Symbol::listed(text), Err(InvalidSymbol::Character), "{text:?}");
        }
    }
}
