//! Reports the values that merges of instruments leave out.

use marketdata::{
    gap::{Gap, GapReason, Subject},
    merged::Hidden,
    snapshot::Snapshot,
};

/// One gap per survivor whose merged instruments have values that are left out because it has values
/// of the same days. Only values that the answer would otherwise rest on count.
pub fn hidden_values(snapshot: &Snapshot, is_read: impl Fn(&Hidden) -> bool) -> Vec<Gap> {
    let hidden = snapshot.hidden_by_merges();
    let of_survivor = |of_one: &[Hidden]| {
        let counts: Vec<String> =
            of_one.iter().filter(|hidden| is_read(hidden)).map(count).collect();
        let symbol = snapshot.symbol(of_one[0].survivor);
        let detail = format!(
            "values of merged instruments are left out on days on which {symbol} has its own: {}",
            counts.join(", ")
        );
        let gap = Gap::new(GapReason::Merged, Subject::symbol(symbol), detail);
        (!counts.is_empty()).then_some(gap)
    };
    hidden.chunk_by(|a, b| a.survivor == b.survivor).filter_map(of_survivor).collect()
}

fn count(hidden: &Hidden) -> String {
    let count = hidden.days.len();
    let days = if count == 1 { "day" } else { "days" };
    format!("{} on {count} {days}", hidden.dataset.name())
}
