//! The identifiers of a listed line, day by day, from the security master.
//!
//! What a row states of a field (its ISIN, its market) holds from the row's effective day until the
//! next row of the line that states the field, or until the row's own end day if that comes first.
//! A row that states no end day (an undated list of one day) ends at the next day on which another
//! row of the line ends, because a list says nothing about later days. A row that ends on the day
//! it begins holds on no day: so a row is withdrawn.
//!
//! Rows are bounded by revision and not by publication: what a line is called is not news.

use crate::{
    dataset::{Dataset, EARLIEST, Field},
    day::Day,
    instrument::InstrumentId,
    snapshot::Snapshot,
    track::Rows,
};

/// The end day of a row without one, 9999-12-31, as security masters write it.
pub const OPEN: Day = Day::from_epoch(2_932_896);

/// What the security master says of one field of a line on the days `from ≤ day < until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity<'a> {
    /// A text field of [`Dataset::Identifiers`].
    pub field: Field,
    /// Its text.
    pub text: &'a str,
    /// First day; `Day::MIN` if the row begins before all markets.
    pub from: Day,
    /// End day, exclusive; `Day::MAX` if there is none.
    pub until: Day,
}

impl Identity<'_> {
    /// Whether it holds on a day.
    pub fn holds_on(&self, day: Day) -> bool {
        self.from <= day && day < self.until
    }
}

/// The days of one row: its first day, and its end day if the row states one.
pub type StatedDays = (Day, Option<Day>);

/// The end days, exclusive, of what the rows of one line state of one field. The rows are in the
/// order of their first days; `states` says by position whether a row states the field. A withdrawn
/// row ends on its first day and bounds no other row.
pub fn ends(rows: &[StatedDays], states: impl Fn(usize) -> bool) -> Vec<Day> {
    let stands = |(from, until): &StatedDays| until.is_none_or(|until| *from < until);
    let mut stated: Vec<Day> =
        rows.iter().filter(|row| stands(row)).filter_map(|row| row.1).collect();
    stated.sort_unstable();
    let stated_after = |from: Day| stated.get(stated.partition_point(|end| *end <= from)).copied();
    let mut next = OPEN;
    let mut ends = vec![OPEN; rows.len()];
    for (at, row) in rows.iter().enumerate().rev() {
        let (from, until) = *row;
        ends[at] = next.min(until.or_else(|| stated_after(from)).unwrap_or(OPEN));
        if stands(row) && states(at) {
            next = from;
        }
    }
    ends
}

impl Snapshot {
    /// What the security master says of a line at this revision: field by field in stored order,
    /// oldest first, without overlaps. Adjacent intervals of one text are one.
    pub fn identities(&self, instrument: InstrumentId) -> Vec<Identity<'_>> {
        let rows = self.rows(Dataset::Identifiers, instrument);
        let days: Vec<StatedDays> = (0..rows.len()).map(|row| stated_days(&rows, row)).collect();
        let mut found: Vec<Identity<'_>> = Vec::new();
        for field in Dataset::Identifiers.fields().iter().copied().filter(|field| field.is_text()) {
            let column = Dataset::Identifiers.column(field);
            let text = |row| self.text(rows.value(row, column)?);
            let ends = ends(&days, |row| text(row).is_some());
            for (row, until) in ends.into_iter().enumerate() {
                let from = days[row].0;
                let Some(text) = text(row).filter(|_| from < until) else { continue };
                let from = if from == EARLIEST { Day::MIN } else { from };
                let until = if until == OPEN { Day::MAX } else { until };
                match found.last_mut() {
                    Some(last) if (last.field, last.text, last.until) == (field, text, from) => {
                        last.until = until;
                    }
                    _ => found.push(Identity { field, text, from, until }),
                }
            }
        }
        found
    }
}

/// The first day of a row, and its end day if it states one.
pub fn stated_days(rows: &Rows<'_>, row: usize) -> StatedDays {
    let until = rows.value(row, Dataset::Identifiers.column(Field::UntilOn));
    (rows.day(row), until.map(|until| Day::from_epoch(until as i32)))
}

#[cfg(all(test, feature = "fixture"))]
mod tests {
    use super::*;
    use crate::{
        dataset::EVER,
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    /// Adds a row of ISINs: first day, end day, ISIN.
    fn row(fixture: &mut Fixture, from: &str, until: Option<Day>, isin: &str) {
        let key = (fixture.id(Namespace::Listed, "AAA"), InstrumentId::NONE);
        let mut values = vec![(Field::Isin, fixture.text(isin))];
        values.extend(until.map(|until| (Field::UntilOn, f64::from(until.epoch()))));
        fixture.fact(Dataset::Identifiers, key, day(from), EVER, &values);
    }

    fn found(fixture: &mut Fixture, revision: u64) -> Vec<String> {
        let id = fixture.id(Namespace::Listed, "AAA");
        let at = Instant::close_of(day("1950-01-03"));
        let snapshot = Snapshot::new(fixture.market(), at, revision);
        let text = |identity: &Identity<'_>| {
            let end = |day: Day, open: Day| match day == open {
                true => "..".to_owned(),
                false => day.to_string(),
            };
            let (from, until) = (end(identity.from, Day::MIN), end(identity.until, Day::MAX));
            format!("{} {from} {until}", identity.text)
        };
        let identities = snapshot.iter().flat_map(|snapshot| snapshot.identities(id));
        identities.map(|identity| text(&identity)).collect()
    }

    #[test]
    fn a_row_holds_until_the_next_one_and_older_revisions_stay() {
        let mut fixture = Fixture::new();
        row(&mut fixture, "1900-01-01", Some(OPEN), "OLD");
        fixture.commit();
        row(&mut fixture, "2020-06-01", Some(OPEN), "NEW");
        fixture.commit();
        // Withdraws the change.
        row(&mut fixture, "2020-06-01", Some(day("2020-06-01")), "NEW");
        fixture.commit();
        // Names are not news: all of it is visible as of 1950.
        assert_eq!(found(&mut fixture, 1), ["OLD .. .."]);
        assert_eq!(found(&mut fixture, 2), ["OLD .. 2020-06-01", "NEW 2020-06-01 .."]);
        assert_eq!(found(&mut fixture, 3), ["OLD .. .."]);
    }

    #[test]
    fn an_undated_list_does_not_outlive_a_stated_end() {
        let mut fixture = Fixture::new();
        row(&mut fixture, "2024-07-12", None, "ONE");
        fixture.commit();
        row(&mut fixture, "1980-12-12", Some(day("2027-03-01")), "ONE");
        fixture.commit();
        assert_eq!(found(&mut fixture, 1), ["ONE 2024-07-12 .."]);
        assert_eq!(found(&mut fixture, 2), ["ONE 1980-12-12 2027-03-01"]);
    }
}
