//! A sink that draws each batch as a table, for people.

use crate::batch::BatchId;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::sink::{Guarantee, OutputMode, Sink, SinkBatch, SinkFactory};
use crate::table_format::TableFormat;
use arrow::datatypes::SchemaRef;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// The line above and below the number of a batch, as in Spark.
const RULE: &str = "-------------------------------------------";

/// Draws tables onto a writer. Clones share it.
#[derive(Clone)]
pub struct ConsoleSink {
    format: TableFormat,
    writer: Arc<Mutex<dyn Write + Send>>,
}

impl ConsoleSink {
    /// A sink that draws onto the standard output, with Spark's options: `numRows` (default 20), and `truncate` (`true`: cells are
    /// cut after 20 characters, the default; `false`: never; or a number of characters).
    ///
    /// # Errors
    ///
    /// `Invalid`, if there is no such option or value.
    pub fn new(options: &BTreeMap<String, String>) -> Result<ConsoleSink> {
        let mut options = Options::new("console sink", options.clone());
        let mut format = TableFormat::default();
        let rows = options.parse("numRows", "a number of rows")?;
        format.rows_max = rows.unwrap_or(format.rows_max);
        format.truncate = match options.take("truncate") {
            None => format.truncate,
            Some(value) if value.eq_ignore_ascii_case("true") => format.truncate,
            Some(value) if value.eq_ignore_ascii_case("false") => None,
            Some(value) => match value.trim().parse() {
                Ok(0) => None,
                Ok(length) => Some(length),
                Err(_) => {
                    let expected = "true, false or a number of characters";
                    return Err(options.refuse("truncate", expected, value));
                }
            },
        };
        options.finish()?;
        Ok(ConsoleSink::to(format, std::io::stdout()))
    }

    /// A sink that draws onto `writer`.
    pub fn to(format: TableFormat, writer: impl Write + Send + 'static) -> ConsoleSink {
        ConsoleSink {
            format,
            writer: Arc::new(Mutex::new(writer)),
        }
    }
}

impl fmt::Debug for ConsoleSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleSink")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl SinkFactory for ConsoleSink {
    fn open(&self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self.clone()))
    }

    fn allows_temporary_checkpoint(&self) -> bool {
        true
    }
}

impl Sink for ConsoleSink {
    fn description(&self) -> String {
        "ConsoleSink".to_owned()
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn start(
        &mut self,
        _schema: &SchemaRef,
        _mode: OutputMode,
        _last_committed: Option<BatchId>,
    ) -> Result<()> {
        Ok(())
    }

    fn add_batch(&mut self, batch: &SinkBatch<'_>) -> Result<()> {
        let table = self.format.draw(batch.schema, batch.rows)?;
        let text = format!("{RULE}\nBatch: {}\n{RULE}\n{table}\n", batch.id);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let written = writer
            .write_all(text.as_bytes())
            .and_then(|()| writer.flush());
        written.map_err(|cause| {
            // Whoever reads through `head` has seen enough.
            let kind = match cause.kind() {
                std::io::ErrorKind::BrokenPipe => ErrorKind::Stopped,
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, "the console sink cannot write to its output").with_source(cause)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};
    use arrow::record_batch::RecordBatch;

    /// What was written, shared with the sink.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_batch_is_drawn_below_its_number() {
        let paper = Paper::default();
        let sink = ConsoleSink::to(TableFormat::default(), paper.clone());
        let values: ArrayRef = Arc::new(Int64Array::from(vec![7]));
        let rows = [RecordBatch::try_from_iter([("n", values)]).unwrap()];
        let batch = SinkBatch {
            id: BatchId(3),
            schema: &rows[0].schema(),
            rows: &rows,
            mode: OutputMode::Append,
        };
        sink.open().unwrap().add_batch(&batch).unwrap();
        let written = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let expected = "\
-------------------------------------------
Batch: 3
-------------------------------------------
+---+
|  n|
+---+
|  7|
+---+

";
        assert_eq!(written, expected);
    }

    #[test]
    fn a_bad_option_is_refused() {
        let options = BTreeMap::from([("truncate".to_owned(), "yes".to_owned())]);
        let error = ConsoleSink::new(&options).unwrap_err().to_string();
        assert!(error.contains("option=`truncate`, value=`yes`"), "{error}");
    }
}
