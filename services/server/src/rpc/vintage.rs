//! Which publications a history is made of, as a request says it.

use crate::rpc::field::Fields;
use contract::v1::HistoryVintage;

/// Whether each point is asked for as it was first known. A vintage that is not given is the latest
/// one, so that both spellings are one request: `vintage` is cleared for it.
pub fn is_as_published(fields: &mut Fields, vintage: &mut i32) -> bool {
    match HistoryVintage::try_from(*vintage) {
        Ok(HistoryVintage::AsPublished) => return true,
        Ok(HistoryVintage::Unspecified | HistoryVintage::Latest) => {}
        Err(_) => fields.add("vintage", format!("{vintage} is no vintage of a history")),
    }
    *vintage = HistoryVintage::Unspecified.into();
    false
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
