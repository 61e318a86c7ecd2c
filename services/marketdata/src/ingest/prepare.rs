//! Joins a file's rows to a market and says what they add to it.

use super::{
    Note, NoteCode, Parsed, Prepared, Report,
    compare::{self, BarsRun, Held, Verdict, held_columns},
    distribution::distribution,
    publish::{Publisher, Rhythm, rhythm},
    resolve::Resolver,
};
use crate::{
    basis::{PriceBasis, Units},
    dataset::{Dataset, Field},
    day::Day,
    facts::{Batch, FactTable},
    instant::Instant,
    instrument::InstrumentId,
    market::Market,
    snapshot::Snapshot,
    source::{
        refusal::{Fault, Reason, Refusal, Rejection},
        sheet::{Draft, Notes, Sheet},
    },
    track::Rows,
};
use std::{collections::BTreeMap, sync::Arc};

/// What became of a line, the weightier winning where a line makes several facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Nothing,
    Known,
    Corrected,
    Accepted,
    Rejected,
}

/// Joins a file to a market. The same file may be prepared again where the head has moved.
///
/// # Errors
/// [`Refusal::TooManyBadRows`] where more than 5 % of the rows are bad and the caller does not force it.
pub fn prepare(parsed: &Parsed, market: &Arc<Market>) -> Result<Prepared, Refusal> {
    let mut work = Work::new(parsed, market);
    let mut resolver = Resolver::new(
        market.directory(),
        work.revision,
        parsed.sheet.names.list(),
        parsed.sheet.named_on,
    );
    let joined: Vec<Joined<'_>> =
        parsed.sheet.drafts.iter().map(|draft| Joined::new(draft, &mut resolver)).collect();
    for joined in &joined {
        work.find_duplicates(joined);
    }
    let mut tables = Vec::new();
    for joined in &joined {
        let table = work.build(joined);
        if !table.is_empty() {
            tables.push(table);
        }
    }
    let symbols = resolver.counted();
    let known = resolver.known();
    let mut used = vec![false; market.directory().next_id().0 as usize + symbols];
    for id in tables.iter().flat_map(|table| table.instrument.iter().chain(&table.other)) {
        if let Some(used) = used.get_mut(id.0 as usize) {
            *used = true;
        }
    }
    let fresh = resolver.into_fresh(|id| used.get(id.0 as usize).copied().unwrap_or(false));
    if !fresh.is_identity() {
        for id in tables.iter_mut().flat_map(|t| t.instrument.iter_mut().chain(&mut t.other)) {
            *id = fresh.number(*id);
        }
    }
    let mut batch = Batch {
        base_revision: work.revision,
        instruments: fresh.instruments,
        namings: fresh.namings,
        texts: std::mem::take(&mut work.texts.new),
        tables,
    };
    work.rename(&mut batch);
    let report = work.report(symbols as u64, (symbols - known) as u64)?;
    Ok(Prepared { batch, report })
}

/// A draft joined to instruments, in the order of its keys.
#[derive(Debug)]
struct Joined<'a> {
    draft: &'a Draft,
    ids: Vec<InstrumentId>,
    others: Vec<InstrumentId>,
    /// Row numbers in the order of instrument, day, other and publication.
    order: Vec<u32>,
}

impl<'a> Joined<'a> {
    fn new(draft: &'a Draft, resolver: &mut Resolver<'_>) -> Joined<'a> {
        let last_day = |name| {
            let days = draft.who.iter().zip(&draft.day).filter(|(who, _)| **who == name);
            days.map(|(_, day)| *day).max().unwrap_or(Day::MIN)
        };
        let mut ids = Vec::with_capacity(draft.len());
        let mut others = Vec::with_capacity(draft.len());
        for ((who, other), day) in draft.who.iter().zip(&draft.other).zip(&draft.day) {
            ids.push(resolver.resolve(*who, *day, || last_day(*who)));
            others.push(resolver.resolve(*other, *day, || *day));
        }
        let mut joined = Joined { draft, ids, others, order: (0..draft.len() as u32).collect() };
        if !(1..draft.len()).all(|row| joined.key(row - 1) <= joined.key(row)) {
            let mut order = std::mem::take(&mut joined.order);
            order.sort_by_key(|row| joined.key(*row as usize));
            joined.order = order;
        }
        joined
    }

    fn key(&self, row: usize) -> (InstrumentId, Day, InstrumentId, Option<Instant>) {
        (self.ids[row], self.draft.day[row], self.others[row], self.stated(row))
    }

    /// The row's own word on its publication.
    fn stated(&self, row: usize) -> Option<Instant> {
        self.draft.published.get(row).copied().flatten()
    }

    fn same_values(&self, a: usize, b: usize) -> bool {
        self.draft.columns.iter().all(|column| column[a].to_bits() == column[b].to_bits())
    }
}

/// The texts a batch refers to.
#[derive(Debug)]
struct Texts<'a> {
    local: &'a [String],
    known: BTreeMap<&'a str, usize>,
    first_new: usize,
    new: Vec<String>,
    given: Vec<Option<usize>>,
}

impl<'a> Texts<'a> {
    fn new(sheet: &'a Sheet, market: &'a Market) -> Texts<'a> {
        let known = if sheet.texts.is_empty() {
            BTreeMap::new()
        } else {
            // The first of equal texts counts.
            market.texts().iter().enumerate().rev().map(|(id, text)| (text.as_str(), id)).collect()
        };
        Texts {
            local: &sheet.texts,
            first_new: market.text_count(),
            new: Vec::new(),
            given: sheet.texts.iter().map(|text| known.get(text.as_str()).copied()).collect(),
            known,
        }
    }

    /// The market's id of a local text; −1, which nothing held equals, where it has none yet.
    fn known(&self, local: f64) -> f64 {
        if local.is_nan() {
            return local;
        }
        self.given.get(local as usize).copied().flatten().map_or(-1.0, |id| id as f64)
    }

    /// The id of a local text in the batch.
    fn give(&mut self, local: f64) -> f64 {
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
}

/// What is kept in mind while the tables are made.
#[derive(Debug)]
struct Work<'a> {
    parsed: &'a Parsed,
    market: &'a Arc<Market>,
    revision: u64,
    publisher: Publisher<'a>,
    texts: Texts<'a>,
    fates: Vec<Fate>,
    rejected: u64,
    rejections: Vec<Rejection>,
    notes: Notes,
    days: Option<(Day, Day)>,
}

impl<'a> Work<'a> {
    fn new(parsed: &'a Parsed, market: &'a Arc<Market>) -> Work<'a> {
        let sheet = &parsed.sheet;
        Work {
            parsed,
            market,
            revision: market.head().revision,
            publisher: Publisher::new(market, parsed.options.received_at),
            texts: Texts::new(sheet, market),
            fates: vec![Fate::Nothing; parsed.lines as usize + 1],
            rejected: sheet.rejected,
            rejections: sheet.rejections.clone(),
            notes: sheet.notes.clone(),
            days: None,
        }
    }

    fn fate(&mut self, line: u32, fate: Fate) {
        if let Some(slot) = self.fates.get_mut(line as usize) {
            *slot = (*slot).max(fate);
        }
    }

    fn is_rejected(&self, line: u32) -> bool {
        self.fates.get(line as usize) == Some(&Fate::Rejected)
    }

    fn reject(&mut self, line: u32, fault: Fault) {
        if self.is_rejected(line) {
            return;
        }
        self.fate(line, Fate::Rejected);
        self.rejected += 1;
        if self.rejections.len() < self.parsed.limits.rejections.max(1) {
            let Fault { reason, text } = fault;
            self.rejections.push(Rejection { line: line.into(), reason, text });
        }
    }

    /// Rejects rows that contradict each other.
    fn find_duplicates(&mut self, joined: &Joined<'_>) {
        let lines = &joined.draft.line;
        for pair in joined.order.windows(2) {
            let (a, b) = (pair[0] as usize, pair[1] as usize);
            if joined.key(a) == joined.key(b) && !joined.same_values(a, b) {
                let fault = |other: u32| {
                    let text = format!("{}, line {other}", joined.draft.day[a]);
                    Fault::new(Reason::ConflictingDuplicate, text)
                };
                self.reject(lines[a], fault(lines[b]));
                self.reject(lines[b], fault(lines[a]));
            }
        }
    }

    /// The facts a draft adds.
    fn build(&mut self, joined: &Joined<'_>) -> FactTable {
        let mut table = FactTable::empty(joined.draft.dataset);
        table.reserve(joined.draft.len());
        if joined.draft.dataset == Dataset::Bars {
            self.publisher.prepare_closes(&joined.draft.day);
        }
        let mut rows: Vec<u32> = Vec::new();
        let mut start = 0;
        while start < joined.order.len() {
            let id = joined.ids[joined.order[start] as usize];
            let run = joined.order[start..].iter();
            let len = run.take_while(|row| joined.ids[**row as usize] == id).count();
            rows.clear();
            for row in &joined.order[start..start + len] {
                let line = joined.draft.line[*row as usize];
                if self.is_rejected(line) {
                    continue;
                }
                let twin = rows.last().is_some_and(|last: &u32| {
                    joined.key(*last as usize) == joined.key(*row as usize)
                });
                if twin { self.fate(line, Fate::Known) } else { rows.push(*row) }
            }
            self.build_run(joined, id, &rows, &mut table);
            start += len;
        }
        table
    }

    /// The facts of one instrument.
    fn build_run(
        &mut self,
        joined: &Joined<'_>,
        id: InstrumentId,
        rows: &[u32],
        table: &mut FactTable,
    ) {
        let dataset = joined.draft.dataset;
        let market = Arc::clone(self.market);
        let track = market.track(dataset, id);
        let held = track.map_or_else(Rows::none, |track| track.every(self.revision));
        let mut walk = Held::new(&held);
        let word = |row: usize| joined.stated(row).or(self.parsed.options.published_at);
        let candidates: Vec<Option<usize>> = if held.is_empty() {
            vec![None; rows.len()]
        } else {
            let keys = rows.iter().map(|row| *row as usize);
            keys.map(|row| walk.find((joined.draft.day[row], joined.others[row]), word(row)))
                .collect()
        };
        let (verdicts, scale) = self.judge(joined, id, rows, &candidates, &held);
        let rhythm = match dataset {
            Dataset::Series => self.rhythm(joined, rows, &held),
            _ => Rhythm::SameDay,
        };
        for (at, row) in rows.iter().enumerate() {
            let row = *row as usize;
            let line = joined.draft.line[row];
            let published = match verdicts[at] {
                Verdict::New => self.first_publication(joined, id, row, rhythm),
                Verdict::Corrects(held_row) => word(row).unwrap_or_else(|| {
                    self.parsed.options.received_at.max(held.published_at(held_row))
                }),
                other => {
                    self.leave_out(line, other, joined.draft.day[row]);
                    continue;
                }
            };
            let before = at.checked_sub(1).map(|before| rows[before] as usize);
            let mut values = [f64::NAN; WIDEST];
            self.values(joined, row, before, scale, &mut values);
            if let Verdict::Corrects(held_row) = verdicts[at] {
                carry_over(dataset, &held, held_row, &mut values);
                self.fate(line, Fate::Corrected);
            } else {
                self.fate(line, Fate::Accepted);
            }
            let day = joined.draft.day[row];
            let (first, last) = self.days.unwrap_or((day, day));
            self.days = Some((first.min(day), last.max(day)));
            let width = table.columns.len();
            table.push(id, joined.others[row], day, published, &values[..width]);
        }
        if scale.to_bits() != 1f64.to_bits() {
            let symbol = self.symbol(joined, rows);
            self.notes.add(NoteCode::Restated, || format!("{symbol} by {scale:.6}"));
        }
    }

    fn leave_out(&mut self, line: u32, verdict: Verdict, day: Day) {
        match verdict {
            Verdict::UnknownSplit => {
                self.reject(line, Fault::new(Reason::UnknownSplit, day.to_string()));
            }
            Verdict::NotComparable => {
                self.notes.add(NoteCode::NotComparable, || format!("line {line}, {day}"));
                self.fate(line, Fate::Known);
            }
            Verdict::New | Verdict::Known | Verdict::Corrects(_) => self.fate(line, Fate::Known),
        }
    }

    fn judge(
        &self,
        joined: &Joined<'_>,
        id: InstrumentId,
        rows: &[u32],
        candidates: &[Option<usize>],
        held: &Rows<'_>,
    ) -> (Vec<Verdict>, f64) {
        if candidates.iter().all(Option::is_none) {
            return (vec![Verdict::New; rows.len()], 1.0);
        }
        let draft = joined.draft;
        if let (Dataset::Bars, Some(basis)) = (draft.dataset, self.parsed.sheet.basis) {
            let units = self.units(id);
            return BarsRun { draft, rows, candidates, held, basis, units: &units }.judge();
        }
        let fields = draft.dataset.fields();
        let verdicts = rows.iter().zip(candidates).map(|(row, candidate)| {
            compare::judge(held, *candidate, |column| {
                let value = draft.columns[column][*row as usize];
                if fields[column].is_text() { self.texts.known(value) } else { value }
            })
        });
        (verdicts.collect(), 1.0)
    }

    fn units(&self, id: InstrumentId) -> Units {
        match Snapshot::new(Arc::clone(self.market), Instant::MAX, self.revision) {
            Some(snapshot) => Units::of(&snapshot, id),
            None => Units::none(),
        }
    }

    fn rhythm(&self, joined: &Joined<'_>, rows: &[u32], held: &Rows<'_>) -> Rhythm {
        let mut days: Vec<Day> = rows.iter().map(|row| joined.draft.day[*row as usize]).collect();
        days.extend((0..held.len()).map(|i| held.day(i)));
        days.sort_unstable();
        days.dedup();
        rhythm(&self.symbol(joined, rows), &days)
    }

    fn symbol(&self, joined: &Joined<'_>, rows: &[u32]) -> String {
        let name = rows.first().map(|row| joined.draft.who[*row as usize].0 as usize);
        let names = self.parsed.sheet.names.list();
        name.and_then(|name| names.get(name)).map_or_else(String::new, |(_, s)| s.to_string())
    }

    fn first_publication(
        &mut self,
        joined: &Joined<'_>,
        id: InstrumentId,
        row: usize,
        rhythm: Rhythm,
    ) -> Instant {
        let draft = joined.draft;
        if let Some(word) = joined.stated(row).or(self.parsed.options.published_at) {
            return word;
        }
        if draft.dataset == Dataset::Bars {
            return self.publisher.close(draft.day[row]);
        }
        let (instant, estimated) = self.publisher.first(draft.dataset, id, draft.day[row], rhythm);
        if estimated {
            let day = draft.day[row];
            self.notes.add(NoteCode::EstimatedPublication, || format!("{day} at {instant}"));
        }
        instant
    }

    /// A row's values as the dataset's columns hold them.
    fn values(
        &mut self,
        joined: &Joined<'_>,
        row: usize,
        before: Option<usize>,
        scale: f64,
        values: &mut [f64; WIDEST],
    ) {
        let draft = joined.draft;
        for (value, column) in values.iter_mut().zip(&draft.columns) {
            *value = column[row];
        }
        if let (Dataset::Bars, Some(basis)) = (draft.dataset, self.parsed.sheet.basis) {
            [values[PRICE_BASIS], values[BASIS_ON]] = basis.to_values();
            values[DISTRIBUTION] = match (basis, before) {
                // The levels hold the distributions already.
                (PriceBasis::TotalReturn { .. }, _) | (_, None) => f64::NAN,
                (_, Some(before)) => distribution(draft, before, row).0,
            };
            if scale.to_bits() != 1f64.to_bits() {
                values[..4].iter_mut().for_each(|price| *price /= scale);
            }
            return;
        }
        for (value, field) in values.iter_mut().zip(draft.dataset.fields()) {
            if field.is_text() {
                *value = self.texts.give(*value);
            }
        }
    }

    /// Counts the fates.
    ///
    /// # Errors
    /// More than 5 % of the rows are bad.
    fn report(mut self, symbols: u64, symbols_new: u64) -> Result<Report, Refusal> {
        let sheet = &self.parsed.sheet;
        let count =
            |fate: Fate| self.fates.iter().filter(|candidate| **candidate == fate).count() as u64;
        self.rejections.sort();
        let (rows, rejected) = (sheet.rows, self.rejected);
        if let Some(first) = self.rejections.first()
            && rows < rejected * 20
            && !self.parsed.options.force
        {
            return Err(Refusal::TooManyBadRows { rejected, rows, first: first.clone() });
        }
        let notes: Vec<Note> = self.notes.list();
        Ok(Report {
            kind: self.parsed.kind,
            rows,
            accepted: count(Fate::Accepted),
            already_known: count(Fate::Known),
            corrected: count(Fate::Corrected),
            skipped: sheet.skipped,
            rejected,
            rejections: self.rejections,
            notes,
            symbols,
            symbols_new,
            days: self.days,
        })
    }
}

/// Columns of the widest dataset.
const WIDEST: usize = 8;
const DISTRIBUTION: usize = 5;
const PRICE_BASIS: usize = 6;
const BASIS_ON: usize = 7;

/// What a correction does not say stays as it was, on one basis of prices.
fn carry_over(dataset: Dataset, held: &Rows<'_>, row: usize, values: &mut [f64; WIDEST]) {
    let old = held_columns(held, row);
    let same_basis = dataset != Dataset::Bars
        || (PRICE_BASIS..=BASIS_ON).all(|c| old[c].to_bits() == values[c].to_bits());
    for (column, old) in old.iter().enumerate() {
        if values[column].is_nan() && (same_basis || column == DISTRIBUTION) {
            values[column] = *old;
        }
    }
}

const _: () = {
    // The fast paths above know these places; a change of the dataset must change them.
    let fields = Dataset::Bars.fields();
    assert!(matches!(fields[DISTRIBUTION], Field::Distribution));
    assert!(matches!(fields[PRICE_BASIS], Field::PriceBasis));
    assert!(matches!(fields[BASIS_ON], Field::BasisOn));
    assert!(fields.len() <= WIDEST);
};

mod names {
    //! Changes of names.
    use super::{Batch, Work};

    impl Work<'_> {
        /// Writes the names that the file changes.
        pub(super) fn rename(&mut self, _batch: &mut Batch) {}
    }
}
