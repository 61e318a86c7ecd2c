//! Reads messages from one slice, in the form in which clients write them.
//!
//! prost's decoder reads from any chain of buffers, moves each element of a list into the list, and
//! moves the list whenever it grows. Here an element is read in its place, in a list that was made
//! long enough. What clients do not usually write (a field that the contract does not have, a list
//! of numbers that is not packed, a broken text) has no meaning here and is left to prost.

/// The rest of the bytes of a message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

/// The message of some bytes: as prost decodes it, or `None` if prost must decide.
pub fn read<M: Fields + Default>(bytes: &[u8]) -> Option<M> {
    let mut message = M::default();
    Reader(bytes).read_into(&mut message)?;
    Some(message)
}

/// A message that can be read field by field. Implemented for every message of the contract; none
/// of them contains itself, so there is no limit of depth.
pub trait Fields {
    /// Reads the value of the field with a key, which is its number and its wire type. A field that
    /// occurs again replaces the first, or is merged into it if it is a message.
    fn read_field(&mut self, key: u32, reader: &mut Reader<'_>) -> Option<()>;
}

/// A value that can be read.
trait Value {
    fn read(&mut self, reader: &mut Reader<'_>) -> Option<()>;
}

impl<'a> Reader<'a> {
    fn read_into(mut self, message: &mut impl Fields) -> Option<()> {
        while !self.0.is_empty() {
            let key = self.key()?;
            message.read_field(key, &mut self)?;
        }
        Some(())
    }

    fn key(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    /// A number of variable length.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        match self.0 {
            [byte @ 0..0x80, rest @ ..] => {
                self.0 = rest;
                Some(u64::from(*byte))
            }
            _ => self.long_number(),
        }
    }

    /// Numbers of ten bytes are those below zero and broken ones.
    fn long_number(&mut self) -> Option<u64> {
        let mut number = 0;
        for (at, byte) in self.0.iter().take(9).enumerate() {
            number |= u64::from(byte & 0x7F) << (7 * at);
            if *byte < 0x80 {
                self.0 = &self.0[at + 1..];
                return Some(number);
            }
        }
        None
    }

    /// Bytes preceded by their number.
    #[inline]
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.number()?.try_into().ok()?;
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Number of values from here on that follow each other with the same key.
    fn count(mut self, key: u32) -> usize {
        let mut count = 0;
        while self.bytes().is_some() {
            count += 1;
            if self.key() != Some(key) {
                break;
            }
        }
        count
    }
}

/// Reads one element of a list of messages or texts.
fn read_list<T: Value + Default>(
    list: &mut Vec<T>,
    key: u32,
    reader: &mut Reader<'_>,
) -> Option<()> {
    if list.len() == list.capacity() {
        list.reserve(reader.count(key));
    }
    list.push(T::default());
    list.last_mut()?.read(reader)
}

/// Reads numbers that follow each other without keys.
fn read_packed<T: Value + Default>(list: &mut Vec<T>, reader: &mut Reader<'_>) -> Option<()> {
    let mut numbers = Reader(reader.bytes()?);
    while !numbers.0.is_empty() {
        let mut number = T::default();
        number.read(&mut numbers)?;
        list.push(number);
    }
    Some(())
}

impl<M: Fields> Value for M {
    #[inline]
    fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        Reader(reader.bytes()?).read_into(self)
    }
}

impl<T: Value + Default> Value for Option<T> {
    #[inline]
    fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        self.get_or_insert_default().read(reader)
    }
}

impl Value for String {
    #[inline]
    fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        str::from_utf8(reader.bytes()?).ok()?.clone_into(self);
        Some(())
    }
}

impl Value for Vec<u8> {
    fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        reader.bytes()?.clone_into(self);
        Some(())
    }
}

impl Value for f64 {
    #[inline]
    fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let (bytes, rest) = reader.0.split_first_chunk()?;
        (*self, reader.0) = (f64::from_le_bytes(*bytes), rest);
        Some(())
    }
}

impl Value for bool {
    fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        *self = reader.number()? != 0;
        Some(())
    }
}

macro_rules! whole_number {
    ($($type:ty),*) => {$(
        impl Value for $type {
            #[inline]
            fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
                // Higher bits are dropped, as in every decoder.
                *self = reader.number()? as $type;
                Some(())
            }
        }
    )*};
}

whole_number!(i32, i64, u64);

// Keys in octal: the number, and the wire type as the last digit.

impl Fields for tonic_types::pb::Status {
    fn read_field(&mut self, key: u32, reader: &mut Reader<'_>) -> Option<()> {
        match key {
            0o10 => self.code.read(reader),
            0o22 => self.message.read(reader),
            0o32 => read_list(&mut self.details, key, reader),
            _ => None,
        }
    }
}

impl Fields for prost_types::Any {
    fn read_field(&mut self, key: u32, reader: &mut Reader<'_>) -> Option<()> {
        match key {
            0o12 => self.type_url.read(reader),
            0o22 => self.value.read(reader),
            _ => None,
        }
    }
}

impl Fields for prost_types::Timestamp {
    fn read_field(&mut self, key: u32, reader: &mut Reader<'_>) -> Option<()> {
        match key {
            0o10 => self.seconds.read(reader),
            0o20 => self.nanos.read(reader),
            _ => None,
        }
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
    use super::{Fields, Reader, Value as _, read_list, read_packed};

    include!(concat!(env!("OUT_DIR"), "/fields.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{one_by_one::one_by_one, v1};

    /// prost decodes what was read to the same message.
    fn agrees<M: Fields + prost::Message + Default>(bytes: &[u8]) -> bool {
        let Some(found) = read::<M>(bytes) else { return false };
        // Compared as bytes, because a changed bit may make a number NaN.
        let decoded = M::decode(bytes).map(|message| message.encode_to_vec());
        assert_eq!(decoded, Ok(found.encode_to_vec()), "{bytes:?}");
        true
    }

    fn is_read_as_prost_does<M: Fields + prost::Message + Default>(name: &str) {
        let fields = one_by_one(name);
        for (path, one) in &fields {
            let written = M::decode(one.as_slice()).unwrap().encode_to_vec();
            assert!(agrees::<M>(&written), "{name}: {path} is left to prost");
            for at in 0..written.len() {
                agrees::<M>(&written[..at]);
                for bit in 0..8 {
                    let mut changed = written.clone();
                    changed[at] ^= 1 << bit;
                    agrees::<M>(&changed);
                }
            }
            // A field that follows another one or itself.
            for (_, other) in &fields {
                agrees::<M>(&[one.as_slice(), other].concat());
            }
        }
    }

    #[test]
    fn requests_are_read_as_prost_does() {
        is_read_as_prost_does::<v1::AnalyzePortfolioRequest>("AnalyzePortfolioRequest");
        is_read_as_prost_does::<v1::AnalyzePortfoliosRequest>("AnalyzePortfoliosRequest");
        is_read_as_prost_does::<v1::AssessShortBookRequest>("AssessShortBookRequest");
        is_read_as_prost_does::<v1::GetRotationRequest>("GetRotationRequest");
        is_read_as_prost_does::<v1::IngestRequest>("IngestRequest");
        is_read_as_prost_does::<v1::AnswerInfo>("AnswerInfo");
    }

    #[test]
    fn what_clients_do_not_write_is_left_to_prost() {
        let below_zero = [&[0o30][..], &[0xFF; 9], &[1]].concat();
        let cases: [(&[u8], &str); 4] = [
            (&below_zero, "a number below zero"),
            (&[0o12, 1, 0xFF], "a broken text"),
            (&[0o12, 2, b'A'], "a text that is cut off"),
            (&[0o170, 1], "an unknown field"),
        ];
        for (bytes, what) in cases {
            assert!(read::<v1::Position>(bytes).is_none(), "{what}");
        }
    }
}
