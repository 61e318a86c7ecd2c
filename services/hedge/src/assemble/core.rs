//! Which multipliers the stationary variables determine together.
//!
//! A tail pins as many lines as it has scenarios at its threshold, and these variables determine the
//! multipliers of these scenarios; but each line at a kink has free multipliers of its own besides, so no variable
//! is in one row alone. A multiplier that occurs with one variable only is free to make that variable
//! stationary, whatever the other multipliers are. So both are set aside, again and again. What is left, the
//! core, is solved by elimination, and is small.

/// Cores of more multipliers are not solved.
const CORE_MAX: usize = 512;

/// An entry below this share of the largest of its row is rounding.
const PIVOT: f64 = 1e-9;

/// The multipliers that are determined, among those that are open: by multiplier its variables and entries, by
/// variable its multipliers.
pub(super) fn determined(
    terms: &[&[(usize, f64)]],
    by_variable: &[Vec<usize>],
    open: &[bool],
) -> Vec<usize> {
    let (core, variables) = left(terms, by_variable, open);
    if CORE_MAX < core.len() {
        return Vec::new();
    }
    let mut columns = vec![None; terms.len()];
    core.iter().enumerate().for_each(|(column, row)| columns[*row] = Some(column));
    let of = |variable: &usize| {
        let mut equation = vec![0.0; core.len()];
        for row in &by_variable[*variable] {
            let Some(column) = columns[*row] else { continue };
            let most = terms[*row].iter().fold(0.0_f64, |most, (_, a)| most.max(a.abs()));
            let entry = terms[*row].iter().find(|(at, _)| at == variable);
            equation[column] = entry.map_or(0.0, |(_, a)| a / most);
        }
        equation
    };
    let equations = variables.iter().map(of).collect();
    unique(equations, core.len()).into_iter().map(|column| core[column]).collect()
}

/// The multipliers and variables of the core.
fn left(
    terms: &[&[(usize, f64)]],
    by_variable: &[Vec<usize>],
    open: &[bool],
) -> (Vec<usize>, Vec<usize>) {
    let mut is_core = open.to_vec();
    let mut is_left: Vec<bool> =
        by_variable.iter().map(|rows| rows.iter().any(|row| open[*row])).collect();
    let mut count: Vec<usize> = terms.iter().map(|terms| terms.len()).collect();
    let mut ready: Vec<usize> =
        (0..terms.len()).filter(|row| open[*row] && count[*row] == 1).collect();
    while let Some(row) = ready.pop() {
        // One for which no variable is left is free.
        let Some((variable, _)) = terms[row].iter().find(|(at, _)| is_left[*at]) else { continue };
        is_core[row] = false;
        is_left[*variable] = false;
        for other in by_variable[*variable].iter().filter(|other| is_core[**other]) {
            count[*other] -= 1;
            if count[*other] == 1 {
                ready.push(*other);
            }
        }
    }
    let is_held = |row: &usize| terms[*row].iter().any(|(at, _)| is_left[*at]);
    let core = (0..terms.len()).filter(|row| is_core[*row]).filter(is_held).collect();
    (core, (0..by_variable.len()).filter(|variable| is_left[*variable]).collect())
}

/// The unknowns that some equations determine, by Gauss and Jordan with the largest pivots.
fn unique(mut equations: Vec<Vec<f64>>, unknowns: usize) -> Vec<usize> {
    let mut pivots: Vec<usize> = Vec::new();
    let mut is_free = vec![true; unknowns];
    while pivots.len() < equations.len() {
        let done = pivots.len();
        let mut best = (PIVOT, None);
        for (at, equation) in equations.iter().enumerate().skip(done) {
            for (unknown, entry) in equation.iter().enumerate().filter(|(at, _)| is_free[*at]) {
                if best.0 < entry.abs() {
                    best = (entry.abs(), Some((at, unknown)));
                }
            }
        }
        let Some((at, unknown)) = best.1 else { break };
        equations.swap(done, at);
        let by = equations[done][unknown];
        equations[done].iter_mut().for_each(|entry| *entry /= by);
        let pivot = equations[done].clone();
        for (_, equation) in equations.iter_mut().enumerate().filter(|(at, _)| *at != done) {
            let by = equation[unknown];
            if 0.0 < by.abs() {
                equation.iter_mut().zip(&pivot).for_each(|(entry, p)| *entry -= by * p);
                equation[unknown] = 0.0;
            }
        }
        is_free[unknown] = false;
        pivots.push(unknown);
    }
    let is_known = |equation: &Vec<f64>| {
        equation.iter().zip(&is_free).all(|(entry, free)| !free || entry.abs() <= PIVOT)
    };
    let solved = pivots.iter().zip(&equations).filter(|(_, equation)| is_known(equation));
    solved.map(|(unknown, _)| *unknown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(terms: &[&[(usize, f64)]], variables: usize) -> Vec<usize> {
        let mut by_variable = vec![Vec::new(); variables];
        for (row, terms) in terms.iter().enumerate() {
            terms.iter().for_each(|(variable, _)| by_variable[*variable].push(row));
        }
        let mut found = determined(terms, &by_variable, &vec![true; terms.len()]);
        found.sort_unstable();
        found
    }

    /// Multipliers a and b of two scenarios, with lines 0 and 1 between their limits: a + 2b and 3a + 4b are
    /// given, so both are known. Line 2 is at a kink: c and d are in it alone, beside a and b, and only their
    /// sum is known.
    #[test]
    fn two_lines_determine_two_scenarios_and_a_kink_stays_free() {
        let a = [(0, 1.0), (1, 3.0), (2, 1.0)];
        let b = [(0, 2.0), (1, 4.0), (2, 5.0)];
        let kink = [(2, 1.0)];
        assert_eq!(found(&[&a, &b, &kink, &kink], 3), [0, 1]);
    }

    /// With 2a + 4b instead of 3a + 4b the second says what the first does: neither is known. Others are, by e +
    /// f and e − f.
    #[test]
    fn lines_that_say_the_same_determine_nothing() {
        let a = [(0, 1.0), (1, 2.0)];
        let b = [(0, 2.0), (1, 4.0)];
        let (e, f) = ([(2, 1.0), (3, 1.0)], [(2, 1.0), (3, -1.0)]);
        assert!(found(&[&a, &b], 2).is_empty());
        assert_eq!(found(&[&a, &b, &e, &f], 4), [2, 3]);
    }

    /// a + b + c, b + c and a are given: a is known, and b and c are not.
    #[test]
    fn a_part_may_be_known() {
        let (a, b, c) = ([(0, 1.0), (2, 1.0)], [(0, 1.0), (1, 1.0)], [(0, 1.0), (1, 1.0)]);
        assert_eq!(found(&[&a, &b, &c], 3), [0]);
    }
}
