//! The file source on real folders: what is taken when, and what is read.

use super::FileSourceFactory;
use crate::batch::Timestamp;
use crate::disk::RealDisk;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Manifest, ManifestFile};
use crate::offset::{Offset, Range};
use crate::source::{ReadLimit, Source, SourceFactory};
use crate::types::{parse_ddl_schema, simple_string};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

/// Writes a file that was modified at a moment, in seconds since 1970.
fn put(folder: &TempDir, name: &str, seconds: u64, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds))
        .unwrap();
}

fn factory(
    folder: &Path,
    format: &str,
    schema: &str,
    more: &[(&str, &str)],
) -> Result<FileSourceFactory> {
    let mut options = BTreeMap::from([("path".to_owned(), folder.to_str().unwrap().to_owned())]);
    options.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    let schema = (!schema.is_empty()).then(|| Arc::new(parse_ddl_schema(schema).unwrap()));
    FileSourceFactory::new(format, schema.as_ref(), &options)
}

fn open(folder: &TempDir, more: &[(&str, &str)]) -> Box<dyn Source> {
    let factory = factory(folder.path(), "json", "a INT", more).unwrap();
    factory.open().unwrap()
}

fn plan(source: &mut dyn Source, start: u64) -> Range {
    let start = Offset::Position(start);
    source
        .plan(&start, ReadLimit::Configured, Timestamp(0))
        .unwrap()
        .range
}

fn try_read(source: &mut dyn Source, range: &Range, columns: &[usize]) -> Result<Vec<RecordBatch>> {
    let slices = source.read(range, columns)?;
    slices.map(|slice| (slice?.decode)()).collect()
}

/// All rows, one text each.
fn shown(batches: &[RecordBatch]) -> Vec<String> {
    let format = FormatOptions::new().with_null("null");
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &format).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
            rows.push(values.join("|"));
        }
    }
    rows
}

fn read(source: &mut dyn Source, range: &Range) -> Vec<String> {
    shown(&try_read(source, range, &[0]).unwrap())
}

fn three_files() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "c.json", 1, "{\"a\":1}\n");
    put(&folder, "b.json", 2, "{\"a\":2}\n");
    put(&folder, "a.json", 2, "{\"a\":3}\n");
    folder
}

#[test]
fn files_come_oldest_first_and_once() {
    let folder = three_files();
    let mut source = open(&folder, &[]);
    let first = plan(source.as_mut(), 0);
    assert_eq!(first.end, Offset::Position(1));
    assert_eq!(read(source.as_mut(), &first), ["1", "3", "2"]);
    assert!(plan(source.as_mut(), 1).is_empty());
    put(&folder, "d.json", 3, "{\"a\":4}\n{\"a\":5}");
    let second = plan(source.as_mut(), 1);
    assert_eq!(read(source.as_mut(), &second), ["4", "5"]);
    assert_eq!(read(source.as_mut(), &first), ["1", "3", "2"]);
}

#[test]
fn limits_by_files_and_by_bytes_cut_the_batches() {
    let folder = three_files();
    let mut source = open(&folder, &[("maxFilesPerTrigger", "2")]);
    let first = plan(source.as_mut(), 0);
    assert_eq!(read(source.as_mut(), &first), ["1", "3"]);
    let second = plan(source.as_mut(), 1);
    assert_eq!(read(source.as_mut(), &second), ["2"]);
    let mut source = open(&folder, &[("maxBytesPerTrigger", "3")]);
    let first = plan(source.as_mut(), 0);
    assert_eq!(read(source.as_mut(), &first), ["1"]);
    let start = Offset::Position(1);
    let rest = source.plan(&start, ReadLimit::All, Timestamp(0)).unwrap();
    assert_eq!(read(source.as_mut(), &rest.range), ["3", "2"]);
}

#[test]
fn the_newest_come_first_on_request() {
    let folder = three_files();
    let options = [("latestFirst", "true"), ("maxFilesPerTrigger", "1")];
    let mut source = open(&folder, &options);
    let first = plan(source.as_mut(), 0);
    assert_eq!(read(source.as_mut(), &first), ["2"]);
    put(&folder, "z.json", 9, "{\"a\":9}\n");
    let second = plan(source.as_mut(), 1);
    assert_eq!(read(source.as_mut(), &second), ["9"]);
}

#[test]
fn a_plan_that_never_came_into_the_log_hides_no_file() {
    let folder = three_files();
    let mut source = open(&folder, &[("maxFilesPerTrigger", "1")]);
    let first = plan(source.as_mut(), 0);
    let again = plan(source.as_mut(), 0);
    assert_eq!(first, again);
    // Its snapshot does not decide either: the next life may start before or behind it.
    let snapshot = source.snapshot().unwrap();
    for (start, expected) in [(0, "1"), (1, "3")] {
        let mut later = open(&folder, &[("maxFilesPerTrigger", "1")]);
        later.restore(snapshot.clone()).unwrap();
        let range = plan(later.as_mut(), start);
        assert_eq!(read(later.as_mut(), &range), [expected]);
    }
}

#[test]
fn a_later_life_knows_what_was_taken() {
    let folder = three_files();
    let mut source = open(&folder, &[("maxFilesPerTrigger", "1")]);
    let first = plan(source.as_mut(), 0);
    let second = plan(source.as_mut(), 1);
    let snapshot = source.snapshot().unwrap();
    let mut later = open(&folder, &[]);
    later.recover(&first).unwrap();
    later.recover(&second).unwrap();
    let third = plan(later.as_mut(), 2);
    assert_eq!(read(later.as_mut(), &third), ["2"]);
    let mut later = open(&folder, &[]);
    later.restore(snapshot).unwrap();
    later.recover(&second).unwrap();
    let third = plan(later.as_mut(), 2);
    assert_eq!(read(later.as_mut(), &third), ["2"]);
}

#[test]
fn old_files_are_not_taken_after_the_first_batch() {
    let folder = three_files();
    let mut source = open(&folder, &[("maxFileAge", "10s")]);
    put(&folder, "new.json", 100, "{\"a\":9}\n");
    let first = plan(source.as_mut(), 0);
    assert_eq!(read(source.as_mut(), &first).len(), 4);
    put(&folder, "old.json", 50, "{\"a\":7}\n");
    put(&folder, "ok.json", 95, "{\"a\":8}\n");
    let second = plan(source.as_mut(), 1);
    assert_eq!(read(source.as_mut(), &second), ["8"]);
}

#[test]
fn available_now_takes_what_was_there() {
    let folder = three_files();
    let mut source = open(&folder, &[("maxFilesPerTrigger", "2")]);
    source.prepare_available_now().unwrap();
    put(&folder, "d.json", 3, "{\"a\":4}\n");
    assert!(!plan(source.as_mut(), 0).is_empty());
    let second = plan(source.as_mut(), 1);
    assert_eq!(read(source.as_mut(), &second), ["2"]);
    assert!(plan(source.as_mut(), 2).is_empty());
}

#[test]
fn a_file_that_is_gone_or_changed_ends_the_query() {
    let folder = three_files();
    let mut source = open(&folder, &[]);
    let range = plan(source.as_mut(), 0);
    put(&folder, "b.json", 2, "{\"a\":22}\n");
    let error = try_read(source.as_mut(), &range, &[0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    assert!(
        error.to_string().contains("size_planned=`8`, size=`9`"),
        "{error}"
    );
    fs::remove_file(folder.path().join("b.json")).unwrap();
    let error = try_read(source.as_mut(), &range, &[0]).unwrap_err();
    assert_eq!(error.condition(), Some("FAILED_READ_FILE.FILE_NOT_EXIST"));
    assert!(error.to_string().contains("b.json"), "{error}");
    let mut lenient = open(&folder, &[("ignoreMissingFiles", "true")]);
    assert_eq!(read(lenient.as_mut(), &range), ["1", "3"]);
}

#[test]
fn an_empty_file_makes_a_range_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "empty.json", 1, "");
    let mut source = open(&folder, &[]);
    let range = plan(source.as_mut(), 0);
    assert!(!range.is_empty());
    assert!(read(source.as_mut(), &range).is_empty());
}

#[test]
fn columns_come_from_paths_too() {
    let folder = tempfile::tempdir().unwrap();
    put(
        &folder,
        "day=2024-01-31/h=7/a.json",
        1,
        "{\"a\":1,\"h\":99}\n",
    );
    put(
        &folder,
        "day=__HIVE_DEFAULT_PARTITION__/h=8/b.json",
        2,
        "{\"a\":2}\n",
    );
    let declared = factory(folder.path(), "json", "h INT, a INT, day DATE", &[]).unwrap();
    let mut source = declared.open().unwrap();
    let range = plan(source.as_mut(), 0);
    let rows = try_read(source.as_mut(), &range, &[2, 1, 0]).unwrap();
    assert_eq!(shown(&rows), ["2024-01-31|1|7", "null|2|8"]);
    let rows = try_read(source.as_mut(), &range, &[2]).unwrap();
    assert_eq!(shown(&rows), ["2024-01-31", "null"]);
    let rows = try_read(source.as_mut(), &range, &[]).unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    let inferred = factory(folder.path(), "json", "", &[]).unwrap();
    let fields = inferred.schema().fields().clone();
    assert_eq!(
        simple_string(&DataType::Struct(fields)),
        "struct<a:bigint,h:int,day:date>"
    );
    assert_eq!(inferred.read_static(&[0]).unwrap().len(), 2);
}

#[test]
fn csv_and_text_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "a.csv", 1, "id,name\n1,x\n2,\"y,z\"\n");
    let csv = factory(
        folder.path(),
        "csv",
        "",
        &[("header", "true"), ("inferSchema", "true")],
    );
    let csv = csv.unwrap();
    assert_eq!(shown(&csv.read_static(&[1, 0]).unwrap()), ["x|1", "y,z|2"]);
    let text = factory(folder.path(), "text", "", &[]).unwrap();
    let lines = shown(&text.read_static(&[0]).unwrap());
    assert_eq!(lines, ["id,name", "1,x", "2,\"y,z\""]);
    assert!(
        factory(folder.path(), "text", "a INT", &[])
            .unwrap()
            .read_static(&[0])
            .is_err()
    );
}

#[test]
fn a_malformed_record_names_its_file() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "bad.json", 1, "{\"a\":1}\n{\"a\":\n");
    let mut source = open(&folder, &[("mode", "FAILFAST")]);
    let range = plan(source.as_mut(), 0);
    let error: Error = try_read(source.as_mut(), &range, &[0]).unwrap_err();
    assert_eq!(
        error.condition(),
        Some("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION")
    );
    assert!(error.to_string().contains("bad.json"), "{error}");
    let mut lenient = open(&folder, &[]);
    assert_eq!(read(lenient.as_mut(), &range), ["1", "null"]);
}

#[test]
fn committed_files_are_deleted_or_archived_on_request() {
    let folder = three_files();
    let archive = tempfile::tempdir().unwrap();
    let archive_path = archive.path().to_str().unwrap();
    let options = [
        ("cleanSource", "archive"),
        ("sourceArchiveDir", archive_path),
        ("maxFilesPerTrigger", "2"),
    ];
    let mut source = open(&folder, &options);
    let first = plan(source.as_mut(), 0);
    plan(source.as_mut(), 1);
    source.commit(&first.end).unwrap();
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["b.json"]);
    let below: std::path::PathBuf = folder.path().components().skip(1).collect();
    assert!(archive.path().join(below).join("c.json").exists());
    let inside = folder.path().join("archive");
    let overlapping = [
        ("cleanSource", "archive"),
        ("sourceArchiveDir", inside.to_str().unwrap()),
    ];
    assert!(factory(folder.path(), "json", "a INT", &overlapping).is_err());
    let mut deleting = open(&folder, &[("cleanSource", "DELETE")]);
    let range = plan(deleting.as_mut(), 0);
    deleting.commit(&range.end).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_with_a_manifest_is_read_by_it_and_remembered_by_its_batches() {
    let folder = tempfile::tempdir().unwrap();
    let mut manifest = Manifest::open(&RealDisk, folder.path()).unwrap();
    let mut commit = |batch: u64, names: &[&str]| {
        let files: Vec<ManifestFile> = names
            .iter()
            .map(|name| ManifestFile {
                path: (*name).to_owned(),
                batch,
                size: fs::metadata(folder.path().join(name)).unwrap().len(),
                rows: 1,
            })
            .collect();
        manifest.commit(&RealDisk, batch, &files).unwrap();
    };
    put(&folder, "z.json", 500, "{\"a\":1}\n");
    put(&folder, "y.json", 400, "{\"a\":2}\n");
    put(&folder, "stray.json", 1, "{\"a\":99}\n");
    commit(0, &["z.json"]);
    commit(3, &["y.json"]);
    let mut source = open(&folder, &[("maxFilesPerTrigger", "1")]);
    let first = plan(source.as_mut(), 0);
    assert_eq!(read(source.as_mut(), &first), ["1"]);
    let second = plan(source.as_mut(), 1);
    assert_eq!(read(source.as_mut(), &second), ["2"]);
    assert!(plan(source.as_mut(), 2).is_empty());
    let mut later = open(&folder, &[]);
    later.restore(source.snapshot().unwrap()).unwrap();
    put(&folder, "x.json", 1, "{\"a\":3}\n");
    commit(4, &["x.json"]);
    let third = plan(later.as_mut(), 2);
    assert_eq!(read(later.as_mut(), &third), ["3"]);
    let snapshot = later.snapshot().unwrap().to_string();
    assert!(snapshot.len() < 400, "{snapshot}");
    let mut cleaning = open(&folder, &[("cleanSource", "delete")]);
    let start = Offset::Position(0);
    assert!(cleaning.plan(&start, ReadLimit::All, Timestamp(0)).is_err());
}

#[test]
fn a_path_that_is_not_there_and_unknown_options_are_refused() {
    let missing = Path::new("/no/such/folder");
    let error = factory(missing, "json", "a INT", &[]).unwrap_err();
    assert_eq!(error.condition(), Some("PATH_NOT_FOUND"));
    assert!(factory(Path::new("/no/such/*.json"), "json", "a INT", &[]).is_ok());
    let folder = tempfile::tempdir().unwrap();
    let error = factory(folder.path(), "json", "", &[]).unwrap_err();
    assert_eq!(error.condition(), Some("UNABLE_TO_INFER_SCHEMA"));
    let error = factory(
        folder.path(),
        "json",
        "a INT",
        &[("maxFilePerTrigger", "1")],
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("did you mean `maxFilesPerTrigger`"),
        "{error}"
    );
}
