//! The values that each service prepares from a snapshot, as the cache of prepared values sees
//! them.

use crate::crowds::crowds;
use exposure::{crowds::Crowds, prepared::PreparedExposure};
use factors::roles::Roles;
use marketdata::{
    changes::DatasetSet,
    contents::{DatasetContents, contents},
    dataset::Dataset,
    day::Day,
    snapshot::Snapshot,
};
use risk::{
    cross_section::{self, CrossSection, settings::CrossSectionSettings},
    factor_betas::FactorBetas,
    factor_series::FactorChoice,
    model::RiskModel,
    settings::BetaSettings,
    vendor_models::{self, DayModel, Known, VendorModels},
};
use rotation::prepared::{PreparedRotation, Recounted};
use squeeze::prepared::PreparedSqueeze;
use std::sync::Arc;

/// A value prepared from a snapshot, once for all requests.
pub trait Prepared: Send + Sync + Sized + 'static {
    /// The datasets that the value, and every answer computed from it, depends on. It sees no
    /// others.
    const READS: DatasetSet;

    /// The prepared value of the same view that it is made from; `()` if the snapshot is enough. It
    /// reads no other datasets.
    type Base: Send + Sync + 'static;

    /// What tells values of one kind and view apart, if there are several: found in the base.
    fn key(_base: &Self::Base) -> &str {
        ""
    }

    /// Prepares it, on the pool of the caller. An earlier value may make it faster; the result has
    /// the same bits.
    fn prepare(
        snapshot: &Snapshot,
        roles: &Roles,
        base: &Self::Base,
        previous: Option<&Self>,
    ) -> Self;

    /// Memory it holds, bytes, without the market behind its snapshot.
    fn bytes(&self) -> usize;
}

/// What every dataset holds.
#[derive(Debug)]
pub struct PreparedDatasets(pub Vec<DatasetContents>);

impl Prepared for PreparedDatasets {
    const READS: DatasetSet = DatasetSet::ALL;

    type Base = ();

    fn prepare(snapshot: &Snapshot, _: &Roles, (): &(), _: Option<&Self>) -> Self {
        PreparedDatasets(contents(snapshot))
    }

    fn bytes(&self) -> usize {
        let names = self.0.iter().filter_map(|one| Some(one.without_prices.as_ref()?.capacity()));
        self.0.capacity() * size_of::<DatasetContents>() + names.sum::<usize>() * size_of::<u32>()
    }
}

impl Prepared for PreparedRotation {
    const READS: DatasetSet = DatasetSet::of(rotation::READS);

    type Base = ();

    fn prepare(snapshot: &Snapshot, roles: &Roles, (): &(), previous: Option<&Self>) -> Self {
        let prepared = rotation::prepared::prepare(snapshot, roles, previous);
        let Recounted { lines, publications } = prepared.recounted();
        tracing::debug!(lines, publications, "prepared rotation; counted anew");
        prepared
    }

    fn bytes(&self) -> usize {
        PreparedRotation::bytes(self)
    }
}

impl Prepared for PreparedExposure {
    const READS: DatasetSet = DatasetSet::of(exposure::prepared::READS);

    type Base = ();

    fn prepare(snapshot: &Snapshot, roles: &Roles, (): &(), previous: Option<&Self>) -> Self {
        exposure::prepared::prepare(snapshot, roles, previous)
    }

    fn bytes(&self) -> usize {
        PreparedExposure::bytes(self)
    }
}

impl Prepared for PreparedSqueeze {
    const READS: DatasetSet = DatasetSet::of(squeeze::prepared::READS);

    type Base = ();

    fn prepare(snapshot: &Snapshot, roles: &Roles, (): &(), previous: Option<&Self>) -> Self {
        squeeze::prepared::prepare(snapshot, roles, previous)
    }

    fn bytes(&self) -> usize {
        PreparedSqueeze::bytes(self)
    }
}

/// The cross-section model of a view, which stress and hedge share.
#[derive(Debug)]
pub struct PreparedCrossSection(pub CrossSection);

impl Prepared for PreparedCrossSection {
    /// Those of its base, and short interest, which is a style.
    const READS: DatasetSet =
        PreparedExposure::READS.and(DatasetSet::of(&[Dataset::ShortInterest]));

    /// The names, sessions and returns that it is estimated from.
    type Base = PreparedExposure;

    fn prepare(
        snapshot: &Snapshot,
        _: &Roles,
        base: &PreparedExposure,
        previous: Option<&Self>,
    ) -> Self {
        // The base sees no short interest. Parts that do not depend on it are shared.
        let mut model = RiskModel::clone(base);
        model.snapshot = snapshot.clone();
        let earlier = previous.map(|previous| &previous.0);
        let made = cross_section::prepare(&model, CrossSectionSettings::PREPARED, earlier);
        PreparedCrossSection(made)
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// The crowds of a view.
#[derive(Debug)]
pub struct PreparedCrowds(pub Crowds);

impl Prepared for PreparedCrowds {
    const READS: DatasetSet = PreparedSqueeze::READS
        .and(DatasetSet::of(&[Dataset::Memberships, Dataset::ManagerHoldings]));

    /// Short interest and volumes.
    type Base = PreparedSqueeze;

    fn prepare(
        snapshot: &Snapshot,
        roles: &Roles,
        base: &PreparedSqueeze,
        _: Option<&Self>,
    ) -> Self {
        PreparedCrowds(crowds(snapshot, roles, &base.universe))
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// The names and days of vendors' risk models of a view.
#[derive(Debug)]
pub struct PreparedVendorModels(pub VendorModels);

impl Prepared for PreparedVendorModels {
    const READS: DatasetSet = DatasetSet::of(vendor_models::READS);

    type Base = ();

    fn prepare(snapshot: &Snapshot, _: &Roles, (): &(), _: Option<&Self>) -> Self {
        let found = VendorModels::of(snapshot);
        tracing::debug!(rows = found.rows_read(), "looked at the rows of vendors' models");
        PreparedVendorModels(found)
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// A vendor's model that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorDay {
    /// Its name, in capitals.
    pub name: String,
    /// Its newest whole day.
    pub on: Day,
}

impl VendorDay {
    /// That of a model with a whole day.
    pub fn of(models: &PreparedVendorModels, name: &str) -> Option<VendorDay> {
        match models.0.get(name)? {
            Known::Whole(on) => Some(VendorDay { name: name.to_owned(), on }),
            Known::InParts | Known::Past(_) => None,
        }
    }
}

/// One vendor's risk model of a view.
#[derive(Debug)]
pub struct PreparedVendorModel(pub DayModel);

impl Prepared for PreparedVendorModel {
    const READS: DatasetSet = DatasetSet::of(vendor_models::READS);

    /// Found in [`PreparedVendorModels`] of the view.
    type Base = VendorDay;

    fn key(base: &VendorDay) -> &str {
        &base.name
    }

    fn prepare(snapshot: &Snapshot, _: &Roles, base: &VendorDay, _: Option<&Self>) -> Self {
        PreparedVendorModel(DayModel::of(snapshot, &base.name, base.on))
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// Factors that a request chooses, and the settings of betas to them.
#[derive(Debug)]
pub struct FactorList {
    exposure: Arc<PreparedExposure>,
    choices: Vec<FactorChoice>,
    settings: BetaSettings,
    key: String,
}

impl FactorList {
    /// Those of a view.
    pub fn new(
        exposure: &Arc<PreparedExposure>,
        choices: Vec<FactorChoice>,
        settings: BetaSettings,
    ) -> FactorList {
        let key = format!("{settings:?} {choices:?}");
        FactorList { exposure: Arc::clone(exposure), choices, settings, key }
    }
}

/// The betas of all names of a view to factors that a request chooses.
#[derive(Debug)]
pub struct PreparedFactorBetas(pub FactorBetas);

impl Prepared for PreparedFactorBetas {
    /// Those of the names and returns, and short interest, by which one of the factors is chosen.
    const READS: DatasetSet =
        PreparedExposure::READS.and(DatasetSet::of(&[Dataset::ShortInterest]));

    type Base = FactorList;

    fn key(base: &FactorList) -> &str {
        &base.key
    }

    fn prepare(snapshot: &Snapshot, roles: &Roles, base: &FactorList, _: Option<&Self>) -> Self {
        let FactorList { exposure, choices, settings, .. } = base;
        PreparedFactorBetas(FactorBetas::of(exposure, (snapshot, roles), choices, *settings))
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}
