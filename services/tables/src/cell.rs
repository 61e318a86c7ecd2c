//! Reads one field of a row as a number or a date.

use crate::refusal::{Fault, Reason};
use marketdata::{day::Day, instant::Instant};

/// A number and the number of digits printed after its decimal point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimal {
    /// The number.
    pub value: f64,
    /// Digits after the decimal point, as printed.
    pub decimals: u8,
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Half a unit in the last place, by number of decimals.
const HALVES: [f64; 23] = {
    let mut halves = [0.5; 23];
    let mut decimals = 0;
    while decimals < 23 {
        halves[decimals] = 0.5 / POWERS[decimals];
        decimals += 1;
    }
    halves
};

/// 2^53: every integer up to this is exactly representable as a double.
const EXACT: u64 = 1 << 53;

/// Half a unit of the last printed digit, or of single precision if that is coarser: vendors print
/// the digits of numbers that they hold in single precision.
pub fn rounding(value: f64, decimals: u8) -> f64 {
    const SINGLE: f64 = 1.0 / 16_777_216.0;
    HALVES[usize::from(decimals.min(22))].max(value.abs() * SINGLE)
}

/// A plain number, correctly rounded; `None` if it is marked as missing.
pub fn number(field: &str, bytes: &[u8]) -> Result<Option<Decimal>, Fault> {
    match quick(bytes) {
        Some(decimal) => Ok(Some(decimal)),
        None => slow(field, bytes, bytes),
    }
}

/// A number that may carry a currency sign in front, thousands commas, or parentheses for a
/// negative. A number with a percent sign is rejected: `10%` is not ten dollars.
#[inline]
pub fn amount(field: &str, bytes: &[u8]) -> Result<Option<Decimal>, Fault> {
    match quick(bytes) {
        Some(decimal) => Ok(Some(decimal)),
        None => formatted(field, bytes),
    }
}

/// A column in per cent, converted to a decimal: `0.53` and `0.53%` are 0.0053.
pub fn percentage(field: &str, bytes: &[u8]) -> Result<Option<f64>, Fault> {
    let bare = bytes.strip_suffix(b"%").map_or(bytes, <[u8]>::trim_ascii_end);
    Ok(amount(field, bare)?.map(|decimal| decimal.value / 100.0))
}

#[cold]
fn formatted(field: &str, bytes: &[u8]) -> Result<Option<Decimal>, Fault> {
    if is_missing(bytes) {
        return Ok(None);
    }
    let inner = bytes.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")"));
    let (mut negative, mut rest) = (inner.is_some(), inner.unwrap_or(bytes).trim_ascii());
    // `-$5`, `$-5` and `$ 5` all occur; a second sign does not.
    for _ in 0..2 {
        if let Some(after) = rest.strip_prefix(b"$") {
            rest = after.trim_ascii_start();
        } else if let Some(after) = rest.strip_prefix(b"-").filter(|after| {
            !negative && after.first().is_some_and(|byte| matches!(byte, b'$' | b'0'..=b'9' | b'.'))
        }) {
            (negative, rest) = (true, after);
        }
    }
    let mut plain = if negative { vec![b'-'] } else { Vec::new() };
    match without_thousands(rest) {
        Some(digits) => plain.extend(digits),
        None => return Err(Fault::of(Reason::NotANumber, field, bytes)),
    }
    if let Some(decimal) = quick(&plain) {
        return Ok(Some(decimal));
    }
    // If nothing is left, as of `$` or `()`, the field is not a mark of a missing value.
    if is_missing(&plain) {
        return Err(Fault::of(Reason::NotANumber, field, bytes));
    }
    slow(field, bytes, &plain)
}

/// Digits without thousands commas; `None` if a comma has another meaning, as in `1,5`.
fn without_thousands(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.contains(&b',') {
        return Some(bytes.to_vec());
    }
    let whole = bytes.split(|byte| *byte == b'.').next()?;
    let mut groups = whole.split(|byte| *byte == b',');
    let digits = |group: &[u8]| group.iter().all(u8::is_ascii_digit);
    let lawful = groups.next().is_some_and(|first| (1..=3).contains(&first.len()) && digits(first))
        && groups.all(|group| group.len() == 3 && digits(group))
        && !bytes[whole.len()..].contains(&b',');
    lawful.then(|| bytes.iter().copied().filter(|byte| *byte != b',').collect())
}

/// Parses digits with at most one point and no exponent: an exact integer over an exact power of
/// ten is correctly rounded (Clinger 1990). `None` for everything else.
#[inline]
fn quick(bytes: &[u8]) -> Option<Decimal> {
    let (negative, digits) = match bytes.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, bytes),
    };
    if digits.is_empty() || 19 < digits.len() {
        return None;
    }
    let mut mantissa = 0u64;
    let mut point = None;
    for (at, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = mantissa * 10 + u64::from(digit);
        } else if *byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let decimals = point.map_or(0, |at| digits.len() - at - 1);
    if EXACT < mantissa || (point.is_some() && digits.len() == 1) {
        return None;
    }
    let magnitude = mantissa as f64 / POWERS[decimals];
    // Zero is never negative.
    let value = if negative && mantissa != 0 { -magnitude } else { magnitude };
    Some(Decimal { value, decimals: decimals as u8 })
}

#[cold]
fn slow(field: &str, shown: &[u8], bytes: &[u8]) -> Result<Option<Decimal>, Fault> {
    if is_missing(bytes) {
        return Ok(None);
    }
    let fault = |reason| Fault::of(reason, field, shown);
    let text = std::str::from_utf8(bytes).map_err(|_| fault(Reason::NotANumber))?;
    let bare = text.trim_start_matches(['-', '+']);
    if bare.eq_ignore_ascii_case("nan") {
        return Err(fault(Reason::NotFinite));
    }
    if bare.eq_ignore_ascii_case("inf") || bare.eq_ignore_ascii_case("infinity") {
        return Err(fault(Reason::Infinite));
    }
    let value: f64 = text.parse().map_err(|_| fault(Reason::NotANumber))?;
    if !value.is_finite() {
        return Err(fault(Reason::Overflow));
    }
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i64>().unwrap_or(0)),
        None => (text, 0),
    };
    let printed = digits.split_once('.').map_or(0, |(_, after)| after.len() as i64);
    let decimals = (printed - exponent).clamp(0, 22) as u8;
    // Adding zero turns minus zero into zero.
    Ok(Some(Decimal { value: value + 0.0, decimals }))
}

/// Whether a field means that there is no value. A missing value is never a zero.
pub fn is_missing(bytes: &[u8]) -> bool {
    matches!(bytes, b"" | b"." | b"-" | b"--")
        || ["na", "n/a", "#n/a", "null", "none"]
            .iter()
            .any(|marker| bytes.eq_ignore_ascii_case(marker.as_bytes()))
}

/// Yes or no; `None` if it is missing.
///
/// # Errors
/// [`Reason::NotAFlag`].
pub fn flag(field: &str, bytes: &[u8]) -> Result<Option<bool>, Fault> {
    if is_missing(bytes) {
        return Ok(None);
    }
    match bytes.to_ascii_lowercase().as_slice() {
        b"1" | b"true" | b"yes" | b"y" => Ok(Some(true)),
        b"0" | b"false" | b"no" | b"n" => Ok(Some(false)),
        _ => Err(Fault::of(Reason::NotAFlag, field, bytes)),
    }
}

/// Whether the field of a symbol has none. `NA` and `NULL` are symbols.
pub fn is_no_symbol(bytes: &[u8]) -> bool {
    matches!(bytes, b"" | b"-" | b"--")
}

/// A date in any of the layouts that the sources use: `2021-01-27` (a time of day may follow),
/// `20210127`, `2021/01/27`, `01/27/2021`, `1/27/21`, `Jan 27, 2021`.
pub fn date(field: &str, bytes: &[u8]) -> Result<Day, Fault> {
    match iso(bytes).or_else(|| other_date(bytes)) {
        Some(day) => Ok(day),
        None => Err(Fault::of(Reason::ImpossibleDate, field, bytes)),
    }
}

/// An instant in RFC 3339, or a date, which means 16:00 in New York on that day.
pub fn instant(field: &str, bytes: &[u8]) -> Result<Option<Instant>, Fault> {
    if is_missing(bytes) {
        return Ok(None);
    }
    let read = crate::row::text(bytes);
    let instant = Instant::parse_rfc3339(&read)
        .or_else(|| Day::parse_iso(&read).map(Instant::close_of))
        .ok_or_else(|| Fault::of(Reason::BadInstant, field, bytes))?;
    Ok(Some(instant))
}

#[inline]
fn iso(bytes: &[u8]) -> Option<Day> {
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    if 10 < bytes.len() && !matches!(bytes[10], b' ' | b'T') {
        return None;
    }
    from_ymd(digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..10])?)
}

fn from_ymd(year: u32, month: u32, day: u32) -> Option<Day> {
    // No market has older prices; a year of three digits is a typo.
    if !(1600..2400).contains(&year) {
        return None;
    }
    Day::from_ymd(year as i32, month, day)
}

#[inline]
fn digits(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || 8 < bytes.len() {
        return None;
    }
    let mut value = 0;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if 9 < digit {
            return None;
        }
        value = value * 10 + u32::from(digit);
    }
    Some(value)
}

fn other_date(bytes: &[u8]) -> Option<Day> {
    if bytes.len() == 8
        && let Some(number) = digits(bytes)
    {
        return from_ymd(number / 10_000, number / 100 % 100, number % 100);
    }
    let mut slashed = bytes.split(|byte| *byte == b'/');
    if let (Some(a), Some(b), Some(c), None) =
        (slashed.next(), slashed.next(), slashed.next(), slashed.next())
    {
        let (a_length, c_length) = (a.len(), c.len());
        let (a, b, c) = (digits(a)?, digits(b)?, digits(c)?);
        return match (a_length, c_length) {
            (4, _) => from_ymd(a, b, c),
            (_, 4) => from_ymd(c, a, b),
            // Years of two digits are 1970 to 2069.
            (_, 2) => from_ymd(if c < 70 { 2000 + c } else { 1900 + c }, a, b),
            _ => None,
        };
    }
    written_date(std::str::from_utf8(bytes).ok()?)
}

/// Parses `Jan 27, 2021`.
fn written_date(text: &str) -> Option<Day> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let (month, day, year) = (words.next()?, words.next()?, words.next()?);
    let start = month.get(..3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|name| *name == start)? as u32 + 1;
    words.next().is_none().then_some(())?;
    from_ymd(year.parse().ok()?, month, day.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_keep_their_digits_and_faults_are_named() {
        let read = |text: &str| number("x", text.as_bytes());
        assert_eq!(read("88.110001").unwrap().unwrap(), Decimal { value: 88.110_001, decimals: 6 });
        assert_eq!(read("-0.0").unwrap().unwrap().value.to_bits(), 0);
        assert_eq!(read("1e3").unwrap().unwrap().decimals, 0);
        assert_eq!(read("1.5e-3").unwrap().unwrap(), Decimal { value: 0.001_5, decimals: 4 });
        for text in ["", ".", "-", "--", "NA", "null"] {
            assert_eq!(read(text).unwrap(), None, "{text}");
        }
        for (text, reason) in [
            ("NaN", Reason::NotFinite),
            ("-inf", Reason::Infinite),
            ("Infinity", Reason::Infinite),
            ("1e400", Reason::Overflow),
            ("12x", Reason::NotANumber),
            ("1,000", Reason::NotANumber),
        ] {
            assert_eq!(read(text).unwrap_err().reason, reason, "{text}");
        }
    }

    #[test]
    fn amounts_are_read_with_currency_signs_commas_and_parentheses() {
        for (text, value) in [
            ("$1,234.50", 1234.5),
            ("(1,000)", -1000.0),
            ("($1,000.25)", -1000.25),
            ("-$5", -5.0),
            ("$-5", -5.0),
            ("$ 5", 5.0),
            ("1,234,567", 1_234_567.0),
            ("-1,000", -1000.0),
            ("1.5e3", 1500.0),
        ] {
            let read = amount("x", text.as_bytes()).unwrap().unwrap().value;
            assert_eq!(read.to_bits(), f64::to_bits(value), "{text}");
        }
        for text in [
            "10%",
            "1,5",
            "1,23",
            "12,34,567",
            "1.000,5",
            ",5",
            "10$5",
            "1 2",
            "$",
            "()",
            "--5",
            "(-5)",
        ] {
            assert_eq!(
                amount("x", text.as_bytes()).unwrap_err().reason,
                Reason::NotANumber,
                "{text}"
            );
        }
        assert_eq!(percentage("x", b"0.53%"), Ok(Some(0.53 / 100.0)));
        assert_eq!(percentage("x", b"0.53"), Ok(Some(0.53 / 100.0)));
        assert_eq!(percentage("x", b"-"), Ok(None));
    }

    #[test]
    fn dates_are_read_in_all_layouts() {
        let day = Day::parse_iso("2021-01-27").unwrap();
        for text in [
            "2021-01-27",
            "2021-01-27 00:00:00-05:00",
            "20210127",
            "2021/01/27",
            "01/27/2021",
            "1/27/21",
            "Jan 27, 2021",
            "January 27, 2021",
        ] {
            assert_eq!(date("d", text.as_bytes()), Ok(day), "{text}");
        }
        for text in ["2021-02-30", "20211301", "13/40/2021", "", "-", "0021-01-27", "2021-01-277"] {
            assert_eq!(
                date("d", text.as_bytes()).unwrap_err().reason,
                Reason::ImpossibleDate,
                "{text}"
            );
        }
    }

    proptest! {
        /// The quick path gives the same bits as the standard library.
        #[test]
        fn quick_numbers_are_correctly_rounded(text in "-?[0-9]{1,12}(\\.[0-9]{0,7})?") {
            let expected = text.parse::<f64>().unwrap() + 0.0;
            let read = number("x", text.as_bytes()).unwrap().unwrap();
            prop_assert_eq!(read.value.to_bits(), expected.to_bits());
        }
    }
}
