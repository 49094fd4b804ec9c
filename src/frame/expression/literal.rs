//! Constants: polars literals become arrays of one row.

use super::refuse;
use crate::arrow_bridge::from_series;
use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind};
use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int32Array, Int64Array, NullArray,
    StringArray,
};
use polars::prelude::{AnyValue, DataType, Expr, LiteralValue, UnknownKind};
use std::sync::Arc;

/// A literal of any type. Numbers without a type get the one Spark gives them: `INT`, `BIGINT` or a decimal by size,
/// `DOUBLE` with a fraction.
pub(super) fn literal(value: &LiteralValue) -> Result<Ast> {
    let whole = || Expr::Literal(value.clone());
    let array = match value {
        LiteralValue::Dyn(_) => untyped(value).ok_or_else(|| refuse(&whole(), ""))?,
        LiteralValue::Scalar(scalar) if scalar.is_null() && *scalar.dtype() == DataType::Null => {
            Arc::new(NullArray::new(1))
        }
        LiteralValue::Scalar(scalar) => from_series(&scalar.clone().into_series("literal".into()))?,
        LiteralValue::Series(series) if series.len() == 1 => from_series(series)?,
        LiteralValue::Series(_) => {
            return Err(refuse(
                &whole(),
                "a literal has one value; is_in takes a list",
            ));
        }
        LiteralValue::Range(_) => return Err(refuse(&whole(), "a literal has one value")),
    };
    Ok(Ast::new(AstKind::Literal(array)))
}

/// A literal whose type polars has left open.
fn untyped(value: &LiteralValue) -> Option<ArrayRef> {
    match value.get_datatype() {
        DataType::Unknown(UnknownKind::Int(number)) => integer(number),
        DataType::Unknown(UnknownKind::Float) => match value.to_any_value()? {
            AnyValue::Float64(number) => Some(Arc::new(Float64Array::from(vec![number]))),
            _ => None,
        },
        DataType::Unknown(UnknownKind::Str) => {
            Some(Arc::new(StringArray::from(vec![value.extract_str()?])))
        }
        _ => None,
    }
}

/// `INT` if it fits, else `BIGINT`, else a decimal with as many digits as it has.
fn integer(number: i128) -> Option<ArrayRef> {
    if let Ok(number) = i32::try_from(number) {
        return Some(Arc::new(Int32Array::from(vec![number])));
    }
    if let Ok(number) = i64::try_from(number) {
        return Some(Arc::new(Int64Array::from(vec![number])));
    }
    let digits = u8::try_from(number.unsigned_abs().to_string().len()).ok()?;
    let decimal = Decimal128Array::from(vec![number])
        .with_precision_and_scale(digits, 0)
        .ok()?;
    Some(Arc::new(decimal))
}

/// The constants in a list of constants: a series, or a list in one literal; `None` if it is no such thing.
pub(super) fn list(expression: &Expr) -> Result<Option<Vec<Ast>>> {
    let values = match expression {
        Expr::Literal(LiteralValue::Series(series)) => match series.dtype() {
            DataType::List(_) if series.len() == 1 => elements(&from_series(series)?),
            _ => Some(from_series(series)?),
        },
        Expr::Literal(LiteralValue::Scalar(scalar))
            if matches!(scalar.dtype(), DataType::List(_)) =>
        {
            elements(&from_series(&scalar.clone().into_series("literal".into()))?)
        }
        Expr::Agg(polars::prelude::AggExpr::Implode { input, .. }) => return list(input),
        _ => None,
    };
    Ok(values.map(|values| {
        let one = |row| Ast::new(AstKind::Literal(values.slice(row, 1)));
        (0..values.len()).map(one).collect()
    }))
}

/// The elements of the only list of an array.
fn elements(array: &ArrayRef) -> Option<ArrayRef> {
    let lists = array.as_list_opt::<i32>()?;
    (lists.len() == 1).then(|| lists.value(0))
}

/// The text of a literal.
pub(super) fn text(expression: &Expr) -> Result<String> {
    match expression {
        Expr::Literal(value) => value.extract_str().map(str::to_owned),
        _ => None,
    }
    .ok_or_else(|| {
        Error::invalid(format!(
            "a constant text is needed here. expression=`{expression:?}`"
        ))
    })
}

/// The number of an integer literal.
pub(super) fn number(expression: &Expr) -> Option<i64> {
    match expression {
        Expr::Literal(value) => value.extract_i64().ok(),
        _ => None,
    }
}

/// A number as a literal of type `INT`, or `BIGINT` if it does not fit.
pub(super) fn of_number(number: i64) -> Ast {
    let array: ArrayRef = match i32::try_from(number) {
        Ok(number) => Arc::new(Int32Array::from(vec![number])),
        Err(_) => Arc::new(Int64Array::from(vec![number])),
    };
    Ast::new(AstKind::Literal(array))
}
