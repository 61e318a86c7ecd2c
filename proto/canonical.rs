//! The canonical byte form of messages, for hashing: bytes are equal only for equal messages.
//!
//! Protobuf's encoding is not used, because it fixes neither the order of fields nor the form of
//! numbers, and must compute the length of every message before writing it. A field that is absent,
//! or has the default value and no presence, is omitted, so a field added to the contract does not
//! change the form of messages that do not use it.

/// A value with a canonical form. Implemented for every message of the contract, field by field.
///
/// A message is written as its fields in the order of their numbers, each preceded by its number,
/// and a final 0. Numbers are little-endian with fixed width; texts and lists are preceded by their
/// length. So no form is a prefix of another one.
pub trait Canonical {
    /// Whether a field with this value is omitted.
    fn is_left_out(&self) -> bool;

    /// Appends the canonical form.
    fn write(&self, out: &mut Vec<u8>);
}

/// The canonical form of a message.
pub fn bytes(message: &impl Canonical) -> Vec<u8> {
    let mut out = Vec::with_capacity(FIRST_CAPACITY);
    message.write(&mut out);
    out
}

/// Initial capacity of the output, bytes.
const FIRST_CAPACITY: usize = 1024;

/// Written after the last field of a message; no field has this number.
const END: u32 = 0;

#[inline]
fn field(number: u32, value: &impl Canonical, out: &mut Vec<u8>) {
    if !value.is_left_out() {
        chosen(number, value, out);
    }
}

/// Writes a field with presence, even if it has the default value.
fn chosen(number: u32, value: &impl Canonical, out: &mut Vec<u8>) {
    number.write(out);
    value.write(out);
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Canonical for $type {
            #[inline]
            fn is_left_out(&self) -> bool {
                self.to_le_bytes().iter().all(|byte| *byte == 0)
            }

            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

number!(u32, u64, i32, i64, f64);

impl Canonical for bool {
    #[inline]
    fn is_left_out(&self) -> bool {
        !self
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Canonical for [u8] {
    #[inline]
    fn is_left_out(&self) -> bool {
        self.is_empty()
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        out.extend_from_slice(self);
    }
}

impl Canonical for Vec<u8> {
    #[inline]
    fn is_left_out(&self) -> bool {
        self.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.as_slice().write(out);
    }
}

impl Canonical for String {
    #[inline]
    fn is_left_out(&self) -> bool {
        self.is_empty()
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        self.as_bytes().write(out);
    }
}

impl<T: Canonical> Canonical for Option<T> {
    #[inline]
    fn is_left_out(&self) -> bool {
        self.is_none()
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.write(out);
        }
    }
}

impl<T: Canonical> Canonical for Vec<T> {
    #[inline]
    fn is_left_out(&self) -> bool {
        self.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        self.iter().for_each(|value| value.write(out));
    }
}

impl Canonical for tonic_types::pb::Status {
    fn is_left_out(&self) -> bool {
        false
    }

    fn write(&self, out: &mut Vec<u8>) {
        field(1, &self.code, out);
        field(2, &self.message, out);
        field(3, &self.details, out);
        END.write(out);
    }
}

impl Canonical for prost_types::Any {
    fn is_left_out(&self) -> bool {
        false
    }

    fn write(&self, out: &mut Vec<u8>) {
        field(1, &self.type_url, out);
        field(2, &self.value, out);
        END.write(out);
    }
}

impl Canonical for prost_types::Timestamp {
    fn is_left_out(&self) -> bool {
        false
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.seconds.write(out);
        self.nanos.write(out);
    }
}

#[allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    reason = "generated from the protobuf files"
)]
mod generated {
    use super::{Canonical, END, chosen, field};

    include!(concat!(env!("OUT_DIR"), "/canonical.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{one_by_one::one_by_one, v1};
    use std::collections::BTreeMap;

    fn every_field_matters<M: Canonical + prost::Message + Default>(name: &str) {
        let mut forms = BTreeMap::from([(bytes(&M::default()), "nothing".to_owned())]);
        for (path, encoded) in one_by_one(name) {
            let form = bytes(&M::decode(encoded.as_slice()).unwrap());
            if let Some(other) = forms.insert(form, path.clone()) {
                panic!("{name}: {path} and {other} look alike");
            }
        }
        assert!(1 < forms.len(), "{name}");
    }

    #[test]
    fn messages_that_differ_in_a_field_differ() {
        every_field_matters::<v1::AnalyzePortfolioRequest>("AnalyzePortfolioRequest");
        every_field_matters::<v1::ValidatePortfolioRequest>("ValidatePortfolioRequest");
        every_field_matters::<v1::AssessShortBookRequest>("AssessShortBookRequest");
        every_field_matters::<v1::SimulateSqueezeRequest>("SimulateSqueezeRequest");
        every_field_matters::<v1::RankSqueezeRequest>("RankSqueezeRequest");
        every_field_matters::<v1::GetRotationRequest>("GetRotationRequest");
        every_field_matters::<v1::QueryRecordsRequest>("QueryRecordsRequest");
        every_field_matters::<v1::GetSeriesRequest>("GetSeriesRequest");
        every_field_matters::<v1::IngestHeader>("IngestHeader");
        every_field_matters::<v1::RotationReport>("RotationReport");
        every_field_matters::<v1::SnapshotRef>("SnapshotRef");
    }

    /// Worked out by hand from the rule: number, value, and a 0 after the last field.
    #[test]
    fn the_form_is_the_one_described() {
        let position = v1::Position {
            position_id: "IWM".to_owned(),
            size: Some(v1::position::Size::Quantity(0.0)),
            ..v1::Position::default()
        };
        let mut form = vec![1, 0, 0, 0];
        form.extend([3, 0, 0, 0, 0, 0, 0, 0]);
        form.extend(b"IWM");
        // A quantity of zero is written; a missing quantity is not.
        form.extend([4, 0, 0, 0]);
        form.extend([0; 8]);
        form.extend([0; 4]);
        assert_eq!(bytes(&position), form);
        assert_eq!(bytes(&v1::Position::default()), [0; 4]);
    }

    /// The boundary between two texts is part of the form.
    #[test]
    fn lists_with_different_boundaries_differ() {
        let of = |ids: &[&str]| {
            let position = |id: &&str| v1::Position {
                position_id: (*id).to_owned(),
                ..v1::Position::default()
            };
            let positions = ids.iter().map(position).collect();
            bytes(&v1::Portfolio { positions, ..v1::Portfolio::default() })
        };
        let all =
            [of(&[]), of(&[""]), of(&["AB"]), of(&["A", "B"]), of(&["AB", ""]), of(&["", "AB"])];
        for (at, form) in all.iter().enumerate() {
            assert!(!all[..at].contains(form), "{at}");
        }
    }
}
