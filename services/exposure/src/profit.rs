//! Profit and loss against average costs, lot by lot.

use crate::{prepared::PreparedExposure, report::ProfitAndLoss};
use marketdata::gap::{Gap, GapReason, MeasureRef, Subject};
use portfolio::book::{Book, Holding, cost_mark, lots_without_cost};

/// Adds up the P&L of every lot that has an average cost and a price, in the order of names. The
/// total is summed by itself, so that it has the same bits under every netting.
pub(crate) fn measure(book: &Book) -> Option<ProfitAndLoss> {
    let (mut total, mut long, mut short, mut marked) = (0.0, 0.0, 0.0, None::<f64>);
    for holding in &book.holdings {
        let lots = book.lots(holding);
        let Some(mark) = cost_mark(lots) else { continue };
        total += mark.profit_and_loss;
        marked = Some(marked.unwrap_or(0.0) + mark.gross);
        for lot in lots {
            let made = lot.profit_and_loss.unwrap_or(0.0);
            *(if lot.is_short { &mut short } else { &mut long }) += made;
        }
    }
    let (marked, all) = (marked?, lots_gross(book));
    // Equal sums in different orders may differ in the last bit.
    let share_with_cost = if 0.0 < all { (marked / all).min(1.0) } else { 0.0 };
    Some(ProfitAndLoss { total, long, short, share_with_cost })
}

/// Σ |market value| over lots and over loose lines that gave a value, each counted by itself.
fn lots_gross(book: &Book) -> f64 {
    let lots = book.holdings.iter().flat_map(|holding| book.lots(holding));
    let mut loose: Vec<f64> =
        book.loose.iter().filter_map(|line| line.market_value().map(f64::abs)).collect();
    loose.sort_unstable_by(f64::total_cmp);
    lots.map(|lot| lot.market_value.abs()).sum::<f64>() + loose.iter().sum::<f64>()
}

/// What the P&L leaves out: each lot without a cost beside lots of the same name that have one, and
/// the names without any cost as one gap. Empty if no lot of the book has a cost, because then no
/// P&L was wanted.
pub(crate) fn gaps(prepared: &PreparedExposure, book: &Book) -> Vec<Gap> {
    let has_cost =
        |holding: &Holding| book.lots(holding).iter().any(|lot| lot.average_cost.is_some());
    if !book.holdings.iter().any(has_cost) {
        return Vec::new();
    }
    let share = |value: f64| if 0.0 < book.gross { value.abs() / book.gross } else { 0.0 };
    let (mut gaps, mut names, mut gross) = (Vec::new(), 0, 0.0);
    for holding in &book.holdings {
        for lot in lots_without_cost(book.lots(holding)) {
            let symbol = prepared.snapshot.symbol(holding.instrument);
            let detail = format!("no average cost: the lot is not in the P&L of {symbol}");
            let gap =
                Gap::new(GapReason::InputMissing, Subject::Line(book.line_name(lot.line)), detail);
            gaps.push(gap.of_gross(share(lot.market_value)));
        }
        if !has_cost(holding) {
            names += 1;
            gross += holding.gross();
        }
    }
    if 0 < names {
        let detail = format!("{names} names have no average cost and are not in the P&L");
        let gap = Gap::new(GapReason::InputMissing, MeasureRef::ProfitAndLoss, detail);
        gaps.push(gap.of_gross(share(gross)));
    }
    gaps
}
