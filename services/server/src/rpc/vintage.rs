//! Reads the vintage of a history from a request.

use crate::rpc::field::Fields;
use contract::v1::HistoryVintage;

/// Whether a request asks for a history as published. For the latest vintage, the default,
/// `vintage` is cleared, so that both spellings give the same `result_id` and page token.
pub fn is_as_published(fields: &mut Fields, vintage: &mut i32) -> bool {
    let is_as_published =
        fields.choice::<HistoryVintage>("vintage", *vintage) == HistoryVintage::AsPublished;
    if !is_as_published {
        *vintage = HistoryVintage::Unspecified.into();
    }
    is_as_published
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_vintage_is_one_request_in_both_spellings() {
        for (given, kept, expected, wrong) in
            [(0, 0, false, false), (1, 0, false, false), (2, 2, true, false), (7, 0, false, true)]
        {
            let (mut fields, mut vintage) = (Fields::new(), given);
            assert_eq!(is_as_published(&mut fields, &mut vintage), expected);
            assert_eq!((vintage, fields.any()), (kept, wrong), "{given}");
        }
    }
}
