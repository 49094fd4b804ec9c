//! Numbers and other values as text: `format_string` (`printf`) and `format_number`.

mod decimal;
mod printf;

use crate::function::ScalarFunction;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![printf::function(), decimal::function()]
}
