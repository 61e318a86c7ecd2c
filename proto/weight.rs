//! What a message takes in memory, found in its bytes before it is decoded.
//!
//! An empty element of a list has two bytes, or hardly one after compression, and takes hundreds once
//! it is decoded: the size of a message bounds no memory.

use std::sync::Arc;
use tonic::Status;

/// The memory of requests that are being answered.
pub trait Memory: Send + Sync {
    /// Takes room for a request that is about to be decoded.
    ///
    /// # Errors
    /// The status of the call, if there is none.
    fn take(&self, bytes: usize) -> Result<(), Status>;
}

tokio::task_local! {
    /// Where the call that runs in this task takes room for its request. Outside of a call, as in a
    /// client, nothing is taken.
    pub static MEMORY: Arc<dyn Memory>;
}

/// Takes room for a request that is decoded, in the call that runs in this task.
pub(crate) fn take(bytes: usize) -> Result<(), Status> {
    MEMORY.try_with(|memory| memory.take(bytes)).unwrap_or(Ok(()))
}

/// Most bytes in memory of the lists of a request. The largest book takes less than half.
pub const REQUEST_BYTES: usize = 32 * 1024 * 1024;

/// Most bytes of an element of a list, itself. A longer one does not compile.
const ELEMENT_BYTES: usize = 4096;

/// A shorter message is not weighed: an element has two bytes on the wire, so that it takes 1 MiB at
/// most, whatever it holds.
pub(crate) const LEAST_BYTES: usize = 512;

const _: () = assert!(LEAST_BYTES / 2 * ELEMENT_BYTES <= REQUEST_BYTES / 32);

/// Bytes of an element of a list.
const fn element<T>() -> usize {
    const { assert!(size_of::<T>() <= ELEMENT_BYTES, "it may take more than ELEMENT_BYTES") };
    size_of::<T>()
}

/// A message that can be weighed field by field. Implemented for every message of the contract.
pub trait Weighed: Sized {
    /// Whether a method takes it: a client decodes answers of any weight.
    const IS_REQUEST: bool;

    /// Bytes that a field's value takes besides its message and its own bytes; `key` is the number
    /// of the field and its wire type.
    fn weigh(key: u32, value: &[u8]) -> usize;
}

/// Bytes in memory of the elements of all lists in a message that is kept.
pub fn of_lists<M: Weighed + prost::Message>(message: &M) -> usize {
    weight::<M>(&message.encode_to_vec())
}

/// The same of an encoded message.
pub fn of_encoded<M: Weighed>(message: &[u8]) -> usize {
    weight::<M>(message)
}

/// The weight of a message with a broken field, at any depth. prost decodes what stands before such a
/// field, and a field that ends beyond its message in full, before it fails: it must not be decoded.
pub const MALFORMED: usize = usize::MAX;

/// Visits the values of a field in an encoded message, found by the numbers of the fields that lead
/// to it, all of which are messages, texts or lists of them.
pub fn visit<'a>(message: &'a [u8], path: &[u32], visitor: &mut dyn FnMut(&'a [u8])) {
    let Some((number, rest)) = path.split_first() else { return visitor(message) };
    let _until_broken = each_value(message, |key, value| {
        if key >> 3 == *number {
            visit(value, rest, visitor);
        }
    });
}

/// Bytes in memory of the elements of all lists in a message; [`MALFORMED`] if it is broken.
fn weight<M: Weighed>(bytes: &[u8]) -> usize {
    let mut weight = 0_usize;
    let add = |key, value: &[u8]| weight = weight.saturating_add(M::weigh(key, value));
    if each_value(bytes, add).is_none() {
        return MALFORMED;
    }
    weight
}

/// Visits the fields of a message that have a length: the number of each with its wire type, and its
/// bytes. `None` after those before the first broken field, if there is one.
fn each_value<'a>(mut bytes: &'a [u8], mut visitor: impl FnMut(u32, &'a [u8])) -> Option<()> {
    while !bytes.is_empty() {
        let key = number(&mut bytes)?;
        bytes = match key & 7 {
            0 => number(&mut bytes).map(|_| bytes)?,
            1 => bytes.get(8..)?,
            2 => {
                let value = value(&mut bytes)?;
                // A key that does not fit is that of no field.
                visitor(u32::try_from(key).unwrap_or(0), value);
                bytes
            }
            // The fields of a group count as those of the message around it: too much rather than too
            // little.
            3 | 4 => bytes,
            5 => bytes.get(4..)?,
            _ => return None,
        };
    }
    Some(())
}

/// A number of variable length.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7F) << (7 * at);
        if *byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some(number);
        }
    }
    None
}

/// Bytes preceded by their number.
fn value<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = number(bytes)?.try_into().ok()?;
    let (value, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(value)
}

impl Weighed for tonic_types::pb::Status {
    const IS_REQUEST: bool = false;

    fn weigh(key: u32, _: &[u8]) -> usize {
        if key == 0o32 { size_of::<prost_types::Any>() } else { 0 }
    }
}

impl Weighed for prost_types::Any {
    const IS_REQUEST: bool = false;

    fn weigh(_: u32, _: &[u8]) -> usize {
        0
    }
}

impl Weighed for prost_types::Timestamp {
    const IS_REQUEST: bool = false;

    fn weigh(_: u32, _: &[u8]) -> usize {
        0
    }
}

#[allow(
    unused_variables,
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    reason = "generated from the protobuf files"
)]
mod generated {
    use super::{Weighed, element, weight};

    include!(concat!(env!("OUT_DIR"), "/weights.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1;
    use prost::Message as _;

    fn weight_of<M: Weighed + prost::Message>(message: &M) -> usize {
        weight::<M>(&message.encode_to_vec())
    }

    #[test]
    fn the_elements_of_all_lists_count_wherever_they_are() {
        let label = || v1::Label::default();
        let bare = v1::Position::default();
        let labelled = v1::Position { labels: vec![label(), label()], ..bare.clone() };
        let book = v1::Portfolio { positions: vec![bare, labelled], ..v1::Portfolio::default() };
        let expected = 2 * size_of::<v1::Position>() + 2 * size_of::<v1::Label>();
        let request = v1::AnalyzePortfolioRequest { portfolio: Some(book), ..Default::default() };
        assert_eq!(weight_of(&request), expected);
        let twice = [request.encode_to_vec(), request.encode_to_vec()].concat();
        assert_eq!(weight::<v1::AnalyzePortfolioRequest>(&twice), 2 * expected, "they are merged");
        // Fields that the contract does not have: a number, eight bytes, four bytes, a group.
        let unknown =
            [&[0xF8, 7, 1, 0xF9, 7][..], &[0; 8], &[0xFD, 7, 0, 0, 0, 0, 0xFB, 7, 0xFC, 7]];
        let among = [&unknown.concat(), &request.encode_to_vec()[..]].concat();
        assert_eq!(weight::<v1::AnalyzePortfolioRequest>(&among), expected);
        for at in 0..among.len() {
            let cut = weight::<v1::AnalyzePortfolioRequest>(&among[..at]);
            assert!(cut <= expected || cut == MALFORMED);
        }
    }

    /// prost compares the length of a nested message with the whole buffer: a list whose message is said
    /// to end before it does is read in full, and only then refused.
    #[test]
    fn a_message_that_does_not_hold_its_fields_has_no_weight() {
        let book = v1::Portfolio {
            positions: vec![v1::Position::default(); 1_000],
            ..v1::Portfolio::default()
        };
        let analysis = v1::AnalyzePortfolioRequest { portfolio: Some(book), ..Default::default() };
        let request = v1::AnalyzePortfolioHistoryRequest {
            analysis: Some(analysis),
            ..v1::AnalyzePortfolioHistoryRequest::default()
        };
        let mut bytes = request.encode_to_vec();
        type History = v1::AnalyzePortfolioHistoryRequest;
        assert_eq!(weight::<History>(&bytes), 1_000 * size_of::<v1::Position>());
        // The length of the analysis follows its key: seven bits each, the lowest first.
        assert_ne!(bytes[1] & 0x7F, 0);
        bytes[1] -= 1;
        assert!(History::decode(&bytes[..]).is_err());
        assert_eq!(weight::<History>(&bytes), MALFORMED);
    }

    /// Whatever one byte says: what prost decodes has a weight, and not below that of its lists.
    #[test]
    fn what_can_be_decoded_is_weighed_in_full() {
        let label = v1::Label { key: "desk".to_owned(), value: "a".to_owned() };
        let held = v1::Position { labels: vec![label; 3], ..v1::Position::default() };
        let book = v1::Portfolio { positions: vec![held; 3], ..v1::Portfolio::default() };
        let request = v1::AnalyzePortfolioRequest { portfolio: Some(book), ..Default::default() };
        let whole = request.encode_to_vec();
        let mut decoded = 0;
        for at in 0..whole.len() {
            for byte in 0..=u8::MAX {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                let weight = weight::<v1::AnalyzePortfolioRequest>(&bytes);
                if let Ok(request) = v1::AnalyzePortfolioRequest::decode(&bytes[..]) {
                    decoded += 1;
                    assert_ne!(weight, MALFORMED, "byte {at} is {byte}");
                    // Numbers of a list one by one are no values with a length: two bytes make four.
                    let numbers = 2 * bytes.len();
                    assert!(weight_of(&request) <= weight + numbers, "byte {at} is {byte}");
                }
            }
        }
        assert!(1_000 < decoded, "{decoded}");
    }

    /// Ten thousand positions are the most of a book, fifty thousand rows the most of a report.
    #[test]
    fn the_largest_book_and_the_largest_report_fit() {
        let labels = vec![v1::Label::default(); 16];
        let held = v1::Position { labels, ..v1::Position::default() };
        let book = v1::Portfolio { positions: vec![held; 10_000], ..v1::Portfolio::default() };
        assert!(weight_of(&book) < REQUEST_BYTES / 2, "{}", weight_of(&book));
        let line = v1::PositionExposure {
            lots: vec![v1::PositionLot::default()],
            betas: vec![v1::FactorBeta::default(); 2],
            risk_contributions: vec![v1::RiskContribution::default()],
            ..v1::PositionExposure::default()
        };
        let positions = vec![line; 10_000];
        let report = v1::ExposureReport { positions, ..Default::default() };
        assert!(weight_of(&report) + weight_of(&book) < REQUEST_BYTES, "{}", weight_of(&report));
    }

    #[test]
    fn the_values_of_a_field_are_found_wherever_they_are() {
        let of = |tag: &str, positions| v1::AnalyzePortfoliosItem {
            request_tag: tag.to_owned(),
            portfolio: Some(v1::Portfolio {
                positions: vec![v1::Position::default(); positions],
                ..v1::Portfolio::default()
            }),
        };
        let item = |item| v1::AnalyzePortfoliosRequest {
            message: Some(v1::analyze_portfolios_request::Message::Item(item)),
        };
        // Messages one after another are merged.
        let bytes = [item(of("a", 2)), item(of("b", 3))].map(|item| item.encode_to_vec()).concat();
        let mut positions = 0;
        visit(&bytes, &[2, 2, 2], &mut |_| positions += 1);
        let mut tags = Vec::new();
        visit(&bytes, &[2, 1], &mut |tag| tags.push(tag));
        assert_eq!((positions, &tags[..]), (5, &[&b"a"[..], b"b"][..]));
        visit(&bytes, &[1], &mut |_| panic!("there is no setup"));
    }

    #[test]
    fn requests_are_told_from_answers() {
        const {
            assert!(v1::AnalyzePortfolioRequest::IS_REQUEST && v1::IngestRequest::IS_REQUEST);
            assert!(!v1::AnalyzePortfolioResponse::IS_REQUEST && !v1::Portfolio::IS_REQUEST);
        }
    }
}
