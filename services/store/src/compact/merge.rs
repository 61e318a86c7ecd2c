//! Chooses the segments to merge, and merges their facts into one order.

use crate::{
    StoreError,
    column::Fault,
    parallel::Workers,
    segment::{self, Packed, Summary},
};
use marketdata::{
    dataset::Dataset,
    facts::FactTable,
    segment::{Ints, Segment},
};
use std::{collections::BTreeMap, sync::Arc};

/// Minimum number of segments of one tier to merge.
const ENOUGH: usize = 8;

/// The ids to merge, sorted; all of one dataset and tier, with at most `budget` rows.
pub(crate) fn choose(segments: &[(i64, Summary)], budget: u64) -> Vec<i64> {
    let mut tiers: BTreeMap<_, Vec<(i64, u64)>> = BTreeMap::new();
    for (id, summary) in segments {
        if let Some(tier) = tier(summary) {
            tiers.entry((summary.dataset, tier)).or_default().push((*id, summary.rows as u64));
        }
    }
    for mut small in tiers.into_values().filter(|small| ENOUGH <= small.len()) {
        small.sort_unstable();
        let mut rows = 0;
        let chosen: Vec<i64> = small
            .into_iter()
            .take_while(|(_, more)| {
                rows += more;
                rows <= budget
            })
            .map(|(id, _)| id)
            .collect();
        if ENOUGH <= chosen.len() {
            return chosen;
        }
    }
    Vec::new()
}

/// The tier of a segment; `None` for segments that are long already.
fn tier(summary: &Summary) -> Option<u32> {
    let run = summary.rows / summary.runs.max(1);
    [4, 32, 256].iter().position(|limit| run < *limit).map(|tier| tier as u32)
}

/// Sorts the facts of several segments of a dataset together, and cuts and packs them again.
pub(crate) async fn merge(
    segments: Vec<Segment>,
    workers: &Workers,
) -> Result<Vec<Packed>, StoreError> {
    let (table, revisions) = workers.run(move || gather(&segments)).await?;
    let cuts = segment::cuts(&table.instrument);
    let (table, revisions) = (Arc::new(table), Ints::from_vec(revisions));
    let packed: Result<Vec<Packed>, Fault> = workers
        .map(cuts.len(), move |index| segment::pack(&table, &revisions, cuts[index].clone()))
        .await?
        .into_iter()
        .collect();
    packed.map_err(|Fault(fault)| StoreError::Unpackable(fault))
}

/// All rows of the segments in segment order, with their revisions.
fn gather(segments: &[Segment]) -> (FactTable, Vec<u64>) {
    let mut order = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        for run in &segment.runs {
            for row in run.start as usize..(run.start + run.len) as usize {
                let key = (run.instrument, segment.effective_on[row], segment.other.get(row));
                let place = (segment.published(row), segment.revision.get(row), index, row);
                order.push((key, place));
            }
        }
    }
    order.sort_unstable();
    let dataset = segments.first().map_or(Dataset::Bars, |segment| segment.dataset);
    let column = |column: usize| {
        order.iter().map(|(_, (_, _, i, row))| segments[*i].columns[column].get(*row)).collect()
    };
    let table = FactTable {
        dataset,
        instrument: order.iter().map(|((instrument, _, _), _)| *instrument).collect(),
        other: order.iter().map(|((_, _, other), _)| *other).collect(),
        effective_on: order.iter().map(|((_, day, _), _)| *day).collect(),
        published_at: order.iter().map(|(_, (published, _, _, _))| *published).collect(),
        columns: (0..dataset.fields().len()).map(column).collect(),
    };
    (table, order.iter().map(|(_, (_, revision, _, _))| *revision).collect())
}
