//! Real files: the equities of 2020 and 2021 with three index funds; included by path beside
//! `real_equities`.

use crate::real_equities::{World, rows};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
};
use std::path::Path;

/// The funds.
pub(crate) const FUNDS: [&str; 3] = ["SPY", "IWM", "QQQ"];

/// The equities, and the funds from 2017 on.
pub(crate) fn world(folder: &Path) -> World {
    let mut world = World::of(folder);
    for symbol in FUNDS {
        let file = format!("prices/etf_ohlcv/{symbol}.csv.gz");
        for row in rows(folder, &file, &["Date", "Close", "Volume"]) {
            let on = Day::parse_iso(&row[0]).expect("a date");
            if Day::from_ymd(2017, 1, 1).unwrap() <= on {
                let key = (world.fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
                let number = |cell: &str| cell.parse::<f64>().expect("a number");
                let bar = [(Field::Close, number(&row[1])), (Field::Volume, number(&row[2]))];
                world.fixture.fact(Dataset::Bars, key, on, Instant::close_of(on), &bar);
            }
        }
    }
    world.fixture.commit();
    world
}
