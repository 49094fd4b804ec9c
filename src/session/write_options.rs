//! The options of a written table that belong to the query and not to the sink: output mode, trigger, checkpoint, name.
//!
//! Spark has them as methods of `writeStream`. In SQL they stand among the options of the table that is written, or after `WITH` in the
//! `INSERT`; they are taken out here before source and sink see the rest.

use super::reader::take_option;
use crate::error::{Error, Result};
use crate::options::parse_duration;
use crate::sink::OutputMode;
use crate::trigger::Trigger;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a query is started with besides plan and sink.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct WriteOptions {
    /// `outputMode`: `append`, `update`, `complete`.
    pub(super) output_mode: Option<OutputMode>,
    /// `trigger`: an interval such as `10 seconds`, `availableNow`, `once`.
    pub(super) trigger: Option<Trigger>,
    /// `checkpointLocation`: a folder.
    pub(super) checkpoint_location: Option<PathBuf>,
    /// `queryName`.
    pub(super) query_name: Option<String>,
}

impl WriteOptions {
    /// Takes them out of options; the others stay.
    ///
    /// # Errors
    ///
    /// `Invalid`, if one has a bad value.
    pub(super) fn take_from(options: &mut BTreeMap<String, String>) -> Result<WriteOptions> {
        Ok(WriteOptions {
            output_mode: take_option(options, "outputMode")
                .map(|mode| mode.trim().parse())
                .transpose()?,
            trigger: take_option(options, "trigger")
                .map(|text| parse_trigger(&text))
                .transpose()?,
            checkpoint_location: take_option(options, "checkpointLocation").map(PathBuf::from),
            query_name: take_option(options, "queryName"),
        })
    }

    /// These, and what is missing from `others`.
    #[must_use]
    pub(super) fn or(self, others: WriteOptions) -> WriteOptions {
        WriteOptions {
            output_mode: self.output_mode.or(others.output_mode),
            trigger: self.trigger.or(others.trigger),
            checkpoint_location: self.checkpoint_location.or(others.checkpoint_location),
            query_name: self.query_name.or(others.query_name),
        }
    }
}

/// A trigger as text: an interval such as `10 seconds`, `availableNow` or `available-now`, `once`.
///
/// # Errors
///
/// `Invalid`, if it is none of them.
pub fn parse_trigger(text: &str) -> Result<Trigger> {
    let word = text.trim().to_lowercase();
    match word.as_str() {
        "availablenow" | "available-now" => Ok(Trigger::AvailableNow),
        "once" => Ok(Trigger::Once),
        _ => parse_duration(&word).map(Trigger::ProcessingTime).ok_or_else(|| {
            Error::invalid(format!(
                "a trigger is an interval such as 10 seconds, availableNow or once. trigger=`{text}`"
            ))
            .with_condition("INVALID_TRIGGER")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_options_of_the_query_are_taken_out_and_the_others_stay() {
        let mut options = BTreeMap::from([
            ("OUTPUTMODE".to_owned(), "update".to_owned()),
            ("trigger".to_owned(), "5 seconds".to_owned()),
            ("path".to_owned(), "out".to_owned()),
        ]);
        let taken = WriteOptions::take_from(&mut options).unwrap();
        assert_eq!(taken.output_mode, Some(OutputMode::Update));
        let every = Trigger::ProcessingTime(Duration::from_secs(5));
        assert_eq!(taken.trigger, Some(every));
        assert_eq!(taken.query_name, None);
        assert_eq!(options.into_keys().collect::<Vec<_>>(), ["path"]);
    }

    #[test]
    fn triggers_are_intervals_or_words() {
        assert_eq!(
            parse_trigger("availableNow").unwrap(),
            Trigger::AvailableNow
        );
        assert_eq!(parse_trigger(" once ").unwrap(), Trigger::Once);
        let every = Trigger::ProcessingTime(Duration::from_millis(100));
        assert_eq!(parse_trigger("100ms").unwrap(), every);
        let error = parse_trigger("sometimes").unwrap_err();
        assert!(error.message().contains("trigger=`sometimes`"), "{error}");
    }
}
