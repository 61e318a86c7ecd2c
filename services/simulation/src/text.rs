//! Fast formatting of fixed-point numbers and dates.

use marketdata::day::Day;

/// Appends a number with a fixed count of decimals, rounded half away from zero.
pub fn fixed(out: &mut Vec<u8>, value: f64, decimals: usize) {
    let scale = POWERS[decimals.min(POWERS.len() - 1)];
    let units = (value.abs() * scale as f64).round() as u64;
    if value < 0.0 && 0 < units {
        out.push(b'-');
    }
    integer(out, units / scale);
    if 0 < decimals {
        out.push(b'.');
        let mut digits = [b'0'; 20];
        let mut rest = units % scale;
        for digit in digits[..decimals].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        out.extend_from_slice(&digits[..decimals]);
    }
}

/// Appends an integer.
pub fn integer(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// Days as ISO dates.
pub fn dates(days: &[Day]) -> Vec<String> {
    days.iter().map(Day::to_string).collect()
}

const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_as_by_the_standard_library() {
        let values = [0.0, 1.0, -1.0, 0.5, 123_456.789_012, 0.000_001, -0.000_000_1, 9.999_999_9];
        for value in values {
            for decimals in [0, 2, 6] {
                let mut out = Vec::new();
                fixed(&mut out, value, decimals);
                let text = String::from_utf8(out).unwrap();
                // The standard library keeps the sign of numbers that round to zero.
                let expected = format!("{value:.decimals$}");
                let nothing = !expected.bytes().any(|b| (b'1'..=b'9').contains(&b));
                let expected = if nothing { expected.trim_start_matches('-') } else { &expected };
                // The standard library rounds half to even, this function half away from zero.
                let half_way = decimals == 0 && (value - 0.5).abs() < 1e-12;
                assert_eq!(text, if half_way { "1" } else { expected }, "{value} {decimals}");
            }
        }
    }
}
