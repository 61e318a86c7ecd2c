//! Reports the values that merges of instruments leave out.

use crate::limits;
use marketdata::{
    gap::{Gap, GapReason},
    merged::Hidden,
    snapshot::Snapshot,
};

/// One gap for all values of merged instruments that are left out because their survivors have
/// values of the same days; `None` if there are none.
pub fn hidden_values(snapshot: &Snapshot) -> Option<Gap> {
    let hidden = snapshot.hidden_by_merges();
    let by_survivor: Vec<&[Hidden]> = hidden.chunk_by(|a, b| a.survivor == b.survivor).collect();
    let named = by_survivor.iter().take(limits::MERGED_NAMES).map(|of_one| {
        let counts: Vec<String> = of_one.iter().map(count).collect();
        format!("{} ({})", snapshot.symbol(of_one[0].survivor), counts.join(", "))
    });
    let mut names: Vec<String> = named.collect();
    match by_survivor.len().saturating_sub(limits::MERGED_NAMES) {
        0 if names.is_empty() => return None,
        0 => {}
        more => names.push(format!("{more} more")),
    }
    let detail = format!(
        "values of merged instruments are left out on days on which the survivor has its own: {}",
        names.join(", ")
    );
    Some(Gap::new(GapReason::Merged, "merges", detail))
}

fn count(hidden: &Hidden) -> String {
    let days = if hidden.days == 1 { "day" } else { "days" };
    format!("{} on {} {days}", hidden.dataset.name(), hidden.days)
}
