//! The file sink: what is written, what is seen, and that a crash anywhere leaves each batch there once.

use super::{FileSinkFactory, batch_of};
use crate::batch::BatchId;
use crate::disk::{AfterCrash, Disk, Effects, RealDisk, SimulatedDisk};
use crate::error::{ErrorKind, Result};
use crate::manifest::Manifest;
use crate::sink::{OutputMode, Sink, SinkBatch, SinkFactory};
use crate::source::SourceFactory;
use crate::source::file::FileSourceFactory;
use crate::table_format::TableFormat;
use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn options(path: &Path, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut options = BTreeMap::from([("path".to_owned(), path.to_str().unwrap().to_owned())]);
    options.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    options
}

fn factory(path: &Path, format: &str, by: &[&str], more: &[(&str, &str)]) -> FileSinkFactory {
    let by: Vec<String> = by.iter().map(|name| (*name).to_owned()).collect();
    FileSinkFactory::new(format, &options(path, more), &by).unwrap()
}

/// Batch `id`: two rows, of two partitions.
fn rows(id: u64) -> RecordBatch {
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let id = i64::try_from(id).unwrap();
    let values: ArrayRef = Arc::new(Int64Array::from(vec![id * 2, id * 2 + 1]));
    RecordBatch::try_from_iter([("k", names), ("v", values)]).unwrap()
}

fn start(factory: &FileSinkFactory, last_committed: Option<u64>) -> Result<Box<dyn Sink>> {
    let mut sink = factory.open().unwrap();
    sink.identify("q1");
    let schema = rows(0).schema();
    sink.start(&schema, OutputMode::Append, last_committed.map(BatchId))?;
    Ok(sink)
}

fn add(sink: &mut dyn Sink, id: u64) -> Result<()> {
    let rows = [rows(id)];
    sink.add_batch(&SinkBatch {
        id: BatchId(id),
        schema: &rows[0].schema(),
        rows: &rows,
        mode: OutputMode::Append,
    })
}

/// The rows a reader of the folder sees, sorted.
fn seen(path: &Path, format: &str, schema: Option<&str>) -> Vec<String> {
    let schema = schema.map(|schema| Arc::new(crate::types::parse_ddl_schema(schema).unwrap()));
    let source = FileSourceFactory::new(format, schema.as_ref(), &options(path, &[])).unwrap();
    let rows = source.read_static(&[0, 1]).unwrap();
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let format = TableFormat {
        rows_max: usize::MAX,
        truncate: None,
        ..TableFormat::default()
    };
    let table = format.draw(&first.schema(), &rows).unwrap();
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(1);
    let mut rows: Vec<String> = lines.map(|line| line.replace([' ', '|'], "")).collect();
    rows.sort();
    rows
}

#[test]
fn every_format_is_read_as_it_was_written() {
    for (format, more) in [
        ("parquet", &[][..]),
        ("parquet", &[("compression", "zstd")]),
        ("json", &[]),
        ("json", &[("compression", "gzip")]),
        ("csv", &[]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let factory = factory(folder.path(), format, &[], more);
        let mut sink = start(&factory, None).unwrap();
        for id in 0..3 {
            add(sink.as_mut(), id).unwrap();
        }
        let rows = seen(folder.path(), format, Some("v BIGINT, k STRING"));
        if format == "csv" {
            // The columns of CSV have their places, not their names.
            continue;
        }
        assert_eq!(
            rows,
            ["0x", "1NULL", "2x", "3NULL", "4x", "5NULL"],
            "{format}"
        );
    }
}

#[test]
fn partitions_are_folders_and_come_back_as_columns() {
    let folder = tempfile::tempdir().unwrap();
    let factory = factory(folder.path(), "parquet", &["k"], &[]);
    let mut sink = start(&factory, None).unwrap();
    add(sink.as_mut(), 0).unwrap();
    assert!(folder.path().join("k=x").is_dir());
    assert!(folder.path().join("k=__HIVE_DEFAULT_PARTITION__").is_dir());
    assert_eq!(seen(folder.path(), "parquet", None), ["0x", "1NULL"]);
}

#[test]
fn a_batch_that_comes_again_is_there_once() {
    let folder = tempfile::tempdir().unwrap();
    let factory = factory(folder.path(), "json", &[], &[]);
    let mut sink = start(&factory, None).unwrap();
    add(sink.as_mut(), 0).unwrap();
    add(sink.as_mut(), 0).unwrap();
    let mut sink = start(&factory, None).unwrap();
    add(sink.as_mut(), 0).unwrap();
    add(sink.as_mut(), 1).unwrap();
    assert_eq!(
        seen(folder.path(), "json", Some("v BIGINT, k STRING")).len(),
        4
    );
}

#[test]
fn a_folder_that_belongs_to_another_query_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let factory = factory(folder.path(), "json", &[], &[]);
    let mut sink = start(&factory, None).unwrap();
    for id in 0..3 {
        add(sink.as_mut(), id).unwrap();
    }
    let mut other = factory.open().unwrap();
    other.identify("q2");
    let schema = rows(0).schema();
    let error = other.start(&schema, OutputMode::Append, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let error = start(&factory, Some(0)).err().unwrap();
    assert!(
        error.to_string().contains("ahead of the checkpoint"),
        "{error}"
    );
    assert!(start(&factory, Some(1)).is_ok());
    assert!(start(&factory, Some(7)).is_ok());
}

#[test]
fn only_append_and_columns_with_types_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let factory = factory(folder.path(), "csv", &[], &[]);
    let mut sink = factory.open().unwrap();
    for mode in [OutputMode::Update, OutputMode::Complete] {
        assert!(sink.start(&rows(0).schema(), mode, None).is_err());
    }
    let nested = crate::types::parse_ddl_schema("a ARRAY<INT>").unwrap();
    let error = sink
        .start(&Arc::new(nested), OutputMode::Append, None)
        .unwrap_err();
    assert_eq!(
        error.condition(),
        Some("UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE")
    );
    let error = FileSinkFactory::new("json", &options(folder.path(), &[("retention", "7d")]), &[]);
    assert!(error.unwrap_err().to_string().contains("retention"));
}

#[test]
fn only_names_of_ours_are_ever_removed() {
    let ours = "batch-00000012-00000-0123456789abcdef0123456789abcdef-1.json";
    assert_eq!(batch_of(ours), Some(12));
    for name in [
        "part-00000-x-c000.snappy.parquet",
        "batch-12-0-x.json",
        "batch-2024-01-31.json",
        "x",
    ] {
        assert_eq!(batch_of(name), None, "{name}");
    }
}

/// Data files on a disk, and the batches that count.
fn on_disk(disk: &SimulatedDisk) -> (Vec<PathBuf>, Vec<u64>) {
    let files = disk.files().into_keys();
    let data = files.filter(|path| !path.starts_with("/out/_tidemill"));
    let known = Manifest::read_files(disk, Path::new("/out")).unwrap();
    for file in &known {
        let bytes = disk.read(&Path::new("/out").join(&file.path)).unwrap();
        assert_eq!(bytes.len() as u64, file.size, "{}", file.path);
    }
    (
        data.collect(),
        known.iter().map(|file| file.batch).collect(),
    )
}

/// Runs batches from behind the last committed one up to `end`, as the loop does; what was committed is kept in `committed`.
fn run(disk: &SimulatedDisk, committed: &mut Option<u64>, end: u64) -> Result<()> {
    let factory = factory(Path::new("/out"), "json", &["k"], &[]).on_disk(Arc::new(disk.clone()));
    let mut sink = start(&factory, *committed)?;
    for id in committed.map_or(0, |last| last + 1)..end {
        add(sink.as_mut(), id)?;
        *committed = Some(id);
    }
    Ok(())
}

const BATCHES: u64 = 12;

#[test]
fn a_crash_anywhere_leaves_each_batch_there_once() {
    let calm = SimulatedDisk::new(Effects::calm());
    let effects = Effects::calm();
    run(&calm.copy(effects.clone()), &mut None, BATCHES).unwrap();
    for after in AfterCrash::ALL {
        for call in 0..effects.count() {
            let disk = SimulatedDisk::new(Effects::crash_at(call));
            let mut committed = None;
            let crashed = run(&disk, &mut committed, BATCHES);
            let disk = disk.crash(after, Effects::calm());
            // A tidying that fails ends no batch, so that the last call may go unnoticed.
            assert!(
                crashed.is_err() || committed == Some(BATCHES - 1),
                "call {call}"
            );
            check_reader(
                &disk,
                committed,
                &format!("crash at call {call}, {after:?}"),
            );
            run(&disk, &mut committed, BATCHES).unwrap();
            let (files, batches) = on_disk(&disk);
            let expected: Vec<u64> = (0..BATCHES).flat_map(|id| [id, id]).collect();
            assert_eq!(batches, expected, "crash at call {call}, {after:?}");
            assert_eq!(
                files.len(),
                expected.len(),
                "crash at call {call}, {after:?}"
            );
        }
    }
}

/// What a reader that goes by the manifest sees at any moment: whole batches, each once, none missing in between, at most the one
/// behind the last committed.
fn check_reader(disk: &SimulatedDisk, committed: Option<u64>, story: &str) {
    let (_, batches) = on_disk(disk);
    let next = committed.map_or(0, |last| last + 1);
    let seen = batches.len() as u64 / 2;
    let whole: Vec<u64> = (0..seen).flat_map(|id| [id, id]).collect();
    assert_eq!(batches, whole, "{story}");
    assert!(
        (next..=next + 1).contains(&seen),
        "{story}: {seen} of {next}"
    );
}

#[test]
fn a_crash_during_the_start_after_a_crash_leaves_each_batch_there_once() {
    const FEW: u64 = 3;
    let effects = Effects::calm();
    run(&SimulatedDisk::new(effects.clone()), &mut None, FEW).unwrap();
    let lefts = AfterCrash::ALL.into_iter().cycle();
    for first in 0..effects.count() {
        for (second, left) in (0..).zip(lefts.clone()) {
            let story = format!("crash at call {first}, then at {second}, {left:?}");
            let disk = SimulatedDisk::new(Effects::crash_at(first));
            let mut committed = None;
            drop(run(&disk, &mut committed, FEW));
            let disk = disk.crash(left, Effects::crash_at(second));
            let is_through = run(&disk, &mut committed, FEW).is_ok();
            let disk = disk.crash(AfterCrash::KeepsSynced, Effects::calm());
            check_reader(&disk, committed, &story);
            run(&disk, &mut committed, FEW).unwrap();
            check_reader(&disk, committed, &story);
            if is_through {
                break;
            }
        }
    }
}

#[test]
fn a_failure_anywhere_is_mended_by_trying_the_batch_again() {
    let effects = Effects::calm();
    run(&SimulatedDisk::new(effects.clone()), &mut None, BATCHES).unwrap();
    for call in 0..effects.count() {
        let disk = SimulatedDisk::new(Effects::fail_at(call));
        let factory =
            factory(Path::new("/out"), "json", &["k"], &[]).on_disk(Arc::new(disk.clone()));
        let Ok(mut sink) = start(&factory, None) else {
            continue;
        };
        let mut committed = None;
        for id in 0..BATCHES {
            if let Err(error) = add(sink.as_mut(), id) {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{call}: {error}");
                assert!(error.to_string().contains("make room"), "{error}");
                assert!(error.to_string().contains("path=`/out"), "{error}");
                check_reader(&disk, committed, &format!("failure at call {call}"));
                add(sink.as_mut(), id).unwrap();
            }
            committed = Some(id);
        }
        let (files, batches) = on_disk(&disk);
        let expected: Vec<u64> = (0..BATCHES).flat_map(|id| [id, id]).collect();
        assert_eq!(batches, expected, "failure at call {call}");
        assert_eq!(files.len(), expected.len(), "failure at call {call}");
    }
}

#[test]
fn the_real_disk_has_no_left_overs_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let factory = factory(folder.path(), "json", &[], &[]);
    let mut sink = start(&factory, None).unwrap();
    add(sink.as_mut(), 0).unwrap();
    let left_over = "batch-00000001-00000-0123456789abcdef0123456789abcdef-1.json";
    for name in [
        left_over.to_owned(),
        format!(".{left_over}.tmp"),
        "notes.json".to_owned(),
    ] {
        RealDisk.create(&folder.path().join(name)).unwrap();
    }
    start(&factory, Some(0)).unwrap();
    let names = RealDisk.list(folder.path()).unwrap();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().any(|name| name == "notes.json"));
}

/// As [`run`], with results that replace each other.
fn run_results(disk: &SimulatedDisk, committed: &mut Option<u64>, end: u64) -> Result<()> {
    let factory = factory(Path::new("/out"), "json", &["k"], &[])
        .on_disk(Arc::new(disk.clone()))
        .replacing();
    let mut sink = factory.open().unwrap();
    sink.identify("q1");
    let last = committed.map(BatchId);
    sink.start(&rows(0).schema(), OutputMode::Complete, last)?;
    for id in committed.map_or(0, |last| last + 1)..end {
        let rows = [rows(id)];
        sink.add_batch(&SinkBatch {
            id: BatchId(id),
            schema: &rows[0].schema(),
            rows: &rows,
            mode: OutputMode::Complete,
        })?;
        *committed = Some(id);
    }
    Ok(())
}

#[test]
fn a_crash_anywhere_leaves_one_whole_result() {
    const RESULTS: u64 = 4;
    let effects = Effects::calm();
    run_results(&SimulatedDisk::new(effects.clone()), &mut None, RESULTS).unwrap();
    for after in AfterCrash::ALL {
        for call in 0..effects.count() {
            let story = format!("crash at call {call}, {after:?}");
            let disk = SimulatedDisk::new(Effects::crash_at(call));
            let mut committed = None;
            drop(run_results(&disk, &mut committed, RESULTS));
            let disk = disk.crash(after, Effects::calm());
            let (_, batches) = on_disk(&disk);
            let (least, most) = (committed, committed.map_or(0, |last| last + 1));
            let is_whole =
                |id: u64| batches == [id, id] && (least..=Some(most)).contains(&Some(id));
            assert!(
                (batches.is_empty() && committed.is_none())
                    || batches.first().is_some_and(|id| is_whole(*id)),
                "{story}: {batches:?} after {committed:?}"
            );
            run_results(&disk, &mut committed, RESULTS).unwrap();
            let (files, batches) = on_disk(&disk);
            assert_eq!(batches, [RESULTS - 1, RESULTS - 1], "{story}");
            assert!(files.len() <= 4, "{story}: {files:?}");
        }
    }
}
