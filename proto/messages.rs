//! The messages of a package with prost's names of them and their fields, for code generators.

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use std::collections::BTreeMap;

/// The messages of a package by full name (`.ballast.v1.Portfolio`), each with its path in Rust.
pub(crate) type Messages<'a> = BTreeMap<String, (String, &'a DescriptorProto)>;

/// Collects the messages of a package, including nested ones.
pub(crate) fn of<'a>(set: &'a FileDescriptorSet, package: &str) -> Messages<'a> {
    let mut messages = Messages::new();
    for file in set.file.iter().filter(|file| file.package() == package) {
        collect(&file.message_type, &format!(".{package}"), "crate::v1", &mut messages);
    }
    messages
}

fn collect<'a>(
    messages: &'a [DescriptorProto],
    scope: &str,
    module: &str,
    found: &mut Messages<'a>,
) {
    for message in messages {
        let name = format!("{scope}.{}", message.name());
        let inner = format!("{module}::{}", message.name().to_snake_case());
        collect(&message.nested_type, &name, &inner, found);
        let path = format!("{module}::{}", message.name().to_upper_camel_case());
        found.insert(name, (path, message));
    }
}

/// The expression that accesses a field, and the pattern of its variant if it belongs to a oneof.
pub(crate) fn place(
    field: &FieldDescriptorProto,
    message: &DescriptorProto,
    path: &str,
) -> (String, Option<String>) {
    let choice = field.oneof_index.filter(|_| !field.proto3_optional());
    let Some(choice) = choice.and_then(|at| message.oneof_decl.get(at as usize)) else {
        return (format!("&self.r#{}", field.name().to_snake_case()), None);
    };
    let choices = format!("{}::{}", module_of(path), choice.name().to_upper_camel_case());
    let variant = field.name().to_upper_camel_case();
    let place = format!("&self.r#{}", choice.name().to_snake_case());
    (place, Some(format!("Some({choices}::{variant}(held))")))
}

/// The module in which prost puts the types declared within a message.
fn module_of(path: &str) -> String {
    match path.rsplit_once("::") {
        Some((outer, name)) => format!("{outer}::{}", name.to_snake_case()),
        None => path.to_snake_case(),
    }
}
