//! Reasons in plain English.

use factors::short_ratio::DataQualityFlag;
use marketdata::gap::{Gap, GapReason, Subject};

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

/// The gap of a suspicious input.
pub(crate) fn doubted(symbol: &str, doubt: DataQualityFlag) -> Gap {
    let what = match doubt {
        DataQualityFlag::ShortInterestJump | DataQualityFlag::SplitMissing => "short_interest",
        DataQualityFlag::PreviousSettlementSpike => "short_interest_change",
        DataQualityFlag::FloatStandsStill
        | DataQualityFlag::FloatAboveSharesOutstanding
        | DataQualityFlag::FloatTooSmall => "public_float",
    };
    Gap::new(GapReason::Implausible, Subject::number_of(symbol, what), doubt.sentence())
}

/// The gap of a name whose last close is older than the market's.
pub(crate) fn no_close_of_last_session(symbol: &str) -> Gap {
    let subject = Subject::number_of(symbol, "shorts_gain_last_session_usd");
    Gap::new(GapReason::Stale, subject, "it has no close on the market's latest session")
}
