//! Conditions that a source may apply while it decodes, so that it need not decode the rest of a row that nobody will see.
//!
//! They are an advice. The filter of the query stays where it is and decides; what comes from here only says which rows it is sure to
//! drop. So a source may ignore them all, or leave out a row as soon as it has seen one value that fails. Rows that are left out were
//! read all the same: they are counted here, so that the progress of a query does not depend on who drops a row.

use crate::format::ColumnTest;
use std::sync::atomic::{AtomicU64, Ordering};

/// The tests that all rows of a source must pass that the query will look at.
#[derive(Debug, Default)]
pub struct RowFilter {
    tests: Vec<(usize, ColumnTest)>,
    left_out: AtomicU64,
}

impl RowFilter {
    /// Tests by index into the source's columns.
    pub fn new(tests: Vec<(usize, ColumnTest)>) -> RowFilter {
        RowFilter {
            tests,
            left_out: AtomicU64::new(0),
        }
    }

    /// The tests, by index into the source's columns. A row that fails one of them is dropped by the query.
    pub fn tests(&self) -> &[(usize, ColumnTest)] {
        &self.tests
    }

    /// Notes that so many rows were read and left out.
    pub fn note_left_out(&self, rows: u64) {
        self.left_out.fetch_add(rows, Ordering::Relaxed);
    }

    /// How many rows were left out since this was last asked.
    pub(crate) fn take_left_out(&self) -> u64 {
        self.left_out.swap(0, Ordering::Relaxed)
    }
}
