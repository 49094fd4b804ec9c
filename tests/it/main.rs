//! The integration tests, one binary: each module is about one promise to users.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what helps a test fails as the test does"
)]

mod bad_disk;
mod cleaned;
mod crash;
#[path = "../support/package.rs"]
mod package;
#[path = "../support/process.rs"]
mod process;
mod property;
mod sample;
mod stop;
mod tidy;
