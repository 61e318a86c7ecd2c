//! Generates `Finite` for every message from its descriptor, so that no field is forgotten.

use crate::messages::{self, Messages};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::Type::{Double, Float, Message},
};
use std::{collections::BTreeSet, fmt::Write as _};

/// The implementations as Rust source.
pub(crate) fn implementations(set: &FileDescriptorSet, package: &str) -> String {
    let messages = messages::of(set, package);
    let methods = set.file.iter().flat_map(|file| &file.service).flat_map(|s| &s.method);
    let requests: BTreeSet<&str> = methods.map(|method| method.input_type()).collect();
    let mut out = String::new();
    for (name, (path, message)) in &messages {
        // The handler validates requests and reports their violations.
        let is_request = requests.contains(name.as_str());
        let checked = message.field.iter().filter(|_| !is_request);
        let checked = checked.filter(|field| is_checked(field, &messages));
        let (mut all, mut first) = ("true".to_owned(), "None".to_owned());
        for field in checked {
            let name = field.name();
            let is_finite = |held: &str| format!("Finite::all_finite({held})");
            let is_finite = on_field(field, message, path, "true", is_finite);
            let _ = write!(all, " && {is_finite}");
            let found = |held: &str| format!("within({name:?}, {held})");
            let found = on_field(field, message, path, "None", found);
            let _ = write!(first, ".or_else(|| {found})");
        }
        let _ = writeln!(
            out,
            "impl Finite for {path} {{ fn all_finite(&self) -> bool {{ {all} }} \
             fn not_finite(&self) -> Option<String> {{ {first} }} }}"
        );
    }
    out
}

/// Whether a field has floating-point numbers or messages of this package.
fn is_checked(field: &FieldDescriptorProto, messages: &Messages<'_>) -> bool {
    match field.r#type() {
        Double | Float => true,
        Message => messages.contains_key(field.type_name()),
        _ => false,
    }
}

/// An expression on the value of a field; `otherwise` is the result if its oneof holds another
/// field.
fn on_field(
    field: &FieldDescriptorProto,
    message: &DescriptorProto,
    path: &str,
    otherwise: &str,
    expression: impl Fn(&str) -> String,
) -> String {
    match messages::place(field, message, path) {
        (place, None) => expression(&place),
        (place, Some(variant)) => {
            let held = expression("held");
            format!("match {place} {{ {variant} => {held}, _ => {otherwise} }}")
        }
    }
}
