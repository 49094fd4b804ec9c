//! Tests that need something of the machine that may be missing: a Kafka broker, `strace`. What cannot run is told in the closing
//! line, with its number and the reason; it is never passed over in silence.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails where it cannot go on, and is itself the world around the engine"
)]

mod broker;
mod flights;
mod harness;
mod kafka;
mod kafka_restart;
#[path = "../support/process.rs"]
mod process;
mod syscalls;

fn main() {
    let groups = kafka::groups().into_iter().chain([
        kafka_restart::group(),
        flights::group(),
        syscalls::group(),
    ]);
    harness::run(groups.collect());
}

/// How often a process said something.
fn times_said(ended: &process::Ended, text: &str) -> usize {
    ended.said.iter().filter(|line| line.contains(text)).count()
}
