//! Reasons in plain English.

use marketdata::gap::GapReason;

/// Why a name that had short interest has none now.
pub const MISSED_SETTLEMENTS: &str = "its last short interest missed the newest settlements";

/// What a reason means for a measure of a name, in one sentence.
pub const fn sentence(reason: GapReason) -> &'static str {
    match reason {
        GapReason::UnknownInstrument => "no instrument has this symbol or identifier",
        GapReason::NoPrice => "no close is known at or before the as-of date",
        GapReason::ShortHistory => "fewer sessions are known than the measure needs",
        GapReason::Stale => "the last close is more than a week older than the market's",
        GapReason::NoShortInterest => "no short interest was published by the as-of date",
        GapReason::NoFloat => "no float above zero is known",
        GapReason::NoSharesOutstanding => "no count of shares outstanding is known",
        GapReason::NoVolume => "no trading volume is known",
        GapReason::BasisUnknown => {
            "no known split factor converts between the share units of its inputs"
        }
        GapReason::Degenerate => "the denominator is zero",
        GapReason::MissingObservations => "no close is known near the settlement",
        GapReason::NoRate => "no exchange rate converts its prices to the currency of the answer",
        GapReason::Proxy => {
            "a market value published by a listing is used instead of shares times close"
        }
        GapReason::InputMissing
        | GapReason::NoClassification
        | GapReason::AdjustedPrice
        | GapReason::Survivorship
        | GapReason::Implausible
        | GapReason::AmbiguousInstrument
        | GapReason::IdentifiersDisagree
        | GapReason::NameOfOtherDays
        | GapReason::FirstOrder
        | GapReason::Expired
        | GapReason::OldRate
        | GapReason::CurrencyDisagrees
        | GapReason::ForeignCash
        | GapReason::BeyondLimit
        | GapReason::Merged
        | GapReason::LaterKnowledge => "the measure could not be computed",
    }
}
