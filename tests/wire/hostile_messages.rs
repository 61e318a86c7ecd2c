//! Messages drawn from a descriptor: lawful words among extreme numbers, broken texts, unknown
//! enums and many items, and then sometimes damaged bytes.

use crate::drawn_files::Draws;
use prost::Message as _;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};

/// Depth below which no message is nested by its descriptor.
const DEPTH: usize = 7;
/// Levels of nesting that no decoder should follow; prost gives up at 100.
const DEEP: u64 = 20_000;
/// Items of a list that is meant to be long.
const MANY: u64 = 3_000;

/// Texts that mean something here, so that a request gets past its first check.
const WORDS: [&str; 22] = [
    "AAPL",
    "SPY",
    "IWM",
    "QQQ",
    "BRK.B",
    "US0378331005",
    "2021-02-26",
    "2021-01-29",
    "1900-01-01",
    "9999-12-31",
    "megacap_small_cap",
    "small_cap_index",
    "spread",
    "breadth",
    "market",
    "USD",
    "book",
    "a",
    "0",
    "00",
    "price",
    "size",
];

const BROKEN: [&str; 14] = [
    "",
    " ",
    "\0",
    "\u{202e}\u{200b}",
    "\u{feff}AAPL",
    "🂡🏴‍☠️",
    "e\u{301}\u{301}\u{301}",
    "2021-02-31",
    "-1",
    "NaN",
    "../../etc/passwd",
    "'; DROP TABLE facts; --",
    "{\"a\":[",
    "\r\n\u{7f}",
];

const DOUBLES: [f64; 14] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -0.0,
    0.0,
    f64::MIN_POSITIVE,
    5e-324,
    f64::MAX,
    f64::MIN,
    1.0,
    -1.0,
    0.5,
    100.0,
    1e15,
];

const INTEGERS: [i64; 12] =
    [0, 1, -1, 2, 5, 100, 1_000, 10_001, i32::MAX as i64, i32::MIN as i64, i64::MAX, i64::MIN];

/// The bytes of a message of a type.
pub(crate) fn bytes(draws: &mut Draws, of: &MessageDescriptor) -> Vec<u8> {
    let mut bytes = message(draws, of, 0).encode_to_vec();
    match draws.below(10) {
        0 => damage(draws, &mut bytes),
        1 if draws.below(20) == 0 => bytes = nested(draws.below(DEEP)),
        _ => {}
    }
    bytes
}

fn message(draws: &mut Draws, of: &MessageDescriptor, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(of.clone());
    // Of all fields or of a few: a request with everything set is refused for its first fault.
    let often = draws.one_of(&[2, 4, 12]);
    for field in of.fields() {
        if draws.below(often) == 0 {
            let value = field_value(draws, &field, depth);
            message.set_field(&field, value);
        }
    }
    message
}

fn field_value(draws: &mut Draws, field: &FieldDescriptor, depth: usize) -> Value {
    if field.is_map() {
        return Value::Map([(MapKey::String(text(draws)), Value::String(text(draws)))].into());
    }
    if !field.is_list() {
        return value(draws, &field.kind(), depth);
    }
    let count = match draws.below(60) {
        0 if depth < 3 => draws.below(MANY),
        most => most % 4,
    };
    Value::List((0..count).map(|_| value(draws, &field.kind(), depth)).collect())
}

fn value(draws: &mut Draws, kind: &Kind, depth: usize) -> Value {
    let integer = draws.one_of(&INTEGERS);
    match kind {
        Kind::Double => Value::F64(draws.one_of(&DOUBLES)),
        Kind::Float => Value::F32(draws.one_of(&DOUBLES) as f32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(integer as i32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(integer),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(integer as u32),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(integer as u64),
        Kind::Bool => Value::Bool(draws.below(2) == 0),
        Kind::String => Value::String(text(draws)),
        Kind::Bytes => Value::Bytes(text(draws).into_bytes().into()),
        Kind::Message(of) if depth < DEPTH => Value::Message(message(draws, of, depth + 1)),
        Kind::Message(of) => Value::Message(DynamicMessage::new(of.clone())),
        Kind::Enum(of) => {
            let known: Vec<i32> = of.values().map(|value| value.number()).collect();
            let unknown = draws.below(8) == 0;
            Value::EnumNumber(if unknown { integer as i32 } else { draws.one_of(&known) })
        }
    }
}

fn text(draws: &mut Draws) -> String {
    match draws.below(12) {
        0 => draws.one_of(&BROKEN).repeat(draws.below(400) as usize),
        1 | 2 => draws.one_of(&BROKEN).to_owned(),
        _ => draws.one_of(&WORDS).to_owned(),
    }
}

/// Changes, inserts and cuts bytes.
fn damage(draws: &mut Draws, bytes: &mut Vec<u8>) {
    for _ in 0..=draws.below(4) {
        let at = draws.below(bytes.len() as u64 + 1) as usize;
        let byte = draws.next() as u8;
        match draws.below(3) {
            0 => bytes.insert(at, byte),
            1 => bytes.truncate(at),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
        }
    }
}

/// A message in a message in a message, of whatever type field 1 is.
fn nested(levels: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..levels {
        // From the inside out, back to front: a tag and a length that holds all behind it.
        let mut length = bytes.len();
        let mut prefix = vec![0x0a];
        while 0x80 <= length {
            prefix.push(length as u8 | 0x80);
            length >>= 7;
        }
        prefix.push(length as u8);
        bytes.extend(prefix.into_iter().rev());
    }
    bytes.reverse();
    bytes
}

/// The codes of every `google.rpc.Status` in a message.
pub(crate) fn codes(message: &DynamicMessage) -> Vec<i32> {
    let own = message.descriptor().full_name() == "google.rpc.Status";
    let own = own.then(|| message.get_field_by_name("code")).flatten();
    let own = own.and_then(|code| code.as_i32());
    let inner = message.fields().flat_map(|(_, value)| match value {
        Value::Message(inner) => codes(inner),
        Value::List(items) => items.iter().filter_map(Value::as_message).flat_map(codes).collect(),
        _ => Vec::new(),
    });
    own.into_iter().chain(inner).collect()
}

#[test]
fn a_nested_message_is_nested() {
    // A tag of field 1 and the length of what is in it, three times.
    assert_eq!(nested(3), [0x0a, 4, 0x0a, 2, 0x0a, 0]);
}
