//! Forms that are no calls: they look at their arguments only for the rows that need it.
//!
//! `AND`, `OR`, `CASE` and `COALESCE` have their own [`ExprKind`]; the others are written with them: `if`, `nvl`, `nullif`, `between`, `in`,
//! `decode`, ….

use crate::analyze::call::{apply_named, in_order, unexpected_input};
use crate::analyze::{Analyzer, cast_to, mismatch, null_of};
use crate::error::{Error, Result, Span};
use crate::expr::{
    Ast, AstCall, AstKind, Expr, ExprKind, INTERVAL_LITERAL, ROW, TIMESTAMP_LITERAL, common_units,
    is_null_constant,
};
use crate::function::{arguments_before_seed, unseeded};
use crate::types::{
    self, IntervalField, IntervalUnits, TypeUnits, can_implicitly_cast, common_type_of,
    has_interval, simple_string_of,
};
use arrow::array::{AsArray, Int32Array, StringArray};
use arrow::datatypes::DataType;
use std::sync::Arc;

/// Puts two conditions together.
type Connective = fn(Box<Expr>, Box<Expr>) -> ExprKind;

/// The names that are forms.
pub(super) const NAMES: &[&str] = &[
    "and",
    "or",
    "if",
    "iff",
    "case",
    "coalesce",
    "ifnull",
    "nvl",
    "nvl2",
    "nullif",
    "nullifzero",
    "zeroifnull",
    "between",
    "in",
    "decode",
    "struct",
    ROW,
    "grouping",
    "grouping_id",
];

impl Analyzer<'_> {
    /// The form that the call is; `None` if it is none.
    pub(super) fn resolve_form(&mut self, ast: &Ast, call: &AstCall) -> Option<Result<Expr>> {
        Some(match call.name.as_str() {
            "and" => self.logical(ast, call, ExprKind::And),
            "or" => self.logical(ast, call, ExprKind::Or),
            "if" | "iff" => self.resolve_if(ast, call),
            "case" => self.resolve_case_call(ast, call),
            "coalesce" | "ifnull" | "nvl" => self.resolve_coalesce(ast, call),
            "nvl2" => self.resolve_nvl2(ast, call),
            "nullif" => self.resolve_nullif(ast, call),
            "nullifzero" => self.resolve_nullifzero(ast, call),
            "zeroifnull" => self.resolve_zeroifnull(ast, call),
            "between" => self.resolve_between(ast, call),
            "in" => self.resolve_in(ast, call),
            "decode" => self.resolve_decode(ast, call),
            "struct" | ROW => self.resolve_struct(ast, call),
            TIMESTAMP_LITERAL => match &call.arguments[..] {
                [text] => self.resolve_timestamp(text),
                _ => return None,
            },
            "__likeall" | "__likeany" | "__notlikeall" | "__notlikeany" => {
                self.resolve_like_many(call)
            }
            INTERVAL_LITERAL => self.resolve_interval(call),
            "typeof" => self.resolve_typeof(ast, call),
            "to_char" | "to_varchar" => return self.resolve_to_char(ast, call),
            name if is_unseeded(name, &call.arguments) => self.resolve_unseeded(ast, call),
            "grouping" => self.resolve_grouping(ast, call),
            "grouping_id" => self.resolve_grouping_id(ast, call),
            _ => return None,
        })
    }

    /// A timestamp literal: a text that is cast.
    fn resolve_timestamp(&mut self, text: &Ast) -> Result<Expr> {
        let to = (&types::timestamp(), &TypeUnits::default());
        self.resolve_cast(text, to, false)
    }

    /// An interval literal: a constant with the units that were written.
    fn resolve_interval(&mut self, call: &AstCall) -> Result<Expr> {
        let unit = |ast: &Ast| match &ast.kind {
            AstKind::Literal(name) => name
                .as_string_opt::<i32>()
                .and_then(|name| IntervalField::parse(name.value(0))),
            _ => None,
        };
        let malformed = || Error::internal("an interval literal without its units");
        let [value, from, to] = &call.arguments[..] else {
            return Err(malformed());
        };
        let units = unit(from).zip(unit(to));
        let units = units
            .and_then(|(from, to)| IntervalUnits::new(from, to))
            .ok_or_else(malformed)?;
        Ok(self.resolve(value)?.with_units(TypeUnits::only(units)))
    }

    /// `typeof(x)`: what the function cannot see, the units of intervals, is put in its place.
    fn resolve_typeof(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let mut arguments = self.resolve_all(&call.arguments)?;
        if let [argument] = &mut arguments[..]
            && has_interval(&argument.data_type)
        {
            let name = simple_string_of(&argument.data_type, &argument.units);
            return Ok(Expr::literal(Arc::new(StringArray::from(vec![name]))));
        }
        apply_named("typeof", arguments, || self.text(ast))
    }

    /// A function of chance without its seed: it gets one that no other call of the query has.
    fn resolve_unseeded(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let columns = self.schema.columns.iter().map(|column| &column.name);
        let place = format!(
            "{:?} {:?} {:?} {}",
            columns.collect::<Vec<_>>(),
            self.output_name,
            ast.span,
            self.text(ast)
        );
        let (seed, number) = unseeded(&place);
        let count = arguments_before_seed(&call.name).unwrap_or(call.arguments.len());
        let mut arguments = self.resolve_all(call.arguments.get(..count).unwrap_or_default())?;
        arguments.push(apply_named(seed, vec![number], || self.text(ast))?);
        apply_named(&call.name, arguments, || self.text(ast))
    }

    /// `input [NOT] LIKE ALL|ANY (pattern, …)`: each for itself, together.
    fn resolve_like_many(&mut self, call: &AstCall) -> Result<Expr> {
        let Some((input, patterns)) = call.arguments.split_first() else {
            return Err(Error::internal("a LIKE without its input"));
        };
        let matches = patterns.iter().map(|pattern| {
            let like = Ast::call("like", vec![input.clone(), pattern.clone()]);
            if call.name.starts_with("__not") {
                Ast::call("not", vec![like])
            } else {
                like
            }
        });
        let operator = if call.name.ends_with("all") {
            "and"
        } else {
            "or"
        };
        let together = matches
            .reduce(|left, right| Ast::call(operator, vec![left, right]))
            .ok_or_else(|| Error::internal("a LIKE without patterns"))?;
        self.resolve(&together)
    }

    fn logical(&mut self, ast: &Ast, call: &AstCall, kind: Connective) -> Result<Expr> {
        let [left, right] = two(call)?;
        let left = self.resolve(left)?;
        let right = self.resolve(right)?;
        let right_type = right.data_type.clone();
        let right = self.logical_side(ast, right, &left.data_type)?;
        let left = self.logical_side(ast, left, &right_type)?;
        Ok(Expr {
            data_type: DataType::Boolean,
            units: TypeUnits::default(),
            is_nullable: left.is_nullable || right.is_nullable,
            span: Span::NOWHERE,
            kind: kind(Box::new(left), Box::new(right)),
        })
    }

    fn logical_side(&self, ast: &Ast, side: Expr, other: &DataType) -> Result<Expr> {
        if can_implicitly_cast(&side.data_type, &DataType::Boolean) {
            return Ok(cast_to(side, &DataType::Boolean));
        }
        let which = if side.data_type == *other {
            "BINARY_OP_WRONG_TYPE"
        } else {
            "BINARY_OP_DIFF_TYPES"
        };
        Err(mismatch(
            which,
            &self.text(ast),
            &format!(
                "the binary operator requires the input type \"BOOLEAN\", not \"{}\"",
                side.sql_type()
            ),
        ))
    }

    /// A condition of a branch.
    fn condition(&mut self, whole: &Ast, condition: &Ast) -> Result<Expr> {
        let resolved = self.resolve(condition)?;
        if !can_implicitly_cast(&resolved.data_type, &DataType::Boolean) {
            let (text, input) = (self.text(whole), self.text(condition));
            let found = (input.as_str(), &resolved);
            return Err(unexpected_input(&text, "first", "BOOLEAN", found));
        }
        Ok(cast_to(resolved, &DataType::Boolean))
    }

    pub(super) fn resolve_case(
        &mut self,
        ast: &Ast,
        branches: &[(Ast, Ast)],
        otherwise: Option<&Ast>,
    ) -> Result<Expr> {
        let mut resolved = Vec::with_capacity(branches.len());
        for (condition, value) in branches {
            resolved.push((self.condition(ast, condition)?, self.resolve(value)?));
        }
        let otherwise = otherwise.map(|value| self.resolve(value)).transpose()?;
        self.case(ast, resolved, otherwise)
    }

    /// A `CASE` of resolved parts, its values cast to their common type.
    fn case(
        &self,
        ast: &Ast,
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Expr>,
    ) -> Result<Expr> {
        let values = branches
            .iter()
            .map(|(_, value)| value)
            .chain(otherwise.as_ref());
        let data_type = self.common(ast, values.clone())?;
        let is_nullable = otherwise.is_none() || values.clone().any(|value| value.is_nullable);
        let units = common_units(&data_type, values);
        Ok(Expr {
            units,
            is_nullable,
            span: Span::NOWHERE,
            kind: ExprKind::Case {
                branches: branches
                    .into_iter()
                    .map(|(condition, value)| (condition, cast_to(value, &data_type)))
                    .collect(),
                otherwise: otherwise.map(|value| Box::new(cast_to(value, &data_type))),
            },
            data_type,
        })
    }

    /// The type that all values can be cast to.
    fn common<'e>(
        &self,
        ast: &Ast,
        values: impl Iterator<Item = &'e Expr> + Clone,
    ) -> Result<DataType> {
        common_type_of(values.clone().map(|value| &value.data_type)).ok_or_else(|| {
            let found: Vec<String> = values
                .map(|value| format!("\"{}\"", value.sql_type()))
                .collect();
            let function = ast.as_call().map_or("case", |call| call.name.as_str());
            mismatch(
                "DATA_DIFF_TYPES",
                &self.text(ast),
                &format!(
                    "input to `{function}` should all be the same type, but it's [{}]",
                    found.join(", ")
                ),
            )
        })
    }

    fn resolve_if(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let arguments = in_order(call, "if(expr1, expr2, expr3)")?;
        let [condition, then, otherwise] = &arguments[..] else {
            return Err(wrong_count(call, "3"));
        };
        let condition = self.condition(ast, condition)?;
        let then = self.resolve(then)?;
        let otherwise = self.resolve(otherwise)?;
        self.case(ast, vec![(condition, then)], Some(otherwise))
    }

    /// `case(condition, value, …[, otherwise])`, the form in which a data frame may write it.
    fn resolve_case_call(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let pairs = call.arguments.chunks_exact(2);
        let otherwise = pairs.remainder().first();
        let mut branches = Vec::with_capacity(pairs.len());
        for pair in pairs {
            if let [condition, value] = pair {
                branches.push((self.condition(ast, condition)?, self.resolve(value)?));
            }
        }
        if branches.is_empty() {
            return Err(wrong_count(call, "at least 2"));
        }
        let otherwise = otherwise.map(|value| self.resolve(value)).transpose()?;
        self.case(ast, branches, otherwise)
    }

    fn resolve_coalesce(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let is_two = call.name != "coalesce";
        if call.arguments.is_empty() || (is_two && call.arguments.len() != 2) {
            return Err(wrong_count(call, if is_two { "2" } else { "> 0" }));
        }
        let values = self.resolve_all(&call.arguments)?;
        let data_type = self.common(ast, values.iter())?;
        Ok(coalesce(values, &data_type))
    }

    fn resolve_nvl2(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let [input, then, otherwise] = &call.arguments[..] else {
            return Err(wrong_count(call, "3"));
        };
        let input = self.resolve(input)?;
        let condition = apply_named("isnotnull", vec![input], || self.text(ast))?;
        let then = self.resolve(then)?;
        let otherwise = self.resolve(otherwise)?;
        self.case(ast, vec![(condition, then)], Some(otherwise))
    }

    fn resolve_nullif(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let [left, right] = two(call)?;
        let left = self.resolve(left)?;
        let right = self.resolve(right)?;
        self.null_if_equal(ast, left, right)
    }

    fn resolve_nullifzero(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let [input] = &call.arguments[..] else {
            return Err(wrong_count(call, "1"));
        };
        let input = self.resolve(input)?;
        self.null_if_equal(ast, input, int(0))
    }

    fn null_if_equal(&self, ast: &Ast, left: Expr, right: Expr) -> Result<Expr> {
        let condition = apply_named("=", vec![left.clone(), right], || self.text(ast))?;
        let null = null_of(&left.data_type).with_units(left.units.clone());
        self.case(ast, vec![(condition, null)], Some(left))
    }

    fn resolve_zeroifnull(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let [input] = &call.arguments[..] else {
            return Err(wrong_count(call, "1"));
        };
        let values = vec![self.resolve(input)?, int(0)];
        let data_type = self.common(ast, values.iter())?;
        Ok(coalesce(values, &data_type))
    }

    fn resolve_between(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let [input, low, high] = &call.arguments[..] else {
            return Err(wrong_count(call, "3"));
        };
        let input = self.resolve(input)?;
        let low = self.resolve(low)?;
        let high = self.resolve(high)?;
        let text = || self.text(ast);
        let above = apply_named(">=", vec![input.clone(), low], text)?;
        let below = apply_named("<=", vec![input, high], text)?;
        Ok(above.and(below))
    }

    /// `x IN (…)`: true if one is equal, null if none is but x or one of them is null.
    fn resolve_in(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let mut resolved = self.resolve_all(&call.arguments)?;
        let [input, values @ ..] = resolved.as_mut_slice() else {
            return Err(wrong_count(call, "> 1"));
        };
        if values.is_empty() {
            return Err(wrong_count(call, "> 1"));
        }
        // As in Spark the names of the fields do not matter: `(a, b) IN ((1, 2))`.
        for value in values {
            if types::differ_in_names(&value.data_type, &input.data_type) {
                *value = cast_to(value.clone(), &input.data_type);
            }
        }
        let is_null =
            matches!(input.kind, ExprKind::Literal(_)) && input.data_type == DataType::Null;
        let common = common_type_of(resolved.iter().map(|value| &value.data_type));
        let Some(data_type) = common else {
            let types: Vec<String> = resolved
                .iter()
                .map(|value| format!("\"{}\"", value.sql_type()))
                .collect();
            return Err(mismatch(
                "DATA_DIFF_TYPES",
                &self.text(ast),
                &format!(
                    "input to `in` should all be the same type, but it's [{}]",
                    types.join(", ")
                ),
            ));
        };
        if is_null {
            return Ok(null_of(&DataType::Boolean));
        }
        let mut values = resolved.into_iter().map(|value| cast_to(value, &data_type));
        let input = values.next().ok_or_else(|| wrong_count(call, "> 1"))?;
        let mut conditions = values
            .map(|value| apply_named("=", vec![input.clone(), value], || self.text(ast)))
            .collect::<Result<Vec<_>>>()?;
        // A balanced tree: a long list must not make a deep expression.
        while conditions.len() > 1 {
            conditions = conditions
                .chunks(2)
                .filter_map(|pair| pair.iter().cloned().reduce(either))
                .collect();
        }
        conditions.pop().ok_or_else(|| wrong_count(call, "> 1"))
    }

    /// `decode(expr, search, result, …[, default])`; with two arguments it decodes a character set.
    fn resolve_decode(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        if call.arguments.len() < 3 {
            let arguments = self.resolve_all(&call.arguments)?;
            return apply_named("decode", arguments, || self.text(ast));
        }
        let (input, rest) = call
            .arguments
            .split_first()
            .ok_or_else(|| wrong_count(call, "> 1"))?;
        let input = self.resolve(input)?;
        let pairs = rest.chunks_exact(2);
        let otherwise = pairs.remainder().first();
        let mut branches = Vec::with_capacity(pairs.len());
        for pair in pairs {
            if let [search, value] = pair {
                let search = self.resolve(search)?;
                let condition = apply_named("<=>", vec![input.clone(), search], || self.text(ast))?;
                branches.push((condition, self.resolve(value)?));
            }
        }
        let otherwise = otherwise.map(|value| self.resolve(value)).transpose()?;
        self.case(ast, branches, otherwise)
    }

    /// `to_char` of a date or timestamp is `date_format`, of a binary `base64`, `hex` or `decode`; `None` for numbers.
    fn resolve_to_char(&mut self, ast: &Ast, call: &AstCall) -> Option<Result<Expr>> {
        let [input, format] = &call.arguments[..] else {
            return None;
        };
        let (input, format) = match (self.resolve(input), self.resolve(format)) {
            (Ok(input), Ok(format)) => (input, format),
            (Err(error), _) | (_, Err(error)) => return Some(Err(error)),
        };
        let text = || self.text(ast);
        if types::is_datetime(&input.data_type) {
            return Some(apply_named("date_format", vec![input, format], text));
        }
        if input.data_type != DataType::Binary {
            return None;
        }
        let name = string_of(&format).map(|name| name.to_lowercase());
        Some(match name.as_deref() {
            Some("base64") => apply_named("base64", vec![input], text),
            Some("hex") => apply_named("hex", vec![input], text),
            Some("utf-8") => apply_named("decode", vec![input, format], text),
            _ => Err(Error::invalid(format!(
                "the format of a binary must be one of the constants 'base64', 'hex' and 'utf-8'. function=`{}`",
                call.name
            ))
            .with_condition("INVALID_PARAMETER_VALUE.BINARY_FORMAT")),
        })
    }

    /// `struct(a, b AS c, 1)`: columns and fields keep their names, other values are called by their place.
    fn resolve_struct(&mut self, ast: &Ast, call: &AstCall) -> Result<Expr> {
        let mut named = Vec::with_capacity(call.arguments.len() * 2);
        let mut add = |name: String, value: Expr| {
            named.push(Expr::literal(Arc::new(StringArray::from(vec![name]))));
            named.push(value);
        };
        let mut place = 0;
        for argument in &call.arguments {
            if let AstKind::Star(qualifier) = &argument.kind {
                for (value, name) in super::column::star(self.schema, self.own_columns, qualifier)?
                {
                    place += 1;
                    add(name, value);
                }
                continue;
            }
            place += 1;
            let name = match &argument.kind {
                AstKind::Name(parts) => parts.last().cloned(),
                AstKind::Field(_, name) => Some(name.clone()),
                AstKind::Alias(_, names) => names.first().cloned(),
                _ => None,
            };
            add(
                name.unwrap_or_else(|| format!("col{place}")),
                self.resolve(argument)?,
            );
        }
        apply_named("named_struct", named, || self.text(ast))
    }

    /// `input[index]`.
    pub(super) fn resolve_index(&mut self, ast: &Ast, input: &Ast, index: &Ast) -> Result<Expr> {
        let input = self.resolve(input)?;
        let index = self.resolve(index)?;
        if let (DataType::Struct(_), Some(name)) = (&input.data_type, string_of(&index)) {
            return super::column::field(input.clone(), &name, || self.text(ast));
        }
        element(input, index, &self.text(ast))
    }
}

/// An element of an array, counted from 0, or the value of a key of a map.
pub(super) fn element(input: Expr, index: Expr, text: &str) -> Result<Expr> {
    match input.data_type {
        DataType::List(_) | DataType::Map(..) => {
            apply_named("__item", vec![input, index], || text.to_owned())
        }
        _ => Err(Error::invalid(format!(
            "can't extract a value from \"{text}\". Need a complex type [STRUCT, ARRAY, MAP] but got \"{}\"",
            input.sql_type()
        ))
        .with_condition("INVALID_EXTRACT_BASE_FIELD_TYPE")),
    }
}

/// The text of a STRING constant.
pub(super) fn string_of(expr: &Expr) -> Option<String> {
    use arrow::array::{Array, AsArray};
    let value = super::literal_value(expr)?;
    let strings = value.as_string_opt::<i32>()?;
    strings.is_valid(0).then(|| strings.value(0).to_owned())
}

/// `COALESCE` of values that have a common type.
fn coalesce(values: Vec<Expr>, data_type: &DataType) -> Expr {
    Expr {
        units: common_units(data_type, &values),
        is_nullable: values.iter().all(|value| value.is_nullable),
        span: Span::NOWHERE,
        kind: ExprKind::Coalesce(
            values
                .into_iter()
                .map(|value| cast_to(value, data_type))
                .collect(),
        ),
        data_type: data_type.clone(),
    }
}

/// `left OR right`.
fn either(left: Expr, right: Expr) -> Expr {
    Expr {
        data_type: DataType::Boolean,
        units: TypeUnits::default(),
        is_nullable: left.is_nullable || right.is_nullable,
        span: left.span.union(right.span),
        kind: ExprKind::Or(Box::new(left), Box::new(right)),
    }
}

fn int(value: i32) -> Expr {
    Expr::literal(Arc::new(Int32Array::from(vec![value])))
}

fn two(call: &AstCall) -> Result<[&Ast; 2]> {
    match &call.arguments[..] {
        [left, right] => Ok([left, right]),
        _ => Err(wrong_count(call, "2")),
    }
}

/// `WRONG_NUM_ARGS`.
pub(super) fn wrong_count(call: &AstCall, expected: &str) -> Error {
    Error::invalid(format!(
        "the `{}` requires {expected} parameters but the actual number is {}",
        call.name,
        call.arguments.len()
    ))
    .with_condition("WRONG_NUM_ARGS.WITHOUT_SUGGESTION")
}

/// Whether a function of chance is called without a seed, which for two of them null says too.
fn is_unseeded(name: &str, arguments: &[Ast]) -> bool {
    let Some(count) = arguments_before_seed(name) else {
        return false;
    };
    let is_null_seed = || {
        matches!(name, "uuid" | "shuffle")
            && arguments.len() == count + 1
            && arguments.last().is_some_and(
                |seed| matches!(&seed.kind, AstKind::Literal(value) if is_null_constant(value)),
            )
    };
    arguments.len() == count || is_null_seed()
}
