//! Tests that need something of the machine that may be missing: a Kafka broker, `strace`. What cannot run is told in the closing
//! line, with its number and the reason; it is never passed over in silence.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what helps a test fails as the test does, and says what it did"
)]

mod broker;
mod flights;
mod harness;
mod kafka;
mod kafka_restart;
#[path = "../support/package.rs"]
mod package;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/shared.rs"]
mod shared;
mod syscalls;

fn main() {
    let groups = kafka::groups().into_iter().chain([
        kafka_restart::group(),
        flights::group(),
        syscalls::group(),
    ]);
    harness::run(groups.collect());
}
