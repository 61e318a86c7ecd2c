//! MarketDataService: what the log holds; files come in through `rpc/ingest.rs`.

use crate::{
    limits,
    rpc::{
        field::Fields,
        ingest::ingest,
        page::{Page, page},
        shared::{self, AsOf, hex, timestamp},
        status::{Kind, Refusal},
        vintage::is_as_published,
    },
    services::Services,
    views::{Pinned, View},
};
use contract::v1::{self, market_data_service_server::MarketDataService};
use marketdata::{
    coverage::{DatasetCoverage, coverage},
    dataset::{Dataset, Field},
    day::Day,
    instrument::{Instrument, InstrumentId, Namespace},
    snapshot::Snapshot,
    symbol::Symbol,
    track::Rows,
};
use std::{ops::Range, sync::Arc};
use tonic::{Request, Response, Status, Streaming};

/// Serves `MarketDataService`.
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

#[tonic::async_trait]
impl MarketDataService for Handler {
    async fn ingest(
        &self,
        request: Request<Streaming<v1::IngestRequest>>,
    ) -> Result<Response<v1::IngestResponse>, Status> {
        Ok(Response::new(ingest(&self.services, request.into_inner()).await?))
    }

    async fn get_series(
        &self,
        request: Request<v1::GetSeriesRequest>,
    ) -> Result<Response<v1::GetSeriesResponse>, Status> {
        let query = SeriesQuery::from_proto(request.into_inner())?;
        let pinned = self.services.view(&query.as_of)?;
        Ok(Response::new(series(&query, &pinned)?))
    }

    async fn list_instruments(
        &self,
        request: Request<v1::ListInstrumentsRequest>,
    ) -> Result<Response<v1::ListInstrumentsResponse>, Status> {
        let query = InstrumentsQuery::from_proto(request.into_inner())?;
        let pinned = self.services.view(&query.as_of)?;
        let answer = self.services.compute.run(move || instruments(&query, &pinned)).await?;
        Ok(Response::new(answer))
    }

    async fn get_coverage(
        &self,
        request: Request<v1::GetCoverageRequest>,
    ) -> Result<Response<v1::GetCoverageResponse>, Status> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, request.into_inner().as_of);
        let as_of = fields.finish(Some(as_of))?;
        let pinned = self.services.view(&as_of)?;
        let found = pinned.view().coverage.get(&self.services.compute, &pinned, covered).await?;
        Ok(Response::new(coverage_to_proto(&found, &pinned)))
    }

    async fn list_revisions(
        &self,
        request: Request<v1::ListRevisionsRequest>,
    ) -> Result<Response<v1::ListRevisionsResponse>, Status> {
        let query = RevisionsQuery::from_proto(request.into_inner())?;
        let pinned = self.services.view(&query.as_of)?;
        Ok(Response::new(self.revisions(&query, &pinned).await?))
    }
}

fn covered(view: &View) -> Vec<DatasetCoverage> {
    coverage(&view.snapshot)
}

fn coverage_to_proto(found: &[DatasetCoverage], pinned: &Pinned) -> v1::GetCoverageResponse {
    let reference = shared::snapshot_ref(pinned);
    let today = pinned.snapshot().today();
    let datasets = found.iter().map(|coverage| v1::DatasetCoverage {
        dataset: dataset_to_proto(coverage.dataset).into(),
        instruments: coverage.instruments,
        rows: coverage.rows,
        first_on: coverage.first_on.to_string(),
        last_on: coverage.last_on.to_string(),
        last_published_at: Some(timestamp(coverage.last_published_at)),
        age_days: today.epoch().saturating_sub(coverage.last_on.epoch()),
        without_prices: coverage.without_prices.as_ref().map(|names| names.len() as u64),
        without_prices_symbols: unjoined(coverage, pinned),
    });
    v1::GetCoverageResponse {
        datasets: datasets.collect(),
        result_id: shared::result_id("GetCoverage", &v1::GetCoverageRequest::default(), &reference),
        gaps: Vec::new(),
        snapshot: Some(reference),
    }
}

fn unjoined(coverage: &DatasetCoverage, pinned: &Pinned) -> Vec<String> {
    let names = coverage.without_prices.iter().flatten();
    let mut symbols: Vec<&str> = names.map(|id| pinned.snapshot().symbol(*id)).collect();
    symbols.sort_unstable();
    symbols.into_iter().take(limits::UNJOINED_NAMES).map(str::to_owned).collect()
}

struct InstrumentsQuery {
    as_of: AsOf,
    page: Page,
    dataset: Option<Dataset>,
    prefix: String,
    normal: v1::ListInstrumentsRequest,
}

impl InstrumentsQuery {
    fn from_proto(mut request: v1::ListInstrumentsRequest) -> Result<InstrumentsQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let dataset = dataset_from_proto(&mut fields, request.dataset);
        let prefix = request.symbol_prefix.trim();
        let prefix = match prefix.is_empty() {
            true => String::new(),
            false => match Symbol::listed(prefix) {
                Ok(symbol) => symbol.as_str().to_owned(),
                Err(error) => {
                    fields.add("symbol_prefix", error.to_string());
                    String::new()
                }
            },
        };
        let page = page(&mut fields, ("ListInstruments", &request), (size, &token), &mut as_of)?;
        request.page_size = page.size as i32;
        fields.finish(Some(InstrumentsQuery { as_of, page, dataset, prefix, normal: request }))
    }
}

fn instruments(query: &InstrumentsQuery, pinned: &Pinned) -> v1::ListInstrumentsResponse {
    let snapshot = pinned.snapshot();
    let wanted = |instrument: &&Instrument| {
        snapshot.symbol(instrument.id).starts_with(&query.prefix)
            && query.dataset.is_none_or(|dataset| !snapshot.rows(dataset, instrument.id).is_empty())
    };
    let all = snapshot.instruments().iter().filter(wanted);
    let mut ids: Vec<InstrumentId> = all.map(|instrument| instrument.id).collect();
    // The snapshot fixes the list and its order, so that a place in it is all a token needs.
    snapshot.sort_by_name(&mut ids);
    let entries = query.page.within(ids.len());
    let known = ids[entries.clone()].iter().filter_map(|id| snapshot.instrument(*id));
    let reference = shared::snapshot_ref(pinned);
    v1::ListInstrumentsResponse {
        result_id: shared::result_id("ListInstruments", &query.normal, &reference),
        snapshot: Some(reference),
        gaps: Vec::new(),
        instruments: known.map(|known| instrument_to_proto(known, pinned)).collect(),
        next_page_token: match entries.end < ids.len() {
            true => query.page.token(entries.end as u64, pinned),
            false => String::new(),
        },
    }
}

fn instrument_to_proto(instrument: &Instrument, pinned: &Pinned) -> v1::Instrument {
    let snapshot = pinned.snapshot();
    let namings = snapshot.namings(instrument.id);
    let bound = |day: Day, open: Day, shift: i32| match day == open {
        true => String::new(),
        false => day.plus(shift).to_string(),
    };
    let symbols = namings.iter().map(|naming| v1::SymbolInterval {
        symbol: naming.symbol.to_string(),
        from_on: bound(naming.from, Day::MIN, 0),
        through_on: bound(naming.until, Day::MAX, -1),
    });
    let holds = |dataset: &Dataset| !snapshot.rows(*dataset, instrument.id).is_empty();
    v1::Instrument {
        symbol: snapshot.symbol(instrument.id).to_owned(),
        is_series: instrument.namespace == Namespace::Series,
        symbols: symbols.collect(),
        datasets: Dataset::ALL
            .into_iter()
            .filter(holds)
            .map(|dataset| dataset_to_proto(dataset).into())
            .collect(),
    }
}

struct SeriesQuery {
    as_of: AsOf,
    page: Page,
    dataset: Dataset,
    symbol: String,
    fields: Vec<Field>,
    days: (Day, Day),
    as_published: bool,
    normal: v1::GetSeriesRequest,
}

impl SeriesQuery {
    fn from_proto(mut request: v1::GetSeriesRequest) -> Result<SeriesQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let dataset = dataset_from_proto(&mut fields, request.dataset);
        if request.dataset == 0 {
            fields.add("dataset", "must be given");
        }
        if let Err(error) = Symbol::series(&request.symbol) {
            fields.add("symbol", error.to_string());
        }
        let asked = dataset.map(|dataset| asked_fields(&mut fields, dataset, &request.fields));
        let start = fields.day("start_on", &request.start_on).unwrap_or(Day::MIN);
        let end = fields.day("end_on", &request.end_on).unwrap_or(Day::MAX);
        if end < start {
            fields.add("end_on", "must not be before start_on");
        }
        let as_published = is_as_published(&mut fields, &mut request.vintage);
        let page = page(&mut fields, ("GetSeries", &request), (size, &token), &mut as_of)?;
        request.page_size = page.size as i32;
        let query = dataset.zip(asked).map(|(dataset, asked)| SeriesQuery {
            as_of,
            page,
            dataset,
            symbol: request.symbol.clone(),
            fields: asked,
            days: (start, end),
            as_published,
            normal: request,
        });
        fields.finish(query)
    }
}

fn asked_fields(fields: &mut Fields, dataset: Dataset, names: &[String]) -> Vec<Field> {
    if names.is_empty() {
        return dataset.fields().to_vec();
    }
    let mut asked = Vec::new();
    for (at, name) in names.iter().enumerate() {
        match dataset.fields().iter().find(|field| field.name() == name) {
            Some(field) => asked.push(*field),
            None => {
                let known: Vec<&str> = dataset.fields().iter().map(|field| field.name()).collect();
                let (dataset, known) = (dataset.name(), known.join(", "));
                fields.add(format!("fields[{at}]"), format!("{dataset} has {known}"));
            }
        }
    }
    asked
}

fn series(query: &SeriesQuery, pinned: &Pinned) -> Result<v1::GetSeriesResponse, Refusal> {
    let snapshot = pinned.snapshot();
    let named = [snapshot.series_id(&query.symbol), snapshot.listed(&query.symbol)];
    let named = || named.into_iter().flatten();
    // A listed line and a series may share a name: the one that has rows of the dataset is meant.
    let id = named()
        .find(|id| !snapshot.rows(query.dataset, *id).is_empty())
        .or_else(|| named().last())
        .ok_or_else(|| Refusal::Unknown { kind: Kind::Instrument, name: query.symbol.clone() })?;
    let rows = match query.as_published {
        true => snapshot.rows_as_first_published(query.dataset, id),
        false => snapshot.rows(query.dataset, id),
    };
    let (start_on, end_on) = query.days;
    let first = rows.last_on_or_before(start_on.plus(-1)).map_or(0, |row| row + 1);
    let end = rows.last_on_or_before(end_on).map_or(0, |row| row + 1);
    let asked = end.saturating_sub(first);
    let page = query.page.within(asked);
    let of_page = by_name(snapshot, &rows, first + page.start..first + page.end);
    let reference = shared::snapshot_ref(pinned);
    Ok(v1::GetSeriesResponse {
        result_id: shared::result_id("GetSeries", &query.normal, &reference),
        snapshot: Some(reference),
        gaps: Vec::new(),
        symbol: snapshot.symbol(id).to_owned(),
        fields: query.fields.iter().map(|field| field.name().to_owned()).collect(),
        points: of_page.into_iter().map(|row| point(query, pinned, &rows, row)).collect(),
        next_page_token: match page.end < asked {
            true => query.page.token(page.end as u64, pinned),
            false => String::new(),
        },
    })
}

/// The rows at some places, where those of one day stand in the order of their other instrument's
/// name. They lie in the order of its number.
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
        // A day has one row for each other instrument, by rising number.
        let row = |other| by_number.binary_search(other).ok().map(|row| first + row);
        ordered.extend(others[taken].iter().filter_map(row));
    }
    ordered
}

fn point(query: &SeriesQuery, pinned: &Pinned, rows: &Rows<'_>, row: usize) -> v1::SeriesPoint {
    let snapshot = pinned.snapshot();
    let other = rows.other(row);
    let values = query.fields.iter().map(|field| {
        let number = rows.value(row, query.dataset.column(*field));
        let value = match field.is_text() {
            true => number
                .and_then(|id| snapshot.text(id))
                .map(|text| v1::field_value::Value::Text(text.to_owned())),
            false => number.map(v1::field_value::Value::Number),
        };
        v1::FieldValue { value }
    });
    v1::SeriesPoint {
        effective_on: rows.day(row).to_string(),
        published_at: Some(timestamp(rows.published_at(row))),
        revision: rows.revision(row),
        other: match other {
            InstrumentId::NONE => String::new(),
            other => snapshot.symbol(other).to_owned(),
        },
        values: values.collect(),
    }
}

struct RevisionsQuery {
    as_of: AsOf,
    page: Page,
    normal: v1::ListRevisionsRequest,
}

impl RevisionsQuery {
    fn from_proto(mut request: v1::ListRevisionsRequest) -> Result<RevisionsQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let token = std::mem::take(&mut request.page_token);
        let size = std::mem::take(&mut request.page_size);
        let page = page(&mut fields, ("ListRevisions", &request), (size, &token), &mut as_of)?;
        request.page_size = page.size as i32;
        fields.finish(Some(RevisionsQuery { as_of, page, normal: request }))
    }
}

impl Handler {
    async fn revisions(
        &self,
        query: &RevisionsQuery,
        pinned: &Pinned,
    ) -> Result<v1::ListRevisionsResponse, Refusal> {
        let last = pinned.snapshot().revision();
        let after = query.normal.after_revision.max(query.page.start);
        let mut found = self.services.store.revisions(after, query.page.size as u32 + 1).await?;
        found.retain(|record| record.mark.revision <= last);
        let more = query.page.size < found.len();
        found.truncate(query.page.size);
        let next = match found.last() {
            Some(record) if more => query.page.token(record.mark.revision, pinned),
            _ => String::new(),
        };
        let reference = shared::snapshot_ref(pinned);
        let revisions = found.into_iter().map(|record| v1::Revision {
            revision: record.mark.revision,
            data_version: hex(&record.mark.data_version),
            committed_at: Some(timestamp(record.committed_at)),
            source: record.provenance.source,
            file_name: record.provenance.file_name,
            content_hash: hex(&record.provenance.content_hash),
            facts: record.facts,
        });
        Ok(v1::ListRevisionsResponse {
            result_id: shared::result_id("ListRevisions", &query.normal, &reference),
            snapshot: Some(reference),
            gaps: Vec::new(),
            revisions: revisions.collect(),
            next_page_token: next,
        })
    }
}

fn dataset_to_proto(dataset: Dataset) -> v1::Dataset {
    match dataset {
        Dataset::Bars => v1::Dataset::Bars,
        Dataset::Series => v1::Dataset::Series,
        Dataset::ShortInterest => v1::Dataset::ShortInterest,
        Dataset::ShareCounts => v1::Dataset::ShareCounts,
        Dataset::Listings => v1::Dataset::Listings,
        Dataset::Memberships => v1::Dataset::Memberships,
        Dataset::Holdings => v1::Dataset::Holdings,
        Dataset::Splits => v1::Dataset::Splits,
        Dataset::Schedules => v1::Dataset::Schedules,
    }
}

fn dataset_from_proto(fields: &mut Fields, dataset: i32) -> Option<Dataset> {
    if dataset == 0 {
        return None;
    }
    let known = u8::try_from(dataset).ok().and_then(Dataset::from_code);
    if known.is_none() {
        fields.add("dataset", format!("{dataset} is none of the datasets"));
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::{Identity, Views};
    use factors::roles::Roles;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
    };

    #[test]
    fn a_forged_token_reaches_no_row_before_the_first_day_asked_for() {
        let mut fixture = Fixture::new();
        let days = ["2021-01-25", "2021-01-26", "2021-01-27"].map(day);
        let market = fixture.closes("GME", &days.map(|day| (day, 1.0))).commit().market();
        let views = Views::new(1, Arc::new(Roles::standard()));
        let at = Instant::close_of(days[2]);
        let view = views.get(&market, at, 1).unwrap();
        let identity = Identity { model_version: String::new(), config_hash: String::new() };
        let pinned = Pinned::new(view, at, Arc::new(identity));
        let request = v1::GetSeriesRequest {
            dataset: v1::Dataset::Bars.into(),
            symbol: "GME".to_owned(),
            start_on: "2021-01-26".to_owned(),
            ..v1::GetSeriesRequest::default()
        };
        for (start, points) in [(0, 2), (1, 1), (2, 0), (u64::MAX - 1, 0), (u64::MAX, 0)] {
            let mut query = SeriesQuery::from_proto(request.clone()).unwrap();
            query.page = Page::forged(100, start);
            let answer = series(&query, &pinned).unwrap();
            assert_eq!((answer.points.len(), answer.next_page_token.as_str()), (points, ""));
            let query = InstrumentsQuery {
                page: Page::forged(100, start),
                ..InstrumentsQuery::from_proto(v1::ListInstrumentsRequest::default()).unwrap()
            };
            assert_eq!(instruments(&query, &pinned).instruments.len(), usize::from(start == 0));
        }
    }

    #[test]
    fn the_contract_numbers_datasets_as_the_store_does() {
        for dataset in Dataset::ALL {
            assert_eq!(i32::from(dataset_to_proto(dataset)), i32::from(dataset.code()));
        }
    }
}
