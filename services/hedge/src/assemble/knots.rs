//! Rows whose multipliers the conditions of stationarity do not determine.
//!
//! A variable in one row of unknown multiplier alone determines it. All such rows are taken away, and
//! those that several variables determine together ([`super::core`]). What is left falls into knots: sets of
//! rows that share no variable with each other. Most problems have none, or small ones.

use super::{core, shares::Binding};
use crate::program::Program;

/// Knots of more rows are not searched for their free directions.
const ROWS_MAX: usize = 48;

/// A pivot below this share of the largest coefficient is none.
const PIVOT: f64 = 1e-9;

/// Rows, connected by variables, of which several multipliers may be possible.
pub(super) struct Knot {
    /// Classes of binding rows, ascending.
    pub(super) classes: Vec<usize>,
    /// Changes of their multipliers that leave every variable stationary. `None`: not searched for.
    directions: Option<Vec<Vec<f64>>>,
}

/// The knots of a program, without those whose multipliers are determined after all.
pub(super) fn of(program: &Program, binding: &Binding) -> Vec<Knot> {
    let web = Web::of(program, binding);
    let mut open = web.undetermined();
    for class in core::determined(&web.terms, &web.classes, &open) {
        open[class] = false;
    }
    let mut knots = Vec::new();
    for class in 0..open.len() {
        if open[class] {
            let classes = web.connected(class, &mut open);
            let directions = (classes.len() <= ROWS_MAX).then(|| web.directions(&classes));
            if directions.as_ref().is_none_or(|directions| !directions.is_empty()) {
                knots.push(Knot { classes, directions });
            }
        }
    }
    knots
}

impl Knot {
    /// The multipliers at which a price can be smallest, if they are those of a line: its ends, and
    /// where one that may have either sign is zero. `None` if more than one direction is free.
    pub(super) fn points(&self, binding: &Binding, sums: &[f64]) -> Option<Vec<Vec<f64>>> {
        let [direction] = self.directions.as_deref()? else { return None };
        let moved = |by: f64| {
            let mut moved = sums.to_vec();
            for (class, change) in self.classes.iter().zip(direction) {
                let value = moved[*class] + by * change;
                let is_free = binding.classes[*class].is_free;
                moved[*class] = if is_free { value } else { value.max(0.0) };
            }
            moved
        };
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut kinks = Vec::new();
        for (class, change) in self.classes.iter().zip(direction) {
            let zero = -sums[*class] / change;
            match binding.classes[*class].is_free {
                _ if change.abs() <= 0.0 => {}
                true => kinks.push(zero),
                // Rounding may leave a multiplier below zero.
                false if 0.0 < *change => low = low.max(zero.min(0.0)),
                false => high = high.min(zero.max(0.0)),
            }
        }
        kinks.retain(|kink| low < *kink && *kink < high);
        kinks.extend([low, high].into_iter().filter(|end| end.is_finite()));
        Some(kinks.into_iter().map(moved).collect())
    }
}

/// Classes of binding rows, and the variables in them.
struct Web<'a> {
    /// Terms by class.
    terms: Vec<&'a [(usize, f64)]>,
    /// Classes by variable.
    classes: Vec<Vec<usize>>,
}

impl<'a> Web<'a> {
    fn of(program: &'a Program, binding: &Binding) -> Web<'a> {
        let row = |class: &super::shares::Class| &program.rows[class.rows[0].0].terms[..];
        let terms: Vec<&[(usize, f64)]> = binding.classes.iter().map(row).collect();
        let mut classes = vec![Vec::new(); program.variables()];
        for (class, terms) in terms.iter().enumerate() {
            terms.iter().for_each(|(variable, _)| classes[*variable].push(class));
        }
        Web { terms, classes }
    }

    /// Classes that are left once those that one variable determines are taken away, again and again.
    fn undetermined(&self) -> Vec<bool> {
        let mut open = vec![true; self.terms.len()];
        let mut count: Vec<usize> = self.classes.iter().map(Vec::len).collect();
        let mut ready: Vec<usize> = (0..count.len()).filter(|v| count[*v] == 1).collect();
        while let Some(variable) = ready.pop() {
            let Some(class) = self.classes[variable].iter().find(|class| open[**class]) else {
                continue;
            };
            open[*class] = false;
            for (other, _) in self.terms[*class] {
                count[*other] -= 1;
                if count[*other] == 1 {
                    ready.push(*other);
                }
            }
        }
        open
    }

    /// The open classes that variables connect with one, ascending, which are then no longer open.
    fn connected(&self, class: usize, open: &mut [bool]) -> Vec<usize> {
        open[class] = false;
        let (mut found, mut at) = (vec![class], 0);
        while at < found.len() {
            for (variable, _) in self.terms[found[at]] {
                for other in &self.classes[*variable] {
                    if std::mem::take(&mut open[*other]) {
                        found.push(*other);
                    }
                }
            }
            at += 1;
        }
        found.sort_unstable();
        found
    }

    /// A basis of the d with Σ d·row = 0, by elimination with the largest pivots.
    fn directions(&self, classes: &[usize]) -> Vec<Vec<f64>> {
        let mut variables: Vec<usize> =
            classes.iter().flat_map(|c| self.terms[*c].iter().map(|(v, _)| *v)).collect();
        variables.sort_unstable();
        variables.dedup();
        let width = variables.len();
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for (at, class) in classes.iter().enumerate() {
            let mut row = vec![0.0; width + classes.len()];
            let most = self.terms[*class].iter().fold(0.0_f64, |most, (_, a)| most.max(a.abs()));
            for (variable, a) in self.terms[*class] {
                let Ok(place) = variables.binary_search(variable) else { continue };
                row[place] = a / most;
            }
            row[width + at] = 1.0 / most;
            rows.push(row);
        }
        for done in 0..rows.len() {
            let pivot = (done..rows.len())
                .flat_map(|row| (0..width).map(move |column| (row, column)))
                .reduce(|a, b| if rows[a.0][a.1].abs() < rows[b.0][b.1].abs() { b } else { a });
            let Some((row, column)) =
                pivot.filter(|(row, column)| PIVOT < rows[*row][*column].abs())
            else {
                return rows[done..].iter().map(|row| row[width..].to_vec()).collect();
            };
            rows.swap(done, row);
            let (above, below) = rows.split_at_mut(done + 1);
            let pivot = &above[done];
            for row in below {
                let by = row[column] / pivot[column];
                if 0.0 < by.abs() {
                    row.iter_mut().zip(pivot).for_each(|(value, p)| *value -= by * p);
                    row[column] = 0.0;
                }
            }
        }
        Vec::new()
    }
}
