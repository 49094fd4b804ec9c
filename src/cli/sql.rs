//! `tidemill sql`: one query over static tables.

use super::Ended;
use super::arguments::SqlArguments;
use super::output::{apply_settings, print_rows, read_file};
use crate::error::{Error, Result};
use crate::session::{ScriptOutput, Session};

pub(super) fn run(arguments: &SqlArguments) -> Result<Ended> {
    let session = Session::new();
    apply_settings(&session, &arguments.settings)?;
    if let Some(file) = &arguments.file {
        let text = read_file(file)?;
        session
            .run_script(&text)
            .map_err(|error| error.with_sql(&text))?;
    }
    let query = &arguments.query;
    for output in session
        .run_script(query)
        .map_err(|error| error.with_sql(query))?
    {
        match output {
            ScriptOutput::Table(schema, rows) => print_rows(&schema, &rows, arguments.format)?,
            ScriptOutput::Flow(_) | ScriptOutput::Stream(_) => {
                return Err(Error::invalid(
                    "this query reads a stream: put it into a file and use `tidemill run`",
                ));
            }
        }
    }
    Ok(Ended::Well)
}
