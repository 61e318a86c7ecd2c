//! The threat model names only tests that exist and are run.

use crate::{files, root};
use std::collections::BTreeSet;

#[test]
fn every_test_that_the_threat_model_names_is_run() {
    let model = std::fs::read_to_string(root().join("THREAT-MODEL.md")).unwrap();
    let rust = files(&["rs"]);
    let tests: BTreeSet<&str> = rust.iter().flat_map(|(_, code)| tests_of(code)).collect();
    let named = named_by(&model);
    assert!(30 < named.len(), "{named:?}");
    for name in named {
        assert!(tests.contains(name), "{name} is no test, or one that is ignored");
    }
}

#[test]
fn a_helper_or_an_ignored_function_is_no_test() {
    let code = concat!(
        "
        fn helper() {}
        #[test]
        fn first() { let inner = 1; }
        #[tokio::test(flavor = \"multi_thread\")]
        #[expect(clippy::panic, reason = \"it is one\")]
        async fn second() {}
        #[test]
        #[ign",
        "ore = \"slow\"]
        fn never() {}
        fn after() {}"
    );
    assert_eq!(tests_of(code), ["first", "second"]);
    let model = "| tries | test |
|---|---|
| `a` | `b`, `c`; `ballast check` |

| role | may |
|---|---|
| x | `y` |";
    assert_eq!(named_by(model), BTreeSet::from(["b", "c"]));
}

/// Functions that `cargo test` runs.
fn tests_of(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_run = false;
    for line in code.lines().map(str::trim) {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_run = true;
        } else if line.starts_with(concat!("#[ign", "ore")) {
            is_run = false;
        } else if let Some(signature) =
            line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")
        {
            let name = signature.split('(').next();
            found.extend(name.filter(|_| std::mem::take(&mut is_run)));
        }
    }
    found
}

/// What the tables name in their column of tests, but for commands, which have blanks.
fn named_by(model: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut is_about_tests = false;
    for line in model.lines() {
        let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        is_about_tests = line.starts_with('|') && (is_about_tests || last.trim() == "test");
        if is_about_tests {
            found.extend(last.split('`').skip(1).step_by(2).filter(|name| !name.contains(' ')));
        }
    }
    found
}
