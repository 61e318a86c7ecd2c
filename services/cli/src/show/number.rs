//! Numbers as a desk reads them: signed, with a unit, and a dash if absent.

use crate::{show::table::Cell, terminal::Tone};
use std::sync::OnceLock;

/// Shown in place of an absent number.
pub(crate) const ABSENT: &str = "–";

/// A number with its sign and a fixed number of decimals; a number that rounds to zero has no sign.
pub(crate) fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{value:+.decimals$}");
    if text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        text
    } else {
        text.trim_start_matches(['+', '-']).to_owned()
    }
}

/// A decimal as signed per cent: `0.036` is `+3.60 %`.
pub(crate) fn percent(decimal: f64) -> String {
    format!("{} %", signed(100.0 * decimal, 2))
}

/// A share as unsigned per cent: `0.801` is `80.1 %`.
pub(crate) fn share(decimal: f64) -> String {
    format!("{:.1} %", 100.0 * decimal)
}

/// Dollars in the unit that leaves one to three digits before the point: `-$583.2bn`.
pub(crate) fn usd(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}${}", magnitude(value.abs()))
}

/// Like [`usd`], with a plus sign for gains.
pub(crate) fn usd_signed(value: f64) -> String {
    if 0.0 < value { format!("+{}", usd(value)) } else { usd(value) }
}

/// The currency of the book of this command, if it is another one than the dollar.
static BOOK: OnceLock<String> = OnceLock::new();

/// From now on the amounts of the book are in a currency. A command shows books of one currency.
pub(crate) fn amounts_are_in(currency: &str) {
    if currency != "USD" {
        BOOK.get_or_init(|| currency.to_owned());
    }
}

/// The code of the currency of the book.
pub(crate) fn book_currency() -> &'static str {
    BOOK.get().map_or("USD", String::as_str)
}

/// An amount in the currency of the book: `-$583.2bn`, `-EUR 583.2bn`.
pub(crate) fn money(value: f64) -> String {
    amount(BOOK.get().map(String::as_str), value)
}

fn amount(currency: Option<&str>, value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    match currency {
        None => usd(value),
        Some(code) => format!("{sign}{code} {}", magnitude(value.abs())),
    }
}

/// Like [`money`], with a plus sign for gains.
pub(crate) fn money_signed(value: f64) -> String {
    if 0.0 < value { format!("+{}", money(value)) } else { money(value) }
}

/// A gain or a loss as people say it: `made $1.2m`, `lost $1.2m`.
pub(crate) fn made_or_lost(pnl: f64) -> String {
    let word = if pnl < 0.0 { "lost" } else { "made" };
    format!("{word} {}", money(pnl.abs()))
}

/// The same of what may happen: `makes $1.2m`, `loses $1.2m`.
pub(crate) fn makes_or_loses(pnl: f64) -> String {
    let word = if pnl < 0.0 { "loses" } else { "makes" };
    format!("{word} {}", money(pnl.abs()))
}

/// An amount with the suffix of its thousands: `12.3m`.
pub(crate) fn magnitude(value: f64) -> String {
    let units = [(1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k")];
    let size = value.abs();
    for (unit, letter) in units {
        if unit <= size * 1.000_5 {
            let decimals = if size < 9.995 * unit { 2 } else { 1 };
            return format!("{:.decimals$}{letter}", value / unit);
        }
    }
    format!("{value:.0}")
}

/// A count with thousands separators: `393,689`.
pub(crate) fn count(value: impl Into<i128>) -> String {
    let digits = value.into().to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if 0 < at && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A cell of a measure that may be absent, formatted by `write`; gains and losses are coloured.
pub(crate) fn gain(value: Option<f64>, write: impl Fn(f64) -> String) -> Cell {
    match value {
        None => absent(),
        Some(value) if 0.0 < value => Cell::toned(Tone::Good, write(value)).of(value),
        Some(value) if value < 0.0 => Cell::toned(Tone::Bad, write(value)).of(value),
        Some(value) => Cell::plain(write(value)).of(value),
    }
}

/// A cell of a measure that may be absent, without colour.
pub(crate) fn cell(value: Option<f64>, write: impl Fn(f64) -> String) -> Cell {
    value.map_or_else(absent, |value| Cell::plain(write(value)).of(value))
}

/// A cell of a measure whose gain is the holder's loss: coloured by the opposite of its sign.
pub(crate) fn loss(value: Option<f64>, write: impl Fn(f64) -> String) -> Cell {
    match value {
        None => absent(),
        Some(value) if 0.0 < value => Cell::toned(Tone::Bad, write(value)).of(value),
        Some(value) if value < 0.0 => Cell::toned(Tone::Good, write(value)).of(value),
        Some(value) => Cell::plain(write(value)).of(value),
    }
}

/// A cell of an absent number.
pub(crate) fn absent() -> Cell {
    Cell::faint(ABSENT).of_nothing()
}

/// A cell of a count.
pub(crate) fn counted(value: impl Into<i128>) -> Cell {
    let value = value.into();
    Cell::plain(count(value)).of(value as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_carry_sign_and_unit() {
        assert_eq!(percent(0.036), "+3.60 %");
        assert_eq!(percent(-0.009), "-0.90 %");
        assert_eq!(percent(-0.000_01), "0.00 %");
        assert_eq!(share(0.8013), "80.1 %");
        assert_eq!(usd(-583.24e9), "-$583.2bn");
        assert_eq!(usd_signed(1.0e6), "+$1.00m");
        assert_eq!(usd(999_999.0), "$1.00m");
        assert_eq!(usd(12.0), "$12");
        assert_eq!(amount(Some("EUR"), -583.24e9), "-EUR 583.2bn");
        assert_eq!(amount(None, -12.0), usd(-12.0));
        assert_eq!(count(393_689), "393,689");
        assert_eq!(count(12), "12");
        assert_eq!(gain(None, percent), absent());
    }
}
