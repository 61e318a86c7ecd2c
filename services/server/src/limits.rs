//! Every limit of the service, named, with its unit; an error names the limit that was exceeded.

use serde::{Deserialize, Serialize};

/// Limits that an operator may change. Each name ends with its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest message received, bytes, after decompression.
    pub receive_bytes: usize,
    /// Largest message sent, bytes.
    pub send_bytes: usize,
    /// Largest header list of a call, bytes.
    pub header_bytes: u32,
    /// Largest chunk of an upload, bytes.
    pub chunk_bytes: usize,
    /// Largest upload as received, bytes.
    pub upload_bytes: u64,
    /// Largest upload after decompression, bytes.
    pub upload_decompressed_bytes: u64,
    /// Decompressed bytes allowed per byte received, beyond the first 16 MiB; more is treated as a
    /// decompression bomb.
    pub upload_ratio: u64,
    /// Memory that all uploads together may take while they are read and written, bytes.
    pub upload_memory_bytes: u64,
    /// Concurrent uploads.
    pub uploads: usize,
    /// Share of these uploads that one caller may have.
    pub uploads_per_caller: usize,
    /// Bytes of answers in flight, over all calls: an answer counts until the operating system has
    /// taken it, and a running call counts at least [`CALL_RESERVED_BYTES`].
    pub answer_bytes: usize,
    /// Share of these bytes that one connection may hold.
    pub answer_bytes_per_connection: usize,
    /// Bytes of requests in flight, over all calls: a request counts until its handler has
    /// answered, as it was sent and with its texts and lists once they are decoded; of an upload
    /// only the incomplete message counts, of an exchange that, the item that waits for room as it
    /// was sent, and the items in flight with their expected answers, which have half of this at most.
    /// A message of a stream always has room: those of all streams may take half of this.
    pub request_memory_bytes: usize,
    /// Share of these bytes that one connection may hold; items in flight have three quarters of it.
    pub request_memory_bytes_per_connection: usize,
    /// How long an incomplete request may be silent, milliseconds.
    pub request_idle_ms: u64,
    /// Average bytes per second that a request must send, beyond that silence.
    pub request_bytes_per_s: u64,
    /// Concurrent connections; further ones are closed as soon as they are accepted.
    pub connections: usize,
    /// Concurrent connections of one address, in IPv6 of one network of 64 bits; further ones are
    /// closed as soon as they are accepted. 0 means any number.
    pub connections_per_address: usize,
    /// Concurrent TLS handshakes; further connections are closed as soon as they are accepted.
    pub handshakes: usize,
    /// Concurrent calls on one connection.
    pub streams_per_connection: u32,
    /// Concurrent streams of health and of reflection, over all connections: a client that follows
    /// health has one per connection.
    pub probe_streams: usize,
    /// Share of these streams that one connection may hold.
    pub probe_streams_per_connection: usize,
    /// Concurrent watch streams, over all connections.
    pub watchers: usize,
    /// Share of these streams that one caller may hold.
    pub watchers_per_caller: usize,
    /// Memory of these streams, bytes: their requests, what they keep between two messages, and
    /// messages that the transport has not taken yet.
    pub watch_memory_bytes: usize,
    /// Concurrent streams of portfolios, over all connections.
    pub exchanges: usize,
    /// Share of these streams that one caller may hold, who is known by name, or by address without
    /// authentication.
    pub exchanges_per_caller: usize,
    /// Heavy computations waiting for a thread; further ones are rejected.
    pub compute_queue: usize,
    /// Calls per second of one caller, who is known by name, or by address without authentication; 0
    /// means any number, because all callers behind a proxy have one address.
    pub calls_per_s_per_caller: u32,
    /// Time after which a call that waits for a thread is refused in any case, milliseconds: as soon
    /// as the turn of another call ends, and unless it is next.
    pub queue_ms: u64,
    /// The same while more arrives than the threads can do, so that the queue has not been empty for
    /// [`STANDING_AFTER_MS`]; but at least [`TURNS_WAITED`] times what a call took lately.
    pub standing_queue_ms: u64,
    /// Expected time that a heavy computation may wait for a thread, milliseconds: a few plans of
    /// hedges at once are no overload.
    pub compute_queue_ms: u64,
    /// Expected time that the preparation of a view of the past may wait, milliseconds. Such
    /// preparations run on threads of their own, half as many.
    pub past_queue_ms: u64,
    /// Deadline of a call that sets none, milliseconds.
    pub default_deadline_ms: u64,
    /// Longest deadline of a call, milliseconds. Uploads without a deadline get this one.
    pub max_deadline_ms: u64,
    /// Lifetime of a watch stream, milliseconds; clients then reconnect.
    pub watch_lifetime_ms: u64,
    /// How long a watch stream may be silent before it sends a heartbeat, milliseconds.
    pub heartbeat_ms: u64,
    /// Prepared values kept for later requests, bytes. The least recently used is dropped first; a
    /// value larger than this by itself is prepared again for every request.
    pub prepared_bytes: usize,
}

impl Limits {
    /// The most bytes of one request: as it is sent, with the flag and the length before it, and its
    /// texts and its lists once it is decoded.
    pub const fn largest_request_bytes(&self) -> usize {
        2 * self.receive_bytes + 5 + REQUEST_LIST_BYTES
    }

    /// The most bytes of one item of a stream: as it is sent, its lists, and the answer to expect.
    pub const fn largest_item_bytes(&self) -> usize {
        self.receive_bytes + REQUEST_LIST_BYTES + POSITIONS * ANSWERED_POSITION_BYTES
    }

    /// The most bytes of messages of streams that are not complete, or that wait undecoded.
    pub const fn half_sent_bytes(&self) -> usize {
        self.exchanges.saturating_add(self.uploads).saturating_mul(self.receive_bytes)
    }

    /// Default limits.
    pub const fn standard() -> Limits {
        Limits {
            receive_bytes: 4 * MIB,
            send_bytes: 16 * MIB,
            header_bytes: 16 * 1024,
            chunk_bytes: MIB,
            upload_bytes: 512 * MIB as u64,
            upload_decompressed_bytes: 2 * 1024 * MIB as u64,
            upload_ratio: 200,
            upload_memory_bytes: 4 * 1024 * MIB as u64,
            uploads: 4,
            uploads_per_caller: 3,
            answer_bytes: 256 * MIB,
            answer_bytes_per_connection: 32 * MIB,
            request_memory_bytes: 256 * MIB,
            request_memory_bytes_per_connection: 64 * MIB,
            request_idle_ms: 10_000,
            request_bytes_per_s: 16 * 1024,
            connections: 8_192,
            connections_per_address: 4_096,
            handshakes: 1_024,
            streams_per_connection: 256,
            probe_streams: 8_192,
            probe_streams_per_connection: 16,
            watchers: 1_024,
            watchers_per_caller: 512,
            watch_memory_bytes: 128 * MIB,
            exchanges: 28,
            exchanges_per_caller: 16,
            compute_queue: 64,
            calls_per_s_per_caller: 0,
            queue_ms: 1_000,
            standing_queue_ms: 3,
            compute_queue_ms: 10_000,
            past_queue_ms: 10_000,
            default_deadline_ms: 30_000,
            max_deadline_ms: 300_000,
            watch_lifetime_ms: 3_600_000,
            heartbeat_ms: 30_000,
            prepared_bytes: 512 * MIB,
        }
    }
}

/// Bytes in a mebibyte.
pub const MIB: usize = 1024 * 1024;
/// Maximum number of threads of the pool for heavy work.
pub const THREADS: usize = 1_024;
/// Stack of each of them, bytes. A thread that waits for parts of its computation starts another
/// one meanwhile, on the same stack.
pub const THREAD_STACK_BYTES: usize = 16 * MIB;
/// How many requests of the largest size `request_memory_bytes` must have room for.
pub const LEAST_REQUESTS: u64 = 3;
/// Memory of the lists of one request, found in its bytes before they are decoded: an empty element has
/// two of them, and hundreds once decoded.
pub const REQUEST_LIST_BYTES: usize = 32 * MIB;
/// Positions of one portfolio.
pub const POSITIONS: usize = 10_000;
/// Legs of one trade.
pub const TRADE_LEGS: usize = 6;
/// Selectors of one list of a leg.
pub const TRADE_SELECTORS: usize = 500;
/// Members of the basket behind a leg's return.
pub const TRADE_MEMBERS: usize = 100;
/// Lines of one of them.
pub const TRADE_LINES: usize = 8;
/// Largest rank by market value in a selector of a leg.
pub const TRADE_RANK: i32 = 100_000;
/// Scenarios of one request.
pub const SCENARIOS: usize = 32;
/// Changes of the volatility of options in one request.
pub const VOLATILITY_CHANGES: usize = 8;
/// Scenarios times listed positions of one request: 4 MiB of an answer.
pub const SCENARIO_POSITIONS: usize = 20_000;
/// Scenarios times options listed in one P&L of one request: each is listed in up to three P&Ls, with
/// eight changes of the volatility 2 MiB of an answer.
pub const SCENARIO_OPTIONS: usize = 4_000;
/// Calendar days from the first to the last session of one replay: five years.
pub const REPLAY_DAYS: i32 = 1_830;
/// Shocks of one scenario.
pub const SCENARIO_SHOCKS: usize = 20;
/// Lines of one basket that a scenario shocks, and shorts that one squeezes by name.
pub const SCENARIO_LINES: usize = 100;
/// Sessions over which known moves happen: a year.
pub const SCENARIO_SESSIONS: i32 = 252;
/// Bounds on factors of one search for a likely loss.
pub const FACTOR_BOXES: usize = 100;
/// Instruments of one hedging problem.
pub const HEDGE_INSTRUMENTS: usize = 200;
/// Constraints of one hedging problem.
pub const HEDGE_CONSTRAINTS: usize = 100;
/// Exclusions of one hedging problem.
pub const HEDGE_EXCLUSIONS: usize = 1_000;
/// Points of one frontier.
pub const FRONTIER_POINTS: usize = 20;
/// Branches of one search for a hedge.
pub const HEDGE_NODES: i32 = 10_000;
/// Positions of one watched portfolio.
pub const WATCHED_LINES: usize = 1_000;
/// Bytes of the request of one watch of a portfolio: the stream keeps it.
pub const WATCHED_BYTES: usize = 256 * 1024;
/// Thresholds of one watch.
pub const WATCHED_THRESHOLDS: usize = 16;
/// Names held short times thresholds of one watch, whose values the stream keeps twice.
pub const WATCHED_READINGS: usize = 16_000;
/// Bytes in memory per encoded byte of a request or a message of a watch: a reading of about 66
/// encoded bytes is a value of 180 with texts of 60.
pub const DECODED_COPIES: usize = 4;
/// Watched short books that are looked at at a time: a new revision wakes all of them, and others
/// need the queue of the compute pool too.
pub const WATCH_TURNS: usize = 4;
/// Rows of a report that a caller gives to explain a change, in all its lists: four per line of the
/// largest book, and room for the parts of the book.
pub const REPORT_ROWS: usize = 50_000;
/// Changes that are explained at a time: each makes five analyses, with reports of every name of
/// books of up to [`POSITIONS`] lines, two of which it holds at a time.
pub const EXPLANATIONS: usize = 2;
/// Sessions that a calibration observes if the caller does not set a number: three years.
pub const CALIBRATION_SESSIONS_DEFAULT: i32 = 756;
/// Most sessions that a calibration observes: ten years. Each costs a squeeze universe.
pub const CALIBRATION_SESSIONS: i32 = 2_520;
/// Paths of one simulation of squeezes if the caller does not set a number.
pub const SIMULATION_PATHS_DEFAULT: i32 = 100_000;
/// Fewest paths of one: twenty lie beyond the default confidence of 99 %.
pub const SIMULATION_PATHS_LEAST: i32 = 2_000;
/// Fewest paths beyond a confidence. Of one path no error can be told.
pub const SIMULATION_TAIL_LEAST: f64 = 20.0;
/// Most paths of one, each of which keeps a loss per exit session in memory.
pub const SIMULATION_PATHS: i32 = 500_000;
/// Paths times copulas times simulated shorts of one, with its tails and the rounds of its crowd: some
/// seconds of one processor.
pub const SIMULATION_DRAWS: f64 = 200_000_000.0;
/// Confidences of one.
pub const SIMULATION_CONFIDENCES: usize = 4;
/// Exit sessions of one.
pub const SIMULATION_EXITS: usize = 8;
/// Longs that one names as the crowd's.
pub const CROWD_LONGS: usize = 1_000;
/// Entries of a page if the caller does not set a size.
pub const PAGE_DEFAULT: usize = 100;
/// Maximum number of entries of a page.
pub const PAGE_MAX: usize = 1_000;
/// Maximum number of names of fields in one request for a series; no dataset has as many fields.
pub const SERIES_FIELDS: usize = 64;
/// Maximum number of sessions per page of a history as published, for measures that read the whole
/// market, the scores and the states. A session continues the one before; the first costs a whole
/// preparation, 0.16 s of one processor for 3,000 names over ten years.
pub const AS_PUBLISHED_PREPARATIONS: usize = 100;
/// Sessions of one back-test of risk measures: the latest four years, which is what a view prepares.
pub const BACKTEST_SESSIONS: usize = 1_000;
/// Sessions of one if none are named: a year, the stretch of the Basel Committee.
pub const BACKTEST_SESSIONS_DEFAULT: usize = 250;
/// Methods of one.
pub const BACKTEST_METHODS: usize = 8;
/// Confidences of one.
pub const BACKTEST_CONFIDENCES: usize = 4;
/// Sessions times methods times positions of one.
pub const BACKTEST_WORK: usize = 2_000_000;
/// What the simulated paths of a method add to it, in positions: a session of ten thousand paths takes
/// milliseconds with stand-ins, whatever the horizon.
pub const BACKTEST_PATHS_WORK: usize = 1_000;
/// Default maximum age of a later fact of reference, calendar days: ten years.
pub const REFERENCE_MAX_AGE_DAYS: i32 = 3_653;
/// Largest maximum age that a request may ask for, calendar days.
pub const REFERENCE_MOST_AGE_DAYS: i32 = 36_500;
/// Bytes of a status on the wire: its message and details. Clients reject trailers above 8 KiB.
pub const STATUS_BYTES: usize = 4 * 1024;
/// Share of these bytes for the message.
pub const MESSAGE_BYTES: usize = 1024;
/// Bytes of one text of the caller, or of one description, within a status.
pub const EXCERPT_BYTES: usize = 256;
/// Rejected rows of one file that are listed; further ones are only counted.
pub const REJECTIONS: usize = 1_000;
/// Rejected rows listed again for a repeated request id.
pub const KEPT_REJECTIONS: usize = 20;
/// Bytes of the text of one note, for a repeated request id.
pub const KEPT_NOTE_BYTES: usize = 512;
/// Minimum time for which the answer to a request id is kept, microseconds: 30 days.
pub const REQUEST_ID_KEPT_MICROS: i64 = 30 * 86_400 * 1_000_000;
/// Bytes of the settings that can alter an answer, as the store keeps them: some 8,000 tickers.
pub const SETTINGS_BYTES: usize = 64 * 1024;
/// Different settings that one store keeps: a change every working day for forty years. A server
/// with yet another does not start.
pub const SETTINGS_KEPT: u64 = 10_000;
/// Bytes that the items of one connection may hold of the last quarter of those of all streams: a book
/// of 500 positions, for each of 32 connections by default.
pub const SMALL_ITEMS_BYTES: usize = MIB;
/// Bytes in memory of the items of one exchange that may be in flight and of their answers, beyond the
/// last one: a book of 500 positions has about 730 KiB.
pub const EXCHANGE_BYTES: usize = 16 * MIB;
/// Bytes of the settings of one exchange, which it keeps: a long list of
/// selectors of a trade has some ten thousand.
pub const SETUP_BYTES: usize = 128 * 1024;
/// The same with the elements of its lists in memory: an empty one has two bytes and takes hundreds.
pub const SETUP_MEMORY_BYTES: usize = MIB;
/// What an answer is expected to take per position of its book, bytes.
pub const ANSWERED_POSITION_BYTES: usize = 1024;
/// Lines of one file, without its header.
pub const UPLOAD_ROWS: u64 = 20_000_000;
/// Bytes of one line of a file.
pub const LINE_BYTES: usize = 64 * 1024;
/// Bytes of one text in a file: a company's name, a sector.
pub const TEXT_BYTES: usize = 256;
/// Distinct texts of one file; the market keeps them permanently.
pub const UPLOAD_TEXTS: usize = 100_000;
/// Bytes of all distinct texts of one file.
pub const UPLOAD_TEXTS_BYTES: u64 = 16 * MIB as u64;
/// Names of instruments and series of one file, in every spelling; the market keeps them
/// permanently.
pub const UPLOAD_NAMES: usize = 100_000;
/// How many copies of a file's rows are in memory until they are written: as rows of the file, as
/// facts, as segments, and packed. Three million bars of 69 bytes took 3.3 times their size.
pub const UPLOAD_COPIES: u64 = 4;
/// Retry delay for an upload that found no memory, milliseconds.
pub const UPLOAD_RETRY_MS: u64 = 5_000;
/// Members that the directory of a zip archive may list.
pub const ZIP_MEMBERS: u64 = 1_000;
/// Chunks of an upload that may wait for the reader.
pub const CHUNKS_AHEAD: usize = 4;
/// Bytes of a file name.
pub const FILE_NAME_BYTES: usize = 1_024;
/// Characters of a request id.
pub const REQUEST_ID_CHARS: usize = 128;
/// Names of unjoined instruments that are listed; further ones are only counted.
pub const UNJOINED_NAMES: usize = 20;
/// How far an as-of may be ahead of the server's clock, microseconds: clocks of two machines never
/// agree exactly.
pub const CLOCK_SKEW_MICROS: i64 = 5_000_000;
/// Decompressed bytes below which the compression ratio is not checked.
pub const RATIO_FREE_BYTES: u64 = 16 * MIB as u64;
/// Maximum number of times an upload is prepared because another writer committed first.
pub const WRITE_ATTEMPTS: usize = 5;
/// Facts that one compaction merges.
pub const COMPACTION_FACTS: u64 = 4_000_000;
/// Bytes that a call reserves before it does any work: an answer of common size.
pub const CALL_RESERVED_BYTES: usize = 64 * 1024;
/// Maximum wait of a call for that reserve, milliseconds.
pub const ADMISSION_WAIT_MS: u64 = 2_000;
/// Pause between two attempts to get the reserve, milliseconds.
pub const ADMISSION_RETRY_MS: u64 = 20;
/// How long nothing of the streams of a connection may move before one of their items that waits for
/// room is refused, milliseconds: their client may pause for a while.
pub const ITEMS_STILL_MS: u64 = 5_000;
/// How often younger items of a connection that fit may pass one that does not.
pub const ITEMS_PASSED: u32 = 16;
/// Bytes that a connection may hold of the last quarter of a shared pool: two calls.
pub const SMALL_SHARE_BYTES: usize = 2 * CALL_RESERVED_BYTES;
/// Bytes of a health request that are not counted.
pub const FREE_REQUEST_BYTES: usize = 1024;
/// If the timer of a message ran out this long ago, the server was not reading, and its client is not too
/// slow; milliseconds.
pub const NOT_ASKED_MS: u64 = 1_000;
/// Maximum waiting time that received bytes can earn in advance, in idle times: a burst must not
/// keep a request open forever.
pub const PATIENCE_IDLES: u32 = 3;
/// Bytes of an answer handed to the transport at once; the rest waits until the transport asks for
/// it.
pub const PIECE_BYTES: usize = 64 * 1024;
/// Maximum number of subjects that a gap lists; the others are counted.
pub const GAP_SUBJECTS: usize = 10;
/// Maximum number of different details that a gap joins; the others are counted.
pub const GAP_DETAILS: usize = 3;
/// Kinds of descriptions in a folded gap, of which the first of each is shown.
pub const GAP_KINDS: usize = 10;
/// Callers whose rates are known at once; while so many have called within a second, others are
/// refused.
pub const CALLERS: usize = 10_000;
/// Time after which a queue that has not been empty counts as standing, milliseconds.
pub const STANDING_AFTER_MS: u64 = 100;
/// How many turns of other calls a call may wait for in a queue that stands: sixteen callers of two
/// threads, who wait for their answers, are no overload.
pub const TURNS_WAITED: u32 = 8;
/// The same while calls are refused, so that those that are admitted are answered soon.
pub const TURNS_SHED: u32 = 3;
/// Number of turns without a refusal after which overload is over.
pub const TURNS_UNTIL_CALM: u32 = 32;
/// Number of turns over which their mean is taken, about.
pub const TURNS_MEAN: u32 = 8;
/// Calls per thread that may wait while calls are refused; further ones are refused before their
/// requests are read.
pub const WAITING_PER_THREAD: usize = 8;
/// Analyses that wait for a thread or run: as many as the calls that fit into
/// [`Limits::answer_bytes`] by default. A view that has just been prepared lets all who waited go on.
pub const ANALYSES: usize = 4_096;
/// Jobs per thread that a queue always admits.
pub const JOBS_PER_THREAD: u64 = 2;
/// What work of a kind is expected to cost before any was done, microseconds.
pub const FIRST_COST_MICROS: u64 = 1_000;
/// Longest time that a call waits for a revision that this server has not read, milliseconds.
pub const LONGEST_WAIT_MS: u64 = 30_000;
/// Least time from one look at the store to the next, milliseconds. Requests that name unknown
/// revisions cost the database a hundred transactions per second at most, one for each look.
pub const LOOK_PAUSE_MS: u64 = 10;
/// How long a look at the store may go without an answer, milliseconds, before health says so.
pub const LOOK_LATE_MS: u64 = 3_000;
/// The same for reading and folding what a look has found, which waits for a write of this process.
pub const LOAD_LATE_MS: u64 = 10_000;
/// How often a store whose writes succeed is asked whether it still takes them, milliseconds.
pub const WRITES_ASKED_MS: u64 = 10_000;
/// Least pause between two small writes that show whether a store that failed takes writes again.
pub const PROBE_PAUSE_MS: u64 = 1_000;
/// Pause between two looks at a standby that has not received a revision yet, milliseconds.
pub const STANDBY_PAUSE_MS: u64 = 50;
/// Reads of the store for calls that run at a time; the others wait, up to their deadlines. Two less
/// than the connections with which a store in PostgreSQL reads: one for the follower, one for the
/// sampler and the question whether it takes writes, which are short.
pub const STORE_READS: usize = 2;
/// How long before its deadline a call that waits in vain is answered, milliseconds. A call with
/// less time does not wait.
pub const ANSWER_AHEAD_MS: u64 = 100;
/// Retry delay for a caller who reached a limit, or a server that is behind, milliseconds.
pub const RETRY_AFTER_MS: u64 = 1_000;
/// Calls of one connection that its client has reset before the server took them up; at more the
/// connection ends (the rapid reset of CVE-2023-44487).
pub const PENDING_RESETS: usize = 64;
/// Calls of one connection that the server has reset because of the client's errors; at more the
/// connection ends.
pub const ERROR_RESETS: usize = 256;
/// Pause after a failure to accept a connection, milliseconds.
pub const ACCEPT_PAUSE_MS: u64 = 100;
/// Concurrent connections of the admin port; further ones are closed as soon as they are accepted.
pub const ADMIN_CONNECTIONS: usize = 32;
/// Lifetime of such a connection, which answers one request, milliseconds.
pub const ADMIN_CONNECTION_MS: u64 = 10_000;
/// Bytes that such a connection buffers: the largest head of a request.
pub const ADMIN_BUFFER_BYTES: usize = 16 * 1024;
/// Interval at which the runtime's lag and the head of the store are measured, milliseconds.
pub const SAMPLE_MS: u64 = 1_000;
/// Spans that wait to be sent to the collector; further ones are dropped.
pub const TRACE_QUEUE_SPANS: usize = 8_192;
/// Log records that wait to be sent to the collector; further ones are dropped.
pub const LOG_QUEUE_RECORDS: usize = 4_096;
/// Bytes of one text of such a record.
pub const RECORD_TEXT_BYTES: usize = 2 * 1024;
/// Longest time until a span or a record is sent, milliseconds.
pub const EXPORT_DELAY_MS: u64 = 1_000;
/// Deadline of one batch that is sent to the collector, milliseconds: for the whole answer, and for all
/// attempts to get it.
pub const EXPORT_MS: u64 = 5_000;
/// How often a batch is sent again if the collector says that it may be, or cannot be reached.
pub const EXPORT_RETRIES: u32 = 3;
/// The pause before it is sent again, milliseconds; it doubles each time.
pub const EXPORT_RETRY_MS: u64 = 100;
/// Time without a word of the collector after which the next request also pings it, milliseconds.
pub const EXPORT_KEEPALIVE_MS: u64 = 10_000;
/// How long the answer to that ping may take before the connection is given up, milliseconds.
pub const EXPORT_KEEPALIVE_TIMEOUT_MS: u64 = 5_000;
/// Time that the last spans, records and metrics get together at the end of the process,
/// milliseconds.
pub const EXPORT_FLUSH_MS: u64 = 2_000;
/// Shortest interval at which metrics may be sent, milliseconds.
pub const PUSH_INTERVAL_LEAST_MS: u64 = 1_000;
/// Calls refused for their credentials or their role that are logged per second; further ones are
/// counted, and their number is logged.
pub const REFUSALS_LOGGED_PER_S: u64 = 20;
/// A recurring condition is logged again after this much silence, milliseconds.
pub const EPISODE_MS: f64 = 60_000.0;
/// File descriptors that a server needs in addition to its connections: the store, its WAL, the
/// runtime.
pub const OWN_FILES: usize = 128;
/// Longest time that a setting may have, milliseconds: ten years.
pub const LONGEST_MS: u64 = 10 * 366 * 86_400_000;
/// Time that cut calls get to send their status, milliseconds.
pub const LAST_FRAMES_MS: u64 = 500;
/// Bytes of a file with a certificate, a key, a token or a set of keys.
pub const SECRET_FILE_BYTES: u64 = 256 * 1024;
/// Time that the keys of an issuer get to arrive, milliseconds.
pub const KEYS_FETCH_MS: u64 = 5_000;
/// Shortest pause between two fetches of these keys that settings may ask for, milliseconds.
pub const KEYS_PAUSE_LEAST_MS: u64 = 100;
/// Longest interval between two fetches of them, seconds: a key that was taken back must end.
pub const KEYS_REFRESH_MOST_S: u64 = 86_400;
/// Least characters of a static token: 32 of hexadecimal are 128 bits.
pub const TOKEN_CHARS_LEAST: usize = 32;
/// Most characters of a static token.
pub const TOKEN_CHARS: usize = 4_096;
/// Characters of the name of a caller.
pub const CALLER_CHARS: usize = 256;
/// Most seconds that the clock of an identity provider may be from ours.
pub const CLOCK_SKEW_S: u64 = 300;
