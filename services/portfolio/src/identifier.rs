//! The identifiers of an instrument: their forms and check digits.
//!
//! Written here because the crates that exist cover one identifier each, and the four rules fit a
//! screen.

use marketdata::symbol::Symbol;

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

/// Checks the form and the check digit of an identifier.
type Rule = fn(&[u8]) -> Result<(), &'static str>;

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
        [self.figi, self.isin, self.cusip, self.sedol].iter().any(|text| !text.is_empty())
    }

    /// Every fault: the name of the field (empty for the whole), and what is wrong.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if self.symbol.is_empty() && !self.is_identified() {
            let text = "must name an instrument by a symbol, figi, isin, cusip or sedol";
            faults.push(("", text.to_owned()));
        }
        if !self.symbol.is_empty() {
            faults.extend(Symbol::listed(self.symbol).err().map(|e| ("symbol", e.to_string())));
        }
        let rules: [(&'static str, &str, Rule); 5] = [
            ("figi", self.figi, figi),
            ("isin", self.isin, isin),
            ("cusip", self.cusip, cusip),
            ("sedol", self.sedol, sedol),
            ("mic", self.mic, mic),
        ];
        for (field, text, rule) in rules.into_iter().filter(|(_, text, _)| !text.is_empty()) {
            faults.extend(rule(text.as_bytes()).err().map(|fault| (field, fault.to_owned())));
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

    /// The first identifier given, for messages.
    pub fn name(&self) -> &str {
        let all = [&self.symbol, &self.figi, &self.isin, &self.cusip, &self.sedol];
        all.into_iter().find(|text| !text.is_empty()).map_or("", String::as_str)
    }
}

/// Whether a symbol is more often money than the listed share of that ticker.
pub fn may_be_cash(symbol: &str) -> bool {
    let symbol = symbol.trim();
    symbol.eq_ignore_ascii_case("CASH") || symbol.eq_ignore_ascii_case("USD")
}

const WRONG_DIGIT: &str = "its check digit is wrong";

/// Value of a digit or a capital letter: A is 10, Z is 35.
fn value(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'*' => 36,
        b'@' => 37,
        b'#' => 38,
        _ => u32::from(byte.wrapping_sub(b'A')) + 10,
    }
}

fn is_code(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_uppercase()
}

fn is_vowel(byte: u8) -> bool {
    matches!(byte, b'A' | b'E' | b'I' | b'O' | b'U')
}

/// Whether the last byte is the digit that makes a sum a multiple of ten.
fn completes(sum: u32, text: &[u8]) -> Result<(), &'static str> {
    let digit = (10 - sum % 10) % 10;
    (text.last().map(|byte| value(*byte)) == Some(digit)).then_some(()).ok_or(WRONG_DIGIT)
}

/// Σ of the digits of the values, every second value doubled ("modulus 10 double add double").
fn double_add_double(text: &[u8]) -> u32 {
    let doubled = |(at, byte): (usize, &u8)| value(*byte) * if at % 2 == 1 { 2 } else { 1 };
    text.iter().enumerate().map(doubled).map(|value| value / 10 + value % 10).sum()
}

/// FIGI standard, section on the check digit (OMG, Financial Instrument Global Identifier 1.0).
fn figi(text: &[u8]) -> Result<(), &'static str> {
    let form = "must have 12 characters like BBG000B9XRY4: two consonants, G, eight consonants or \
                digits, a check digit";
    let [first, second, b'G', .., check] = text else { return Err(form) };
    let body = text.iter().all(|byte| is_code(*byte) && !is_vowel(*byte));
    let prefix = first.is_ascii_uppercase() && second.is_ascii_uppercase();
    if text.len() != 12 || !body || !prefix || !check.is_ascii_digit() {
        return Err(form);
    }
    completes(double_add_double(&text[..11]), text)
}

/// ISO 6166: letters become two digits, and Luhn's rule holds from the right.
fn isin(text: &[u8]) -> Result<(), &'static str> {
    let form = "must have 12 characters like US0378331005: two letters, nine letters or digits, a \
                check digit";
    let country = text.iter().take(2).all(u8::is_ascii_uppercase);
    let check = text.last().is_some_and(u8::is_ascii_digit);
    if text.len() != 12 || !country || !check || !text.iter().all(|byte| is_code(*byte)) {
        return Err(form);
    }
    let mut digits = Vec::with_capacity(22);
    for value in text[..11].iter().map(|byte| value(*byte)) {
        digits.extend((10 <= value).then_some(value / 10));
        digits.push(value % 10);
    }
    let doubled = |(at, digit): (usize, &u32)| digit * if at % 2 == 0 { 2 } else { 1 };
    let sum = digits.iter().rev().enumerate().map(doubled).map(|value| value / 10 + value % 10);
    completes(sum.sum(), text)
}

/// ANSI X9.6.
fn cusip(text: &[u8]) -> Result<(), &'static str> {
    let form = "must have 9 characters like 037833100: eight letters or digits, a check digit";
    let is_body = |byte: &u8| is_code(*byte) || matches!(byte, b'*' | b'@' | b'#');
    let check = text.last().is_some_and(u8::is_ascii_digit);
    if text.len() != 9 || !check || !text.iter().all(is_body) {
        return Err(form);
    }
    completes(double_add_double(&text[..8]), text)
}

/// London Stock Exchange, SEDOL Masterfile: weights 1, 3, 1, 7, 3, 9.
fn sedol(text: &[u8]) -> Result<(), &'static str> {
    let form = "must have 7 characters like 0263494: six consonants or digits, a check digit";
    let check = text.last().is_some_and(u8::is_ascii_digit);
    let body = text.iter().all(|byte| is_code(*byte) && !is_vowel(*byte));
    if text.len() != 7 || !check || !body {
        return Err(form);
    }
    completes(text.iter().zip([1, 3, 1, 7, 3, 9]).map(|(byte, w)| value(*byte) * w).sum(), text)
}

/// ISO 10383, which has no check digit.
fn mic(text: &[u8]) -> Result<(), &'static str> {
    let is_form = text.len() == 4 && text.iter().all(|byte| is_code(*byte));
    is_form.then_some(()).ok_or("must have 4 capital letters or digits like XNAS")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Identifiers as printed by OpenFIGI (Apple, IBM), ISO 6166's and Wikipedia's articles (Apple,
    /// Treasury Corporation of Victoria, BAE Systems), and the issuers (Cisco).
    #[test]
    fn printed_identifiers_pass_and_every_changed_character_fails() {
        let printed: [(Rule, &[&str]); 4] = [
            (figi, &["BBG000B9XRY4", "BBG000BLNNH6"]),
            (isin, &["US0378331005", "AU0000XVGZA3", "GB0002634946"]),
            (cusip, &["037833100", "17275R102", "38259P508"]),
            (sedol, &["0263494", "B0WNLY7"]),
        ];
        for (rule, texts) in printed {
            for text in texts {
                assert_eq!(rule(text.as_bytes()), Ok(()), "{text}");
                let last = text.len() - 1;
                for digit in (b'0'..=b'9').filter(|digit| *digit != text.as_bytes()[last]) {
                    let mut wrong = text.as_bytes().to_vec();
                    wrong[last] = digit;
                    assert_eq!(rule(&wrong), Err(WRONG_DIGIT), "{text}");
                }
                let short = &text[1..];
                assert!(rule(short.as_bytes()).is_err() && rule(b"").is_err(), "{text}");
                assert!(rule(text.to_lowercase().replace('0', "o").as_bytes()).is_err(), "{text}");
            }
        }
        assert!(mic(b"XNAS").is_ok() && mic(b"xnas").is_err() && mic(b"XNASD").is_err());
    }

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
