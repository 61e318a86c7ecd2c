//! The rules of the contract's texts: its lines, the packages of its stubs, the reasons it documents.

use crate::{files, root};
use std::collections::BTreeSet;

/// rustfmt wraps code and leaves comments alone, and the contract has no formatter.
#[test]
fn lines_of_the_contract_fit_a_hundred_columns() {
    for (path, text) in files(&["proto"]) {
        for (at, line) in text.lines().enumerate() {
            assert!(line.chars().count() <= 100, "{path}:{}: {line}", at + 1);
        }
    }
}

/// Without options, generated Java collides in one outer class and generated Go has no package; to
/// add or change one later is a break.
#[test]
fn every_file_of_the_contract_says_the_packages_of_its_stubs() {
    for (path, text) in files(&["proto"]).iter().filter(|(path, _)| path.contains("ballast/v1/")) {
        let stem = path.rsplit('/').next().unwrap().trim_end_matches(".proto");
        let class: String = stem
            .split('_')
            .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
            .chain(["Proto".to_owned()])
            .collect();
        let options: Vec<&str> = text.lines().filter(|line| line.starts_with("option ")).collect();
        let expected = [
            "option csharp_namespace = \"Ballast.V1\";",
            "option go_package = \"ballast.io/gen/go/ballast/v1;ballastv1\";",
            "option java_multiple_files = true;",
            &format!("option java_outer_classname = \"{class}\";"),
            "option java_package = \"io.ballast.v1\";",
        ];
        assert_eq!(options, expected, "{path}");
    }
}

#[test]
fn texts_name_the_error_domain_that_is_sent() {
    let status = std::fs::read_to_string(root().join("services/server/src/rpc/status.rs")).unwrap();
    let domain = status.split_once("pub const DOMAIN: &str = \"").unwrap().1;
    let domain = domain.split('"').next().unwrap();
    let mut named = 0;
    for (path, text) in files(&["md", "proto"]) {
        // A sentence may go on in the next line, behind a comment's slashes.
        let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "//").collect();
        for phrase in words.windows(2).filter(|phrase| phrase[0] == "domain") {
            let Some(name) = phrase[1].strip_prefix('`').and_then(|n| n.split('`').next()) else {
                continue;
            };
            assert_eq!(name, domain, "{path}");
            named += 1;
        }
    }
    assert!(3 <= named, "README.md and the services name it: {named}");
}

/// The words of a text that are written like constants, in capitals and underscores.
fn constants(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_uppercase() || c == '_';
    text.split(move |c| !is_part(c)).filter(|word| 3 < word.len())
}

/// The reasons in parentheses after a status code: `NOT_FOUND (UNKNOWN_EXCHANGE)`.
fn documented_reasons(comment: &str) -> BTreeSet<&str> {
    let mut reasons = BTreeSet::new();
    for (at, _) in comment.match_indices(" (") {
        let code = comment[..at].rsplit(' ').next().unwrap();
        let listed = comment[at + 2..].split(')').next().unwrap();
        if STATUS_CODES.contains(&code) {
            reasons.extend(constants(listed));
        }
    }
    reasons
}

/// The codes that this service sends.
const STATUS_CODES: [&str; 13] = [
    "ABORTED",
    "CANCELLED",
    "DATA_LOSS",
    "DEADLINE_EXCEEDED",
    "FAILED_PRECONDITION",
    "INTERNAL",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNIMPLEMENTED",
];

#[test]
fn every_reason_of_a_status_is_documented_and_every_documented_one_is_sent() {
    let status = std::fs::read_to_string(root().join("services/server/src/rpc/status.rs")).unwrap();
    let code = status.split("#[cfg(test)]").next().unwrap();
    let literals = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let sent: BTreeSet<&str> = literals
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|text| constants(text).next() == Some(text))
        .collect();
    let contract: Vec<String> = files(&["proto"]).into_iter().map(|(_, text)| text).collect();
    let comments: Vec<String> = contract
        .iter()
        .map(|text| {
            let words = text.lines().filter_map(|line| line.trim_start().strip_prefix("//"));
            words.flat_map(str::split_whitespace).collect::<Vec<&str>>().join(" ")
        })
        .collect();
    let documented: BTreeSet<&str> = comments.iter().flat_map(|c| documented_reasons(c)).collect();
    assert_eq!(documented, sent);
}
