//! A disk that takes no more, and directories where nothing can be written: a message that names the path and what to do, the
//! defined exit code, and nothing lost.

#![expect(
    clippy::disallowed_methods,
    reason = "what a user would put there, not what must survive"
)]

use crate::process::{Ended, Process, run_command, terminate};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// How many input files there are; a batch reads one.
const FILES: u32 = 60;

/// A query from files to files, in `home`.
fn write_query(home: &Path, out: &Path) {
    let input = home.join("in");
    std::fs::create_dir_all(&input).unwrap();
    for number in 0..FILES {
        let row = format!("{{\"n\":{number}}}\n");
        std::fs::write(input.join(format!("{number:03}.json")), row).unwrap();
    }
    let text = format!(
        "CREATE TABLE source (n INT) USING json OPTIONS (path '{}', maxFilesPerTrigger '1');
         CREATE TABLE target USING json OPTIONS (path '{}');
         CREATE FLOW copy AS INSERT INTO target SELECT n FROM STREAM source;",
        input.display(),
        out.display()
    );
    std::fs::write(home.join("query.sql"), text).unwrap();
}

fn command(home: &Path) -> Command {
    let (query, checkpoint) = (home.join("query.sql"), home.join("checkpoint"));
    run_command(&query, &checkpoint, &["--available-now"])
}

/// The rows that the manifest of the output counts, read as a table.
fn rows(home: &Path, out: &Path) -> BTreeMap<i64, u32> {
    let declare = home.join("read.sql");
    let text = format!(
        "CREATE TABLE out (n INT) USING json OPTIONS (path '{}');",
        out.display()
    );
    std::fs::write(&declare, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tidemill"))
        .args(["sql", "SELECT n FROM out", "--format", "csv", "--file"])
        .arg(declare)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut rows = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines().skip(1) {
        *rows.entry(line.trim().parse().unwrap()).or_default() += 1;
    }
    rows
}

/// The last lines, which say what went wrong.
fn said(ended: &Ended) -> String {
    ended.said.join("\n")
}

/// The same command where no file may have more than so many KiB. The signal that would kill is ignored, as a supervisor may do;
/// then the write fails, as on a full disk.
fn limited(run: &Command, kibibytes: u32) -> Command {
    let mut limited = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
    limited
        .arg("-c")
        .arg(script)
        .arg(run.get_program())
        .args(run.get_args());
    limited
}

/// Checks what is said when there is no room.
fn check_message(ended: &Ended, home: &Path) {
    let said = said(ended);
    assert!(
        said.contains("past the size that the system allows, nothing is lost; raise the limit"),
        "{said}"
    );
    let checkpoint = home.join("checkpoint");
    assert!(
        said.contains(&format!("path=`{}/", checkpoint.display())),
        "{said}"
    );
}

#[test]
fn without_room_a_query_does_not_start_and_says_why() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    write_query(home.path(), &out);
    let ended = Process::start(limited(&command(home.path()), 0)).end();
    assert_eq!(ended.code, Some(69), "{}", said(&ended));
    check_message(&ended, home.path());
    let ended = Process::start(command(home.path())).end();
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    assert_eq!(rows(home.path(), &out), every_row_once());
}

#[test]
fn a_query_that_runs_out_of_room_waits_for_it_and_goes_on_where_it_was() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    write_query(home.path(), &out);
    // The log reaches that after some batches.
    let mut process = Process::start(limited(&command(home.path()), 8));
    assert!(process.wait_for("opened again after a delay", 2));
    terminate(process.child.id());
    let ended = process.end();
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    check_message(&ended, home.path());
    let before = rows(home.path(), &out);
    assert!(
        !before.is_empty() && before.len() < FILES as usize,
        "{before:?}"
    );

    let ended = Process::start(command(home.path())).end();
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    assert_eq!(rows(home.path(), &out), every_row_once());
}

fn every_row_once() -> BTreeMap<i64, u32> {
    (0..i64::from(FILES)).map(|n| (n, 1)).collect()
}

#[test]
fn a_file_where_a_folder_should_be_is_named_with_what_is_wrong() {
    for is_checkpoint in [true, false] {
        let home = tempfile::tempdir().unwrap();
        let (checkpoint, out) = (home.path().join("checkpoint"), home.path().join("out"));
        write_query(home.path(), &out);
        let file = if is_checkpoint { checkpoint } else { out };
        std::fs::write(&file, "a file").unwrap();
        let ended = Process::start(command(home.path())).end();
        assert_eq!(ended.code, Some(78), "{}", said(&ended));
        assert!(
            said(&ended).contains("a file stands where a directory is needed"),
            "{}",
            said(&ended)
        );
        assert!(
            said(&ended).contains(&file.display().to_string()),
            "{}",
            said(&ended)
        );
        std::fs::remove_file(&file).unwrap();
        let ended = Process::start(command(home.path())).end();
        assert_eq!(ended.code, Some(0), "{}", said(&ended));
    }
}

/// `/sys` takes no directories, whoever asks.
#[test]
fn a_directory_that_may_not_be_written_is_named_with_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    write_query(home.path(), &out);
    let place = Path::new("/sys/tidemill");
    let run = run_command(&home.path().join("query.sql"), place, &["--available-now"]);
    let ended = Process::start(run).end();
    assert_eq!(ended.code, Some(78), "{}", said(&ended));
    assert!(
        said(&ended).contains("choose another directory"),
        "{}",
        said(&ended)
    );
    assert!(said(&ended).contains("/sys/tidemill"), "{}", said(&ended));
    assert!(
        !out.exists(),
        "nothing is written before the checkpoint is there"
    );
}
