//! Fits of all names as of the end of the previous month, and the priors derived from them.
//!
//! A name's own betas end with the view's last session and are fitted when a book asks for them.
//! What all names together imply for one name changes slowly, so it is based on fits that end with
//! the last session of the previous month, on the data as known in the view. One more day leaves
//! these fits unchanged. Sizes, and so the groups of the priors, are those of the view's day.

use crate::{
    beta::{Fitter, NameFit, PriorGroup, Priors},
    drivers::{Drivers, RoleReturns},
    name::Details,
    panel::Panel,
    settings::BetaSettings,
};
use factors::{returns::Sessions, size::SizeBucket};
use marketdata::day::Day;
use rayon::prelude::*;
use stats::regression::Estimate;

/// The fits of all names as of the end of a month.
#[derive(Debug)]
pub struct Anchor {
    /// Drivers whose fit window ends with the month.
    pub drivers: Drivers,
    /// Fits by row of the panel.
    pub fits: Vec<NameFit>,
}

/// Fits of an earlier view.
#[derive(Clone, Copy, Debug)]
pub struct EarlierFits<'a> {
    /// The earlier anchor.
    pub anchor: &'a Anchor,
    /// The sessions of its panel.
    pub sessions: &'a Sessions,
    /// By row of the new panel, the row of the earlier panel that has the same returns on all
    /// sessions they share. `None` if any of them may differ.
    pub rows: &'a [Option<u32>],
}

impl Anchor {
    /// Fits every row of a panel. Reuses the fits of an earlier view that would be the same bit by
    /// bit; the second value is their number.
    pub fn of(
        roles: &RoleReturns,
        sessions: &Sessions,
        panel: &Panel,
        earlier: Option<EarlierFits<'_>>,
    ) -> (Anchor, usize) {
        let drivers = Drivers::of(roles, month_start(sessions.days()), &BetaSettings::PREPARED);
        let window = |sessions: &Sessions, drivers: &Drivers| {
            sessions.days()[drivers.first..drivers.end].to_vec()
        };
        let same = earlier.filter(|earlier| {
            window(sessions, &drivers) == window(earlier.sessions, &earlier.anchor.drivers)
                && drivers.fits_as(&earlier.anchor.drivers)
        });
        let fit = |fitter: &mut Fitter<'_>, row: usize| {
            let known = same.and_then(|same| Some(same.anchor.fits[same.rows[row]? as usize]));
            known.unwrap_or_else(|| {
                fitter.fit(&panel.own_within(row as u32, drivers.first..drivers.end))
            })
        };
        let fitter = || Fitter::new(&drivers, &BetaSettings::PREPARED);
        let fits = (0..panel.rows()).into_par_iter().map_init(fitter, fit).collect();
        let taken_over = same.map_or(0, |same| same.rows.iter().flatten().count());
        (Anchor { drivers, fits }, taken_over)
    }
}

/// The first session of the month of the last session.
fn month_start(days: &[Day]) -> usize {
    let month = |day: &Day| {
        let (year, month, _) = day.ymd();
        (year, month)
    };
    let Some(last) = days.last().map(month) else { return 0 };
    days.partition_point(|day| month(day) < last)
}

/// The priors of betas, by driver.
#[derive(Debug)]
pub struct AllPriors {
    market: Priors,
    size: Priors,
    crowd: Priors,
}

impl AllPriors {
    /// The priors from the fits of companies, taken in the given order.
    pub fn of(companies: &[(Option<SizeBucket>, NameFit)]) -> AllPriors {
        let priors = |measure: fn(&NameFit) -> Option<Estimate>| {
            let known = companies.iter().filter_map(|(bucket, fit)| Some((*bucket, measure(fit)?)));
            Priors::of(&known.collect::<Vec<_>>())
        };
        let (market, (size, crowd)) = rayon::join(
            || priors(|fit| fit.market),
            || rayon::join(|| priors(|fit| fit.size), || priors(|fit| fit.crowd)),
        );
        AllPriors { market, size, crowd }
    }

    /// The betas used for a name of a prior group.
    pub fn details(
        &self,
        group: PriorGroup,
        fit: Option<NameFit>,
        settings: &BetaSettings,
    ) -> Details {
        let own = |measure: fn(&NameFit) -> Option<Estimate>| fit.as_ref().and_then(measure);
        let shrinkage = settings.shrinkage;
        Details {
            market: self.market.shrunk(group, own(|fit| fit.market), shrinkage),
            size: self.size.shrunk(group, own(|fit| fit.size), shrinkage),
            crowd: self.crowd.shrunk(group, own(|fit| fit.crowd), shrinkage),
            fit,
        }
    }
}
