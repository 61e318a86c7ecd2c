//! The columns of datasets: their names and kinds.

use Kind::*;

/// The kind of number that a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A price per share, in the currency of the listing.
    Price,
    /// A count of shares.
    Shares,
    /// An amount in USD.
    Money,
    /// A gross return: 1.02 is a gain of 2 %.
    GrossReturn,
    /// A share of a whole, as a decimal: 0.05 is 5 %.
    Decimal,
    /// A ratio of units: old over new prices, or new over old shares.
    Factor,
    /// A length of time in days.
    DayCount,
    /// A number in the unit of its source.
    Number,
    /// 1 for true, 0 for false.
    Flag,
    /// The id of a text of the market.
    Text,
    /// A day, in days since 1970-01-01.
    Day,
    /// An instant, in microseconds since 1970-01-01T00:00:00Z.
    Instant,
    /// What the prices of the row are adjusted for: the code of [`crate::basis::PriceBasis`].
    Basis,
    /// The day up to which those prices are adjusted for splits, in days since 1970-01-01; 0 for
    /// none.
    BasisDay,
}

impl Kind {
    /// The unit to show beside a value; empty if the number has none, or if each source has its
    /// own.
    pub const fn unit(self) -> &'static str {
        match self {
            Price => "USD per share",
            Shares => "shares",
            Money => "USD",
            DayCount => "days",
            GrossReturn | Decimal | Factor | Number | Flag | Text | Day | Instant | Basis
            | BasisDay => "",
        }
    }

    /// Whether one value holds for all rows of a file, so that readers set it once.
    pub const fn is_of_file(self) -> bool {
        matches!(self, Basis | BasisDay)
    }
}

/// Declares every column once: its name in requests, answers and exports, and its kind.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident: $name:literal, $kind:ident;)*) => {
        /// What a column of a dataset holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $($(#[$doc])* $field,)*
        }

        impl Field {
            /// The name in requests, answers and the header of an export.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Field::$field => $name,)*
                }
            }

            /// The kind of number it holds.
            pub const fn kind(self) -> Kind {
                match self {
                    $(Field::$field => Kind::$kind,)*
                }
            }
        }
    };
}

fields! {
    /// Opening price, on the row's basis.
    Open: "open", Price;
    /// Highest price, on the row's basis.
    High: "high", Price;
    /// Lowest price, on the row's basis.
    Low: "low", Price;
    /// Closing price, on the row's basis.
    Close: "close", Price;
    /// Shares traded, on the row's basis (raw, or adjusted for the same splits as the prices).
    Volume: "volume", Shares;
    /// Gross total return over gross price return since the previous row: 1 except on an ex-day. It
    /// depends only on that day, so a vendor's restatement of its whole history does not change it.
    Distribution: "distribution", GrossReturn;
    /// 0 raw, 1 adjusted for splits, 2 adjusted for splits and distributions; see [`crate::basis`].
    PriceBasis: "price_basis", Basis;
    /// The day up to which an adjusted price is adjusted for splits, in days since 1970-01-01; 0 if
    /// raw.
    BasisOn: "basis_on", BasisDay;
    /// Value of a series, in the unit of its source.
    Value: "value", Number;
    /// Shares sold short.
    SharesShort: "shares_short", Shares;
    /// Shares sold short at the previous settlement, as now revised.
    PreviousSharesShort: "previous_shares_short", Shares;
    /// The source's average daily volume over the reporting cycle, in shares.
    AverageDailyVolume: "average_daily_volume", Shares;
    /// Days to cover as printed by the source; kept as evidence, never used in a computation.
    DaysToCoverPrinted: "days_to_cover_printed", DayCount;
    /// 1 if the source flags a split within the cycle.
    SplitFlag: "split_flag", Flag;
    /// Shares outstanding.
    SharesOutstanding: "shares_outstanding", Shares;
    /// Public float, shares.
    PublicFloat: "public_float", Shares;
    /// Company or fund name (text).
    Name: "name", Text;
    /// Exchange (text).
    Exchange: "exchange", Text;
    /// Sector, in the source's own classification (text).
    Sector: "sector", Text;
    /// The classification that the sector belongs to: `GICS`, `NASDAQ` (text).
    SectorScheme: "sector_scheme", Text;
    /// Market value in USD as printed by the source; some sources print that of the whole company.
    MarketCap: "market_cap", Money;
    /// Last price, raw USD.
    LastPrice: "last_price", Price;
    /// Last day's volume, raw shares.
    LastVolume: "last_volume", Shares;
    /// 1 if the instrument joins the index, 0 if it leaves.
    Member: "member", Flag;
    /// Weight in the fund, a decimal.
    Weight: "weight", Decimal;
    /// Shares held.
    SharesHeld: "shares_held", Shares;
    /// Market value of the holding at the end of the day described, USD.
    HeldValue: "held_value", Money;
    /// Price at which the fund values the holding, USD.
    HeldPrice: "held_price", Price;
    /// Asset class as the source writes it: `Common Stock`, `ETF` (text).
    AssetClass: "asset_class", Text;
    /// Last day in the old units, in days since 1970-01-01; the effective day is the first in the
    /// new.
    FromOn: "from_on", Day;
    /// Old price ÷ new price.
    PriceFactor: "price_factor", Factor;
    /// New shares ÷ old shares.
    ShareFactor: "share_factor", Factor;
    /// End day, exclusive, in days since 1970-01-01; [`crate::identities::OPEN`] if there is none.
    UntilOn: "until_on", Day;
    /// Financial Instrument Global Identifier (text).
    Figi: "figi", Text;
    /// ISO 6166 (text).
    Isin: "isin", Text;
    /// CUSIP of nine characters (text).
    Cusip: "cusip", Text;
    /// SEDOL of seven characters (text).
    Sedol: "sedol", Text;
    /// ISO 10383 code of the market (text).
    Mic: "mic", Text;
    /// ISO 4217 code of the currency of the prices (text).
    Currency: "currency", Text;
    /// Instant of publication, microseconds since the epoch.
    FirstSeen: "first_seen", Instant;
    /// 1 if the instrument is merged into the other one, 0 if it no longer is.
    Merged: "merged", Flag;
    /// A fitted model as its service writes it (text).
    Document: "document", Text;
    /// When the filing that the row is from became public, microseconds since the epoch.
    FiledAt: "filed_at", Instant;
    /// 1 if that filing adds holdings to an earlier one, 0 if it lists all of them.
    AddsToFiling: "adds_to_filing", Flag;
    /// Shares on loan / shares that lenders offer, a decimal, as the source states it.
    Utilisation: "utilisation", Decimal;
    /// Fee for borrowing shares, a decimal per year of the value borrowed.
    BorrowFee: "borrow_fee", Decimal;
    /// Shares on loan.
    SharesOnLoan: "shares_on_loan", Shares;
    /// Shares that lenders offer, on loan or not.
    SharesLendable: "shares_lendable", Shares;
    /// 1 if lenders recall shares on loan, 0 if the source says that they do not.
    Recall: "recall", Flag;
    /// Shares sold short, those exempt from the price test among them.
    ShortVolume: "short_volume", Shares;
    /// Of these, shares whose sale was exempt from the price test.
    ShortExemptVolume: "short_exempt_volume", Shares;
    /// All shares traded where the short sales were reported.
    TotalVolume: "total_volume", Shares;
    /// Shares not delivered.
    FailedShares: "failed_shares", Shares;
    /// 1 if a report is expected, 0 if it was moved to another day or cancelled.
    Expected: "expected", Flag;
    /// Change of an instrument's return per unit of a factor's return.
    Exposure: "exposure", Number;
    /// Covariance of two factors per year of 252 sessions, squared decimals.
    FactorCovariance: "factor_covariance", Number;
    /// Volatility of a specific return per year of 252 sessions, a decimal.
    SpecificVolatility: "specific_volatility", Decimal;
}

impl Field {
    /// Whether the number is the id of a text of the market.
    pub const fn is_text(self) -> bool {
        matches!(self.kind(), Text)
    }
}
