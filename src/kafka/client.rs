//! What librdkafka tells about its connections, kept so that an error can say why, and errors of the right kind.

use super::settings::is_refusal;
use crate::error::{Error, ErrorKind};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a call to the cluster is tried before it is reported as unreachable. A user sees the error within 10 s.
pub(crate) const UNREACHABLE_MS: u64 = 9_000;

/// When a stop was asked for, a batch is still finished as long as the cluster answers; so long nothing may come.
pub(crate) const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// Collects the events of one client. Clones share what they collect.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientEvents {
    trouble: Arc<Mutex<Option<Trouble>>>,
}

/// The last thing that went wrong with a connection.
#[derive(Debug, Clone)]
struct Trouble {
    code: RDKafkaErrorCode,
    reason: String,
}

impl ClientEvents {
    /// Forgets the trouble: things work again.
    pub(crate) fn clear(&self) {
        *self.lock() = None;
    }

    /// Whether the brokers refuse us (wrong password, no permission): trying again does not help.
    pub(crate) fn is_refused(&self) -> bool {
        self.lock()
            .as_ref()
            .is_some_and(|trouble| is_refusal(trouble.code))
    }

    /// Whether anything is wrong with the connections at the moment.
    pub(crate) fn is_troubled(&self) -> bool {
        self.lock().is_some()
    }

    /// An error about `doing` that failed with `code`: `Invalid` if we are refused, else `Unavailable`. It names the
    /// brokers and the last trouble with them.
    pub(crate) fn explain(
        &self,
        doing: &str,
        servers: &str,
        code: Option<RDKafkaErrorCode>,
    ) -> Error {
        let trouble = self.lock().clone();
        let reason = match (&trouble, code) {
            (Some(trouble), _) => trouble.reason.clone(),
            (None, Some(code)) => code.to_string(),
            (None, None) => "no answer".to_owned(),
        };
        let refused = code.is_some_and(is_refusal) || self.is_refused();
        let (kind, what) = if refused {
            (ErrorKind::Invalid, "Kafka refuses us")
        } else {
            (ErrorKind::Unavailable, "Kafka does not answer as it should")
        };
        Error::new(
            kind,
            format!("{what}: {reason}. doing=`{doing}`, kafka.bootstrap.servers=`{servers}`"),
        )
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for ClientEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                tracing::warn!(target: "librdkafka", "{facility} {message}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(target: "librdkafka", "{facility} {message}");
            }
            RDKafkaLogLevel::Debug => {
                tracing::debug!(target: "librdkafka", "{facility} {message}");
            }
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let text = String::from_utf8_lossy(statistics);
        tracing::debug!(target: "librdkafka", "statistics {text}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        if code == RDKafkaErrorCode::GroupAuthorizationFailed {
            // Partitions are assigned: the group is not needed.
            return;
        }
        tracing::debug!(target: "librdkafka", "{code}: {reason}");
        let mut trouble = self.lock();
        // What refuses us says more than that all brokers are down, which follows from it.
        if !trouble.as_ref().is_some_and(|known| is_refusal(known.code)) {
            let reason = match &*trouble {
                Some(known) if code == RDKafkaErrorCode::AllBrokersDown => known.reason.clone(),
                _ => reason.to_owned(),
            };
            *trouble = Some(Trouble { code, reason });
        }
    }
}

impl ConsumerContext for ClientEvents {}

/// A stop was asked for while the cluster did not answer.
pub(crate) fn stopped(doing: &str, servers: &str) -> Error {
    Error::new(
        ErrorKind::Stopped,
        format!(
            "a stop was asked for while Kafka did not answer. doing=`{doing}`, kafka.bootstrap.servers=`{servers}`"
        ),
    )
}

/// An error about a client that librdkafka would not make.
pub(crate) fn creation_error(owner: &str, error: &KafkaError) -> Error {
    let reason = match error {
        KafkaError::ClientCreation(reason) => reason.clone(),
        // The text of a configuration error repeats the value, which may be secret.
        KafkaError::ClientConfig(_, _, key, _) => format!("bad value of {key}"),
        other => other.to_string(),
    };
    Error::invalid(format!(
        "the {owner} cannot be made with these options: {reason}"
    ))
}
