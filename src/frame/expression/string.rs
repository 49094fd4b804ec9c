//! Functions of strings. Lengths and positions count characters.

use super::scalar::{one, wrong_number_of_inputs};
use super::{cast_to, literal, refuse, to_ast, to_ast_list};
use crate::error::Result;
use crate::expr::Ast;
use crate::types::DECIMAL_MAX_PRECISION;
use arrow::datatypes::DataType;
use polars::prelude::{Expr, StringFunction};

/// A function of strings by Spark's name.
pub(super) fn function(inputs: &[Expr], function: &StringFunction, whole: &Expr) -> Result<Ast> {
    let name = match function {
        StringFunction::Lowercase => "lower",
        StringFunction::Uppercase => "upper",
        StringFunction::LenChars => "char_length",
        StringFunction::LenBytes => "octet_length",
        StringFunction::StartsWith => "startswith",
        StringFunction::EndsWith => "endswith",
        StringFunction::Contains { literal: true, .. } => "contains",
        StringFunction::Contains { literal: false, .. } => "rlike",
        StringFunction::Replace {
            n: -1,
            literal: true,
        } => "replace",
        StringFunction::Replace {
            n: -1,
            literal: false,
        } => "regexp_replace",
        StringFunction::Replace { .. } => {
            return Err(refuse(whole, "replace_all replaces every match"));
        }
        StringFunction::CountMatches(false) => "regexp_count",
        StringFunction::SplitRegex {
            inclusive: false, ..
        } => "split",
        StringFunction::Extract(group) => {
            let mut arguments = to_ast_list(inputs)?;
            arguments.push(literal::of_number(
                i64::try_from(*group).unwrap_or(i64::MAX),
            ));
            return Ok(Ast::call("regexp_extract", arguments));
        }
        StringFunction::ExtractAll => {
            let mut arguments = to_ast_list(inputs)?;
            arguments.push(literal::of_number(0));
            return Ok(Ast::call("regexp_extract_all", arguments));
        }
        StringFunction::Split(false) => return split(inputs, whole),
        StringFunction::Slice => return slice(inputs, whole),
        StringFunction::Head => return end(inputs, "left", whole),
        StringFunction::Tail => return end(inputs, "right", whole),
        StringFunction::StripChars => return strip(inputs, "trim", "btrim", whole),
        StringFunction::StripCharsStart => return strip(inputs, "ltrim", "", whole),
        StringFunction::StripCharsEnd => return strip(inputs, "rtrim", "", whole),
        StringFunction::ConcatHorizontal {
            delimiter,
            ignore_nulls,
        } => {
            return concat(inputs, delimiter, *ignore_nulls);
        }
        StringFunction::ToDecimal { scale } => {
            let scale =
                i8::try_from(*scale).map_err(|_| refuse(whole, "the scale is at most 38"))?;
            let data_type = DataType::Decimal128(DECIMAL_MAX_PRECISION, scale);
            return Ok(cast_to(to_ast(one(inputs)?)?, data_type));
        }
        StringFunction::Strptime(_, _) => {
            return Err(refuse(
                whole,
                "functions::to_timestamp takes a pattern such as yyyy-MM-dd, cast reads ISO 8601",
            ));
        }
        _ => return Err(refuse(whole, "")),
    };
    Ok(Ast::call(name, to_ast_list(inputs)?))
}

/// Splitting by a plain text: Spark's `split` takes a pattern, so the text is escaped.
fn split(inputs: &[Expr], whole: &Expr) -> Result<Ast> {
    let [input, by] = inputs else {
        return Err(wrong_number_of_inputs(whole));
    };
    let by =
        literal::text(by).map_err(|_| refuse(whole, "split_regex splits by a computed pattern"))?;
    Ok(Ast::call(
        "split",
        vec![to_ast(input)?, Ast::string(&regex::escape(&by))],
    ))
}

/// `slice(offset, length)` counts from 0, `substring` from 1; both count from the end below 0.
fn slice(inputs: &[Expr], whole: &Expr) -> Result<Ast> {
    let [input, offset, length] = inputs else {
        return Err(wrong_number_of_inputs(whole));
    };
    let offset = literal::number(offset).ok_or_else(|| {
        refuse(
            whole,
            "call(\"substring\", …) takes a computed position, from 1",
        )
    })?;
    let position = if offset >= 0 { offset + 1 } else { offset };
    let mut arguments = vec![to_ast(input)?, literal::of_number(position)];
    if !matches!(length, Expr::Literal(length) if length.is_null()) {
        arguments.push(to_ast(length)?);
    }
    Ok(Ast::call("substring", arguments))
}

/// `head(n)` and `tail(n)` with a constant that is not negative.
fn end(inputs: &[Expr], name: &str, whole: &Expr) -> Result<Ast> {
    let [input, length] = inputs else {
        return Err(wrong_number_of_inputs(whole));
    };
    match literal::number(length) {
        Some(length) if length >= 0 => Ok(Ast::call(
            name,
            vec![to_ast(input)?, literal::of_number(length)],
        )),
        _ => Err(refuse(
            whole,
            "the length is a constant that is not negative",
        )),
    }
}

/// Stripping: spaces (`spaces`), or given characters (`characters`, `""` if Spark has no such function).
fn strip(inputs: &[Expr], spaces: &str, characters: &str, whole: &Expr) -> Result<Ast> {
    let [input, which] = inputs else {
        return Err(wrong_number_of_inputs(whole));
    };
    let input = to_ast(input)?;
    if matches!(which, Expr::Literal(which) if which.is_null()) {
        return Ok(Ast::call(spaces, vec![input]));
    }
    if characters.is_empty() {
        return Err(refuse(
            whole,
            "only spaces can be stripped from one end: pass a null literal",
        ));
    }
    Ok(Ast::call(characters, vec![input, to_ast(which)?]))
}

/// `concat_str`: nulls make null (`concat`) or are passed over (`concat_ws`).
fn concat(inputs: &[Expr], delimiter: &str, ignore_nulls: bool) -> Result<Ast> {
    let mut arguments = to_ast_list(inputs)?;
    if ignore_nulls {
        arguments.insert(0, Ast::string(delimiter));
        return Ok(Ast::call("concat_ws", arguments));
    }
    if !delimiter.is_empty() {
        let delimiter = Ast::string(delimiter);
        arguments = arguments
            .into_iter()
            .flat_map(|argument| [delimiter.clone(), argument])
            .skip(1)
            .collect();
    }
    Ok(Ast::call("concat", arguments))
}
