//! Window functions in an expression: each call becomes an entry of a list, and in the expression a column that stands for it.
//!
//! Entry `i` of the list is column [`WINDOWS`]` + i`, a number that no input has; the plan builder appends the columns of a window node to those of
//! its input and puts their numbers there. Arguments and keys of a window function may hold aggregates, which belong to the aggregation
//! below; they may not hold window functions.

use crate::analyze::call::{apply_named, coerced, in_order, with_expression};
use crate::analyze::{Analyzer, Place, cast_to, mismatch};
use crate::error::{Error, Result};
use crate::expr::{Ast, AstCall, Expr, Frame, FrameBound, FrameUnit, Over};
use crate::function::over::{self, WindowFunction, WindowKind, neighbour_offset};
use crate::function::user::UserFunction;
use crate::function::{AggregateFunction, Signature, registry};
use crate::plan::SortKey;
use crate::plan::builder::check_orderable;
use crate::plan::over::{Bound, RowFrame, WindowCall, WindowComputation};
use crate::types;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use std::sync::Arc;

/// The column that stands for the first window function. Above those of aggregates.
pub(crate) const WINDOWS: usize = usize::MAX / 4 * 3;

/// The window functions of one `SELECT`.
#[derive(Debug, Clone, Default)]
pub(crate) struct WindowList {
    /// In the order in which they were met.
    pub(crate) calls: Vec<WindowCall>,
}

/// `call` with the windows that it names written out.
///
/// # Errors
///
/// `MISSING_WINDOW_SPECIFICATION`, if there is no window of such a name.
pub(crate) fn with_named_windows(ast: &Ast, windows: &[(String, Over)]) -> Result<Ast> {
    let missing = std::cell::Cell::new(None);
    let written = ast.map(&|ast| {
        let crate::expr::AstKind::Call(call) = &ast.kind else {
            return None;
        };
        let over = call.over.as_ref()?;
        let name = over.name.as_ref()?;
        let Some(known) = named(name, windows, 0) else {
            missing.set(Some(name.clone()));
            return None;
        };
        let mut call = (**call).clone();
        call.over = Some(Box::new(built_on(&known, over)));
        Some(Ast::new(crate::expr::AstKind::Call(Box::new(call))))
    });
    match missing.take() {
        None => Ok(written),
        Some(name) => Err(Error::invalid(format!(
            "the window is not defined in the WINDOW clause. window=`{name}`"
        ))
        .with_condition("MISSING_WINDOW_SPECIFICATION")
        .with_span(ast.span)),
    }
}

/// The window of this name; one window may name another.
fn named(name: &str, windows: &[(String, Over)], depth: usize) -> Option<Over> {
    let (_, over) = windows
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    match &over.name {
        None => Some(over.clone()),
        Some(_) if depth > windows.len() => None,
        Some(other) => Some(built_on(&named(other, windows, depth + 1)?, over)),
    }
}

/// A window that is built on another: what it does not say itself is as there.
fn built_on(base: &Over, over: &Over) -> Over {
    let or = |own: bool| if own { over } else { base };
    Over {
        name: None,
        partition_by: or(!over.partition_by.is_empty()).partition_by.clone(),
        order_by: or(!over.order_by.is_empty()).order_by.clone(),
        frame: over.frame.clone().or_else(|| base.frame.clone()),
    }
}

impl Analyzer<'_> {
    pub(super) fn resolve_over(&mut self, ast: &Ast, call: &AstCall, over: &Over) -> Result<Expr> {
        if !self.parameters.is_empty() {
            return Err(Error::unsupported("a window function inside of a lambda"));
        }
        let Some(mut list) = self.windows.take() else {
            return Err(self.refuse_window(ast));
        };
        let resolved = self.window_call(ast, call, over);
        let standing = resolved.map(|call| {
            let index = WINDOWS + list.calls.len();
            let signature = &call.signature;
            let column = Expr::column(index, signature.returns.clone(), signature.is_nullable)
                .with_units(call.units());
            list.calls.push(call);
            column
        });
        self.windows = Some(list);
        standing
    }

    fn window_call(&mut self, ast: &Ast, call: &AstCall, over: &Over) -> Result<WindowCall> {
        if let Some(name) = &over.name {
            return Err(Error::invalid(format!(
                "the window is not defined in the WINDOW clause. window=`{name}`"
            ))
            .with_condition("MISSING_WINDOW_SPECIFICATION"));
        }
        if call.is_distinct {
            let text = self.text(ast);
            return Err(Error::invalid(format!(
                "distinct window functions are not supported: \"{text}\""
            ))
            .with_condition("DISTINCT_WINDOW_FUNCTION_UNSUPPORTED"));
        }
        let (function, arguments, signature) = self.window_function(ast, call)?;
        let filter = match (&call.filter, &function) {
            (None, _) => None,
            (Some(filter), WindowComputation::Aggregate(_)) => {
                Some(self.resolve_condition(filter)?)
            }
            (Some(_), WindowComputation::Window { .. }) => {
                return Err(unsupported_syntax(&call.name, "FILTER clause"));
            }
        };
        let partition_by = over
            .partition_by
            .iter()
            .map(|key| self.resolve(key))
            .collect::<Result<Vec<_>>>()?;
        let mut order_by = Vec::with_capacity(over.order_by.len());
        for item in &over.order_by {
            let expr = self.resolve(&item.expr)?;
            check_orderable(&expr, &self.text(&item.expr))?;
            order_by.push(item.key(expr));
        }
        let frame = self.row_frame(call, over, &function, &arguments, &order_by)?;
        Ok(WindowCall {
            function,
            arguments,
            filter,
            partition_by,
            order_by,
            frame,
            signature,
            name: self.text(ast),
            span: ast.span,
        })
    }

    /// The function, its arguments as it wants them, and what it promises.
    fn window_function(
        &mut self,
        ast: &Ast,
        call: &AstCall,
    ) -> Result<(WindowComputation, Vec<Expr>, Signature)> {
        let complete = |error: Error, text: String| with_expression(error, &text);
        if let Some(function) = over::find(&call.name) {
            let given = in_order(call, function.usage)?;
            let arguments = self.resolve_all(&given)?;
            let signature = (function.resolve)(function.name, &arguments)
                .map_err(|error| complete(error, self.text(ast)))?;
            let arguments = coerced(arguments, &signature, function.name)?;
            let can_ignore = matches!(
                function.kind,
                WindowKind::Lag | WindowKind::Lead | WindowKind::NthValue
            );
            if call.ignores_nulls && !can_ignore {
                return Err(unsupported_syntax(&call.name, "IGNORE NULLS"));
            }
            let computation = WindowComputation::Window {
                kind: function.kind,
                ignores_nulls: call.ignores_nulls,
            };
            return Ok((computation, arguments, signature));
        }
        let known = match &call.user {
            Some(UserFunction::Aggregate(function)) => {
                Some(Arc::clone(function) as Arc<dyn AggregateFunction>)
            }
            _ => registry::aggregate(&call.name),
        };
        let Some(function) = known else {
            if registry::scalar(&call.name).is_none() {
                return Err(super::call::unresolved_routine(&call.name));
            }
            return Err(Error::invalid(format!(
                "expression \"{}\" is not supported as a window function",
                call.name
            ))
            .with_condition("UNSUPPORTED_EXPR_FOR_WINDOW"));
        };
        let arguments = self.aggregate_arguments(call, function.usage())?;
        let signature = function
            .resolve(&arguments)
            .map_err(|error| complete(error, self.text(ast)))?;
        let arguments = coerced(arguments, &signature, function.name())?;
        Ok((WindowComputation::Aggregate(function), arguments, signature))
    }

    #[expect(clippy::too_many_arguments, reason = "a frame depends on all of them")]
    fn row_frame(
        &mut self,
        call: &AstCall,
        over: &Over,
        function: &WindowComputation,
        arguments: &[Expr],
        order_by: &[SortKey],
    ) -> Result<RowFrame> {
        if let WindowComputation::Window { kind, .. } = function
            && *kind != WindowKind::NthValue
        {
            if over.frame.is_some() {
                return Err(Error::invalid(format!(
                    "the window function `{}` takes no frame, leave ROWS or RANGE out",
                    call.name
                ))
                .with_condition("INVALID_WINDOW_SPEC_FOR_FUNCTION"));
            }
            if order_by.is_empty() {
                return Err(Error::invalid(format!(
                    "the window function `{0}` requires the window to be ordered. Add an ORDER BY clause: {0}() OVER (PARTITION BY ... ORDER BY ...)",
                    call.name
                ))
                .with_condition("WINDOW_FUNCTION_FRAME_NOT_ORDERED"));
            }
            let bound = match kind {
                WindowKind::Lag | WindowKind::Lead => {
                    let offset = neighbour_offset(*kind, arguments)?;
                    return Ok(RowFrame::Rows(Bound::Offset(offset), Bound::Offset(offset)));
                }
                _ => Bound::First,
            };
            return Ok(RowFrame::Rows(bound, Bound::Current));
        }
        match &over.frame {
            None if order_by.is_empty() => Ok(RowFrame::Rows(Bound::First, Bound::Last)),
            None => Ok(RowFrame::Range(Bound::First, Bound::Current)),
            Some(frame) => self.written_frame(frame, order_by),
        }
    }

    fn written_frame(&mut self, frame: &Frame, order_by: &[SortKey]) -> Result<RowFrame> {
        let is_upside_down = matches!(frame.start, FrameBound::UnboundedFollowing)
            || matches!(frame.end, FrameBound::UnboundedPreceding);
        if is_upside_down {
            return Err(wrong_bounds());
        }
        match frame.unit {
            FrameUnit::Rows => {
                let start = self.row_bound(&frame.start)?;
                let end = self.row_bound(&frame.end)?;
                let place = |bound: &Bound<i64>| match bound {
                    Bound::First => i64::MIN,
                    Bound::Current => 0,
                    Bound::Offset(offset) => *offset,
                    Bound::Last => i64::MAX,
                };
                if place(&start) > place(&end) {
                    return Err(wrong_bounds());
                }
                Ok(RowFrame::Rows(start, end))
            }
            FrameUnit::Range if order_by.is_empty() => Err(mismatch(
                "RANGE_FRAME_WITHOUT_ORDER",
                "RANGE",
                "a range window frame cannot be used in an unordered window specification",
            )),
            FrameUnit::Range => {
                let start = self.range_bound(&frame.start, order_by)?;
                let end = self.range_bound(&frame.end, order_by)?;
                Ok(RowFrame::Range(start, end))
            }
        }
    }

    /// A bound in rows.
    fn row_bound(&mut self, bound: &FrameBound) -> Result<Bound<i64>> {
        let count = |analyzer: &mut Self, ast: &Ast| -> Result<i64> {
            let value = analyzer.resolve(ast)?;
            let folded =
                crate::function::signature::folded("ROWS", std::slice::from_ref(&value), 0)?;
            let number = match folded.data_type() {
                DataType::Int32 => i64::from(folded.as_primitive::<Int32Type>().value(0)),
                DataType::Int64 => folded.as_primitive::<Int64Type>().value(0),
                other => {
                    return Err(mismatch(
                        "SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE",
                        "ROWS",
                        &format!(
                            "the bounds of ROWS are integers, not \"{}\"",
                            types::sql_name(other)
                        ),
                    ));
                }
            };
            if folded.is_null(0) {
                return Err(wrong_bounds());
            }
            Ok(number)
        };
        Ok(match bound {
            FrameBound::UnboundedPreceding => Bound::First,
            FrameBound::Preceding(ast) => Bound::Offset(-count(self, ast)?),
            FrameBound::CurrentRow => Bound::Current,
            FrameBound::Following(ast) => Bound::Offset(count(self, ast)?),
            FrameBound::UnboundedFollowing => Bound::Last,
        })
    }

    /// A bound as the value of the key there.
    fn range_bound(&mut self, bound: &FrameBound, order_by: &[SortKey]) -> Result<Bound<Expr>> {
        let (offset, precedes) = match bound {
            FrameBound::UnboundedPreceding => return Ok(Bound::First),
            FrameBound::CurrentRow => return Ok(Bound::Current),
            FrameBound::UnboundedFollowing => return Ok(Bound::Last),
            FrameBound::Preceding(offset) => (offset, true),
            FrameBound::Following(offset) => (offset, false),
        };
        let [key] = order_by else {
            return Err(mismatch(
                "RANGE_FRAME_MULTI_ORDER",
                "RANGE",
                "a range window frame with value boundaries cannot be used in a window specification with multiple order by expressions",
            ));
        };
        let offset = self.resolve(offset)?;
        // What comes before is less, unless the order is descending.
        let operator = if precedes == key.is_descending {
            "+"
        } else {
            "-"
        };
        let at = apply_named(operator, vec![key.expr.clone(), offset], || {
            format!("RANGE {operator}")
        })?;
        Ok(Bound::Offset(cast_to(at, &key.expr.data_type)))
    }

    /// What is said about a window function where none may stand.
    fn refuse_window(&self, ast: &Ast) -> Error {
        let text = self.text(ast);
        let clause = match self.place {
            Place::Where => "WHERE",
            Place::GroupBy => "GROUP BY",
            Place::JoinCondition => "JOIN",
            Place::AggregateFilter => {
                return Error::invalid(format!(
                    "the FILTER expression of an aggregate function has a window function: {text}. Compute it in a subquery"
                ))
                .with_condition("INVALID_AGGREGATE_FILTER.CONTAINS_WINDOW_FUNCTION");
            }
            Place::Projection | Place::Above | Place::AggregateArgument | Place::Generator => {
                return Error::invalid(format!(
                    "a window function cannot be evaluated here: {text}. Compute it in a subquery"
                ))
                .with_condition("UNSUPPORTED_EXPR_FOR_OPERATOR");
            }
        };
        Error::invalid(format!(
            "it is not allowed to use window functions inside the {clause} clause: {text}. Compute it in a subquery, or use QUALIFY"
        ))
        .with_condition("WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE")
    }
}

/// The error for a window function without `OVER`.
pub(super) fn without_over(function: &WindowFunction) -> Error {
    Error::invalid(format!(
        "the window function \"{}()\" requires an OVER clause",
        function.name
    ))
    .with_condition("WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE")
}

/// What is said about a clause behind a call that the function does not take.
pub(super) fn unsupported_syntax(name: &str, what: &str) -> Error {
    Error::invalid(format!("the function `{name}` does not support {what}"))
        .with_condition("INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX")
}

fn wrong_bounds() -> Error {
    mismatch(
        "SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON",
        "ROWS",
        "the lower bound of a window frame must be less than or equal to the upper bound",
    )
}
