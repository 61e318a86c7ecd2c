//! Who makes a call, for the shares of callers.

use crate::{auth::Caller, line::Line, rate::Origin};
use std::sync::Arc;
use tonic::Extensions;

/// Who makes a call. `None` outside of a connection.
pub(super) fn origin(extensions: &Extensions) -> Option<Origin> {
    let address = extensions.get::<Arc<Line>>().and_then(|line| line.address());
    extensions.get::<Caller>().and_then(|caller| Origin::of(caller, address))
}
