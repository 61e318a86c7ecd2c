//! The identifiers by which a line names its instrument.

use marketdata::{
    identifier::{Scheme, check_mic},
    symbol::Symbol,
};

/// The identifiers of one instrument; an empty text means not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentRef<Text> {
    /// The ticker in any spelling.
    pub symbol: Text,
    /// Financial Instrument Global Identifier.
    pub figi: Text,
    /// ISO 6166.
    pub isin: Text,
    /// CUSIP of nine characters.
    pub cusip: Text,
    /// SEDOL of seven characters.
    pub sedol: Text,
    /// ISO 10383 code of the market.
    pub mic: Text,
}

impl<'a> InstrumentRef<&'a str> {
    /// Nothing is given.
    pub const NONE: InstrumentRef<&'a str> =
        InstrumentRef { symbol: "", figi: "", isin: "", cusip: "", sedol: "", mic: "" };

    /// A reference by symbol only.
    pub fn of_symbol(symbol: &'a str) -> InstrumentRef<&'a str> {
        InstrumentRef { symbol, ..InstrumentRef::NONE }
    }

    /// Whether nothing but a symbol is given.
    pub fn is_symbol_only(&self) -> bool {
        !self.is_identified() && self.mic.is_empty()
    }

    /// Whether an identifier other than the symbol names the instrument.
    pub fn is_identified(&self) -> bool {
        self.identifiers().next().is_some()
    }

    /// The identifiers given other than the symbol.
    pub fn identifiers(&self) -> impl Iterator<Item = (Scheme, &'a str)> + use<'a> {
        let texts = [self.figi, self.isin, self.cusip, self.sedol];
        Scheme::ALL.into_iter().zip(texts).filter(|(_, text)| !text.is_empty())
    }

    /// The first identifier given, for messages.
    pub fn name(&self) -> &'a str {
        let first = self.identifiers().map(|(_, text)| text).next().unwrap_or_default();
        if self.symbol.is_empty() { first } else { self.symbol }
    }

    /// Everything given, for messages: `symbol AAPL, isin US0378331005`.
    pub fn described(&self) -> String {
        let all = [("symbol", self.symbol)].into_iter();
        let all = all.chain(self.identifiers().map(|(scheme, text)| (scheme.name(), text)));
        let given = all.chain([("mic", self.mic)]).filter(|(_, text)| !text.is_empty());
        given.map(|(field, text)| format!("{field} {text}")).collect::<Vec<_>>().join(", ")
    }

    /// The same identifiers, owned.
    pub fn into_owned(self) -> InstrumentRef<String> {
        InstrumentRef {
            symbol: self.symbol.to_owned(),
            figi: self.figi.to_owned(),
            isin: self.isin.to_owned(),
            cusip: self.cusip.to_owned(),
            sedol: self.sedol.to_owned(),
            mic: self.mic.to_owned(),
        }
    }

    /// Every fault: the name of the field (empty for the whole), and what is wrong.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if self.symbol.is_empty() && !self.is_identified() {
            let text = "must have a symbol, figi, isin, cusip or sedol";
            faults.push(("", text.to_owned()));
        }
        if !self.symbol.is_empty() {
            faults.extend(Symbol::listed(self.symbol).err().map(|e| ("symbol", e.to_string())));
        }
        for (scheme, text) in self.identifiers() {
            let fault = scheme.check(text).err();
            faults.extend(fault.map(|fault| (scheme.name(), fault.to_owned())));
        }
        if !self.mic.is_empty() {
            faults.extend(check_mic(self.mic).err().map(|fault| ("mic", fault.to_owned())));
        }
        faults
    }
}

impl InstrumentRef<String> {
    /// The same identifiers, borrowed.
    pub fn as_texts(&self) -> InstrumentRef<&str> {
        InstrumentRef {
            symbol: &self.symbol,
            figi: &self.figi,
            isin: &self.isin,
            cusip: &self.cusip,
            sedol: &self.sedol,
            mic: &self.mic,
        }
    }
}

/// Whether a symbol is more often money than the listed share of that ticker.
pub fn may_be_cash(symbol: &str) -> bool {
    let symbol = symbol.trim();
    symbol.eq_ignore_ascii_case("CASH") || symbol.eq_ignore_ascii_case("USD")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_reference_is_listed() {
        let wrong = InstrumentRef {
            symbol: "<b>",
            figi: "BBG000B9XRY5",
            isin: "US037833100",
            cusip: "",
            sedol: "AEIOU12",
            mic: "NASDAQ",
        };
        let fields: Vec<&str> = wrong.faults().iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["symbol", "figi", "isin", "sedol", "mic"]);
        let nothing = InstrumentRef { mic: "XNAS", ..InstrumentRef::NONE };
        assert_eq!(nothing.faults()[0].0, "", "a market names no instrument");
        assert_eq!(InstrumentRef { isin: "US0378331005", ..InstrumentRef::NONE }.faults(), []);
    }

    #[test]
    fn money_is_told_from_tickers() {
        assert!(["CASH", "usd", " Cash "].into_iter().all(may_be_cash));
        assert!(!["CASH US Equity", "CASHY", "UUP", ""].into_iter().any(may_be_cash));
    }
}
