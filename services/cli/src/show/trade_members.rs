//! The members of a trade, one line each.

use crate::{
    show::{
        evidence,
        page::Page,
        table::{Cell, Table},
    },
    terminal::{Terminal, Tone},
};
use contract::v1::ListTradeMembersResponse;

/// The members of a trade for people.
pub(crate) fn report(answer: &ListTradeMembersResponse, terminal: Terminal) -> Page {
    let known = evidence::as_known(answer.info.as_ref());
    let trade = answer.definition.as_ref().map_or("", |trade| &trade.trade_id);
    let mut page = Page::new();
    page.say(terminal.heading(&format!("The members of {trade} {known}")));
    let mut table = Table::new(&["leg", ">members", "returns of"]);
    for leg in &answer.legs {
        table.row([
            leg.leg_id.as_str().into(),
            leg.member_count.to_string().into(),
            Cell::faint(leg.return_symbols.join(", ")),
        ]);
    }
    page.table("legs", table);
    page.say("\n");
    let mut table = Table::new(&["leg", "name", "bucket", ">rank"]);
    for member in &answer.members {
        let rank = member.market_cap_rank.map(|rank| rank.to_string());
        table.row([
            member.leg_id.as_str().into(),
            member.symbol.as_str().into(),
            member.bucket_id.as_str().into(),
            rank.unwrap_or_default().into(),
        ]);
    }
    page.table("members", table);
    let more = usize::try_from(answer.total_size).unwrap_or(0).saturating_sub(answer.members.len());
    if 0 < more {
        page.say(terminal.paint(Tone::Faint, &format!("  and {more} more (--top)\n")));
    }
    page.say(evidence::gaps(answer.info.as_ref(), terminal));
    page.say(evidence::reference(answer.info.as_ref(), terminal));
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::v1::{TradeLegMembers, TradeMember};

    #[test]
    fn members_that_are_not_shown_are_counted() {
        let member = TradeMember {
            leg_id: "long".to_owned(),
            symbol: "AAPL".to_owned(),
            bucket_id: "mega".to_owned(),
            market_cap_rank: Some(1),
        };
        let leg = TradeLegMembers {
            leg_id: "long".to_owned(),
            member_count: 12,
            return_symbols: vec!["^NDX".to_owned()],
        };
        let answer = ListTradeMembersResponse {
            legs: vec![leg],
            members: vec![member],
            total_size: 12,
            ..Default::default()
        };
        let text = report(&answer, Terminal::plain()).render(Terminal::plain());
        assert!(text.contains("and 11 more (--top)"), "{text}");
        assert!(text.contains("AAPL") && text.contains("^NDX"), "{text}");
    }
}
