//! Where the answers recorded from Spark and the real data are.

use crate::package;
use std::path::PathBuf;

/// `TIDEMILL_SHARED`, or `shared` beside the package.
pub(crate) fn shared() -> PathBuf {
    let beside = || package::root().join("../shared");
    std::env::var_os("TIDEMILL_SHARED").map_or_else(beside, PathBuf::from)
}
