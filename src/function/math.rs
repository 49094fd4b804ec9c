//! Mathematical functions: of doubles, rounding, number bases, and a few of integers.

mod elementary;
mod integer;
mod radix;
mod rounding;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::expr::Value;
use crate::function::{Call, ScalarFunction};

/// The other names of functions of this module.
pub(crate) const ALIASES: &[(&str, &str)] =
    &[("ceiling", "ceil"), ("power", "pow"), ("sign", "signum")];

/// The functions of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    let mut functions = elementary::functions();
    functions.extend(rounding::functions());
    functions.extend(radix::functions());
    functions.extend(integer::functions());
    functions
}

/// Exactly this many arguments.
fn arguments<'a, const N: usize>(call: &Call<'a>) -> Result<&'a [Value; N]> {
    call.arguments
        .first_chunk::<N>()
        .filter(|_| call.arguments.len() == N)
        .ok_or_else(|| Error::internal("a function got the wrong number of arguments"))
}
