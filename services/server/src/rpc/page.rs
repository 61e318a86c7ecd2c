//! Pages of a list: a token holds the position, the data and the request that it continues.

use crate::{
    as_of::{AsOf, Pin, When},
    hex::{hex, unhex},
    limits,
    refusal::Refusal,
    rpc::{field::Fields, shared},
    views::Pinned,
};
use contract::{canonical::Canonical, v1};
use marketdata::{instant::Instant, reference::ReferenceKnowledge};
use std::ops::Range;

/// Bytes of the seal of a token.
const SEAL_BYTES: usize = 16;

/// The part of a list that a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Maximum number of entries.
    size: usize,
    /// The number of entries before this page, or the number it starts after, depending on the
    /// list. A forged token may hold any value.
    start: u64,
    /// Hash of the request that the next token is bound to.
    bound_to: [u8; 32],
}

/// A page cut from a list whose length is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The positions of its entries; empty if the page starts beyond the end.
    pub places: Range<usize>,
    /// The token of the next page; empty on the last one.
    pub next_page_token: String,
    /// Number of entries of the whole list.
    pub total_size: i32,
}

/// A request for a page.
pub trait Paged: Canonical {
    /// Its `page_size` and `page_token`.
    fn page_fields(&mut self) -> (&mut i32, &mut String);
}

/// Lists the requests for pages.
macro_rules! paged {
    ($($request:ident)+) => {
        $(impl Paged for v1::$request {
            fn page_fields(&mut self) -> (&mut i32, &mut String) {
                (&mut self.page_size, &mut self.page_token)
            }
        })+
    };
}

paged! {
    AnalyzePortfolioHistoryRequest
    GetIndicatorHistoryRequest
    GetSeriesRequest
    ListFactorsRequest
    ListInstrumentsRequest
    ListRevisionsRequest
    ListScenariosRequest
    ListTradeMembersRequest
    RankSqueezeRequest
}

impl Page {
    /// Maximum number of entries on a page.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Reads the page of a request whose `as_of` was taken out; takes out its `page_token`, applies
    /// the default of its `page_size` and cuts it to [`limits::PAGE_MAX`]. From the second page on
    /// the token's as-of, settings and model version replace those of the request, so that the list
    /// does not change while new facts arrive, or when the server is started with other settings.
    ///
    /// A token depends only on the request and on the data it was answered from: a repeated
    /// reference gives the same token, however the request identified the data.
    ///
    /// # Errors
    /// [`Refusal::PageToken`] if the token does not belong to this request, or the request asks for
    /// other data.
    pub fn from_proto(
        fields: &mut Fields,
        method: &str,
        request: &mut impl Paged,
        as_of: &mut AsOf,
    ) -> Result<Page, Refusal> {
        let (size, token) = request.page_fields();
        let (size, token) = (std::mem::take(size), std::mem::take(token));
        let bound_to = fingerprint(method, request);
        if size < 0 {
            fields.add("page_size", format!("must not be negative, is {size}"));
        }
        let size = match usize::try_from(size) {
            Ok(0) | Err(_) => limits::PAGE_DEFAULT,
            Ok(size) => size.min(limits::PAGE_MAX),
        };
        *request.page_fields().0 = size as i32;
        let start = match token.is_empty() {
            true => 0,
            false => continued(&token, &bound_to, as_of).ok_or(Refusal::PageToken)?,
        };
        Ok(Page { size, start, bound_to })
    }

    /// The page with at most `most` entries, for a list whose entries are costly; the normal form of
    /// its request gets the same size.
    #[must_use]
    pub fn at_most(self, most: usize, request: &mut impl Paged) -> Page {
        let size = self.size.min(most);
        *request.page_fields().0 = size as i32;
        Page { size, ..self }
    }

    /// The page of a list of `total` entries.
    pub fn cut(&self, total: usize, pinned: &Pinned) -> Cut {
        let places = self.within(total);
        let next_page_token = match places.end < total {
            true => self.token(places.end as u64, pinned),
            false => String::new(),
        };
        Cut { places, next_page_token, total_size: total as i32 }
    }

    /// The number that the page starts after, in a list whose entries have rising numbers.
    pub fn starts_after(&self) -> u64 {
        self.start
    }

    /// How many entries to read: one more than a page has, which shows whether there is another
    /// page.
    pub fn looks_for(&self) -> usize {
        self.size + 1
    }

    /// The page from the entries found, and the token of the next page; the token is empty on the
    /// last page.
    pub fn cut_after<'a, T>(
        &self,
        found: &'a [T],
        number: impl Fn(&T) -> u64,
        pinned: &Pinned,
    ) -> (&'a [T], String) {
        let Some((page, _more)) = found.split_at_checked(self.size).filter(|(_, m)| !m.is_empty())
        else {
            return (found, String::new());
        };
        let next = page.last().map(|last| self.token(number(last), pinned));
        (page, next.unwrap_or_default())
    }

    fn within(&self, total: usize) -> Range<usize> {
        let start = usize::try_from(self.start).unwrap_or(total).min(total);
        start..start.saturating_add(self.size).min(total)
    }

    /// A page that starts anywhere, as a forged token may ask for.
    #[cfg(test)]
    pub(super) fn forged(size: usize, start: u64) -> Page {
        Page { size, start, bound_to: [0; 32] }
    }

    /// The token of the page that starts at `start`.
    fn token(&self, start: u64, pinned: &Pinned) -> String {
        let snapshot = pinned.snapshot();
        let reference = reference_word(snapshot.reference());
        let data = [pinned.as_of().micros() as u64, snapshot.revision(), reference, start];
        let (settings, model) = (pinned.settings().hash().to_owned(), pinned.model().to_owned());
        Token { data, settings, model }.write(&self.bound_to)
    }
}

/// The content of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    /// Instant, revision, reference knowledge, and start of the next page.
    data: [u64; 4],
    /// Hash of the settings of the first page, hex.
    settings: String,
    /// Model version of the first page.
    model: String,
}

/// The position that a token continues at; puts its data, settings and model version into `as_of`.
/// `None` if the token does not belong to the request.
fn continued(token: &str, bound_to: &[u8; 32], as_of: &mut AsOf) -> Option<u64> {
    let Token { data: [at, revision, reference, start], settings, model } =
        Token::read(token, bound_to)?;
    // A token is held to the same bounds as a request.
    let at = shared::timestamp(Instant::from_micros(at as i64));
    let at = shared::instant(&mut Fields::new(), "page_token", at)?;
    // Another instant, revision, reference knowledge or setting means another list.
    if !as_of.when.meant(at)
        || as_of.revision.is_some_and(|asked| asked != revision)
        || as_of.reference.is_some_and(|asked| reference_word(asked) != reference)
        || as_of.settings.as_ref().is_some_and(|asked| *asked != settings)
    {
        return None;
    }
    (as_of.when, as_of.revision) = (When::At(at), Some(revision));
    as_of.reference = Some(reference_of(reference)?);
    as_of.settings = Some(settings);
    as_of.pins.push((Pin::ModelVersion, model));
    Some(start)
}

/// Reference knowledge in a token: 0 as published, else the age limit.
const fn reference_word(reference: ReferenceKnowledge) -> u64 {
    match reference {
        ReferenceKnowledge::AsPublished => 0,
        ReferenceKnowledge::EarliestLater { max_age_days } => max_age_days as u64,
    }
}

/// The inverse of [`reference_word`]; `None` for an age limit that a request could not ask for.
fn reference_of(word: u64) -> Option<ReferenceKnowledge> {
    let max_age_days = u16::try_from(word).ok()?;
    let within = i32::from(max_age_days) <= limits::REFERENCE_MOST_AGE_DAYS;
    match max_age_days {
        0 => Some(ReferenceKnowledge::AsPublished),
        max_age_days => within.then_some(ReferenceKnowledge::EarliestLater { max_age_days }),
    }
}

fn fingerprint(method: &str, bound: &impl Canonical) -> [u8; 32] {
    let mut form = Vec::new();
    method.as_bytes().write(&mut form);
    bound.write(&mut form);
    let mut hasher = blake3::Hasher::new_derive_key("ballast.v1 page request");
    hasher.update(&form).finalize().into()
}

impl Token {
    fn write(&self, bound_to: &[u8; 32]) -> String {
        let mut body: Vec<u8> = self.data.iter().flat_map(|word| word.to_le_bytes()).collect();
        body.extend(unhex(&self.settings).unwrap_or_default());
        body.extend(self.model.as_bytes());
        format!("{}{}", hex(&body), hex(&seal(&body, bound_to)))
    }

    fn read(token: &str, bound_to: &[u8; 32]) -> Option<Token> {
        let bytes = unhex(token)?;
        let (body, given) = bytes.split_at_checked(bytes.len().checked_sub(SEAL_BYTES)?)?;
        if given != seal(body, bound_to) {
            return None;
        }
        let (words, rest) = body.split_at_checked(32)?;
        let (settings, model) = rest.split_at_checked(32)?;
        let word =
            |at: usize| Some(u64::from_le_bytes(words.get(8 * at..8 * at + 8)?.try_into().ok()?));
        let model = String::from_utf8(model.to_vec()).ok()?;
        let data = [word(0)?, word(1)?, word(2)?, word(3)?];
        Some(Token { data, settings: hex(settings), model })
    }
}

/// Tells a token of another request from one of this request. The key is the hash of the request
/// and no secret, so a caller can forge a token: it then reads elsewhere in its own answer, as of a
/// position, revision or settings that it could have asked for, and [`continued`] checks them alike.
fn seal(body: &[u8], bound_to: &[u8; 32]) -> [u8; SEAL_BYTES] {
    let hash = blake3::keyed_hash(bound_to, body);
    let mut seal = [0; SEAL_BYTES];
    seal.copy_from_slice(&hash.as_bytes()[..SEAL_BYTES]);
    seal
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::currency::Currency;

    fn as_of(at: Option<i64>, revision: Option<u64>, settings: Option<&str>) -> AsOf {
        AsOf {
            path: "as_of",
            when: at.map_or(When::Now, |micros| When::At(Instant::from_micros(micros))),
            revision,
            reference: None,
            base: Currency::USD,
            base_path: AsOf::BASE_PATH,
            settings: settings.map(str::to_owned),
            pins: Vec::new(),
        }
    }

    fn token(data: [u64; 4]) -> Token {
        Token { data, settings: "ab".repeat(32), model: "list-1.0.0".to_owned() }
    }

    /// Reads a token of one request, made at `[instant, revision, reference, start]`, with another
    /// as-of.
    fn read_with(data: [u64; 4], mut as_of: AsOf) -> Option<(AsOf, u64)> {
        let mut request = v1::ListInstrumentsRequest::default();
        request.page_token = token(data).write(&fingerprint("List", &request));
        let page = Page::from_proto(&mut Fields::new(), "List", &mut request, &mut as_of);
        let page = page.ok()?;
        assert_eq!((request.page_size, request.page_token.as_str()), (100, ""));
        Some((as_of, page.start))
    }

    #[test]
    fn a_token_fits_every_way_to_name_its_data_and_no_other_data() {
        let settings = token([0; 4]).settings;
        let settings = Some(settings.as_str());
        let published = Some(ReferenceKnowledge::AsPublished);
        let own = AsOf { reference: published, ..as_of(Some(5), Some(7), settings) };
        let model = (Pin::ModelVersion, "list-1.0.0".to_owned());
        let continued = AsOf { pins: vec![model.clone()], ..own.clone() };
        for same in [
            as_of(None, None, None),
            as_of(Some(5), None, None),
            as_of(None, Some(7), None),
            as_of(None, None, settings),
            own.clone(),
        ] {
            assert_eq!(read_with([5, 7, 0, 9], same), Some((continued.clone(), 9)));
        }
        assert_eq!(read_with([5, 7, 0, 9], as_of(Some(6), None, None)), None);
        assert_eq!(read_with([5, 7, 0, 9], as_of(Some(5), Some(8), None)), None);
        assert_eq!(read_with([5, 7, 0, 9], as_of(Some(5), Some(7), Some("other"))), None);
        // A token of later reference knowledge, with an age limit of 30 days.
        let later = Some(ReferenceKnowledge::EarliestLater { max_age_days: 30 });
        let own = AsOf { reference: later, ..own };
        let continued = AsOf { pins: vec![model], ..own.clone() };
        for same in [as_of(None, None, None), own.clone()] {
            assert_eq!(read_with([5, 7, 30, 9], same), Some((continued.clone(), 9)));
        }
        assert_eq!(read_with([5, 7, 0, 9], own.clone()), None);
        assert_eq!(read_with([5, 7, 31, 9], own.clone()), None);
        assert_eq!(read_with([5, 7, 30, 9], AsOf { reference: published, ..own }), None);
        let anything = as_of(None, None, None);
        assert_eq!(read_with([5, 7, 36_501, 9], anything), None, "no request asks so");
    }

    #[test]
    fn a_forged_token_cannot_name_an_instant_that_a_request_could_not() {
        for micros in [i64::MIN, i64::MAX] {
            assert_eq!(read_with([micros as u64, 7, 0, 9], as_of(None, None, None)), None);
        }
    }

    #[test]
    fn a_page_size_above_the_maximum_means_the_maximum() {
        for (given, expected) in [(0, 100), (1, 1), (1_000, 1_000), (i32::MAX, 1_000)] {
            let mut request = v1::ListInstrumentsRequest { page_size: given, ..Default::default() };
            let mut as_of = as_of(None, None, None);
            let mut fields = Fields::new();
            let page = Page::from_proto(&mut fields, "List", &mut request, &mut as_of).unwrap();
            // The request in normal form has the same size, and so the same result_id.
            assert_eq!((page.size(), request.page_size), (expected, expected as i32));
            assert_eq!(page.at_most(50, &mut request).size(), expected.min(50));
            assert_eq!(request.page_size, expected.min(50) as i32);
            assert!(!fields.any());
        }
    }

    #[test]
    fn a_page_lies_within_its_list_wherever_it_starts() {
        let page = |start, size| Page::forged(size, start);
        assert_eq!(page(2, 3).within(10), 2..5);
        assert_eq!(page(9, 3).within(10), 9..10);
        for start in [10, 11, u64::MAX - 1, u64::MAX] {
            assert_eq!(page(start, 1_000).within(10), 10..10);
        }
    }

    #[test]
    fn a_token_is_valid_only_for_its_own_request() {
        let (made, of) = (token([1, 2, 3, 4]), [7; 32]);
        let text = made.write(&of);
        assert_eq!(Token::read(&text, &of), Some(made));
        assert_eq!(Token::read(&text, &[8; 32]), None);
        assert_eq!(Token::read(&text.replacen('1', "2", 1), &of), None);
        for junk in ["", "zz", "0", "00", "é", &"0".repeat(95), &text[2..], &text[..40]] {
            assert_eq!(Token::read(junk, &of), None, "{junk}");
        }
        // Sealed, but too short.
        for body in [&[][..], &[0; 31], &[0; 63]] {
            let text = format!("{}{}", hex(body), hex(&seal(body, &of)));
            assert_eq!(Token::read(&text, &of), None, "{}", body.len());
        }
    }
}
