//! The topics of the demo on a broker of the user's: created if they are not there.

use crate::error::{Error, ErrorKind, Result};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

/// How long a broker may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Creates topics and waits until they are there.
///
/// # Errors
///
/// `Unavailable`, if the broker does not answer or does not create one.
pub(super) fn create(bootstrap_servers: &str, topics: [&str; 2], partitions: i32) -> Result<()> {
    let unavailable = |cause: KafkaError| {
        let message = format!("cannot create the topics. bootstrap_servers=`{bootstrap_servers}`");
        Error::new(ErrorKind::Unavailable, message).with_source(cause)
    };
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .create()
        .map_err(unavailable)?;
    let new = topics.map(|topic| NewTopic::new(topic, partitions, TopicReplication::Fixed(1)));
    let options = AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE));
    let created = wait(admin.create_topics(&new, &options)).map_err(unavailable)?;
    for outcome in created {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(unavailable(KafkaError::AdminOp(code))),
        }
    }
    Ok(())
}

/// Wakes a thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
