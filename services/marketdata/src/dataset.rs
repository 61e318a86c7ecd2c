//! The closed list of datasets and their columns: every fact is one row of one of them.

/// A kind of fact. The number is stored and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Dataset {
    /// One instrument's trading day.
    Bars = 1,
    /// One value of a named series (a yield, an index level without bars, a desk's own number).
    Series = 2,
    /// Short interest of one instrument at a settlement date, in the share units of that day.
    ShortInterest = 3,
    /// Shares outstanding and public float, in the share units of the effective day.
    ShareCounts = 4,
    /// Name, exchange, sector and market value of a listed line.
    Listings = 5,
    /// An instrument joins (1) or leaves (0) the index `other` on the effective day.
    Memberships = 6,
    /// An instrument is held by the fund `other`.
    Holdings = 7,
    /// A change of price or share units between two days.
    Splits = 8,
    /// When the observation of the effective day was, or will be, published.
    Schedules = 9,
}

/// What a column of a dataset holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Opening price, on the row's basis.
    Open,
    /// Highest price, on the row's basis.
    High,
    /// Lowest price, on the row's basis.
    Low,
    /// Closing price, on the row's basis.
    Close,
    /// Shares traded, on the row's basis (raw, or adjusted for the same splits as the prices).
    Volume,
    /// Gross total return over gross price return since the row before: 1 except on an ex-day.
    /// Local to the day, so a vendor's restatement of its whole history leaves it alone.
    Distribution,
    /// 0 raw, 1 adjusted for splits, 2 adjusted for splits and distributions; see [`crate::basis`].
    PriceBasis,
    /// The day up to whose splits an adjusted price is adjusted, in days since 1970-01-01; 0 if raw.
    BasisOn,
    /// Value of a series, in the unit of its source.
    Value,
    /// Shares sold short.
    SharesShort,
    /// Shares sold short at the previous settlement, as now revised.
    PreviousSharesShort,
    /// The source's average daily volume over the cycle, shares a day.
    AverageDailyVolume,
    /// Days to cover as printed by the source; never trusted, kept as evidence.
    DaysToCoverPrinted,
    /// 1 where the source flags a split inside the cycle.
    SplitFlag,
    /// Shares outstanding.
    SharesOutstanding,
    /// Public float, shares.
    PublicFloat,
    /// Company or fund name (text).
    Name,
    /// Exchange (text).
    Exchange,
    /// Sector, in the source's own classification (text).
    Sector,
    /// Market value in USD as printed by the source, for the whole company where the source does so.
    MarketCap,
    /// Last price, raw USD.
    LastPrice,
    /// Last day's volume, raw shares.
    LastVolume,
    /// 1 joins, 0 leaves.
    Member,
    /// Weight in the fund, a decimal.
    Weight,
    /// Shares held.
    SharesHeld,
    /// Market value held, USD.
    HeldValue,
    /// Price at which the fund values it, USD.
    HeldPrice,
    /// Asset class in the source's words: `Common Stock`, `ETF` (text).
    AssetClass,
    /// Last day on the old units, in days since 1970-01-01; the effective day is the first on the new.
    FromOn,
    /// Old price ÷ new price.
    PriceFactor,
    /// New shares ÷ old shares.
    ShareFactor,
    /// Instant of publication, microseconds since the epoch.
    FirstSeen,
}

use Field::*;

impl Dataset {
    /// Every dataset.
    pub const ALL: [Dataset; 9] = [
        Dataset::Bars,
        Dataset::Series,
        Dataset::ShortInterest,
        Dataset::ShareCounts,
        Dataset::Listings,
        Dataset::Memberships,
        Dataset::Holdings,
        Dataset::Splits,
        Dataset::Schedules,
    ];

    /// The dataset of a stored number.
    pub fn from_code(code: u8) -> Option<Dataset> {
        Dataset::ALL.into_iter().find(|dataset| dataset.code() == code)
    }

    /// The stored number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The name users see.
    pub const fn name(self) -> &'static str {
        match self {
            Dataset::Bars => "bars",
            Dataset::Series => "series",
            Dataset::ShortInterest => "short_interest",
            Dataset::ShareCounts => "share_counts",
            Dataset::Listings => "listings",
            Dataset::Memberships => "memberships",
            Dataset::Holdings => "holdings",
            Dataset::Splits => "splits",
            Dataset::Schedules => "schedules",
        }
    }

    /// The columns, in stored order.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Dataset::Bars => &[Open, High, Low, Close, Volume, Distribution, PriceBasis, BasisOn],
            Dataset::Series => &[Value],
            Dataset::ShortInterest => &[
                SharesShort,
                PreviousSharesShort,
                AverageDailyVolume,
                DaysToCoverPrinted,
                SplitFlag,
            ],
            Dataset::ShareCounts => &[SharesOutstanding, PublicFloat],
            Dataset::Listings => {
                &[Name, Exchange, Sector, MarketCap, LastPrice, LastVolume, AssetClass]
            }
            Dataset::Memberships => &[Member],
            Dataset::Holdings => &[Weight, SharesHeld, HeldValue, HeldPrice, Sector, AssetClass],
            Dataset::Splits => &[FromOn, PriceFactor, ShareFactor],
            Dataset::Schedules => &[FirstSeen],
        }
    }

    /// Position of a field among the dataset's columns.
    ///
    /// # Panics
    /// Never for a field of this dataset; asking for another is a fault of the program.
    #[expect(
        clippy::expect_used,
        reason = "a field and its dataset are both written in the program"
    )]
    pub fn column(self, field: Field) -> usize {
        self.fields()
            .iter()
            .position(|candidate| *candidate == field)
            .expect("invariant: the field belongs to the dataset")
    }
}

impl Field {
    /// Whether the number is the id of a text of the market.
    pub const fn is_text(self) -> bool {
        matches!(self, Name | Exchange | Sector | AssetClass)
    }

    /// The column header of an export.
    pub const fn name(self) -> &'static str {
        match self {
            Open => "open",
            High => "high",
            Low => "low",
            Close => "close",
            Volume => "volume",
            Distribution => "distribution",
            PriceBasis => "price_basis",
            BasisOn => "basis_on",
            Value => "value",
            SharesShort => "shares_short",
            PreviousSharesShort => "previous_shares_short",
            AverageDailyVolume => "average_daily_volume",
            DaysToCoverPrinted => "days_to_cover_printed",
            SplitFlag => "split_flag",
            SharesOutstanding => "shares_outstanding",
            PublicFloat => "public_float",
            Name => "name",
            Exchange => "exchange",
            Sector => "sector",
            MarketCap => "market_cap",
            LastPrice => "last_price",
            LastVolume => "last_volume",
            Member => "member",
            Weight => "weight",
            SharesHeld => "shares_held",
            HeldValue => "held_value",
            HeldPrice => "held_price",
            AssetClass => "asset_class",
            FromOn => "from_on",
            PriceFactor => "price_factor",
            ShareFactor => "share_factor",
            FirstSeen => "first_seen",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_found_again() {
        for dataset in Dataset::ALL {
            assert_eq!(Dataset::from_code(dataset.code()), Some(dataset));
            for (column, field) in dataset.fields().iter().enumerate() {
                assert_eq!(dataset.column(*field), column);
            }
        }
        assert_eq!(Dataset::from_code(0), None);
    }
}
