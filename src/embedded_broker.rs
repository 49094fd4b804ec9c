//! A Kafka cluster inside this process: librdkafka's mock cluster, for demos and fast tests.
//!
//! It speaks the real protocol on a port of this machine, so that the source and the sink need not know. What it does **not**
//! do, and what therefore proves nothing when it works here:
//!
//! - Transactions are not isolated: aborted rows are visible.
//! - Each partition keeps only the last 5 MiB and 100,000 batches of messages. Older ones vanish without a word, as if by
//!   retention; the source notices and reports the loss.
//! - A topic is not deleted or created again; offsets by timestamp are not known.

use crate::error::{Error, ErrorKind, Result};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::fmt;

/// A running cluster. It ends when this is dropped.
pub struct EmbeddedBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedBroker {
    /// Starts a cluster of one broker on a free port of the loopback interface.
    ///
    /// # Errors
    ///
    /// `Unavailable`, if no port can be had.
    pub fn start() -> Result<EmbeddedBroker> {
        let cluster = MockCluster::new(1).map_err(|cause| {
            Error::new(
                ErrorKind::Unavailable,
                "the embedded Kafka broker cannot start",
            )
            .with_source(cause)
        })?;
        Ok(EmbeddedBroker { cluster })
    }

    /// The value of `kafka.bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    /// Creates a topic.
    ///
    /// # Errors
    ///
    /// `Invalid`, if there is one of this name, or the number of partitions is not positive.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<()> {
        self.cluster
            .create_topic(topic, partitions, 1)
            .map_err(|cause| {
                Error::invalid(format!(
                    "the topic cannot be created. topic=`{topic}`, partitions=`{partitions}`"
                ))
                .with_source(cause)
            })
    }

    /// The cluster itself, to make it fail.
    #[cfg(test)]
    pub(crate) fn cluster(&self) -> &MockCluster<'static, DefaultProducerContext> {
        &self.cluster
    }
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBroker")
            .field("bootstrap_servers", &self.bootstrap_servers())
            .finish()
    }
}
