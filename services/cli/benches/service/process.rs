//! Servers as processes of their own: starts and calls them, and reads their memory and processor
//! time.

use super::Result;
use contract::v1::{AnalyzePortfolioRequest, exposure_service_client::ExposureServiceClient};
use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tonic::transport::{Channel, Endpoint};

/// Length of one round of [`pace`], and the number of calls in flight.
const TURN: Duration = Duration::from_secs(1);
const IN_FLIGHT: usize = 16;

/// Wide bounds: the calls in flight wait for each other, and none shall be refused.
pub(crate) const PATIENT: [(&str, &str); 2] =
    [("BALLAST_LIMITS__QUEUE_MS", "60000"), ("BALLAST_LIMITS__STANDING_QUEUE_MS", "60000")];

/// A server process that is killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    port: u16,
}

impl Child {
    /// `ballast serve` on a store.
    pub(crate) fn ballast(store: &str) -> Result<Child> {
        Child::ballast_with(store, &[])
    }

    /// The same with bounds on queues so wide that no call is refused.
    pub(crate) fn patient(store: &str) -> Result<Child> {
        Child::ballast_with(store, &PATIENT)
    }

    /// `ballast serve` on a store, with settings from the environment.
    pub(crate) fn ballast_with(store: &str, settings: &[(&str, &str)]) -> Result<Child> {
        let port = free_port()?;
        let mut command = ballast();
        command
            .args(["serve", "--create", "--listen", &format!("127.0.0.1:{port}")])
            .args(["--admin-listen", "127.0.0.1:0"])
            .args(["--store", store])
            .env("BALLAST_LOG__FILTER", "warn")
            .envs(settings.iter().copied());
        Child::spawn(command, port)
    }

    /// The echo service: this same program with other arguments.
    pub(crate) fn echo(answer: &Path) -> Result<Child> {
        let port = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["echo", &port.to_string()]).arg(answer);
        Child::spawn(command, port)
    }

    fn spawn(mut command: Command, port: u16) -> Result<Child> {
        let process = command.stdout(Stdio::null()).spawn()?;
        Ok(Child { process, port })
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Connects as soon as the server listens; gives up after 30 seconds.
    pub(crate) async fn connect(&self) -> Result<Channel> {
        let endpoint = Endpoint::from_shared(self.address())?.tcp_nodelay(true);
        let started = Instant::now();
        loop {
            match endpoint.connect().await {
                Ok(channel) => return Ok(channel),
                Err(error) if Duration::from_secs(30) < started.elapsed() => {
                    return Err(error.into());
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
            }
        }
    }

    /// Resident memory now, in millions of bytes.
    pub(crate) fn resident_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        let kilobytes: f64 = line.split_whitespace().nth(1).unwrap_or("NaN").parse()?;
        Ok(kilobytes * 1024.0 / 1e6)
    }

    /// Processor seconds used so far, in user and system mode.
    pub(crate) fn processor_seconds(&self) -> Result<f64> {
        seconds_of(&self.process.id().to_string())
    }
}

/// Processor seconds that this process has used so far.
pub(crate) fn own_processor_seconds() -> Result<f64> {
    seconds_of("self")
}

fn seconds_of(process: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may contain spaces; utime and stime are fields 14 and 15.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program, on the processors named in `SERVER_CPUS` if it is set: with the bench itself on
/// others (`taskset`), the client takes no time from the server.
fn ballast() -> Command {
    let program = env!("CARGO_BIN_EXE_ballast");
    let Ok(processors) = std::env::var("SERVER_CPUS") else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["-c", &processors, program]);
    command
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What a server achieved in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) calls_per_second: f64,
    /// Processor time of the server process per call, microseconds.
    pub(crate) server_micros: f64,
}

/// Calls a server for one round with a fixed number of calls in flight.
pub(crate) async fn pace(
    server: &Child,
    channel: Channel,
    request: &AnalyzePortfolioRequest,
) -> Result<Pace> {
    pace_of_all(&[(server, channel)], request).await
}

/// Calls servers in turn for one round with a fixed number of calls in flight.
pub(crate) async fn pace_of_all(
    servers: &[(&Child, Channel)],
    request: &AnalyzePortfolioRequest,
) -> Result<Pace> {
    let before = processor_seconds(servers)?;
    let started = Instant::now();
    let callers = (0..IN_FLIGHT).map(|first| {
        let clients =
            servers.iter().map(|(_, channel)| ExposureServiceClient::new(channel.clone()));
        let mut clients: Vec<_> = clients.collect();
        let request = request.clone();
        tokio::spawn(async move {
            let mut calls = 0;
            while started.elapsed() < TURN {
                let turn = (first + calls as usize) % clients.len();
                clients[turn].analyze_portfolio(request.clone()).await?;
                calls += 1;
            }
            Ok::<u32, tonic::Status>(calls)
        })
    });
    let mut calls = 0;
    for caller in callers.collect::<Vec<_>>() {
        calls += caller.await??;
    }
    let seconds = started.elapsed().as_secs_f64();
    let used = processor_seconds(servers)? - before;
    Ok(Pace {
        calls_per_second: f64::from(calls) / seconds,
        server_micros: used / f64::from(calls) * 1e6,
    })
}

fn processor_seconds(servers: &[(&Child, Channel)]) -> Result<f64> {
    servers.iter().map(|(server, _)| server.processor_seconds()).sum()
}

/// Minimum, median and maximum.
pub(crate) fn spread(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}
