//! CSV: records to columns (`CsvDecoder`) and columns to records.
//!
//! Semantics are those of Spark's CSV source: an escape character (backslash) inside quotes, empty fields null, a value that does
//! not fit its column null and the record malformed, as are records with too few or too many fields when all columns are asked
//! for.

mod column;
mod decoder;
mod infer;
mod record;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use decoder::CsvDecoder;
pub(crate) use infer::CsvInference;
pub(crate) use writer::CsvWriteOptions;

use crate::error::{Error, Result};
use crate::format::time::TimeFormats;
use crate::format::{CORRUPT_RECORD, ParseMode, only};
use crate::options::Options;

/// How CSV is read. The names are those of Spark's options, in Rust's spelling.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of Spark's by itself"
)]
pub struct CsvOptions {
    /// What happens to a record that cannot be read. Default [`ParseMode::Permissive`].
    pub mode: ParseMode,
    /// The column that the text of such a record goes to, if the schema has it. Default `_corrupt_record`.
    pub column_name_of_corrupt_record: String,
    /// What stands between fields (`sep`, `delimiter`). Default a comma.
    pub separator: u8,
    /// What may stand around a field; `None`: nothing. Default `"`.
    pub quote: Option<u8>,
    /// What makes a quote inside quotes part of the text. Default a backslash.
    pub escape: u8,
    /// What a line starts with that is passed over. Default none.
    pub comment: Option<u8>,
    /// Whether the first line of each file has the names of the columns. Default no.
    pub header: bool,
    /// Whether a quoted field may go over several lines; files are then read whole. Default no.
    pub multi_line: bool,
    /// Whether white space before a field is left out. Default no.
    pub ignore_leading_white_space: bool,
    /// Whether white space behind a field is left out. Default no.
    pub ignore_trailing_white_space: bool,
    /// The text that stands for null. Default: nothing.
    pub null_value: String,
    /// What an empty field in quotes stands for. Default: the empty text (which is null, if that is the text for null).
    pub empty_value: String,
    /// The text for not-a-number. Default `NaN`.
    pub nan_value: String,
    /// The text for positive infinity. Default `Inf`.
    pub positive_inf: String,
    /// The text for negative infinity. Default `-Inf`.
    pub negative_inf: String,
    pub(crate) times: TimeFormats,
}

impl Default for CsvOptions {
    fn default() -> CsvOptions {
        CsvOptions {
            mode: ParseMode::default(),
            column_name_of_corrupt_record: CORRUPT_RECORD.to_owned(),
            separator: b',',
            quote: Some(b'"'),
            escape: b'\\',
            comment: None,
            header: false,
            multi_line: false,
            ignore_leading_white_space: false,
            ignore_trailing_white_space: false,
            null_value: String::new(),
            empty_value: String::new(),
            nan_value: "NaN".to_owned(),
            positive_inf: "Inf".to_owned(),
            negative_inf: "-Inf".to_owned(),
            times: TimeFormats::utc(),
        }
    }
}

impl CsvOptions {
    /// Takes what it knows out of `options`; timestamps without zone are in `time_zone`, unless option `timeZone` says otherwise.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a value is bad, or an option of Spark's is asked for that is not supported.
    pub fn take(options: &mut Options, time_zone: &str) -> Result<CsvOptions> {
        only(options, "encoding", "UTF-8")?;
        only(options, "charset", "UTF-8")?;
        only(options, "locale", "en-US")?;
        only(options, "enforceSchema", "true")?;
        only(options, "unescapedQuoteHandling", "STOP_AT_DELIMITER")?;
        let standard = CsvOptions::default();
        let separator = byte(options, "sep")?.flatten();
        let delimiter = byte(options, "delimiter")?.flatten();
        let read = CsvOptions {
            mode: ParseMode::take(options)?,
            column_name_of_corrupt_record: options
                .take("columnNameOfCorruptRecord")
                .unwrap_or(standard.column_name_of_corrupt_record),
            separator: separator.or(delimiter).unwrap_or(standard.separator),
            quote: byte(options, "quote")?.unwrap_or(standard.quote),
            escape: byte(options, "escape")?
                .flatten()
                .unwrap_or(standard.escape),
            comment: byte(options, "comment")?.flatten(),
            header: options.boolean("header", standard.header)?,
            multi_line: options.boolean("multiLine", standard.multi_line)?,
            ignore_leading_white_space: options.boolean("ignoreLeadingWhiteSpace", false)?,
            ignore_trailing_white_space: options.boolean("ignoreTrailingWhiteSpace", false)?,
            null_value: options.take("nullValue").unwrap_or(standard.null_value),
            empty_value: options.take("emptyValue").unwrap_or(standard.empty_value),
            nan_value: options.take("nanValue").unwrap_or(standard.nan_value),
            positive_inf: options.take("positiveInf").unwrap_or(standard.positive_inf),
            negative_inf: options.take("negativeInf").unwrap_or(standard.negative_inf),
            times: TimeFormats::take(options, time_zone)?,
        };
        if Some(read.separator) == read.quote {
            return Err(Error::invalid(
                "the separator and the quote of CSV must be two different characters",
            ));
        }
        Ok(read)
    }
}

/// An option that is one character of ASCII (`\t` stands for a tab), or empty for none.
#[expect(clippy::option_option, reason = "not given, given as none, given")]
fn byte(options: &mut Options, key: &str) -> Result<Option<Option<u8>>> {
    let Some(value) = options.take(key) else {
        return Ok(None);
    };
    match value.as_bytes() {
        [] => Ok(Some(None)),
        [byte] if byte.is_ascii() => Ok(Some(Some(*byte))),
        b"\\t" => Ok(Some(Some(b'\t'))),
        b"\\\\" => Ok(Some(Some(b'\\'))),
        b"\\0" => Ok(Some(Some(0))),
        _ => Err(options.refuse(key, "one ASCII character", value)),
    }
}
