//! The real binary as a process of its own: started, watched through what it says, stopped.

use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

/// `tidemill run` on a query file, with a line of progress a batch on stderr.
pub(crate) fn run_command(query: &Path, checkpoint: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidemill"));
    command
        .arg("run")
        .arg(query)
        .arg("--checkpoint")
        .arg(checkpoint)
        .args(["--progress", "json"])
        .args(more);
    command
}

/// What stands in the line of progress of each batch.
pub(crate) const BATCH: &str = "\"batchId\":";

/// A process whose stderr is read. It is killed when this is dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    stderr: Lines<BufReader<ChildStderr>>,
    said: Vec<String>,
}

/// How a process ended.
pub(crate) struct Ended {
    /// `None`: by a signal.
    pub(crate) code: Option<i32>,
    /// The lines of stderr.
    pub(crate) said: Vec<String>,
}

impl Ended {
    /// How often something was said.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.said.iter().filter(|line| line.contains(text)).count()
    }
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Process {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        Process {
            child,
            stderr,
            said: Vec::new(),
        }
    }

    /// Waits until something was said so many times; whether it was, before the end.
    pub(crate) fn wait_for(&mut self, text: &str, times: usize) -> bool {
        let mut count = 0;
        while count < times {
            let Some(line) = self.stderr.next() else {
                return false;
            };
            let line = line.unwrap();
            count += usize::from(line.contains(text));
            self.said.push(line);
        }
        true
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let mut said = std::mem::take(&mut self.said);
        said.extend(self.stderr.by_ref().map(Result::unwrap));
        Ended {
            code: self.child.wait().unwrap().code(),
            said,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Asks a process to stop (SIGTERM).
pub(crate) fn terminate(process: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}
