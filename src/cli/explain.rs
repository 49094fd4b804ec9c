//! `tidemill explain`: the plans of a SQL file, without running anything.

use super::arguments::{ExplainArguments, ResultFormat};
use super::output::{print, print_rows, read_file};
use super::{Ended, run::is_wanted};
use crate::error::Result;
use crate::plan::check;
use crate::plan::explain::explain;
use crate::session::{ScriptOutput, Session};
use crate::sink::OutputMode;

pub(super) fn run(arguments: &ExplainArguments) -> Result<Ended> {
    let text = read_file(&arguments.file)?;
    let session = Session::new();
    for output in session
        .run_script(&text)
        .map_err(|error| error.with_sql(&text))?
    {
        let (name, plan, mode) = match &output {
            ScriptOutput::Table(schema, rows) => {
                print_rows(schema, rows, ResultFormat::Table)?;
                continue;
            }
            ScriptOutput::Flow(flow) => (flow.name.clone(), &flow.plan, flow.output_mode),
            ScriptOutput::Stream(frame) => (None, frame.plan()?, OutputMode::Append),
        };
        if !is_wanted(&arguments.query, name.as_deref()) {
            continue;
        }
        let name = name.unwrap_or_else(|| "query".to_owned());
        print(&format!("== {name} ({mode})\n{}\n", explain(plan)))?;
        check::check(plan, mode).map_err(|error| error.with_sql(&text))?;
    }
    Ok(Ended::Well)
}
