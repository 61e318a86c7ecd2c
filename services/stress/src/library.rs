//! Named windows of the past: when something happened that a long/short book should be held against.
//!
//! Dates are sessions, both included; the first return is that from the close before the window.
//! What is known of an event without any data is its published index moves: only 2024-07-11 has
//! them, as the press printed them, rounded to a tenth of a per cent. Answers that rest on them say so.

use factors::roles::Role;
use marketdata::day::Day;
use risk::series::Series;

/// A window of the past with a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NamedWindow {
    /// Its id.
    pub scenario_id: &'static str,
    /// What happened.
    pub name: &'static str,
    /// First session, ISO.
    pub start_on: &'static str,
    /// Last session, ISO.
    pub end_on: &'static str,
    /// Where event and dates are described.
    pub source: &'static str,
    /// Published moves over the whole window; empty: none are kept.
    pub published: &'static [PublishedMove],
}

/// A move of an index as published, a decimal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PublishedMove {
    /// The index.
    pub role: Role,
    /// Its price return.
    pub size: f64,
}

impl PublishedMove {
    /// The series that moved.
    pub const fn series(&self) -> Series {
        Series::Role(self.role)
    }
}

impl NamedWindow {
    /// The first and the last session.
    pub fn days(&self) -> (Day, Day) {
        let day = |text: &str| Day::parse_iso(text);
        let both = day(self.start_on).zip(day(self.end_on));
        debug_assert!(both.is_some(), "invariant: days of the library are ISO dates");
        both.unwrap_or((Day::MAX, Day::MIN))
    }

    /// The window with an id.
    pub fn find(scenario_id: &str) -> Option<&'static NamedWindow> {
        LIBRARY.iter().find(|window| window.scenario_id == scenario_id)
    }
}

/// The day of the rotation, with its published moves.
pub const ROTATION_DAY: &str = "rotation_2024_07_11";

/// S&P 500, Nasdaq Composite, Dow and Russell 2000 on 2024-07-11.
const PUBLISHED_2024_07_11: &[PublishedMove] = &[
    PublishedMove { role: Role::LargeCapIndex, size: -0.009 },
    PublishedMove { role: Role::Nasdaq, size: -0.020 },
    PublishedMove { role: Role::Dow, size: 0.001 },
    PublishedMove { role: Role::SmallCapIndex, size: 0.036 },
];

const fn window(
    [scenario_id, name]: [&'static str; 2],
    [start_on, end_on]: [&'static str; 2],
    source: &'static str,
) -> NamedWindow {
    NamedWindow { scenario_id, name, start_on, end_on, source, published: &[] }
}

/// Every named window, oldest first.
pub const LIBRARY: &[NamedWindow] = &[
    window(
        ["crash_1987", "The crash of October 1987"],
        ["1987-10-19", "1987-10-19"],
        "Report of the Presidential Task Force on Market Mechanisms, January 1988",
    ),
    window(
        ["russia_ltcm_1998", "Russia's default and the flight from small companies"],
        ["1998-08-03", "1998-08-31"],
        "President's Working Group on Financial Markets, April 1999",
    ),
    window(
        ["technology_peak_2000", "The Nasdaq falls from its peak"],
        ["2000-03-27", "2000-04-14"],
        "Press of 2000-04-15: the Nasdaq's largest week of losses",
    ),
    window(
        ["surprise_cut_2001", "A surprise cut, and the losers of 2000 recover"],
        ["2001-01-03", "2001-01-31"],
        "Federal Reserve, statement of 2001-01-03",
    ),
    window(
        ["quant_quake_2007", "Quantitative long/short books are unwound, and recover"],
        ["2007-08-07", "2007-08-10"],
        "Khandani and Lo, What happened to the quants in August 2007?",
    ),
    window(
        ["short_ban_2008", "Short sales of financial shares are banned"],
        ["2008-09-19", "2008-09-19"],
        "SEC release 34-58592 of 2008-09-18",
    ),
    window(
        ["momentum_crash_2009", "Past losers rebound from the low of March 2009"],
        ["2009-03-10", "2009-05-29"],
        "Daniel and Moskowitz, Momentum crashes, 2016",
    ),
    window(
        ["flash_crash_2010", "The flash crash, from close to close"],
        ["2010-05-06", "2010-05-06"],
        "CFTC and SEC, findings of 2010-09-30",
    ),
    window(
        ["election_2016", "Small caps rise after the election"],
        ["2016-11-09", "2016-11-09"],
        "Press of 2016-11-10",
    ),
    window(
        ["short_volatility_2018", "Products short of volatility fail"],
        ["2018-02-05", "2018-02-05"],
        "Press of 2018-02-06",
    ),
    window(
        ["covid_2020", "The worst week of March 2020"],
        ["2020-03-16", "2020-03-20"],
        "Press of 2020-03-21",
    ),
    window(
        ["vaccine_rotation_2020", "Vaccine news turns the market to small and cyclical shares"],
        ["2020-11-09", "2020-11-09"],
        "Press of 2020-11-10",
    ),
    window(
        ["meme_squeeze_2021", "The most shorted shares are squeezed"],
        ["2021-01-25", "2021-01-29"],
        "SEC staff report of 2021-10-14",
    ),
    window(
        ["growth_selloff_2022", "Yields rise and growth shares fall"],
        ["2022-01-03", "2022-01-31"],
        "Press of 2022-02-01",
    ),
    window(
        ["summer_rally_2022", "The most shorted shares rally"],
        ["2022-07-01", "2022-08-31"],
        "Press of August 2022",
    ),
    window(
        ["january_rally_2023", "The losers of 2022 rally"],
        ["2023-01-03", "2023-01-31"],
        "Press of 2023-02-01",
    ),
    window(
        ["regional_banks_2023", "Regional banks fail"],
        ["2023-03-08", "2023-03-31"],
        "FDIC, statements of March 2023",
    ),
    window(
        ["rotation_2024_07", "From megacaps to small caps, a week"],
        ["2024-07-10", "2024-07-17"],
        "Press of 2024-07-12 to 2024-07-18",
    ),
    NamedWindow {
        published: PUBLISHED_2024_07_11,
        ..window(
            [ROTATION_DAY, "A cool print of CPI turns the market over"],
            ["2024-07-11", "2024-07-11"],
            "Press of 2024-07-12; published index moves, rounded to a tenth of a per cent",
        )
    },
    window(
        ["carry_unwind_2024", "Carry trades in yen are unwound"],
        ["2024-08-05", "2024-08-05"],
        "Bank for International Settlements, Bulletin 90, August 2024",
    ),
    window(
        ["election_2024", "Small caps rise after the election"],
        ["2024-11-06", "2024-11-06"],
        "Press of 2024-11-07",
    ),
    window(
        ["tariffs_2025", "Tariffs are announced, and suspended"],
        ["2025-04-03", "2025-04-09"],
        "Press of 2025-04-03 to 2025-04-10",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::calendar;
    use std::collections::BTreeSet;

    #[test]
    fn windows_begin_and_end_with_sessions_and_have_ids_of_their_own() {
        let mut ids = BTreeSet::new();
        let mut before = Day::MIN;
        for window in LIBRARY {
            let (start, end) = window.days();
            assert!(before <= start && start <= end, "{}", window.scenario_id);
            before = start;
            assert!(calendar::is_session(start), "{}", window.scenario_id);
            assert!(calendar::is_session(end), "{}", window.scenario_id);
            assert!(ids.insert(window.scenario_id), "{} twice", window.scenario_id);
        }
        assert_eq!(NamedWindow::find(ROTATION_DAY).unwrap().published.len(), 4);
    }
}
