//! Functions from doubles to doubles. Logarithms of what has none are null; the others answer NaN.

use super::arguments;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::arithmetic::{Checked, binary};
use crate::function::signature::{Wanted, any_nullable, argument_type, count_arguments};
use crate::function::{Call, ScalarFunction, Signature};
use arrow::array::{ArrayRef, AsArray, Float64Array, new_null_array};
use arrow::datatypes::{DataType, Float64Type};
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = exponential();
    functions.extend(logarithms());
    functions.extend(trigonometric());
    functions.extend(hyperbolic());
    functions.extend(of_two());
    functions.extend(constants());
    functions
}

/// An entry for a function that is always defined.
macro_rules! of_one {
    ($name:literal, $description:literal, $function:expr) => {
        ScalarFunction::new(
            ($name, concat!($name, "(expr)")),
            ($description, concat!("SELECT ", $name, "(1)")),
            (
                |arguments| resolve_doubles($name, arguments, 1),
                |call| {
                    let [input] = arguments(call)?;
                    let doubles = input.array().as_primitive::<Float64Type>();
                    Ok(Arc::new(doubles.unary::<_, Float64Type>($function)))
                },
            ),
        )
    };
}

/// An entry for a function that is null where it is not defined.
macro_rules! of_one_partial {
    ($name:literal, $description:literal, $function:expr) => {
        ScalarFunction::new(
            ($name, concat!($name, "(expr)")),
            ($description, concat!("SELECT ", $name, "(1)")),
            (
                |arguments| {
                    let mut signature = resolve_doubles($name, arguments, 1)?;
                    signature.is_nullable = true;
                    Ok(signature)
                },
                |call| {
                    let [input] = arguments(call)?;
                    let doubles = input.array().as_primitive::<Float64Type>();
                    Ok(Arc::new(doubles.unary_opt::<_, Float64Type>($function)))
                },
            ),
        )
    };
}

fn exponential() -> Vec<ScalarFunction> {
    vec![
        of_one!("sqrt", "the square root", f64::sqrt),
        of_one!("cbrt", "the cube root", f64::cbrt),
        of_one!("exp", "e to this power", f64::exp),
        of_one!(
            "expm1",
            "e to this power, less 1, exact near 0",
            f64::exp_m1
        ),
        of_one!(
            "rint",
            "the nearest integer, of two the even one, as a double",
            |x: f64| { x.round_ties_even() }
        ),
        of_one!("signum", "-1.0, 0.0 or 1.0 by the sign", |x: f64| {
            if x == 0.0 || x.is_nan() {
                x
            } else {
                x.signum()
            }
        }),
    ]
}

fn logarithms() -> Vec<ScalarFunction> {
    vec![
        of_one_partial!("ln", "the natural logarithm", |x: f64| {
            above(x, 0.0).map(f64::ln)
        }),
        of_one_partial!("log10", "the logarithm to base 10", |x: f64| {
            above(x, 0.0).map(f64::log10)
        }),
        of_one_partial!("log2", "the logarithm to base 2", |x: f64| {
            above(x, 0.0).map(|x| x.ln() / std::f64::consts::LN_2)
        }),
        of_one_partial!(
            "log1p",
            "the natural logarithm of 1 and this, exact near 0",
            |x: f64| { above(x, -1.0).map(f64::ln_1p) }
        ),
        ScalarFunction::new(
            ("log", "log(base, expr)"),
            (
                "the logarithm to a base; with one argument the natural logarithm",
                "SELECT log(10, 100)",
            ),
            (resolve_log, log),
        ),
    ]
}

/// The value unless it is at or below a limit. NaN is above.
fn above(value: f64, limit: f64) -> Option<f64> {
    (value > limit || value.is_nan()).then_some(value)
}

fn trigonometric() -> Vec<ScalarFunction> {
    vec![
        of_one!("sin", "the sine", f64::sin),
        of_one!("cos", "the cosine", f64::cos),
        of_one!("tan", "the tangent", f64::tan),
        of_one!("cot", "the cotangent", |x: f64| 1.0 / x.tan()),
        of_one!("sec", "the secant", |x: f64| 1.0 / x.cos()),
        of_one!("csc", "the cosecant", |x: f64| 1.0 / x.sin()),
        of_one!("asin", "the angle with this sine", f64::asin),
        of_one!("acos", "the angle with this cosine", f64::acos),
        of_one!("atan", "the angle with this tangent", f64::atan),
        of_one!("degrees", "radians as degrees", |x: f64| {
            x * (180.0 / std::f64::consts::PI)
        }),
        of_one!("radians", "degrees as radians", |x: f64| {
            x * (std::f64::consts::PI / 180.0)
        }),
    ]
}

fn hyperbolic() -> Vec<ScalarFunction> {
    vec![
        of_one!("sinh", "the hyperbolic sine", f64::sinh),
        of_one!("cosh", "the hyperbolic cosine", f64::cosh),
        of_one!("tanh", "the hyperbolic tangent", f64::tanh),
        // Written out as Spark computes them, which is less exact than it could be.
        of_one!("asinh", "the inverse of sinh", |x: f64| {
            if x == f64::NEG_INFINITY {
                x
            } else {
                (x + (x * x + 1.0).sqrt()).ln()
            }
        }),
        of_one!("acosh", "the inverse of cosh", |x: f64| {
            (x + (x * x - 1.0).sqrt()).ln()
        }),
        of_one!("atanh", "the inverse of tanh", |x: f64| {
            0.5 * (x.ln_1p() - (-x).ln_1p())
        }),
    ]
}

fn of_two() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("pow", "pow(expr1, expr2)"),
            ("the first to the power of the second", "SELECT pow(2, 3)"),
            (
                |arguments| resolve_doubles("pow", arguments, 2),
                |call| two(call, power),
            ),
        ),
        ScalarFunction::new(
            ("atan2", "atan2(exprY, exprX)"),
            (
                "the angle between the x axis and the point (exprX, exprY)",
                "SELECT atan2(0, 0)",
            ),
            (
                |arguments| resolve_doubles("atan2", arguments, 2),
                // Adding zero makes 0.0 of -0.0, as Spark does.
                |call| two(call, |y, x| (y + 0.0).atan2(x + 0.0)),
            ),
        ),
        ScalarFunction::new(
            ("hypot", "hypot(expr1, expr2)"),
            ("the length of the hypotenuse", "SELECT hypot(3, 4)"),
            (
                |arguments| resolve_doubles("hypot", arguments, 2),
                |call| two(call, f64::hypot),
            ),
        ),
    ]
}

/// As Java has it: 1 and -1 to an infinite or NaN power are NaN, and so is everything but to the power 0 of NaN.
#[expect(
    clippy::float_cmp,
    reason = "1 is exact, and only exactly 1 is an exception"
)]
fn power(base: f64, exponent: f64) -> f64 {
    if (base.abs() == 1.0 && exponent.is_infinite()) || (exponent.is_nan()) {
        return f64::NAN;
    }
    base.powf(exponent)
}

fn constants() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction::new(
            ("e", "e()"),
            ("Euler's number", "SELECT e()"),
            (
                |arguments| resolve_doubles("e", arguments, 0),
                |call| {
                    Ok(Arc::new(Float64Array::from_value(
                        std::f64::consts::E,
                        call.rows,
                    )))
                },
            ),
        ),
        ScalarFunction::new(
            ("pi", "pi()"),
            ("the number pi", "SELECT pi()"),
            (
                |arguments| resolve_doubles("pi", arguments, 0),
                |call| {
                    Ok(Arc::new(Float64Array::from_value(
                        std::f64::consts::PI,
                        call.rows,
                    )))
                },
            ),
        ),
    ]
}

fn resolve_doubles(name: &str, arguments: &[Expr], count: usize) -> Result<Signature> {
    count_arguments(name, arguments, count, count)?;
    let wanted = [Wanted::Exactly(DataType::Float64)];
    let types = (0..count)
        .map(|index| argument_type(name, arguments, index, &wanted))
        .collect::<Result<Vec<_>>>()?;
    Ok(Signature {
        arguments: types,
        returns: DataType::Float64,
        is_nullable: any_nullable(arguments),
    })
}

fn two(call: &Call<'_>, function: impl Fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let [left, right] = arguments(call)?;
    if left.is_null_constant() || right.is_null_constant() {
        return Ok(new_null_array(call.returns, call.rows));
    }
    let array = binary::<Float64Type, Float64Type, Float64Type>(
        (left, right),
        false,
        |left, right| Checked {
            value: function(left, right),
            failed: false,
        },
        |_, _| Error::internal("a total function failed"),
    )?;
    Ok(Arc::new(array))
}

fn resolve_log(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("log", arguments, 1, 2)?;
    let mut signature = resolve_doubles("log", arguments, arguments.len())?;
    signature.is_nullable = true;
    Ok(signature)
}

fn log(call: &Call<'_>) -> Result<ArrayRef> {
    if let [input] = call.arguments {
        let doubles = input.array().as_primitive::<Float64Type>();
        let logarithms =
            doubles.unary_opt::<_, Float64Type>(|value| above(value, 0.0).map(f64::ln));
        return Ok(Arc::new(logarithms));
    }
    let [base, value] = arguments(call)?;
    if base.is_null_constant() || value.is_null_constant() {
        return Ok(new_null_array(call.returns, call.rows));
    }
    let logarithm = |base: f64, value: f64| {
        let (base, value) = (above(base, 0.0)?, above(value, 0.0)?);
        Some(value.ln() / base.ln())
    };
    let array = binary::<Float64Type, Float64Type, Float64Type>(
        (base, value),
        true,
        |base, value| Checked::of(logarithm(base, value)),
        |_, _| Error::internal("a logarithm failed"),
    )?;
    Ok(Arc::new(array))
}
