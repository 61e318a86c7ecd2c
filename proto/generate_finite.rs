//! Writes `Finite` for every message of a package, from its descriptor: no field can be forgotten.

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::Type::{Double, Float, Message},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// The messages of a package by full name (`.ballast.v1.Portfolio`), each with its path in Rust.
type Messages<'a> = BTreeMap<String, (String, &'a DescriptorProto)>;

/// The implementations, as Rust.
pub(crate) fn implementations(set: &FileDescriptorSet, package: &str) -> String {
    let mut messages = Messages::new();
    for file in set.file.iter().filter(|file| file.package() == package) {
        collect(&file.message_type, &format!(".{package}"), "crate::v1", &mut messages);
    }
    let methods = set.file.iter().flat_map(|file| &file.service).flat_map(|s| &s.method);
    let requests: BTreeSet<&str> = methods.map(|method| method.input_type()).collect();
    let mut out = String::new();
    for (name, (path, message)) in &messages {
        // The handler judges a request and names what is wrong with it.
        let is_request = requests.contains(name.as_str());
        let looked_at = message.field.iter().filter(|_| !is_request);
        let looked_at = looked_at.filter(|field| is_looked_at(field, &messages));
        let (mut all, mut first) = ("true".to_owned(), "None".to_owned());
        for field in looked_at {
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

/// Whether a field holds floating-point numbers or messages of ours.
fn is_looked_at(field: &FieldDescriptorProto, messages: &Messages<'_>) -> bool {
    match field.r#type() {
        Double | Float => true,
        Message => messages.contains_key(field.type_name()),
        _ => false,
    }
}

/// An expression over what a field holds; `otherwise` is its value where a choice holds another one.
fn on_field(
    field: &FieldDescriptorProto,
    message: &DescriptorProto,
    path: &str,
    otherwise: &str,
    expression: impl Fn(&str) -> String,
) -> String {
    let name = field.name().to_snake_case();
    let choice = field.oneof_index.filter(|_| !field.proto3_optional());
    let Some(choice) = choice.and_then(|at| message.oneof_decl.get(at as usize)) else {
        return expression(&format!("&self.r#{name}"));
    };
    let choices = format!("{}::{}", module_of(path), choice.name().to_upper_camel_case());
    let variant = field.name().to_upper_camel_case();
    let choice = choice.name().to_snake_case();
    let held = expression("held");
    format!(
        "match &self.r#{choice} {{ Some({choices}::{variant}(held)) => {held}, _ => {otherwise} }}"
    )
}

/// The module in which prost puts what is declared within a message.
fn module_of(path: &str) -> String {
    match path.rsplit_once("::") {
        Some((outer, name)) => format!("{outer}::{}", name.to_snake_case()),
        None => path.to_snake_case(),
    }
}
