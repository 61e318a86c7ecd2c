//! StressService: what a portfolio would make or lose, if.

mod from_proto;
mod listed;
mod repriced;
mod run;
pub(super) mod setup;
mod squeezed;
mod to_proto;

use crate::{
    as_of::AsOf,
    needed::Needed,
    refusal::{Kind, Refusal},
    rpc::{
        Handler,
        envelope::Answer,
        field::Fields,
        portfolio,
        query::{Normal, Place, Query, answer},
        scenario::{Event, like_this_days, resolve::listed_ids},
    },
    services::Services,
    views::Pinned,
};
use contract::v1::{self, stress_service_server::StressService};
use from_proto::{LossQuery, RunQuery, ScenariosQuery};
use setup::{Setup, Views};
use std::sync::Arc;
use stress::likely_loss::{LossFault, LossReport, likely_loss};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl StressService for Handler {
    async fn run_stress(
        &self,
        request: Request<v1::RunStressRequest>,
    ) -> Result<Response<v1::RunStressResponse>, Status> {
        answer::<RunQuery>(&self.services, request).await
    }

    async fn find_likely_loss(
        &self,
        request: Request<v1::FindLikelyLossRequest>,
    ) -> Result<Response<v1::FindLikelyLossResponse>, Status> {
        answer::<LossQuery>(&self.services, request).await
    }

    async fn list_scenarios(
        &self,
        request: Request<v1::ListScenariosRequest>,
    ) -> Result<Response<v1::ListScenariosResponse>, Status> {
        answer::<ScenariosQuery>(&self.services, request).await
    }
}

/// The results of a request's scenarios.
#[derive(Debug)]
struct Results {
    setup: Arc<Setup>,
    results: Vec<v1::StressResult>,
}

/// Each scenario is a job of its own, so that other calls get their turn, and the work stops at the
/// next one if the caller disconnects.
impl Needed<RunQuery> for Results {
    async fn of(
        query: &RunQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<Results>, Refusal> {
        check_listed(query)?;
        let is_squeezed = query.scenarios.iter().any(|scenario| scenario.squeeze.is_some());
        let views = Views::of(services, pinned, is_squeezed).await?;
        let jobs = services.compute.jobs()?;
        let setting = Arc::clone(&query.setting);
        let setup = Arc::new(jobs.run(move || Setup::of(views, setting)).await??);
        let (mut fields, mut results) = (Fields::new(), Vec::with_capacity(query.scenarios.len()));
        for at in 0..query.scenarios.len() {
            let (setup, scenarios) = (Arc::clone(&setup), Arc::clone(&query.scenarios));
            let (exit, asked) = (query.exit, query.normal.scenarios[at].clone());
            let work = move || run::scenario(&setup, (at, &scenarios[at], asked), &exit);
            match jobs.run(work).await? {
                Ok(result) => results.push(result),
                Err(violations) => {
                    violations.into_iter().for_each(|one| fields.add(one.field, one.description));
                }
            }
        }
        fields.finish(Some(Arc::new(Results { setup, results })))
    }
}

/// Refuses the first scenario that is not listed.
fn check_listed(query: &RunQuery) -> Result<(), Refusal> {
    for (at, scenario) in query.scenarios.iter().enumerate() {
        let Event::Listed { scenario_id, .. } = &scenario.event else { continue };
        if !listed_ids().any(|known| known == scenario_id) {
            let known = listed_ids().map(str::to_owned).collect();
            let unknown =
                Refusal::Unknown { kind: Kind::Scenario, name: scenario_id.clone(), known };
            return Err(unknown.at(format!("scenarios[{at}].listed.scenario_id")));
        }
    }
    Ok(())
}

impl Query for RunQuery {
    const MODEL: &'static str = ::stress::MODEL_VERSION;
    type Prepared = Results;
    type Response = v1::RunStressResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn answer(&self, pinned: &Pinned, found: &Results) -> Result<Answer<Self::Response>, Refusal> {
        let setup = &found.setup;
        let portfolio = &setup.setting.portfolio;
        let response = v1::RunStressResponse {
            results: found.results.clone(),
            settings: Some(setup.settings(self.normal.settings.as_ref())),
            exit: self.normal.exit,
            unresolved: portfolio::all_unresolved(portfolio, &setup.book),
            currency: portfolio.currency.clone(),
            ..Default::default()
        };
        Ok(setup.enclosed(response, pinned, Vec::new()))
    }
}

impl Needed<LossQuery> for Setup {
    async fn of(
        query: &LossQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<Setup>, Refusal> {
        let views = Views::of(services, pinned, false).await?;
        let setting = Arc::clone(&query.setting);
        Ok(Arc::new(services.compute.run(move || Setup::of(views, setting)).await??))
    }
}

impl Query for LossQuery {
    const MODEL: &'static str = ::stress::MODEL_VERSION;
    type Prepared = Setup;
    type Response = v1::FindLikelyLossResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _setup: &Setup) -> Result<Place, Refusal> {
        Ok(Place::Long)
    }

    fn answer(&self, pinned: &Pinned, setup: &Setup) -> Result<Answer<Self::Response>, Refusal> {
        let portfolio = &setup.setting.portfolio;
        let mut response = v1::FindLikelyLossResponse {
            settings: Some(setup.settings(self.normal.settings.as_ref())),
            unresolved: portfolio::all_unresolved(portfolio, &setup.book),
            currency: portfolio.currency.clone(),
            ..Default::default()
        };
        let view = match setup.view() {
            Ok(view) => view,
            Err(gap) => return Ok(setup.enclosed(response, pinned, vec![gap])),
        };
        let found = likely_loss(&view, &setup.book, &setup.partitions, &self.loss);
        let LossReport { average, like_this, coverage } = found.map_err(refused)?;
        let shown = to_proto::Shown { setup, view: Some(&view) };
        let mut gaps: Vec<_> =
            setup.exposure.old_rates_behind(&setup.book, &[]).into_iter().collect();
        response.sources = to_proto::rungs(&coverage);
        response.likely_loss = shown.likely_loss(average, &mut gaps);
        if let Some((outcome, days)) = like_this {
            response.likely_loss_like_this = shown.likely_loss(outcome, &mut gaps);
            response.like_this = Some(like_this_days(&days));
            gaps.extend(days.gap());
        }
        Ok(setup.enclosed(response, pinned, gaps))
    }
}

/// The faults of a search for a loss as violations of its request.
fn refused(faults: Vec<LossFault>) -> Refusal {
    let mut fields = Fields::new();
    for fault in faults {
        match fault {
            LossFault::Factor { bound } => {
                let text = "must be a factor of ListScenarios, each at most once";
                fields.add(format!("boxes[{bound}].factor_id"), text);
            }
            LossFault::Bound { bound } => {
                fields.add(format!("boxes[{bound}]"), "must hold zero");
            }
            LossFault::Loss | LossFault::Sessions | LossFault::SpecificDeviations => {
                fields.add(fault.field(), "is out of range");
            }
        }
    }
    Refusal::Invalid(fields.into_violations())
}
