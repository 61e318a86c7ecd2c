//! One column as bytes: a constant, or numbers packed by pco.
//!
//! pco is lossless for every bit pattern. Level 4 was chosen by measurement on 393,689 real bars of
//! five columns: level 0 packs to 9.4 MB in 21 ms, 2 to 6.4 in 34, **4 to 5.6 in 37**, 6 to 5.4 in
//! 41, 8 to 5.0 in 55; all unpack in 10 ms (2 to 8).

use pco::{ChunkConfig, data_types::Number, standalone};

const LEVEL: usize = 4;
const CONSTANT: u8 = 0;
const PACKED: u8 = 1;
const AT_CLOSE: u8 = 2;

/// Why a column cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

/// A column found in the bytes, not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column<'a> {
    /// The same value in every row, by its bits.
    Constant(u64),
    /// The output of pco.
    Packed(&'a [u8]),
    /// The rule of [`marketdata::segment::Published::AtClose`].
    AtClose,
}

/// A number that pco packs and that a constant column holds by its bits.
pub(crate) trait Packable: Number + Copy {
    /// The bits, in the low end.
    fn to_bits64(self) -> u64;
    /// The number with these bits.
    fn from_bits64(bits: u64) -> Self;
}

macro_rules! packable {
    ($($number:ty => $to:expr, $from:expr;)*) => {
        $(impl Packable for $number {
            fn to_bits64(self) -> u64 {
                $to(self)
            }
            fn from_bits64(bits: u64) -> $number {
                $from(bits)
            }
        })*
    };
}

packable! {
    f64 => f64::to_bits, f64::from_bits;
    u32 => u64::from, |bits| bits as u32;
    i32 => |value| value as u32 as u64, |bits| bits as i32;
    i64 => |value| value as u64, |bits| bits as i64;
    u64 => |value| value, |bits| bits;
}

/// Appends a column.
pub(crate) fn put<T: Packable>(bytes: &mut Vec<u8>, values: &[T]) -> Result<(), Fault> {
    let first = values.first().map_or(0, |value| value.to_bits64());
    if values.iter().all(|value| value.to_bits64() == first) {
        put_constant(bytes, first);
        return Ok(());
    }
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    let packed = standalone::simple_compress(values, &config).map_err(fault)?;
    bytes.push(PACKED);
    bytes.extend_from_slice(&(packed.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&packed);
    Ok(())
}

/// Appends a constant column.
pub(crate) fn put_constant(bytes: &mut Vec<u8>, bits: u64) {
    bytes.push(CONSTANT);
    bytes.extend_from_slice(&bits.to_le_bytes());
}

/// Appends the rule "at the close of each row's day".
pub(crate) fn put_at_close(bytes: &mut Vec<u8>) {
    bytes.push(AT_CLOSE);
}

/// Reads bytes from front to back.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| Fault("the bytes end inside a column".to_owned()))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(bytes))
    }

    pub(crate) fn column(&mut self) -> Result<Column<'a>, Fault> {
        match self.byte()? {
            CONSTANT => Ok(Column::Constant(self.u64()?)),
            PACKED => {
                let len = self.u32()? as usize;
                Ok(Column::Packed(self.take(len)?))
            }
            AT_CLOSE => Ok(Column::AtClose),
            kind => Err(Fault(format!("a column has the unknown encoding {kind}"))),
        }
    }

    /// Checks that no bytes are left.
    pub(crate) fn end(&self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Fault(format!("{} bytes follow the last column", self.rest.len())))
        }
    }
}

/// Unpacks exactly `rows` numbers.
pub(crate) fn unpack<T: Packable>(packed: &[u8], rows: usize) -> Result<Vec<T>, Fault> {
    let values: Vec<T> = standalone::simple_decompress(packed).map_err(fault)?;
    if values.len() == rows {
        Ok(values)
    } else {
        Err(Fault(format!("a column has {} values instead of {rows}", values.len())))
    }
}

/// Every value of a column of integers.
pub(crate) fn each<T: Packable>(column: Column<'_>, rows: usize) -> Result<Vec<T>, Fault> {
    match column {
        Column::Constant(bits) => Ok(vec![T::from_bits64(bits); rows]),
        Column::Packed(packed) => unpack(packed, rows),
        Column::AtClose => Err(Fault("a column of integers has the at-close encoding".to_owned())),
    }
}

fn fault(error: impl std::fmt::Display) -> Fault {
    Fault(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_bits_come_back(bits in prop::collection::vec(any::<u64>(), 1..300)) {
            let values: Vec<f64> = bits.iter().map(|bits| f64::from_bits(*bits)).collect();
            let mut bytes = Vec::new();
            put(&mut bytes, &values).unwrap();
            let mut reader = Reader::new(&bytes);
            let back: Vec<f64> = each(reader.column().unwrap(), values.len()).unwrap();
            prop_assert_eq!(back.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), bits);
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn damaged_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reader::new(&bytes).column().and_then(|column| each::<i64>(column, 7));
            bytes.insert(0, PACKED);
            let _ = Reader::new(&bytes).column().and_then(|column| each::<f64>(column, 7));
        }
    }

    #[test]
    fn a_constant_column_takes_nine_bytes() {
        let mut bytes = Vec::new();
        put(&mut bytes, &[f64::NAN; 65_536]).unwrap();
        assert_eq!(bytes.len(), 9);
    }
}
