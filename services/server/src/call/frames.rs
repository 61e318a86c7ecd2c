//! Bodies of tests.

use http_body::{Body, Frame};
use std::{
    pin::Pin,
    task::{Context, Poll},
};
use tonic::{Status, codegen::Bytes};

/// A body that asks this for each of its frames.
pub(super) struct Frames<F>(pub(super) F);

impl<F: FnMut() -> Poll<Option<Frame<Bytes>>> + Unpin> Body for Frames<F> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        (self.0)().map(|frame| frame.map(Ok))
    }
}
