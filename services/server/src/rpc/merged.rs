//! Reports the values that merges of instruments leave out.

use marketdata::{
    gap::{Gap, GapReason, Subject},
    merged::Hidden,
    snapshot::Snapshot,
};

/// One gap per survivor whose merged instruments have values that are left out because it has values
/// of the same days.
pub fn hidden_values(snapshot: &Snapshot) -> Vec<Gap> {
    let hidden = snapshot.hidden_by_merges();
    let of_survivor = |of_one: &[Hidden]| {
        let counts: Vec<String> = of_one.iter().map(count).collect();
        let symbol = snapshot.symbol(of_one[0].survivor);
        let detail = format!(
            "values of merged instruments are left out on days on which {symbol} has its own: {}",
            counts.join(", ")
        );
        Gap::new(GapReason::Merged, Subject::symbol(symbol), detail)
    };
    hidden.chunk_by(|a, b| a.survivor == b.survivor).map(of_survivor).collect()
}

fn count(hidden: &Hidden) -> String {
    let days = if hidden.days == 1 { "day" } else { "days" };
    format!("{} on {} {days}", hidden.dataset.name(), hidden.days)
}
