//! The command line: data to stdout, everything else to stderr, a defined exit code for every outcome.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done, or stopped by a signal: after the batch at hand was committed, or in it if a broker is silent |
//! | 1 | a test failed, or a replay differed |
//! | 2 | the command line is wrong |
//! | 65 | a row of the input cannot be used |
//! | 69 | something outside (broker, file system) is not there |
//! | 70 | a bug of ours |
//! | 73 | the checkpoint is in use, or was taken over by another process |
//! | 74 | bytes on disk are damaged |
//! | 76 | rows that should have been read are gone from the source |
//! | 78 | the query, an option or a setting is wrong, or the checkpoint belongs to another query |

mod arguments;
mod demo;
mod explain;
mod functions;
mod output;
mod progress;
mod replay;
mod run;
mod sql;
mod test;

pub use arguments::{Cli, Command};

use crate::error::{Error, ErrorKind};
use std::io::Write;
use std::process::ExitCode;

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Everything as asked.
    Well,
    /// A test failed, or a replay differed: said already.
    Differing,
}

/// Runs the command, reports an error if there is one, and gives the exit code.
pub fn main(cli: Cli) -> ExitCode {
    output::start_logging(cli.verbose);
    let ended = match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Sql(arguments) => sql::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Functions(arguments) => functions::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
    };
    match ended {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Differing) => ExitCode::from(1),
        Err(error) => {
            report(&error);
            ExitCode::from(exit_code(error.kind()))
        }
    }
}

/// The error with its causes, then what to do next.
fn report(error: &Error) {
    let mut text = format!("error: {error}");
    let mut last = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let next = error.to_string();
        let said = match error.downcast_ref::<Error>() {
            Some(error) => error.message(),
            None => &next,
        };
        // A failed query repeats its cause; what is behind the cause may be new.
        if !last.contains(said) {
            text.push_str("\n  caused by: ");
            text.push_str(&next);
        }
        last = next;
        cause = error.source();
    }
    if let Some(hint) = hint(error.kind()) {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
    // Nobody is left to tell, if stderr is closed.
    drop(writeln!(std::io::stderr(), "{text}"));
}

fn hint(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Unavailable | ErrorKind::Stopped => Some(
            "nothing is lost: start the same command again when it is back, it goes on from the checkpoint",
        ),
        ErrorKind::Conflict => {
            Some("stop the other process, or give this query a --checkpoint of its own")
        }
        ErrorKind::Incompatible => {
            Some("go back to the query that made this checkpoint, or start with a new --checkpoint")
        }
        ErrorKind::Internal => {
            Some("this is a bug of tidemill: please report it with the query and this message")
        }
        ErrorKind::Invalid | ErrorKind::Data | ErrorKind::Corrupt | ErrorKind::DataLoss => None,
    }
}

fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Invalid | ErrorKind::Incompatible => 78,
        ErrorKind::Unavailable | ErrorKind::Stopped => 69,
        ErrorKind::Data => 65,
        ErrorKind::Corrupt => 74,
        ErrorKind::Conflict => 73,
        ErrorKind::DataLoss => 76,
        ErrorKind::Internal => 70,
    }
}
