//! Validates size schemes.

use crate::rpc::field::Fields;
use contract::v1;
use factors::size_scheme::{SizeBand, SizeScheme};

/// Maximum number of bands.
const BANDS_MAX: usize = 20;
/// Maximum length of a name, characters.
const NAME_MAX: usize = 40;

/// Reads a size scheme and writes the defaults into the request.
pub(super) fn size_scheme(fields: &mut Fields, asked: &mut v1::SizeScheme) -> SizeScheme {
    let usual = SizeScheme::standard();
    let mut whole = |field, value, default: u32, bounds| {
        let field = format!("settings.size_scheme.{field}");
        let value = fields.within_or(&field, value, default as i32, bounds);
        u32::try_from(value).unwrap_or(default)
    };
    let lag_sessions = whole("lag_sessions", asked.lag_sessions, usual.lag_sessions, (0, 252));
    let reconstitutions =
        whole("reconstitutions", asked.reconstitutions, usual.reconstitutions, (1, 36));
    let buffer =
        fields.within_or("settings.size_scheme.buffer", asked.buffer, usual.buffer, (0.0, 0.9));
    name(fields, "settings.size_scheme.scheme_id", &asked.scheme_id, 0);
    let scheme_id = match asked.scheme_id.as_str() {
        "" => usual.scheme_id.clone(),
        id => id.to_owned(),
    };
    let bands = match asked.bands.as_slice() {
        [] => usual.bands.clone(),
        bands => read(fields, bands),
    };
    let scheme = SizeScheme { scheme_id, bands, lag_sessions, buffer, reconstitutions };
    *asked = echo(&scheme);
    scheme
}

/// The scheme as the answer echoes it.
fn echo(scheme: &SizeScheme) -> v1::SizeScheme {
    let bands = scheme.bands.iter().map(|band| v1::SizeBand {
        bucket_id: band.bucket_id.clone(),
        lower_edge_usd: band.lower_edge_usd,
    });
    v1::SizeScheme {
        scheme_id: scheme.scheme_id.clone(),
        bands: bands.collect(),
        lag_sessions: Some(scheme.lag_sessions as i32),
        buffer: Some(scheme.buffer),
        reconstitutions: Some(scheme.reconstitutions as i32),
    }
}

fn read(fields: &mut Fields, bands: &[v1::SizeBand]) -> Vec<SizeBand> {
    fields.at_most("settings.size_scheme.bands", bands.len(), BANDS_MAX);
    let mut above = f64::INFINITY;
    for (at, band) in bands.iter().enumerate().take(BANDS_MAX) {
        let field = |name: &str| format!("settings.size_scheme.bands[{at}].{name}");
        name(fields, &field("bucket_id"), &band.bucket_id, 1);
        if bands[..at].iter().any(|other| other.bucket_id == band.bucket_id) {
            fields.add(field("bucket_id"), "appears twice");
        }
        let edge = band.lower_edge_usd;
        let is_last = at + 1 == bands.len();
        if !(0.0 <= edge && edge < above && (edge <= 0.0) == is_last) {
            let rule = "must be below that of the band before it, and 0 for the last band only";
            fields.add(field("lower_edge_usd"), rule);
        }
        above = edge;
    }
    let band = |band: &v1::SizeBand| SizeBand {
        bucket_id: band.bucket_id.clone(),
        lower_edge_usd: band.lower_edge_usd,
    };
    bands.iter().map(band).collect()
}

fn name(fields: &mut Fields, field: &str, text: &str, least: usize) {
    let length = text.chars().count();
    if !(least..=NAME_MAX).contains(&length) || text.chars().any(char::is_control) {
        fields.add(field, format!("must have {least} to {NAME_MAX} printable characters"));
    }
}
