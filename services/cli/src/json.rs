//! The canonical JSON of protobuf messages, as `grpcurl` prints it: answers for machines, and
//! definitions of theirs.

use anyhow::{Context as _, Result};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use std::sync::OnceLock;

/// The canonical protobuf JSON of a message of `ballast.v1`; `name` is its name in the package.
///
/// Field names are in lowerCamelCase and 64-bit integers are strings, as the mapping demands. Zeros,
/// empty texts and empty lists are printed, so that a reader finds every field that has a value;
/// fields that can be absent (`optional`, messages, members of a oneof) are left out if they are.
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
    dynamic.serialize_with_options(
        &mut serializer,
        &SerializeOptions::new().skip_default_fields(false),
    )?;
    out.push(b'\n');
    Ok(String::from_utf8(out)?)
}

/// Reads a message of `ballast.v1` from its canonical JSON.
///
/// # Errors
/// If the text is no JSON, or has a field that the message does not have.
pub(crate) fn read<M: Message + Default>(name: &str, text: &str) -> Result<M> {
    let full_name = format!("ballast.v1.{name}");
    let descriptor = pool()?.get_message_by_name(&full_name).context(full_name)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let dynamic = DynamicMessage::deserialize(descriptor, &mut reader)?;
    reader.end()?;
    Ok(dynamic.transcode_to()?)
}

fn pool() -> Result<&'static DescriptorPool> {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    if let Some(pool) = POOL.get() {
        return Ok(pool);
    }
    let pool = DescriptorPool::decode(contract::DESCRIPTOR)?;
    Ok(POOL.get_or_init(|| pool))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::{ShortBookTotals, SqueezeUniverse};

    #[test]
    fn zeros_and_empty_lists_are_printed_and_absent_numbers_are_not() {
        let totals = ShortBookTotals { mean_score: Some(0.0), ..ShortBookTotals::default() };
        let json: serde_json::Value =
            serde_json::from_str(&of("ShortBookTotals", &totals).unwrap()).unwrap();
        assert_eq!(json["grossShort"], 0.0);
        assert_eq!(json["shortNames"], 0);
        assert_eq!(json["meanScore"], 0.0);
        for absent in ["profitAndLoss", "shareScored", "exitAtNormalVolume"] {
            assert_eq!(json.get(absent), None, "{absent}");
        }
        let answer = contract::v1::AssessShortBookResponse {
            universe: Some(SqueezeUniverse::default()),
            ..Default::default()
        };
        let json: serde_json::Value =
            serde_json::from_str(&of("AssessShortBookResponse", &answer).unwrap()).unwrap();
        assert_eq!(json["lines"], serde_json::json!([]));
        assert_eq!(json["universe"]["newestSettlementOn"], "");
    }
}
