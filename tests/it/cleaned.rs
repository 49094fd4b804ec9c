//! A checkpoint whose old segments were removed: what is kept replays to the same rows, what is not is refused by name, and the
//! query goes on.

#![expect(
    clippy::disallowed_methods,
    reason = "what a user would put there, not what must survive"
)]

use crate::process::{BATCH, Process, run_command};
use std::path::Path;
use std::sync::Arc;
use tidemill::batch::BatchId;
use tidemill::checkpoint::read_checkpoint;
use tidemill::disk::RealDisk;
use tidemill::replay::{ReplaySpec, replay};
use tidemill::session::ScriptOutput;
use tidemill::{ErrorKind, Session};

/// How many batches there are before the restart; a batch reads one file.
const BATCHES: u64 = 40;

/// How many batches are kept at least.
const RETAINED: u64 = 6;

fn write_files(input: &Path, numbers: std::ops::Range<u64>) {
    std::fs::create_dir_all(input).unwrap();
    for number in numbers {
        let row = format!("{{\"k\":{},\"n\":{number}}}\n", number % 3);
        std::fs::write(input.join(format!("{number:03}.json")), row).unwrap();
    }
}

fn text(input: &Path) -> String {
    format!(
        "SET spark.sql.streaming.minBatchesToRetain = {RETAINED};
         SET spark.sql.streaming.stateStore.minDeltasForSnapshot = 4;
         CREATE TABLE source (k INT, n INT) USING json OPTIONS (path '{}', maxFilesPerTrigger '1');
         CREATE TABLE nothing USING noop OPTIONS (outputMode 'update');
         CREATE FLOW sums AS INSERT INTO nothing SELECT k, sum(n) AS n FROM STREAM source GROUP BY k;",
        input.display()
    )
}

fn spec(text: &str, checkpoint: &Path) -> ReplaySpec {
    let outputs = Session::new().run_script(text).unwrap();
    let flow = outputs.into_iter().find_map(|output| match output {
        ScriptOutput::Flow(flow) => Some(flow),
        ScriptOutput::Stream(_) | ScriptOutput::Table(..) => None,
    });
    let flow = flow.unwrap();
    ReplaySpec::new(flow.plan, flow.output_mode, checkpoint.to_owned())
}

#[test]
fn what_is_kept_of_a_cleaned_checkpoint_replays_equal_and_the_query_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let (input, checkpoint) = (home.path().join("in"), home.path().join("checkpoint"));
    let query = home.path().join("query.sql");
    std::fs::create_dir(&input).unwrap();
    let text = text(&input);
    std::fs::write(&query, &text).unwrap();
    let mut done = 0;
    for end in [BATCHES, BATCHES + 5] {
        write_files(&input, done..end);
        let run = run_command(&query, &checkpoint, &["--available-now"]);
        let ended = Process::start(run).end();
        assert_eq!(ended.code, Some(0), "{:?}", ended.said);
        // A file that was read is not read again, though the ranges that named it are gone.
        assert_eq!(ended.count(BATCH) as u64, end - done);
        done = end;

        let (_, history) = read_checkpoint(Arc::new(RealDisk), &checkpoint).unwrap();
        let first = history.plans().first().unwrap().batch;
        assert!(first > BatchId(0), "nothing was removed");
        let report = replay(&spec(&text, &checkpoint), &mut |_, _, _| Ok(())).unwrap();
        report.verify().unwrap();
        assert!(
            (RETAINED..end).contains(&report.batches),
            "{}",
            report.batches
        );
        let mut gone = spec(&text, &checkpoint);
        gone.from = Some(BatchId(0));
        let error = replay(&gone, &mut |_, _, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("first=`"), "{error}");
    }
}
