//! What a session is set to: Spark's configuration keys, each read into a typed field at this one place.
//!
//! A key of Spark's that has no effect here is not taken silently: it is unknown and refused, with the nearest known one. Two keys
//! exist only to say that other semantics are not on offer (`spark.sql.ansi.enabled`, `spark.sql.caseSensitive`). What Spark has no
//! key for begins with `tidemill.`.

use super::write_options::parse_trigger;
use crate::error::{Error, Result};
use crate::micro_batch::QuerySettings;
use crate::operator::GROUPS;
use crate::options::{hint, parse_duration};
use crate::sink::OutputMode;
use crate::trigger::Trigger;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The settings of a session; a query keeps those it was started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What queries are started with: time zone, state partitions, watermarks, retention. The default number of state partitions is
    /// that of the cores, at most 256.
    pub query: QuerySettings,
    /// `spark.sql.streaming.checkpointLocation`: where queries without an own location keep their checkpoint, each in a folder of
    /// its name.
    pub checkpoint_root: Option<PathBuf>,
    /// `spark.sql.warehouse.dir`: where streaming tables and materialized views live. Default `warehouse`.
    pub warehouse: PathBuf,
    /// `tidemill.outputMode`: the output mode of queries that are started by SQL and name none.
    pub output_mode: Option<OutputMode>,
    /// `tidemill.trigger`: the trigger of queries that are started by SQL and name none.
    pub trigger: Option<Trigger>,
}

impl Default for Settings {
    fn default() -> Settings {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Settings {
            query: QuerySettings {
                state_partitions: cores.min(GROUPS),
                ..QuerySettings::default()
            },
            checkpoint_root: None,
            warehouse: PathBuf::from("warehouse"),
            output_mode: None,
            trigger: None,
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
        get: |settings| Some(settings.query.time_zone.clone()),
        set: |settings, value| {
            is_time_zone(value).then(|| value.clone_into(&mut settings.query.time_zone))
        },
    },
    Setting {
        key: "spark.sql.shuffle.partitions",
        expected: "a number from 1 to 256",
        get: |settings| Some(settings.query.state_partitions.to_string()),
        set: |settings, value| {
            let partitions = value.parse().ok()?;
            (1..=GROUPS)
                .contains(&partitions)
                .then(|| settings.query.state_partitions = partitions)
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
        key: "spark.sql.streaming.minBatchesToRetain",
        expected: "a number from 1",
        get: |settings| Some(settings.query.checkpoint.min_batches_to_retain.to_string()),
        set: |settings, value| {
            settings.query.checkpoint.min_batches_to_retain =
                value.parse().ok().filter(|n| *n > 0)?;
            Some(())
        },
    },
    Setting {
        key: "spark.sql.streaming.multipleWatermarkPolicy",
        expected: "min or max",
        get: |settings| Some(settings.query.watermark_policy.to_string()),
        set: |settings, value| {
            settings.query.watermark_policy = value.parse().ok()?;
            Some(())
        },
    },
    Setting {
        key: "spark.sql.streaming.noDataMicroBatches.enabled",
        expected: "true or false",
        get: |settings| Some(settings.query.no_data_micro_batches.to_string()),
        set: |settings, value| {
            settings.query.no_data_micro_batches = value.to_lowercase().parse().ok()?;
            Some(())
        },
    },
    Setting {
        key: "spark.sql.streaming.noDataProgressEventInterval",
        expected: "a duration such as 10 seconds, or a number of milliseconds",
        get: |settings| Some(milliseconds(settings.query.idle_event_interval)),
        set: |settings, value| {
            settings.query.idle_event_interval = duration(value)?;
            Some(())
        },
    },
    Setting {
        key: "spark.sql.streaming.pollingDelay",
        expected: "a duration such as 10 ms, or a number of milliseconds",
        get: |settings| Some(milliseconds(settings.query.polling_delay)),
        set: |settings, value| {
            settings.query.polling_delay = duration(value)?;
            Some(())
        },
    },
    Setting {
        key: "spark.sql.streaming.stateStore.minDeltasForSnapshot",
        expected: "a number from 1",
        get: |settings| Some(settings.query.checkpoint.snapshot_batches.to_string()),
        set: |settings, value| {
            settings.query.checkpoint.snapshot_batches = value.parse().ok().filter(|n| *n > 0)?;
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
    Setting {
        key: "tidemill.trigger",
        expected: "an interval such as 10 seconds, availableNow or once",
        get: |settings| settings.trigger.map(trigger_text),
        set: |settings, value| {
            settings.trigger = match value {
                "" => None,
                trigger => Some(parse_trigger(trigger).ok()?),
            };
            Some(())
        },
    },
    Setting {
        key: "tidemill.watermark.keepNodes",
        expected: "true or false",
        get: |settings| Some(settings.query.keeps_node_watermarks.to_string()),
        set: |settings, value| {
            settings.query.keeps_node_watermarks = value.to_lowercase().parse().ok()?;
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
            let hint = hint(key, SETTINGS.iter().map(|setting| setting.key), "");
            Error::invalid(format!("there is no such setting{hint} key=`{key}`"))
                .with_condition("UNSUPPORTED_CONF")
        })
}

fn path_text(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

/// A trigger as [`parse_trigger`] reads it.
fn trigger_text(trigger: Trigger) -> String {
    match trigger {
        Trigger::ProcessingTime(interval) => milliseconds(interval),
        Trigger::AvailableNow => "availableNow".to_owned(),
        Trigger::Once => "once".to_owned(),
    }
}

/// A duration as Spark writes it in its configuration.
fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// A duration with units, or a plain number of milliseconds.
fn duration(text: &str) -> Option<Duration> {
    match text.parse() {
        Ok(millis) => Some(Duration::from_millis(millis)),
        Err(_) => parse_duration(text),
    }
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
        assert_eq!(settings.query.time_zone, "Europe/Berlin");
        assert_eq!(settings.query.state_partitions, 8);
        let text = settings.get("spark.sql.shuffle.partitions").unwrap();
        assert_eq!(text.as_deref(), Some("8"));
        settings.reset("spark.sql.session.timeZone").unwrap();
        assert_eq!(settings.query.time_zone, "UTC");
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
            ("spark.sql.streaming.minBatchesToRetain", "0"),
            ("spark.sql.streaming.multipleWatermarkPolicy", "middle"),
            ("spark.sql.streaming.pollingDelay", "soon"),
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
