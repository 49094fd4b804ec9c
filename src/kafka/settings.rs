//! The `kafka.*` options of a source or sink as settings of a librdkafka client.
//!
//! Each is translated from Java's name, if that differs, and then tried on a librdkafka configuration of its own, so that a
//! bad one is refused here by name. Values that may be secret appear in no message and in no `Debug`.

use super::names::{self, Rule};
use super::{Role, jaas};
use crate::error::{Error, Result};
use crate::options::hint;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaConfRes;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Settings of one client, with librdkafka's names.
#[derive(Clone)]
pub(crate) struct ClientSettings {
    values: BTreeMap<String, String>,
}

impl ClientSettings {
    /// Translates and checks the options of `owner` (such as `kafka source`) that were given as `kafka.*`; their keys come
    /// in lower case and without the prefix.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the setting and what to do about it.
    pub(crate) fn parse(
        role: Role,
        owner: &str,
        mut options: BTreeMap<String, String>,
    ) -> Result<ClientSettings> {
        let mut values = BTreeMap::new();
        take_login(&mut options, &mut values)?;
        take_trust_store(&mut options, &mut values)?;
        take_key_store(&mut options, &mut values)?;
        for (key, value) in options {
            let (key, value) = match names::rule(role, &key) {
                // Java says with an empty name that the host is not checked.
                None if key == "ssl.endpoint.identification.algorithm" && value.is_empty() => {
                    (key, "none".to_owned())
                }
                None => (key, value),
                Some(Rule::Renamed(name)) => (name.to_owned(), value),
                Some(Rule::Kilobytes(name)) => (name.to_owned(), kilobytes(&key, &value)?),
                Some(Rule::OtherRole | Rule::Security) => continue,
                Some(Rule::Must(same, _)) if same.contains(&value.trim()) => continue,
                Some(Rule::Owned(why) | Rule::Must(_, why)) => {
                    return Err(Error::invalid(format!(
                        "the {owner} does not take this option: {why}. option=`kafka.{key}`"
                    )));
                }
                Some(Rule::Missing(why)) => {
                    return Err(Error::invalid(format!(
                        "this option has no counterpart in librdkafka: {why}. option=`kafka.{key}`"
                    )));
                }
            };
            try_setting(owner, &key, &value)?;
            values.insert(key, value);
        }
        if !values.contains_key("bootstrap.servers") {
            return Err(Error::invalid(format!(
                "the {owner} needs an option. option=`kafka.bootstrap.servers`"
            )));
        }
        Ok(ClientSettings { values })
    }

    /// The brokers that are asked first.
    pub(crate) fn bootstrap_servers(&self) -> &str {
        self.get("bootstrap.servers").unwrap_or_default()
    }

    /// The value of a setting, by librdkafka's name.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// Sets a setting that the engine owns.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.values.insert(key.to_owned(), value.into());
    }

    /// Sets a setting unless the user has.
    pub(crate) fn set_default(&mut self, key: &str, value: impl Into<String>) {
        self.values
            .entry(key.to_owned())
            .or_insert_with(|| value.into());
    }

    /// The configuration of a client.
    pub(crate) fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (key, value) in &self.values {
            config.set(key, value);
        }
        config
    }
}

impl fmt::Debug for ClientSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.values.iter().map(|(key, value)| {
                let shown = if names::is_harmless(key) {
                    value.as_str()
                } else {
                    "[hidden]"
                };
                (key, shown)
            }))
            .finish()
    }
}

/// Tries one setting on a configuration of its own.
fn try_setting(owner: &str, key: &str, value: &str) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set(key, value);
    let Err(error) = config.create_native_config() else {
        return Ok(());
    };
    // The cause is left out on purpose: librdkafka's text repeats the value.
    match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..) => {
            let hint = hint(key, names::known(), "kafka.");
            Err(Error::invalid(format!(
                "the {owner} has no such option{hint} option=`kafka.{key}`"
            )))
        }
        KafkaError::ClientConfig(_, reason, ..) if names::is_harmless(key) => Err(Error::invalid(
            format!("the {owner} got a bad option: {reason}. option=`kafka.{key}`"),
        )),
        _ => Err(Error::invalid(format!(
            "the {owner} got a bad option, its value is not shown as it may be secret. option=`kafka.{key}`"
        ))),
    }
}

fn kilobytes(key: &str, value: &str) -> Result<String> {
    let bytes: u64 = value.trim().parse().map_err(|_| {
        Error::invalid(format!(
            "expected a number of bytes. option=`kafka.{key}`, value=`{value}`"
        ))
    })?;
    Ok(bytes.div_ceil(1024).to_string())
}

/// `sasl.jaas.config` becomes user and password.
fn take_login(
    options: &mut BTreeMap<String, String>,
    values: &mut BTreeMap<String, String>,
) -> Result<()> {
    if let Some(text) = options.remove("sasl.jaas.config") {
        let login = jaas::parse(&text)?;
        values.insert("sasl.username".to_owned(), login.username);
        values.insert("sasl.password".to_owned(), login.password);
    }
    Ok(())
}

/// The kinds of files that Java keeps certificates in.
#[derive(PartialEq)]
enum StoreKind {
    Pem,
    Pkcs12,
    Other,
}

/// What kind of file it is: as `type` says, else by its name.
fn store_kind(location: &str, declared: Option<&str>) -> StoreKind {
    let by_name = || {
        Path::new(location)
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default()
            .to_owned()
    };
    let kind = declared.map_or_else(by_name, str::to_owned).to_lowercase();
    match kind.as_str() {
        "pem" | "crt" | "cer" | "cert" => StoreKind::Pem,
        "pkcs12" | "p12" | "pfx" => StoreKind::Pkcs12,
        _ => StoreKind::Other,
    }
}

/// `ssl.truststore.location` in PEM becomes `ssl.ca.location`.
fn take_trust_store(
    options: &mut BTreeMap<String, String>,
    values: &mut BTreeMap<String, String>,
) -> Result<()> {
    let declared = options.remove("ssl.truststore.type");
    let password = options.remove("ssl.truststore.password");
    let Some(location) = options.remove("ssl.truststore.location") else {
        return Ok(());
    };
    if store_kind(&location, declared.as_deref()) != StoreKind::Pem || password.is_some() {
        return Err(Error::invalid(format!(
            "only trust stores in PEM can be read: convert it (`keytool -list -rfc -keystore {location} > ca.pem`), point to the result and drop ssl.truststore.password. option=`kafka.ssl.truststore.location`"
        )));
    }
    values.insert("ssl.ca.location".to_owned(), location);
    Ok(())
}

/// `ssl.keystore.location` in PKCS12 stays; in PEM it becomes certificate and key.
fn take_key_store(
    options: &mut BTreeMap<String, String>,
    values: &mut BTreeMap<String, String>,
) -> Result<()> {
    let declared = options.remove("ssl.keystore.type");
    let Some(location) = options.remove("ssl.keystore.location") else {
        return Ok(());
    };
    match store_kind(&location, declared.as_deref()) {
        StoreKind::Pkcs12 => {
            values.insert("ssl.keystore.location".to_owned(), location);
        }
        StoreKind::Pem => {
            values.insert("ssl.certificate.location".to_owned(), location.clone());
            values.insert("ssl.key.location".to_owned(), location);
        }
        StoreKind::Other => {
            return Err(Error::invalid(format!(
                "only key stores in PKCS12 or PEM can be read: convert it (`keytool -importkeystore -srckeystore {location} -destkeystore keys.p12 -deststoretype PKCS12`), or say kafka.ssl.keystore.type. option=`kafka.ssl.keystore.location`"
            )));
        }
    }
    Ok(())
}

/// Whether a code says that who we are, or what we ask for, is refused: no retry helps. A refused group is none of these:
/// librdkafka looks for its coordinator by itself, and nothing here needs it.
pub(crate) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::UnsupportedSASLMechanism
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
            | RDKafkaErrorCode::SSL
    )
}

#[cfg(test)]
mod tests;
