//! The disk: what is whole is whole, what is locked is locked, what was not synced is gone after a crash.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn owner(name: &'static str) -> impl Fn(&[u8]) -> Vec<u8> {
    move |_| name.as_bytes().to_vec()
}

#[test]
fn a_whole_file_is_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    write_whole(&RealDisk, &path, b"one").unwrap();
    let error = write_whole(&RealDisk, &path, b"two").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(RealDisk.read(&path).unwrap(), b"one");
    assert_eq!(RealDisk.list(directory.path()).unwrap(), ["a"]);
}

#[test]
fn a_left_over_temporary_file_does_not_stand_in_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a");
    let left_over = RealDisk.create(&temporary_path(&path)).unwrap();
    left_over.write(b"half").unwrap();
    write_whole(&RealDisk, &path, b"all").unwrap();
    assert_eq!(RealDisk.read(&path).unwrap(), b"all");
}

#[test]
fn a_lock_is_held_once_and_names_its_owner() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    let held = RealDisk.lock(&path, &owner("first")).unwrap();
    let error = RealDisk.lock(&path, &owner("second")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("owner=`first`"), "{error}");
    drop(held);
    RealDisk.lock(&path, &owner("second")).unwrap();
}

#[test]
fn who_slept_while_the_lock_was_taken_over_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock");
    let old = RealDisk.lock(&path, &owner("old")).unwrap();
    old.check().unwrap();
    RealDisk.remove(&path).unwrap();
    assert_eq!(old.check().unwrap_err().kind(), ErrorKind::Conflict);
    let new = RealDisk.lock(&path, &owner("new")).unwrap();
    new.check().unwrap();
    assert_eq!(old.check().unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    write_whole(&RealDisk, &file, b"").unwrap();
    let error = RealDisk.create_directory(&file.join("below")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("file"), "{error}");
    if !rustix::process::geteuid().is_root() {
        let closed = directory.path().join("closed");
        RealDisk.create_directory(&closed).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).unwrap();
        let error = RealDisk.create(&closed.join("a")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("permission denied"), "{error}");
    }
}

#[test]
fn a_power_failure_loses_what_was_not_synced() {
    let disk = SimulatedDisk::default();
    let home = Path::new("/home");
    disk.create_directory(home).unwrap();
    let path = home.join("log");
    let log = disk.create(&path).unwrap();
    log.write(b"one").unwrap();
    log.sync_data().unwrap();
    disk.sync_directory(home).unwrap();
    log.write(b"two!").unwrap();
    disk.create(&home.join("other")).unwrap();
    let after = |left| disk.crash(left, Effects::calm()).files();
    assert_eq!(after(AfterCrash::KeepsAll)[&path], b"onetwo!");
    assert_eq!(after(AfterCrash::KeepsAll).len(), 2);
    assert_eq!(after(AfterCrash::KeepsSynced)[&path], b"one");
    assert_eq!(after(AfterCrash::KeepsSynced).len(), 1);
    assert_eq!(after(AfterCrash::KeepsHalf)[&path], b"onetw");
    assert_eq!(after(AfterCrash::KeepsZeros)[&path], b"one\0\0\0\0");
}

#[test]
fn a_whole_file_is_all_there_or_not_there_wherever_the_process_dies() {
    let home = Path::new("/home");
    let write = |effects: &Effects| {
        let disk = SimulatedDisk::new(effects.clone());
        let done = disk
            .create_directory(home)
            .and_then(|()| write_whole(&disk, &home.join("a"), b"content"));
        (disk, done.is_ok())
    };
    let calm = Effects::calm();
    assert!(write(&calm).1);
    for call in 0..calm.count() {
        let (disk, is_done) = write(&Effects::crash_at(call));
        assert!(!is_done);
        for left in AfterCrash::ALL {
            let files = disk.crash(left, Effects::calm()).files();
            let content = files.get(&home.join("a"));
            assert!(content.is_none_or(|bytes| bytes == b"content"), "{call}");
        }
    }
}

#[test]
fn a_full_disk_says_so_and_takes_no_name() {
    let home = Path::new("/home");
    let disk = SimulatedDisk::new(Effects::fail_at(3));
    disk.create_directory(home).unwrap();
    let error = write_whole(&disk, &home.join("a"), b"content").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(disk.files().is_empty());
    write_whole(&disk, &home.join("a"), b"content").unwrap();
}
