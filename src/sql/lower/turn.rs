//! `PIVOT` and `UNPIVOT` by what the builder has.
//!
//! `PIVOT` groups by the columns that it does not name, with each aggregate filtered to each value. As in Spark, which aggregates by value
//! first, a group without rows of a value has null there, also for `count`. `UNPIVOT` is the generator `stack`.

use super::relation::named;
use super::{Lowering, Plan};
use crate::analyze::call::UNPIVOT;
use crate::analyze::column::unresolved_column;
use crate::analyze::{find_column, is_aggregate_call, resolve};
use crate::batch::{BatchContext, Timestamp};
use crate::cast::cast;
use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind};
use crate::function::signature::folded;
use crate::plan::builder::{self, LateralView};
use crate::plan::{LogicalPlan, PlanSchema};
use crate::sql::ast::{Ident, Pivot, RelationAlias, RelationAst, Unpivot};
use crate::types::sql_name;
use arrow::array::AsArray;
use arrow::datatypes::DataType;
use std::collections::BTreeSet;

impl Lowering<'_> {
    pub(super) fn pivoted(
        &mut self,
        input: &RelationAst,
        pivot: &Pivot,
        alias: Option<&RelationAlias>,
    ) -> Result<Plan> {
        let input = self.relation(input, &[])?;
        let plan = pivoted(&input, pivot).map_err(|error| error.with_span(pivot.span))?;
        named(plan, alias)
    }

    pub(super) fn unpivoted(
        &mut self,
        input: &RelationAst,
        unpivot: &Unpivot,
        alias: Option<&RelationAlias>,
    ) -> Result<Plan> {
        let input = self.relation(input, &[])?;
        let plan = unpivoted(&input, unpivot).map_err(|error| error.with_span(unpivot.span))?;
        named(plan, alias)
    }
}

fn pivoted(input: &Plan, pivot: &Pivot) -> Result<Plan> {
    if input.is_streaming() {
        return Err(Error::unsupported(
            "PIVOT of a stream, as it aggregates what is aggregated: write sum(v) FILTER (WHERE k = 'a') AS a with GROUP BY",
        )
        .with_condition("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"));
    }
    let mut used: BTreeSet<usize> = BTreeSet::new();
    for ast in &pivot.columns {
        used.extend(resolve(ast, &input.schema)?.columns());
    }
    for aggregate in &pivot.aggregates {
        used.extend(names_in(aggregate, input));
    }
    let keys: Vec<Ast> = rest(input, &used);
    let mut items = keys.clone();
    for (values, alias) in &pivot.values {
        if values.len() != pivot.columns.len() {
            return Err(Error::invalid(format!(
                "a value of PIVOT has as many parts as there are columns behind FOR. parts=`{}`, columns=`{}`",
                values.len(),
                pivot.columns.len()
            ))
            .with_condition("PIVOT_VALUE_DATA_TYPE_MISMATCH"));
        }
        let name = match alias {
            Some(alias) => alias.value.clone(),
            None => text_of(values)?,
        };
        let is_value = pivot.columns.iter().zip(values);
        let is_value = is_value
            .map(|(column, value)| Ast::call("<=>", vec![column.clone(), value.clone()]))
            .reduce(|left, right| Ast::call("and", vec![left, right]))
            .ok_or_else(|| Error::internal("a PIVOT without a column"))?;
        for aggregate in &pivot.aggregates {
            let own = aggregate.output_name(&input.schema);
            let name = match pivot.aggregates.as_slice() {
                [_] => name.clone(),
                _ => format!("{name}_{own}"),
            };
            items.push(of_value(aggregate, &is_value, input)?.alias(&name));
        }
    }
    builder::aggregate(input, &keys, &items)
}

/// The columns that the aggregates name.
fn names_in(aggregate: &Ast, input: &LogicalPlan) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    aggregate.walk(&mut |ast| {
        if let AstKind::Name(parts) = &ast.kind
            && let Ok(Some((index, _))) = find_column(&input.schema.columns, parts)
        {
            found.insert(index);
        }
        true
    });
    found
}

/// An aggregate over the rows of a value; null if there are none.
fn of_value(aggregate: &Ast, is_value: &Ast, input: &LogicalPlan) -> Result<Ast> {
    let aggregate = aggregate.without_alias();
    if !aggregate.has_call(&is_aggregate_call) {
        return Err(Error::invalid(format!(
            "aggregate expression required for pivot, but `{}` did not appear in any aggregate function",
            aggregate.sql(&input.schema)
        ))
        .with_span(aggregate.span));
    }
    let filtered = aggregate.map(&|ast| match &ast.kind {
        AstKind::Call(call) if is_aggregate_call(call) => {
            let mut call = call.clone();
            let filter = call.filter.take().map_or_else(
                || is_value.clone(),
                |filter| Ast::call("and", vec![is_value.clone(), *filter]),
            );
            call.filter = Some(Box::new(filter));
            Some(Ast::new(AstKind::Call(call)))
        }
        _ => None,
    });
    let mut count = Ast::call("count", vec![Ast::int(1)]);
    if let AstKind::Call(call) = &mut count.kind {
        call.filter = Some(Box::new(is_value.clone()));
    }
    Ok(Ast::new(AstKind::Case {
        branches: vec![(Ast::call(">", vec![count, Ast::int(0)]), filtered)],
        otherwise: None,
    }))
}

/// What a value without an alias is called: its text, of several parts `{a, b}`.
fn text_of(values: &[Ast]) -> Result<String> {
    let mut texts = Vec::with_capacity(values.len());
    for value in values {
        let resolved = resolve(value, &PlanSchema::default())?;
        if !resolved.is_constant() {
            return Err(Error::invalid("a value of PIVOT is a constant")
                .with_condition("NON_LITERAL_PIVOT_VALUES")
                .with_span(value.span));
        }
        let value = folded("PIVOT", &[resolved], 0)?;
        let context = BatchContext::one_shot(Timestamp(0), "UTC");
        let text = cast(&value, &DataType::Utf8, false, &context)?;
        let text = text.as_string::<i32>().iter().next().flatten();
        texts.push(text.unwrap_or("null").to_owned());
    }
    Ok(match texts.as_slice() {
        [one] => one.clone(),
        several => format!("{{{}}}", several.join(", ")),
    })
}

fn unpivoted(input: &Plan, unpivot: &Unpivot) -> Result<Plan> {
    let mut used = BTreeSet::new();
    let mut cells = vec![Ast::int(
        i32::try_from(unpivot.columns.len()).unwrap_or(i32::MAX),
    )];
    for (columns, alias) in &unpivot.columns {
        if columns.len() != unpivot.values.len() {
            return Err(Error::invalid(format!(
                "each element behind IN has as many columns as there are columns of values. columns=`{}`, values=`{}`",
                columns.len(),
                unpivot.values.len()
            ))
            .with_condition("UNPIVOT_VALUE_SIZE_MISMATCH"));
        }
        let mut names = Vec::with_capacity(columns.len());
        for column in columns {
            let index = column_of(column, input)?;
            used.insert(index);
            names.extend(input.schema.columns.get(index).map(|own| own.name.clone()));
        }
        let name = alias
            .as_ref()
            .map_or_else(|| names.join("_"), |alias| alias.value.clone());
        cells.push(Ast::string(&name));
        cells.extend(columns.iter().cloned());
    }
    check_types(input, unpivot)?;
    let before = builder::generate(
        input,
        &LateralView {
            generator: Ast::call(UNPIVOT, cells),
            is_outer: false,
            name: Some(TURNED.to_owned()),
            columns: generated(unpivot)
                .map(|ident| ident.value.clone())
                .collect(),
        },
    )?;
    let value = |ident: &Ident| Ast::name_of(&[TURNED, &ident.value]);
    let before = if unpivot.includes_nulls {
        before
    } else {
        let is_there = unpivot.values.iter().map(value);
        let is_there = is_there
            .map(|value| Ast::call("isnotnull", vec![value]))
            .reduce(|left, right| Ast::call("or", vec![left, right]));
        match is_there {
            Some(is_there) => builder::filter(&before, &is_there)?,
            None => before,
        }
    };
    let mut items = rest(input, &used);
    items.extend(generated(unpivot).map(|ident| value(ident).alias(&ident.value)));
    builder::select(&before, &items)
}

/// What the columns of `UNPIVOT` are qualified with before they have another name.
const TURNED: &str = "__unpivoted";

/// The columns that `UNPIVOT` makes.
fn generated(unpivot: &Unpivot) -> impl Iterator<Item = &Ident> {
    std::iter::once(&unpivot.name).chain(&unpivot.values)
}

fn column_of(ast: &Ast, input: &LogicalPlan) -> Result<usize> {
    let AstKind::Name(parts) = &ast.kind else {
        return Err(Error::invalid("UNPIVOT takes columns, not expressions")
            .with_condition("UNPIVOT_REQUIRES_ATTRIBUTES")
            .with_span(ast.span));
    };
    match find_column(&input.schema.columns, parts)? {
        Some((index, taken)) if taken == parts.len() => Ok(index),
        _ => Err(unresolved_column(parts, &input.schema.columns).with_span(ast.span)),
    }
}

/// Refuses columns that have no type in common; a text beside another type has none here.
fn check_types(input: &LogicalPlan, unpivot: &Unpivot) -> Result<()> {
    for place in 0..unpivot.values.len() {
        let columns = unpivot.columns.iter();
        let types = columns
            .filter_map(|(columns, _)| columns.get(place))
            .map(|column| Ok(resolve(column, &input.schema)?.data_type))
            .collect::<Result<Vec<DataType>>>()?;
        let texts = types.iter().filter(|one| **one == DataType::Utf8).count();
        let has_one = (texts == 0 || texts == types.len())
            && crate::types::common_type_of(types.iter()).is_some();
        if !has_one {
            let names: Vec<String> = types.iter().map(sql_name).collect();
            return Err(Error::invalid(format!(
                "unpivot value columns must share a least common type, some types do not: [{}]",
                names.join(", ")
            ))
            .with_condition("UNPIVOT_VALUE_DATA_TYPE_MISMATCH"));
        }
    }
    Ok(())
}

/// The columns that are not among these.
fn rest(input: &LogicalPlan, used: &BTreeSet<usize>) -> Vec<Ast> {
    let columns = input.schema.columns.iter().enumerate();
    columns
        .filter(|(index, _)| !used.contains(index))
        .map(|(_, column)| super::subquery::column(column))
        .collect()
}
