//! The sector of a listed line, from its listing or from the holdings of a fund.

use marketdata::{
    dataset::{Dataset, Field},
    instrument::InstrumentId,
    snapshot::Snapshot,
};

/// The text id of the sector in the latest listing, else in the latest holding of a fund.
pub fn sector(snapshot: &Snapshot, instrument: InstrumentId) -> Option<f64> {
    [Dataset::Listings, Dataset::Holdings].into_iter().find_map(|dataset| {
        let rows = snapshot.rows(dataset, instrument);
        let column = dataset.column(Field::Sector);
        let named = |row: usize| {
            let id = rows.value(row, column)?;
            // Sources write a dash or nothing if there is no sector.
            let is_name = |text: &str| text.chars().any(char::is_alphanumeric);
            snapshot.text(id).is_some_and(is_name).then_some(id)
        };
        let last = (0..rows.len()).rev().find(|row| named(*row).is_some())?;
        // If several funds describe the same day, the first one by name is used.
        let same_day = (0..=last).rev().take_while(|row| rows.day(*row) == rows.day(last));
        let fund = |row: usize| snapshot.symbol(rows.other(row));
        same_day
            .filter_map(|row| Some((fund(row), named(row)?)))
            .min_by(|a, b| a.0.cmp(b.0))
            .map(|(_, id)| id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };

    const ON: &str = "2021-01-29";

    #[test]
    fn of_two_funds_on_one_day_the_first_by_name_gives_the_sector() {
        for funds in [["IWM", "IJR"], ["IJR", "IWM"]] {
            let mut fixture = Fixture::new();
            for fund in funds {
                let text = fixture.text(&format!("as {fund} says"));
                let key =
                    (fixture.id(Namespace::Listed, "GME"), fixture.id(Namespace::Listed, fund));
                let known = Instant::close_of(day(ON));
                let sector = [(Field::Sector, text)];
                fixture.fact(Dataset::Holdings, key, day(ON), known, &sector);
            }
            fixture.commit();
            let snapshot = fixture.snapshot(Instant::close_of(day(ON)));
            let id = sector(&snapshot, snapshot.listed("GME").unwrap()).unwrap();
            assert_eq!(snapshot.text(id), Some("as IJR says"));
        }
    }
}
