//! Generates `Weighed` for every message from its descriptor, so that no field is forgotten.

use crate::messages::{self, Messages};
use prost_types::{
    FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{
        Label,
        Type::{Bytes, Message, String as Text},
    },
};
use std::{collections::BTreeSet, fmt::Write as _};

/// The implementations as Rust source.
pub(crate) fn implementations(set: &FileDescriptorSet, package: &str) -> String {
    let messages = messages::of(set, package);
    let methods = set.file.iter().flat_map(|file| &file.service).flat_map(|s| &s.method);
    let requests: BTreeSet<&str> = methods.map(|method| method.input_type()).collect();
    let mut out = String::new();
    for (name, (path, message)) in &messages {
        let is_request = requests.contains(name.as_str());
        let fields: String =
            message.field.iter().filter_map(|field| arm(field, &messages)).collect();
        let _ = writeln!(
            out,
            "impl Weighed for {path} {{ const IS_REQUEST: bool = {is_request}; \
             fn weigh(key: u32, value: &[u8]) -> usize {{ match key {{ {fields} _ => 0 }} }} }}"
        );
    }
    out
}

/// The arm of a field whose value takes more memory than its bytes; `None` for a number or a text.
fn arm(field: &FieldDescriptorProto, messages: &Messages<'_>) -> Option<String> {
    let is_list = field.label() == Label::Repeated;
    let weight = match field.r#type() {
        Message => {
            let path = path(field, messages);
            if is_list {
                format!("element::<{path}>().saturating_add(weight::<{path}>(value))")
            } else {
                format!("weight::<{path}>(value)")
            }
        }
        Text | Bytes if is_list => "element::<String>()".to_owned(),
        Text | Bytes => return None,
        _ if is_list => "element::<f64>() * value.len()".to_owned(),
        _ => return None,
    };
    Some(format!("0o{:o}2 => {weight},", field.number()))
}

/// The path in Rust of a field's message.
fn path(field: &FieldDescriptorProto, messages: &Messages<'_>) -> String {
    let path = messages.get(field.type_name()).map(|(path, _)| path.clone());
    path.unwrap_or_else(|| match field.type_name() {
        ".google.rpc.Status" => "tonic_types::pb::Status".to_owned(),
        known => known.replace(".google.protobuf.", "prost_types::"),
    })
}
