//! RotationService: who leads the market, since when it was like this, and what would change it.

mod as_published;
mod from_proto;
mod to_proto;

use crate::{
    compute::ranges,
    rpc::{
        shared::{self, AsOf},
        status::{Kind, Refusal},
        watch::{Watching, watch},
    },
    services::Services,
    views::{Pinned, View},
};
use contract::v1::{self, rotation_service_server::RotationService};
use from_proto::{History, Records, RotationQuery};
use rotation::{
    prepared::{Preparation, PreparedRotation},
    query::QueryRefusal,
};
use std::sync::{Arc, Mutex, PoisonError};
use tonic::{Request, Response, Status};

/// Computes what a view prepares for this service, on all threads in fixed ranges.
fn prepare(view: &View) -> PreparedRotation {
    let work = Preparation::of(&view.snapshot, &view.roles);
    let part = |range| work.part(&view.snapshot, range);
    let parts = ranges(work.len(), Preparation::STEP, part);
    work.finish(&view.snapshot, &view.roles, parts)
}

/// Serves `RotationService`.
#[derive(Debug)]
pub struct Handler {
    services: Arc<Services>,
}

impl Handler {
    /// A handler.
    pub fn new(services: Arc<Services>) -> Handler {
        Handler { services }
    }
}

async fn prepared(
    services: &Services,
    as_of: &AsOf,
) -> Result<(Pinned, Arc<PreparedRotation>), Refusal> {
    let pinned = services.view(as_of)?;
    let prepared = pinned.view().rotation.get(&services.compute, &pinned, prepare).await?;
    Ok((pinned, prepared))
}

#[tonic::async_trait]
impl RotationService for Handler {
    async fn get_rotation(
        &self,
        request: Request<v1::GetRotationRequest>,
    ) -> Result<Response<v1::GetRotationResponse>, Status> {
        let query = RotationQuery::from_proto(request.into_inner())?;
        let (pinned, prepared) = prepared(&self.services, &query.as_of).await?;
        let (report, gaps) = query.answer(&prepared)?;
        let reference = shared::snapshot_ref(&pinned);
        Ok(Response::new(v1::GetRotationResponse {
            result_id: shared::result_id("GetRotation", &query.normal, &reference),
            snapshot: Some(reference),
            gaps,
            report: Some(report),
        }))
    }

    type WatchRotationStream = Watching<v1::WatchRotationResponse>;

    async fn watch_rotation(
        &self,
        request: Request<v1::WatchRotationRequest>,
    ) -> Result<Response<Self::WatchRotationStream>, Status> {
        let (query, last) = RotationQuery::from_watch(request.into_inner())?;
        // A wrong request fails the call, not the stream.
        let (_, prepared) = prepared(&self.services, &query.as_of).await?;
        query.answer(&prepared)?;
        let (services, query) = (Arc::clone(&self.services), Arc::new(query));
        // A sign of life answers a reader that is up to date, first or after a while of silence.
        let told = Arc::new(Mutex::new((last, true)));
        let stream = watch(&self.services, move |wake| {
            let (services, query, told) =
                (Arc::clone(&services), Arc::clone(&query), Arc::clone(&told));
            async move {
                let message = watched(&services, &query).await?;
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                let silent = wake == crate::revisions::Wake::Changed && !told.1;
                told.1 = false;
                Ok(unless_told(message, &mut told.0, silent))
            }
        })?;
        Ok(Response::new(stream))
    }

    async fn list_indicators(
        &self,
        request: Request<v1::ListIndicatorsRequest>,
    ) -> Result<Response<v1::ListIndicatorsResponse>, Status> {
        let mut normal = request.into_inner();
        let as_of = from_proto::as_of_alone(normal.as_of.take())?;
        let pinned = self.services.view(&as_of)?;
        let reference = shared::snapshot_ref(&pinned);
        let (roles, gaps) = to_proto::roles(pinned.snapshot(), &pinned.view().roles);
        Ok(Response::new(v1::ListIndicatorsResponse {
            result_id: shared::result_id("ListIndicators", &normal, &reference),
            snapshot: Some(reference),
            gaps,
            indicators: to_proto::indicators(),
            roles,
        }))
    }

    async fn get_indicator_history(
        &self,
        request: Request<v1::GetIndicatorHistoryRequest>,
    ) -> Result<Response<v1::GetIndicatorHistoryResponse>, Status> {
        let query = History::from_proto(request.into_inner())?;
        if let Some(measured) = query.as_published.clone() {
            let answer = as_published::answer(&self.services, query, measured).await?;
            return Ok(Response::new(answer));
        }
        let (pinned, prepared) = prepared(&self.services, &query.as_of).await?;
        Ok(Response::new(query.answer(&pinned, &prepared)?))
    }

    async fn query_records(
        &self,
        request: Request<v1::QueryRecordsRequest>,
    ) -> Result<Response<v1::QueryRecordsResponse>, Status> {
        let query = Records::from_proto(request.into_inner())?;
        let (pinned, prepared) = prepared(&self.services, &query.as_of).await?;
        let work = move || query.answer(&pinned, &prepared);
        Ok(Response::new(self.services.compute.run(work).await??))
    }
}

async fn watched(
    services: &Services,
    query: &RotationQuery,
) -> Result<v1::WatchRotationResponse, Refusal> {
    let (pinned, prepared) = prepared(services, &query.as_of).await?;
    let (report, gaps) = query.answer(&prepared)?;
    let reference = shared::snapshot_ref(&pinned);
    Ok(v1::WatchRotationResponse {
        result_id: shared::result_id("WatchRotation", &query.normal, &reference),
        snapshot: Some(reference),
        gaps,
        report: Some(report),
    })
}

/// The message; a heartbeat where its report was told already, nothing where even that would be noise.
fn unless_told(
    message: v1::WatchRotationResponse,
    told: &mut String,
    silent: bool,
) -> Option<v1::WatchRotationResponse> {
    let id = message.report.as_ref().map_or("", |report| &report.report_id);
    if *told != id {
        id.clone_into(told);
        return Some(message);
    }
    (!silent).then(|| v1::WatchRotationResponse { report: None, gaps: Vec::new(), ..message })
}

/// A record query's refusal, at the field it is about.
fn refused(refusal: QueryRefusal) -> Refusal {
    match refusal {
        QueryRefusal::UnknownInstrument(name) => Refusal::Unknown { kind: Kind::Instrument, name },
        QueryRefusal::UnknownMeasure(name) => Refusal::Unknown { kind: Kind::Indicator, name },
        QueryRefusal::NotApplicable { condition, why } => {
            let field = match condition {
                None => "variable.transform".to_owned(),
                Some(at) => format!("conditions[{at}].variable.transform"),
            };
            let description = why.to_owned();
            Refusal::Invalid(vec![portfolio::lines::Violation { field, description }])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str) -> v1::WatchRotationResponse {
        let report = v1::RotationReport { report_id: id.to_owned(), ..Default::default() };
        v1::WatchRotationResponse { report: Some(report), ..Default::default() }
    }

    #[test]
    fn a_report_is_told_once() {
        let mut told = String::new();
        assert!(unless_told(message("a"), &mut told, true).is_some_and(|m| m.report.is_some()));
        assert_eq!(unless_told(message("a"), &mut told, true), None);
        assert!(unless_told(message("a"), &mut told, false).is_some_and(|m| m.report.is_none()));
        assert!(unless_told(message("b"), &mut told, true).is_some_and(|m| m.report.is_some()));
    }
}
