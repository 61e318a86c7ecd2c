//! MarketDataService: lists what the log holds, and takes uploads.

mod from_proto;
mod ingest;
pub(super) mod instrument;
mod series;
mod to_proto;

use crate::{
    as_of::AsOf,
    auth::Caller,
    limits,
    needed::Needed,
    patience,
    prepared::PreparedDatasets,
    refusal::Refusal,
    rpc::{
        Handler,
        envelope::Answer,
        merged::hidden_values,
        origin::origin,
        portfolio,
        query::{Normal, Place, Query, answer},
    },
    services::Services,
    views::Pinned,
};
use contract::v1::{self, market_data_service_server::MarketDataService};
use from_proto::{DatasetsQuery, InstrumentsQuery, RevisionsQuery, SeriesQuery};
use instrument::{has_ever, merged_symbol, subject};
use marketdata::{
    dataset::Dataset,
    day::Day,
    gap::Gap,
    instrument::{Instrument, InstrumentId},
    restated::{Restated, ShareUnits},
    snapshot::Snapshot,
    track::Rows,
};
use series::SeriesPage;
use std::{ops::Range, sync::Arc, time::Duration};
use store::{RevisionPage, RevisionRecord, Store, StoreError};
use tonic::{Request, Response, Status, Streaming};

#[tonic::async_trait]
impl MarketDataService for Handler {
    async fn ingest(
        &self,
        request: Request<Streaming<v1::IngestRequest>>,
    ) -> Result<Response<v1::IngestResponse>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = Arc::clone(caller.unwrap_or_else(Caller::anonymous).name());
        let caller = (caller, origin(request.extensions()));
        Ok(Response::new(ingest::ingest(&self.services, caller, request.into_inner()).await?))
    }

    async fn get_series(
        &self,
        request: Request<v1::GetSeriesRequest>,
    ) -> Result<Response<v1::GetSeriesResponse>, Status> {
        answer::<SeriesQuery>(&self.services, request).await
    }

    async fn list_instruments(
        &self,
        request: Request<v1::ListInstrumentsRequest>,
    ) -> Result<Response<v1::ListInstrumentsResponse>, Status> {
        answer::<InstrumentsQuery>(&self.services, request).await
    }

    async fn list_datasets(
        &self,
        request: Request<v1::ListDatasetsRequest>,
    ) -> Result<Response<v1::ListDatasetsResponse>, Status> {
        answer::<DatasetsQuery>(&self.services, request).await
    }

    async fn list_revisions(
        &self,
        request: Request<v1::ListRevisionsRequest>,
    ) -> Result<Response<v1::ListRevisionsResponse>, Status> {
        answer::<RevisionsQuery>(&self.services, request).await
    }
}

impl Query for DatasetsQuery {
    const MODEL: &'static str = ::marketdata::MODEL_VERSION;
    type Prepared = PreparedDatasets;
    type Response = v1::ListDatasetsResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        PreparedDatasets(found): &PreparedDatasets,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let datasets = to_proto::datasets(found, pinned);
        Ok(Answer::whole(v1::ListDatasetsResponse { datasets, ..Default::default() }))
    }
}

impl Query for InstrumentsQuery {
    const MODEL: &'static str = ::marketdata::MODEL_VERSION;
    type Prepared = ();
    type Response = v1::ListInstrumentsResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _prepared: &()) -> Result<Place, Refusal> {
        Ok(Place::Pool)
    }

    fn answer(&self, pinned: &Pinned, _prepared: &()) -> Result<Answer<Self::Response>, Refusal> {
        let snapshot = pinned.snapshot();
        let reference = portfolio::instrument(self.normal.instrument.as_ref());
        let begins = |id| snapshot.symbol(id).starts_with(&self.prefix);
        let holds = |id| self.dataset.is_none_or(|dataset| !snapshot.rows(dataset, id).is_empty());
        let wanted = |instrument: &&Instrument| {
            let id = instrument.id;
            let merged = || snapshot.merged_into(id).into_iter().map(|(merged, _)| merged);
            snapshot.survivor(id) == id
                && has_ever(snapshot, instrument, &reference)
                && (begins(id) || merged().any(begins))
                && (holds(id) || merged().any(holds))
        };
        let all = snapshot.instruments().iter().filter(wanted);
        let mut ids: Vec<InstrumentId> = all.map(|instrument| instrument.id).collect();
        // The snapshot fixes the list and its order, so a token needs only a position in it.
        snapshot.sort_by_name(&mut ids);
        let cut = self.page.cut(ids.len(), pinned);
        let known = ids[cut.places.clone()].iter().filter_map(|id| snapshot.instrument(*id));
        let hidden = snapshot.hidden_by_merges();
        let of_page = &ids[cut.places.clone()];
        let others = to_proto::Others::of(snapshot);
        let merged = hidden_values(snapshot, |hidden| of_page.contains(&hidden.survivor));
        let response = v1::ListInstrumentsResponse {
            instruments: known.map(|known| to_proto::instrument(known, &others, &hidden)).collect(),
            next_page_token: cut.next_page_token,
            total_size: cut.total_size,
            ..Default::default()
        };
        Ok(Answer::whole(response).with_merged(merged))
    }
}

impl Query for SeriesQuery {
    const MODEL: &'static str = ::marketdata::MODEL_VERSION;
    type Prepared = ();
    type Response = v1::GetSeriesResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn place(&mut self, _prepared: &()) -> Result<Place, Refusal> {
        // Other identifiers than the symbol are searched for in the whole security master.
        let is_quick = self.instrument().is_symbol_only();
        Ok(if is_quick { Place::Inline } else { Place::Pool })
    }

    fn answer(&self, pinned: &Pinned, _prepared: &()) -> Result<Answer<Self::Response>, Refusal> {
        let snapshot = pinned.snapshot();
        let (id, gap) = subject(snapshot, self.dataset, &self.instrument())?;
        let rows = match self.as_published {
            true => snapshot.rows_as_first_published(self.dataset, id),
            false => snapshot.rows(self.dataset, id),
        };
        let (start_on, end_on) = self.days;
        let first = rows.last_on_or_before(start_on.plus(-1)).map_or(0, |row| row + 1);
        let end = rows.last_on_or_before(end_on).map_or(0, |row| row + 1);
        let cut = self.page.cut(end.saturating_sub(first), pinned);
        let of_page = by_name(snapshot, &rows, first + cut.places.start..first + cut.places.end);
        let wanted = match self.units {
            v1::SeriesUnits::AsOfDate => ShareUnits::Of(snapshot.today()),
            v1::SeriesUnits::AsTraded => ShareUnits::AsTraded,
            v1::SeriesUnits::AsStored | v1::SeriesUnits::Unspecified => ShareUnits::AsStored,
        };
        let (symbol, listing) = (snapshot.symbol(id), snapshot.quotation(id, snapshot.today()));
        let restated = Restated::of(snapshot, id, self.dataset, &rows, wanted);
        let merged = self.merged(snapshot, id, &of_page.iter().map(|row| rows.day(*row)));
        let mut page = SeriesPage::new(snapshot, &rows, &restated, (symbol, &self.fields));
        let points = of_page.into_iter().map(|row| page.point(row)).collect();
        let response = v1::GetSeriesResponse {
            symbol: symbol.to_owned(),
            merged_symbol: merged_symbol(snapshot, self.instrument().symbol, id),
            fields: self.fields.iter().map(|field| series::field(*field, listing)).collect(),
            points,
            next_page_token: cut.next_page_token,
            total_size: cut.total_size,
            units: self.units.into(),
            ..Default::default()
        };
        let gaps = gap.into_iter().chain(page.gaps()).collect();
        Ok(Answer::with_gaps(response, gaps).with_merged(merged))
    }
}

impl SeriesQuery {
    /// What merges hide on the days of a page, and of the splits that convert its units.
    fn merged(
        &self,
        snapshot: &Snapshot,
        id: InstrumentId,
        days: &(impl Iterator<Item = Day> + Clone),
    ) -> Vec<Gap> {
        let converts = matches!(self.units, v1::SeriesUnits::AsOfDate | v1::SeriesUnits::AsTraded);
        hidden_values(snapshot, |hidden| {
            let is_hidden = |day: Day| hidden.days.binary_search(&day).is_ok();
            let is_of_page = hidden.dataset == self.dataset && days.clone().any(is_hidden);
            let converts = converts && hidden.dataset == Dataset::Splits;
            hidden.involves(id) && (is_of_page || converts)
        })
    }
}

/// The rows at some positions, with those of one day sorted by the name of their other instrument.
/// They are stored sorted by its number.
fn by_name(snapshot: &Snapshot, rows: &Rows<'_>, places: Range<usize>) -> Vec<usize> {
    let mut ordered = Vec::with_capacity(places.len());
    let mut at = places.start;
    while at < places.end {
        let day = rows.day(at);
        let first = rows.last_on_or_before(day.plus(-1)).map_or(0, |row| row + 1);
        let end = rows.last_on_or_before(day).map_or(0, |row| row + 1);
        let taken = at - first..places.end.min(end) - first;
        at = first + taken.end;
        let mut others: Vec<InstrumentId> = (first..end).map(|row| rows.other(row)).collect();
        let by_number = others.clone();
        snapshot.sort_by_name(&mut others);
        // A day has one row per other instrument, by rising number.
        let row = |other| by_number.binary_search(other).ok().map(|row| first + row);
        ordered.extend(others[taken].iter().filter_map(row));
    }
    ordered
}

/// The store's records of the revisions that a request looks for.
pub(super) struct Revisions(Vec<RevisionRecord>);

impl Needed<RevisionsQuery> for Revisions {
    async fn of(
        query: &RevisionsQuery,
        services: &Services,
        pinned: &Pinned,
    ) -> Result<Arc<Revisions>, Refusal> {
        let last = pinned.snapshot().revision();
        let after = query.normal.after_revision.max(query.page.starts_after());
        let most = query.page.looks_for() as u32;
        let expected = last.saturating_sub(after).min(most.into());
        let complete = async {
            loop {
                let page = move |store: Arc<dyn Store>| async move {
                    let RevisionPage { records, lags } = store.revisions(after, most).await?;
                    if expected <= records.len() as u64 {
                        return Ok(Some(records));
                    }
                    // Only a standby lacks a revision that this server has read or written.
                    if lags {
                        return Ok(None);
                    }
                    let missing = after + records.len() as u64 + 1;
                    Err(StoreError::Replaced(format!("it has no revision {missing} any more")))
                };
                if let Some(found) = services.read(page).await? {
                    return Ok::<_, Refusal>(found);
                }
                tokio::time::sleep(Duration::from_millis(limits::STANDBY_PAUSE_MS)).await;
            }
        };
        let found = tokio::time::timeout_at(patience::end(), complete).await;
        let mut found = found.map_err(|_| Refusal::StoreLate)??;
        found.retain(|record| record.mark.revision <= last);
        Ok(Arc::new(Revisions(found)))
    }
}

impl RevisionsQuery {
    /// Number of revisions after the first one asked for; revisions have no gaps.
    fn total(&self, pinned: &Pinned) -> u64 {
        pinned.snapshot().revision().saturating_sub(self.normal.after_revision)
    }
}

impl Query for RevisionsQuery {
    const MODEL: &'static str = ::marketdata::MODEL_VERSION;
    type Prepared = Revisions;
    type Response = v1::ListRevisionsResponse;

    fn asked(&self) -> (&AsOf, &impl Normal) {
        (&self.as_of, &self.normal)
    }

    fn answer(
        &self,
        pinned: &Pinned,
        Revisions(found): &Revisions,
    ) -> Result<Answer<Self::Response>, Refusal> {
        let (page, next_page_token) =
            self.page.cut_after(found, |record| record.mark.revision, pinned);
        let response = v1::ListRevisionsResponse {
            revisions: page.iter().map(to_proto::revision).collect(),
            next_page_token,
            total_size: i32::try_from(self.total(pinned)).unwrap_or(i32::MAX),
            ..Default::default()
        };
        // Revisions are listed as they were written, whatever was merged since.
        Ok(Answer::whole(response).with_merged(Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        rpc::{page::Page, query::FromProto},
        settings::Settings,
        views::View,
    };
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
    };

    fn enclosed<Q: Query<Prepared = ()>>(query: &Q, pinned: &Pinned) -> Q::Response {
        let answer = query.answer(pinned, &()).unwrap();
        answer.enclose(Q::METHOD, query.asked().1, pinned)
    }

    #[test]
    fn a_forged_token_reaches_no_row_before_the_first_day_asked_for() {
        let mut fixture = Fixture::new();
        let days = ["2021-01-25", "2021-01-26", "2021-01-27"].map(day);
        let market = fixture.closes("GME", &days.map(|day| (day, 1.0))).commit().market();
        let at = Instant::close_of(days[2]);
        let settings = Settings::of(&Config::standard().roles).unwrap();
        let view = View::of(&market, at, 1, Arc::new(settings)).unwrap();
        let pinned = Pinned::new(view, at, ::marketdata::MODEL_VERSION);
        let request = v1::GetSeriesRequest {
            dataset: v1::Dataset::Bars.into(),
            instrument: Some(v1::InstrumentRef {
                symbol: "GME".to_owned(),
                ..v1::InstrumentRef::default()
            }),
            start_on: "2021-01-26".to_owned(),
            ..v1::GetSeriesRequest::default()
        };
        for (start, points) in [(0, 2), (1, 1), (2, 0), (u64::MAX - 1, 0), (u64::MAX, 0)] {
            let mut query = SeriesQuery::from_proto(request.clone()).unwrap();
            query.page = Page::forged(100, start);
            let answer = enclosed(&query, &pinned);
            assert_eq!((answer.points.len(), answer.next_page_token.as_str()), (points, ""));
            let query = InstrumentsQuery {
                page: Page::forged(100, start),
                ..InstrumentsQuery::from_proto(v1::ListInstrumentsRequest::default()).unwrap()
            };
            let answer = enclosed(&query, &pinned);
            assert_eq!(answer.instruments.len(), usize::from(start == 0));
        }
    }
}
