//! `tidemill replay`: runs logged batches again, shows their rows, compares them with what was committed.

use super::Ended;
use super::arguments::ReplayArguments;
use super::output::{print, read_file, say};
use super::run::is_wanted;
use crate::batch::BatchId;
use crate::checkpoint::METADATA_FILE;
use crate::error::{Error, ErrorKind, Result};
use crate::replay::{ReplaySpec, replay};
use crate::session::{ScriptOutput, Session};
use crate::table_format::TableFormat;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where rows go.
enum Into {
    Nowhere,
    Console,
    File(PathBuf, File),
}

#[expect(
    clippy::too_many_lines,
    reason = "the steps of a command, in their order"
)]
pub(super) fn run(arguments: &ReplayArguments) -> Result<Ended> {
    let directory = &arguments.checkpoint;
    if !directory.join(METADATA_FILE).exists() {
        let path = directory.display();
        return Err(Error::invalid(format!(
            "there is no checkpoint here. path=`{path}`"
        )));
    }
    let file = arguments
        .file
        .clone()
        .unwrap_or_else(|| directory.join("query.sql"));
    if arguments.file.is_none() && !file.exists() {
        return Err(Error::invalid(format!(
            "name the SQL file of the query with --file. checkpoint=`{}`",
            directory.display()
        )));
    }
    let text = read_file(&file)?;
    let session = Session::new();
    let outputs = session
        .run_script(&text)
        .map_err(|error| needs_its_program(error).with_sql(&text))?;
    let mut flows = outputs.into_iter().filter_map(|output| match output {
        ScriptOutput::Flow(flow) => {
            let wanted: Vec<String> = arguments.query.iter().cloned().collect();
            is_wanted(&wanted, flow.name.as_deref()).then_some(flow)
        }
        ScriptOutput::Stream(_) | ScriptOutput::Table(..) => None,
    });
    let flow = flows
        .next()
        .ok_or_else(|| Error::invalid("the file has no such query"))?;
    if flows.next().is_some() {
        return Err(Error::invalid(
            "the file has several queries, say which with --query",
        ));
    }
    let mut spec = ReplaySpec::new(flow.plan.clone(), flow.output_mode, directory.clone());
    spec.from = arguments.from.map(BatchId);
    spec.to = arguments.to.map(BatchId);
    let mut into = Into::named(arguments.into.as_deref())?;
    let report = replay(&spec, &mut |batch, schema, rows| {
        say(&format!(
            "batch {}: {} rows in, {} rows out{}",
            batch.batch,
            batch.input_rows,
            batch.output.rows,
            if batch.differs() {
                ", not as committed"
            } else {
                ""
            }
        ));
        into.take(batch.batch, schema, rows)
    })?;
    let batches = report.batches;
    if !arguments.verify {
        return Ok(Ended::Well);
    }
    match report.verify() {
        Ok(()) => {
            print(&format!(
                "equal: {batches} batches gave the rows that were committed\n"
            ))?;
            Ok(Ended::Well)
        }
        Err(error) => {
            print(&format!("not equal: {error}\n"))?;
            Ok(Ended::Differing)
        }
    }
}

/// Says what to do about a query whose functions a program registered: the checkpoint knows them by name only.
fn needs_its_program(error: Error) -> Error {
    if error.condition() != Some("UNRESOLVED_ROUTINE") {
        return error;
    }
    let message = format!(
        "{}. If the program that ran the query registered it, replay from that program, with `tidemill::replay` after `Session::register_function`",
        error.message()
    );
    Error::invalid(message)
        .with_condition("UNRESOLVED_ROUTINE")
        .with_span(error.span())
}

impl Into {
    fn named(name: Option<&str>) -> Result<Into> {
        match name {
            None | Some("none") => Ok(Into::Nowhere),
            Some("console") => Ok(Into::Console),
            Some(path) => {
                let file =
                    File::create(path).map_err(|error| unwritable(Path::new(path), error))?;
                Ok(Into::File(PathBuf::from(path), file))
            }
        }
    }

    fn take(&mut self, batch: BatchId, schema: &SchemaRef, rows: &[RecordBatch]) -> Result<()> {
        match self {
            Into::Nowhere => Ok(()),
            Into::Console => {
                let format = TableFormat {
                    rows_max: usize::MAX,
                    ..TableFormat::default()
                };
                print(&format!("batch {batch}\n{}", format.draw(schema, rows)?))
            }
            Into::File(path, file) => {
                let mut out = Vec::new();
                let mut writer = arrow::json::LineDelimitedWriter::new(&mut out);
                writer.write_batches(&rows.iter().collect::<Vec<_>>())?;
                writer.finish()?;
                file.write_all(&out)
                    .map_err(|error| unwritable(path, error))
            }
        }
    }
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("cannot write the file. path=`{}`", path.display()),
    )
    .with_source(error)
}
