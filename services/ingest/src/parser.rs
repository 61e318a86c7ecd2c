//! Accepts a file's bytes as they arrive and reads complete lines.

use crate::{
    kind::SourceKind,
    options::{Limits, Options},
    parsed_file::{Flow, ParsedFile},
    source::{self, Layout, Reader},
};
use memchr::memchr;
use tables::{
    refusal::{Fault, Reason, Refusal},
    row::FieldSplitter,
};

/// Reads a file chunk by chunk, so that reading overlaps receiving.
#[derive(Debug)]
pub struct Parser {
    options: Options,
    limits: Limits,
    /// Bytes not read yet: all of them until the header is found, then an incomplete line.
    rest: Vec<u8>,
    bytes: u64,
    body: Option<Body>,
    parsed_file: ParsedFile,
}

/// State of reading the rows below a header.
#[derive(Debug)]
struct Body {
    kind: SourceKind,
    reader: Box<dyn Reader>,
    splitter: FieldSplitter,
    delimiter: u8,
    columns: usize,
    /// Line number of the header, from 1.
    header: u64,
    /// Line number of the last line read, from 1.
    line: u64,
    ended: bool,
}

/// A completely read file: rows with the file's own names. [`super::prepare`] joins it to a market,
/// any number of times.
#[derive(Debug)]
pub struct Parsed {
    pub(super) kind: SourceKind,
    pub(super) options: Options,
    pub(super) limits: Limits,
    pub(super) lines: u64,
    pub(super) parsed_file: ParsedFile,
}

impl Parsed {
    /// The kind of the file.
    pub const fn kind(&self) -> SourceKind {
        self.kind
    }

    /// Data rows seen.
    pub const fn rows(&self) -> u64 {
        self.parsed_file.rows
    }
}

/// Bytes that must have arrived before the header is searched for, unless the file is shorter.
const HEAD: usize = 32 * 1024;

impl Parser {
    /// A parser for a new file.
    pub fn new(options: Options, limits: Limits) -> Parser {
        let parsed_file = ParsedFile::new(options.received_at, limits);
        Parser { options, limits, rest: Vec::new(), bytes: 0, body: None, parsed_file }
    }

    /// The kind, once enough bytes have arrived to detect it.
    pub fn kind(&self) -> Option<SourceKind> {
        self.body.as_ref().map(|body| body.kind)
    }

    /// Data rows seen so far.
    pub const fn rows(&self) -> u64 {
        self.parsed_file.rows
    }

    /// Memory of everything read so far, bytes. Joining it to a market takes a few times as much in
    /// addition; see [`super::prepare`].
    pub fn memory(&self) -> u64 {
        self.rest.capacity() as u64 + self.parsed_file.memory()
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    /// [`Refusal`] if the whole file is refused.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        self.bytes += chunk.len() as u64;
        if self.limits.bytes < self.bytes {
            return Err(Refusal::TooLarge { limit: self.limits.bytes });
        }
        if self.body.is_none() {
            self.rest.extend_from_slice(chunk);
            return if self.rest.len() < HEAD { Ok(()) } else { self.begin() };
        }
        self.lines(chunk)
    }

    /// Reads the remaining bytes.
    ///
    /// # Errors
    /// [`Refusal`] if the whole file is refused.
    pub fn finish(mut self) -> Result<Parsed, Refusal> {
        if self.body.is_none() {
            self.begin()?;
        }
        let last = std::mem::take(&mut self.rest);
        let Some(mut body) = self.body else { return Err(Refusal::Empty) };
        let mut parsed_file = self.parsed_file;
        if !last.is_empty() {
            body.read(&last, &self.limits, &mut parsed_file)?;
        }
        body.reader.finish(&mut parsed_file)?;
        match parsed_file.trailer {
            Some(stated) if stated != parsed_file.rows => {
                return Err(Refusal::TrailerCount { stated, found: parsed_file.rows });
            }
            // A file without rows that has a trailer is a day without data.
            None if parsed_file.rows == 0 => return Err(Refusal::NoRows),
            _ => {}
        }
        let (kind, lines) = (body.kind, body.line);
        Ok(Parsed { kind, options: self.options, limits: self.limits, lines, parsed_file })
    }

    /// Detects the kind and reads the complete lines that have arrived.
    fn begin(&mut self) -> Result<(), Refusal> {
        let head = std::mem::take(&mut self.rest);
        tables::content::check_text(&head)?;
        if let Some(at) = memchr(0, &head) {
            return Err(nul(&head[..at], 0));
        }
        let layout = source::find_header(&head, self.options.kind, self.limits.line_bytes)?;
        self.body = Some(Body::new(&layout, &self.options, &mut self.parsed_file)?);
        self.lines(&head[layout.body..])
    }

    /// Reads complete lines and keeps the rest.
    fn lines(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        let Some(body) = &mut self.body else { return Ok(()) };
        if body.ended {
            return Ok(());
        }
        if let Some(at) = memchr(0, chunk) {
            return Err(nul(&chunk[..at], body.line));
        }
        let mut chunk = chunk;
        if !self.rest.is_empty() {
            let length = memchr(b'\n', chunk).map_or(chunk.len(), |at| at + 1);
            self.rest.extend_from_slice(&chunk[..length]);
            chunk = &chunk[length..];
            if self.rest.last() == Some(&b'\n') {
                body.read(&self.rest, &self.limits, &mut self.parsed_file)?;
                self.rest.clear();
            }
        }
        let complete = memchr::memrchr(b'\n', chunk).map_or(0, |at| at + 1);
        body.read(&chunk[..complete], &self.limits, &mut self.parsed_file)?;
        self.rest.extend_from_slice(&chunk[complete..]);
        if self.limits.line_bytes < self.rest.len() && !body.ended {
            return Err(Refusal::LineTooLong {
                line: body.line + 1,
                limit: self.limits.line_bytes,
            });
        }
        Ok(())
    }
}

fn nul(before: &[u8], lines: u64) -> Refusal {
    Refusal::NulByte { line: lines + 1 + memchr::memchr_iter(b'\n', before).count() as u64 }
}

impl Body {
    fn new(
        layout: &Layout,
        options: &Options,
        parsed_file: &mut ParsedFile,
    ) -> Result<Body, Refusal> {
        Ok(Body {
            kind: layout.kind,
            reader: source::reader(layout, options, parsed_file)?,
            splitter: FieldSplitter::new(layout.delimiter),
            delimiter: layout.delimiter,
            columns: layout.header.len(),
            header: layout.line,
            line: layout.line,
            ended: false,
        })
    }

    /// Reads whole lines; the last one may lack its line end.
    fn read(
        &mut self,
        lines: &[u8],
        limits: &Limits,
        parsed_file: &mut ParsedFile,
    ) -> Result<(), Refusal> {
        let mut rest = lines;
        while !rest.is_empty() && !self.ended {
            let length = memchr(b'\n', rest).unwrap_or(rest.len());
            let line = &rest[..length];
            rest = rest.get(length + 1..).unwrap_or(&[]);
            self.line += 1;
            if limits.line_bytes < line.len() {
                return Err(Refusal::LineTooLong { line: self.line, limit: limits.line_bytes });
            }
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.line(line, limits, parsed_file)?;
        }
        Ok(())
    }

    fn line(
        &mut self,
        line: &[u8],
        limits: &Limits,
        parsed_file: &mut ParsedFile,
    ) -> Result<(), Refusal> {
        let number = u32::try_from(self.line).unwrap_or(u32::MAX);
        if limits.rows < self.line - self.header || number == u32::MAX {
            return Err(Refusal::TooManyRows { limit: limits.rows });
        }
        if line.trim_ascii().is_empty() {
            self.ended = self.reader.ends_at_blank() && 0 < parsed_file.rows;
            return Ok(());
        }
        if parsed_file.trailer.is_some() {
            let refusal = Refusal::AfterTrailer { line: self.line };
            return if self.reader.may_follow_trailer(line) { Ok(()) } else { Err(refusal) };
        }
        if let Some(stated) = self.trailer(line).or_else(|| self.reader.trailer(line)) {
            parsed_file.trailer = Some(stated);
            return Ok(());
        }
        let flow = match self.splitter.split(line) {
            None => Err(Fault::open_quote(self.line, line)),
            // One additional empty field is a delimiter at the end of the line.
            Some(row)
                if row.len() != self.columns
                    && !(row.len() == self.columns + 1 && row.get(self.columns).is_empty()) =>
            {
                self.reader.short_row(&row, parsed_file).unwrap_or_else(|| {
                    let text = format!("{} fields, the header has {}", row.len(), self.columns);
                    Err(Fault::new(Reason::FieldCount, text))
                })
            }
            Some(row) => self.reader.row(number, &row, parsed_file),
        };
        match flow {
            Ok(Flow::End) => self.ended = true,
            Ok(Flow::Kept) => parsed_file.rows += 1,
            Ok(Flow::Skipped) => {
                parsed_file.rows += 1;
                parsed_file.skipped += 1;
            }
            Err(fault) => {
                parsed_file.rows += 1;
                parsed_file.reject(number, fault);
            }
        }
        parsed_file.check_bounds()
    }

    /// The row count at the end of FINRA's and other pipe-delimited files.
    fn trailer(&self, line: &[u8]) -> Option<u64> {
        if self.columns < 2 || memchr(self.delimiter, line).is_some() && !line.starts_with(b"#EOF|")
        {
            return None;
        }
        let number = line.strip_prefix(b"#EOF|").unwrap_or(line).trim_ascii();
        let plain = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(number).ok().filter(|_| plain)?.parse().ok()
    }
}
