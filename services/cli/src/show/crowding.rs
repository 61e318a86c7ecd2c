//! What a book has in common with crowds.

use crate::show::{
    number,
    page::Page,
    table::{Cell, Table},
};
use contract::v1::{CrowdExit, CrowdOverlap, CrowdedName, Crowding, TradeSide};

/// A book beside crowds in a few sentences, crowd by crowd, and the names that make it.
pub(crate) fn add(page: &mut Page, crowding: &Crowding) {
    page.say(format!("\n{}{}", words(crowding), sources(crowding)));
    page.table("crowds", crowds(&crowding.overlaps));
    if !crowding.names.is_empty() {
        page.say("\n");
        page.table("crowded", names(&crowding.names));
    }
}

fn words(crowding: &Crowding) -> String {
    let book = crowding.crowded_book.unwrap_or_default();
    let mut out = match book.net_crowding.zip(book.net_gross_share) {
        None => "What it has in common with the crowded book is unknown".to_owned(),
        Some((net, share)) => {
            let how = if net < 0.0 { "against" } else { "with" };
            let value = number::money(net.abs());
            format!(
                "{value} of it, {} of gross, is net {how} the crowd",
                number::share(share.abs())
            )
        }
    };
    if let Some((overlap, cosine)) = book.overlap.zip(book.cosine) {
        let overlap = number::share(overlap);
        out.push_str(&format!(" (overlap {overlap}, cosine {})", number::signed(cosine, 2)));
    }
    if let Some(risk) = book.risk_overlap {
        let risk = number::signed(risk, 2);
        out.push_str(&format!("; its returns have a correlation of {risk} with the crowd's"));
    }
    out.push_str(".\n");
    out.push_str(&exit("longs", "the managers", crowding.long_exit.as_ref()));
    out.push_str(&exit("shorts", "all who are short", crowding.short_exit.as_ref()));
    out
}

/// How long a side takes to leave.
fn exit(side: &str, crowd: &str, exit: Option<&CrowdExit>) -> String {
    let Some(exit) = exit else { return String::new() };
    let Some((alone, together)) = exit.alone.as_ref().zip(exit.with_crowd.as_ref()) else {
        return String::new();
    };
    format!(
        "95 % of the {side} are out in {:.1} days alone and in {:.0} together with {crowd} ({} of \
         them known).\n",
        alone.nearly_out_days,
        together.nearly_out_days,
        number::share(exit.share_with_exit_days.unwrap_or_default()),
    )
}

fn sources(crowding: &Crowding) -> String {
    let managers = match crowding.manager_count {
        0 => "No managers are known".to_owned(),
        count => format!(
            "{} managers, quarters of {} to {}",
            number::count(count),
            crowding.first_period_on,
            crowding.last_period_on
        ),
    };
    let settled = match crowding.settlement_on.as_str() {
        "" => "no short interest is".to_owned(),
        day => format!("short interest of {day} is"),
    };
    format!("{managers}; {settled} the newest known.\n")
}

fn crowds(overlaps: &[CrowdOverlap]) -> Table {
    let headings = [
        "crowd",
        "side",
        ">names",
        ">held",
        ">with",
        ">against",
        ">net of gross",
        ">overlap",
        ">cosine",
        ">risk",
    ];
    let mut table = Table::new(&headings);
    for crowd in overlaps {
        let side = if crowd.side() == TradeSide::Short { "short" } else { "long" };
        let held = crowd.held_count.map_or_else(number::absent, number::counted);
        table.row(vec![
            crowd.crowd_id.as_str().into(),
            side.into(),
            number::counted(crowd.member_count),
            held,
            number::cell(crowd.with_crowd, number::money),
            number::cell(crowd.against_crowd, number::money),
            number::cell(crowd.net_gross_share, number::percent),
            number::cell(crowd.overlap, number::share),
            number::cell(crowd.cosine, |cosine| format!("{cosine:.2}")),
            number::cell(crowd.risk_overlap, |risk| number::signed(risk, 2)),
        ]);
    }
    table
}

fn names(names: &[CrowdedName]) -> Table {
    let headings = [
        "name",
        ">value",
        ">of gross",
        ">managers",
        ">of float held",
        ">short of float",
        ">days alone",
        ">days with crowd",
        "crowds",
    ];
    let mut table = Table::new(&headings);
    let days = |days: Option<f64>| number::cell(days, |days| format!("{days:.1}"));
    for name in names {
        let place = |place: &contract::v1::CrowdPlace| format!("{} {}", place.crowd_id, place.rank);
        let places: Vec<String> = name.crowds.iter().map(place).collect();
        table.row(vec![
            name.symbol.as_str().into(),
            number::cell(Some(name.market_value), number::money_signed),
            number::cell(Some(name.gross_share), number::share),
            name.manager_count.map_or_else(number::absent, number::counted),
            number::cell(name.share_of_float_held, number::share),
            number::cell(name.short_of_float, number::share),
            days(name.exit_days_alone),
            days(name.exit_days_with_crowd),
            Cell::from(places.join(", ").as_str()),
        ]);
    }
    table
}
