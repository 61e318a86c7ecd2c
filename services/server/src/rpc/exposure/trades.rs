//! Trades on the wire: validates definitions, and says what the settings define.

use crate::{
    limits,
    rpc::{field::Fields, portfolio},
};
use ::portfolio::identifier::InstrumentRef;
use contract::v1::{self, trade_leg_definition::ReturnProxy as WireProxy, trade_selection::Trade};
use exposure::settings::{OwnDefinition, TRADES_MAX, TradeChoice};
use factors::{
    roles::Role,
    size_scheme::SizeScheme,
    trade::{
        BasketMember, LegDefinition, MEGACAP_SMALL_CAP, Neutrality, ReturnProxy, Selector, Side,
        TradeDefinition,
    },
};
use std::collections::BTreeMap;
use v1::trade_selector::Selector as WireSelector;

/// Maximum length of a name of a trade, characters.
const NAME_CHARS: usize = 100;
/// Maximum length of an id and of a member's name, characters.
const ID_CHARS: usize = 40;
/// How the ids of later trades of the settings begin, so that no caller's is ever one of them.
const RESERVED: &str = "ballast_";

/// Reads the trades of a request and writes the defaults into it.
pub(super) fn trades(fields: &mut Fields, asked: &mut Vec<v1::TradeSelection>) -> Vec<TradeChoice> {
    if asked.is_empty() {
        let standard = Trade::TradeId(MEGACAP_SMALL_CAP.to_owned());
        asked.push(v1::TradeSelection { trade: Some(standard) });
    }
    if !fields.at_most("trades", asked.len(), TRADES_MAX) {
        return Vec::new();
    }
    let mut ids: Vec<String> = Vec::new();
    let mut choices = Vec::new();
    for (at, selection) in asked.iter_mut().enumerate() {
        let path = format!("trades[{at}]");
        let Some(Named { choice, id_path, id }) = named_trade(fields, &path, selection) else {
            continue;
        };
        choices.push(choice);
        if ids.contains(&id) {
            fields.add(id_path, "appears twice");
        }
        ids.push(id);
    }
    choices
}

/// Reads a single trade of a request and writes the defaults into it.
pub(super) fn trade(
    fields: &mut Fields,
    field: &str,
    asked: &mut Option<v1::TradeSelection>,
) -> TradeChoice {
    let standard =
        || v1::TradeSelection { trade: Some(Trade::TradeId(MEGACAP_SMALL_CAP.to_owned())) };
    let read = named_trade(fields, field, asked.get_or_insert_with(standard));
    read.map_or(TradeChoice::Standard, |named| named.choice)
}

/// The definition of a trade of a request in normal form; `standard` is that of the settings.
pub(super) fn asked_definition(
    selection: &v1::TradeSelection,
    standard: &TradeDefinition,
) -> v1::TradeDefinition {
    match &selection.trade {
        Some(Trade::Definition(own)) => own.clone(),
        Some(Trade::TradeId(_)) | None => definition(standard),
    }
}

/// A trade of a request, and where it has its id.
struct Named {
    choice: TradeChoice,
    id_path: String,
    id: String,
}

fn named_trade(
    fields: &mut Fields,
    path: &str,
    selection: &mut v1::TradeSelection,
) -> Option<Named> {
    match &mut selection.trade {
        None => {
            fields.add(path, "must give a trade_id or a definition");
            None
        }
        Some(Trade::TradeId(id)) => {
            let id_path = format!("{path}.trade_id");
            if id != MEGACAP_SMALL_CAP {
                fields.add(&id_path, format!("must be {MEGACAP_SMALL_CAP}, is {id:?}"));
            }
            Some(Named { choice: TradeChoice::Standard, id_path, id: id.clone() })
        }
        Some(Trade::Definition(definition)) => {
            let path = format!("{path}.definition");
            let id_path = format!("{path}.trade_id");
            let references = &mut BTreeMap::new();
            let trade = Reader { fields, path, references }.definition(definition);
            let references = std::mem::take(references);
            let choice = TradeChoice::Own(OwnDefinition { trade, references });
            Some(Named { choice, id_path, id: definition.trade_id.clone() })
        }
    }
}

/// Reads a part of a request at a path.
struct Reader<'f> {
    fields: &'f mut Fields,
    path: String,
    /// What the names of lines stand for that are not symbols alone.
    references: &'f mut BTreeMap<String, InstrumentRef<String>>,
}

impl Reader<'_> {
    fn at(&mut self, field: impl std::fmt::Display) -> Reader<'_> {
        let path = format!("{}.{field}", self.path);
        Reader { path, fields: self.fields, references: self.references }
    }

    fn add(&mut self, text: impl Into<String>) {
        self.fields.add(self.path.clone(), text);
    }

    fn definition(&mut self, asked: &mut v1::TradeDefinition) -> TradeDefinition {
        self.at("trade_id").id(&asked.trade_id);
        if asked.trade_id == MEGACAP_SMALL_CAP {
            self.at("trade_id").add("is the id of a trade of the settings");
        }
        if asked.trade_id.starts_with(RESERVED) {
            let text = format!("must not begin with {RESERVED}: trades of the settings do");
            self.at("trade_id").add(text);
        }
        self.at("name").name(&asked.name, NAME_CHARS);
        let neutrality = self.neutrality(asked);
        let count = asked.legs.len();
        if self.at("legs").count(count, (2, limits::TRADE_LEGS)) {
            for side in [v1::TradeSide::Long, v1::TradeSide::Short] {
                if !asked.legs.iter().any(|leg| leg.side() == side) {
                    let text = format!("must have a leg of {}", side.as_str_name());
                    self.at("legs").add(text);
                }
            }
        }
        let mut legs: Vec<LegDefinition> = Vec::new();
        for (at, leg) in asked.legs.iter_mut().enumerate().take(limits::TRADE_LEGS) {
            let mut reader = self.at(format_args!("legs[{at}]"));
            if legs.iter().any(|other| other.leg_id == leg.leg_id) {
                reader.at("leg_id").add("appears twice");
            }
            legs.push(reader.leg(leg));
        }
        let (trade_id, name) = (asked.trade_id.clone(), asked.name.clone());
        TradeDefinition { trade_id, name, neutrality, legs }
    }

    fn neutrality(&mut self, asked: &mut v1::TradeDefinition) -> Neutrality {
        use v1::TradeNeutrality as Wire;
        let path = format!("{}.neutrality", self.path);
        let (neutrality, wire) = match self.fields.choice(&path, asked.neutrality) {
            Wire::Unspecified | Wire::MarketBeta => (Neutrality::MarketBeta, Wire::MarketBeta),
            Wire::Dollar => (Neutrality::Dollar, Wire::Dollar),
        };
        asked.neutrality = wire.into();
        neutrality
    }

    fn leg(&mut self, asked: &mut v1::TradeLegDefinition) -> LegDefinition {
        self.at("leg_id").id(&asked.leg_id);
        let side = match v1::TradeSide::try_from(asked.side) {
            Ok(v1::TradeSide::Long) => Side::Long,
            Ok(v1::TradeSide::Short) => Side::Short,
            Ok(v1::TradeSide::Unspecified) | Err(_) => {
                self.at("side").add("must be TRADE_SIDE_LONG or TRADE_SIDE_SHORT");
                Side::Long
            }
        };
        let any_of = self.selectors("any_of", &asked.any_of, 1);
        let none_of = self.selectors("none_of", &asked.none_of, 0);
        let returns = match &mut asked.return_proxy {
            Some(WireProxy::Basket(basket)) => self.at("basket").basket(basket),
            Some(WireProxy::Instrument(named)) => {
                ReturnProxy::Symbol(self.at("instrument").line(named))
            }
            Some(WireProxy::Role(id)) => ReturnProxy::Role(self.at("role").role(id)),
            None => {
                self.add("must give a basket, an instrument or a role as its return");
                ReturnProxy::Symbol(String::new())
            }
        };
        LegDefinition { leg_id: asked.leg_id.clone(), side, any_of, none_of, returns }
    }

    fn selectors(
        &mut self,
        list: &str,
        asked: &[v1::TradeSelector],
        least: usize,
    ) -> Vec<Selector> {
        if !self.at(list).count(asked.len(), (least, limits::TRADE_SELECTORS)) {
            return Vec::new();
        }
        let numbered = asked.iter().enumerate();
        numbered
            .filter_map(|(at, one)| self.at(format_args!("{list}[{at}]")).selector(one))
            .collect()
    }

    fn selector(&mut self, asked: &v1::TradeSelector) -> Option<Selector> {
        let Some(selector) = &asked.selector else {
            self.add("must give one of the selectors");
            return None;
        };
        Some(match selector {
            WireSelector::BucketId(id) => {
                let bands = &SizeScheme::standard().bands;
                if !bands.iter().any(|band| band.bucket_id == *id) {
                    let known: Vec<&str> = bands.iter().map(|b| b.bucket_id.as_str()).collect();
                    let text = format!("must be one of {}, is {id:?}", known.join(", "));
                    self.at("bucket_id").add(text);
                }
                Selector::Bucket(id.clone())
            }
            WireSelector::RankBand(band) => {
                let path = format!("{}.rank_band", self.path);
                let most = limits::TRADE_RANK;
                let first = self.fields.within(&format!("{path}.first"), band.first, 1, most);
                let least = first.clamp(1, most);
                let last = self.fields.within(&format!("{path}.last"), band.last, least, most);
                Selector::Ranks(first.unsigned_abs(), last.unsigned_abs())
            }
            WireSelector::Instrument(named) => Selector::Symbol(self.at("instrument").line(named)),
            WireSelector::HoldingsOf(fund) => {
                Selector::HoldingsOf(self.at("holdings_of").line(fund))
            }
            WireSelector::Role(id) => Selector::Role(self.at("role").role(id)),
            WireSelector::HoldingsOfRole(id) => {
                Selector::HoldingsOfRole(self.at("holdings_of_role").role(id))
            }
        })
    }

    fn basket(&mut self, asked: &mut v1::TradeBasket) -> ReturnProxy {
        use v1::TradeWeighting as Wire;
        let path = format!("{}.weighting", self.path);
        match self.fields.choice(&path, asked.weighting) {
            Wire::Unspecified | Wire::Equal => asked.weighting = Wire::Equal.into(),
        }
        let count = asked.members.len();
        if !self.at("members").count(count, (1, limits::TRADE_MEMBERS)) {
            return ReturnProxy::Basket { members: Vec::new(), min_members: 1 };
        }
        let path = format!("{}.min_members", self.path);
        let (half, most) = (count.div_ceil(2) as i32, count as i32);
        let min_members = self.fields.within_or(&path, asked.min_members, half, (1, most));
        asked.min_members = Some(min_members);
        let mut members = Vec::new();
        for (at, member) in asked.members.iter_mut().enumerate() {
            members.push(self.at(format_args!("members[{at}]")).member(member));
        }
        ReturnProxy::Basket { members, min_members: usize::try_from(min_members).unwrap_or(1) }
    }

    fn member(&mut self, asked: &mut v1::TradeBasketMember) -> BasketMember {
        self.at("name").name(&asked.name, ID_CHARS);
        let mut lines = Vec::new();
        if self.at("lines").count(asked.lines.len(), (1, limits::TRADE_LINES)) {
            for (at, line) in asked.lines.iter().enumerate() {
                lines.push(self.at(format_args!("lines[{at}]")).line(line));
            }
        }
        if asked.name.is_empty() {
            let first = portfolio::instrument(asked.lines.first());
            asked.name = first.name().to_owned();
        }
        BasketMember { name: asked.name.clone(), lines }
    }

    /// The name of a line: its symbol, or everything that is given if that is more.
    fn line(&mut self, named: &v1::InstrumentRef) -> String {
        let reference = portfolio::instrument(Some(named));
        for (field, text) in reference.faults() {
            match field {
                "" => self.add(text),
                _ => self.at(field).add(text),
            }
        }
        if reference.is_symbol_only() {
            return named.symbol.clone();
        }
        let name = reference.described();
        self.references.insert(name.clone(), reference.into_owned());
        name
    }

    fn role(&mut self, id: &str) -> Role {
        Role::from_id(id).filter(|role| role.is_held()).unwrap_or_else(|| {
            let held: Vec<&str> =
                Role::ALL.into_iter().filter(|role| role.is_held()).map(Role::id).collect();
            self.add(format!("must be one of {}, is {id:?}", held.join(", ")));
            Role::LargeCapIndex
        })
    }

    fn id(&mut self, id: &str) {
        let is_lawful = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if id.is_empty() || ID_CHARS < id.len() || !id.bytes().all(is_lawful) {
            self.add(format!(
                "must have 1 to {ID_CHARS} lower-case letters, digits and underscores"
            ));
        }
    }

    fn name(&mut self, name: &str, most: usize) {
        if most < name.chars().count() || name.chars().any(char::is_control) {
            self.add(format!("must have at most {most} printable characters"));
        }
    }

    fn count(&mut self, count: usize, (least, most): (usize, usize)) -> bool {
        let is_lawful = least <= count && count <= most;
        if !is_lawful {
            self.add(format!("must have {least} to {most} entries, has {count}"));
        }
        is_lawful
    }
}

/// A definition of the settings.
fn definition(trade: &TradeDefinition) -> v1::TradeDefinition {
    let neutrality = match trade.neutrality {
        Neutrality::MarketBeta => v1::TradeNeutrality::MarketBeta,
        Neutrality::Dollar => v1::TradeNeutrality::Dollar,
    };
    v1::TradeDefinition {
        trade_id: trade.trade_id.clone(),
        name: trade.name.clone(),
        neutrality: neutrality.into(),
        legs: trade.legs.iter().map(leg).collect(),
    }
}

fn leg(leg: &LegDefinition) -> v1::TradeLegDefinition {
    let side = match leg.side {
        Side::Long => v1::TradeSide::Long,
        Side::Short => v1::TradeSide::Short,
    };
    let return_proxy = match &leg.returns {
        ReturnProxy::Basket { members, min_members } => {
            let member = |member: &BasketMember| v1::TradeBasketMember {
                name: member.name.clone(),
                lines: member.lines.iter().map(|line| named(line)).collect(),
            };
            WireProxy::Basket(v1::TradeBasket {
                weighting: v1::TradeWeighting::Equal.into(),
                members: members.iter().map(member).collect(),
                min_members: Some(*min_members as i32),
            })
        }
        ReturnProxy::Symbol(symbol) => WireProxy::Instrument(named(symbol)),
        ReturnProxy::Role(role) => WireProxy::Role(role.id().to_owned()),
    };
    v1::TradeLegDefinition {
        leg_id: leg.leg_id.clone(),
        side: side.into(),
        any_of: leg.any_of.iter().map(selector).collect(),
        none_of: leg.none_of.iter().map(selector).collect(),
        return_proxy: Some(return_proxy),
    }
}

fn selector(selector: &Selector) -> v1::TradeSelector {
    let selector = match selector {
        Selector::Bucket(id) => WireSelector::BucketId(id.clone()),
        Selector::Ranks(first, last) => {
            WireSelector::RankBand(v1::TradeRankBand { first: *first as i32, last: *last as i32 })
        }
        Selector::Symbol(symbol) => WireSelector::Instrument(named(symbol)),
        Selector::HoldingsOf(symbol) => WireSelector::HoldingsOf(named(symbol)),
        Selector::Role(role) => WireSelector::Role(role.id().to_owned()),
        Selector::HoldingsOfRole(role) => WireSelector::HoldingsOfRole(role.id().to_owned()),
    };
    v1::TradeSelector { selector: Some(selector) }
}

fn named(symbol: &str) -> v1::InstrumentRef {
    v1::InstrumentRef { symbol: symbol.to_owned(), ..v1::InstrumentRef::default() }
}
