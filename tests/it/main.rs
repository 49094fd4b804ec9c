//! The integration tests, one binary: each module is about one promise to users.

mod broker;
mod crash;
mod kafka;
mod sample;
