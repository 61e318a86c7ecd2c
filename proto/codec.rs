//! The codec of every stub: protobuf encoding that refuses messages with non-finite numbers.
//!
//! A NaN or an infinity in an answer is a fault of the service. The check is part of encoding,
//! which no handler can bypass, and ends the call with INTERNAL.

use crate::{
    reader::{self, Fields},
    undecoded,
    weight::{self, Weighed},
};
use prost::bytes::{Buf as _, Bytes};
use std::marker::PhantomData;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// A value that can find its non-finite numbers.
///
/// Implemented for every message of the contract. A request always counts as finite: the server
/// validates it and reports every field at fault.
pub trait Finite {
    /// Whether every number in it is finite. This check runs on every answer, so it must be fast.
    fn all_finite(&self) -> bool;

    /// Path of the first field with NaN or an infinity, such as `.legs[3].beta`. `None` if all are
    /// finite.
    fn not_finite(&self) -> Option<String>;
}

impl Finite for f64 {
    fn all_finite(&self) -> bool {
        self.is_finite()
    }

    fn not_finite(&self) -> Option<String> {
        (!self.is_finite()).then(String::new)
    }
}

impl<T: Finite> Finite for Option<T> {
    fn all_finite(&self) -> bool {
        self.as_ref().is_none_or(T::all_finite)
    }

    fn not_finite(&self) -> Option<String> {
        self.as_ref().and_then(T::not_finite)
    }
}

impl<T: Finite> Finite for Vec<T> {
    fn all_finite(&self) -> bool {
        self.iter().all(T::all_finite)
    }

    fn not_finite(&self) -> Option<String> {
        let mut fields = self.iter().enumerate();
        fields.find_map(|(at, field)| field.not_finite().map(|rest| format!("[{at}]{rest}")))
    }
}

/// Path of the first non-finite number within a field, starting with the field's name.
fn within(name: &str, field: &impl Finite) -> Option<String> {
    field.not_finite().map(|rest| format!(".{name}{rest}"))
}

#[allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    reason = "generated from the protobuf files"
)]
mod generated {
    use super::{Finite, within};

    include!(concat!(env!("OUT_DIR"), "/finite.rs"));
}

/// Encodes `T` if it is finite, decodes `U`.
#[derive(Clone, Copy, Debug)]
pub struct FiniteCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for FiniteCodec<T, U> {
    fn default() -> Self {
        FiniteCodec(PhantomData)
    }
}

impl<T, U> Codec for FiniteCodec<T, U>
where
    T: prost::Message + Finite + Send + 'static,
    U: prost::Message + Fields + Weighed + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = FiniteEncoder<T>;
    type Decoder = SliceDecoder<U>;

    fn encoder(&mut self) -> FiniteEncoder<T> {
        FiniteEncoder(PhantomData)
    }

    fn decoder(&mut self) -> SliceDecoder<U> {
        SliceDecoder(PhantomData)
    }
}

/// Encodes a message if it is finite; otherwise fails with INTERNAL.
#[derive(Clone, Debug)]
pub struct FiniteEncoder<T>(PhantomData<T>);

impl<T: prost::Message + Finite> Encoder for FiniteEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        if item.all_finite() {
            // Grown by doubling, an answer would leave buffers behind and end in one too long.
            buffer.reserve(item.encoded_len());
            item.encode_raw(buffer);
            return Ok(());
        }
        let message = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
        let path = item.not_finite().unwrap_or_default();
        Err(Status::internal(format!("{message}{path} is not a finite number")))
    }
}

/// Decodes a message, unless it would take too much memory: from one slice by [`reader`], and by prost
/// if it has an unusual form. From tonic's own buffer, every read would move the start of that buffer.
#[derive(Clone, Debug)]
pub struct SliceDecoder<T>(PhantomData<T>);

impl<T: prost::Message + Fields + Weighed + Default> Decoder for SliceDecoder<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        let message = buffer.copy_to_bytes(buffer.remaining());
        if undecoded::keep(&message) {
            return Ok(Some(T::default()));
        }
        if T::IS_REQUEST && weight::LEAST_BYTES < message.len() {
            let bytes = weight_of::<T>(&message)?;
            // Texts of the message are copied: they take about what it has in bytes.
            weight::take(bytes.saturating_add(message.len()))?;
        }
        read(&message).map(Some)
    }
}

/// Bytes in memory of the elements of all lists of a request.
///
/// # Errors
/// RESOURCE_EXHAUSTED if they are more than a request may have; the status of what is no message, which
/// prost would decode in part.
fn weight_of<T: Weighed>(message: &[u8]) -> Result<usize, Status> {
    let bytes = weight::of_encoded::<T>(message);
    if bytes == weight::MALFORMED {
        return Err(Status::internal("failed to decode Protobuf message: a field is broken"));
    }
    if weight::REQUEST_BYTES < bytes {
        return Err(Status::resource_exhausted("its lists take too much memory"));
    }
    Ok(bytes)
}

fn read<T: prost::Message + Fields + Default>(message: &Bytes) -> Result<T, Status> {
    let read = reader::read(message).map_or_else(|| T::decode(&message[..]), Ok);
    read.map_err(|error| Status::internal(error.to_string()))
}

/// Decodes a message of a stream that was received [undecoded], once there is room for it.
///
/// # Errors
/// The status that ends the stream.
pub fn decode<T: prost::Message + Fields + Weighed + Default>(
    message: &Bytes,
) -> Result<T, Status> {
    weight_of::<T>(message)?;
    read(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1;

    #[test]
    fn a_nested_field_is_named_by_its_path() {
        let gaps = vec![
            v1::Gap { gross_share: Some(0.5), ..v1::Gap::default() },
            v1::Gap { gross_share: Some(f64::NAN), ..v1::Gap::default() },
        ];
        let wrong = v1::AnalyzePortfolioResponse {
            info: Some(v1::AnswerInfo { gaps, ..v1::AnswerInfo::default() }),
            ..v1::AnalyzePortfolioResponse::default()
        };
        assert_eq!(wrong.not_finite().as_deref(), Some(".info.gaps[1].gross_share"));
        assert!(!wrong.all_finite());
        let size = Some(v1::position::Size::Quantity(f64::INFINITY));
        let held = v1::Position { size, ..v1::Position::default() };
        let held = v1::Portfolio { positions: vec![held], ..v1::Portfolio::default() };
        assert_eq!(held.not_finite().as_deref(), Some(".positions[0].quantity"));
        assert!(!held.all_finite());
        assert_eq!(v1::AnalyzePortfolioResponse::default().not_finite(), None);
    }

    #[test]
    fn a_request_is_not_checked() {
        let size = Some(v1::position::Size::Quantity(f64::NAN));
        let held = v1::Position { size, ..v1::Position::default() };
        let held = v1::Portfolio { positions: vec![held], ..v1::Portfolio::default() };
        let request = v1::AnalyzePortfolioRequest {
            portfolio: Some(held),
            ..v1::AnalyzePortfolioRequest::default()
        };
        assert!(request.all_finite(), "the server reports the field");
        assert_eq!(request.not_finite(), None);
    }
}
