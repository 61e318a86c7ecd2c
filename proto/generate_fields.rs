//! Generates `Fields` for every message from its descriptor, so that no field is forgotten.

use crate::messages::{self, Messages};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{
        Label,
        Type::{Bytes, Double, Message, String as Text},
    },
};
use std::fmt::Write as _;

/// The implementations as Rust source.
pub(crate) fn implementations(set: &FileDescriptorSet, package: &str) -> String {
    let messages: Messages<'_> = messages::of(set, package);
    let mut out = String::new();
    for (path, message) in messages.values() {
        let fields: String = message.field.iter().map(|field| arm(field, message, path)).collect();
        let _ = writeln!(
            out,
            "impl Fields for {path} {{ fn read_field(&mut self, key: u32, \
             reader: &mut Reader<'_>) -> Option<()> {{ match key {{ {fields} _ => None }} }} }}"
        );
    }
    out
}

/// The arm that reads a field.
fn arm(field: &FieldDescriptorProto, message: &DescriptorProto, path: &str) -> String {
    let has_length = matches!(field.r#type(), Bytes | Message | Text);
    let is_list = field.label() == Label::Repeated;
    let wire_type = match field.r#type() {
        _ if has_length || is_list => 2,
        Double => 1,
        _ => 0,
    };
    let number = field.number();
    let (place, variant) = messages::place(field, message, path);
    let place = place.trim_start_matches('&');
    let read = match variant {
        // Another value of the same variant is merged into the first, if it is a message.
        Some(variant) => {
            let made = variant.replacen("Some", "", 1);
            format!(
                "{{ let mut held = match {place}.take() {{ {variant} => held, \
                 _ => Default::default() }}; held.read(reader)?; {place} = Some{made}; Some(()) }}"
            )
        }
        None if is_list && has_length => format!("read_list(&mut {place}, key, reader)"),
        None if is_list => format!("read_packed(&mut {place}, reader)"),
        None => format!("{place}.read(reader)"),
    };
    format!("0o{number:o}{wire_type} => {read},")
}
