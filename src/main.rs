//! The `tidemill` command: reads its arguments, does what they say, and turns the outcome into an exit code.

use clap::Parser;
use std::process::ExitCode;
use tidemill::cli::Cli;

/// Only the program has it: whoever embeds the library chooses for themselves.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    tidemill::cli::main(Cli::parse())
}
