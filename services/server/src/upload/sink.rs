//! The destination of decompressed bytes: counts them against the limits and passes them to the
//! parser.

use crate::{
    limits::{self, Limits},
    upload::{UploadFault, memory::Share},
};
use ingest::{
    options::{Limits as ParserLimits, Options},
    parser::{Parsed, Parser},
};
use std::io::{self, Write};

/// A parser behind a counter. As a [`Write`] it keeps the fault that made it fail.
#[derive(Debug)]
pub(crate) struct Sink {
    parser: Parser,
    received: u64,
    produced: u64,
    /// Bytes of an archive, which is read only when it is complete.
    waiting: u64,
    most: u64,
    ratio: u64,
    share: Share,
    fault: Option<UploadFault>,
}

impl Sink {
    pub(crate) fn new(
        options: Options,
        parser: ParserLimits,
        limits: &Limits,
        share: Share,
    ) -> Sink {
        Sink {
            parser: Parser::new(options, parser),
            received: 0,
            produced: 0,
            waiting: 0,
            most: limits.upload_decompressed_bytes,
            ratio: limits.upload_ratio,
            share,
            fault: None,
        }
    }

    /// Sets how many bytes have been received so far, before decompression.
    pub(crate) fn received(&mut self, received: u64) {
        self.received = received;
    }

    /// Number of decompressed bytes so far.
    pub(crate) fn produced(&self) -> u64 {
        self.produced
    }

    /// Takes uncompressed bytes.
    pub(crate) fn take(&mut self, bytes: &[u8], received: u64) -> Result<(), UploadFault> {
        self.received(received);
        self.pass_on(bytes)
    }

    /// The fault that made a write fail.
    pub(crate) fn fault(&mut self) -> Option<UploadFault> {
        self.fault.take()
    }

    /// Takes memory for bytes that wait to be read.
    pub(crate) fn keep(&mut self, waiting: usize) -> Result<(), UploadFault> {
        self.waiting = waiting as u64;
        self.share.reach(self.parser.memory(), self.waiting)
    }

    pub(crate) fn finish(self) -> Result<(Parsed, Share), UploadFault> {
        Ok((self.parser.finish()?, self.share))
    }

    fn pass_on(&mut self, bytes: &[u8]) -> Result<(), UploadFault> {
        self.produced += bytes.len() as u64;
        let by_ratio = self.received.saturating_mul(self.ratio).max(limits::RATIO_FREE_BYTES);
        let most = self.most.min(by_ratio);
        if most < self.produced {
            return Err(UploadFault::Bomb { limit: most });
        }
        self.parser.push(bytes)?;
        self.share.reach(self.parser.memory(), self.waiting)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass_on(bytes).map_err(|fault| {
            self.fault = Some(fault);
            io::Error::other("the sink failed")
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
