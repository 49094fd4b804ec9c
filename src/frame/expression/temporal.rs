//! Functions of times.

use super::scalar::{one, wrong_number_of_inputs};
use super::{cast_to, literal, refuse, to_ast, to_ast_list};
use crate::error::Result;
use crate::expr::Ast;
use arrow::datatypes::DataType;
use polars::prelude::{Expr, TemporalFunction, TimeUnit};

/// A function of times by Spark's name.
pub(super) fn function(inputs: &[Expr], function: &TemporalFunction, whole: &Expr) -> Result<Ast> {
    let name = match function {
        TemporalFunction::Year => "year",
        TemporalFunction::Quarter => "quarter",
        TemporalFunction::Month => "month",
        TemporalFunction::Week => "weekofyear",
        TemporalFunction::Day => "day",
        TemporalFunction::OrdinalDay => "dayofyear",
        TemporalFunction::Hour => "hour",
        TemporalFunction::Minute => "minute",
        TemporalFunction::Second => "second",
        TemporalFunction::TimeStamp(TimeUnit::Milliseconds) => "unix_millis",
        TemporalFunction::TimeStamp(TimeUnit::Microseconds) => "unix_micros",
        TemporalFunction::WeekDay => {
            // polars counts from Monday = 1, Spark's weekday from Monday = 0.
            let weekday = Ast::call("weekday", to_ast_list(inputs)?);
            return Ok(Ast::call("+", vec![weekday, literal::of_number(1)]));
        }
        TemporalFunction::DaysInMonth => {
            let last = Ast::call("last_day", to_ast_list(inputs)?);
            return Ok(Ast::call("day", vec![last]));
        }
        TemporalFunction::Date => return Ok(cast_to(to_ast(one(inputs)?)?, DataType::Date32)),
        TemporalFunction::Truncate => return truncate(inputs, whole),
        TemporalFunction::ToString(_) => {
            return Err(refuse(
                whole,
                "functions::date_format takes a pattern such as yyyy-MM-dd",
            ));
        }
        _ => return Err(refuse(whole, "")),
    };
    Ok(Ast::call(name, to_ast_list(inputs)?))
}

/// `truncate("1h")` is `date_trunc('HOUR', …)`; other lengths are windows.
fn truncate(inputs: &[Expr], whole: &Expr) -> Result<Ast> {
    let [input, every] = inputs else {
        return Err(wrong_number_of_inputs(whole));
    };
    let unit = match literal::text(every)?.as_str() {
        "1y" => "YEAR",
        "1q" => "QUARTER",
        "1mo" => "MONTH",
        "1w" => "WEEK",
        "1d" => "DAY",
        "1h" => "HOUR",
        "1m" => "MINUTE",
        "1s" => "SECOND",
        "1ms" => "MILLISECOND",
        "1us" => "MICROSECOND",
        _ => {
            return Err(refuse(
                whole,
                "truncate to one unit, or use functions::window",
            ));
        }
    };
    Ok(Ast::call(
        "date_trunc",
        vec![Ast::string(unit), to_ast(input)?],
    ))
}
