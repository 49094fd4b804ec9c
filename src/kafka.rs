//! What the Kafka source and the Kafka sink share: client settings, connection events and errors.
//!
//! - [`settings`]: `kafka.*` options with Java's names become librdkafka's, checked one by one; secrets stay inside.
//! - [`names`]: the names themselves: what is translated, what the engine owns, what has no counterpart.
//! - [`jaas`]: user and password out of `sasl.jaas.config`.
//! - [`client`]: what librdkafka tells about a connection, and errors with the right kind.

pub(crate) mod client;
mod jaas;
mod names;
pub(crate) mod settings;

/// Whether a client reads or writes: some settings belong to one of them only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads.
    Consumer,
    /// Writes.
    Producer,
}
