//! What today's shares made on a past day.

use super::number;
use contract::v1::DayPnl;

/// What today's shares made on the day itself.
pub(super) fn day_itself(day: Option<&DayPnl>) -> String {
    match day.and_then(|day| Some((day.pnl?, day.missing_gross_share))) {
        None => "; what the day itself brought is unknown".to_owned(),
        Some((pnl, missing)) => {
            let part = match 0.0 < missing {
                true => format!(" (without {} of gross)", number::share(missing)),
                false => String::new(),
            };
            let made = number::made_or_lost(pnl);
            format!("; on the day itself these shares {made} from the previous close{part}")
        }
    }
}
