use super::*;

fn parse(role: Role, pairs: &[(&str, &str)]) -> Result<ClientSettings> {
    let options = pairs
        .iter()
        .chain(&[("bootstrap.servers", "broker:9092")])
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    ClientSettings::parse(role, "kafka source", options)
}

fn refusal(role: Role, key: &str, value: &str) -> String {
    parse(role, &[(key, value)]).unwrap_err().to_string()
}

#[test]
fn java_names_become_those_of_librdkafka() {
    let settings = parse(
        Role::Consumer,
        &[
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            (
                "sasl.jaas.config",
                "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"ann\" password=\"pw\";",
            ),
            ("ssl.truststore.location", "/etc/ca.pem"),
            ("fetch.max.wait.ms", "50"),
            ("max.partition.fetch.bytes", "1000000"),
            ("receive.buffer.bytes", "65536"),
        ],
    )
    .unwrap();
    for (key, value) in [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.username", "ann"),
        ("sasl.password", "pw"),
        ("ssl.ca.location", "/etc/ca.pem"),
        ("fetch.wait.max.ms", "50"),
        ("fetch.message.max.bytes", "1000000"),
        ("socket.receive.buffer.bytes", "65536"),
    ] {
        assert_eq!(settings.get(key), Some(value), "{key}");
    }
}

#[test]
fn bytes_of_java_become_kilobytes() {
    let settings = parse(Role::Producer, &[("buffer.memory", "33554432")]).unwrap();
    assert_eq!(settings.get("queue.buffering.max.kbytes"), Some("32768"));
}

#[test]
fn what_the_engine_owns_is_refused_with_the_way_to_say_it() {
    assert!(
        refusal(Role::Consumer, "auto.offset.reset", "latest").contains("startingOffsets instead")
    );
    for key in [
        "enable.auto.commit",
        "interceptor.classes",
        "key.deserializer",
        "value.deserializer",
        "queued.min.messages",
        "allow.auto.create.topics",
    ] {
        let error = refusal(Role::Consumer, key, "true");
        assert!(error.contains(&format!("option=`kafka.{key}`")), "{error}");
    }
}

#[test]
fn what_the_engine_does_anyway_may_be_said() {
    assert!(
        parse(
            Role::Producer,
            &[("acks", "all"), ("enable.idempotence", "true")]
        )
        .is_ok()
    );
    assert!(refusal(Role::Producer, "acks", "1").contains("acks=all"));
    assert!(refusal(Role::Consumer, "check.crcs", "false").contains("verified"));
}

#[test]
fn an_unknown_setting_is_refused_with_the_nearest_known_one() {
    let error = refusal(Role::Consumer, "fetch.min.byte", "1");
    assert!(
        error.contains("did you mean `kafka.fetch.min.bytes`"),
        "{error}"
    );
}

#[test]
fn a_bad_value_is_refused_by_name() {
    let error = refusal(Role::Consumer, "fetch.min.bytes", "many");
    assert!(error.contains("option=`kafka.fetch.min.bytes`"), "{error}");
}

#[test]
fn settings_of_the_other_role_are_passed_over() {
    let settings = parse(Role::Consumer, &[("compression.type", "zstd")]).unwrap();
    assert_eq!(settings.get("compression.type"), None);
    let settings = parse(Role::Producer, &[("isolation.level", "read_committed")]).unwrap();
    assert_eq!(settings.get("isolation.level"), None);
}

#[test]
fn java_stores_are_refused_with_the_command_that_converts_them() {
    assert!(
        refusal(Role::Consumer, "ssl.truststore.location", "/t.jks").contains("keytool -list -rfc")
    );
    assert!(refusal(Role::Consumer, "ssl.keystore.location", "/k.jks").contains("PKCS12"));
}

#[test]
fn a_pem_key_store_gives_certificate_and_key() {
    let settings = parse(
        Role::Consumer,
        &[
            ("ssl.keystore.location", "/k.pem"),
            ("ssl.keystore.type", "PEM"),
        ],
    )
    .unwrap();
    assert_eq!(settings.get("ssl.certificate.location"), Some("/k.pem"));
    assert_eq!(settings.get("ssl.key.location"), Some("/k.pem"));
}

#[test]
fn secrets_are_in_no_debug_and_no_error() {
    let settings = parse(
        Role::Consumer,
        &[
            ("sasl.password", "hunter2"),
            ("ssl.key.password", "hunter2"),
            ("ssl.keystore.key", "hunter2"),
            ("sasl.oauthbearer.config", "hunter2"),
        ],
    );
    let shown = match settings {
        Ok(settings) => format!("{settings:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!refusal(Role::Consumer, "sasl.passwort", "hunter2").contains("hunter2"));
}

#[test]
fn brokers_must_be_named() {
    let error = ClientSettings::parse(Role::Consumer, "kafka source", BTreeMap::new()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("option=`kafka.bootstrap.servers`")
    );
}
