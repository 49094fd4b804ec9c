//! JSON: records to columns ([`JsonDecoder`]) and columns to records.
//!
//! Semantics are Spark's (`from_json` and the JSON source): what is JSON is decided by the grammar of `cursor`, what fits a
//! column by the rules of `column`, what happens to the rest by [`ParseMode`].

mod column;
mod cursor;
mod decoder;
mod infer;
mod lines;
mod nested;
mod path;
mod prefilter;
mod scan;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod writer;
mod writer_key;

pub use decoder::JsonDecoder;
pub use infer::InferOptions;
pub(crate) use infer::JsonInference;
pub(crate) use path::{JsonPath, array_length, object_keys};
pub(crate) use value::JsonValueDecoder;
pub use writer::{JsonWriteOptions, JsonWriter};

use crate::error::Result;
use crate::format::time::TimeFormats;
use crate::format::{CORRUPT_RECORD, ParseMode, only};
use crate::options::Options;

/// How JSON is read. The names are those of Spark's options, in Rust's spelling.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one option of Spark's, and they are independent"
)]
#[derive(Debug, Clone)]
pub struct JsonOptions {
    /// What happens to a record that cannot be read. Default [`ParseMode::Permissive`].
    pub mode: ParseMode,
    /// The column that the text of such a record goes to, if the schema has it. Default `_corrupt_record`.
    pub column_name_of_corrupt_record: String,
    /// Whether a file is one record (or one array of records) instead of one record a line. Default no.
    pub multi_line: bool,
    /// Whether strings and names may stand in single quotes. Default yes.
    pub allow_single_quotes: bool,
    /// Whether names may stand without quotes. Default no.
    pub allow_unquoted_field_names: bool,
    /// Whether numbers may start with zeros. Default no.
    pub allow_numeric_leading_zeros: bool,
    /// Whether `NaN`, `Infinity` and the like are numbers, in quotes or not. Default yes.
    pub allow_non_numeric_numbers: bool,
    /// Whether a backslash may stand before any character. Default no.
    pub allow_backslash_escaping_any_character: bool,
    /// Whether control characters may stand in strings as they are. Default no.
    pub allow_unquoted_control_chars: bool,
    /// Whether `/* … */` and `// …` are white space. Default no.
    pub allow_comments: bool,
    /// Whether numbers, objects and arrays keep their text byte for byte in a string column, as in Spark's JSON source; otherwise
    /// they are written anew without white space, as by `from_json`. Not an option of Spark's. Default yes.
    pub keeps_text: bool,
    pub(crate) times: TimeFormats,
}

impl Default for JsonOptions {
    fn default() -> JsonOptions {
        JsonOptions {
            mode: ParseMode::default(),
            column_name_of_corrupt_record: CORRUPT_RECORD.to_owned(),
            multi_line: false,
            allow_single_quotes: true,
            allow_unquoted_field_names: false,
            allow_numeric_leading_zeros: false,
            allow_non_numeric_numbers: true,
            allow_backslash_escaping_any_character: false,
            allow_unquoted_control_chars: false,
            allow_comments: false,
            keeps_text: true,
            times: TimeFormats::utc(),
        }
    }
}

impl JsonOptions {
    /// Takes what it knows out of `options`; timestamps without zone are in `time_zone`, unless option `timeZone` says otherwise.
    ///
    /// # Errors
    ///
    /// `Invalid`, if a value is bad, or an option of Spark's is asked for that is not supported.
    pub fn take(options: &mut Options, time_zone: &str) -> Result<JsonOptions> {
        only(options, "encoding", "UTF-8")?;
        only(options, "charset", "UTF-8")?;
        only(options, "locale", "en-US")?;
        only(options, "dropFieldIfAllNull", "false")?;
        let standard = JsonOptions::default();
        Ok(JsonOptions {
            mode: ParseMode::take(options)?,
            column_name_of_corrupt_record: options
                .take("columnNameOfCorruptRecord")
                .unwrap_or(standard.column_name_of_corrupt_record),
            multi_line: options.boolean("multiLine", standard.multi_line)?,
            allow_single_quotes: options
                .boolean("allowSingleQuotes", standard.allow_single_quotes)?,
            allow_unquoted_field_names: options.boolean(
                "allowUnquotedFieldNames",
                standard.allow_unquoted_field_names,
            )?,
            allow_numeric_leading_zeros: options.boolean(
                "allowNumericLeadingZeros",
                standard.allow_numeric_leading_zeros,
            )?,
            allow_non_numeric_numbers: options
                .boolean("allowNonNumericNumbers", standard.allow_non_numeric_numbers)?,
            allow_backslash_escaping_any_character: options.boolean(
                "allowBackslashEscapingAnyCharacter",
                standard.allow_backslash_escaping_any_character,
            )?,
            allow_unquoted_control_chars: options.boolean(
                "allowUnquotedControlChars",
                standard.allow_unquoted_control_chars,
            )?,
            allow_comments: options.boolean("allowComments", standard.allow_comments)?,
            keeps_text: standard.keeps_text,
            times: TimeFormats::take(options, time_zone)?,
        })
    }
}
