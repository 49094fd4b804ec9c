//! The CPU time of this process.

use std::fs;
use tidemill::{Error, Result};

/// CPU time of the threads that this process has now, in seconds, as the scheduler counts it: in nanoseconds.
pub(crate) fn cpu_seconds() -> Result<f64> {
    let cause = |cause| Error::internal("read /proc/self/task").with_source(cause);
    let mut nanos = 0_f64;
    for thread in fs::read_dir("/proc/self/task").map_err(cause)? {
        let path = thread.map_err(cause)?.path().join("schedstat");
        // A thread may have ended since the folder was listed.
        let text = fs::read_to_string(path).unwrap_or_default();
        nanos += text
            .split_whitespace()
            .next()
            .and_then(|field| field.parse::<f64>().ok())
            .unwrap_or_default();
    }
    Ok(nanos / 1e9)
}
