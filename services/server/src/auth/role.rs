//! What callers may do: the roles, and the one that each method needs.

use serde::{Deserialize, Serialize};

/// What a caller may do. (The roles of symbols are `factors::roles`.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallerRole {
    /// Reads market data, and analyses of the market.
    Reader,
    /// Sends portfolios to be analysed, and does what a reader does.
    Analyst,
    /// Writes market data, and reads nothing.
    Ingester,
    /// Does everything.
    Admin,
}

impl CallerRole {
    /// Every role.
    pub const ALL: [CallerRole; 4] =
        [CallerRole::Reader, CallerRole::Analyst, CallerRole::Ingester, CallerRole::Admin];

    /// Its name in settings and in tokens.
    pub const fn id(self) -> &'static str {
        match self {
            CallerRole::Reader => "reader",
            CallerRole::Analyst => "analyst",
            CallerRole::Ingester => "ingester",
            CallerRole::Admin => "admin",
        }
    }

    /// The role of a name.
    pub fn from_id(id: &str) -> Option<CallerRole> {
        CallerRole::ALL.into_iter().find(|role| role.id() == id)
    }

    /// Whether a caller with this role may do what needs `needed`.
    pub fn covers(self, needed: CallerRole) -> bool {
        let includes = (self, needed) == (CallerRole::Analyst, CallerRole::Reader);
        self == needed || self == CallerRole::Admin || includes
    }
}

/// The methods that need no credentials: probers and balancers have none. Exact paths, so that
/// nothing else can be reached under the name of the service.
pub const OPEN: [&str; 2] = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];

/// The role that each method needs, by service. A method that carries a portfolio needs an analyst.
/// Reflection shows the contract, which is public, but also that this server is one of ours, so it
/// needs a reader.
const NEEDED: [(CallerRole, &str, &[&str]); 12] = [
    (
        CallerRole::Reader,
        "/ballast.v1.MarketDataService/",
        &["GetSeries", "ListDatasets", "ListInstruments", "ListRevisions"],
    ),
    (CallerRole::Ingester, "/ballast.v1.MarketDataService/", &["Ingest"]),
    (
        CallerRole::Reader,
        "/ballast.v1.RotationService/",
        &["GetIndicatorHistory", "GetRotation", "ListIndicators", "QueryRecords", "WatchRotation"],
    ),
    (CallerRole::Reader, "/ballast.v1.ExposureService/", &["ListFactors", "ListTradeMembers"]),
    (
        CallerRole::Analyst,
        "/ballast.v1.ExposureService/",
        &[
            "AnalyzePortfolio",
            "AnalyzePortfolioHistory",
            "AnalyzePortfolios",
            "BacktestRisk",
            "ExplainChange",
            "ExplainPnl",
            "ValidatePortfolio",
        ],
    ),
    (CallerRole::Reader, "/ballast.v1.SqueezeService/", &["GetCalibration", "RankSqueeze"]),
    (CallerRole::Ingester, "/ballast.v1.SqueezeService/", &["CalibrateSqueeze"]),
    (
        CallerRole::Analyst,
        "/ballast.v1.SqueezeService/",
        &["AssessShortBook", "SimulateSqueeze", "WatchSqueeze"],
    ),
    (
        CallerRole::Analyst,
        "/ballast.v1.HedgeService/",
        &["EvaluateHedge", "PlanHedge", "TraceFrontier"],
    ),
    (CallerRole::Reader, "/ballast.v1.StressService/", &["ListScenarios"]),
    (CallerRole::Analyst, "/ballast.v1.StressService/", &["FindLikelyLoss", "RunStress"]),
    (
        CallerRole::Reader,
        "/grpc.reflection.",
        &[
            "v1.ServerReflection/ServerReflectionInfo",
            "v1alpha.ServerReflection/ServerReflectionInfo",
        ],
    ),
];

/// The role that a path needs, `None` for one without a line above.
pub fn listed(path: &str) -> Option<CallerRole> {
    let is_here = |(_, service, methods): &&(CallerRole, &str, &[&str])| {
        path.strip_prefix(service).is_some_and(|method| methods.contains(&method))
    };
    NEEDED.iter().find(is_here).map(|(role, ..)| *role)
}

/// The role that a path needs. What is not listed, as a path that does not exist, is for those who
/// may do everything.
pub fn needed(path: &str) -> CallerRole {
    listed(path).unwrap_or(CallerRole::Admin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_cover_what_they_say() {
        use CallerRole::{Admin, Analyst, Ingester, Reader};
        let covered = |role: CallerRole| CallerRole::ALL.map(|needed| role.covers(needed));
        assert_eq!(covered(Reader), [true, false, false, false]);
        assert_eq!(covered(Analyst), [true, true, false, false]);
        assert_eq!(covered(Ingester), [false, false, true, false]);
        assert_eq!(covered(Admin), [true; 4]);
    }

    #[test]
    fn what_is_not_listed_needs_an_admin() {
        for path in ["", "/", "/grpc.health.v1.Health/", "/grpc.health.v1.Health/Check/x"] {
            assert_eq!((needed(path), OPEN.contains(&path)), (CallerRole::Admin, false), "{path}");
        }
    }
}
