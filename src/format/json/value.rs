//! Texts that are each one JSON array or map, to a column: `from_json` with a schema that is no struct.

use super::JsonOptions;
use super::column::{Column, Fit, Work};
use super::cursor::{Cursor, Read, Syntax};
use crate::error::{Error, Result};
use crate::format::{ParseMode, malformed_record, nullable};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

/// Reads arrays or maps. What cannot be read is null.
#[derive(Debug)]
pub(crate) struct JsonValueDecoder {
    data_type: DataType,
    column: Column,
    syntax: Syntax,
    mode: ParseMode,
    work: Work,
}

impl JsonValueDecoder {
    /// A decoder into a column of this type, an array or a map.
    ///
    /// # Errors
    ///
    /// `Invalid`, if JSON cannot be read into it.
    pub(crate) fn new(data_type: &DataType, options: &JsonOptions) -> Result<JsonValueDecoder> {
        let data_type = nullable(data_type);
        Ok(JsonValueDecoder {
            column: Column::new(&data_type)?,
            data_type,
            syntax: Syntax::of(options),
            mode: options.mode,
            work: Work::new(options),
        })
    }

    /// Reads one text into exactly one entry.
    ///
    /// # Errors
    ///
    /// `Data`, if it cannot be read, in [`ParseMode::FailFast`].
    pub(crate) fn push(&mut self, text: Option<&str>) -> Result<()> {
        let row = self.column.len();
        let Some(text) = text else {
            self.column.append_null();
            return Ok(());
        };
        let mut cursor = Cursor::new(text.as_bytes(), self.syntax);
        let why = match self.read(&mut cursor) {
            Ok(None | Some(Fit::Whole)) => return Ok(()),
            Ok(Some(Fit::Partial(misfit) | Fit::No(misfit))) => {
                format!("the value at byte {} is not {}", misfit.at, misfit.expected)
            }
            Err(error) => {
                self.column.truncate(row);
                format!("{}, at byte {}", error.what, error.at)
            }
        };
        if self.mode == ParseMode::FailFast {
            return Err(malformed_record(text.as_bytes(), &why));
        }
        if self.column.len() == row {
            self.column.append_null();
        }
        Ok(())
    }

    /// Reads a value; `None` for white space only.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Read<Option<Fit>> {
        cursor.skip_space()?;
        let fit = match (cursor.peek(), &mut self.column) {
            (None, column) => {
                column.append_null();
                return Ok(None);
            }
            (Some(b'n'), _) => return Err(cursor.error("expected an array or an object")),
            (Some(b'{'), Column::List(list)) if list.has_structs() => {
                list.append_single(cursor, &mut self.work)?
            }
            (Some(_), column) => column.append(cursor, &mut self.work)?,
        };
        Ok(Some(fit))
    }

    /// The entries as a column.
    ///
    /// # Errors
    ///
    /// `Internal` only.
    pub(crate) fn finish(mut self) -> Result<ArrayRef> {
        if self.mode == ParseMode::DropMalformed {
            return Err(Error::internal("a column cannot drop malformed texts"));
        }
        self.column.finish(&self.data_type)
    }
}
