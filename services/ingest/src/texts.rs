//! The texts that a batch's facts refer to by id.

use crate::parsed_file::ParsedFile;
use marketdata::market::Market;
use std::collections::BTreeMap;

/// A file's texts, each with the market's id if it has one.
#[derive(Debug)]
pub(super) struct Texts<'a> {
    local: &'a [String],
    given: Vec<Option<usize>>,
    first_new: usize,
    new: Vec<String>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(parsed_file: &'a ParsedFile, market: &Market) -> Texts<'a> {
        let given = if parsed_file.texts.is_empty() {
            Vec::new()
        } else {
            // Of equal texts the first id is used.
            let numbered = market.texts().iter().enumerate().rev();
            let known: BTreeMap<&str, usize> =
                numbered.map(|(id, text)| (text.as_str(), id)).collect();
            parsed_file.texts.iter().map(|text| known.get(text.as_str()).copied()).collect()
        };
        Texts { local: &parsed_file.texts, given, first_new: market.text_count(), new: Vec::new() }
    }

    /// The market's id of a local text; −1, which equals no stored id, if it has none yet.
    pub(super) fn known(&self, local: f64) -> f64 {
        if local.is_nan() {
            return local;
        }
        self.given.get(local as usize).copied().flatten().map_or(-1.0, |id| id as f64)
    }

    /// The id of a local text in the batch; adds the text to the batch if it is new.
    pub(super) fn give(&mut self, local: f64) -> f64 {
        if local.is_nan() {
            return local;
        }
        let Some(given) = self.given.get_mut(local as usize) else { return f64::NAN };
        let id = given.get_or_insert_with(|| {
            self.new.push(self.local[local as usize].clone());
            self.first_new + self.new.len() - 1
        });
        *id as f64
    }

    /// The texts that the batch adds.
    pub(super) fn into_new(self) -> Vec<String> {
        self.new
    }
}
