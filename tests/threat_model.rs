//! The threat model names only tests that exist.

use crate::{files, root};
use std::collections::BTreeSet;

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let model = std::fs::read_to_string(root().join("THREAT-MODEL.md")).unwrap();
    let rust = files(&["rs"]);
    let is_test = |name: &&str| name.matches('_').count() > 2 && !name.contains('.');
    let named: BTreeSet<&str> = model.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(15 < named.len(), "{named:?}");
    for name in named {
        let code = format!("fn {name}()");
        assert!(rust.iter().any(|(_, text)| text.contains(&code)), "there is no test {name}");
    }
}
