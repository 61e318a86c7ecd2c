//! Cuts texts to a number of bytes on the wire, so that a status repeats only a bounded part of the
//! caller's text.

/// Bytes of a text in `grpc-message`.
pub fn encoded_bytes(text: &str) -> usize {
    text.chars().map(encoded_char_bytes).sum()
}

/// Bytes of a character in `grpc-message`, where all but plain ASCII is percent-encoded.
fn encoded_char_bytes(character: char) -> usize {
    let is_plain = matches!(character, '!'..='~') && !"\"#%<>`?{}".contains(character);
    if is_plain { 1 } else { 3 * character.len_utf8() }
}

/// A text of at most `most` bytes in `grpc-message`, and so of at most that many bytes itself: the
/// beginning and an ellipsis if it is longer.
pub fn excerpt(text: &str, most: usize) -> String {
    const MARK: char = '…';
    if encoded_bytes(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(encoded_char_bytes(MARK));
    let mut out = String::new();
    for character in text.chars() {
        let bytes = encoded_char_bytes(character);
        if left < bytes {
            break;
        }
        left -= bytes;
        out.push(character);
    }
    out.push(MARK);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9. ]{0,40}",
            "\\PC{0,600}",
            Just("%".repeat(2_000)),
            Just("€".repeat(2_000)),
            Just("A".repeat(9_000)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn an_excerpt_is_a_beginning_and_fits(text in text(), most in 9_usize..2_000) {
            let short = excerpt(&text, most);
            prop_assert!(encoded_bytes(&short) <= most);
            prop_assert!(short == text || text.starts_with(short.strip_suffix('…').unwrap()));
        }
    }
}
