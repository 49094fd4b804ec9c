//! The integration tests, one binary: each module is about one promise to users.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails where it cannot go on, and is itself the world around the engine"
)]

mod bad_disk;
mod cleaned;
mod crash;
#[path = "../support/process.rs"]
mod process;
mod property;
mod sample;
mod stop;
mod tidy;
