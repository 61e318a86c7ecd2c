//! The model versions of the services: a fix in one of them does not refuse the replay of another's
//! answers.

/// The model version of each service, of the form `<service>-<version>`.
pub const ALL: [&str; 6] = [
    exposure::MODEL_VERSION,
    hedge::MODEL_VERSION,
    marketdata::MODEL_VERSION,
    rotation::MODEL_VERSION,
    squeeze::MODEL_VERSION,
    stress::MODEL_VERSION,
];

/// Whether a model version is one of another service than that of `model`. A reference with such a
/// version was taken from an answer of that service: it says which data and which settings are
/// meant, and nothing about this service's formulas.
pub fn is_of_another_service(version: &str, model: &str) -> bool {
    let service = service_of(version);
    service != service_of(model) && ALL.into_iter().any(|known| service_of(known) == service)
}

fn service_of(version: &str) -> &str {
    version.split_once('-').map_or("", |(service, _)| service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_names_its_service() {
        for model in ALL {
            assert!(!service_of(model).is_empty(), "{model}");
            let others = ALL.into_iter().filter(|other| is_of_another_service(other, model));
            assert_eq!(others.count(), ALL.len() - 1, "{model}");
        }
        let is_other = |version| is_of_another_service(version, "rotation-0.4.0");
        assert!(is_other("exposure-9.9.9"));
        for version in ["", "-", "other", "other-0.4.0", "rotation", "rotation-0.3.0", "exposure"] {
            assert!(!is_other(version), "{version}");
        }
    }
}
