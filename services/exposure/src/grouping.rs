//! What a request groups a book by.

use portfolio::book::{Book, Lot};

/// What a book is grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// The bands of the requested size scheme.
    Size,
    /// The sectors of the report's scheme.
    Sector,
    /// The values of a label.
    Label(LabelGroups),
}

/// The values of a label, and the lines that have each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelGroups {
    /// The distinct values, sorted.
    values: Vec<String>,
    /// By line, the index of its value; one beyond the last for a line without the label.
    of_line: Vec<usize>,
}

impl LabelGroups {
    /// Groups lines by their values; an empty value means that the line has none.
    pub fn of<'a>(by_line: impl Iterator<Item = &'a str> + Clone) -> LabelGroups {
        let mut values: Vec<&str> = by_line.clone().filter(|value| !value.is_empty()).collect();
        values.sort_unstable();
        values.dedup();
        let index = |value| values.binary_search(&value).unwrap_or(values.len());
        let of_line = by_line.map(index).collect();
        LabelGroups { of_line, values: values.into_iter().map(str::to_owned).collect() }
    }

    /// Whether no line has the label.
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The groups: one per value, and one without an id for the lines without the label.
    pub fn ids(&self) -> impl Iterator<Item = Option<&String>> {
        let without = self.of_line.contains(&self.values.len()).then_some(None);
        self.values.iter().map(Some).chain(without)
    }

    /// Number of places of groups: one per value, and the last for the lines without the label.
    pub(crate) const fn places(&self) -> usize {
        self.values.len() + 1
    }

    /// The place of the group of a line.
    pub(crate) fn of_line(&self, line: usize) -> usize {
        self.of_line.get(line).copied().unwrap_or(self.values.len())
    }

    /// Visits the lots of every holding that are in one group: the place of the holding, the group,
    /// and the lots. In the order of names, and within a name of groups and of what lots hold.
    pub(crate) fn split(&self, book: &Book, mut visit: impl FnMut(usize, usize, &mut [Lot])) {
        let group = |lot: &Lot| self.of_line(lot.line);
        let mut lots: Vec<Lot> = Vec::new();
        for (at, holding) in book.holdings.iter().enumerate() {
            lots.clear();
            lots.extend_from_slice(book.lots(holding));
            lots.sort_by_key(group);
            for lots in lots.chunk_by_mut(|a, b| group(a) == group(b)) {
                visit(at, group(&lots[0]), lots);
            }
        }
    }
}
