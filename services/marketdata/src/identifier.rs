//! Identifiers of listed lines besides their symbol: schemes, forms and check digits.
//!
//! The rules are written here because the crates that exist cover one identifier each, and the four
//! rules fit a screen.

use crate::dataset::Field;

/// A scheme that numbers listed lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Financial Instrument Global Identifier, of any level.
    Figi,
    /// ISO 6166.
    Isin,
    /// CUSIP of nine characters.
    Cusip,
    /// SEDOL of seven characters.
    Sedol,
}

impl Scheme {
    /// Every scheme, in the order of the contract.
    pub const ALL: [Scheme; 4] = [Scheme::Figi, Scheme::Isin, Scheme::Cusip, Scheme::Sedol];

    /// The column that holds the identifiers of this scheme.
    pub const fn field(self) -> Field {
        match self {
            Scheme::Figi => Field::Figi,
            Scheme::Isin => Field::Isin,
            Scheme::Cusip => Field::Cusip,
            Scheme::Sedol => Field::Sedol,
        }
    }

    /// The name of the field in requests, messages and files.
    pub const fn name(self) -> &'static str {
        self.field().name()
    }

    /// Checks the form and the check digit of an identifier in capital letters.
    ///
    /// # Errors
    /// What is wrong, as the rest of a sentence about the field.
    pub fn check(self, text: &str) -> Result<(), &'static str> {
        let text = text.as_bytes();
        match self {
            Scheme::Figi => figi(text),
            Scheme::Isin => isin(text),
            Scheme::Cusip => cusip(text),
            Scheme::Sedol => sedol(text),
        }
    }
}

/// Checks the form of an ISO 10383 code of a market, which has no check digit.
///
/// # Errors
/// What is wrong, as the rest of a sentence about the field.
pub fn check_mic(text: &str) -> Result<(), &'static str> {
    mic(text.as_bytes())
}

const WRONG_DIGIT: &str = "has a wrong check digit";

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
        let printed: [(Scheme, &[&str]); 4] = [
            (Scheme::Figi, &["BBG000B9XRY4", "BBG000BLNNH6"]),
            (Scheme::Isin, &["US0378331005", "AU0000XVGZA3", "GB0002634946"]),
            (Scheme::Cusip, &["037833100", "17275R102", "38259P508"]),
            (Scheme::Sedol, &["0263494", "B0WNLY7"]),
        ];
        for (scheme, texts) in printed {
            for text in texts {
                assert_eq!(scheme.check(text), Ok(()), "{text}");
                let last = text.len() - 1;
                for digit in (b'0'..=b'9').filter(|digit| *digit != text.as_bytes()[last]) {
                    let wrong = format!("{}{}", &text[..last], char::from(digit));
                    assert_eq!(scheme.check(&wrong), Err(WRONG_DIGIT), "{text}");
                }
                assert!(scheme.check(&text[1..]).is_err() && scheme.check("").is_err(), "{text}");
                assert!(scheme.check(&text.to_lowercase().replace('0', "o")).is_err(), "{text}");
            }
        }
        assert!(
            check_mic("XNAS").is_ok() && check_mic("xnas").is_err() && check_mic("XNASD").is_err()
        );
    }
}
