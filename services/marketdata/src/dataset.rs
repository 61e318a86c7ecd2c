//! The closed list of datasets, each with one descriptor: every fact is one row of one of them.
//!
//! Readers, publication, the store, coverage and exports read the descriptor. Properties in which
//! datasets differ are stated only here.

mod field;

pub use field::{Field, Kind};

use crate::{day::Day, instant::Instant};
use Field::*;

/// The series id under which the publication times of short interest are stored.
pub const SHORT_INTEREST: &str = "SHORT_INTEREST";

/// First day that a row may describe, except for series: 1900-01-01.
pub const EARLIEST: Day = Day::from_epoch(-25_567);
/// First day that a series may describe, 1800-01-01: some of FRED's series begin in 1854.
const EARLIEST_SERIES: Day = Day::from_epoch(-62_091);

/// The properties of a dataset.
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
    /// When the first value of a day was published, if neither its row, nor the caller, nor a
    /// schedule gives the time.
    pub publication: Publication,
    /// Which stored schedule gives the publication time of a day's value.
    pub schedule: Schedule,
    /// First day that a row may describe.
    pub earliest: Day,
    /// Whether rows may be published before the day they describe.
    pub is_announced: bool,
    /// Whether later files repeat a day's rows. If so, a day's own file that is ingested last can
    /// show that they were public earlier.
    pub is_repeated_later: bool,
    /// Whether its sources separate the share class from the ticker (`BRK.B`). An instrument known
    /// as `BRKB` is treated as `BRK.B` as long as no such dataset has facts about it.
    pub separates_classes: bool,
    /// How to treat two different rows of one file that have the same key.
    pub same_key: SameKey,
}

/// What the facts of a dataset are about: their instrument, and the other instrument if they have
/// one.
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
    /// A listed line, and the line that it is merged into.
    LineIntoLine,
    /// A listed line, and an investment manager that holds it.
    LineByManager,
    /// A listed line, and a factor of a vendor's risk model.
    LineToFactor,
    /// A factor of a vendor's risk model, and another one of the same model or itself.
    FactorWithFactor,
    /// A listed line, and the facilities that a row adds up: [`crate::facilities`].
    LineAtFacilities,
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
    /// Half a month at a time, at 18:00 in New York: days up to the 14th at the end of their month,
    /// later days on the 15th of the next one, and so many sessions later, because the source is
    /// only about that punctual. An estimate.
    HalfMonths {
        /// Sessions after the end of the month, or after the 15th.
        after: i32,
    },
    /// Inferred from the rhythm of the series: daily, weekly or monthly.
    ByRhythm,
    /// At the instant in this column. A schedule becomes public at the time it states.
    AtValue(Field),
    /// When the file was received: it corrects the store and is no news about the market.
    AtReceipt,
    /// Since ever, [`EVER`], whatever the file or its caller say: what a line is called is not news,
    /// so its rows are bounded by revision only, and the latest revision of a key wins.
    Ever,
}

/// The publication time of rows that are not news, 1900-01-01T00:00:00Z.
pub const EVER: Instant = Instant::from_micros(EARLIEST.epoch() as i64 * 86_400_000_000);

/// The series id under which a dataset's publication schedule is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// No schedule.
    None,
    /// One schedule for all instruments.
    Id(&'static str),
    /// One schedule per series, under the id of the series.
    OwnId,
}

/// How to treat different rows of one file that have the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameKey {
    /// They contradict each other: all of them are rejected.
    Contradicts,
    /// The row with the larger value in the first column wins: joining an index outweighs leaving
    /// it.
    LargerWins,
}

/// What vendors make of a day in the night after it, and deliver before the next open.
const OVERNIGHT: Publication =
    Publication::Sessions { after: 1, hour: 9, minute: 30, is_estimate: true };
/// What is published in the evening of its day.
const EVENING: Publication =
    Publication::Sessions { after: 0, hour: 18, minute: 0, is_estimate: false };

/// The descriptor of a dataset that has no schedule, describes days that are over, and differs from
/// others in its publication alone.
const fn observed(
    name: &'static str,
    about: About,
    fields: &'static [Field],
    publication: Publication,
) -> Descriptor {
    Descriptor {
        name,
        about,
        fields,
        rarely_read: &[],
        publication,
        schedule: Schedule::None,
        earliest: EARLIEST,
        is_announced: false,
        is_repeated_later: false,
        separates_classes: true,
        same_key: SameKey::Contradicts,
    }
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

            /// The dataset's descriptor.
            pub const fn descriptor(self) -> &'static Descriptor {
                match self {
                    $(Dataset::$dataset => &const { $descriptor },)*
                }
            }
        }
    };
}

datasets! {
    /// One trading day of one instrument.
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
    /// One value of a named series (a yield, an index level without bars, a proprietary number).
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
        fields: &[Name, Exchange, Sector, SectorScheme, MarketCap, LastPrice, LastVolume, AssetClass],
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
        fields: &[Weight, SharesHeld, HeldValue, HeldPrice, Sector, SectorScheme, AssetClass],
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
    /// An instrument is merged into the instrument `other` (1), or no longer (0). The effective day
    /// is the one whose symbols the file used. Views use these facts regardless of when they were
    /// published, because they say which facts belong together ([`crate::merges`]).
    Merges = 10 => Descriptor {
        name: "merges",
        about: About::LineIntoLine,
        fields: &[Merged],
        rarely_read: &[],
        publication: Publication::AtReceipt,
        schedule: Schedule::None,
        earliest: EARLIEST,
        is_announced: true,
        is_repeated_later: false,
        separates_classes: false,
        same_key: SameKey::Contradicts,
    },
    /// The identifiers of a line from the effective day on; see [`crate::identities`].
    Identifiers = 11 => Descriptor {
        name: "identifiers",
        about: About::Line,
        fields: &[UntilOn, Figi, Isin, Cusip, Sedol, Mic, Name, AssetClass, Currency],
        rarely_read: &[],
        publication: Publication::Ever,
        schedule: Schedule::None,
        earliest: EARLIEST,
        is_announced: true,
        is_repeated_later: false,
        separates_classes: true,
        same_key: SameKey::Contradicts,
    },
    /// A model fitted to what a view of the effective day knew. No file holds one: the server writes
    /// it, published at the instant of that view, because it rests on nothing later.
    Models = 12 => Descriptor {
        name: "models",
        about: About::Series,
        fields: &[Document],
        rarely_read: &[],
        publication: Publication::AtReceipt,
        schedule: Schedule::None,
        earliest: EARLIEST,
        is_announced: false,
        is_repeated_later: false,
        separates_classes: false,
        same_key: SameKey::Contradicts,
    },
    /// An instrument is held by the investment manager `other` at the end of a quarter, as reported
    /// on form 13F, in the share units of that day. The day and the filing are part of every row, so
    /// that two filings with equal numbers are two facts: only the latest complete filing of a
    /// manager counts, and what it no longer lists is no longer held.
    ManagerHoldings = 13 => Descriptor {
        name: "manager_holdings",
        about: About::LineByManager,
        fields: &[SharesHeld, HeldValue, FiledAt, AddsToFiling],
        rarely_read: &[],
        // Due 45 calendar days after the quarter, which hold at most 33 weekdays.
        publication: Publication::Sessions { after: 33, hour: 22, minute: 0, is_estimate: true },
        schedule: Schedule::None,
        earliest: EARLIEST,
        is_announced: false,
        is_repeated_later: false,
        separates_classes: true,
        same_key: SameKey::Contradicts,
    },
    /// The market for borrowing shares of an instrument on a day, in the share units of that day.
    /// Every column may be absent.
    Lending = 14 => observed(
        "lending",
        About::Line,
        &[Utilisation, BorrowFee, SharesOnLoan, SharesLendable, Recall],
        OVERNIGHT,
    ),
    /// The exposure of an instrument to the factor `other` of a vendor's risk model; see
    /// [`crate::symbol::factor_parts`].
    VendorExposures = 15 =>
        observed("vendor_exposures", About::LineToFactor, &[Exposure], OVERNIGHT),
    /// The covariance of two factors of a vendor's risk model. Each pair is stored once, the factor
    /// whose name comes first as the instrument.
    VendorCovariances = 16 =>
        observed("vendor_covariances", About::FactorWithFactor, &[FactorCovariance], OVERNIGHT),
    /// The specific volatility of an instrument in a vendor's risk model; `other` stands for its
    /// specific risks.
    VendorSpecificRisks = 17 =>
        observed("vendor_specific_risks", About::LineToFactor, &[SpecificVolatility], OVERNIGHT),
    /// Short sales of an instrument off exchange on a day, over the facilities `other`, in the share
    /// units of that day. Rows of other facilities are other facts: a reader adds them up.
    ShortSales = 18 => observed(
        "short_sales",
        About::LineAtFacilities,
        &[ShortVolume, ShortExemptVolume, TotalVolume],
        EVENING,
    ),
    /// Shares of an instrument that were not delivered at the end of a settlement day, in the units of
    /// that day: a balance, and no flow. A file lists only names with fails.
    Fails = 19 => Descriptor {
        separates_classes: false,
        ..observed("fails", About::Line, &[FailedShares], Publication::HalfMonths { after: 2 })
    },
    /// A company reports earnings on the effective day (1), or, as was announced later, not (0).
    EarningsDates = 20 => Descriptor {
        is_announced: true,
        ..observed("earnings_dates", About::Line, &[Expected], Publication::AtReceipt)
    },
}

impl Dataset {
    /// The dataset with a stored number.
    pub fn from_code(code: u8) -> Option<Dataset> {
        Dataset::ALL.into_iter().find(|dataset| dataset.code() == code)
    }

    /// The dataset with a name.
    pub fn from_name(name: &str) -> Option<Dataset> {
        Dataset::ALL.into_iter().find(|dataset| dataset.name() == name)
    }

    /// The stored number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The public name.
    pub const fn name(self) -> &'static str {
        self.descriptor().name
    }

    /// The columns, in stored order.
    pub const fn fields(self) -> &'static [Field] {
        self.descriptor().fields
    }

    /// The columns that each row of a file states; the other columns have one value per file.
    pub fn fields_of_rows(self) -> &'static [Field] {
        let fields = self.fields();
        let count = fields.iter().take_while(|field| !field.kind().is_of_file()).count();
        &fields[..count]
    }

    /// Whether each of its facts has a second instrument.
    pub const fn has_other(self) -> bool {
        !matches!(self.descriptor().about, About::Line | About::Series)
    }

    /// Whether its facts are about listed lines and need prices, which another dataset holds.
    pub fn needs_prices(self) -> bool {
        use About::{FactorWithFactor, LineIntoLine, Series};
        let about = self.descriptor().about;
        let has_prices = !matches!(about, Series | LineIntoLine | FactorWithFactor);
        has_prices && !self.fields().contains(&Close)
    }

    /// Position of a field among the dataset's columns.
    ///
    /// # Panics
    /// Never for a field of this dataset; any other field is a programming error.
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
mod tests;
