//! Words that stand for dates and moments: `epoch`, `now`, `today`, `tomorrow`, `yesterday`, where a constant text is cast.

use crate::expr::{Ast, AstKind};
use crate::types::{TypeUnits, timestamp, timestamp_ntz};
use arrow::array::{AsArray, Date32Array, Int32Array, TimestampMicrosecondArray};
use arrow::datatypes::DataType;
use std::sync::Arc;

/// What a constant text stands for as a date or moment, if it is such a word. All but `epoch` depend on the time of the batch.
pub(super) fn meant(input: &Ast, to: &DataType) -> Option<Ast> {
    let AstKind::Literal(value) = &input.kind else {
        return None;
    };
    let texts = value.as_string_opt::<i32>()?;
    let word = texts.iter().next()??.trim().to_ascii_lowercase();
    let is_date = *to == DataType::Date32;
    let is_local = *to == timestamp_ntz();
    if !is_date && !is_local && *to != timestamp() {
        return None;
    }
    let today = || Ast::call("current_date", Vec::new());
    let shifted = |days: i32| {
        let days = Ast::new(AstKind::Literal(Arc::new(Int32Array::from(vec![days]))));
        Ast::call("date_add", vec![today(), days])
    };
    let day = match word.as_str() {
        "epoch" => return Some(epoch(to, is_date, is_local)),
        "now" if is_local => return Some(Ast::call("localtimestamp", Vec::new())),
        "now" if !is_date => return Some(Ast::call("current_timestamp", Vec::new())),
        "now" | "today" => today(),
        "tomorrow" => shifted(1),
        "yesterday" => shifted(-1),
        _ => return None,
    };
    if is_date {
        return Some(day);
    }
    Some(Ast::new(AstKind::Cast {
        input: Box::new(day),
        data_type: to.clone(),
        units: TypeUnits::default(),
        is_try: false,
    }))
}

fn epoch(to: &DataType, is_date: bool, is_local: bool) -> Ast {
    Ast::new(AstKind::Literal(match (is_date, is_local) {
        (true, _) => Arc::new(Date32Array::from(vec![0])),
        (false, true) => Arc::new(TimestampMicrosecondArray::from(vec![0])),
        (false, false) => {
            Arc::new(TimestampMicrosecondArray::from(vec![0]).with_data_type(to.clone()))
        }
    }))
}
