//! Hostile messages to every method of the contract, drawn from its descriptors, so that a new
//! method is tested without a line here: each call ends with an answer or a typed refusal.

use crate::{
    drawn_files::Draws,
    harness::{Harness, header, soon},
    hostile_messages::{bytes, codes},
    raw::{Raw, RawAnswer, framed},
};
use contract::v1;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use server::clock::Clock;
use simulation::market::{Market, Parameters};
use tonic::Code;
use tonic_types::StatusExt as _;

/// Inputs of the run within `cargo test`; the environment variable `HOSTILE_INPUTS` asks for
/// others, `HOSTILE_SEED` for other draws.
const INPUTS: u64 = 1_500;
/// Calls at once.
const CALLERS: u64 = 4;
/// Resident memory that the second half of a run may add, beyond what the first half did, bytes.
const GROWTH_BYTES: u64 = 64 << 20;

/// A server with a little of every dataset, which keeps few prepared views.
async fn server() -> Harness {
    let harness = Harness::with(Clock::system(), |config| {
        config.limits.prepared_bytes = 8 << 20;
        config.limits.request_idle_ms = 60_000;
    })
    .await;
    let market = Market::new(Parameters { names: 40, days: 130, seed: 3 });
    for file in simulation::files::all(&market) {
        let header = v1::IngestHeader {
            symbol: file.symbol.unwrap_or_default(),
            index_id: file.index_id.unwrap_or_default().to_owned(),
            observed_on: file.observed_on.map(|day| day.to_string()).unwrap_or_default(),
            ..header(&file.file_name)
        };
        harness.try_ingest(header, &file.bytes).await.unwrap();
    }
    harness
}

/// Calls a method once, with as many messages as it takes.
async fn call(raw: &Raw, method: &MethodDescriptor, draws: &mut Draws) -> (RawAnswer, Vec<u8>) {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    // A watch has no end of its own.
    let ends = method.is_server_streaming() && !method.is_client_streaming();
    let timeout: &[(&str, &str)] = if ends { &[("grpc-timeout", "40m")] } else { &[] };
    let mut call = raw.call(&path, timeout).await;
    let messages = if method.is_client_streaming() { draws.below(4) } else { 1 };
    for _ in 0..messages {
        let message = bytes(draws, &method.input());
        if !call.send_more(&framed(0, &message)) {
            break;
        }
    }
    // False if the server has refused the call already.
    let _ended = call.end();
    soon(&path, call.answer().with_body()).await
}

/// Checks that a call ended with an answer or a typed refusal, and that no outcome of a stream is a
/// failure of the server.
fn expect_typed((answer, body): &(RawAnswer, Vec<u8>), method: &MethodDescriptor, input: &str) {
    let status = &answer.status;
    let fault = [Code::Internal, Code::Unknown, Code::DataLoss];
    let is_typed = status.code() == Code::Ok
        || status.get_details_error_info().is_some_and(|info| info.domain == "ballast");
    assert!(is_typed && !fault.contains(&status.code()), "{input}: {status:?}");
    let mut rest = &body[..];
    while let [_flag, a, b, c, d, tail @ ..] = rest {
        let (message, tail) = tail.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        let message = DynamicMessage::decode(method.output(), message).unwrap();
        let codes = codes(&message);
        assert!(
            !codes.iter().any(|code| fault.contains(&Code::from(*code))),
            "{input}: {message:?}"
        );
        rest = tail;
    }
}

/// Calls every method in turn, `inputs` times together.
async fn run(harness: &Harness, seed: u64, inputs: u64) {
    let pool = DescriptorPool::decode(contract::DESCRIPTOR).unwrap();
    let methods: Vec<MethodDescriptor> =
        pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    let address = harness.address();
    let callers = (0..CALLERS).map(|caller| {
        let methods = methods.clone();
        tokio::spawn(async move {
            let raw = Raw::connect(address, 1 << 20).await;
            for at in (caller..inputs).step_by(CALLERS as usize) {
                // Every input has draws of its own, so that a failure is found again by its number.
                let mut draws = Draws(seed.wrapping_mul(0x9E37_79B9).wrapping_add(at));
                let method = &methods[at as usize % methods.len()];
                let input = format!("HOSTILE_SEED={seed}, input {at}, {}", method.full_name());
                expect_typed(&call(&raw, method, &mut draws).await, method, &input);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "how long a test runs is asked by its caller")]
fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Resident memory of this process, the server and its clients, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_messages_are_answered_or_refused_by_type() {
    let harness = server().await;
    let (seed, inputs) = (asked("HOSTILE_SEED", 1), asked("HOSTILE_INPUTS", INPUTS));
    run(&harness, seed, inputs.div_ceil(2)).await;
    let half = resident();
    run(&harness, seed.wrapping_add(1), inputs / 2).await;
    let grown = resident().saturating_sub(half);
    println!("{inputs} inputs; the second half took {} MiB more", grown >> 20);
    assert!(grown <= GROWTH_BYTES, "{} MiB", grown >> 20);
    let mut client = harness.market_data().await;
    client.list_datasets(v1::ListDatasetsRequest::default()).await.expect("it still serves");
    assert!(harness.stop().await, "nothing is left running");
}
