//! Specific returns of names as sums of independent sources, with funds looked through.
//!
//! A company loads one on a source of its own. Lines of one company share a source, and each has a
//! small one besides ([`crate::share_class`]). A fund whose holdings are known loads their weights on
//! the sources of its members, so that a short of the fund is a short of each, and one on a source of
//! its own with the rest of its specific variance, max(0, v − Σ w²·d): the fund as a whole keeps the
//! variance that its own returns have.

use crate::{
    factor_view::{FactorView, ModelledName},
    share_class::{ShareClass, ShareClasses},
};
use factors::funds::Funds;
use marketdata::instrument::InstrumentId;
use std::collections::BTreeMap;

/// What a line moves as.
#[derive(Clone, Debug)]
pub struct Mover {
    /// The company or fund.
    pub instrument: InstrumentId,
    /// `None` if no rung of the ladder has it: it counts as unmoved.
    pub name: Option<ModelledName>,
    /// Its [`fund_members`].
    pub members: Vec<(InstrumentId, f64)>,
}

impl Mover {
    /// An instrument by the ladder, with what it holds if it is a fund. `funds` are those of the
    /// view.
    pub fn of(view: &FactorView<'_>, funds: &Funds, instrument: InstrumentId) -> Mover {
        let members = fund_members(view, funds, instrument);
        Mover { instrument, name: view.name(instrument), members }
    }
}

/// Weights of what a fund holds, in the order of names; empty for a company, or if they are unknown.
pub fn fund_members(
    view: &FactorView<'_>,
    funds: &Funds,
    instrument: InstrumentId,
) -> Vec<(InstrumentId, f64)> {
    let fund = funds.get(instrument).filter(|_| view.risk.anchored(instrument).is_fund);
    fund.map_or_else(Vec::new, |fund| fund.members.clone())
}

/// What is known of the specific returns of lines, and of what funds hold.
#[derive(Clone, Debug, Default)]
pub struct Specifics {
    /// Variances per session of the companies that funds hold, and of those that are movers.
    pub variances: BTreeMap<InstrumentId, f64>,
    /// Lines of companies that have several.
    pub classes: ShareClasses,
}

impl Specifics {
    /// Those of a view.
    pub fn of(view: &FactorView<'_>, movers: &[Mover]) -> Specifics {
        let members = movers.iter().flat_map(|mover| &mover.members);
        let of_model = members.filter_map(|(id, _)| {
            Some((*id, view.factors.specific_variance(view.factors.row(*id)?)))
        });
        let variances = of_model.chain(own_variances(movers)).collect();
        Specifics { variances, classes: view.factors.share_classes().clone() }
    }

    /// The same with the variances that other movers have of their own.
    #[must_use]
    pub fn with_own(mut self, movers: &[Mover]) -> Specifics {
        self.variances.extend(own_variances(movers));
        self
    }
}

/// Variances of the movers that are companies.
fn own_variances(movers: &[Mover]) -> impl Iterator<Item = (InstrumentId, f64)> + '_ {
    let own = movers.iter().filter(|mover| mover.members.is_empty());
    own.filter_map(|mover| Some((mover.instrument, mover.name.as_ref()?.specific_variance)))
}

/// Where a part of specific returns comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A company with one line, or what is left of a fund.
    Name(InstrumentId),
    /// What the lines of a company share, by the first of them that is mentioned.
    Company(InstrumentId),
    /// What a line of a company with several has by itself.
    Class(InstrumentId),
}

/// Independent sources of specific returns, in the order of their first mention.
#[derive(Clone, Debug)]
pub struct SpecificSources {
    places: BTreeMap<Source, usize>,
    /// Place of the source that the lines of a company share, with the deviation of the first line.
    companies: BTreeMap<u32, (usize, f64)>,
    /// The sources.
    pub sources: Vec<Source>,
    /// Variance per session of each source.
    pub variances: Vec<f64>,
}

impl SpecificSources {
    /// No sources yet.
    pub const fn none() -> SpecificSources {
        SpecificSources {
            places: BTreeMap::new(),
            companies: BTreeMap::new(),
            sources: Vec::new(),
            variances: Vec::new(),
        }
    }

    /// Loadings of a mover on sources, in ascending order, none without exposures. A member without a
    /// variance is in the rest of the fund.
    pub fn load(&mut self, mover: &Mover, specifics: &Specifics) -> Vec<(usize, f64)> {
        let Some(name) = &mover.name else { return Vec::new() };
        if mover.members.is_empty() {
            return self.line(mover.instrument, name.specific_variance, &specifics.classes);
        }
        let mut loadings: BTreeMap<usize, f64> = BTreeMap::new();
        let mut rest = name.specific_variance;
        for (member, weight) in &mover.members {
            let Some(variance) = specifics.variances.get(member) else { continue };
            for (source, loading) in self.line(*member, *variance, &specifics.classes) {
                let sum = loadings.entry(source).or_insert(0.0);
                let more = *sum + weight * loading;
                rest -= (more * more - *sum * *sum) * self.variances[source];
                *sum = more;
            }
        }
        loadings.insert(self.place(Source::Name(mover.instrument), rest.max(0.0)), 1.0);
        loadings.into_iter().collect()
    }

    /// Loadings of a company's line, in ascending order.
    fn line(
        &mut self,
        instrument: InstrumentId,
        variance: f64,
        classes: &ShareClasses,
    ) -> Vec<(usize, f64)> {
        let Some(ShareClass { company, common }) = classes.get(&instrument) else {
            return vec![(self.place(Source::Name(instrument), variance), 1.0)];
        };
        let deviation = variance.sqrt();
        let (shared, first) = match self.companies.get(company) {
            Some(known) => *known,
            None => (self.place(Source::Company(instrument), common * variance), deviation),
        };
        self.companies.insert(*company, (shared, first));
        let loading = if 0.0 < first { deviation / first } else { 1.0 };
        let own = (variance - loading * loading * self.variances[shared]).max(0.0);
        vec![(shared, loading), (self.place(Source::Class(instrument), own), 1.0)]
    }

    /// The place of a source, whose variance is that of its first mention.
    fn place(&mut self, source: Source, variance: f64) -> usize {
        *self.places.entry(source).or_insert_with(|| {
            self.sources.push(source);
            self.variances.push(variance);
            self.variances.len() - 1
        })
    }
}
