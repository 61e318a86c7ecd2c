//! What all scenarios of a request share: the prepared values, the book, and its partitions.

use crate::{
    prepared::{Prepared, PreparedCrossSection},
    refusal::Refusal,
    rpc::{
        envelope::{Answer, Enveloped},
        exposure::check_scheme,
        merged::hidden_values,
        portfolio::{self, currency::Money},
        settings::Settings,
    },
    services::Services,
    settings::Settings as ServerSettings,
    views::Pinned,
};
use ::portfolio::book::Book;
use contract::v1;
use exposure::{
    analyze::analyze,
    behind::rests_on,
    blocks::Blocks,
    parts::Parts,
    prepared::PreparedExposure,
    report::ExposureReport,
    request::Request,
    settings::{BetaSettings, Listing, TradeChoice},
};
use factors::roles::Roles;
use marketdata::{
    changes::DatasetSet,
    dataset::Dataset,
    gap::{Gap, GapReason, Subject},
};
use risk::{cross_section::Unavailable, factor_view::FactorView, series::TradeSeries};
use squeeze::prepared::PreparedSqueeze;
use std::sync::Arc;
use stress::partition::Partition;

/// The datasets behind every answer.
const READS: DatasetSet = <PreparedCrossSection as Prepared>::READS;

/// What a request says of its book.
#[derive(Debug)]
pub(super) struct Setting {
    /// In normal form.
    pub(super) portfolio: v1::Portfolio,
    pub(super) settings: Settings,
    /// Number of positions listed.
    pub(super) top: usize,
    /// Most options listed in a P&L.
    pub(super) top_options: usize,
    /// Changes of the volatility at which options are valued anew, too.
    pub(super) volatility_changes: Vec<f64>,
}

/// The prepared values of a view.
#[derive(Clone, Debug)]
pub(in crate::rpc) struct Views {
    pub(in crate::rpc) exposure: Arc<PreparedExposure>,
    cross_section: Arc<PreparedCrossSection>,
    server: Arc<ServerSettings>,
    /// Of requests with a squeeze.
    pub(super) squeeze: Option<Arc<PreparedSqueeze>>,
}

impl Views {
    pub(in crate::rpc) async fn of(
        services: &Services,
        pinned: &Pinned,
        is_squeezed: bool,
    ) -> Result<Views, Refusal> {
        let exposure = services.prepared::<PreparedExposure>(pinned).await?;
        let cross_section = services.prepared_from(pinned, &exposure).await?;
        let squeeze = match is_squeezed {
            true => Some(services.prepared(pinned).await?),
            false => None,
        };
        let server = Arc::clone(&pinned.view().settings);
        Ok(Views { exposure, cross_section, server, squeeze })
    }

    /// The configured roles.
    pub(in crate::rpc) fn roles(&self) -> &Roles {
        &self.server.roles
    }

    /// The factor view, with the trade of the settings.
    ///
    /// # Errors
    /// The gap of a view without a factor model.
    pub(in crate::rpc) fn factors<'a>(
        &'a self,
        exposure: &'a PreparedExposure,
    ) -> Result<FactorView<'a>, Gap> {
        let estimated = self.cross_section.0.outcome.as_ref().map_err(|why| no_model(*why))?;
        let trade = TradeSeries::standard(exposure);
        let parts = (&self.cross_section.0, estimated);
        Ok(FactorView::of(exposure, parts, &self.server.roles, trade))
    }
}

/// The gap of a view without a cross-section model.
pub(in crate::rpc) fn no_model(why: Unavailable) -> Gap {
    let why = match why {
        Unavailable::TooFewSessions { sessions, needed, names, names_needed } => format!(
            "{sessions} sessions have a regression, {needed} are needed; {names} companies can be \
             in the last one, {names_needed} are needed"
        ),
        Unavailable::NoSpecificRisk => "no name has enough residuals".to_owned(),
        Unavailable::NoCovariance => "the factors have no covariance".to_owned(),
    };
    let detail = format!("the data allow no cross-section model: {why}");
    Gap::new(GapReason::ShortHistory, Subject::Dataset(Dataset::Bars), detail)
}

/// A request's book on a view.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) setting: Arc<Setting>,
    pub(super) views: Views,
    /// The view under the beta settings of the request.
    pub(super) exposure: PreparedExposure,
    pub(super) book: Book,
    /// By leg, by size, by sector.
    pub(super) partitions: Vec<Partition>,
    /// The report's total alone, with the gaps and the coverage of the book.
    report: ExposureReport,
}

impl Setup {
    /// Joins the book and finds its partitions.
    pub(super) fn of(views: Views, setting: Arc<Setting>) -> Result<Setup, Refusal> {
        let Settings { netting, size_scheme, classification, beta, look_through: _ } =
            &setting.settings;
        let prepared = &*views.exposure;
        check_scheme(prepared, classification.as_ref())?;
        let submitted = Some(&setting.portfolio);
        let book = portfolio::book(submitted, netting, prepared.lookup(), prepared.quotes())?;
        let report = analyze(prepared, &total_only(&book, &setting.settings));
        let held: Vec<_> = book.holdings.iter().map(|holding| holding.instrument).collect();
        let exposure = match *beta == BetaSettings::PREPARED {
            true => prepared.clone(),
            false => prepared.with_settings(*beta, &held),
        };
        let trade = &prepared.standard_trade().trade_id;
        let partitions = vec![
            partition(trade, Parts::by_leg(&exposure, &book)),
            partition("size", Parts::by_size(&exposure, &book, size_scheme)),
            partition("sector", Parts::by_sector(&exposure, &book, classification.as_deref())),
        ];
        Ok(Setup { setting, views, exposure, book, partitions, report })
    }

    /// The factor view under the settings of the request.
    ///
    /// # Errors
    /// The gap of a view without a factor model.
    pub(super) fn view(&self) -> Result<FactorView<'_>, Gap> {
        self.views.factors(&self.exposure)
    }

    /// The settings used.
    pub(super) fn settings(&self, asked: Option<&v1::AnalysisSettings>) -> v1::AnalysisSettings {
        v1::AnalysisSettings {
            classification_scheme_id: self.report.sector_scheme.clone(),
            ..asked.cloned().unwrap_or_default()
        }
    }

    /// The answer with the gaps and the coverage of the book.
    pub(super) fn enclosed<T: Enveloped>(
        &self,
        response: T,
        pinned: &Pinned,
        more: Vec<Gap>,
    ) -> Answer<T> {
        let merged = hidden_values(pinned.snapshot(), |hidden| {
            READS.contains(hidden.dataset)
                && rests_on(&self.exposure, &self.book, &self.report, |id| hidden.involves(id))
        });
        let view = (self.views.exposure.lookup().snapshot(), self.views.exposure.quotes());
        let of_cash = Money::of(&self.setting.portfolio, &self.book, view).gaps;
        let gaps = self.report.gaps.iter().cloned().chain(more).chain(of_cash).collect();
        Answer::with_coverage(response, gaps, self.report.coverage.clone()).with_merged(merged)
    }
}

/// The exposure report's total: its gaps and its coverage are those of the book.
fn total_only<'a>(book: &'a Book, settings: &'a Settings) -> Request<'a> {
    Request {
        book,
        blocks: Blocks::of(&[]),
        beta: settings.beta,
        tails: &[],
        size_scheme: &settings.size_scheme,
        classification: settings.classification.as_deref(),
        look_through: None,
        group_by: &[],
        repeat_on: &[],
        trades: &[TradeChoice::Standard],
        listing: Listing::Largest(0),
    }
}

fn partition(id: &str, parts: Parts) -> Partition {
    Partition {
        partition_id: id.to_owned(),
        part_ids: parts.ids.into_iter().map(Option::unwrap_or_default).collect(),
        part_of: parts.part_of,
    }
}
