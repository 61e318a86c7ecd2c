//! The envelope that every response carries around its own content; filled in only here.

use crate::{
    rpc::{
        query::Normal,
        shared::{gaps, result_id, snapshot_ref},
    },
    views::Pinned,
};
use contract::v1;
use marketdata::gap::Gap;

/// A response without its envelope, and the contents of that envelope.
#[derive(Debug)]
pub struct Answer<T> {
    response: T,
    gaps: Vec<Gap>,
    coverage: Vec<v1::Coverage>,
}

/// The metadata around the content of a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    snapshot: Option<v1::SnapshotRef>,
    result_id: String,
    gaps: Vec<v1::Gap>,
    coverage: Vec<v1::Coverage>,
}

/// A response message with an envelope.
pub trait Enveloped {
    /// Fills in the envelope.
    fn enclose(&mut self, envelope: Envelope);
}

impl<T: Enveloped> Answer<T> {
    /// An answer without gaps.
    pub fn whole(response: T) -> Answer<T> {
        Answer { response, gaps: Vec::new(), coverage: Vec::new() }
    }

    /// An answer with gaps that concern it as a whole.
    pub fn with_gaps(response: T, gaps: Vec<Gap>) -> Answer<T> {
        Answer { response, gaps, coverage: Vec::new() }
    }

    /// Adds the coverage of a portfolio.
    #[must_use]
    pub fn covering(self, coverage: Vec<v1::Coverage>) -> Answer<T> {
        Answer { coverage, ..self }
    }

    /// The response to a normalised request, in its envelope.
    pub fn enclose(mut self, method: &str, normal: &impl Normal, pinned: &Pinned) -> T {
        let reference = snapshot_ref(pinned);
        self.response.enclose(Envelope {
            result_id: result_id(method, normal, &reference),
            snapshot: Some(reference),
            gaps: gaps(self.gaps),
            coverage: self.coverage,
        });
        self.response
    }
}

/// Lists the responses, each with the parts of the envelope that it has fields for.
macro_rules! enveloped {
    ($($response:ident { $($part:ident),+ })+) => {
        $(impl Enveloped for v1::$response {
            fn enclose(&mut self, envelope: Envelope) {
                $(self.$part = envelope.$part;)+
            }
        })+
    };
}

enveloped! {
    AnalyzePortfolioResponse { snapshot, result_id, gaps, coverage }
    AssessShortBookResponse { snapshot, result_id, gaps, coverage }
    GetCoverageResponse { snapshot, result_id, gaps }
    GetIndicatorHistoryResponse { snapshot, result_id, gaps }
    GetRotationResponse { snapshot, result_id, gaps }
    GetSeriesResponse { snapshot, result_id, gaps }
    ListIndicatorsResponse { snapshot, result_id, gaps }
    ListInstrumentsResponse { snapshot, result_id, gaps }
    ListRevisionsResponse { snapshot, result_id, gaps }
    QueryRecordsResponse { snapshot, result_id, gaps }
    RankSqueezeResponse { snapshot, result_id, gaps }
    ValidatePortfolioResponse { snapshot, result_id, gaps }
    WatchRotationResponse { snapshot, result_id, gaps }
}
