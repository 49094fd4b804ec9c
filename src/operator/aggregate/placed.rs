//! An accumulator that says where its aggregate stands in the SQL when it fails, in whichever step that is: a sum may overflow as rows come,
//! as states merge, and at the end.

use crate::error::{Result, Span};
use crate::function::Accumulator;
use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::DataType;

/// An accumulator with its place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) inner: Box<dyn Accumulator>,
    pub(super) span: Span,
}

impl Placed {
    fn at<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.with_span(self.span))
    }
}

impl Accumulator for Placed {
    fn state_types(&self) -> Vec<DataType> {
        self.inner.state_types()
    }

    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let result = self.inner.update(arguments, groups, filter);
        self.at(result)
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let result = self.inner.merge(state, groups);
        self.at(result)
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        self.at(self.inner.state(groups))
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        self.at(self.inner.finish(groups))
    }

    fn clear(&mut self, groups: &[u32]) {
        self.inner.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.inner.memory_bytes()
    }
}
