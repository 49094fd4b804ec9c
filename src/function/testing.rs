//! What tests of functions use: the answer of an expression in SQL, as text.

use crate::analyze::resolve;
use crate::batch::{BatchContext, Timestamp};
use crate::cast::cast;
use crate::error::Result;
use crate::plan::{Column, PlanSchema};
use crate::sql::parse_expression;
use arrow::array::{ArrayRef, AsArray, Int32Array, StringArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// The time of the tests' batch: 2023-11-14T22:13:20Z.
const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// The value of an expression without columns; `NULL` for null.
pub(crate) fn answer(sql: &str) -> Result<String> {
    answer_in("UTC", sql)
}

/// As [`answer`], in a time zone.
pub(crate) fn answer_in(zone: &str, sql: &str) -> Result<String> {
    let answers = evaluate(sql, &["only row"], zone)?;
    Ok(answers.into_iter().next().unwrap_or_default())
}

/// The values of an expression over a column `s` of strings (`NULL` for null) and a column `n` of the numbers from 1.
pub(crate) fn answers(sql: &str, values: &[&str]) -> Result<Vec<String>> {
    evaluate(sql, values, "UTC")
}

fn evaluate(sql: &str, values: &[&str], zone: &str) -> Result<Vec<String>> {
    let column = |name: &str, data_type| Column {
        name: name.to_owned(),
        qualifier: None,
        data_type,
        is_nullable: true,
        units: crate::types::TypeUnits::default(),
        event_time: None,
    };
    let schema = PlanSchema {
        columns: vec![column("s", DataType::Utf8), column("n", DataType::Int32)],
    };
    let strings: StringArray = values
        .iter()
        .map(|value| Some(*value).filter(|value| *value != "NULL"))
        .collect();
    let numbers: Int32Array = (1..).take(values.len()).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(strings), Arc::new(numbers)];
    let batch = RecordBatch::try_new(schema.to_arrow(), columns)?;
    let context = BatchContext::one_shot(NOW, zone);
    let expr = resolve(&parse_expression(sql)?, &schema)?;
    let array = expr.evaluate_array(&batch, &context)?;
    let texts = cast(&array, &DataType::Utf8, false, &context)?;
    let text = |text: Option<&str>| text.unwrap_or("NULL").to_owned();
    Ok(texts.as_string::<i32>().iter().map(text).collect())
}

/// Checks answers, each given as expression and value.
pub(crate) fn assert_answers(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        match answer(sql) {
            Ok(answer) => assert_eq!(&answer, expected, "{sql}"),
            Err(error) => panic!("{sql}: {error}"),
        }
    }
}

/// Checks that expressions fail with conditions, each given as expression and condition (empty for none).
pub(crate) fn assert_fails(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        match answer(sql) {
            Ok(answer) => panic!("{sql} gave {answer}"),
            Err(error) => assert_eq!(
                error.condition().unwrap_or_default(),
                *expected,
                "{sql}: {error}"
            ),
        }
    }
}
