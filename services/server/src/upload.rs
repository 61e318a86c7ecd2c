//! The bytes of an upload on their way to a reader: format detected by content, decompressed within
//! limits, read while they arrive.

mod archive;
pub mod memory;
mod sink;

use crate::limits::{self, Limits};
use flate2::write::MultiGzDecoder;
use ingest::{
    options::{Limits as ParserLimits, Options},
    parser::Parsed,
};
use memory::Share;
use sink::Sink;
use std::io::{self, Write as _};
use tables::refusal::Refusal;

/// Why an upload is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadFault {
    /// The file itself is at fault; nothing of it is stored.
    #[error("the file is rejected: {detail}")]
    Refused {
        /// Machine-readable fault code.
        fault: &'static str,
        /// One plain sentence for people.
        detail: String,
    },
    /// The upload exceeds the size limit.
    #[error("the upload has more than {limit} bytes")]
    TooLarge {
        /// The limit, bytes.
        limit: u64,
    },
    /// Other uploads hold the memory that it needs; it may be sent again later.
    #[error(
        "other uploads hold the memory this one needs ({limit} bytes for all): send it again later"
    )]
    MemoryHeld {
        /// The limit of all uploads together, bytes.
        limit: u64,
    },
    /// The decompressed size exceeds its limit.
    #[error("the upload decompresses to more than {limit} bytes, which is over the limit")]
    Bomb {
        /// The limit that was exceeded, bytes.
        limit: u64,
    },
}

impl UploadFault {
    fn refused(fault: &'static str, detail: impl Into<String>) -> UploadFault {
        UploadFault::Refused { fault, detail: detail.into() }
    }
}

impl From<Refusal> for UploadFault {
    fn from(refusal: Refusal) -> UploadFault {
        UploadFault::refused(refusal.code(), refusal.to_string())
    }
}

/// An upload being received. It blocks while it reads, so it needs its own thread.
#[derive(Debug)]
pub struct Intake {
    form: Form,
    hasher: blake3::Hasher,
    received: u64,
}

/// A completely read upload.
#[derive(Debug)]
pub struct Received {
    /// The rows, to be resolved against a market.
    pub parsed: Parsed,
    /// Hash of the bytes received.
    pub content_hash: [u8; 32],
    /// Number of bytes received.
    pub bytes: u64,
    /// The share of the upload memory that the rows, and the data made from them, hold.
    pub share: Share,
}

#[derive(Debug)]
enum Form {
    /// Too few bytes to detect the format.
    Unknown(Box<Sink>, Vec<u8>),
    Plain(Box<Sink>),
    /// With the last bytes received.
    Gzip(Box<MultiGzDecoder<Sink>>, Vec<u8>),
    Zip(Box<Sink>, Vec<u8>),
    /// A fault was already returned.
    Faulty,
}

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZIP: &[u8] = b"PK\x03\x04";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
/// Bytes at the end of a gzip file that hold its decompressed length.
const GZIP_LENGTH: usize = 4;
/// Number of bytes that identify the format.
const MAGIC: usize = 4;

impl Intake {
    /// An upload without bytes yet.
    pub fn new(options: Options, limits: &Limits, share: Share) -> Intake {
        let parser_limits = ParserLimits {
            bytes: limits.upload_decompressed_bytes,
            rows: limits::UPLOAD_ROWS,
            line_bytes: limits::LINE_BYTES,
            rejections: limits::REJECTIONS,
            text_bytes: limits::TEXT_BYTES,
            texts: limits::UPLOAD_TEXTS,
            texts_bytes: limits::UPLOAD_TEXTS_BYTES,
            names: limits::UPLOAD_NAMES,
        };
        let sink = Box::new(Sink::new(options, parser_limits, limits, share));
        Intake { form: Form::Unknown(sink, Vec::new()), hasher: blake3::Hasher::new(), received: 0 }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Why the upload is rejected; the rest of it need not be pushed.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), UploadFault> {
        self.received += chunk.len() as u64;
        self.hasher.update(chunk);
        let form = std::mem::replace(&mut self.form, Form::Faulty);
        self.form = form.push(chunk, self.received)?;
        Ok(())
    }

    /// Reads the remaining bytes.
    ///
    /// # Errors
    /// Why the upload is rejected.
    pub fn finish(self) -> Result<Received, UploadFault> {
        let (parsed, share) = self.form.finish(self.received)?;
        Ok(Received {
            parsed,
            share,
            content_hash: *self.hasher.finalize().as_bytes(),
            bytes: self.received,
        })
    }
}

impl Form {
    fn push(self, chunk: &[u8], received: u64) -> Result<Form, UploadFault> {
        match self {
            Form::Unknown(sink, mut head) => {
                head.extend_from_slice(chunk);
                if head.len() < MAGIC {
                    return Ok(Form::Unknown(sink, head));
                }
                Form::detect(sink, &head).push(&head, received)
            }
            Form::Plain(mut sink) => {
                sink.take(chunk, received)?;
                Ok(Form::Plain(sink))
            }
            Form::Gzip(mut decoder, mut last) => {
                decoder.get_mut().received(received);
                let written = decoder.write_all(chunk);
                written.map_err(|error| gzip_fault(decoder.get_mut(), &error))?;
                last.extend_from_slice(&chunk[chunk.len().saturating_sub(GZIP_LENGTH)..]);
                last.drain(..last.len().saturating_sub(GZIP_LENGTH));
                Ok(Form::Gzip(decoder, last))
            }
            Form::Zip(mut sink, mut bytes) => {
                bytes.extend_from_slice(chunk);
                sink.keep(bytes.capacity())?;
                Ok(Form::Zip(sink, bytes))
            }
            Form::Faulty => Ok(Form::Faulty),
        }
    }

    /// Detects the format by the first bytes.
    fn detect(sink: Box<Sink>, head: &[u8]) -> Form {
        if head.starts_with(GZIP) {
            Form::Gzip(Box::new(MultiGzDecoder::new(*sink)), Vec::new())
        } else if head.starts_with(ZIP) || head.starts_with(EMPTY_ZIP) {
            Form::Zip(sink, Vec::new())
        } else {
            Form::Plain(sink)
        }
    }

    fn finish(self, received: u64) -> Result<(Parsed, Share), UploadFault> {
        match self {
            Form::Unknown(mut sink, head) => {
                if head.starts_with(GZIP) {
                    return Err(truncated("gzip"));
                }
                sink.take(&head, received)?;
                sink.finish()
            }
            Form::Plain(sink) => sink.finish(),
            Form::Gzip(mut decoder, last) => {
                if let Err(error) = decoder.try_finish() {
                    let sink = decoder.get_mut();
                    // A complete file ends with its decompressed length, whatever is damaged before
                    // that.
                    let whole = last == (sink.produced() as u32).to_le_bytes();
                    let fault = if whole { damaged("gzip", &error) } else { truncated("gzip") };
                    return Err(sink.fault().unwrap_or(fault));
                }
                match decoder.finish() {
                    Ok(sink) => sink.finish(),
                    Err(error) => Err(damaged("gzip", &error)),
                }
            }
            Form::Zip(sink, bytes) => archive::read(*sink, &bytes)?.finish(),
            Form::Faulty => Err(UploadFault::refused("DAMAGED_FILE", "the file is damaged")),
        }
    }
}

/// Maps a decoder's error: the sink's own fault, a truncated stream, or a damaged one.
fn gzip_fault(sink: &mut Sink, error: &io::Error) -> UploadFault {
    sink.fault().unwrap_or_else(|| match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero => truncated("gzip"),
        _ => damaged("gzip", error),
    })
}

fn truncated(form: &str) -> UploadFault {
    let detail = format!("the {form} file is truncated; send it again");
    UploadFault::refused("TRUNCATED_FILE", detail)
}

fn damaged(form: &str, error: &io::Error) -> UploadFault {
    UploadFault::refused("DAMAGED_FILE", format!("the {form} file is damaged: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use marketdata::instant::Instant;

    const CSV: &str = "Ticker,Date,Open,High,Low,Close,Volume\n\
                       AAPL,2021-01-04,133.5,133.6,126.7,129.4,143301900\n\
                       AAPL,2021-01-05,128.9,131.7,128.4,131.0,97664900\n";

    fn receive(bytes: &[u8], chunk: usize, limits: &Limits) -> Result<Received, UploadFault> {
        let share = memory::Memory::new(limits.upload_memory_bytes).share();
        let options = Options {
            kind: None,
            file_name: "prices.csv".to_owned(),
            symbol: None,
            index: None,
            observed_on: None,
            published_at: None,
            price_basis: None,
            adjusted_on: None,
            risk_period: None,
            received_at: Instant::parse_rfc3339("2021-02-01T00:00:00Z").unwrap(),
            force: false,
        };
        let mut intake = Intake::new(options, limits, share);
        for chunk in bytes.chunks(chunk) {
            intake.push(chunk)?;
        }
        intake.finish()
    }

    fn fault(bytes: &[u8]) -> String {
        match receive(bytes, 1_000, &Limits::standard()).unwrap_err() {
            UploadFault::Refused { fault, .. } => fault.to_owned(),
            UploadFault::TooLarge { .. } => "too large".to_owned(),
            UploadFault::Bomb { .. } => "bomb".to_owned(),
            UploadFault::MemoryHeld { .. } => "memory held".to_owned(),
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zip_with(method: zip::CompressionMethod) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        writer.start_file("a.csv", options).unwrap();
        writer.write_all(CSV.as_bytes()).unwrap();
        writer.finish().unwrap().into_inner()
    }

    fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn a_file_reads_the_same_in_every_form_and_chunking() {
        let two_members = [gzip(&CSV.as_bytes()[..60]), gzip(&CSV.as_bytes()[60..])].concat();
        let zipped = zip(&[("__MACOSX/._prices.csv", b"x"), ("folder/prices.csv", CSV.as_bytes())]);
        for bytes in [CSV.as_bytes(), &gzip(CSV.as_bytes()), &two_members, &zipped] {
            for chunk in [1, 3, 64, 100_000] {
                let received = receive(bytes, chunk, &Limits::standard()).unwrap();
                assert_eq!(received.parsed.rows(), 2, "in chunks of {chunk}");
                assert_eq!(received.bytes, bytes.len() as u64);
                assert_eq!(received.content_hash, *blake3::hash(bytes).as_bytes());
            }
        }
    }

    #[test]
    fn damage_is_reported_by_kind() {
        let whole = gzip(CSV.as_bytes());
        assert_eq!(fault(&whole[..whole.len() - 9]), "TRUNCATED_FILE");
        assert_eq!(fault(&whole[..3]), "TRUNCATED_FILE");
        let mut bad = whole;
        // The trailer is checksum, then length, four bytes each.
        let checksum = bad.len() - 8;
        bad[checksum] ^= 0x55;
        assert_eq!(fault(&bad), "DAMAGED_FILE");
        let zipped = zip(&[("a.csv", CSV.as_bytes())]);
        assert_eq!(fault(&zipped[..zipped.len() - 30]), "TRUNCATED_FILE");
        assert_eq!(fault(&zip(&[])), "EMPTY_ARCHIVE");
        let two = zip(&[("a.csv", CSV.as_bytes()), ("b.csv", CSV.as_bytes())]);
        assert_eq!(fault(&two), "SEVERAL_FILES");
        assert_eq!(fault(b""), "EMPTY_FILE");
    }

    /// Two members called `a.csv`, which no archive writer creates on purpose.
    fn twins() -> Vec<u8> {
        let mut bytes = zip(&[("a.csv", CSV.as_bytes()), ("b.csv", b"Date,Close\n2021-01-04,2\n")]);
        let at = |bytes: &[u8]| bytes.windows(5).position(|name| name == b"b.csv");
        while let Some(at) = at(&bytes) {
            bytes[at] = b'a';
        }
        bytes
    }

    /// An archive of one file, and of entries without data.
    fn directory_of(entries: u32) -> Vec<u8> {
        let mut bytes = zip(&[("a.csv", CSV.as_bytes())]);
        let end = bytes.len() - 22;
        let start = u32::from_le_bytes(*bytes[end + 16..].first_chunk().unwrap());
        bytes.truncate(end);
        let mut entry = [0; 46];
        entry[..4].copy_from_slice(b"PK\x01\x02");
        (0..entries).for_each(|_| bytes.extend(entry));
        let length = bytes.len() as u64 - u64::from(start);
        let (count, at) = (u64::from(entries) + 1, bytes.len() as u64);
        // Zip64, for more than 65,534 entries: record, locator, and the end that refers to them.
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44u64.to_le_bytes());
        bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for number in [count, count, length, start.into()] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(b"PK\x06\x07\0\0\0\0");
        bytes.extend(at.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend([0xff; 12]);
        bytes.extend([0, 0]);
        bytes
    }

    #[test]
    fn an_archive_says_which_file_it_holds() {
        assert_eq!(fault(&twins()), "SEVERAL_FILES", "two members with one name are two files");
        let one = receive(&directory_of(0), 1_000, &Limits::standard()).unwrap();
        assert_eq!(one.parsed.rows(), 2, "zip64 although not needed");
        let most = limits::ZIP_MEMBERS as u32;
        // Entries without a name are not files.
        let filled = receive(&directory_of(most - 1), 1_000, &Limits::standard()).unwrap();
        assert_eq!(filled.parsed.rows(), 2);
        assert_eq!(fault(&directory_of(most)), "TOO_MANY_MEMBERS");
        let stored = zip_with(zip::CompressionMethod::Stored);
        assert_eq!(receive(&stored, 7, &Limits::standard()).unwrap().parsed.rows(), 2);
        let mut damaged = stored;
        let at = damaged.windows(5).position(|part| part == b"129.4").unwrap();
        damaged[at] = b'2';
        assert_eq!(fault(&damaged), "DAMAGED_FILE", "the checksum differs");
        let mut encrypted = zip(&[("a.csv", CSV.as_bytes())]);
        let entry = encrypted.windows(4).rposition(|part| part == b"PK\x01\x02").unwrap();
        encrypted[entry + 8] |= 1;
        assert_eq!(fault(&encrypted), "UNSUPPORTED_ARCHIVE");
        encrypted[entry + 8] ^= 1;
        encrypted[entry + 10] = 12;
        assert_eq!(fault(&encrypted), "UNSUPPORTED_ARCHIVE", "bzip2");
    }

    #[test]
    fn damaged_archives_are_rejected_with_a_reason() {
        let forms = [zip(&[("prices.csv", CSV.as_bytes())]), gzip(CSV.as_bytes())];
        // Xorshift, 64 bits (Marsaglia 2003).
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % bound as u64) as usize
        };
        for round in 0..6_000 {
            let mut bytes = forms[round % 2].clone();
            for _ in 0..=draw(4) {
                // Mostly in the directory, where the numbers are.
                let at = if draw(3) == 0 { draw(bytes.len()) } else { bytes.len() - 1 - draw(90) };
                bytes[at] = [0, 1, 0x7f, 0xff, draw(256) as u8][draw(5)];
            }
            bytes.truncate(bytes.len() - if draw(4) == 0 { draw(60) } else { 0 });
            if let Ok(received) = receive(&bytes, 1_000, &Limits::standard()) {
                assert_eq!(received.parsed.rows(), 2);
            }
        }
    }

    #[test]
    fn an_upload_takes_no_more_memory_than_its_share() {
        let row = |at: u32| format!("S{at},2021-01-04,133.5,133.6,126.7,129.4,143301900\n");
        let header = &CSV[..=CSV.find('\n').unwrap()];
        let text = header.to_owned() + &(0..20_000).map(row).collect::<String>();
        let small = Limits { upload_memory_bytes: 8 << 20, ..Limits::standard() };
        for bytes in [text.as_bytes(), &gzip(text.as_bytes()), &zip(&[("a.csv", text.as_bytes())])]
        {
            assert!(receive(bytes, 1 << 20, &Limits::standard()).is_ok());
            let fault = receive(bytes, 1 << 20, &small).unwrap_err();
            assert!(
                matches!(fault, UploadFault::Refused { fault: "TOO_MUCH_MEMORY", .. }),
                "{fault}"
            );
        }
    }

    #[test]
    fn a_bomb_is_stopped_long_before_it_is_decompressed() {
        let rows = "AAPL,2021-01-04,133.5,133.6,126.7,129.4,143301900\n".repeat(1_000_000);
        let text = format!("{}{rows}", &CSV[..CSV.find('\n').unwrap() + 1]);
        let limits = Limits { upload_ratio: 20, ..Limits::standard() };
        for bytes in [gzip(text.as_bytes()), zip(&[("a.csv", text.as_bytes())])] {
            let bomb = receive(&bytes, 1 << 20, &limits).unwrap_err();
            assert!(matches!(bomb, UploadFault::Bomb { .. }), "{bomb}");
        }
        let small = Limits { upload_decompressed_bytes: 100, ..Limits::standard() };
        let bomb = receive(&gzip(CSV.as_bytes()), 10, &small).unwrap_err();
        assert_eq!(bomb, UploadFault::Bomb { limit: 100 });
    }
}
