//! The wire tests, in one binary: a server on a free port with a fresh store, and its clients.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that cannot continue fails its test"
)]
#![expect(clippy::float_cmp, reason = "stored values are returned bit by bit")]

mod admin_port;
mod as_published;
mod authentication;
mod backtest;
mod batch;
mod book_history;
mod calls;
mod carried_over;
#[path = "../support/certificates.rs"]
mod certificates;
mod change;
mod connections;
mod crowding;
mod currencies;
mod degross;
mod derivative_stress;
mod derivatives;
mod drawn_files;
mod explain_pnl;
mod exposure;
mod exposure_groups;
mod exposure_real;
mod exposure_sizes;
mod exposure_trades;
mod factor_betas;
mod factors;
mod field_names;
mod foreign_options;
mod golden;
mod harness;
mod headers;
mod health;
mod hedge;
mod hedge_costs;
mod hedge_days;
mod hedge_ends;
mod hedge_frontier;
mod hedge_options;
mod hedge_real;
mod hedge_simulation;
mod hostile;
mod hostile_messages;
mod identifiers;
mod include;
mod ingest;
mod ingest_order;
mod issuer_keys;
mod look_through;
mod measure_refs;
mod merges;
mod metrics;
mod name_covariances;
mod non_finite;
mod old_rates;
mod overload;
mod pooler;
mod portfolio;
mod postgres;
mod postgres_faults;
mod postgres_killed;
mod postgres_moves;
#[path = "../support/postgres.rs"]
mod postgres_server;
mod raw;
mod real_data;
#[path = "../support/real_data.rs"]
mod real_files;
mod reference_knowledge;
mod refusals;
mod replay;
mod replay_answers;
mod replay_histories;
mod replay_settings;
mod replicas;
mod risk_measures;
mod risk_models;
mod rolling;
mod rotation;
mod rotation_real;
mod series_units;
mod service_config;
mod settings;
mod shutdown;
mod squeeze;
mod squeeze_calibration;
mod squeeze_currencies;
mod squeeze_disclosed;
mod squeeze_lending;
mod squeeze_market;
mod squeeze_real;
mod squeeze_simulation;
mod squeeze_watch;
mod stress;
mod stress_options;
mod tls;
mod transport;
mod uploads;
