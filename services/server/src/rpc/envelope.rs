//! The metadata that every response carries beside its own content; filled in only here.

use crate::{
    rpc::{
        gaps::folded,
        merged::hidden_values,
        query::Normal,
        shared::{coverage, result_id, session_on, snapshot_ref},
    },
    views::Pinned,
};
use contract::v1;
use marketdata::gap::Gap;
use portfolio::coverage::Coverage;

/// A response without its metadata, and its gaps and coverage.
#[derive(Debug)]
pub struct Answer<T> {
    response: T,
    gaps: Vec<Gap>,
    coverage: Vec<Coverage>,
    /// The gaps about merges. `None`: every value that merges hide matters.
    merged: Option<Vec<Gap>>,
}

/// A response message with metadata.
pub trait Enveloped {
    /// The metadata.
    fn info(&mut self) -> &mut Option<v1::AnswerInfo>;
}

impl<T: Enveloped> Answer<T> {
    /// An answer without gaps.
    pub fn whole(response: T) -> Answer<T> {
        Answer::with_gaps(response, Vec::new())
    }

    /// An answer with gaps that concern it as a whole.
    pub fn with_gaps(response: T, gaps: Vec<Gap>) -> Answer<T> {
        Answer::with_coverage(response, gaps, Vec::new())
    }

    /// An answer about a portfolio, with how well data cover it.
    pub fn with_coverage(response: T, gaps: Vec<Gap>, coverage: Vec<Coverage>) -> Answer<T> {
        Answer { response, gaps, coverage, merged: None }
    }

    /// The answer with its own gaps about merges of instruments, see [`hidden_values`]. Without, an
    /// answer reports every value that a merge hides.
    #[must_use]
    pub fn with_merged(self, gaps: Vec<Gap>) -> Answer<T> {
        Answer { merged: Some(gaps), ..self }
    }

    /// An answer that has this one's response as a part of its own, and more gaps.
    pub fn within<U>(self, more: Vec<Gap>, whole: impl FnOnce(T) -> U) -> Answer<U> {
        let Answer { response, mut gaps, coverage, merged } = self;
        gaps.extend(more);
        Answer { response: whole(response), gaps, coverage, merged }
    }

    /// The response without its metadata, as a part of another answer.
    pub fn into_part(self) -> T {
        self.response
    }

    /// The response to a normalised request, with its metadata.
    pub fn enclose(mut self, method: &str, normal: &impl Normal, pinned: &Pinned) -> T {
        let merged = self.merged.take();
        let merged = merged.unwrap_or_else(|| hidden_values(pinned.snapshot(), |_| true));
        self.gaps.extend(merged);
        let reference = snapshot_ref(pinned);
        *self.response.info() = Some(v1::AnswerInfo {
            result_id: result_id(method, normal, &reference),
            snapshot: Some(reference),
            session_on: session_on(pinned.as_of()),
            gaps: folded(self.gaps),
            coverage: coverage(&self.coverage),
        });
        self.response
    }
}

/// Lists the responses.
macro_rules! enveloped {
    ($($response:ident)+) => {
        $(impl Enveloped for v1::$response {
            fn info(&mut self) -> &mut Option<v1::AnswerInfo> {
                &mut self.info
            }
        })+
    };
}

enveloped! {
    AnalyzePortfolioHistoryResponse
    AnalyzePortfolioResponse
    AssessShortBookResponse
    BacktestRiskResponse
    CalibrateSqueezeResponse
    EvaluateHedgeResponse
    ExplainChangeResponse
    ExplainPnlResponse
    FindLikelyLossResponse
    GetCalibrationResponse
    GetIndicatorHistoryResponse
    GetRotationResponse
    GetSeriesResponse
    IngestResponse
    ListDatasetsResponse
    ListFactorsResponse
    ListIndicatorsResponse
    ListInstrumentsResponse
    ListRevisionsResponse
    ListScenariosResponse
    ListTradeMembersResponse
    PlanHedgeResponse
    QueryRecordsResponse
    RankSqueezeResponse
    RunStressResponse
    SimulateSqueezeResponse
    TraceFrontierResponse
    ValidatePortfolioResponse
    WatchRotationResponse
    WatchSqueezeResponse
}
