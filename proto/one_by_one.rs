//! Encodings of a message with a single field set, for tests of what is generated per field.

use crate::DESCRIPTOR;
use prost::{Message as _, encoding};
use prost_types::{DescriptorProto, FileDescriptorSet, field_descriptor_proto::Type};
use std::collections::BTreeMap;

/// Protobuf encodings of a message of the contract with a single field set, including fields of
/// nested messages, each with the field's path.
pub(crate) fn one_by_one(name: &str) -> Vec<(String, Vec<u8>)> {
    let set = FileDescriptorSet::decode(DESCRIPTOR).unwrap();
    let messages = set.file.into_iter().flat_map(|file| file.message_type);
    let all: BTreeMap<_, _> =
        messages.map(|message| (format!(".ballast.v1.{}", message.name()), message)).collect();
    fields(&all[&format!(".ballast.v1.{name}")], &all)
}

fn fields(
    message: &DescriptorProto,
    all: &BTreeMap<String, DescriptorProto>,
) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for field in &message.field {
        let number = field.number.unwrap().unsigned_abs();
        let mut values = Vec::new();
        let mut value = Vec::new();
        match field.r#type() {
            Type::Double => encoding::double::encode(number, &0.5, &mut value),
            Type::Bool => encoding::bool::encode(number, &true, &mut value),
            Type::String => encoding::string::encode(number, &"a".to_owned(), &mut value),
            Type::Bytes => encoding::bytes::encode(number, &vec![7_u8], &mut value),
            Type::Message => match all.get(field.type_name()) {
                Some(inner) => {
                    values.push((String::new(), Vec::new()));
                    values.extend(fields(inner, all));
                    for (_, held) in &mut values {
                        let inner = std::mem::take(held);
                        encoding::bytes::encode(number, &inner, held);
                    }
                }
                // A timestamp.
                None => encoding::bytes::encode(number, &vec![8_u8, 5], &mut value),
            },
            _ => encoding::uint64::encode(number, &1, &mut value),
        }
        if !value.is_empty() {
            values.push((String::new(), value));
        }
        let name = field.name();
        found.extend(values.into_iter().map(|(path, value)| (format!("{name}.{path}"), value)));
    }
    found
}
