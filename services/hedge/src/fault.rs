//! What can be wrong with the statement of a problem.

/// One fault of a statement. All are found at once.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// Nothing can be traded.
    #[error("no line is traded")]
    NothingTraded,
    /// Two lines have this id.
    #[error("line {0} is given twice")]
    DuplicateLine(String),
    /// Two constraints, exclusions or integer limits have this id.
    #[error("constraint {0} is given twice")]
    DuplicateConstraint(String),
    /// A number of a line is not finite, or outside the range that its description gives.
    #[error("{field} of line {line} is out of range")]
    LineNumber {
        /// Id of the line.
        line: String,
        /// The field, by its name in [`crate::line`].
        field: &'static str,
    },
    /// Exposures or loadings of a line are not in ascending order or name nothing of the risk model.
    #[error("{field} of line {line} have a wrong index")]
    LineIndex {
        /// Id of the line.
        line: String,
        /// The field.
        field: &'static str,
    },
    /// Holding a line long and short at once would earn money: long plus short carry is negative.
    #[error("carries of line {0} add up to a gain")]
    CarryNotConvex(String),
    /// A number of the objective is not finite or has the wrong sign.
    #[error("{0} of the objective is out of range")]
    ObjectiveNumber(&'static str),
    /// The scenarios have returns of another number of lines than are traded.
    #[error("scenarios have {given} lines, {traded} are traded")]
    ScenarioLines {
        /// Lines with returns.
        given: usize,
        /// Lines that are traded.
        traded: usize,
    },
    /// A constraint has no limit.
    #[error("constraint {0} has no limit")]
    NoLimit(String),
    /// A limit is not finite.
    #[error("a limit of constraint {0} is not finite")]
    LimitNotFinite(String),
    /// The lower limit is above the upper one.
    #[error("the limits of constraint {0} are crossed")]
    CrossedLimits(String),
    /// A lower limit of a measure that takes an upper one only.
    #[error("constraint {0} takes an upper limit only")]
    NotConvex(String),
    /// An upper limit of a measure that cannot be negative is negative.
    #[error("the upper limit of constraint {0} is negative")]
    NegativeLimit(String),
    /// A constraint names a line or a factor that does not exist, or a line that is not traded.
    #[error("constraint {0} names no line or factor")]
    UnknownSubject(String),
    /// The weights of a constraint are not one finite number per line.
    #[error("constraint {0} does not have one finite weight per line")]
    Weights(String),
    /// The losses of a constraint on the worst shorts are not one number per source that is finite and
    /// not negative, or none of them count.
    #[error("constraint {0} does not have one loss per source")]
    Losses(String),
    /// Participation is limited, and the volume of this traded line is unknown.
    #[error("a limit on participation needs the volume of line {0}")]
    UnknownVolume(String),
    /// A limit on the number of lines needs a finite range of trades, and no constraint bounds this
    /// line on both sides.
    #[error("a limit on lines needs a finite range of trades of line {0}")]
    UnboundedTrade(String),
    /// The risk or the cost of the book as held is too large for a number.
    #[error("the risk or the cost of the book is too large for a number")]
    TooLarge,
    /// The smallest ticket is not a positive number.
    #[error("ticket {0} is not positive")]
    Ticket(String),
}
