//! Reads numbered rows page by page, so that a check holds one page in memory.

use crate::{StoreError, backend::Numbered};

/// How far the rows of one kind have been read.
#[derive(Debug)]
pub(crate) struct Pages {
    /// The kind of row, in the plural.
    rows: &'static str,
    after: i64,
    is_over: bool,
}

impl Pages {
    /// Nothing is read yet.
    pub(crate) const fn of(rows: &'static str) -> Pages {
        Pages { rows, after: 0, is_over: false }
    }

    /// The number of the last row read: the next page begins after it. `None` at the end, or after
    /// damage that may lose rows.
    pub(crate) fn after(&self) -> Option<i64> {
        (!self.is_over).then_some(self.after)
    }

    /// The rows of a page. Adds the fault that ends the reading, if there is one: damage may put
    /// rows out of order, and reading on after such a page might never end.
    ///
    /// # Errors
    /// If the page cannot be read for a reason other than damage.
    pub(crate) fn take<T>(
        &mut self,
        page: Result<Vec<Numbered<T>>, StoreError>,
        faults: &mut Vec<String>,
    ) -> Result<Vec<T>, StoreError> {
        let page = match page {
            Err(StoreError::Damaged(fault)) => {
                self.end(faults, format!("the {} after row {}: {fault}", self.rows, self.after));
                return Ok(Vec::new());
            }
            page => page?,
        };
        self.is_over = page.is_empty();
        let mut taken = Vec::with_capacity(page.len());
        for Numbered { row, value } in page {
            if row <= self.after {
                let fault = format!("the {} are out of order after row {}", self.rows, self.after);
                self.end(faults, fault);
                break;
            }
            self.after = row;
            taken.push(value);
        }
        Ok(taken)
    }

    fn end(&mut self, faults: &mut Vec<String>, fault: String) {
        faults.push(fault);
        self.is_over = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: &[i64]) -> Result<Vec<Numbered<i64>>, StoreError> {
        Ok(rows.iter().map(|row| Numbered { row: *row, value: *row }).collect())
    }

    #[test]
    fn reading_ends_at_the_end_at_damage_and_at_rows_out_of_order() {
        for (second, fault) in [
            (page(&[]), None),
            (page(&[3, 2, 4]), Some("the answers are out of order after row 3")),
            (
                Err(StoreError::Damaged("no number".to_owned())),
                Some("the answers after row 2: no number"),
            ),
        ] {
            let (mut pages, mut faults) = (Pages::of("answers"), Vec::new());
            assert_eq!(pages.take(page(&[1, 2]), &mut faults).unwrap(), [1, 2]);
            assert_eq!(pages.after(), Some(2));
            pages.take(second, &mut faults).unwrap();
            assert_eq!(pages.after(), None);
            assert_eq!(faults.first().map(String::as_str), fault);
        }
    }
}
