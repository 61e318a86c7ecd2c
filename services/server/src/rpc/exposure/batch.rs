//! AnalyzePortfolios: one view and one setup for a stream of portfolios.

use super::{
    from_proto::AnalysisQuery,
    views::{AnalysisViews, Extras},
};
use crate::{
    as_of::AsOf,
    caller_places::CallerPlace,
    limits,
    line::Line,
    metrics::calls::ItemMeter,
    pool::Nested,
    refusal::Refusal,
    rpc::{
        exchange::{Exchange, Outcomes, Room, Size, exchange},
        field::Fields,
        origin::origin,
        portfolio,
        query::{FromProto as _, Query, respond_with},
        shared,
        status::{message_of, sanitize_status},
    },
    services::Services,
    telemetry::spans::reads_revision,
    views::Pinned,
};
use ::portfolio::lines::Violation;
use contract::{
    codec::decode,
    undecoded::Undecoded,
    v1::{self, analyze_portfolios_request::Message, analyze_portfolios_response::Outcome},
    weight,
};
use prost::Message as _;
use std::{num::NonZeroUsize, sync::Arc};
use tokio_stream::StreamExt as _;
use tonic::{Request, Response, Status, Streaming, codegen::Bytes};
use tonic_types::StatusExt as _;

/// More label keys or lines than a request may name.
const NAMED_MAX: usize = 32;
/// Maximum bytes of a tag.
const TAG_BYTES: usize = 128;
/// The numbers of the fields that lead to the tag of an item in a message.
const TAG: [u32; 2] = [2, 1];
/// Those that lead to the positions of its portfolio.
const POSITIONS: [u32; 3] = [2, 2, 2];

/// Answers a stream.
///
/// # Errors
/// If there are too many streams, the first message is not a setup, or its view cannot be had.
pub(super) async fn analyze(
    services: &Arc<Services>,
    request: Request<Streaming<v1::AnalyzePortfoliosRequest>>,
) -> Result<Response<Outcomes<v1::AnalyzePortfoliosResponse>>, Status> {
    let extensions = request.extensions();
    let line = extensions.get::<Arc<Line>>().cloned();
    let counted = services.exchange(origin(extensions))?;
    let memory = extensions.get::<Nested>().cloned();
    let counted = Counted { _place: counted, meter: extensions.get::<ItemMeter>().cloned() };
    let mut messages = request.into_inner();
    let first = messages.message().await?.and_then(|message| message.message);
    let batch = Batch::begin(services, first, counted).await?;
    let room = Room {
        items: NonZeroUsize::MIN.saturating_add(2 * services.compute.threads()),
        bytes: limits::EXCHANGE_BYTES,
        memory,
        line,
    };
    let messages = Undecoded::new(messages).map(|message| message.map_err(sanitized));
    Ok(Response::new(exchange(batch, messages, room, services.phase())))
}

fn sanitized(status: Status) -> Status {
    sanitize_status(&status).unwrap_or(status)
}

/// What holds for all portfolios of a stream.
struct Batch {
    services: Arc<Services>,
    /// The request of each portfolio, without the portfolio.
    analysis: v1::AnalyzePortfolioRequest,
    pinned: Pinned,
    prepared: Arc<AnalysisViews>,
    counted: Counted,
}

/// Where a stream and its items count.
struct Counted {
    _place: CallerPlace,
    /// `None` outside of a call.
    meter: Option<ItemMeter>,
}

impl Batch {
    async fn begin(
        services: &Arc<Services>,
        first: Option<Message>,
        counted: Counted,
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
        Ok(Batch { services, analysis, pinned, prepared, counted })
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

/// What an item takes as it was received, and decoded with its answer.
fn size(message: &Bytes) -> Size {
    let received = message.len();
    let lists = weight::of_encoded::<v1::AnalyzePortfoliosRequest>(message);
    if limits::REQUEST_LIST_BYTES < lists {
        // It is not decoded: it waits for no room.
        return Size { received, in_flight: received };
    }
    let mut positions = 0_usize;
    weight::visit(message, &POSITIONS, &mut |_| positions += 1);
    // A longer portfolio is refused before anything is computed: it has no answer.
    let answered = if positions <= limits::POSITIONS { positions } else { 0 };
    // Texts are copied: they take about what the message has in bytes.
    Size { received, in_flight: received + lists + answered * limits::ANSWERED_POSITION_BYTES }
}

impl Exchange for Batch {
    type Message = Bytes;
    type Item = v1::AnalyzePortfoliosItem;
    type Tag = String;
    type Report = v1::AnalyzePortfolioResponse;
    type Outcome = v1::AnalyzePortfoliosResponse;

    fn tag(&self, item: &v1::AnalyzePortfoliosItem) -> String {
        item.request_tag.clone()
    }

    fn tag_of_message(&self, message: &Bytes) -> String {
        let mut tag = &[][..];
        weight::visit(message, &TAG, &mut |value| tag = value);
        let text = std::str::from_utf8(tag).unwrap_or_default();
        // A longer one would end the stream.
        if text.len() <= TAG_BYTES { text.to_owned() } else { String::new() }
    }

    fn size(&self, message: &Bytes) -> Size {
        size(message)
    }

    fn decode(&self, message: Bytes) -> Result<v1::AnalyzePortfoliosItem, Status> {
        item(decode(&message).map_err(sanitized)?)
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
            Err(refusal) => {
                let status = Status::from(refusal);
                let reason = status.get_details_error_info().map(|info| info.reason);
                if let Some((meter, reason)) = self.counted.meter.as_ref().zip(reason) {
                    meter.refused(reason);
                }
                Outcome::Error(message_of(&status))
            }
        };
        let snapshot = Some(shared::snapshot_ref(&self.pinned));
        v1::AnalyzePortfoliosResponse { request_tag, snapshot, outcome: Some(outcome) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(tag: &str, positions: usize) -> Bytes {
        let portfolio = v1::Portfolio {
            positions: vec![v1::Position::default(); positions],
            ..v1::Portfolio::default()
        };
        let request_tag = tag.to_owned();
        let item = v1::AnalyzePortfoliosItem { request_tag, portfolio: Some(portfolio) };
        let message = Some(Message::Item(item));
        v1::AnalyzePortfoliosRequest { message }.encode_to_vec().into()
    }

    #[test]
    fn the_size_of_an_item_is_that_of_its_book_with_an_answer() {
        let of = |positions: usize, answered: usize| {
            let message = encoded("a", positions);
            let lists = positions * size_of::<v1::Position>();
            let in_flight = message.len() + lists + answered * limits::ANSWERED_POSITION_BYTES;
            assert_eq!(size(&message), Size { received: message.len(), in_flight }, "{positions}");
        };
        of(3, 3);
        of(10_000, 10_000);
        of(10_001, 0);
        let too_many = encoded("a", limits::REQUEST_LIST_BYTES / size_of::<v1::Position>() + 1);
        let received = too_many.len();
        assert_eq!(size(&too_many), Size { received, in_flight: received });
    }
}
