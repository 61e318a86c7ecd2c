//! Splits one line into fields.

use memchr::memchr;

/// Splits lines into fields and reuses its buffers.
#[derive(Debug)]
pub struct FieldSplitter {
    delimiter: u8,
    quotes: bool,
    spans: Vec<(u32, u32)>,
    /// The fields of a quoted line, without the quotes.
    unquoted: Vec<u8>,
}

/// The fields of a line.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    bytes: &'a [u8],
    spans: &'a [(u32, u32)],
}

impl<'a> Row<'a> {
    /// Number of fields; an empty line has one, which is empty.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are no fields, which cannot happen for a split line.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// A field without surrounding blanks; empty if the line has no such field.
    #[inline]
    pub fn get(&self, column: usize) -> &'a [u8] {
        match self.spans.get(column) {
            Some((from, to)) => trim(&self.bytes[*from as usize..*to as usize]),
            None => b"",
        }
    }

    /// A field of a column that the file may lack; empty if it does.
    pub fn optional(&self, column: Option<usize>) -> &'a [u8] {
        column.map_or(b"", |column| self.get(column))
    }

    /// A field as text; empty if the line has no such field.
    pub fn text(&self, column: Option<usize>) -> String {
        text(self.optional(column))
    }
}

/// Decodes bytes as UTF-8, else as Windows-1252. Removes the apostrophe that protects a text in a
/// spreadsheet; see [`super::export`].
pub fn text(bytes: &[u8]) -> String {
    let bytes = super::export::unprotected(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| windows_1252(*byte)).collect(),
    }
}

/// Latin-1 except for the bytes 80 to 9F, where Windows-1252 has quotation marks and dashes and
/// Latin-1 has control characters (WHATWG Encoding Standard, index windows-1252).
fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž',
        '\u{fffd}', '\u{fffd}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ',
        '\u{fffd}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

#[inline]
fn trim(bytes: &[u8]) -> &[u8] {
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) if *first <= b' ' || *last <= b' ' => bytes.trim_ascii(),
        _ => bytes,
    }
}

impl FieldSplitter {
    /// A pipe-delimited file has no quoting rules: a quotation mark is part of a name.
    pub fn new(delimiter: u8) -> FieldSplitter {
        FieldSplitter {
            delimiter,
            quotes: delimiter != b'|',
            spans: Vec::new(),
            unquoted: Vec::new(),
        }
    }

    /// The fields of a line; `None` if a quotation mark is not closed.
    #[inline]
    pub fn split<'a>(&'a mut self, line: &'a [u8]) -> Option<Row<'a>> {
        self.spans.clear();
        if self.quotes && memchr(b'"', line).is_some() {
            return self.split_quoted(line);
        }
        let mut from = 0;
        for (at, byte) in line.iter().enumerate() {
            if *byte == self.delimiter {
                self.spans.push((from, at as u32));
                from = at as u32 + 1;
            }
        }
        self.spans.push((from, line.len() as u32));
        Some(Row { bytes: line, spans: &self.spans })
    }

    fn split_quoted(&mut self, line: &[u8]) -> Option<Row<'_>> {
        self.unquoted.clear();
        let mut inside = false;
        let mut from = 0;
        let mut bytes = line.iter().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' if inside && bytes.peek() == Some(&&b'"') => {
                    self.unquoted.push(b'"');
                    bytes.next();
                }
                b'"' => inside = !inside,
                byte if *byte == self.delimiter && !inside => {
                    self.spans.push((from, self.unquoted.len() as u32));
                    from = self.unquoted.len() as u32;
                }
                byte => self.unquoted.push(*byte),
            }
        }
        self.spans.push((from, self.unquoted.len() as u32));
        (!inside).then_some(Row { bytes: &self.unquoted, spans: &self.spans })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(delimiter: u8, line: &str) -> Option<Vec<String>> {
        let mut splitter = FieldSplitter::new(delimiter);
        let row = splitter.split(line.as_bytes())?;
        Some((0..row.len()).map(|column| row.text(Some(column))).collect())
    }

    #[test]
    fn quoted_fields_may_contain_delimiters_and_quotes() {
        assert_eq!(fields(b',', "a, b ,").unwrap(), ["a", "b", ""]);
        assert_eq!(fields(b',', "\"x, \"\"y\"\"\",2").unwrap(), ["x, \"y\"", "2"]);
        assert_eq!(fields(b',', "\"x,2"), None);
        assert_eq!(fields(b'|', "A|6\" PIPE CO|3").unwrap(), ["A", "6\" PIPE CO", "3"]);
        let mut splitter = FieldSplitter::new(b'|');
        assert_eq!(splitter.split(b"NESTL\xc9|1").unwrap().text(Some(0)), "NESTLÉ");
        assert_eq!(text(b"L\x92OREAL \x96 ADR"), "L’OREAL – ADR");
        assert!(!(0..=255).map(windows_1252).any(|c| '\u{7f}' < c && c.is_control()));
    }
}
