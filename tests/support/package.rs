//! Where the package lies while its tests run. Asked when they run and not when they are built, so that a test that was built in one
//! checkout may run in another.

use std::path::PathBuf;

/// The top of the package: `cargo` tells it to those it starts, others start in it.
pub(crate) fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from)
}
