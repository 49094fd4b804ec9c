//! `GROUP BY`: a `SELECT` list over an aggregation.
//!
//! 1. The grouping expressions are resolved: over the input, by position in the list, or by a name of the list.
//! 2. `ROLLUP`, `CUBE` and `GROUPING SETS` give each row once per grouping set ([`sets`]), with a hidden key that says which set it is for.
//! 3. List, `HAVING` and `ORDER BY` are resolved over the input, with aggregates collected.
//! 4. In what was resolved, a part that equals a grouping expression becomes a reference to that key; a column that is left is
//!    neither grouped nor aggregated and refused.

mod rewrite;
mod sets;

use crate::analyze::call::apply_named;
use crate::analyze::column::{StarOr, unresolved_column};
use crate::analyze::{
    AggregateList, Analyzer, GroupingSetKeys, Place, WindowList, WindowSpec, find_column,
    is_aggregate_call, is_window_call,
};
use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind, Expr, call_units};
use crate::plan::builder::over::Windowed;
use crate::plan::builder::select::{
    Item, Level, OrderKey, Resolved, Select, SortScope, resolve_items,
};
use crate::plan::builder::sort::{SortItem, expand_all, ordinal};
use crate::plan::builder::{Output, column, filtered, node};
use crate::plan::over::WindowCall;
use crate::plan::{AggregateExpr, Column, LogicalPlan, NamedExpr, PlanNode, SessionKey};
use crate::types::{TypeUnits, is_hashable, is_orderable, map_key_value};
use arrow::datatypes::DataType;
use rewrite::Rewrite;
pub(super) use rewrite::{below, exprs as list_exprs};
use std::sync::Arc;

/// An item of a `GROUP BY`.
#[derive(Debug, Clone)]
pub enum Grouping {
    /// A key. A constant number is a position in the `SELECT` list, from 1.
    Key(Ast),
    /// `ROLLUP (…)`: all prefixes. Each element is one key or several in parentheses.
    Rollup(Vec<Vec<Ast>>),
    /// `CUBE (…)`: all subsets.
    Cube(Vec<Vec<Ast>>),
    /// `GROUPING SETS (…)`: these.
    Sets(Vec<Vec<Ast>>),
}

impl Grouping {
    /// Every expression in it.
    pub(crate) fn expressions(&self) -> Vec<&Ast> {
        match self {
            Grouping::Key(key) => vec![key],
            Grouping::Rollup(lists) | Grouping::Cube(lists) | Grouping::Sets(lists) => {
                lists.iter().flatten().collect()
            }
        }
    }
}

/// Groups by keys and computes a list over each group: `SELECT items … GROUP BY keys`.
///
/// # Errors
///
/// `Invalid`: `MISSING_AGGREGATION`, `GROUP_BY_AGGREGATE`, ….
pub fn aggregate(
    input: &Arc<LogicalPlan>,
    keys: &[Ast],
    items: &[Ast],
) -> Result<Arc<LogicalPlan>> {
    let select = Select {
        items: items.to_vec(),
        group_by: Some(keys.iter().cloned().map(Grouping::Key).collect()),
        ..Select::default()
    };
    super::select_block(input, &select)
}

/// A key of an aggregation.
#[derive(Debug, Clone)]
struct Key {
    /// Over the input.
    expr: Expr,
    name: String,
}

/// The keys, and the grouping sets as indices of keys if there are any.
#[derive(Debug, Default)]
struct Keys {
    keys: Vec<Key>,
    sets: Option<Vec<Vec<usize>>>,
}

/// Resolves a `SELECT` block with aggregates.
pub(super) fn resolve(level: &Level, items: &[StarOr], select: &Select) -> Result<Resolved> {
    let keys = resolve_keys(level, items, select)?;
    let grouping_sets = keys.sets.as_ref().map(|_| GroupingSetKeys {
        keys: keys.keys.iter().map(|key| key.expr.clone()).collect(),
        listed: Vec::new(),
    });
    let mut analyzer = level
        .analyzer(Place::Projection)
        .with_grouping_sets(grouping_sets.clone())
        .with_aggregates(AggregateList::default())
        .with_windows(WindowList::default());
    let resolved = resolve_items(&mut analyzer, items)?;
    let (aggregates, windows) = analyzer.into_lists();

    let scope = SortScope::new(&resolved, &level.input.schema, select.is_distinct);
    let having_scope = SortScope::before_generators(&resolved, &level.input.schema);
    let mut analyzer = having_scope
        .analyzer_with(level, aggregates)
        .with_grouping_sets(shifted(
            grouping_sets.as_ref(),
            &resolved,
            having_scope.outputs,
        ));
    let having = match &select.having {
        Some(having) => Some(resolve_having(&mut analyzer, having, &resolved)?),
        None => None,
    };
    let of_list = windows.calls.len();
    let mut analyzer = having_scope
        .analyzer_with(level, analyzer.into_aggregates())
        .with_grouping_sets(shifted(
            grouping_sets.as_ref(),
            &resolved,
            having_scope.outputs,
        ))
        .with_windows(windows);
    let qualify = match &select.qualify {
        Some(qualify) => Some(analyzer.resolve_condition(qualify)?),
        None => None,
    };
    let (aggregates, windows) = analyzer.into_lists();
    let mut analyzer = scope
        .analyzer_with(level, aggregates)
        .with_grouping_sets(shifted(grouping_sets.as_ref(), &resolved, scope.outputs));
    for item in &select.order_by {
        refuse_window_call(&item.expr, &resolved)?;
    }
    let order_by = resolve_order(&mut analyzer, &scope, &select.order_by)?;
    let aggregates = analyzer.into_aggregates().entries;

    let group = Group::new(level, keys, aggregates, select.operator_name.clone())?;
    let above = Above {
        having,
        windows: windows.calls,
        of_list,
        qualify,
        outputs: having_scope.outputs,
    };
    group.finish(resolved, &above, order_by)
}

/// Refuses `window(…)` above the list: as in Spark it would be one over the columns of the list, where its time is not.
fn refuse_window_call(above: &Ast, items: &[Item]) -> Result<()> {
    let mut times = Vec::new();
    above.walk(&mut |ast| {
        if let AstKind::Call(call) = &ast.kind
            && is_window_call(call)
            && let Some(AstKind::Name(parts)) = call.arguments.first().map(|time| &time.kind)
        {
            times.push((parts, ast.span));
        }
        true
    });
    let listed: Vec<Column> = items.iter().flat_map(Item::columns).collect();
    for (parts, span) in times {
        if find_column(&listed, parts)?.is_none() {
            return Err(unresolved_column(parts, &listed).with_span(span));
        }
    }
    Ok(())
}

/// `HAVING`. What is no condition is cast to one, as Spark's parser does.
fn resolve_having(analyzer: &mut Analyzer<'_>, having: &Ast, items: &[Item]) -> Result<Expr> {
    refuse_window_call(having, items)?;
    let resolved = analyzer.resolve(having)?;
    if resolved.data_type == DataType::Boolean {
        return Ok(resolved);
    }
    let cast = AstKind::Cast {
        input: Box::new(having.clone()),
        data_type: DataType::Boolean,
        units: TypeUnits::default(),
        is_try: false,
    };
    analyzer.resolve(&Ast::new(cast).at(having.span))
}

/// The keys of `grouping()`, as an analyzer sees them whose first columns are those of the list.
fn shifted(
    sets: Option<&GroupingSetKeys>,
    items: &[Item],
    outputs: usize,
) -> Option<GroupingSetKeys> {
    let mut listed = Vec::new();
    for item in items {
        match item {
            Item::Column(output) => listed.push(Some(&output.expr)),
            Item::Generator(_) => listed.extend(item.columns().iter().map(|_| None)),
        }
    }
    let column_of = |key: &Expr| {
        let is_key = |own: Option<&Expr>| own.is_some_and(|own| own.same_as(key));
        let column = listed.iter().copied().position(is_key)?;
        Some(Expr::column(column, key.data_type.clone(), true))
    };
    sets.map(|sets| GroupingSetKeys {
        keys: sets
            .keys
            .iter()
            .map(|key| key.remap_columns(usize::MAX / 4, &|index| index + outputs))
            .collect(),
        listed: sets.keys.iter().map(column_of).collect(),
    })
}

fn resolve_order(
    analyzer: &mut Analyzer<'_>,
    scope: &SortScope,
    items: &[SortItem],
) -> Result<Vec<OrderKey>> {
    let mut keys = vec![];
    for item in expand_all(items, scope.outputs) {
        let expr = match scope.ordinal(&item)? {
            Some(expr) => expr,
            None => analyzer.resolve(&item.expr)?,
        };
        keys.push(OrderKey { expr, item });
    }
    Ok(keys)
}

/// Resolves the grouping expressions; equal ones are one key.
fn resolve_keys(level: &Level, items: &[StarOr], select: &Select) -> Result<Keys> {
    let Some(grouping) = &select.group_by else {
        return Ok(Keys::default());
    };
    let mut resolver = KeyResolver {
        level,
        items,
        keys: vec![],
    };
    if let [Grouping::Key(only)] = &grouping[..]
        && resolver.is_all(only)
    {
        resolver.add_all()?;
        return Ok(Keys {
            keys: resolver.keys,
            sets: None,
        });
    }
    let mut sets: Vec<Vec<usize>> = vec![vec![]];
    let mut has_sets = false;
    for item in grouping {
        let own = match item {
            Grouping::Key(key) => vec![vec![resolver.add(key)?]],
            Grouping::Rollup(lists) => sets::rollup(&resolver.add_lists(lists)?),
            Grouping::Cube(lists) => sets::cube(&resolver.add_lists(lists)?)?,
            Grouping::Sets(lists) => resolver.add_lists(lists)?,
        };
        has_sets |= !matches!(item, Grouping::Key(_));
        sets = sets::product(&sets, &own)?;
    }
    Ok(Keys {
        keys: resolver.keys,
        sets: has_sets.then_some(sets),
    })
}

/// Resolves grouping expressions and collects the keys.
#[derive(Debug)]
struct KeyResolver<'a> {
    level: &'a Level,
    items: &'a [StarOr],
    keys: Vec<Key>,
}

impl KeyResolver<'_> {
    /// Whether this is `GROUP BY ALL`.
    fn is_all(&self, key: &Ast) -> bool {
        let AstKind::Name(parts) = &key.kind else {
            return false;
        };
        matches!(&parts[..], [name] if name.eq_ignore_ascii_case("all"))
            && self.level.analyzer(Place::GroupBy).resolve(key).is_err()
    }

    /// Groups by every item of the list that has no aggregate.
    fn add_all(&mut self) -> Result<()> {
        for item in self.items {
            match item {
                StarOr::Column(expr, name) => {
                    self.push(expr.clone(), name.clone());
                }
                StarOr::Ast(ast) if !ast.has_call(&is_aggregate_call) => {
                    self.add(ast)?;
                }
                StarOr::Ast(_) => {}
            }
        }
        Ok(())
    }

    fn add_lists(&mut self, lists: &[Vec<Ast>]) -> Result<Vec<Vec<usize>>> {
        lists
            .iter()
            .map(|list| list.iter().map(|key| self.add(key)).collect())
            .collect()
    }

    /// Resolves one expression; the index of its key.
    fn add(&mut self, key: &Ast) -> Result<usize> {
        let mut ast = key;
        if let Some(index) = ordinal(key, self.items.len(), "GROUP BY")? {
            match self.items.get(index) {
                Some(StarOr::Column(expr, name)) => {
                    return Ok(self.push(expr.clone(), name.clone()));
                }
                Some(StarOr::Ast(item)) => {
                    if item.has_call(&is_aggregate_call) {
                        return Err(Error::invalid(format!(
                            "GROUP BY {} refers to an expression {} that contains an aggregate function. Aggregate functions are not allowed in GROUP BY",
                            index + 1,
                            item.sql(&self.level.input.schema)
                        ))
                        .with_condition("GROUP_BY_POS_AGGREGATE")
                        .with_span(key.span));
                    }
                    ast = item;
                }
                None => {}
            }
        }
        let schema = &self.level.input.schema;
        let mut analyzer = self.level.analyzer(Place::GroupBy);
        for item in self.items {
            if let StarOr::Ast(item) = item {
                analyzer.add_alias(&item.output_name(schema), item);
            }
        }
        let expr = analyzer.resolve(ast)?;
        let name = ast.output_name(schema);
        let is_groupable = match map_key_value(&expr.data_type) {
            // Its entries are brought in order.
            Some((key, value)) => is_orderable(key) && is_orderable(value),
            None => is_hashable(&expr.data_type),
        };
        if !is_groupable {
            return Err(Error::invalid(format!(
                "the expression \"{name}\" cannot be used as a grouping expression because its data type \"{}\" is not an orderable data type",
                expr.sql_type()
            ))
            .with_condition("GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE")
            .with_span(key.span));
        }
        Ok(self.push(expr, name))
    }

    fn push(&mut self, expr: Expr, name: String) -> usize {
        if let Some(known) = self.keys.iter().position(|key| key.expr.same_as(&expr)) {
            return known;
        }
        self.keys.push(Key { expr, name });
        self.keys.len() - 1
    }
}

/// What comes between an aggregation and its list. Expressions are over the columns of the list, then the input of the
/// aggregation; those of the first `of_list` windows over the input alone.
#[derive(Debug)]
struct Above {
    having: Option<Expr>,
    windows: Vec<WindowCall>,
    of_list: usize,
    qualify: Option<Expr>,
    /// How many columns the list has.
    outputs: usize,
}

/// An aggregation that is being made.
#[derive(Debug)]
struct Group {
    /// What it reads: the input of the level, or that once per grouping set.
    input: Arc<LogicalPlan>,
    /// The keys over that; hidden ones last.
    keys: Vec<NamedExpr>,
    /// What the keys are, for the output.
    key_columns: Vec<Column>,
    /// The keys as they were written, over the input of the level.
    written: Vec<Expr>,
    /// The key that tells grouping sets apart.
    grouping_id: Option<usize>,
    aggregates: Vec<AggregateExpr>,
    session: Option<SessionKey>,
    operator_name: Option<String>,
}

impl Group {
    fn new(
        level: &Level,
        keys: Keys,
        aggregates: Vec<AggregateExpr>,
        operator_name: Option<String>,
    ) -> Result<Group> {
        let written: Vec<Expr> = keys.keys.iter().map(|key| key.expr.clone()).collect();
        let session = session_key(level, &written);
        let Some(sets) = &keys.sets else {
            let outputs: Vec<Output> = keys
                .keys
                .into_iter()
                .map(|key| key_output(&level.input, key))
                .collect::<Result<_>>()?;
            return Ok(Group {
                input: Arc::clone(&level.input),
                key_columns: outputs.iter().map(|output| output.column.clone()).collect(),
                keys: outputs.into_iter().map(named).collect(),
                written,
                grouping_id: None,
                aggregates,
                session,
                operator_name,
            });
        };
        let outputs: Vec<Output> = keys
            .keys
            .into_iter()
            .map(|key| key_output(&level.input, key))
            .collect::<Result<_>>()?;
        let expanded = sets::expand(&level.input, &outputs, sets);
        let before = level.input.schema.columns.len();
        let key_outputs: Vec<Output> = (before..expanded.schema.columns.len())
            .filter_map(|index| Output::of_column(&expanded.schema, index))
            .collect();
        Ok(Group {
            input: expanded,
            key_columns: key_outputs
                .iter()
                .map(|output| output.column.clone())
                .collect(),
            keys: key_outputs.into_iter().map(named).collect(),
            grouping_id: Some(written.len()),
            written,
            aggregates,
            session,
            operator_name,
        })
    }

    /// The list over the aggregation.
    fn finish(self, items: Vec<Item>, over: &Above, order_by: Vec<OrderKey>) -> Result<Resolved> {
        let outputs = over.outputs;
        let before = self.input.schema.columns.clone();
        let key_columns = self.key_columns.clone();
        let written = self.written.clone();
        let grouping_id = self.grouping_id;
        let plan = self.plan();
        let rewrite = Rewrite {
            written: &written,
            keys: &key_columns,
            grouping_id,
            width: plan.schema.columns.len(),
            input: &before,
            list: &[],
            outputs: 0,
        };
        let generators = items
            .iter()
            .filter(|item| matches!(item, Item::Generator(_)))
            .count();
        if generators > 1 {
            return Err(Error::invalid(format!(
                "the generator is not supported: only one generator allowed per aggregate clause but found {generators}"
            ))
            .with_condition("UNSUPPORTED_GENERATOR.MULTI_GENERATOR"));
        }
        let items = rewrite.items(items, &plan.schema)?;
        let list: Vec<Column> = items.iter().flat_map(Item::columns).collect();
        let above = Rewrite {
            outputs,
            list: &list,
            ..rewrite
        };
        let mut input = plan;
        let columns: Vec<Expr> = items.iter().flat_map(list_exprs).collect();
        let width = input.schema.columns.len();
        let below_list = |expr: &Expr| -> Result<Expr> {
            Ok(above.expr(expr)?.substitute(width, &|column, index| {
                below(column, index, &columns, outputs)
            }))
        };
        if let Some(having) = &over.having {
            input = filtered(&input, below_list(having)?);
        }
        let calls = over.windows.iter().enumerate().map(|(number, call)| {
            if number < over.of_list {
                call.map(&mut |expr| rewrite.expr(expr))
            } else {
                call.map(&mut |expr| below_list(expr))
            }
        });
        let windowed = Windowed {
            calls: calls.collect::<Result<_>>()?,
            qualify: over.qualify.as_ref().map(below_list).transpose()?,
        };
        let order_by = order_by
            .into_iter()
            .map(|key| {
                Ok(OrderKey {
                    expr: above.expr(&key.expr)?,
                    item: key.item,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Resolved {
            input,
            items,
            order_by,
            windowed,
        })
    }

    fn plan(self) -> Arc<LogicalPlan> {
        let mut columns = self.key_columns;
        columns.extend(self.aggregates.iter().map(|aggregate| Column {
            qualifier: None,
            name: aggregate.name.clone(),
            data_type: aggregate.signature.returns.clone(),
            units: call_units(
                aggregate.function.name(),
                &aggregate.arguments,
                &aggregate.signature.returns,
            ),
            is_nullable: aggregate.signature.is_nullable,
            event_time: None,
        }));
        let aggregate = PlanNode::Aggregate {
            input: self.input,
            keys: self.keys,
            aggregates: self.aggregates,
            session: self.session,
            operator_name: self.operator_name,
        };
        node(aggregate, columns)
    }
}

/// The gap of the key that is the session window of this level.
fn session_key(level: &Level, keys: &[Expr]) -> Option<SessionKey> {
    let WindowSpec::Session { time, gap_us } = level.spec.as_ref()? else {
        return None;
    };
    let window = column::index_of(level.window.as_ref()?)?;
    let key = keys
        .iter()
        .position(|key| column::index_of(key) == Some(window))?;
    Some(SessionKey {
        key,
        time: time.clone(),
        gap_us: gap_us.clone(),
    })
}

/// A key as a column: one that is a column of the input stays that column. The entries of a map come in the order of their keys, so that
/// equal maps are one group.
fn key_output(input: &LogicalPlan, key: Key) -> Result<Output> {
    if map_key_value(&key.expr.data_type).is_some() {
        let call = |name: &str, of: Expr| apply_named(name, vec![of], || key.name.clone());
        let entries = call("array_sort", call("map_entries", key.expr.clone())?)?;
        let sorted = call("map_from_entries", entries)?;
        return Ok(Output::new(sorted, &key.name, &input.schema));
    }
    Ok(column::index_of(&key.expr)
        .and_then(|index| Output::of_column(&input.schema, index))
        .unwrap_or_else(|| Output::new(key.expr, &key.name, &input.schema)))
}

fn named(output: Output) -> NamedExpr {
    NamedExpr {
        expr: output.expr,
        name: output.column.name,
    }
}
