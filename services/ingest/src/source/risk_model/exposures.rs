//! Exposures of names to factors. Those of a name on a day are taken as a whole or not at all: an
//! exposure that is missing is one of zero, so a name that lacks a bad row would have too little risk.

use super::{Common, FACTOR, Layout, Reader, VALUE, factor, micros, present, reader};
use crate::{
    options::Options,
    parsed_file::{Flow, NameId, ParsedFile, StagedRows},
};
use marketdata::{
    dataset::Dataset,
    day::Day,
    symbol::{SPECIFIC_FACTOR, Symbol, factor_parts},
};
use std::collections::{BTreeMap, BTreeSet};
use tables::{
    header::Column,
    refusal::{Fault, Reason, Refusal},
    row::Row,
};

/// Exposures of names to factors.
#[derive(Debug)]
pub(crate) struct ExposuresReader {
    common: Common,
    symbol: usize,
    factor: usize,
    value: usize,
    bad: Bad,
}

/// The names of a model and a day of which a row is bad.
#[derive(Debug)]
struct Bad {
    /// The models met, in capitals.
    models: BTreeMap<String, usize>,
    /// Model, day and name.
    names: BTreeSet<(usize, Day, NameId)>,
}

impl Bad {
    fn model(&mut self, name: &str) -> usize {
        if let Some(known) = self.models.get(name) {
            return *known;
        }
        let fresh = self.models.len();
        self.models.insert(name.to_owned(), fresh);
        fresh
    }
}

impl ExposuresReader {
    pub(crate) fn new(layout: &Layout, options: &Options) -> Result<ExposuresReader, Refusal> {
        let required = |column: Column| layout.header.find(column).unwrap_or(0);
        Ok(ExposuresReader {
            common: Common::new(layout, options)?,
            symbol: required(reader::SYMBOL),
            factor: required(FACTOR),
            value: required(VALUE),
            bad: Bad { models: BTreeMap::new(), names: BTreeSet::new() },
        })
    }

    /// Keeps of which name a row was bad. A row without a name, a day or a model is of none.
    fn keep_bad(&mut self, row: &Row<'_>, parsed_file: &mut ParsedFile) {
        let model = String::from_utf8_lossy(self.common.model(row));
        let Ok(symbol) = Symbol::factor(&model, SPECIFIC_FACTOR) else { return };
        let Ok((day, _)) = self.common.dates(row, parsed_file) else { return };
        let Ok(who) = parsed_file.names.listed(row.get(self.symbol)) else { return };
        let (model, _) = factor_parts(symbol.as_str()).unwrap_or_default();
        let model = self.bad.model(model);
        self.bad.names.insert((model, day, who));
    }
}

impl ExposuresReader {
    fn read(&self, line: u32, row: &Row<'_>, parsed_file: &mut ParsedFile) -> Result<Flow, Fault> {
        let (day, stated) = self.common.dates(row, parsed_file)?;
        let value = present("the exposure", row.get(self.value))?;
        let who = parsed_file.names.listed(row.get(self.symbol))?;
        let factor = factor(parsed_file, self.common.model(row), row.get(self.factor))?;
        let dataset = Dataset::VendorExposures;
        let staged = parsed_file.push(dataset, line, (who, factor), day, &[value])?;
        self.common.state(staged, stated);
        Ok(Flow::Kept)
    }
}

impl Reader for ExposuresReader {
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut ParsedFile,
    ) -> Result<Flow, Fault> {
        let found = self.read(line, row, parsed_file);
        if found.is_err() {
            self.keep_bad(row, parsed_file);
        }
        found
    }

    fn finish(&mut self, parsed_file: &mut ParsedFile) -> Result<(), Refusal> {
        let rejected = self.rejected(parsed_file);
        if rejected.is_empty() {
            return Ok(());
        }
        let staged = parsed_file.staged(Dataset::VendorExposures);
        let mut is_kept = vec![true; staged.len()];
        rejected.iter().for_each(|(row, _)| is_kept[*row] = false);
        let lines: Vec<u32> = rejected.iter().map(|(row, _)| staged.line[*row]).collect();
        staged.retain(&is_kept);
        for (line, (_, fault)) in lines.into_iter().zip(rejected) {
            parsed_file.reject(line, fault);
        }
        Ok(())
    }
}

impl ExposuresReader {
    /// The rows of names of which a row is bad, with their faults.
    fn rejected(&mut self, parsed_file: &ParsedFile) -> Vec<(usize, Fault)> {
        let of = |staged: &&StagedRows| staged.dataset == Dataset::VendorExposures;
        let Some(staged) = parsed_file.staged.iter().find(of) else { return Vec::new() };
        let list = parsed_file.names.list();
        let symbol = |name: NameId| list[name.0 as usize].1.as_str();
        let model = |row: usize| factor_parts(symbol(staged.other[row])).map_or("", |(of, _)| of);
        let conflicting = conflicting(staged);
        for row in &conflicting {
            let key = (self.bad.model(model(*row)), staged.day[*row], staged.who[*row]);
            self.bad.names.insert(key);
        }
        if self.bad.names.is_empty() {
            return Vec::new();
        }
        let is_bad = |row: &usize| {
            let model = self.bad.models.get(model(*row));
            let key = |model: &usize| (*model, staged.day[*row], staged.who[*row]);
            model.is_some_and(|model| self.bad.names.contains(&key(model)))
        };
        let fault = |row: usize| {
            let (model, day, name) = (model(row), staged.day[row], symbol(staged.who[row]));
            match conflicting.contains(&row) {
                true => {
                    let text = format!("{model} on {day}: {name} has two values");
                    (row, Fault::new(Reason::ConflictingDuplicate, text))
                }
                false => {
                    let text = format!("{model} on {day}: another row of {name} is left out");
                    (row, Fault::new(Reason::ExposuresIncomplete, text))
                }
            }
        };
        (0..staged.len()).filter(is_bad).map(fault).collect()
    }
}

/// The rows that give an exposure of a name another value than a row of the same publication.
fn conflicting(staged: &StagedRows) -> BTreeSet<usize> {
    let key = |row: usize| {
        let stated = staged.stated.get(row).copied().flatten();
        (staged.who[row], staged.day[row], staged.other[row], micros(stated))
    };
    let mut rows: Vec<usize> = (0..staged.len()).collect();
    // Files are sorted or nearly so, which a stable sort makes use of.
    rows.sort_by_key(|row| key(*row));
    let value = |row: &usize| staged.columns[0][*row].to_bits();
    let mut found = BTreeSet::new();
    for same in rows.chunk_by(|a, b| key(*a) == key(*b)) {
        if same.iter().any(|row| value(row) != value(&same[0])) {
            found.extend(same);
        }
    }
    found
}
