//! Laws of the list of datasets.

use super::*;

#[test]
fn codes_and_names_are_distinct_and_found_again() {
    // The resident market indexes its tracks by code.
    let codes: Vec<u8> = Dataset::ALL.iter().map(|dataset| dataset.code()).collect();
    assert_eq!(codes, (1..=Dataset::ALL.len() as u8).collect::<Vec<u8>>());
    for dataset in Dataset::ALL {
        assert_eq!(Dataset::from_code(dataset.code()), Some(dataset));
        assert_eq!(Dataset::from_name(dataset.name()), Some(dataset));
        for (column, field) in dataset.fields().iter().enumerate() {
            assert_eq!(dataset.column(*field), column);
        }
    }
    assert_eq!((Dataset::from_code(0), Dataset::from_name("")), (None, None));
}

#[test]
fn the_columns_with_one_value_per_file_come_last() {
    for dataset in Dataset::ALL {
        let rest = &dataset.fields()[dataset.fields_of_rows().len()..];
        assert!(rest.iter().all(|field| field.kind().is_of_file()), "{dataset:?}");
    }
    assert_eq!(Dataset::Bars.fields_of_rows().len(), 6);
}

#[test]
fn a_schedule_is_published_at_the_time_in_one_of_its_own_columns() {
    for dataset in Dataset::ALL {
        if let Publication::AtValue(field) = dataset.descriptor().publication {
            assert!(dataset.fields().contains(&field), "{dataset:?}");
        }
    }
}

#[test]
fn the_earliest_days_match_their_documentation() {
    assert_eq!(EARLIEST.to_string(), "1900-01-01");
    assert_eq!(EVER.to_string(), "1900-01-01T00:00:00Z");
    assert_eq!(EARLIEST_SERIES.to_string(), "1800-01-01");
}
