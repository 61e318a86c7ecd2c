//! Generates `Canonical` for every message from its descriptor, so that no field is forgotten.

use crate::messages::{self, Messages};
use prost_types::{DescriptorProto, FileDescriptorSet};
use std::fmt::Write as _;

/// The implementations as Rust source.
pub(crate) fn implementations(set: &FileDescriptorSet, package: &str) -> String {
    let messages: Messages<'_> = messages::of(set, package);
    let mut out = String::new();
    for (path, message) in messages.values() {
        let fields = fields(path, message);
        let _ = writeln!(
            out,
            "impl Canonical for {path} {{ fn is_left_out(&self) -> bool {{ false }} \
             fn write(&self, out: &mut Vec<u8>) {{ {fields} END.write(out); }} }}"
        );
    }
    out
}

fn fields(path: &str, message: &DescriptorProto) -> String {
    let mut fields: Vec<_> = message.field.iter().collect();
    fields.sort_by_key(|field| field.number());
    let mut out = String::new();
    for field in fields {
        let number = field.number();
        let _ = match messages::place(field, message, path) {
            (place, None) => write!(out, "field({number}, {place}, out);"),
            (place, Some(variant)) => {
                write!(out, "if let {variant} = {place} {{ chosen({number}, held, out); }}")
            }
        };
    }
    out
}
