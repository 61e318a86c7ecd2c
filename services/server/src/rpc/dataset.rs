//! Datasets as the contract numbers them.

use crate::rpc::field::Fields;
use contract::v1;
use marketdata::dataset::Dataset;

/// The contract numbers datasets as the store does; a test compares the two lists.
pub(super) fn to_proto(dataset: Dataset) -> i32 {
    dataset.code().into()
}

/// The dataset that a request names.
pub(super) fn of_request(fields: &mut Fields, number: i32) -> Option<Dataset> {
    let known: v1::Dataset = fields.choice("dataset", number);
    // The contract numbers datasets as the store does; none has the number of UNSPECIFIED.
    u8::try_from(known as i32).ok().and_then(Dataset::from_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_numbers_and_names_datasets_as_the_store_does() {
        let known = |number: i32| v1::Dataset::try_from(number).ok().map(|d| d.as_str_name());
        for dataset in Dataset::ALL {
            let name = format!("DATASET_{}", dataset.name().to_ascii_uppercase());
            assert_eq!(known(to_proto(dataset)), Some(name.as_str()));
        }
        assert_eq!(known(Dataset::ALL.len() as i32 + 1), None, "the store lacks a dataset");
    }
}
