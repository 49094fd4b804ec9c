//! Real flights through a real Apache Kafka topic: `queries/flights.sql`, run by the real program, gives row for row what polars
//! gives in one go; also when the program is killed with SIGKILL ten times at random moments.
//!
//! What decides the answer, besides the flights, is which of them came in which batch: a row is late against the watermark of
//! the batch before. So the check
//! 1. feeds the topic, and runs the query until it has read all of it;
//! 2. reads from the checkpoint's log which offsets each batch had;
//! 3. computes from the flights themselves the watermark of each batch, and with polars the groups that must have come out;
//! 4. compares them with the files that the query wrote, the number of rows of each batch with its commit, and the watermarks with
//!    those of the log.
//!
//! The seed of the random moments is printed; `TIDEMILL_SEED` sets it. The data lie beside the project, or where `TIDEMILL_SHARED`
//! says; `scripts/flights-check` runs just this and shows all it says.

mod data;
mod expected;
mod home;

use crate::broker::{self, Broker};
use crate::harness::{Group, tests};
use data::Departure;
use expected::Expected;
use home::{Home, Moment, Pace, Random};
use std::path::Path;

/// How often the program is killed.
const KILLS: usize = 10;

/// Partitions of the topic.
const PARTITIONS: usize = 4;

/// What this test needs, with the test.
pub(crate) fn group() -> Group {
    Group {
        missing: broker::missing().or_else(data::missing),
        tests: tests![
            flights_through_kafka_are_what_polars_says_however_often_the_program_is_killed
        ],
    }
}

fn flights_through_kafka_are_what_polars_says_however_often_the_program_is_killed() {
    let broker = Broker::of_environment();
    let data = data::directory();
    let departures = data::departures(&data.join("flights.parquet"));
    let airlines = data.join("airlines.parquet");
    let topic = broker.topic(i32::try_from(PARTITIONS).unwrap(), &[]);
    feed(&broker, &topic, &departures);

    let calm = Home::new(&broker, &topic, &airlines);
    let pace = calm.run_to_the_end();
    check("left in peace", &calm, &departures, &airlines);

    let killed = Home::new(&broker, &topic, &airlines);
    let (random, seed) = Random::seeded();
    let in_flight = kill(&killed, &pace, random, seed);
    killed.run_to_the_end();
    let label = format!("killed {KILLS} times, {in_flight} of them inside a batch (seed {seed})");
    check(&label, &killed, &departures, &airlines);
    killed.verify_by_replay();
    broker.delete_topic(&topic);
}

/// Sends every flight to the partition and in the order that it says, and sees that it got the offset that it says.
fn feed(broker: &Broker, topic: &str, departures: &[Departure]) {
    let rows = departures
        .iter()
        .map(|departure| (departure.partition, departure.to_json()));
    broker.send_all(topic, rows);
    for partition in 0..PARTITIONS {
        let partition = i32::try_from(partition).unwrap();
        let rows = departures.iter().filter(|d| d.partition == partition);
        assert_eq!(
            broker.end_offset(topic, partition),
            i64::try_from(rows.count()).unwrap()
        );
    }
}

/// Starts the program and kills it, again and again; how often that was inside a batch, planned and not yet committed.
fn kill(home: &Home, pace: &Pace, mut random: Random, seed: u64) -> usize {
    println!("killing the program {KILLS} times, TIDEMILL_SEED={seed}");
    let mut in_flight = 0;
    for number in 1..=KILLS {
        // All of them together leave some batches to the run that is left in peace.
        let batches = random.below(pace.batches / (KILLS as u64 + 2));
        let range = if batches == 0 {
            pace.start
        } else {
            pace.batch * 2
        };
        let moment = Moment {
            batches,
            delay: range.mul_f64(random.fraction()),
        };
        let found = home.kill_at(&moment);
        in_flight += usize::from(found.planned.is_some());
        println!("kill {number}: {moment}: {found}");
    }
    in_flight
}

/// Compares what the query wrote with what polars says, and says so.
fn check(label: &str, home: &Home, departures: &[Departure], airlines: &Path) {
    let batches = home.batches();
    let expected = Expected::compute(departures, airlines, &batches);
    for (batch, (logged, watermarks)) in batches.iter().zip(&expected.watermarks).enumerate() {
        assert_eq!(
            &logged.watermarks, watermarks,
            "watermarks of batch {batch}"
        );
    }
    let rows_out: Vec<u64> = batches.iter().map(|batch| batch.rows_out).collect();
    assert_eq!(expected.rows_by_batch, rows_out, "rows of each batch");
    expected::assert_same(&expected.groups, &home.output());
    assert!(batches.len() >= 40, "{} batches", batches.len());
    assert!(expected.late > 1_000, "{} late rows", expected.late);
    println!(
        "flights, {label}: {} rows in {} batches, {} of them late, {} groups, each as polars has it",
        departures.len(),
        batches.len(),
        expected.late,
        expected.groups.height()
    );
}
