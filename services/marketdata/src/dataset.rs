//! The closed list of datasets, each with one descriptor: every fact is one row of one of them.
//!
//! Readers, publication, the store, coverage and exports read the descriptor. What holds for some
//! datasets and not for others is said here and nowhere else.

mod field;

pub use field::{Field, Kind};

use crate::day::Day;
use Field::*;

/// The series id under which the publication times of short interest are stored.
pub const SHORT_INTEREST: &str = "SHORT_INTEREST";

/// First day that anything but a series may describe: 1900-01-01.
const EARLIEST: Day = Day::from_epoch(-25_567);
/// First day of a series, 1800-01-01: some of FRED's begin in 1854.
const EARLIEST_SERIES: Day = Day::from_epoch(-62_091);

/// All that is known about a dataset.
#[derive(Debug)]
pub struct Descriptor {
    /// The name in exports, messages and the contract's enum.
    pub name: &'static str,
    /// What its facts are about.
    pub about: About,
    /// The columns, in stored order. Those of a whole file ([`Kind::is_of_file`]) come last.
    pub fields: &'static [Field],
    /// Columns that few requests read: the store keeps them packed until one does.
    pub rarely_read: &'static [Field],
    /// When the first value of a day was published, where neither its row, nor the caller, nor a
    /// schedule says.
    pub publication: Publication,
    /// Which stored schedule says when a day's value was published.
    pub schedule: Schedule,
    /// First day that a row may describe.
    pub earliest: Day,
    /// Whether rows may be published before the day they describe.
    pub is_announced: bool,
    /// Whether later files repeat a day's rows, so that the file of the day itself, coming in last,
    /// shows that they were public before.
    pub is_repeated_later: bool,
    /// Whether its sources separate the class of a share (`BRK.B`). An instrument known as `BRKB` is
    /// taken for `BRK.B` as long as no such dataset has facts about it.
    pub separates_classes: bool,
    /// What two different rows of one file with one key are.
    pub same_key: SameKey,
}

/// What the facts of a dataset are about: their instrument, and the other one where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A listed line.
    Line,
    /// A series, or a schedule of publications.
    Series,
    /// A listed line, and an index it belongs to.
    LineInIndex,
    /// A listed line, and a fund that holds it.
    LineInFund,
}

/// When the first value of a day is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publication {
    /// At the close of the day, 16:00 New York.
    AtClose,
    /// At a time of day in New York.
    Sessions {
        /// How many sessions after the day.
        after: i32,
        /// Hour of the day.
        hour: i8,
        /// Minute of the hour.
        minute: i8,
        /// Whether that is an estimate: the source publishes irregularly.
        is_estimate: bool,
    },
    /// As the rhythm of the series tells: daily, weekly, monthly.
    ByRhythm,
    /// At the instant that a column holds: a schedule is public when what it dates is.
    AtValue(Field),
}

/// Under which series id a dataset's schedule of publications is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// It has none.
    None,
    /// One for all instruments.
    Id(&'static str),
    /// One per series, under its own id.
    OwnId,
}

/// What different rows of one file with one key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameKey {
    /// A contradiction: all of them are rejected.
    Contradicts,
    /// The larger value of the first column wins: joining an index outweighs leaving it.
    LargerWins,
}

/// Declares every dataset once: its stored number and its descriptor.
macro_rules! datasets {
    ($($(#[$doc:meta])* $dataset:ident = $code:literal => $descriptor:expr,)*) => {
        /// A kind of fact. The number is stored and never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Dataset {
            $($(#[$doc])* $dataset = $code,)*
        }

        impl Dataset {
            /// Every dataset, by stored number.
            pub const ALL: [Dataset; [$($code),*].len()] = [$(Dataset::$dataset),*];

            /// All that is known about it.
            pub const fn descriptor(self) -> &'static Descriptor {
                match self {
                    $(Dataset::$dataset => &const { $descriptor },)*
                }
            }
        }
    };
}

datasets! {
    /// One instrument's trading day.
    Bars = 1 => Descriptor {
        name: "bars",
        about: About::Line,
        fields: &[Open, High, Low, Close, Volume, Distribution, PriceBasis, BasisOn],
        rarely_read: &[Open, High, Low],
        publication: Publication::AtClose,
        schedule: Schedule::None,
        earliest: EARLIEST,
        is_announced: false,
        is_repeated_later: false,
        separates_classes: true,
        same_key: SameKey::Contradicts,
    },
    /// One value of a named series (a yield, an index level without bars, a desk's own number).
    Series = 2 => Descriptor {
        name: "series",
        about: About::Series,
        fields: &[Value],
        rarely_read: &[],
        publication: Publication::ByRhythm,
        schedule: Schedule::OwnId,
        earliest: EARLIEST_SERIES,
        is_announced: true,
        is_repeated_later: false,
        separates_classes: false,
        same_key: SameKey::Contradicts,
    },
    /// Short interest of one instrument at a settlement date, in the share units of that day.
    ShortInterest = 3 => Descriptor {
        name: "short_interest",
        about: About::Line,
        fields: &[
            SharesShort, PreviousSharesShort, AverageDailyVolume, DaysToCoverPrinted, SplitFlag,
        ],
        rarely_read: &[],
        publication: Publication::Sessions { after: 9, hour: 18, minute: 0, is_estimate: true },
        schedule: Schedule::Id(SHORT_INTEREST),
        earliest: EARLIEST,
        is_announced: false,
        is_repeated_later: true,
        separates_classes: true,
        same_key: SameKey::Contradicts,
    },
    /// Shares outstanding and public float, in the share units of the effective day.
    ShareCounts = 4 => Descriptor {
        name: "share_counts",
        about: About::Line,
        fields: &[SharesOutstanding, PublicFloat],
        rarely_read: &[],
        publication: Publication::Sessions { after: 9, hour: 18, minute: 0, is_estimate: true },
        schedule: Schedule::Id(SHORT_INTEREST),
        earliest: EARLIEST,
        is_announced: false,
        is_repeated_later: false,
        separates_classes: true,
        same_key: SameKey::Contradicts,
    },
    /// Name, exchange, sector and market value of a listed line.
    Listings = 5 => Descriptor {
        name: "listings",
        about: About::Line,
        fields: &[Name, Exchange, Sector, MarketCap, LastPrice, LastVolume, AssetClass],
        rarely_read: &[],
        publication: Publication::Sessions { after: 0, hour: 18, minute: 0, is_estimate: false },
        schedule: Schedule::None,
        earliest: EARLIEST,
        is_announced: false,
        is_repeated_later: false,
        separates_classes: true,
        same_key: SameKey::Contradicts,
    },
    /// An instrument joins (1) or leaves (0) the index `other` on the effective day.
    Memberships = 6 => Descriptor {
        name: "memberships",
        about: About::LineInIndex,
        fields: &[Member],
        rarely_read: &[],
        publication: Publication::Sessions { after: 0, hour: 9, minute: 30, is_estimate: false },
        schedule: Schedule::None,
        earliest: EARLIEST,
        is_announced: true,
        is_repeated_later: false,
        separates_classes: true,
        same_key: SameKey::LargerWins,
    },
    /// An instrument is held by the fund `other`.
    Holdings = 7 => Descriptor {
        name: "holdings",
        about: About::LineInFund,
        fields: &[Weight, SharesHeld, HeldValue, HeldPrice, Sector, AssetClass],
        rarely_read: &[],
        publication: Publication::Sessions { after: 1, hour: 8, minute: 0, is_estimate: false },
        schedule: Schedule::None,
        earliest: EARLIEST,
        is_announced: false,
        is_repeated_later: false,
        separates_classes: false,
        same_key: SameKey::Contradicts,
    },
    /// A change of price or share units between two days.
    Splits = 8 => Descriptor {
        name: "splits",
        about: About::Line,
        fields: &[FromOn, PriceFactor, ShareFactor],
        rarely_read: &[],
        publication: Publication::Sessions { after: 0, hour: 9, minute: 30, is_estimate: false },
        schedule: Schedule::None,
        earliest: EARLIEST,
        is_announced: true,
        is_repeated_later: false,
        separates_classes: false,
        same_key: SameKey::Contradicts,
    },
    /// When the observation of the effective day was, or will be, published.
    Schedules = 9 => Descriptor {
        name: "schedules",
        about: About::Series,
        fields: &[FirstSeen],
        rarely_read: &[],
        publication: Publication::AtValue(FirstSeen),
        schedule: Schedule::None,
        earliest: EARLIEST,
        is_announced: true,
        is_repeated_later: false,
        separates_classes: false,
        same_key: SameKey::Contradicts,
    },
}

impl Dataset {
    /// The dataset of a stored number.
    pub fn from_code(code: u8) -> Option<Dataset> {
        Dataset::ALL.into_iter().find(|dataset| dataset.code() == code)
    }

    /// The dataset of a name.
    pub fn from_name(name: &str) -> Option<Dataset> {
        Dataset::ALL.into_iter().find(|dataset| dataset.name() == name)
    }

    /// The stored number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The name users see.
    pub const fn name(self) -> &'static str {
        self.descriptor().name
    }

    /// The columns, in stored order.
    pub const fn fields(self) -> &'static [Field] {
        self.descriptor().fields
    }

    /// The columns that each row of a file states; the others are the file's.
    pub fn fields_of_rows(self) -> &'static [Field] {
        let fields = self.fields();
        let count = fields.iter().take_while(|field| !field.kind().is_of_file()).count();
        &fields[..count]
    }

    /// Whether its facts are about listed lines and of use only beside prices, which it does not hold.
    pub fn needs_prices(self) -> bool {
        let about_lines = !matches!(self.descriptor().about, About::Series);
        about_lines && !self.fields().contains(&Close)
    }

    /// Position of a field among the dataset's columns.
    ///
    /// # Panics
    /// Never for a field of this dataset; asking for another is a fault of the program.
    #[expect(clippy::panic, reason = "a field and its dataset are both written in the program")]
    pub const fn column(self, field: Field) -> usize {
        let fields = self.fields();
        let mut at = 0;
        while at < fields.len() {
            if fields[at] as u8 == field as u8 {
                return at;
            }
            at += 1;
        }
        panic!("invariant: the field belongs to the dataset")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_distinct_and_found_again() {
        // The resident market keeps its tracks by code.
        let codes: Vec<u8> = Dataset::ALL.iter().map(|dataset| dataset.code()).collect();
        assert_eq!(codes, (1..=Dataset::ALL.len() as u8).collect::<Vec<u8>>());
        for dataset in Dataset::ALL {
            assert_eq!(Dataset::from_code(dataset.code()), Some(dataset));
            assert_eq!(Dataset::from_name(dataset.name()), Some(dataset));
            for (column, field) in dataset.fields().iter().enumerate() {
                assert_eq!(dataset.column(*field), column);
            }
        }
        assert_eq!((Dataset::from_code(0), Dataset::from_name("")), (None, None));
    }

    #[test]
    fn the_columns_of_a_file_come_last() {
        for dataset in Dataset::ALL {
            let rest = &dataset.fields()[dataset.fields_of_rows().len()..];
            assert!(rest.iter().all(|field| field.kind().is_of_file()), "{dataset:?}");
        }
        assert_eq!(Dataset::Bars.fields_of_rows().len(), 6);
    }

    #[test]
    fn a_schedule_is_dated_by_a_column_of_its_own() {
        for dataset in Dataset::ALL {
            if let Publication::AtValue(field) = dataset.descriptor().publication {
                assert!(dataset.fields().contains(&field), "{dataset:?}");
            }
        }
    }

    #[test]
    fn the_first_days_are_those_of_their_names() {
        assert_eq!(EARLIEST.to_string(), "1900-01-01");
        assert_eq!(EARLIEST_SERIES.to_string(), "1800-01-01");
    }
}
