//! Window functions of a `SELECT`: the node below its list that computes them, and `QUALIFY`.

use crate::analyze::over::{WINDOWS, with_named_windows};
use crate::error::{Error, Result};
use crate::expr::{Ast, Expr};
use crate::plan::builder::select::{Item, Resolved, Select};
use crate::plan::builder::{filtered, node};
use crate::plan::over::WindowCall;
use crate::plan::{Column, PlanNode};
use std::borrow::Cow;
use std::sync::Arc;

/// What a list and `QUALIFY` need of windows, over the input of the list.
#[derive(Debug, Default)]
pub(super) struct Windowed {
    pub(super) calls: Vec<WindowCall>,
    pub(super) qualify: Option<Expr>,
}

/// The block with the windows that its expressions name written out.
pub(super) fn with_windows_named(select: &Select) -> Result<Cow<'_, Select>> {
    let parts = select.items.iter().chain(&select.qualify);
    if !parts
        .clone()
        .any(|ast| ast.has_call(&|call| call.over.is_some()))
    {
        return Ok(Cow::Borrowed(select));
    }
    let written = |ast: &Ast| with_named_windows(ast, &select.windows);
    Ok(Cow::Owned(Select {
        items: select.items.iter().map(written).collect::<Result<_>>()?,
        qualify: select.qualify.as_ref().map(written).transpose()?,
        ..select.clone()
    }))
}

/// The list over the window node and the filter that it needs; as it is if there are no window functions.
pub(super) fn apply(resolved: Resolved) -> Result<Resolved> {
    let Windowed { calls, qualify } = resolved.windowed;
    if calls.is_empty() && qualify.is_none() {
        return Ok(Resolved {
            windowed: Windowed::default(),
            ..resolved
        });
    }
    for call in &calls {
        let nests = |expr: &Expr| expr.columns().iter().any(|column| *column >= WINDOWS);
        if call.expressions().any(nests) {
            return Err(Error::unsupported(
                "a window function inside of another one (compute the inner one in a subquery)",
            )
            .with_span(call.span));
        }
    }
    let before = resolved.input.schema.columns.len();
    let width = before + calls.len();
    let placed = |expr: &Expr| {
        expr.remap_columns(width, &|index| {
            if index >= WINDOWS {
                index - WINDOWS + before
            } else {
                index
            }
        })
    };
    let mut input = Arc::clone(&resolved.input);
    if !calls.is_empty() {
        let mut columns = input.schema.columns.clone();
        columns.extend(calls.iter().map(|call| Column {
            qualifier: None,
            name: call.name.clone(),
            data_type: call.signature.returns.clone(),
            units: call.units(),
            is_nullable: call.signature.is_nullable,
            event_time: None,
        }));
        input = node(PlanNode::Window { input, calls }, columns);
    }
    if let Some(qualify) = &qualify {
        input = filtered(&input, placed(qualify));
    }
    let items = resolved
        .items
        .into_iter()
        .map(|item| match item {
            Item::Column(mut output) => {
                output.expr = placed(&output.expr);
                Ok(Item::Column(output))
            }
            Item::Generator(made) => made.map(&|expr| Ok(placed(expr))).map(Item::Generator),
        })
        .collect::<Result<_>>()?;
    Ok(Resolved {
        input,
        items,
        order_by: resolved.order_by,
        windowed: Windowed::default(),
    })
}
