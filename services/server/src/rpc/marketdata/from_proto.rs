//! Validates market data requests.

use crate::{
    as_of::AsOf,
    limits,
    refusal::Refusal,
    rpc::{
        dataset, field::Fields, page::Page, portfolio, query::FromProto, shared,
        vintage::is_as_published,
    },
};
use ::portfolio::identifier::InstrumentRef;
use contract::v1;
use ingest::{
    options::{Options, RiskPeriod},
    source::SourceKind,
};
use marketdata::{
    basis::BasisKind,
    dataset::{Dataset, Field},
    day::Day,
    instant::Instant,
    symbol::Symbol,
};

/// A request for the datasets.
pub(super) struct DatasetsQuery {
    pub(super) as_of: AsOf,
    pub(super) normal: v1::ListDatasetsRequest,
}

impl FromProto for DatasetsQuery {
    const METHOD: &'static str = "ListDatasets";
    type Request = v1::ListDatasetsRequest;

    fn from_proto(mut request: v1::ListDatasetsRequest) -> Result<DatasetsQuery, Refusal> {
        let mut fields = Fields::new();
        let as_of = shared::as_of(&mut fields, request.as_of.take());
        fields.finish(Some(DatasetsQuery { as_of, normal: request }))
    }
}

/// A request for a page of the instruments.
pub(super) struct InstrumentsQuery {
    pub(super) as_of: AsOf,
    pub(super) page: Page,
    pub(super) dataset: Option<Dataset>,
    pub(super) prefix: String,
    pub(super) normal: v1::ListInstrumentsRequest,
}

impl FromProto for InstrumentsQuery {
    const METHOD: &'static str = "ListInstruments";
    type Request = v1::ListInstrumentsRequest;

    fn from_proto(mut request: v1::ListInstrumentsRequest) -> Result<InstrumentsQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let dataset = dataset::of_request(&mut fields, request.dataset);
        let prefix = symbol_prefix(&mut fields, &request.symbol_prefix);
        if request.instrument.is_some() {
            portfolio::check_instrument(&mut fields, "instrument", request.instrument.as_ref());
        }
        let page = Page::from_proto(&mut fields, Self::METHOD, &mut request, &mut as_of)?;
        fields.finish(Some(InstrumentsQuery { as_of, page, dataset, prefix, normal: request }))
    }
}

fn symbol_prefix(fields: &mut Fields, text: &str) -> String {
    let text = text.trim();
    if text.is_empty() {
        return String::new();
    }
    match Symbol::listed(text) {
        Ok(symbol) => symbol.as_str().to_owned(),
        Err(error) => {
            fields.add("symbol_prefix", error.to_string());
            String::new()
        }
    }
}

impl SeriesQuery {
    /// The instrument asked for.
    pub(super) fn instrument(&self) -> InstrumentRef<&str> {
        portfolio::instrument(self.normal.instrument.as_ref())
    }
}

/// A request for a page of the rows of one instrument.
pub(super) struct SeriesQuery {
    pub(super) as_of: AsOf,
    pub(super) page: Page,
    pub(super) dataset: Dataset,
    pub(super) fields: Vec<Field>,
    pub(super) days: (Day, Day),
    /// Return each row as it was first published.
    pub(super) as_published: bool,
    pub(super) units: v1::SeriesUnits,
    pub(super) normal: v1::GetSeriesRequest,
}

impl FromProto for SeriesQuery {
    const METHOD: &'static str = "GetSeries";
    type Request = v1::GetSeriesRequest;

    fn from_proto(mut request: v1::GetSeriesRequest) -> Result<SeriesQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let dataset = dataset::of_request(&mut fields, request.dataset);
        if request.dataset == 0 {
            fields.add("dataset", "must be given");
        }
        portfolio::check_subject(&mut fields, "instrument", request.instrument.as_ref());
        let asked = dataset.map(|dataset| asked_fields(&mut fields, dataset, &request.fields));
        let (start, end) =
            fields.days(("start_on", &request.start_on), ("end_on", &request.end_on));
        let as_published = is_as_published(&mut fields, &mut request.vintage);
        let units = units(&mut fields, &mut request.units);
        let page = Page::from_proto(&mut fields, Self::METHOD, &mut request, &mut as_of)?;
        let query = dataset.zip(asked).map(|(dataset, asked)| SeriesQuery {
            as_of,
            page,
            dataset,
            fields: asked,
            days: (start.unwrap_or(Day::MIN), end.unwrap_or(Day::MAX)),
            as_published,
            units,
            normal: request,
        });
        fields.finish(query)
    }
}

/// The share units asked for; the default is written into the request.
fn units(fields: &mut Fields, number: &mut i32) -> v1::SeriesUnits {
    let units = match fields.choice("units", *number) {
        v1::SeriesUnits::Unspecified => v1::SeriesUnits::AsStored,
        asked => asked,
    };
    *number = units.into();
    units
}

/// The fields asked for, each once: an answer holds a value per field and row, so that a field asked
/// for again and again would fill the memory.
fn asked_fields(fields: &mut Fields, dataset: Dataset, names: &[String]) -> Vec<Field> {
    if names.is_empty() {
        return dataset.fields().to_vec();
    }
    if !fields.at_most("fields", names.len(), limits::SERIES_FIELDS) {
        return Vec::new();
    }
    let mut asked = Vec::new();
    for (at, name) in names.iter().enumerate() {
        match dataset.fields().iter().find(|field| field.name() == name) {
            Some(field) if asked.contains(field) => {
                fields.add(format!("fields[{at}]"), "appears twice");
            }
            Some(field) => asked.push(*field),
            None => {
                let known: Vec<&str> = dataset.fields().iter().map(|field| field.name()).collect();
                let text = format!("must be one of {}, is {name:?}", known.join(", "));
                fields.add(format!("fields[{at}]"), text);
            }
        }
    }
    asked
}

/// A request for a page of the log.
pub(super) struct RevisionsQuery {
    pub(super) as_of: AsOf,
    pub(super) page: Page,
    pub(super) normal: v1::ListRevisionsRequest,
}

impl FromProto for RevisionsQuery {
    const METHOD: &'static str = "ListRevisions";
    type Request = v1::ListRevisionsRequest;

    fn from_proto(mut request: v1::ListRevisionsRequest) -> Result<RevisionsQuery, Refusal> {
        let mut fields = Fields::new();
        let mut as_of = shared::as_of(&mut fields, request.as_of.take());
        let page = Page::from_proto(&mut fields, Self::METHOD, &mut request, &mut as_of)?;
        fields.finish(Some(RevisionsQuery { as_of, page, normal: request }))
    }
}

/// The header of an upload, which is its first message.
pub(super) fn first_header(
    message: Option<v1::IngestRequest>,
) -> Result<v1::IngestHeader, Refusal> {
    match message.and_then(|message| message.part) {
        Some(v1::ingest_request::Part::Header(header)) => Ok(header),
        Some(v1::ingest_request::Part::Chunk(_)) | None => {
            let mut fields = Fields::new();
            fields.add("header", "must be the first message of the stream");
            fields.finish(None)
        }
    }
}

/// The options for reading a file, from its header.
pub(super) fn options(header: &v1::IngestHeader, received_at: Instant) -> Result<Options, Refusal> {
    let mut fields = Fields::new();
    fields.request_id("header.request_id", &header.request_id);
    if limits::FILE_NAME_BYTES < header.file_name.len() {
        let most = limits::FILE_NAME_BYTES;
        fields.add("header.file_name", format!("must have at most {most} bytes"));
    }
    let kind = SourceKind::from_name(&header.kind);
    if kind.is_none() && !header.kind.is_empty() {
        let known: Vec<&str> = SourceKind::ALL.iter().map(|kind| kind.name()).collect();
        fields.add("header.kind", format!("must be empty or one of {}", known.join(", ")));
    }
    for (field, text) in [("symbol", &header.symbol), ("index_id", &header.index_id)] {
        if let Some(Err(error)) = (!text.is_empty()).then(|| Symbol::series(text)) {
            fields.add(format!("header.{field}"), error.to_string());
        }
    }
    let price_basis = match fields.choice("header.price_basis", header.price_basis) {
        v1::PriceBasis::Unspecified => None,
        v1::PriceBasis::Raw => Some(BasisKind::Raw),
        v1::PriceBasis::SplitAdjusted => Some(BasisKind::SplitAdjusted),
        v1::PriceBasis::TotalReturn => Some(BasisKind::TotalReturn),
    };
    let risk_period = match fields.choice("header.risk_period", header.risk_period) {
        v1::RiskPeriod::Unspecified => None,
        v1::RiskPeriod::Session => Some(RiskPeriod::Session),
        v1::RiskPeriod::Year => Some(RiskPeriod::Year),
    };
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    let published_at = header.published_at;
    let options = Options {
        kind,
        file_name: header.file_name.clone(),
        symbol: given(&header.symbol),
        index: given(&header.index_id),
        observed_on: fields.day("header.observed_on", &header.observed_on),
        published_at: published_at
            .and_then(|at| shared::instant(&mut fields, "header.published_at", at)),
        price_basis,
        adjusted_on: fields.day("header.adjusted_on", &header.adjusted_on),
        risk_period,
        received_at,
        force: header.force,
    };
    fields.finish(Some(options))
}

/// The chunk of a message after the first one; it may have at most `most` bytes.
pub(super) fn chunk_of(message: v1::IngestRequest, most: usize) -> Result<Vec<u8>, Refusal> {
    let mut fields = Fields::new();
    let chunk = match message.part {
        Some(v1::ingest_request::Part::Chunk(chunk)) if chunk.len() <= most => Some(chunk),
        Some(v1::ingest_request::Part::Chunk(chunk)) => {
            fields.add("chunk", format!("must have at most {most} bytes, has {}", chunk.len()));
            None
        }
        Some(v1::ingest_request::Part::Header(_)) => {
            fields.add("header", "must be in the first message only");
            None
        }
        None => {
            fields.add("part", "must be given");
            None
        }
    };
    fields.finish(chunk)
}
