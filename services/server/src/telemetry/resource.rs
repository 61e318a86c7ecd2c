//! What spans, records and metrics say about the process that sends them.

use crate::hex::hex;
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::sync::LazyLock;

/// The process: its service, version, and an instance of its own, because a collector adds up what
/// comes from one instance. `OTEL_RESOURCE_ATTRIBUTES` adds to it, and may name the instance.
pub fn resource() -> Resource {
    static RESOURCE: LazyLock<Resource> = LazyLock::new(|| {
        let builder = Resource::builder()
            .with_service_name("ballast")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let given = builder.build();
        let instance = Key::from_static_str("service.instance.id");
        if given.get_ref(&instance).is_some() {
            return given;
        }
        let attributes = given.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let own = KeyValue::new(instance, random_id());
        Resource::builder_empty().with_attributes(attributes.chain([own])).build()
    });
    RESOURCE.clone()
}

/// 128 random bits; zeros on a system without random numbers, which could not speak TLS either.
fn random_id() -> String {
    let mut bytes = [0; 16];
    let _filled = SystemRandom::new().fill(&mut bytes);
    hex(&bytes)
}
