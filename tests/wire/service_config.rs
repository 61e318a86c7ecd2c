//! The service config that clients use covers every service of the contract.

use prost_reflect::DescriptorPool;
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn retries_cover_every_service_of_the_contract() {
    let config: Value =
        serde_json::from_str(include_str!("../../clients/service_config.json")).unwrap();
    let methods = config["methodConfig"].as_array().unwrap();
    let named: BTreeSet<&str> = methods
        .iter()
        .filter(|method| method["retryPolicy"]["maxAttempts"].as_i64() > Some(1))
        .flat_map(|method| method["name"].as_array().unwrap())
        .map(|name| name["service"].as_str().unwrap())
        .collect();
    let pool = DescriptorPool::decode(contract::DESCRIPTOR).unwrap();
    let served = pool.services().map(|service| service.full_name().to_owned());
    let served: BTreeSet<String> = served.filter(|name| name.starts_with("ballast.")).collect();
    assert!(served.contains("ballast.v1.RotationService"), "{served:?}");
    assert_eq!(named, served.iter().map(String::as_str).collect());
}
