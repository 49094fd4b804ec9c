//! The `tidemill` command: reads its arguments, does what they say, and turns the outcome into an exit code.

use clap::Parser;
use std::process::ExitCode;
use tidemill::cli::Cli;

fn main() -> ExitCode {
    tidemill::cli::main(Cli::parse())
}
