//! The settings that can alter an answer, and the document in which the store keeps them.
//!
//! An answer names its settings by the hash of that document. A server keeps its own at every start,
//! so that an answer of earlier settings can be given again under them. No computation gets any
//! other setting: limits decide whether there is an answer, never what it contains.

use crate::{
    config::{ConfigError, RoleNames},
    hex::hex,
    limits,
};
use factors::roles::Roles;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The settings that can alter an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The symbols configured for each role.
    pub roles: Arc<Roles>,
    document: String,
    hash: String,
}

/// The content of the document, as JSON. A setting that is added later needs a default here, with
/// the meaning of documents that lack it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    roles: RoleNames,
}

impl Settings {
    /// The settings with these roles. Two spellings of the same roles give one document.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if a role is not valid, or they are too long to be kept.
    pub fn of(roles: &RoleNames) -> Result<Settings, ConfigError> {
        let roles = Arc::new(roles.to_roles()?);
        let document = Document { roles: RoleNames::of(&roles) };
        let invalid = |text: String| ConfigError::Invalid(format!("roles: {text}"));
        let document = serde_json::to_string(&document).map_err(|e| invalid(e.to_string()))?;
        if limits::SETTINGS_BYTES < document.len() {
            let (most, bytes) = (limits::SETTINGS_BYTES, document.len());
            return Err(invalid(format!("they must take at most {most} bytes, they take {bytes}")));
        }
        let hash = hex(&store::settings_hash(&document));
        Ok(Settings { roles, document, hash })
    }

    /// Reads a kept document; `None` if this binary cannot, because a later one wrote it.
    pub fn read(document: String) -> Option<Settings> {
        let Document { roles } = serde_json::from_str(&document).ok()?;
        let hash = hex(&store::settings_hash(&document));
        Some(Settings { roles: Arc::new(roles.to_roles().ok()?), document, hash })
    }

    /// The document, JSON.
    pub fn document(&self) -> &str {
        &self.document
    }

    /// Hash of the document, hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use serde_json::{Map, Value, json};

    fn standard() -> Settings {
        Settings::of(&Config::standard().roles).unwrap()
    }

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let settings = standard();
        assert_eq!(*settings.roles, Roles::standard());
        assert_eq!(Settings::read(settings.document().to_owned()), Some(settings));
        for junk in ["", "{}", "{\"roles\":{}}", "[]"] {
            assert_eq!(Settings::read(junk.to_owned()), None, "{junk}");
        }
        let later = standard().document().replacen('{', "{\"later\":1,", 1);
        assert_eq!(Settings::read(later), None, "a setting that this binary does not know");
    }

    /// A role that is not given has its default candidates: leaving it out is another spelling.
    #[test]
    fn two_spellings_of_the_same_settings_are_one_document() {
        let mut roles = Config::standard().roles;
        roles.candidates.remove("nasdaq").unwrap();
        assert_eq!(Settings::of(&roles).unwrap(), standard());
    }

    #[test]
    fn settings_too_long_to_be_kept_are_refused() {
        let mut roles = Config::standard().roles;
        roles.funds = (0..limits::SETTINGS_BYTES / 8).map(|fund| format!("F{fund:07}")).collect();
        let error = Settings::of(&roles).unwrap_err().to_string();
        assert!(error.contains("roles: they must take at most"), "{error}");
    }

    /// Another lawful value of a list under `auth`.
    fn lists_of_callers(path: &str) -> Value {
        match path {
            "auth.tokens" => json!([{ "name": "a", "roles": ["reader"], "env": "TOKEN" }]),
            "auth.certificates" => json!([{ "name": "a", "roles": ["reader"] }]),
            "auth.jwt.algorithms" => json!(["RS512"]),
            _ => panic!("{path} is new"),
        }
    }

    /// Every setting there is, by path, each with another lawful value.
    fn changes(path: &str, value: &Value) -> Vec<(String, Value)> {
        let other = |value: Value| vec![(path.to_owned(), value)];
        match value {
            Value::Object(fields) => {
                let field = |(name, field): (&String, &Value)| {
                    let path =
                        if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    let name = name.clone();
                    let put = move |(path, changed): (String, Value)| {
                        let mut fields: Map<String, Value> = fields.clone();
                        fields.insert(name.clone(), changed);
                        (path, Value::Object(fields))
                    };
                    changes(&path, field).into_iter().map(put).collect::<Vec<_>>()
                };
                fields.iter().flat_map(field).collect()
            }
            // Lists of who may call, and of algorithms.
            Value::Array(_) if path.starts_with("auth.") => other(lists_of_callers(path)),
            Value::Array(items) => {
                let mut items = items.clone();
                items.push(if items[0].is_array() { json!(["OTHER"]) } else { json!("OTHER") });
                other(Value::Array(items))
            }
            Value::Number(number) => match number.as_u64() {
                Some(count) => other(json!(count + 1)),
                None => other(json!(number.as_f64().unwrap() / 2.0)),
            },
            Value::Bool(flag) => other(json!(!flag)),
            Value::String(_) if path.ends_with("listen") => other(json!("127.0.0.1:1")),
            Value::String(_) if path == "log.format" => other(json!("json")),
            Value::String(_) if path == "tls.client_certificates" => other(json!("optional")),
            Value::String(_) if path == "tls.minimum_version" => other(json!("1.3")),
            Value::String(text) => other(json!(format!("{text},other=info"))),
            Value::Null if path == "read_store" => other(json!("postgres://standby/ballast")),
            Value::Null => panic!("{path} has no value"),
        }
    }

    /// The hash covers exactly what a computation can see: views hold [`Settings`] and nothing else
    /// of the configuration, and of that every part is in the document.
    #[test]
    fn the_hash_changes_with_each_setting_that_can_alter_an_answer_and_with_no_other() {
        let config = serde_json::to_value(Config::standard()).unwrap();
        let changes = changes("", &config);
        let altering = changes.iter().filter(|(path, _)| path.starts_with("roles."));
        let roles = ["breadth_universe", "funds", "megacaps", "share_classes"].len();
        assert_eq!(altering.count(), roles + factors::roles::Role::ALL.len());
        for (path, changed) in &changes {
            let changed: Config = serde_json::from_value(changed.clone()).unwrap();
            assert_ne!(changed, Config::standard(), "{path}");
            let settings = Settings::of(&changed.roles).unwrap();
            assert_eq!(settings.hash() != standard().hash(), path.starts_with("roles."), "{path}");
            assert_eq!(*settings.roles != Roles::standard(), path.starts_with("roles."), "{path}");
        }
    }
}
