//! Bytes as lower-case hexadecimal text, and back.

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]).collect()
}

/// The bytes of a hexadecimal text, in either case; `None` if it is not valid.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some((digit(pair[0])? * 16 + digit(*pair.get(1)?)?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_to_text_and_back() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
        assert_eq!(unhex("000AFF"), Some(vec![0, 10, 255]));
        for junk in ["0", "0g", "é"] {
            assert_eq!(unhex(junk), None, "{junk}");
        }
    }
}
