//! What a session is set to: Spark's configuration keys, each read into a typed field at this one place.
//!
//! A key of Spark's that has no effect here is not taken silently: it is unknown and refused, with the nearest known one. Two keys
//! exist only to say that other semantics are not on offer (`spark.sql.ansi.enabled`, `spark.sql.caseSensitive`). What Spark has no
//! key for begins with `tidemill.`.

use crate::error::{Error, Result};
use crate::operator::GROUPS;
use crate::options::nearest;
use crate::sink::OutputMode;
use std::path::PathBuf;
use std::str::FromStr;

/// The settings of a session; a query keeps those it was started with.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `spark.sql.session.timeZone`: what text without a zone means and how times are written. An IANA name, or an offset such as
    /// `+02:00`. Default `UTC`.
    pub time_zone: String,
    /// `spark.sql.shuffle.partitions`: into how many partitions state is cut, 1 to 256. Default: the number of cores. A query keeps
    /// the number it began with.
    pub state_partitions: usize,
    /// `spark.sql.streaming.checkpointLocation`: where queries without an own location keep their checkpoint, each in a folder of
    /// its name.
    pub checkpoint_root: Option<PathBuf>,
    /// `spark.sql.warehouse.dir`: where streaming tables and materialized views live. Default `warehouse`.
    pub warehouse: PathBuf,
    /// `tidemill.outputMode`: the output mode of queries that are started by SQL and name none.
    pub output_mode: Option<OutputMode>,
}

impl Default for Settings {
    fn default() -> Settings {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Settings {
            time_zone: "UTC".to_owned(),
            state_partitions: cores.min(GROUPS),
            checkpoint_root: None,
            warehouse: PathBuf::from("warehouse"),
            output_mode: None,
        }
    }
}

/// One key.
struct Setting {
    key: &'static str,
    /// What a value looks like, for messages.
    expected: &'static str,
    get: fn(&Settings) -> Option<String>,
    /// `None`, if the value is not one.
    set: fn(&mut Settings, &str) -> Option<()>,
}

/// Every key, in the order of the alphabet.
const SETTINGS: &[Setting] = &[
    Setting {
        key: "spark.sql.ansi.enabled",
        expected: "true: there are only ANSI semantics",
        get: |_| Some("true".to_owned()),
        set: |_, value| value.eq_ignore_ascii_case("true").then_some(()),
    },
    Setting {
        key: "spark.sql.caseSensitive",
        expected: "false: names are compared without regard to case",
        get: |_| Some("false".to_owned()),
        set: |_, value| value.eq_ignore_ascii_case("false").then_some(()),
    },
    Setting {
        key: "spark.sql.session.timeZone",
        expected: "a time zone such as Europe/Berlin or +02:00",
        get: |settings| Some(settings.time_zone.clone()),
        set: |settings, value| {
            is_time_zone(value).then(|| value.clone_into(&mut settings.time_zone))
        },
    },
    Setting {
        key: "spark.sql.shuffle.partitions",
        expected: "a number from 1 to 256",
        get: |settings| Some(settings.state_partitions.to_string()),
        set: |settings, value| {
            let partitions = value.parse().ok()?;
            (1..=GROUPS)
                .contains(&partitions)
                .then(|| settings.state_partitions = partitions)
        },
    },
    Setting {
        key: "spark.sql.streaming.checkpointLocation",
        expected: "a folder",
        get: |settings| path_text(settings.checkpoint_root.as_ref()),
        set: |settings, value| {
            settings.checkpoint_root = (!value.is_empty()).then(|| PathBuf::from(value));
            Some(())
        },
    },
    Setting {
        key: "spark.sql.warehouse.dir",
        expected: "a folder",
        get: |settings| path_text(Some(&settings.warehouse)),
        set: |settings, value| {
            (!value.is_empty()).then(|| settings.warehouse = PathBuf::from(value))
        },
    },
    Setting {
        key: "tidemill.outputMode",
        expected: "append, update or complete",
        get: |settings| settings.output_mode.map(|mode| mode.to_string()),
        set: |settings, value| {
            settings.output_mode = match value {
                "" => None,
                mode => Some(OutputMode::from_str(mode).ok()?),
            };
            Some(())
        },
    },
];

impl Settings {
    /// Sets a key.
    ///
    /// # Errors
    ///
    /// `Invalid`: an unknown key (with the nearest known one), or a value that it cannot have.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let setting = find(key)?;
        (setting.set)(self, value.trim()).ok_or_else(|| {
            Error::invalid(format!(
                "a setting got a bad value, expected {}. key=`{}`, value=`{value}`",
                setting.expected, setting.key
            ))
            .with_condition("INVALID_CONF_VALUE")
        })
    }

    /// The value of a key as text, `None` if it has none.
    ///
    /// # Errors
    ///
    /// `Invalid`: an unknown key.
    pub fn get(&self, key: &str) -> Result<Option<String>> {
        find(key).map(|setting| (setting.get)(self))
    }

    /// Gives a key its default again.
    ///
    /// # Errors
    ///
    /// `Invalid`: an unknown key.
    pub fn reset(&mut self, key: &str) -> Result<()> {
        let setting = find(key)?;
        let default = (setting.get)(&Settings::default()).unwrap_or_default();
        match (setting.set)(self, &default) {
            Some(()) => Ok(()),
            None => Err(Error::internal(format!(
                "a setting refuses its default. key=`{key}`"
            ))),
        }
    }

    /// Every key with its value, in the order of the alphabet.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, Option<String>)> + '_ {
        SETTINGS
            .iter()
            .map(|setting| (setting.key, (setting.get)(self)))
    }
}

/// The setting with this key, without regard to case.
fn find(key: &str) -> Result<&'static Setting> {
    SETTINGS
        .iter()
        .find(|setting| setting.key.eq_ignore_ascii_case(key))
        .ok_or_else(|| {
            let hint = nearest(key, SETTINGS.iter().map(|setting| setting.key))
                .map(|near| format!(", did you mean `{near}`?"))
                .unwrap_or_default();
            Error::invalid(format!("there is no such setting{hint} key=`{key}`"))
                .with_condition("UNSUPPORTED_CONF")
        })
}

fn path_text(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

/// Whether it is an IANA name or an offset from UTC of at most 18 hours.
fn is_time_zone(text: &str) -> bool {
    text.parse::<chrono_tz::Tz>().is_ok() || is_offset(text)
}

/// Whether it is `+02:00`, `-5` or the like.
fn is_offset(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(['+', '-']) else {
        return false;
    };
    let mut parts = digits.split(':').map(|part| {
        let is_number = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| part.parse::<u32>().ok()).flatten()
    });
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Some(hours)), None, None) => hours <= 18,
        (Some(Some(hours)), Some(Some(minutes)), None) => {
            minutes < 60 && hours * 60 + minutes <= 18 * 60
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_typed_and_read_back_as_text() {
        let mut settings = Settings::default();
        settings
            .set("spark.sql.session.timezone", "Europe/Berlin")
            .unwrap();
        settings.set("spark.sql.shuffle.partitions", "8").unwrap();
        assert_eq!(settings.time_zone, "Europe/Berlin");
        assert_eq!(settings.state_partitions, 8);
        let text = settings.get("spark.sql.shuffle.partitions").unwrap();
        assert_eq!(text.as_deref(), Some("8"));
        settings.reset("spark.sql.session.timeZone").unwrap();
        assert_eq!(settings.time_zone, "UTC");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let error = Settings::default()
            .set("spark.sql.shuffle.partition", "8")
            .unwrap_err();
        assert!(
            error.message().contains("`spark.sql.shuffle.partitions`"),
            "{error}"
        );
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_with_what_is_expected() {
        let mut settings = Settings::default();
        for (key, value) in [
            ("spark.sql.shuffle.partitions", "0"),
            ("spark.sql.shuffle.partitions", "257"),
            ("spark.sql.session.timeZone", "Mars/Olympus"),
            ("spark.sql.session.timeZone", "+25:00"),
            ("spark.sql.ansi.enabled", "false"),
            ("tidemill.outputMode", "retract"),
        ] {
            let error = settings.set(key, value).unwrap_err();
            assert_eq!(
                error.condition(),
                Some("INVALID_CONF_VALUE"),
                "{key}={value}"
            );
        }
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn every_default_is_a_value_that_can_be_set() {
        for (key, _) in Settings::default().entries() {
            let mut settings = Settings::default();
            if let Some(value) = settings.get(key).unwrap() {
                settings.set(key, &value).unwrap();
            }
            settings.reset(key).unwrap();
            assert_eq!(settings, Settings::default(), "{key}");
        }
    }
}
