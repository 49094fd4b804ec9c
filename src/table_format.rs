//! Rows as a table that people read, drawn as Spark's `show()` draws it: for the console sink and the command line.
//!
//! ```text
//! +---+-----+
//! |  k|    n|
//! +---+-----+
//! |  a|    1|
//! |  b| NULL|
//! +---+-----+
//! ```
//!
//! Cells are cut after 20 characters and stand on the right; when nothing is cut, they stand on the left. Values are written as
//! `CAST(… AS STRING)` writes them, nulls as `NULL`, bytes as `[0A FF]`. Characters that are twice as wide on a terminal count twice.

use crate::batch::{BatchContext, Timestamp};
use crate::cast::{can_cast, cast_with_units};
use crate::error::Result;
use crate::types::TypeUnits;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The least width of a column, as in Spark.
const WIDTH_MIN: usize = 3;

/// How a table is drawn.
#[derive(Debug, Clone)]
pub struct TableFormat {
    /// How many rows are shown. Default 20.
    pub rows_max: usize,
    /// After how many characters a cell is cut; `None`: never. Default 20.
    pub truncate: Option<usize>,
    /// The time zone of timestamps. Default `UTC`.
    pub time_zone: String,
}

impl Default for TableFormat {
    fn default() -> TableFormat {
        TableFormat {
            rows_max: 20,
            truncate: Some(20),
            time_zone: "UTC".to_owned(),
        }
    }
}

impl TableFormat {
    /// The rows as a table, with a line below if there are more than are shown.
    ///
    /// # Errors
    ///
    /// `Invalid`, if there is no such time zone.
    pub fn draw(&self, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<String> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let shown = rows.min(self.rows_max);
        let mut lines = vec![self.header(schema)];
        for batch in batches {
            let missing = shown + 1 - lines.len();
            if missing == 0 {
                break;
            }
            let batch = batch.slice(0, missing.min(batch.num_rows()));
            lines.extend(self.cells(schema, &batch)?);
        }
        let mut table = self.lay_out(&lines, schema.fields().len());
        if shown < rows {
            let noun = if shown == 1 { "row" } else { "rows" };
            table.push_str(&format!("only showing top {shown} {noun}\n"));
        }
        Ok(table)
    }

    fn header(&self, schema: &SchemaRef) -> Vec<String> {
        let names = schema.fields().iter().map(|field| field.name().clone());
        names.map(|name| self.cut(escape(&name))).collect()
    }

    /// The cells of a record batch, row by row. The schema says the units of intervals.
    fn cells(&self, schema: &SchemaRef, batch: &RecordBatch) -> Result<Vec<Vec<String>>> {
        let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
        for (index, column) in batch.columns().iter().enumerate() {
            let field = schema.fields().get(index);
            let units = field.map_or_else(TypeUnits::default, |field| TypeUnits::from_field(field));
            let texts = self.texts(column, &units)?;
            for (row, text) in rows.iter_mut().zip(texts) {
                row.push(self.cut(escape(&text)));
            }
        }
        Ok(rows)
    }

    /// Every value of a column as text.
    fn texts(&self, column: &ArrayRef, units: &TypeUnits) -> Result<Vec<String>> {
        let or_null = |text: Option<String>| text.unwrap_or_else(|| "NULL".to_owned());
        if *column.data_type() == DataType::Binary {
            let bytes = column.as_binary::<i32>().iter();
            return Ok(bytes.map(|bytes| or_null(bytes.map(hexadecimal))).collect());
        }
        if can_cast(column.data_type(), &DataType::Utf8) {
            let context = BatchContext::one_shot(Timestamp(0), self.time_zone.clone());
            let to = (&DataType::Utf8, &TypeUnits::default());
            let texts = cast_with_units((column, units), to, false, &context)?;
            let texts = texts.as_string::<i32>().iter();
            return Ok(texts.map(|text| or_null(text.map(str::to_owned))).collect());
        }
        let options = FormatOptions::new().with_null("NULL");
        let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
        let rows = 0..column.len();
        Ok(rows.map(|row| formatter.value(row).to_string()).collect())
    }

    fn cut(&self, text: String) -> String {
        match self.truncate {
            Some(most) if text.chars().count() > most => {
                let dots = if most < 4 { "" } else { "..." };
                let kept = text.chars().take(most - dots.len());
                kept.chain(dots.chars()).collect()
            }
            _ => text,
        }
    }

    /// Draws the cells; the first line is the header.
    fn lay_out(&self, lines: &[Vec<String>], columns: usize) -> String {
        let mut widths = vec![WIDTH_MIN; columns];
        for line in lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(width_of(cell));
            }
        }
        let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let rule = format!("+{}+\n", dashes.join("+"));
        let mut table = rule.clone();
        for (index, line) in lines.iter().enumerate() {
            let cells = line.iter().zip(&widths).map(|(cell, width)| {
                let padding = " ".repeat(width.saturating_sub(width_of(cell)));
                match self.truncate {
                    Some(_) => format!("{padding}{cell}"),
                    None => format!("{cell}{padding}"),
                }
            });
            let cells: Vec<String> = cells.collect();
            table.push_str(&format!("|{}|\n", cells.join("|")));
            if index == 0 {
                table.push_str(&rule);
            }
        }
        table.push_str(&rule);
        table
    }
}

/// Bytes as `[0A FF]`.
fn hexadecimal(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("[{}]", pairs.join(" "))
}

/// Text on one line: line ends and the like as `\n`.
fn escape(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            '\u{c}' => line.push_str("\\f"),
            '\u{8}' => line.push_str("\\b"),
            '\u{b}' => line.push_str("\\v"),
            '\u{7}' => line.push_str("\\a"),
            other => line.push(other),
        }
    }
    line
}

/// How many columns of a terminal a text takes.
fn width_of(text: &str) -> usize {
    text.chars()
        .map(|character| if is_wide(character) { 2 } else { 1 })
        .sum()
}

/// Whether a character is twice as wide as a Latin letter; the same ranges as in Spark.
fn is_wide(character: char) -> bool {
    matches!(
        character,
        '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{IntervalField, IntervalUnits};
    use arrow::array::{BinaryArray, DurationMicrosecondArray, Int64Array, StringArray};
    use arrow::datatypes::{Field, Schema};
    use std::sync::Arc;

    fn rows() -> RecordBatch {
        let names = StringArray::from(vec![Some("a"), Some("a name of 21 letters!"), None]);
        let numbers = Int64Array::from(vec![1, 22, 333]);
        let bytes = BinaryArray::from_opt_vec(vec![Some(b"\x0a\xff"), None, Some(b"")]);
        RecordBatch::try_from_iter([
            ("k", Arc::new(names) as ArrayRef),
            ("n", Arc::new(numbers)),
            ("b", Arc::new(bytes)),
        ])
        .unwrap()
    }

    #[test]
    fn cells_are_cut_and_stand_on_the_right() {
        let table = TableFormat::default().draw(&rows().schema(), &[rows()]);
        assert_eq!(
            table.unwrap(),
            "\
+--------------------+---+-------+
|                   k|  n|      b|
+--------------------+---+-------+
|                   a|  1|[0A FF]|
|a name of 21 lett...| 22|   NULL|
|                NULL|333|     []|
+--------------------+---+-------+
"
        );
    }

    #[test]
    fn uncut_cells_stand_on_the_left_and_rows_left_out_are_told() {
        let format = TableFormat {
            rows_max: 2,
            truncate: None,
            ..TableFormat::default()
        };
        let batch = rows().project(&[0]).unwrap();
        let one = batch.slice(0, 1);
        assert_eq!(
            format.draw(&batch.schema(), &[one, batch.clone()]).unwrap(),
            "\
+---+
|k  |
+---+
|a  |
|a  |
+---+
only showing top 2 rows
"
        );
    }

    #[test]
    fn intervals_are_shown_with_the_units_of_their_column() {
        let hours: ArrayRef = Arc::new(DurationMicrosecondArray::from(vec![93_600_000_000]));
        let units = TypeUnits::only(IntervalUnits::only(IntervalField::Hour));
        let field = units.on_field(Field::new("h", hours.data_type().clone(), true));
        let schema = Arc::new(Schema::new(vec![field]));
        let batch = RecordBatch::try_from_iter([("h", hours)]).unwrap();
        let table = TableFormat::default().draw(&schema, &[batch]).unwrap();
        assert!(table.contains("|INTERVAL '26' HOUR|"), "{table}");
    }

    #[test]
    fn wide_characters_count_twice_and_line_ends_are_escaped() {
        let names: ArrayRef = Arc::new(StringArray::from(vec!["조수", "x\ny"]));
        let batch = RecordBatch::try_from_iter([("k", names)]).unwrap();
        let table = TableFormat::default().draw(&batch.schema(), &[batch]);
        assert_eq!(
            table.unwrap(),
            "+----+\n|   k|\n+----+\n|조수|\n|x\\ny|\n+----+\n"
        );
    }
}
