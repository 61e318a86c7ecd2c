//! What three servers on one PostgreSQL cost together, called in turn, beside one: the processor
//! time per call must not rise with the number of servers, so that their rates add up as far as
//! there are processors.

use super::{Result, load, postgres::Postgres, print_pace, process, process::Child};
use simulation::market::{Market, Parameters};
use std::time::Instant;

/// Servers that are called in turn.
const REPLICAS: usize = 3;

pub(crate) async fn measure() -> Result<()> {
    let Some(database) = Postgres::start("the bench of replicas") else { return Ok(()) };
    let url = database.database();
    let market = Market::new(Parameters::BENCH);
    load::fill(&url, &market).await?;
    let request = load::portfolio(&market, 500);
    let mut replicas = Vec::new();
    for number in 1..=REPLICAS {
        let started = Instant::now();
        let server = Child::patient(&url)?;
        let channel = server.connect().await?;
        let seconds = started.elapsed().as_secs_f64();
        let (used, megabytes) = (server.processor_seconds()?, server.resident_mb()?);
        println!(
            "replica {number}: listens after {seconds:.2} s, {used:.2} s of processor time, \
             {megabytes:.0} MB"
        );
        replicas.push((server, channel));
    }
    let all: Vec<_> = replicas.iter().map(|(server, channel)| (server, channel.clone())).collect();
    // The first round prepares the view.
    process::pace_of_all(&all, &request).await?;
    let (mut one, mut together, mut rates, mut costs) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    for _ in 0..9 {
        let alone = process::pace_of_all(&all[..1], &request).await?;
        let in_turn = process::pace_of_all(&all, &request).await?;
        rates.push(in_turn.calls_per_second / alone.calls_per_second);
        costs.push(in_turn.server_micros / alone.server_micros);
        one.push(alone);
        together.push(in_turn);
    }
    print_pace("one replica", &one);
    print_pace("three replicas in turn", &together);
    for (what, mut ratios) in [("rate", rates), ("processor time per call", costs)] {
        let [low, median, high] = process::spread(&mut ratios);
        println!("{what} of three over that of one: {median:.2} (min {low:.2}, max {high:.2})");
    }
    Ok(())
}
