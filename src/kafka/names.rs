//! The names of Kafka client settings: Java's, which users of Spark know, and librdkafka's, which this engine runs on.
//!
//! Most are the same in both. This table holds the others: renamed, converted, owned by the engine, or without counterpart.

use super::Role;

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// librdkafka knows it by this name.
    Renamed(&'static str),
    /// librdkafka knows it by this name and counts in 1024 bytes, where Java counts bytes.
    Kilobytes(&'static str),
    /// Part of a login or a key store: several settings are read together.
    Security,
    /// It belongs to the other role: a table that is read and written may have it.
    OtherRole,
    /// The engine decides it, for this reason.
    Owned(&'static str),
    /// The engine decides it, for this reason; saying the same is fine.
    Must(&'static [&'static str], &'static str),
    /// librdkafka has no such setting, for this reason or in this place.
    Missing(&'static str),
}

const OFFSETS: &str = "set the source option startingOffsets instead: the engine keeps the offsets in the checkpoint, and startingOffsets counts for a new query only";
const BYTES: &str = "keys and values are bytes: cast or parse them in the query";
const ASSIGNED: &str =
    "partitions are assigned by the engine, never by a group (subscribe, subscribePattern, assign)";
const PREFETCH: &str = "set tidemill.prefetchBytes instead";
const JAVA_ONLY: &str = "it belongs to the Java client";
const NO_PLUGINS: &str =
    "code is not loaded from settings, and an interceptor could change the rows";

/// What becomes of `key` in a client of this role; `None` if it is passed on as it is.
pub(super) fn rule(role: Role, key: &str) -> Option<Rule> {
    security_rule(key)
        .or_else(|| common_rule(key))
        .or_else(|| match role {
            Role::Consumer => consumer_rule(key).or_else(|| belongs_to(PRODUCER_ONLY, key)),
            Role::Producer => producer_rule(key).or_else(|| belongs_to(CONSUMER_ONLY, key)),
        })
}

fn belongs_to(names: &[&str], key: &str) -> Option<Rule> {
    names.contains(&key).then_some(Rule::OtherRole)
}

fn security_rule(key: &str) -> Option<Rule> {
    match key {
        "sasl.jaas.config"
        | "ssl.truststore.location"
        | "ssl.truststore.type"
        | "ssl.truststore.password"
        | "ssl.keystore.type"
        | "ssl.keystore.location" => Some(Rule::Security),
        "ssl.truststore.certificates" => Some(Rule::Renamed("ssl.ca.pem")),
        "ssl.keystore.certificate.chain" => Some(Rule::Renamed("ssl.certificate.pem")),
        "ssl.keystore.key" => Some(Rule::Renamed("ssl.key.pem")),
        "sasl.mechanism" => Some(Rule::Renamed("sasl.mechanisms")),
        "ssl.protocol" | "ssl.enabled.protocols" => Some(Rule::Missing("TLS 1.2 and 1.3 are used")),
        "ssl.provider"
        | "ssl.trustmanager.algorithm"
        | "ssl.keymanager.algorithm"
        | "ssl.secure.random.implementation"
        | "ssl.engine.factory.class"
        | "security.providers"
        | "sasl.client.callback.handler.class"
        | "sasl.login.callback.handler.class"
        | "sasl.login.class" => Some(Rule::Missing(JAVA_ONLY)),
        _ => None,
    }
}

fn common_rule(key: &str) -> Option<Rule> {
    match key {
        "receive.buffer.bytes" => Some(Rule::Renamed("socket.receive.buffer.bytes")),
        "send.buffer.bytes" => Some(Rule::Renamed("socket.send.buffer.bytes")),
        "socket.connection.setup.timeout.max.ms" => {
            Some(Rule::Missing("set socket.connection.setup.timeout.ms"))
        }
        "default.api.timeout.ms" => {
            Some(Rule::Missing("an unreachable broker is told within 10 s"))
        }
        "metrics.num.samples"
        | "metrics.recording.level"
        | "metrics.sample.window.ms"
        | "metric.reporters"
        | "auto.include.jmx.reporter" => Some(Rule::Missing(JAVA_ONLY)),
        "interceptor.classes" | "plugin.library.paths" | "interceptors" => {
            Some(Rule::Owned(NO_PLUGINS))
        }
        "key.deserializer" | "value.deserializer" | "key.serializer" | "value.serializer" => {
            Some(Rule::Owned(BYTES))
        }
        "log.queue" | "enabled_events" | "opaque" | "default_topic_conf" => {
            Some(Rule::Owned("it wires librdkafka into the engine"))
        }
        _ => None,
    }
}

fn consumer_rule(key: &str) -> Option<Rule> {
    match key {
        "fetch.max.wait.ms" => Some(Rule::Renamed("fetch.wait.max.ms")),
        "max.partition.fetch.bytes" => Some(Rule::Renamed("fetch.message.max.bytes")),
        "request.timeout.ms" => Some(Rule::Renamed("socket.timeout.ms")),
        "auto.offset.reset" => Some(Rule::Owned(OFFSETS)),
        "enable.auto.commit"
        | "auto.commit.enable"
        | "auto.commit.interval.ms"
        | "enable.auto.offset.store"
        | "offset.store.method"
        | "offset.store.path"
        | "offset.store.sync.interval.ms" => Some(Rule::Owned(
            "the engine keeps the offsets in the checkpoint",
        )),
        "partition.assignment.strategy"
        | "group.instance.id"
        | "group.protocol"
        | "group.protocol.type"
        | "group.remote.assignor" => Some(Rule::Owned(ASSIGNED)),
        "enable.partition.eof" => Some(Rule::Owned("the end of a partition ends a batch")),
        "allow.auto.create.topics" => Some(Rule::Owned("reading never creates a topic")),
        "check.crcs" => Some(Rule::Must(&["true"], "checksums are always verified")),
        "queued.max.messages.kbytes" | "queued.min.messages" => Some(Rule::Owned(PREFETCH)),
        "max.poll.records" => Some(Rule::Missing("set maxOffsetsPerTrigger to bound a batch")),
        "exclude.internal.topics" => Some(Rule::Missing(JAVA_ONLY)),
        _ => None,
    }
}

fn producer_rule(key: &str) -> Option<Rule> {
    match key {
        "buffer.memory" => Some(Rule::Kilobytes("queue.buffering.max.kbytes")),
        "max.request.size" => Some(Rule::Renamed("message.max.bytes")),
        "delivery.timeout.ms" => Some(Rule::Renamed("message.timeout.ms")),
        "enable.idempotence" => Some(Rule::Must(&["true"], "the producer is always idempotent")),
        "acks" | "request.required.acks" => Some(Rule::Must(
            &["all", "-1"],
            "a batch is committed only after all in-sync replicas have its rows (acks=all)",
        )),
        "transactional.id" | "enable.gapless.guarantee" => {
            Some(Rule::Owned("the engine decides about transactions"))
        }
        "delivery.report.only.error" | "produce.offset.report" => {
            Some(Rule::Owned("every delivery is waited for"))
        }
        "partitioner.class" => Some(Rule::Missing(
            "set kafka.partitioner to one of librdkafka's: consistent, consistent_random, murmur2, murmur2_random (default, as Java), fnv1a, fnv1a_random, random",
        )),
        "partitioner.ignore.keys"
        | "partitioner.adaptive.partitioning.enable"
        | "partitioner.availability.timeout.ms"
        | "max.block.ms"
        | "metadata.max.idle.ms"
        | "compression.gzip.level"
        | "compression.lz4.level"
        | "compression.zstd.level"
        | "enable.metrics.push.interval" => Some(Rule::Missing(JAVA_ONLY)),
        _ => None,
    }
}

/// Settings of producers: a consumer passes over them.
const PRODUCER_ONLY: &[&str] = &[
    "acks",
    "batch.num.messages",
    "batch.size",
    "buffer.memory",
    "compression.codec",
    "compression.level",
    "compression.type",
    "delivery.timeout.ms",
    "linger.ms",
    "max.request.size",
    "message.send.max.retries",
    "message.timeout.ms",
    "partitioner",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "retries",
    "sticky.partitioning.linger.ms",
    "transaction.timeout.ms",
];

/// Settings of consumers: a producer passes over them.
const CONSUMER_ONLY: &[&str] = &[
    "coordinator.query.interval.ms",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.id",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "session.timeout.ms",
];

/// Names that are shown as hints for a mistyped one, besides the two lists above.
const COMMON: &[&str] = &[
    "allow.auto.create.topics",
    "bootstrap.servers",
    "broker.address.family",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "debug",
    "enable.ssl.certificate.verification",
    "max.in.flight.requests.per.connection",
    "message.max.bytes",
    "metadata.max.age.ms",
    "receive.buffer.bytes",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.jaas.config",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "send.buffer.bytes",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.type",
    "statistics.interval.ms",
    "topic.metadata.refresh.interval.ms",
];

/// All names worth suggesting.
pub(super) fn known() -> impl Iterator<Item = &'static str> {
    COMMON
        .iter()
        .chain(PRODUCER_ONLY)
        .chain(CONSUMER_ONLY)
        .copied()
}

/// Settings whose values may be shown. Everything else may hold a secret (a list of what is harmless cannot miss a new
/// secret, a list of secrets can).
const HARMLESS: &[&str] = &[
    "allow.auto.create.topics",
    "auto.offset.reset",
    "batch.num.messages",
    "batch.size",
    "bootstrap.servers",
    "broker.address.family",
    "check.crcs",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "compression.codec",
    "compression.level",
    "compression.type",
    "connections.max.idle.ms",
    "debug",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.id",
    "isolation.level",
    "linger.ms",
    "max.in.flight.requests.per.connection",
    "max.poll.interval.ms",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.max.age.ms",
    "partitioner",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.mechanisms",
    "security.protocol",
    "session.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.endpoint.identification.algorithm",
    "statistics.interval.ms",
    "topic.metadata.refresh.interval.ms",
];

/// Whether the value of a setting may be shown in messages and logs.
pub(super) fn is_harmless(key: &str) -> bool {
    HARMLESS.contains(&key)
}
