//! `SELECT`: the list, and the clauses that see it.
//!
//! In order: stars are expanded; the time window of this level becomes a column; the list is resolved over the input, an item seeing the names
//! before it; `GROUP BY` and `HAVING` make it a list over an aggregation ([`super::group`]); a generator in the list becomes a node; then
//! `DISTINCT`, `ORDER BY` and `LIMIT`. `ORDER BY` sees the columns of the list first and then those below it; what it
//! needs of the latter is carried as hidden columns up to the sort.

use crate::analyze::column::{StarOr, expand_stars, unresolved_column};
use crate::analyze::{
    AggregateList, Analyzer, Place, WindowList, WindowSpec, find_column, is_aggregate_call,
};
use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind, Expr, ExprKind, Over};
use crate::plan::builder::generate::Made;
use crate::plan::builder::group::{self, Grouping};
use crate::plan::builder::over::{self, Windowed};
use crate::plan::builder::sort::{SortItem, check_orderable, expand_all, limit, ordinal, sorted};
use crate::plan::builder::{Output, project, set, window};
use crate::plan::{Column, LogicalPlan, PlanSchema, SortKey};
use std::sync::Arc;

/// A `SELECT` block, without what is before it (`FROM`, `WHERE`: the input).
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// The list.
    pub items: Vec<Ast>,
    /// `DISTINCT`.
    pub is_distinct: bool,
    /// `GROUP BY`; `None` if there is none. An empty list is `GROUP BY ()`.
    pub group_by: Option<Vec<Grouping>>,
    /// `HAVING`.
    pub having: Option<Ast>,
    /// `QUALIFY`: which rows stay, by what window functions say of them.
    pub qualify: Option<Ast>,
    /// `WINDOW name AS (…)`.
    pub windows: Vec<(String, Over)>,
    /// `ORDER BY`.
    pub order_by: Vec<SortItem>,
    /// `LIMIT`.
    pub limit: Option<u64>,
    /// `OFFSET`.
    pub offset: u64,
    /// A name for the state of the aggregation, if the user gave one.
    pub operator_name: Option<String>,
}

/// Computes columns. With aggregates in the list and no grouping, all rows are one group.
///
/// # Errors
///
/// `Invalid`, if an item cannot be resolved.
pub fn select(input: &Arc<LogicalPlan>, items: &[Ast]) -> Result<Arc<LogicalPlan>> {
    select_block(
        input,
        &Select {
            items: items.to_vec(),
            ..Select::default()
        },
    )
}

/// A whole `SELECT` block over its input.
///
/// # Errors
///
/// `Invalid`, with Spark's condition and the place in the text.
pub fn select_block(input: &Arc<LogicalPlan>, select: &Select) -> Result<Arc<LogicalPlan>> {
    let select = over::with_windows_named(select)?;
    let items = expand_stars(&select.items, &input.schema)?;
    select_items(input, &items, &select)
}

/// A `SELECT` block whose list has no stars; `select.items` does not count.
pub(super) fn select_items(
    input: &Arc<LogicalPlan>,
    items: &[StarOr],
    select: &Select,
) -> Result<Arc<LogicalPlan>> {
    let listed = items.iter().filter_map(StarOr::ast);
    let mut analyzer =
        Analyzer::new(&input.schema, Place::Projection).streaming(input.is_streaming());
    let below = WindowSpec::find(&mut analyzer, listed.clone().chain(select.grouped()));
    let below = below.map_err(|error| of_unknown_window(error, listed.clone(), input))?;
    let is_below = below.is_some();
    let spec = match below {
        Some(spec) => Some(spec),
        None => WindowSpec::find(&mut analyzer, select.clauses())?,
    };
    let own_columns = input.schema.columns.len();
    let (plan, window) = window::add(input, spec.clone())?;
    let level = Level {
        own_columns,
        is_streaming: plan.is_streaming(),
        input: plan,
        window,
        spec,
    };
    let has_aggregate = listed
        .clone()
        .chain(select.clauses())
        .any(|ast| ast.has_call(&is_aggregate_call));
    let is_grouped = has_aggregate || select.group_by.is_some() || select.having.is_some();
    let resolved = if is_grouped {
        group::resolve(&level, items, select)?
    } else {
        resolve_plain(&level, items, select)?
    };
    if is_below {
        // Refuses another window in HAVING or ORDER BY, unless there was more to say of it.
        WindowSpec::find(&mut analyzer, listed.chain(select.clauses()))?;
    }
    finish(over::apply(resolved)?, select)
}

/// What is said about a window with arguments that do not fit. As in Spark there is none then, so that first of all a list that names it, as in
/// `window.start`, names no column.
fn of_unknown_window<'a>(
    error: Error,
    mut listed: impl Iterator<Item = &'a Ast>,
    input: &LogicalPlan,
) -> Error {
    if !error
        .condition()
        .is_some_and(|condition| condition.starts_with("DATATYPE_MISMATCH."))
    {
        return error;
    }
    let columns = &input.schema.columns;
    let named = listed.find_map(|item| {
        let mut named = None;
        item.walk(&mut |ast| {
            if let AstKind::Name(parts) = &ast.kind
                && let [first, ..] = parts.as_slice()
                && matches!(first.as_str(), "window" | "session_window")
                && matches!(find_column(columns, parts), Ok(None))
            {
                named.get_or_insert((parts, ast.span));
            }
            true
        });
        named
    });
    match named {
        Some((parts, span)) => unresolved_column(parts, columns).with_span(span),
        None => error,
    }
}

impl Select {
    /// The expressions of `GROUP BY`.
    fn grouped(&self) -> impl Iterator<Item = &Ast> + Clone {
        let items = self.group_by.iter().flatten();
        items.flat_map(Grouping::expressions)
    }

    /// The expressions of the clauses after the list.
    fn clauses(&self) -> impl Iterator<Item = &Ast> + Clone {
        self.grouped()
            .chain(&self.having)
            .chain(&self.qualify)
            .chain(self.order_by.iter().map(|item| &item.expr))
    }
}

/// What a `SELECT` is resolved over.
#[derive(Debug)]
pub(super) struct Level {
    /// The input, with the window column if there is a window.
    pub(super) input: Arc<LogicalPlan>,
    /// How many columns it has without that.
    pub(super) own_columns: usize,
    pub(super) is_streaming: bool,
    /// The window column.
    pub(super) window: Option<Expr>,
    pub(super) spec: Option<WindowSpec>,
}

impl Level {
    /// An analyzer over the input.
    pub(super) fn analyzer(&self, place: Place) -> Analyzer<'_> {
        Analyzer::new(&self.input.schema, place)
            .streaming(self.is_streaming)
            .with_window(self.window.clone(), self.own_columns)
    }
}

/// A `SELECT` list that is resolved, over `input`.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) input: Arc<LogicalPlan>,
    pub(super) items: Vec<Item>,
    /// The keys of `ORDER BY`, one per item of it.
    pub(super) order_by: Vec<OrderKey>,
    /// Window functions of the list, which stand in it as columns that are not there yet.
    pub(super) windowed: Windowed,
}

/// An item of a list.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// A column.
    Column(Output),
    /// A generator: as many columns as it makes.
    Generator(Made),
}

/// A key of `ORDER BY`, resolved.
#[derive(Debug, Clone)]
pub(super) struct OrderKey {
    /// Over the columns of the list, then the columns of the input.
    pub(super) expr: Expr,
    pub(super) item: SortItem,
}

/// Resolves each item of a list; names given before are seen by the items after.
pub(super) fn resolve_items<'a>(
    analyzer: &mut Analyzer<'a>,
    items: &'a [StarOr],
) -> Result<Vec<Item>> {
    let mut resolved = Vec::with_capacity(items.len());
    let mut aliases: Vec<String> = Vec::new();
    let schema = analyzer.schema();
    for item in items {
        let ast = match item {
            StarOr::Column(expr, _) => {
                let index = super::column::index_of(expr);
                let output = index.and_then(|index| Output::of_column(schema, index));
                resolved.push(Item::Column(match (output, item) {
                    (Some(output), _) => output,
                    (None, StarOr::Column(expr, name)) => Output::new(expr.clone(), name, schema),
                    (None, StarOr::Ast(_)) => continue,
                }));
                continue;
            }
            StarOr::Ast(ast) => ast,
        };
        if let Some(made) = Made::read(analyzer, ast, &[])? {
            resolved.push(Item::Generator(made));
            continue;
        }
        let name = match &ast.kind {
            AstKind::Call(_) if !aliases.is_empty() => ast
                .with_lateral_aliases(&aliases, schema)
                .output_name(schema),
            _ => ast.output_name(schema),
        };
        analyzer.set_output_name(&name);
        let expr = analyzer.resolve(ast)?;
        resolved.push(Item::Column(output_of(expr, ast, &name, schema)));
        if let AstKind::Alias(_, names) = &ast.kind {
            if names.len() > 1 {
                return Err(Error::invalid(
                    "several names may be given to a generator with several columns only",
                )
                .with_span(ast.span));
            }
            analyzer.add_alias(&name, ast);
            aliases.push(name);
        }
    }
    Ok(resolved)
}

/// A column that is selected without an alias keeps its qualifier.
fn output_of(expr: Expr, ast: &Ast, name: &str, schema: &PlanSchema) -> Output {
    let mut output = Output::new(expr, name, schema);
    let is_bare = matches!(ast.kind, AstKind::Name(_));
    if let (true, Some(index)) = (is_bare, super::column::index_of(&output.expr))
        && let Some(column) = schema.columns.get(index)
    {
        output.column.qualifier.clone_from(&column.qualifier);
    }
    output
}

/// A list without aggregates.
fn resolve_plain(level: &Level, items: &[StarOr], select: &Select) -> Result<Resolved> {
    let mut analyzer = level
        .analyzer(Place::Projection)
        .with_windows(WindowList::default());
    let resolved = resolve_items(&mut analyzer, items)?;
    let (_, windows) = analyzer.into_lists();
    let windowed = qualified(level, &resolved, windows, select)?;
    let scope = SortScope::new(&resolved, &level.input.schema, select.is_distinct);
    let mut order_by = vec![];
    for item in expand_all(&select.order_by, scope.outputs) {
        let expr = match scope.ordinal(&item)? {
            Some(expr) => expr,
            None => scope.analyzer(level).resolve(&item.expr)?,
        };
        order_by.push(OrderKey { expr, item });
    }
    Ok(Resolved {
        input: Arc::clone(&level.input),
        items: resolved,
        order_by,
        windowed,
    })
}

/// The window functions of a list without aggregates, and `QUALIFY` over its input.
fn qualified(
    level: &Level,
    items: &[Item],
    windows: WindowList,
    select: &Select,
) -> Result<Windowed> {
    let Some(qualify) = &select.qualify else {
        return Ok(Windowed {
            calls: windows.calls,
            qualify: None,
        });
    };
    let of_list = windows.calls.len();
    let scope = SortScope::before_generators(items, &level.input.schema);
    let mut analyzer = scope.analyzer(level).with_windows(windows);
    let predicate = analyzer.resolve_condition(qualify)?;
    let (_, windows) = analyzer.into_lists();
    let columns: Vec<Expr> = items.iter().flat_map(group::list_exprs).collect();
    let width = level.input.schema.columns.len();
    let below = |expr: &Expr| {
        expr.substitute(width, &|column, index| {
            group::below(column, index, &columns, scope.outputs)
        })
    };
    let mut calls = windows.calls;
    for call in calls.iter_mut().skip(of_list) {
        *call = call.map(&mut |expr| Ok::<_, Error>(below(expr)))?;
    }
    Ok(Windowed {
        calls,
        qualify: Some(below(&predicate)),
    })
}

/// What `ORDER BY` and `HAVING` see: the columns of the list, then those below it.
#[derive(Debug)]
pub(super) struct SortScope {
    schema: PlanSchema,
    /// How many columns the list has.
    pub(super) outputs: usize,
}

impl SortScope {
    /// The scope of this list; with `only_outputs`, of nothing but the list.
    pub(super) fn new(items: &[Item], below: &PlanSchema, only_outputs: bool) -> SortScope {
        let mut columns: Vec<Column> = items.iter().flat_map(Item::columns).collect();
        let outputs = columns.len();
        if !only_outputs {
            columns.extend(below.columns.iter().cloned());
        }
        SortScope {
            schema: PlanSchema { columns },
            outputs,
        }
    }

    /// The scope of `HAVING`, which is applied before a generator of the list runs: its columns cannot be found.
    pub(super) fn before_generators(items: &[Item], below: &PlanSchema) -> SortScope {
        let columns = items.iter().flat_map(|item| {
            let mut columns = item.columns();
            if let Item::Generator(_) = item {
                for column in &mut columns {
                    column.name.clear();
                }
            }
            columns
        });
        let mut columns: Vec<Column> = columns.collect();
        let outputs = columns.len();
        columns.extend(below.columns.iter().cloned());
        SortScope {
            schema: PlanSchema { columns },
            outputs,
        }
    }

    /// An analyzer that finds the columns of the list first.
    pub(super) fn analyzer(&self, level: &Level) -> Analyzer<'_> {
        let window = level.window.as_ref().map(|window| {
            let width = self.schema.columns.len();
            window.remap_columns(width, &|index| index + self.outputs)
        });
        Analyzer::new(&self.schema, Place::Above)
            .streaming(level.is_streaming)
            .with_window(window, self.outputs)
    }

    /// The same, with aggregates over the input.
    pub(super) fn analyzer_with<'a>(
        &'a self,
        level: &'a Level,
        aggregates: AggregateList,
    ) -> Analyzer<'a> {
        self.analyzer(level)
            .with_aggregates(aggregates)
            .with_argument_columns(&level.input.schema, level.window.clone(), level.own_columns)
    }

    /// The column of the list that a number stands for.
    pub(super) fn ordinal(&self, item: &SortItem) -> Result<Option<Expr>> {
        Ok(ordinal(&item.expr, self.outputs, "ORDER BY")?
            .and_then(|index| Output::of_column(&self.schema, index))
            .map(|output| output.expr.at(item.expr.span)))
    }
}

impl Item {
    /// The columns it makes.
    pub(super) fn columns(&self) -> Vec<Column> {
        match self {
            Item::Column(output) => vec![output.column.clone()],
            Item::Generator(made) => made.columns().to_vec(),
        }
    }
}

/// Puts what is resolved together: generator, `DISTINCT`, `ORDER BY`, `LIMIT`.
fn finish(resolved: Resolved, select: &Select) -> Result<Arc<LogicalPlan>> {
    let Resolved {
        input,
        items,
        order_by,
        windowed: _,
    } = resolved;
    let (input, mut outputs) = with_generator(&input, items);
    let visible = outputs.len();
    let mut keys: Vec<SortKey> = vec![];
    for key in order_by {
        check_orderable(&key.expr, &key.item.expr.sql(&input.schema))
            .map_err(|error| error.with_span(key.item.expr.span))?;
        let is_visible = key.expr.columns().iter().all(|column| *column < visible);
        let expr = if is_visible {
            key.expr.clone()
        } else {
            let below = key
                .expr
                .substitute(input.schema.columns.len(), &|column, index| match outputs
                    .get(index)
                    .filter(|_| index < visible)
                {
                    Some(output) => output.expr.clone(),
                    None => Expr {
                        kind: ExprKind::Column(index.saturating_sub(visible)),
                        ..column.clone()
                    },
                });
            let listed = outputs
                .iter()
                .position(|output| output.expr.same_as(&below));
            let index = match listed {
                Some(index) => index,
                None if select.is_distinct => return Err(not_in_list(&key)),
                None => {
                    outputs.push(Output::new(below, "__order", &input.schema));
                    outputs.len() - 1
                }
            };
            Expr::column(index, key.expr.data_type.clone(), key.expr.is_nullable)
                .with_units(key.expr.units.clone())
        };
        keys.push(key.item.key(expr));
    }
    let has_hidden = outputs.len() > visible;
    let mut plan = project(&input, outputs);
    if select.is_distinct {
        plan = set::distinct(&plan)?;
    }
    plan = sorted(&plan, keys);
    if has_hidden {
        let shown = (0..visible)
            .filter_map(|index| Output::of_column(&plan.schema, index))
            .collect();
        plan = project(&plan, shown);
    }
    Ok(limit(&plan, select.limit, select.offset))
}

/// `SELECT DISTINCT` sorts what it gives, and nothing else.
fn not_in_list(key: &OrderKey) -> Error {
    Error::invalid("the ORDER BY of a SELECT DISTINCT may sort by what stands in its list only")
        .with_span(key.item.expr.span)
}

/// The nodes of the generators of a list, each over the one before, so that every row comes with each combination; and the list over their
/// columns.
fn with_generator(input: &Arc<LogicalPlan>, items: Vec<Item>) -> (Arc<LogicalPlan>, Vec<Output>) {
    let mut plan = Arc::clone(input);
    for item in &items {
        if let Item::Generator(made) = item {
            plan = made.clone().apply(&plan, None);
        }
    }
    let mut outputs = vec![];
    let mut next = input.schema.columns.len();
    for item in items {
        match item {
            Item::Column(output) => outputs.push(output),
            Item::Generator(made) => {
                let end = next + made.columns().len();
                outputs
                    .extend((next..end).filter_map(|index| Output::of_column(&plan.schema, index)));
                next = end;
            }
        }
    }
    (plan, outputs)
}
