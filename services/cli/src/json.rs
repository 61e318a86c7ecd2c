//! Answers for machines: the canonical JSON of a protobuf message, as `grpcurl` prints it.

use anyhow::{Context as _, Result};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use std::sync::OnceLock;

/// The canonical protobuf JSON of a message of `ballast.v1`; `name` is its name in the package.
///
/// Field names are in lowerCamelCase and 64-bit integers are strings, as the mapping demands; unset
/// fields are left out.
///
/// # Errors
/// If the contract has no message of that name: a bug in this program.
pub(crate) fn of<M: Message>(name: &str, message: &M) -> Result<String> {
    let pool = pool()?;
    let full_name = format!("ballast.v1.{name}");
    let descriptor = pool.get_message_by_name(&full_name).context(full_name)?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::pretty(&mut out);
    dynamic.serialize_with_options(&mut serializer, &SerializeOptions::new())?;
    out.push(b'\n');
    Ok(String::from_utf8(out)?)
}

fn pool() -> Result<&'static DescriptorPool> {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    if let Some(pool) = POOL.get() {
        return Ok(pool);
    }
    let pool = DescriptorPool::decode(contract::DESCRIPTOR)?;
    Ok(POOL.get_or_init(|| pool))
}
