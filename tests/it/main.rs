//! The integration tests, one binary: each module is about one promise to users.

mod bad_disk;
mod crash;
#[path = "../support/process.rs"]
mod process;
mod sample;
mod stop;
