//! Numbers and other values as text: `format_string` (`printf`), `format_number`, and formats of numbers.

mod decimal;
mod number;
mod printf;

use crate::function::ScalarFunction;

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = vec![printf::function(), decimal::function()];
    functions.extend(number::functions());
    functions
}
