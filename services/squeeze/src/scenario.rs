//! What a short book loses if some of its names are squeezed: scenarios without probabilities.
//!
//! Without a calibrated probability there is no distribution of losses. These scenarios say what a
//! squeeze would cost, not how likely it is: each name jumps by the least that counts as a squeeze.

/// A short that can be squeezed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SqueezableShort {
    /// Index among the lines of the book.
    pub line: usize,
    /// P&L at its jump; above 0 if its options gain more than the rest loses.
    pub pnl: f64,
    /// Whether the market is heavily short of the name.
    pub is_heavily_short: bool,
}

/// Which shorts are squeezed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScenarioKind {
    /// The shorts whose squeezes cost most, this many; each costs something.
    Costliest(usize),
    /// All shorts of which the market is heavily short.
    Crowd,
}

/// A scenario and its result.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Which shorts are squeezed.
    pub kind: ScenarioKind,
    /// Their lines, the costliest first.
    pub lines: Vec<usize>,
    /// Their P&L together.
    pub pnl: f64,
}

/// The scenarios that answers have: the costliest one, two and three, and the crowd's.
const KINDS: [ScenarioKind; 4] = [
    ScenarioKind::Costliest(1),
    ScenarioKind::Costliest(2),
    ScenarioKind::Costliest(3),
    ScenarioKind::Crowd,
];

/// Every scenario that the book has shorts for.
pub fn scenarios(shorts: &[SqueezableShort]) -> Vec<Scenario> {
    let mut sorted = shorts.to_vec();
    sorted.sort_by(|a, b| a.pnl.total_cmp(&b.pnl).then(a.line.cmp(&b.line)));
    KINDS.into_iter().filter_map(|kind| scenario(kind, &sorted)).collect()
}

fn scenario(kind: ScenarioKind, sorted: &[SqueezableShort]) -> Option<Scenario> {
    let squeezed: Vec<&SqueezableShort> = match kind {
        ScenarioKind::Costliest(count) => {
            let costliest = sorted.get(..count)?;
            // The last one costs least.
            costliest.iter().all(|short| short.pnl < 0.0).then(|| costliest.iter().collect())?
        }
        ScenarioKind::Crowd => sorted.iter().filter(|short| short.is_heavily_short).collect(),
    };
    (!squeezed.is_empty()).then(|| Scenario {
        kind,
        lines: squeezed.iter().map(|short| short.line).collect(),
        pnl: squeezed.iter().map(|short| short.pnl).sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_costliest_and_the_crowd_by_hand() {
        let short = |line, pnl, is_heavily_short| SqueezableShort { line, pnl, is_heavily_short };
        let found =
            scenarios(&[short(0, -10.0, true), short(1, -30.0, false), short(2, -20.0, true)]);
        let [one, two, three, crowd] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&one.lines[..], one.pnl.to_bits()), (&[1][..], (-30f64).to_bits()));
        assert_eq!((&two.lines[..], two.pnl.to_bits()), (&[1, 2][..], (-50f64).to_bits()));
        assert_eq!((&three.lines[..], three.pnl.to_bits()), (&[1, 2, 0][..], (-60f64).to_bits()));
        assert_eq!((&crowd.lines[..], crowd.pnl.to_bits()), (&[2, 0][..], (-30f64).to_bits()));
        assert_eq!(scenarios(&[short(0, -10.0, false)]).len(), 1);
        assert!(scenarios(&[]).is_empty());
    }
}
