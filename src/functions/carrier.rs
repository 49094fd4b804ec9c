//! How calls that polars does not know travel inside its expressions.
//!
//! Such a call is an [`Expr::AnonymousFunction`]: its inputs are the arguments, its display name is [`PREFIX`] and then the name of
//! the function. Nothing else is needed to read it back ([`carried`]), and it prints readably: `col("ts").functions::window([…])`.
//! The Rust function inside only ever says that polars itself cannot run it.

use polars::prelude::{
    Column, Expr, Field, PlSmallStr, PolarsError, PolarsResult, Schema, map_multiple,
};

/// What the display name of a carried call begins with.
const PREFIX: &str = "functions::";

/// What the display name of a carried call with `DISTINCT` ends with.
const DISTINCT: &str = " distinct";

/// Carries SQL text: one argument, the text.
pub(crate) const SQL: &str = "expr";
/// Carries a lambda: the names of its parameters, then its body.
pub(crate) const LAMBDA: &str = "lambda";
/// Carries a cast to a type written in SQL: the input, the type.
pub(crate) const CAST: &str = "cast";
/// As [`CAST`], but what cannot be cast becomes null.
pub(crate) const TRY_CAST: &str = "try_cast";
/// A key of a sort: descending.
pub(super) const DESC: &str = "desc";
/// A key of a sort: descending, nulls first.
pub(super) const DESC_NULLS_FIRST: &str = "desc_nulls_first";
/// A key of a sort: ascending, nulls last.
pub(super) const ASC_NULLS_LAST: &str = "asc_nulls_last";

/// A call that was read back out of an expression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Carried<'a> {
    /// The function, or one of the constants above.
    pub(crate) name: &'a str,
    /// Its arguments.
    pub(crate) arguments: &'a [Expr],
    /// `DISTINCT` before the arguments.
    pub(crate) is_distinct: bool,
}

/// Puts a call into an expression.
pub(crate) fn carry(name: &str, arguments: &[Expr], is_distinct: bool) -> Expr {
    let refusal = format!(
        "`{name}` is a function of tidemill: it runs in a StreamFrame, polars alone does not know it"
    );
    let refuse = move || PolarsError::InvalidOperation(refusal.clone().into());
    let refuse_type = refuse.clone();
    let mut expression = map_multiple(
        move |_: &mut [Column]| -> PolarsResult<Column> { Err(refuse()) },
        arguments,
        move |_: &Schema, _: &[Field]| -> PolarsResult<Field> { Err(refuse_type()) },
    );
    if let Expr::AnonymousFunction { fmt_str, .. } = &mut expression {
        let suffix = if is_distinct { DISTINCT } else { "" };
        **fmt_str = PlSmallStr::from_string(format!("{PREFIX}{name}{suffix}"));
    }
    expression
}

/// Takes a call out of an expression, if it is one that [`carry`] made.
pub(crate) fn carried(expression: &Expr) -> Option<Carried<'_>> {
    let Expr::AnonymousFunction { input, fmt_str, .. } = expression else {
        return None;
    };
    let name = fmt_str.strip_prefix(PREFIX)?;
    let plain = name.strip_suffix(DISTINCT);
    Some(Carried {
        name: plain.unwrap_or(name),
        arguments: input,
        is_distinct: plain.is_some(),
    })
}

/// The key of a sort: its expression, whether it is descending, and whether nulls come first if that was said.
pub(crate) fn sort_key(expression: &Expr) -> (&Expr, bool, Option<bool>) {
    match carried(expression) {
        Some(Carried {
            name: DESC,
            arguments: [key],
            ..
        }) => (key, true, None),
        Some(Carried {
            name: DESC_NULLS_FIRST,
            arguments: [key],
            ..
        }) => (key, true, Some(true)),
        Some(Carried {
            name: ASC_NULLS_LAST,
            arguments: [key],
            ..
        }) => (key, false, Some(false)),
        _ => (expression, false, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{IntoLazy, col, df, lit};

    #[test]
    fn a_call_is_read_back_as_it_was_put_in() {
        let arguments = [col("ts"), lit("10 minutes")];
        let expression = carry("window", &arguments, false);
        let read = carried(&expression).unwrap();
        assert_eq!((read.name, read.is_distinct), ("window", false));
        assert_eq!(read.arguments, arguments);
        let distinct = carry("count", &arguments, true);
        let read = carried(&distinct).unwrap();
        assert_eq!((read.name, read.is_distinct), ("count", true));
        assert_eq!(carried(&col("ts")), None);
    }

    #[test]
    fn a_call_prints_with_its_name_and_arguments() {
        let expression = carry("window", &[col("ts"), lit("10 minutes")], false);
        assert_eq!(
            format!("{expression:?}"),
            "col(\"ts\").functions::window([\"10 minutes\"])"
        );
    }

    #[test]
    fn polars_alone_refuses_the_call_by_name() {
        let frame = df!["v" => [1, 2]].unwrap().lazy();
        let call = carry("session_window", &[col("v")], false);
        let message = frame.select([call]).collect().unwrap_err().to_string();
        assert!(
            message.contains("`session_window` is a function of tidemill"),
            "{message}"
        );
    }
}
