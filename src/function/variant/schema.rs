//! `schema_of_variant` of one value, `schema_of_variant_agg` of all values of a group.

use super::{variant_argument, with_column};
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::try_text_into;
use crate::function::signature::count_arguments;
use crate::function::{Accumulator, AggregateFunction, ScalarFunction, Signature};
use crate::types;
use crate::variant::{VariantColumn, VariantColumnBuilder, VariantSchema};
use arrow::array::{ArrayRef, BooleanArray, StringArray};
use arrow::datatypes::DataType;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![ScalarFunction {
        name: "schema_of_variant",
        usage: "schema_of_variant(v)",
        description: "The schema of a VARIANT as SQL text.",
        example: "SELECT schema_of_variant(parse_json('null'))",
        resolve: |arguments| resolve("schema_of_variant", arguments, true),
        kernel: |call| {
            with_column(call, |column| {
                try_text_into(call.rows, |row, out| {
                    let node = column.node(row)?;
                    Ok(node.map(|node| out.push_str(&VariantSchema::of(&node).sql())))
                })
            })
        },
        is_deterministic: true,
    }]
}

fn resolve(name: &str, arguments: &[Expr], is_nullable: bool) -> Result<Signature> {
    count_arguments(name, arguments, 1, 1)?;
    variant_argument(name, arguments)?;
    Ok(Signature {
        arguments: vec![types::variant()],
        returns: DataType::Utf8,
        is_nullable,
    })
}

/// The schema that fits all values of a group; `VOID` for none.
#[derive(Debug)]
pub(super) struct SchemaOfVariantAgg;

impl AggregateFunction for SchemaOfVariantAgg {
    fn name(&self) -> &'static str {
        "schema_of_variant_agg"
    }

    fn usage(&self) -> &'static str {
        "schema_of_variant_agg(v)"
    }

    fn description(&self) -> &'static str {
        "The schema that fits all VARIANT values of the group, as SQL text."
    }

    fn example(&self) -> &'static str {
        "SELECT schema_of_variant_agg(parse_json(j)) FROM VALUES ('1'), ('2') AS tab(j)"
    }

    fn resolve(&self, arguments: &[Expr]) -> Result<Signature> {
        resolve(self.name(), arguments, false)
    }

    fn accumulator(
        &self,
        _arguments: &[Expr],
        _signature: &Signature,
    ) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Schemas(Vec::new())))
    }
}

/// The schema of each group. Its state column is a `VARIANT` that spells the schema.
#[derive(Debug)]
struct Schemas(Vec<VariantSchema>);

impl Schemas {
    fn merge_into(&mut self, group: u32, schema: VariantSchema) {
        if let Some(own) = self.0.get_mut(group as usize) {
            let before = std::mem::replace(own, VariantSchema::VOID);
            *own = before.merge(schema);
        }
    }

    fn of(&self, group: u32) -> Result<&VariantSchema> {
        self.0
            .get(group as usize)
            .ok_or_else(|| Error::internal("a group that was not announced"))
    }
}

impl Accumulator for Schemas {
    fn state_types(&self) -> Vec<DataType> {
        vec![types::variant()]
    }

    fn resize(&mut self, groups: usize) {
        self.0.resize(groups, VariantSchema::VOID);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let values = arguments
            .first()
            .ok_or_else(|| Error::internal("an aggregate without its argument"))?;
        let values = VariantColumn::of(values)?;
        for (row, group) in groups.iter().enumerate() {
            let counts = filter.is_none_or(|filter| {
                arrow::array::Array::is_valid(filter, row) && filter.value(row)
            });
            if counts && let Some(node) = values.node(row)? {
                self.merge_into(*group, VariantSchema::of(&node));
            }
        }
        Ok(())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        let schemas = state
            .first()
            .ok_or_else(|| Error::internal("an aggregate without its state"))?;
        let schemas = VariantColumn::of(schemas)?;
        for (row, group) in groups.iter().enumerate() {
            if let Some(node) = schemas.node(row)? {
                let schema = VariantSchema::from_node(&node)?;
                self.merge_into(*group, schema);
            }
        }
        Ok(())
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let mut builder = VariantColumnBuilder::with_capacity(groups.len());
        for group in groups {
            builder.append(Some(&self.of(*group)?.to_node()));
        }
        Ok(vec![builder.finish()])
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        let texts = groups
            .iter()
            .map(|group| Ok(Some(self.of(*group)?.sql())))
            .collect::<Result<StringArray>>()?;
        Ok(Arc::new(texts))
    }

    fn clear(&mut self, groups: &[u32]) {
        for group in groups {
            if let Some(schema) = self.0.get_mut(*group as usize) {
                *schema = VariantSchema::VOID;
            }
        }
    }

    fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<VariantSchema>()
            + self
                .0
                .iter()
                .map(VariantSchema::memory_bytes)
                .sum::<usize>()
    }
}
