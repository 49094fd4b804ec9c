//! What commands say: data to stdout, everything else to stderr, and what to do when nobody listens.

use super::arguments::ResultFormat;
use crate::error::{Error, ErrorKind, Result};
use crate::query::FAILURES;
use crate::table_format::TableFormat;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// Logs go to stderr, as much as `-v` or `RUST_LOG` asks for; warnings always.
pub(super) fn start_logging(verbose: u8) {
    let default = match verbose {
        0 => "warn",
        1 => "tidemill=info,warn",
        _ => "tidemill=debug,info",
    };
    // A command ends with the error of its query, which need not be told twice.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new(format!("{default},{FAILURES}=off"))
    });
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        // Else a closed stderr is a panic.
        .log_internal_errors(false);
    // A program that embeds the command line may have a subscriber of its own.
    drop(subscriber.try_init());
}

/// Writes data. A reader that has gone away (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::new(ErrorKind::Unavailable, "cannot write to stdout").with_source(error))
        }
        _ => Ok(()),
    }
}

/// Says something that is not data.
pub(super) fn say(text: &str) {
    // Nobody is left to tell, if stderr is closed.
    drop(writeln!(io::stderr(), "{text}"));
}

/// The text of a file that the user named.
pub(super) fn read_file(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::invalid(format!("cannot read the file. path=`{}`", path.display()))
            .with_source(error)
    })
}

/// Rows as the user wants to see them.
pub(super) fn print_rows(
    schema: &SchemaRef,
    rows: &[RecordBatch],
    format: ResultFormat,
) -> Result<()> {
    let mut out = Vec::new();
    match format {
        ResultFormat::Table => {
            let table = TableFormat {
                rows_max: usize::MAX,
                truncate: None,
                ..TableFormat::default()
            };
            return print(&table.draw(schema, rows)?);
        }
        ResultFormat::Json => {
            let mut writer = arrow::json::WriterBuilder::new()
                .with_explicit_nulls(true)
                .build::<_, arrow::json::writer::LineDelimited>(&mut out);
            writer.write_batches(&rows.iter().collect::<Vec<_>>())?;
            writer.finish()?;
        }
        ResultFormat::Csv => {
            let mut writer = arrow::csv::WriterBuilder::new()
                .with_header(true)
                .build(&mut out);
            if rows.is_empty() {
                writer.write(&RecordBatch::new_empty(schema.clone()))?;
            }
            rows.iter().try_for_each(|rows| writer.write(rows))?;
        }
    }
    print(&String::from_utf8_lossy(&out))
}

/// Applies `--set key=value`.
pub(super) fn apply_settings(session: &crate::Session, settings: &[String]) -> Result<()> {
    for setting in settings {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| Error::invalid(format!("--set wants KEY=VALUE. given=`{setting}`")))?;
        session.set(key.trim(), value.trim())?;
    }
    Ok(())
}
