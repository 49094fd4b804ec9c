//! Creating topics, and the client for it, without a runtime for futures.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use tidemill::{Error, Result};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Creates it and waits until that is done. A topic that is there already stays as it is.
pub(crate) fn create(servers: &str, topic: &str, partitions: i32) -> Result<()> {
    let topics = [&NewTopic::new(
        topic,
        partitions,
        TopicReplication::Fixed(1),
    )];
    let admin = admin(servers)?;
    let created = wait(admin.create_topics(topics, &AdminOptions::new()));
    created
        .map(drop)
        .map_err(|cause| Error::internal("create the topic").with_source(cause))
}

/// A client that creates and deletes topics.
pub(crate) fn admin(servers: &str) -> Result<AdminClient<DefaultClientContext>> {
    ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()
        .map_err(|cause| Error::internal("connect to the broker").with_source(cause))
}

/// Waits for a future on this thread.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}
