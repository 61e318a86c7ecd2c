//! Joins a file's rows to a market and computes what they add to it.

use crate::{
    bar_columns::{BASIS_ON, CLOSE, DISTRIBUTION, OPEN, PRICE_BASIS},
    compare::{self, BarsRun, Held, Verdict, held_columns},
    distribution::{distribution, distributions},
    merging::{Merging, Renamed},
    model_bounds,
    note::NoteCode,
    parsed_file::StagedRows,
    parser::Parsed,
    publish::{Publisher, Rhythm, rhythm},
    rename::{Histories, Renaming},
    report::PreparedFile,
    resolve::Resolver,
    resolved_rows::ResolvedRows,
    taken,
    tally::{RowOutcome, Tally},
    texts::Texts,
    whole,
};
use marketdata::{
    basis::{PriceBasis, Units},
    dataset::{Dataset, EVER, Kind, Publication},
    day::Day,
    facts::{Batch, FactTable},
    instant::Instant,
    instrument::{Instrument, InstrumentId, Naming},
    market::Market,
    snapshot::Snapshot,
    track::Rows,
};
use std::{ops::Range, sync::Arc};
use tables::refusal::{Fault, Reason, Refusal};

/// Joins a file to a market. The same file may be prepared again if the head has moved.
///
/// # Errors
/// [`Refusal::TooManyBadRows`] if more than 5 % of the rows are bad and the caller does not force
/// it.
pub fn prepare(parsed: &Parsed, market: &Arc<Market>) -> Result<PreparedFile, Refusal> {
    let parsed_file = &parsed.parsed_file;
    let revision = market.head().revision;
    let directory = market.directory();
    let mut work = Work {
        parsed,
        market,
        revision,
        publisher: Publisher::new(market, parsed.options.received_at),
        texts: Texts::new(parsed_file, market),
        tally: Tally::new(parsed),
    };
    let mut resolver = Resolver::new(market, parsed_file.names.list(), parsed_file.named_on);
    let stated_at = parsed.options.published_at;
    let staged = parsed_file.staged.iter();
    let resolved_rows: Vec<ResolvedRows<'_>> = staged
        .map(|staged| ResolvedRows::new(staged, &mut resolver, &mut work.publisher, stated_at))
        .collect();
    model_bounds::reject(&resolved_rows, market, parsed_file.names.list(), &mut work.tally);
    for resolved_rows in &resolved_rows {
        resolved_rows.reject_foreseen(&mut work.tally);
        resolved_rows.reject_contradictions(&mut work.tally);
        if resolved_rows.staged.dataset == Dataset::Identifiers {
            let known = (parsed_file.names.list(), parsed_file.texts.as_slice());
            taken::reject(resolved_rows, market, known, &mut work.tally);
        }
        if resolved_rows.staged.dataset == Dataset::VendorCovariances {
            whole::reject(resolved_rows, market, parsed_file.names.list(), &mut work.tally);
        }
        whole::reject_rest(resolved_rows, parsed_file.names.list(), &mut work.tally);
    }
    let mut tables: Vec<FactTable> =
        resolved_rows.iter().map(|resolved_rows| work.build(resolved_rows)).collect();
    tables.retain(|table| !table.is_empty());

    let (symbols, known) = (resolver.counted(), resolver.known());
    let mut used = vec![false; directory.next_id().0 as usize + symbols];
    for id in tables.iter().flat_map(|table| table.instrument.iter().chain(&table.other)) {
        used[id.0 as usize] = true;
    }
    let fresh = resolver.into_fresh(|id| used[id.0 as usize]);
    if !fresh.is_identity() {
        for id in tables.iter_mut().flat_map(|t| t.instrument.iter_mut().chain(&mut t.other)) {
            *id = fresh.number(*id);
        }
    }
    let (mut instruments, mut namings) = (fresh.instruments, fresh.namings);
    if !(parsed_file.renames.is_empty() && parsed_file.merges.is_empty()) {
        let (changed, merges) = work.change_names();
        (instruments, namings) = changed;
        tables.extend(Some(merges).filter(|merges| !merges.is_empty()));
    }
    let Work { texts, tally, .. } = work;
    let texts = texts.into_new();
    let batch = Batch { base_revision: revision, instruments, namings, texts, tables };
    Ok(PreparedFile { batch, report: tally.report(symbols, known)? })
}

/// State shared while the tables are built.
#[derive(Debug)]
struct Work<'a> {
    parsed: &'a Parsed,
    market: &'a Arc<Market>,
    revision: u64,
    publisher: Publisher<'a>,
    texts: Texts<'a>,
    tally: Tally<'a>,
}

impl Work<'_> {
    /// The facts that staged rows add.
    fn build(&mut self, resolved_rows: &ResolvedRows<'_>) -> FactTable {
        let staged = resolved_rows.staged;
        let mut table = FactTable::empty(staged.dataset);
        table.reserve(staged.len());
        if staged.dataset.descriptor().publication == Publication::AtClose {
            self.publisher.prepare_closes(&staged.day);
        }
        let mut rows: Vec<u32> = Vec::new();
        let mut start = 0;
        while start < staged.len() {
            let id = resolved_rows.ids[resolved_rows.row(start)];
            let mut end = start + 1;
            while end < staged.len() && resolved_rows.ids[resolved_rows.row(end)] == id {
                end += 1;
            }
            let held = self.market.track(staged.dataset, id);
            if held.is_none() && resolved_rows.order.is_none() && !self.tally.any_rejected() {
                self.add_run(resolved_rows, id, start..end, &mut table);
            } else {
                resolved_rows.standing(start..end, &mut self.tally, &mut rows);
                self.compare_run(resolved_rows, id, &rows, &mut table);
            }
            start = end;
        }
        table
    }

    /// Adds all rows of an instrument without stored facts.
    fn add_run(
        &mut self,
        resolved_rows: &ResolvedRows<'_>,
        id: InstrumentId,
        rows: Range<usize>,
        table: &mut FactTable,
    ) {
        let staged = resolved_rows.staged;
        let rhythm = self.rhythm(resolved_rows, rows.clone(), &Rows::none());
        table.instrument.resize(table.instrument.len() + rows.len(), id);
        table.other.extend(rows.clone().map(|row| resolved_rows.other(row)));
        table.effective_on.extend_from_slice(&staged.day[rows.clone()]);
        for row in rows.clone() {
            let published = self.first_publication(resolved_rows, row, rhythm);
            table.published_at.push(published);
            self.tally.stored(
                staged.line[row],
                RowOutcome::Accepted,
                staged.day[row],
                staged.day[row],
            );
        }
        let fields = staged.dataset.fields();
        for (at, column) in staged.columns.iter().enumerate() {
            let into = &mut table.columns[at];
            if let (Some(basis), DISTRIBUTION) = (staged.basis, at) {
                add_distributions(staged, basis, rows.clone(), into);
            } else if fields[at].is_text() {
                into.extend(column[rows.clone()].iter().map(|text| self.texts.give(*text)));
            } else {
                into.extend_from_slice(&column[rows.clone()]);
            }
        }
        if let Some(basis) = staged.basis {
            let [code, on] = basis.to_values();
            let length = table.instrument.len();
            table.columns[PRICE_BASIS].resize(length, code);
            table.columns[BASIS_ON].resize(length, on);
        }
    }

    /// Adds the rows of an instrument that contain something new.
    fn compare_run(
        &mut self,
        resolved_rows: &ResolvedRows<'_>,
        id: InstrumentId,
        rows: &[u32],
        table: &mut FactTable,
    ) {
        let staged = resolved_rows.staged;
        let market = Arc::clone(self.market);
        let track = market.track(staged.dataset, id);
        let held = track.map_or_else(Rows::none, |track| track.every(self.revision));
        let mut walk = Held::new(&held);
        let mut values = Vec::with_capacity(table.columns.len());
        let candidates: Vec<Option<usize>> = rows
            .iter()
            .map(|row| {
                let (_, day, other, stated_at) = resolved_rows.key(*row as usize);
                walk.find((day, other), stated_at)
            })
            .collect();
        let (verdicts, scale) = self.judge(resolved_rows, id, rows, &candidates, &held);
        let rhythm = self.rhythm(resolved_rows, rows.iter().map(|row| *row as usize), &held);
        for (at, row) in rows.iter().enumerate() {
            let row = *row as usize;
            let (line, day) = (staged.line[row], staged.day[row]);
            let verdict = match (verdicts[at], candidates[at]) {
                (Verdict::Known, Some(known))
                    if self.comes_earlier(resolved_rows, row, &held, known) =>
                {
                    Verdict::New
                }
                (verdict, _) => verdict,
            };
            let (published, outcome) = match verdict {
                Verdict::New => {
                    (self.first_publication(resolved_rows, row, rhythm), RowOutcome::Accepted)
                }
                Verdict::Corrects(old) => {
                    let held_at = held.published_at(old);
                    (self.correction(resolved_rows, row, held_at), RowOutcome::Corrected)
                }
                other => {
                    self.leave_out(line, other, day);
                    continue;
                }
            };
            let before = at.checked_sub(1).map(|before| rows[before] as usize);
            self.values(staged, row, before, scale, &mut values);
            if let Verdict::Corrects(old) = verdict {
                carry_over(staged.dataset, &held, old, &mut values);
            }
            table.push(id, resolved_rows.other(row), day, published, &values);
            self.tally.stored(line, outcome, day, day);
        }
        if scale.to_bits() != 1f64.to_bits() {
            let symbol = self.symbol(staged, rows.first().map(|row| *row as usize));
            self.tally.note(NoteCode::Restated, || format!("{symbol} by {scale:.6}"));
        }
    }

    /// Whether a value was public before the publication stored for it. This happens if a later
    /// file that repeats the value was ingested before the file of the value's own day.
    fn comes_earlier(
        &mut self,
        resolved_rows: &ResolvedRows<'_>,
        row: usize,
        held: &Rows<'_>,
        known: usize,
    ) -> bool {
        let dataset = resolved_rows.staged.dataset;
        if !dataset.descriptor().is_repeated_later || resolved_rows.stated_at(row).is_some() {
            return false;
        }
        let day = resolved_rows.staged.day[row];
        self.publisher.with(dataset, day) < compare::first_published(held, known)
    }

    fn leave_out(&mut self, line: u32, verdict: Verdict, day: Day) {
        match verdict {
            Verdict::UnknownSplit => {
                self.tally.reject(line, Fault::new(Reason::UnknownSplit, day.to_string()));
            }
            Verdict::NotComparable => {
                self.tally.note(NoteCode::NotComparable, || format!("line {line}, {day}"));
                self.tally.record(line, RowOutcome::Known);
            }
            Verdict::New | Verdict::Known | Verdict::Corrects(_) => {
                self.tally.record(line, RowOutcome::Known);
            }
        }
    }

    fn judge(
        &self,
        resolved_rows: &ResolvedRows<'_>,
        id: InstrumentId,
        rows: &[u32],
        candidates: &[Option<usize>],
        held: &Rows<'_>,
    ) -> (Vec<Verdict>, f64) {
        if candidates.iter().all(Option::is_none) {
            return (vec![Verdict::New; rows.len()], 1.0);
        }
        let staged = resolved_rows.staged;
        if let Some(basis) = staged.basis {
            let units = self.units(id);
            let columns = (0..held.width()).map(|column| held.column(column)).collect();
            return BarsRun { staged, rows, candidates, held, columns, basis, units: &units }
                .judge();
        }
        let fields = staged.dataset.fields();
        let verdicts = rows.iter().zip(candidates).map(|(row, candidate)| {
            compare::judge(held, *candidate, |column| {
                let value = staged.columns[column][*row as usize];
                if fields[column].is_text() { self.texts.known(value) } else { value }
            })
        });
        (verdicts.collect(), 1.0)
    }

    fn units(&self, id: InstrumentId) -> Units {
        match Snapshot::new(Arc::clone(self.market), Instant::MAX, self.revision) {
            Some(snapshot) => Units::of(&snapshot, snapshot.survivor(id)),
            None => Units::none(),
        }
    }

    /// How often a series has values, judged by the days in the file and the stored days.
    fn rhythm(
        &self,
        resolved_rows: &ResolvedRows<'_>,
        mut rows: impl Iterator<Item = usize> + Clone,
        held: &Rows<'_>,
    ) -> Rhythm {
        let staged = resolved_rows.staged;
        if staged.dataset.descriptor().publication != Publication::ByRhythm {
            return Rhythm::SameDay;
        }
        let mut days: Vec<Day> = rows.clone().map(|row| staged.day[row]).collect();
        days.extend((0..held.len()).map(|i| held.day(i)));
        days.sort_unstable();
        days.dedup();
        rhythm(&self.symbol(staged, rows.next()), &days)
    }

    fn symbol(&self, staged: &StagedRows, row: Option<usize>) -> String {
        let name = row.map(|row| staged.who[row].0 as usize);
        let names = self.parsed.parsed_file.names.list();
        name.and_then(|name| names.get(name)).map_or_else(String::new, |(_, s)| s.to_string())
    }

    fn first_publication(
        &mut self,
        resolved_rows: &ResolvedRows<'_>,
        row: usize,
        rhythm: Rhythm,
    ) -> Instant {
        let staged = resolved_rows.staged;
        if let Some(stated_at) = resolved_rows.stated_at(row) {
            return stated_at;
        }
        let day = staged.day[row];
        match staged.dataset.descriptor().publication {
            // The time of receipt does not matter: the file has no bar of a day that is not over.
            Publication::AtClose => return self.publisher.close(day),
            Publication::Ever => return EVER,
            Publication::AtValue(field) => {
                let column = staged.dataset.column(field);
                return Instant::from_micros(staged.columns[column][row] as i64);
            }
            Publication::ByRhythm
            | Publication::Sessions { .. }
            | Publication::HalfMonths { .. }
            | Publication::AtReceipt => {}
        }
        let (instant, estimated) =
            self.publisher.first(staged.dataset, resolved_rows.ids[row], day, rhythm);
        if estimated {
            self.tally.note(NoteCode::EstimatedPublication, || format!("{day} at {instant}"));
        }
        instant
    }

    /// The publication of a row that corrects one published at `held_at`.
    fn correction(
        &self,
        resolved_rows: &ResolvedRows<'_>,
        row: usize,
        held_at: Instant,
    ) -> Instant {
        if resolved_rows.staged.dataset.descriptor().publication == Publication::Ever {
            return EVER;
        }
        let received_at = || self.parsed.options.received_at.max(held_at);
        resolved_rows.restated_at(row, held_at).unwrap_or_else(received_at)
    }

    /// A row's values in the layout of the dataset's columns.
    fn values(
        &mut self,
        staged: &StagedRows,
        row: usize,
        before: Option<usize>,
        scale: f64,
        values: &mut Vec<f64>,
    ) {
        values.clear();
        values.extend(staged.columns.iter().map(|column| column[row]));
        if let Some(basis) = staged.basis {
            values.extend(basis.to_values());
            values[DISTRIBUTION] = match (basis, before) {
                (PriceBasis::TotalReturn { .. }, _) | (_, None) => f64::NAN,
                (_, Some(before)) => distribution(staged, before, row).0,
            };
            if scale.to_bits() != 1f64.to_bits() {
                values[OPEN..=CLOSE].iter_mut().for_each(|price| *price /= scale);
            }
            return;
        }
        for (value, field) in values.iter_mut().zip(staged.dataset.fields()) {
            if field.is_text() {
                *value = self.texts.give(*value);
            }
        }
    }

    /// Writes the names and merges of a file that is about them.
    fn change_names(&mut self) -> ((Vec<Instrument>, Vec<Naming>), FactTable) {
        let (market, options) = (Arc::clone(self.market), &self.parsed.options);
        let published = options.published_at.unwrap_or(options.received_at);
        let mut merging = Merging::new(&market, published);
        let parsed_file = &self.parsed.parsed_file;
        let outcomes = merging.apply(&parsed_file.merges);
        let evidence = Histories(Snapshot::new(Arc::clone(&market), Instant::MAX, self.revision));
        let mut renaming = Renaming::new(market.directory(), self.revision, merging, &evidence);
        let renamed = renaming.apply(&parsed_file.renames);
        let (mut instruments, mut namings, merging) = renaming.into_parts();
        for (line, outcome) in outcomes.into_iter().chain(renamed) {
            match outcome {
                Renamed::Known => self.tally.record(line, RowOutcome::Known),
                Renamed::Written => self.tally.record(line, RowOutcome::Accepted),
                Renamed::Refused(fault) => self.tally.reject(line, fault),
            }
        }
        for symbol in merging.unknown() {
            self.tally.note(NoteCode::UnknownInMerge, || {
                format!("nothing is known of {symbol} yet: is it spelled right?")
            });
        }
        let (created, named, table) = merging.into_parts();
        instruments.extend(created);
        namings.extend(named);
        ((instruments, namings), table)
    }
}

fn add_distributions(
    staged: &StagedRows,
    basis: PriceBasis,
    rows: Range<usize>,
    into: &mut Vec<f64>,
) {
    if let PriceBasis::TotalReturn { .. } = basis {
        // Total-return levels already include the distributions.
        into.resize(into.len() + rows.len(), f64::NAN);
    } else {
        distributions(staged, rows, into);
    }
}

/// Values that a correction does not give stay as they were, if the price basis is the same.
fn carry_over(dataset: Dataset, held: &Rows<'_>, row: usize, values: &mut [f64]) {
    let old = held_columns(held, row);
    let kinds = || dataset.fields().iter().map(|field| field.kind());
    let same_basis = kinds()
        .zip(old.iter().zip(&*values))
        .all(|(kind, (old, new))| !kind.is_of_file() || old.to_bits() == new.to_bits());
    for (kind, (value, old)) in kinds().zip(values.iter_mut().zip(&old)) {
        // A gross return is the same on every basis.
        if value.is_nan() && (same_basis || kind == Kind::GrossReturn) {
            *value = *old;
        }
    }
}
