//! ListScenarios: the scenarios with an id, what each needs, and whether the view has it.

use super::{from_proto::ScenariosQuery, setup::Views};
use crate::{
    as_of::AsOf,
    needed::Needed,
    refusal::Refusal,
    rpc::{
        envelope::Answer,
        query::{Normal, Place, Query},
        scenario::{all_series, resolve, series_id},
    },
    services::Services,
    views::Pinned,
};
use contract::v1::{self, listed_scenario::Happening as Event, scenario_need::Need as WireNeed};
use marketdata::snapshot::Snapshot;
use risk::{
    factor_view::FactorView,
    series::{MoveUnit, Series},
};
use std::sync::Arc;
use stress::{
    catalog::{CatalogEntry, Need, Needed as What, ScenarioKind, hypotheticals, windows},
    ready::{GivenInputs, Missing, ready},
};

impl Needed<ScenariosQuery> for Views {
    async fn of(
        _: &ScenariosQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<Views>, Refusal> {
        Ok(Arc::new(Views::of(services, pinned, false).await?))
    }
}

impl Query for ScenariosQuery {
    const MODEL: &'static str = ::stress::MODEL_VERSION;
    type Prepared = Views;
    type Response = v1::ListScenariosResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _views: &Views) -> Result<Place, Refusal> {
        Ok(Place::Pool)
    }

    fn answer(&self, pinned: &Pinned, views: &Views) -> Result<Answer<Self::Response>, Refusal> {
        let snapshot = views.exposure.snapshot();
        let mut listed: Vec<v1::ListedScenario> =
            windows(&views.exposure, views.roles()).iter().map(window).collect();
        let (mut factor_ids, mut gaps) = (Vec::new(), Vec::new());
        let view = views.factors(&views.exposure);
        match &view {
            Ok(view) => {
                listed.extend(hypothetical(view, snapshot));
                factor_ids = view.factors.factors().to_vec();
            }
            Err(gap) => gaps.push(gap.clone()),
        }
        let cut = self.page.cut(listed.len(), pinned);
        let response = v1::ListScenariosResponse {
            scenarios: listed.drain(cut.places).collect(),
            next_page_token: cut.next_page_token,
            total_size: cut.total_size,
            factor_ids,
            series: all_series().map(|series| shockable(series, view.as_ref().ok())).collect(),
            ..Default::default()
        };
        Ok(Answer::with_gaps(response, gaps))
    }
}

fn shockable(series: Series, view: Option<&FactorView<'_>>) -> v1::ScenarioSeries {
    let unit = match series.unit() {
        MoveUnit::Return => v1::MoveUnit::TotalReturn,
        MoveUnit::BasisPoints => v1::MoveUnit::ChangeBp,
        MoveUnit::Points => v1::MoveUnit::ChangePoints,
    };
    v1::ScenarioSeries {
        series_id: series_id(series),
        unit: unit.into(),
        available: view.is_some_and(|view| view.moves(series).is_some()),
    }
}

fn window(entry: &CatalogEntry) -> v1::ListedScenario {
    let event = match entry.kind {
        ScenarioKind::Replay { start_on, end_on } => Some(Event::Replay(v1::ReplayedWindow {
            start_on: start_on.to_string(),
            end_on: end_on.to_string(),
        })),
        ScenarioKind::Hypothetical => None,
    };
    v1::ListedScenario {
        scenario_id: entry.scenario_id.clone(),
        name: entry.name.clone(),
        source: entry.source.clone(),
        happening: event,
        needs: entry.needs.iter().map(need).collect(),
        available: entry.is_available(),
    }
}

/// The ready scenarios, with the shocks that they make on the view.
fn hypothetical<'a>(
    view: &'a FactorView<'a>,
    snapshot: &'a Snapshot,
) -> impl Iterator<Item = v1::ListedScenario> + 'a {
    let given = GivenInputs { cut_probability: None };
    hypotheticals(view, given).into_iter().zip(ready(view, given)).map(|(entry, made)| {
        let shocks = made.scenario.map(|made| resolve::hypothetical(&made, snapshot));
        v1::ListedScenario {
            happening: Some(Event::Hypothetical(shocks.unwrap_or_default())),
            ..window(&entry)
        }
    })
}

fn need(need: &Need) -> v1::ScenarioNeed {
    let wire = match &need.what {
        What::Role(role) => WireNeed::Role(role.id().to_owned()),
        What::Names { with_prices, of } => WireNeed::Names(v1::ScenarioNames {
            with_prices_count: *with_prices as i32,
            name_count: *of as i32,
        }),
        What::Input(Missing::Series(series)) => WireNeed::SeriesId(series_id(*series)),
        What::Input(Missing::MarketValue(name)) => WireNeed::MarketValueOf(name.clone()),
        What::Input(Missing::CutProbability) => {
            WireNeed::RequestField("cut_probability".to_owned())
        }
    };
    v1::ScenarioNeed { need: Some(wire), available: need.is_there }
}
