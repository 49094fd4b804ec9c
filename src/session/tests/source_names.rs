//! What names a source in the checkpoint: what is read, and nothing of how.

use super::*;
use crate::incremental::{IncrementalPlan, IncrementalSettings};
use crate::sink::OutputMode;

/// The names of the sources of the one query in a script.
fn names(script: &str) -> Vec<String> {
    let session = Session::new();
    let outputs = session.run_script(script).unwrap();
    let flow = outputs.into_iter().find_map(|output| match output {
        ScriptOutput::Flow(flow) => Some(flow),
        ScriptOutput::Stream(_) | ScriptOutput::Table(..) => None,
    });
    let settings = IncrementalSettings {
        state_partitions: 1,
        time_zone: "UTC".to_owned(),
    };
    let plan = IncrementalPlan::new(&flow.unwrap().plan, OutputMode::Append, &settings).unwrap();
    let sources = plan.sources().iter();
    sources.map(|source| source.name.clone()).collect()
}

fn kafka(options: &str) -> Vec<String> {
    names(&format!(
        "CREATE TABLE source USING kafka OPTIONS ({options});
         CREATE TABLE nothing USING noop;
         CREATE FLOW f AS INSERT INTO nothing SELECT value FROM STREAM source;"
    ))
}

#[test]
fn kafka_is_named_by_what_is_subscribed_to() {
    let name = ["kafka Subscribe[clicks]"];
    let here = "`kafka.bootstrap.servers` 'here:9092', subscribe 'clicks'";
    assert_eq!(kafka(here), name);
    for more in [
        "startingOffsets 'earliest'",
        "maxOffsetsPerTrigger '10'",
        "includeHeaders 'true'",
        "`kafka.isolation.level` 'read_uncommitted'",
    ] {
        assert_eq!(kafka(&format!("{here}, {more}")), name, "{more}");
    }
    let there = "`kafka.bootstrap.servers` 'there:9092', subscribe 'clicks'";
    assert_eq!(kafka(there), name);
    let other = "`kafka.bootstrap.servers` 'here:9092', subscribe 'clicks,views'";
    assert_eq!(kafka(other), ["kafka Subscribe[clicks, views]"]);
}

#[test]
fn files_are_named_by_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let files = |columns: &str, options: &str| {
        names(&format!(
            "CREATE TABLE source ({columns}) USING json OPTIONS (path '{path}'{options});
             CREATE TABLE nothing USING noop;
             CREATE FLOW f AS INSERT INTO nothing SELECT a FROM STREAM source;"
        ))
    };
    let name = [format!("json[{path}]")];
    assert_eq!(files("a INT", ""), name);
    assert_eq!(files("a INT", ", maxFilesPerTrigger '1'"), name);
    assert_eq!(files("a INT, b STRING", ", mode 'FAILFAST'"), name);
}

#[test]
fn what_is_read_in_two_ways_is_two_sources_and_in_one_way_is_one() {
    let names = |second: &str| {
        let servers = "`kafka.bootstrap.servers` 'here:9092', subscribe 't', `value.format` 'json'";
        names(&format!(
            "CREATE TABLE one (a INT) USING kafka OPTIONS ({servers});
             CREATE TABLE two ({second}) USING kafka OPTIONS ({servers});
             CREATE TABLE nothing USING noop;
             CREATE FLOW f AS INSERT INTO nothing
             SELECT a FROM STREAM one UNION ALL SELECT a FROM STREAM two;"
        ))
    };
    assert_eq!(names("a INT"), ["kafka Subscribe[t]"]);
    assert_eq!(
        names("a INT, b INT"),
        ["kafka Subscribe[t]", "kafka Subscribe[t] (2)"]
    );
}
