//! From a logical plan to blocks and flows.
//!
//! The plan is walked once from the top, each time with the columns that are needed of a node: what nobody needs is never
//! decoded, computed or copied. A walk of a node gives the *branches* that together produce its rows; a branch is where rows come from
//! and the stateless stages they go through. At a block (an operator that must see all rows of a batch) the branches below end, as
//! flows into it, and a new branch begins.

mod aggregate;
mod deduplicate;
mod stream_join;

use super::blocking::{AppendUnmatched, Limit, Sort};
use super::generate::GenerateStage;
use super::join::{HashJoin, JoinSpec};
use super::over::Window;
use super::stage::Stage;
use super::{
    Block, EventTimeSeen, Flow, IncrementalPlan, IncrementalSettings, Origin, PlanInput,
    PlanSource, Target,
};
use crate::batch::BatchContext;
use crate::error::{Error, Result};
use crate::expr::{Expr, ExprKind};
use crate::format::ColumnTest;
use crate::operator::StatefulOperator;
use crate::operator::limit::AppendLimit;
use crate::plan::over::WindowCall;
use crate::plan::{Generator, JoinType, LogicalPlan, PlanNode, Relation, WatermarkDeclaration};
use crate::sink::OutputMode;
use crate::source::SourceFactory;
use arrow::compute::concat_batches;
use arrow::datatypes::{Field, Schema, SchemaRef};
use std::collections::BTreeSet;
use std::sync::Arc;

mod prefilter;
mod process;
mod set_operation;

/// Rows on their way: where they come from, and what they went through.
#[derive(Debug)]
struct Branch {
    origin: Origin,
    stages: Vec<Stage>,
}

/// The walk.
#[derive(Debug)]
pub(super) struct Cut<'a> {
    mode: OutputMode,
    settings: &'a IncrementalSettings,
    context: &'a BatchContext,
    sources: Vec<PlanSource>,
    inputs: Vec<PlanInput>,
    blocks: Vec<Block>,
    flows: Vec<Flow>,
    event_times: Vec<EventTimeSeen>,
    /// The declaration of each of them.
    declarations: Vec<WatermarkDeclaration>,
    /// For each flow that starts at a source: which of the source's columns it takes. Resolved at the end, when it is known what all
    /// users of the source need together.
    wanted: Vec<(usize, Vec<usize>)>,
    /// For entries of `wanted`: what a filter right on the scan asks of single columns.
    tests: Vec<(usize, Vec<(usize, ColumnTest)>)>,
    /// The ids of operators so far. Those above are named before those below.
    operators: BTreeSet<String>,
}

/// Columns by index, ascending.
type Columns = BTreeSet<usize>;

pub(super) fn cut(
    plan: &LogicalPlan,
    mode: OutputMode,
    settings: &IncrementalSettings,
    context: &BatchContext,
) -> Result<IncrementalPlan> {
    let mut cut = Cut {
        mode,
        settings,
        context,
        sources: Vec::new(),
        inputs: Vec::new(),
        blocks: Vec::new(),
        flows: Vec::new(),
        event_times: Vec::new(),
        declarations: Vec::new(),
        wanted: Vec::new(),
        tests: Vec::new(),
        operators: BTreeSet::new(),
    };
    let all: Columns = (0..plan.schema.columns.len()).collect();
    let branches = cut.walk(plan, &all)?;
    cut.end(branches, Target::Output);
    Ok(cut.finish(plan.schema.to_arrow()))
}

impl Cut<'_> {
    /// The branches that produce exactly the `needed` columns of `plan`, in ascending order.
    #[expect(clippy::too_many_lines, reason = "one arm a kind of node")]
    fn walk(&mut self, plan: &LogicalPlan, needed: &Columns) -> Result<Vec<Branch>> {
        match &plan.node {
            PlanNode::Scan(relation) => self.scan(relation, plan, needed),
            PlanNode::Project { input, columns } => {
                let expressions: Vec<&Expr> =
                    picked(columns, needed).map(|column| &column.expr).collect();
                let below = columns_of(expressions.iter().copied());
                let expressions = remap_all(&expressions, &below);
                let schema = picked_schema(plan, needed);
                let branches = self.walk(input, &below)?;
                Ok(add(branches, || {
                    project(&expressions, below.len(), &schema)
                }))
            }
            PlanNode::Filter { input, predicate } => {
                let below = union(needed, &columns_of([predicate]));
                let columns = narrowing(&below, needed);
                let branches = self.walk(input, &below)?;
                self.note_tests(input, predicate);
                let predicate = remap(predicate, &below);
                let stage = || Stage::Filter {
                    predicate: predicate.clone(),
                    columns: columns.clone(),
                };
                Ok(add(branches, || Some(stage())))
            }
            PlanNode::Watermark {
                input,
                column,
                delay_ms,
                declaration,
            } => {
                let node = self.watermark_node(*declaration, *delay_ms);
                self.watermark(input, *column, node, needed)
            }
            PlanNode::Generate {
                input,
                generator,
                is_outer,
            } => self.generate(plan, input, generator, *is_outer, needed),
            PlanNode::Expand { input, projections } => {
                let lists: Vec<Vec<&Expr>> = projections
                    .iter()
                    .map(|list| picked(list, needed).collect())
                    .collect();
                let below = columns_of(lists.iter().flatten().copied());
                let projections: Vec<Vec<Expr>> =
                    lists.iter().map(|list| remap_all(list, &below)).collect();
                let schema = picked_schema(plan, needed);
                let branches = self.walk(input, &below)?;
                Ok(add(branches, || {
                    Some(Stage::Expand {
                        projections: projections.clone(),
                        schema: Arc::clone(&schema),
                    })
                }))
            }
            PlanNode::Aggregate { .. } => self.aggregate(plan, needed),
            PlanNode::Join { left, right, .. } => self.join(plan, left, right, needed),
            PlanNode::Union { inputs } => {
                let mut branches = Vec::new();
                for input in inputs {
                    branches.extend(self.walk(input, needed)?);
                }
                Ok(branches)
            }
            PlanNode::Window { input, calls } => self.window(plan, input, calls, needed),
            PlanNode::Sort { input, keys } => {
                let below = union(needed, &columns_of(keys.iter().map(|key| &key.expr)));
                let mut keys = keys.clone();
                for key in &mut keys {
                    key.expr = remap(&key.expr, &below);
                }
                let sort = Sort {
                    keys,
                    schema: picked_schema(input, &below),
                };
                let branch = self.block(&[(input, &below)], Block::Pure(Box::new(sort)))?;
                Ok(select(vec![branch], &below, needed))
            }
            PlanNode::Limit {
                input,
                rows,
                offset,
            } => {
                let block = if self.counts_rows(input) {
                    self.stateful(|id| {
                        Ok(Box::new(AppendLimit::new(
                            id,
                            *rows,
                            picked_schema(input, needed),
                        )))
                    })?
                } else {
                    Block::Pure(Box::new(Limit {
                        rows: *rows,
                        offset: *offset,
                    }))
                };
                Ok(vec![self.block(&[(input, needed)], block)?])
            }
            PlanNode::SetOperation { .. } => self.set_operation(plan, needed),
            PlanNode::Deduplicate { .. } => self.deduplicate(plan, needed),
            PlanNode::Process(process) => self.process(plan, process, needed),
        }
    }

    /// Whether `LIMIT` over this counts over the life of the query: not where each batch gives a whole result.
    fn counts_rows(&self, input: &LogicalPlan) -> bool {
        let is_whole = self.mode == OutputMode::Complete && input.has_streaming_aggregate();
        input.is_streaming() && !is_whole
    }

    /// The name of a source in the checkpoint, and its place among the sources that are known, if it is one of them. What is
    /// read in two ways is two sources; without names of their own they are numbered in the order of the query.
    fn place_of(
        &self,
        factory: &Arc<dyn SourceFactory>,
        name: Option<&str>,
    ) -> Result<(String, Option<usize>)> {
        let is_same = |known: &PlanSource| {
            known.factory.identity() == factory.identity()
                && known.factory.schema() == factory.schema()
        };
        let base = name.map_or_else(|| factory.checkpoint_name(), str::to_owned);
        let mut candidate = base.clone();
        for number in 2.. {
            let known = self
                .sources
                .iter()
                .position(|known| known.name == candidate);
            match known.and_then(|known| self.sources.get(known)) {
                Some(other) if !is_same(other) && name.is_some() => {
                    return Err(Error::invalid(format!(
                        "two sources have the same name, give each an IDENTIFIED BY of its own. name=`{base}`"
                    )));
                }
                Some(other) if !is_same(other) => candidate = format!("{base} ({number})"),
                _ => return Ok((candidate, known)),
            }
        }
        Ok((candidate, None))
    }

    /// Window functions see whole partitions, so that they are a block; those that nobody needs are left out.
    fn window(
        &mut self,
        plan: &LogicalPlan,
        input: &LogicalPlan,
        calls: &[WindowCall],
        needed: &Columns,
    ) -> Result<Vec<Branch>> {
        let width = input.schema.columns.len();
        let wanted: Vec<&WindowCall> = calls
            .iter()
            .enumerate()
            .filter(|(number, _)| needed.contains(&(number + width)))
            .map(|(_, call)| call)
            .collect();
        let kept: Columns = needed.range(..width).copied().collect();
        let used = columns_of(wanted.iter().flat_map(|call| call.expressions()));
        let below = union(&kept, &used);
        let calls = wanted
            .into_iter()
            .map(|call| call.map(&mut |expr| Ok::<_, Error>(remap(expr, &below))))
            .collect::<Result<Vec<_>>>()?;
        let produced: Columns = below
            .iter()
            .copied()
            .chain(needed.range(width..).copied())
            .collect();
        let window = Window {
            calls,
            input: picked_schema(input, &below),
            output: picked_schema(plan, &produced),
        };
        let branch = self.block(&[(input, &below)], Block::Pure(Box::new(window)))?;
        Ok(select(vec![branch], &produced, needed))
    }

    fn scan(
        &mut self,
        relation: &Relation,
        plan: &LogicalPlan,
        needed: &Columns,
    ) -> Result<Vec<Branch>> {
        let columns: Vec<usize> = needed.iter().copied().collect();
        let input = match relation {
            Relation::Source {
                factory,
                is_streaming: true,
                name,
            } => {
                let (name, known) = self.place_of(factory, name.as_deref())?;
                let source = known.unwrap_or_else(|| {
                    self.sources.push(PlanSource {
                        name,
                        factory: Arc::clone(factory),
                        columns: Vec::new(),
                        filter: None,
                    });
                    self.inputs.push(PlanInput::Stream(self.sources.len() - 1));
                    self.sources.len() - 1
                });
                self.inputs
                    .iter()
                    .position(
                        |input| matches!(input, PlanInput::Stream(stream) if *stream == source),
                    )
                    .ok_or_else(|| Error::internal("a source without an input"))?
            }
            Relation::Source { factory, .. } => {
                let factory = Arc::clone(factory);
                self.inputs.push(PlanInput::Table {
                    factory,
                    columns: Vec::new(),
                });
                self.inputs.len() - 1
            }
            Relation::Rows(rows) => {
                self.inputs.push(PlanInput::Rows {
                    rows: Arc::clone(rows),
                    columns: Vec::new(),
                });
                self.inputs.len() - 1
            }
        };
        debug_assert!(
            columns
                .iter()
                .all(|column| *column < plan.schema.columns.len())
        );
        self.wanted.push((input, columns));
        Ok(vec![Branch {
            origin: Origin::Input {
                input,
                wanted: self.wanted.len() - 1,
            },
            stages: Vec::new(),
        }])
    }

    /// The number of a watermark node; all nodes of one declaration have the same, so that the latest row of any of them counts.
    fn watermark_node(&mut self, declaration: WatermarkDeclaration, delay_ms: i64) -> usize {
        let mut known = self.declarations.iter();
        if let Some(node) = known.position(|known| *known == declaration) {
            return node;
        }
        self.declarations.push(declaration);
        self.event_times.push(EventTimeSeen {
            delay_ms,
            ..EventTimeSeen::default()
        });
        self.event_times.len() - 1
    }

    fn watermark(
        &mut self,
        input: &LogicalPlan,
        column: usize,
        node: usize,
        needed: &Columns,
    ) -> Result<Vec<Branch>> {
        let mut below = needed.clone();
        below.insert(column);
        let branches = self.walk(input, &below)?;
        let column = position(&below, column);
        let branches = add(branches, || Some(Stage::Watermark { node, column }));
        Ok(select(branches, &below, needed))
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one kind of node")]
    fn generate(
        &mut self,
        plan: &LogicalPlan,
        input: &LogicalPlan,
        generator: &Generator,
        is_outer: bool,
        needed: &Columns,
    ) -> Result<Vec<Branch>> {
        let width = input.schema.columns.len();
        let kept: Columns = needed
            .iter()
            .copied()
            .filter(|column| *column < width)
            .collect();
        let used = match generator {
            Generator::Explode { input, .. } | Generator::Inline { input } => columns_of([input]),
            Generator::Stack { values, .. } => columns_of(values),
        };
        let below = union(&kept, &used);
        let mut generator = generator.clone();
        match &mut generator {
            Generator::Explode { input, .. } | Generator::Inline { input } => {
                *input = remap(input, &below);
            }
            Generator::Stack { values, .. } => {
                for value in values.iter_mut() {
                    *value = remap(value, &below);
                }
            }
        }
        // The stage appends all its columns to all of its input's.
        let produced: Columns = below
            .iter()
            .copied()
            .chain(width..plan.schema.columns.len())
            .collect();
        let schema = picked_schema(plan, &produced);
        let branches = self.walk(input, &below)?;
        let branches = add(branches, || {
            let (generator, schema) = (generator.clone(), Arc::clone(&schema));
            Some(Stage::Generate(GenerateStage {
                generator,
                is_outer,
                schema,
            }))
        });
        Ok(select(branches, &produced, needed))
    }

    fn join(
        &mut self,
        plan: &LogicalPlan,
        left: &LogicalPlan,
        right: &LogicalPlan,
        needed: &Columns,
    ) -> Result<Vec<Branch>> {
        let PlanNode::Join {
            join_type,
            equalities,
            residual,
            ..
        } = &plan.node
        else {
            return Err(Error::internal("not a join"));
        };
        if left.is_streaming() && right.is_streaming() {
            return self.stream_join(plan, left, right, needed);
        }
        let width = left.schema.columns.len();
        let mut used = needed.clone();
        used.extend(columns_of(residual));
        let (mut left_used, mut right_used) = split(&used, width);
        for (left_key, right_key, _) in equalities {
            left_used.extend(columns_of([left_key]));
            right_used.extend(columns_of([right_key]));
        }
        let pairs: Columns = left_used
            .iter()
            .copied()
            .chain(right_used.iter().map(|column| column + width))
            .collect();
        let equalities = equalities
            .iter()
            .map(|(l, r, safe)| (remap(l, &left_used), remap(r, &right_used), *safe))
            .collect();
        let pairs_schema = pairs_schema(left, right, &left_used, &right_used, *join_type);
        let kept = needed.iter().map(|column| position(&pairs, *column));
        let spec = JoinSpec {
            join_type: *join_type,
            equalities,
            residual: residual.as_ref().map(|residual| remap(residual, &pairs)),
            kept: kept.collect(),
            pairs: pairs_schema,
            probes_left: !right.is_streaming(),
        };
        let (probe, probe_used, build, build_used) = if spec.probes_left {
            (left, &left_used, right, &right_used)
        } else {
            (right, &right_used, left, &left_used)
        };
        let rows = IncrementalPlan::read_static(build, build_used, self.settings, self.context)?;
        let table = concat_batches(&picked_schema(build, build_used), &rows)?;
        let join = Arc::new(HashJoin::new(spec, table, self.context)?);
        let branches = self.walk(probe, probe_used)?;
        let mut branches = add(branches, || Some(Stage::Join(Arc::clone(&join))));
        if !plan.is_streaming() && matches!(join_type, JoinType::FullOuter | JoinType::RightOuter) {
            let tail = Block::Pure(Box::new(AppendUnmatched { join }));
            branches = vec![self.close(vec![branches], tail)];
        }
        Ok(branches)
    }

    /// Ends the branches of these inputs in a new block, and begins a branch at it.
    fn block(&mut self, inputs: &[(&LogicalPlan, &Columns)], block: Block) -> Result<Branch> {
        let mut sides = Vec::with_capacity(inputs.len());
        for (input, needed) in inputs {
            sides.push(self.walk(input, needed)?);
        }
        Ok(self.close(sides, block))
    }

    fn close(&mut self, sides: Vec<Vec<Branch>>, block: Block) -> Branch {
        let number = self.blocks.len();
        self.blocks.push(block);
        for (side, branches) in sides.into_iter().enumerate() {
            self.end(
                branches,
                Target::Block {
                    block: number,
                    side,
                },
            );
        }
        Branch {
            origin: Origin::Block(number),
            stages: Vec::new(),
        }
    }

    fn end(&mut self, branches: Vec<Branch>, target: Target) {
        self.flows
            .extend(branches.into_iter().map(|Branch { origin, stages }| Flow {
                origin,
                stages,
                target,
            }));
    }

    fn stateful(
        &mut self,
        make: impl Fn(String) -> Result<Box<dyn StatefulOperator>>,
    ) -> Result<Block> {
        self.named_stateful(None, make)
    }

    /// Makes an operator under the user's name, or one derived from what it keeps, so that it does not change with edits elsewhere in
    /// the query.
    fn named_stateful(
        &mut self,
        name: Option<&str>,
        make: impl Fn(String) -> Result<Box<dyn StatefulOperator>>,
    ) -> Result<Block> {
        let id = if let Some(name) = name {
            name.to_owned()
        } else {
            let fingerprint = make(String::new())?.fingerprint();
            let kind = fingerprint.split(' ').next().unwrap_or("operator");
            let hash = xxhash_rust::xxh3::xxh3_64(fingerprint.as_bytes()) >> 32;
            format!("{kind}-{hash:08x}")
        };
        let unique = (1..=self.operators.len() + 1)
            .map(|number| {
                if number == 1 {
                    id.clone()
                } else {
                    format!("{id}-{number}")
                }
            })
            .find(|id| !self.operators.contains(id))
            .unwrap_or(id);
        self.operators.insert(unique.clone());
        Ok(Block::Stateful(make(unique)?))
    }

    /// Tells every source which columns are read, and every flow from it which of those it takes.
    fn finish(mut self, schema: SchemaRef) -> IncrementalPlan {
        let filters: Vec<_> = (0..self.inputs.len())
            .map(|input| self.filter_of(input))
            .collect();
        for ((number, input), filter) in self.inputs.iter_mut().enumerate().zip(filters) {
            let users = self.wanted.iter().filter(|(input, _)| *input == number);
            let read: Columns = users
                .flat_map(|(_, columns)| columns.iter().copied())
                .collect();
            for flow in &mut self.flows {
                if let Origin::Input { input, wanted } = flow.origin
                    && input == number
                    && let Some((_, columns)) = self.wanted.get(wanted)
                    && columns.len() < read.len()
                {
                    let columns = columns
                        .iter()
                        .map(|column| position(&read, *column))
                        .collect();
                    flow.stages.insert(0, Stage::Select { columns });
                }
            }
            let read: Vec<usize> = read.into_iter().collect();
            match input {
                PlanInput::Stream(source) => {
                    if let Some(source) = self.sources.get_mut(*source) {
                        source.columns = read;
                        source.filter = filter;
                    }
                }
                PlanInput::Table { columns, .. } | PlanInput::Rows { columns, .. } => {
                    *columns = read;
                }
            }
        }
        IncrementalPlan {
            sources: self.sources,
            inputs: self.inputs,
            blocks: self.blocks,
            flows: self.flows,
            event_times: self.event_times,
            schema,
        }
    }
}

/// Adds a stage to every branch, if there is one to add.
fn add(mut branches: Vec<Branch>, stage: impl Fn() -> Option<Stage>) -> Vec<Branch> {
    for branch in &mut branches {
        branch.stages.extend(stage());
    }
    branches
}

/// Narrows `have` to `needed`.
fn select(branches: Vec<Branch>, have: &Columns, needed: &Columns) -> Vec<Branch> {
    let columns = narrowing(have, needed);
    add(branches, || {
        columns.clone().map(|columns| Stage::Select { columns })
    })
}

/// A projection, unless it changes nothing.
fn project(expressions: &[Expr], width: usize, schema: &SchemaRef) -> Option<Stage> {
    let is_identity = expressions.len() == width
        && expressions
            .iter()
            .enumerate()
            .all(|(index, expression)| matches!(expression.kind, ExprKind::Column(column) if column == index));
    if is_identity {
        return None;
    }
    Some(Stage::Project {
        expressions: expressions.to_vec(),
        schema: Arc::clone(schema),
    })
}

fn narrowing(have: &Columns, needed: &Columns) -> Option<Vec<usize>> {
    (have.len() > needed.len()).then(|| {
        needed
            .iter()
            .map(|column| position(have, *column))
            .collect()
    })
}

/// Where `column` stands among `columns`.
fn position(columns: &Columns, column: usize) -> usize {
    columns.range(..column).count()
}

fn union(left: &Columns, right: &Columns) -> Columns {
    left.union(right).copied().collect()
}

/// Columns of a join by side.
fn split(columns: &Columns, width: usize) -> (Columns, Columns) {
    let left = columns.range(..width).copied().collect();
    let right = columns
        .range(width..)
        .map(|column| column - width)
        .collect();
    (left, right)
}

fn picked<'a, T>(list: &'a [T], needed: &'a Columns) -> impl Iterator<Item = &'a T> {
    list.iter()
        .enumerate()
        .filter(|(index, _)| needed.contains(index))
        .map(|(_, item)| item)
}

fn picked_schema(plan: &LogicalPlan, needed: &Columns) -> SchemaRef {
    let fields: Vec<Field> = picked(&plan.schema.columns, needed)
        .map(|column| Field::new(&column.name, column.data_type.clone(), column.is_nullable))
        .collect();
    Arc::new(Schema::new(fields))
}

/// Left then right columns; those of a side that may be missing are nullable.
fn pairs_schema(
    left: &LogicalPlan,
    right: &LogicalPlan,
    left_used: &Columns,
    right_used: &Columns,
    join_type: JoinType,
) -> SchemaRef {
    let left_nullable = matches!(join_type, JoinType::RightOuter | JoinType::FullOuter);
    let right_nullable = matches!(join_type, JoinType::LeftOuter | JoinType::FullOuter);
    let fields = |plan: &LogicalPlan, used: &Columns, nullable: bool| -> Vec<Field> {
        let schema = picked_schema(plan, used);
        let widen = |field: &Field| field.clone().with_nullable(nullable || field.is_nullable());
        schema
            .fields()
            .iter()
            .map(|field| widen(field.as_ref()))
            .collect()
    };
    let mut all = fields(left, left_used, left_nullable);
    all.extend(fields(right, right_used, right_nullable));
    Arc::new(Schema::new(all))
}

fn columns_of<'a>(expressions: impl IntoIterator<Item = &'a Expr>) -> Columns {
    expressions.into_iter().flat_map(Expr::columns).collect()
}

/// The expression over the columns `below` alone.
fn remap(expression: &Expr, below: &Columns) -> Expr {
    expression.remap_columns(below.len(), &|column| position(below, column))
}

fn remap_all(expressions: &[&Expr], below: &Columns) -> Vec<Expr> {
    expressions
        .iter()
        .map(|expression| remap(expression, below))
        .collect()
}
