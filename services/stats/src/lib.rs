//! Numbers in, numbers out: moments, ranks, regression, quantiles; no market words.
