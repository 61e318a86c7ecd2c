//! AnalyzePortfolios: one view and one setup for a stream of portfolios.

use super::{
    from_proto::AnalysisQuery,
    views::{AnalysisViews, Extras},
};
use crate::{
    as_of::AsOf,
    limits,
    pool::Nested,
    refusal::Refusal,
    rpc::{
        exchange::{Exchange, Outcomes, Room, exchange},
        field::Fields,
        portfolio,
        query::{FromProto as _, Query, respond_with},
        shared,
        status::{message_of, sanitize_status},
    },
    services::Services,
    telemetry::spans::reads_revision,
    traffic::Line,
    views::Pinned,
};
use ::portfolio::lines::Violation;
use contract::{
    v1::{self, analyze_portfolios_request::Message, analyze_portfolios_response::Outcome},
    weight,
};
use prost::Message as _;
use std::{num::NonZeroUsize, sync::Arc};
use tokio::sync::OwnedSemaphorePermit;
use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status, Streaming};

/// More label keys or lines than a request may name.
const NAMED_MAX: usize = 32;
/// Maximum bytes of a tag.
const TAG_BYTES: usize = 128;

/// Answers a stream.
///
/// # Errors
/// If there are too many streams, the first message is not a setup, or its view cannot be had.
pub(super) async fn analyze(
    services: &Arc<Services>,
    request: Request<Streaming<v1::AnalyzePortfoliosRequest>>,
) -> Result<Response<Outcomes<v1::AnalyzePortfoliosResponse>>, Status> {
    let counted = services.exchange()?;
    let memory = request.extensions().get::<Nested>().cloned();
    let line = request.extensions().get::<Arc<Line>>().cloned();
    let mut messages = request.into_inner();
    let first = messages.message().await?.and_then(|message| message.message);
    let batch = Batch::begin(services, first, counted).await?;
    let room = Room {
        items: NonZeroUsize::MIN.saturating_add(2 * services.compute.threads()),
        bytes: limits::EXCHANGE_BYTES,
        memory,
        line,
    };
    let ours = |status: Status| sanitize_status(&status).unwrap_or(status);
    let items = messages.map(move |message| item(message.map_err(ours)?));
    Ok(Response::new(exchange(batch, items, room, services.phase())))
}

/// What holds for all portfolios of a stream.
struct Batch {
    services: Arc<Services>,
    /// The request of each portfolio, without the portfolio.
    analysis: v1::AnalyzePortfolioRequest,
    pinned: Pinned,
    prepared: Arc<AnalysisViews>,
    _counted: OwnedSemaphorePermit,
}

impl Batch {
    async fn begin(
        services: &Arc<Services>,
        first: Option<Message>,
        counted: OwnedSemaphorePermit,
    ) -> Result<Batch, Refusal> {
        let Some(Message::Setup(setup)) = first else {
            return Err(violation("setup", "must be the first message of the stream"));
        };
        let mut analysis = setup.analysis.unwrap_or_default();
        let as_of = check(&mut analysis)?;
        let pinned = services.view(&as_of, AnalysisQuery::MODEL).await?;
        reads_revision(pinned.snapshot().revision());
        let extras = Extras::of(&analysis);
        let vendors = extras.vendors().to_vec();
        let prepared = Arc::new(AnalysisViews::of(services, &pinned, extras).await?);
        let settings = analysis.settings.as_ref();
        let scheme = settings.map_or("", |settings| &settings.classification_scheme_id);
        prepared.check_names(scheme, &vendors)?;
        let services = Arc::clone(services);
        Ok(Batch { services, analysis, pinned, prepared, _counted: counted })
    }
}

/// Checks whatever does not depend on a portfolio, once for all of them, and what the stream keeps.
/// Takes the knowledge that is asked for.
fn check(analysis: &mut v1::AnalyzePortfolioRequest) -> Result<AsOf, Refusal> {
    const PATH: &str = "setup.analysis";
    let mut fields = Fields::new();
    let bytes = analysis.encoded_len();
    if limits::SETUP_BYTES < bytes {
        fields.add(PATH, format!("must have at most {} bytes", limits::SETUP_BYTES));
    } else if limits::SETUP_MEMORY_BYTES < bytes + weight::of_lists(analysis) {
        let most = limits::SETUP_MEMORY_BYTES;
        fields.add(PATH, format!("must take at most {most} bytes in memory, with its lists"));
    }
    if analysis.portfolio.is_some() {
        fields.add(format!("{PATH}.portfolio"), "must be absent: portfolios are sent as items");
    }
    let mut of_as_of = Fields::new();
    let as_of = shared::as_of(&mut of_as_of, analysis.as_of.take());
    fields.add_all(PATH, of_as_of.into_violations());
    if !fields.any() {
        fields.add_all(PATH, violations_without_portfolio(analysis));
    }
    fields.finish(Some(as_of))
}

/// The violations of an analysis that no portfolio can mend: those that it has with a portfolio of
/// whatever labels and lines it names.
fn violations_without_portfolio(analysis: &v1::AnalyzePortfolioRequest) -> Vec<Violation> {
    let portfolio = Some(portfolio_of_what_it_names(analysis));
    let whole = v1::AnalyzePortfolioRequest { portfolio, ..analysis.clone() };
    let Err(Refusal::Invalid(mut found)) = AnalysisQuery::from_proto(whole) else {
        return Vec::new();
    };
    found.retain(|violation| !violation.field.starts_with("portfolio"));
    found
}

/// A portfolio with the labels and the lines that an analysis names, as far as a portfolio can have
/// them.
fn portfolio_of_what_it_names(analysis: &v1::AnalyzePortfolioRequest) -> v1::Portfolio {
    let netting = analysis.settings.iter().filter_map(|settings| settings.netting.as_ref());
    let keys = netting.flat_map(|netting| &netting.label_keys).take(NAMED_MAX);
    let keys = keys.chain(analysis.group_by.iter().take(NAMED_MAX).map(|group| &group.label_key));
    let labels = keys.filter(|key| portfolio::is_label_key(key));
    let label = |key: &String| v1::Label { key: key.clone(), value: "any".to_owned() };
    let labelled = |key| v1::Position { labels: vec![label(key)], ..v1::Position::default() };
    let ids = analysis.incremental_position_ids.iter().take(NAMED_MAX);
    let ids = ids.filter(|id| portfolio::is_line_name(id));
    let named = |id: &String| v1::Position { position_id: id.clone(), ..v1::Position::default() };
    // Two lines without a name, because nothing is incremental in a portfolio of one line.
    let unnamed = [v1::Position::default(), v1::Position::default()];
    let positions = labels.map(labelled).chain(ids.map(named)).chain(unnamed).collect();
    v1::Portfolio { positions, ..v1::Portfolio::default() }
}

/// The portfolio of a message.
fn item(message: v1::AnalyzePortfoliosRequest) -> Result<v1::AnalyzePortfoliosItem, Status> {
    match message.message {
        Some(Message::Item(item)) if item.request_tag.len() <= TAG_BYTES => Ok(item),
        Some(Message::Item(_)) => {
            let text = format!("must have at most {TAG_BYTES} bytes");
            Err(violation("item.request_tag", text).into())
        }
        Some(Message::Setup(_)) => {
            Err(violation("setup", "must be in the first message only").into())
        }
        None => Err(violation("item", "must be given").into()),
    }
}

fn violation(field: &str, description: impl Into<String>) -> Refusal {
    Refusal::Invalid(vec![Violation { field: field.to_owned(), description: description.into() }])
}

impl Exchange for Batch {
    type Item = v1::AnalyzePortfoliosItem;
    type Tag = String;
    type Report = v1::AnalyzePortfolioResponse;
    type Outcome = v1::AnalyzePortfoliosResponse;

    fn tag(&self, item: &v1::AnalyzePortfoliosItem) -> String {
        item.request_tag.clone()
    }

    fn bytes(&self, item: &v1::AnalyzePortfoliosItem) -> usize {
        // A longer one is refused before anything is computed: it waits for no room.
        let is_book = |portfolio: &&v1::Portfolio| portfolio.positions.len() <= limits::POSITIONS;
        let Some(portfolio) = item.portfolio.as_ref().filter(is_book) else { return 0 };
        let positions = portfolio.positions.iter();
        let in_memory = |position: &v1::Position| {
            let labels = position.labels.len() * size_of::<v1::Label>();
            size_of::<v1::Position>() + labels + limits::ANSWERED_POSITION_BYTES
        };
        let cash = portfolio.cash.len() * size_of::<v1::CashBalance>();
        item.encoded_len() + cash + positions.map(in_memory).sum::<usize>()
    }

    async fn answer(
        &self,
        item: v1::AnalyzePortfoliosItem,
    ) -> Result<v1::AnalyzePortfolioResponse, Refusal> {
        let analysis =
            v1::AnalyzePortfolioRequest { portfolio: item.portfolio, ..self.analysis.clone() };
        let query = AnalysisQuery::from_proto(analysis)?;
        // Of the view of the stream, in the currency of the portfolio.
        let pinned = self.pinned.in_currency(query.as_of.base, query.as_of.base_path)?;
        let prepared = match pinned.snapshot().has_bounds_of(self.pinned.snapshot()) {
            true => Arc::clone(&self.prepared),
            false => {
                let extras = Extras::of(&query.normal);
                Arc::new(AnalysisViews::of(&self.services, &pinned, extras).await?)
            }
        };
        let answer = respond_with(&self.services, query, pinned, prepared).await?;
        // The tag comes on top.
        match answer.encoded_len() + 2 * TAG_BYTES <= self.services.limits.send_bytes {
            true => Ok(answer),
            false => Err(Refusal::MessageTooLarge),
        }
    }

    fn outcome(
        &self,
        request_tag: String,
        answered: Result<v1::AnalyzePortfolioResponse, Refusal>,
    ) -> v1::AnalyzePortfoliosResponse {
        let outcome = match answered {
            Ok(answer) => Outcome::Answer(answer),
            Err(refusal) => Outcome::Error(message_of(&refusal.into())),
        };
        let snapshot = Some(shared::snapshot_ref(&self.pinned));
        v1::AnalyzePortfoliosResponse { request_tag, snapshot, outcome: Some(outcome) }
    }
}
