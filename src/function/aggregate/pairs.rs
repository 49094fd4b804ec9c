//! Statistics of two columns that stream: covariances, correlation and linear regression. Rows in which either is null do not count.
//!
//! Updates and merges are those of Spark's `Covariance` and `PearsonCorrelation`, in the same order of operations.

use super::Definition;
use super::average;
use super::moments::{Statistic, of, quotient, sum_of_squares};
use super::rows::counted_rows;
use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::signature::{Wanted, argument_type, count_arguments};
use crate::function::{Accumulator, Signature};
use arrow::array::{ArrayRef, BooleanArray};
use arrow::datatypes::DataType;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "corr",
        usage: "corr(expr1, expr2)",
        description: "Pearson's coefficient of correlation; null for less than two pairs, or where one side is always the same.",
        example: "SELECT corr(x, y) FROM VALUES (3, 2), (3, 3), (6, 4) AS t(x, y)",
        resolve: resolve_doubles,
        accumulator: |_, _| Ok(of::<Correlation>(|state| Ok(correlation(state)))),
    },
    Definition {
        name: "covar_pop",
        usage: "covar_pop(expr1, expr2)",
        description: "The population covariance.",
        example: "SELECT covar_pop(x, y) FROM VALUES (1, 1), (2, 2), (3, 3) AS t(x, y)",
        resolve: resolve_doubles,
        accumulator: |_, _| {
            Ok(of::<Covariance>(|state| {
                let [n, _, _, c] = *state;
                Ok((n != 0.0).then(|| c / n))
            }))
        },
    },
    Definition {
        name: "covar_samp",
        usage: "covar_samp(expr1, expr2)",
        description: "The sample covariance; null for less than two pairs.",
        example: "SELECT covar_samp(x, y) FROM VALUES (1, 1), (2, 2), (3, 3) AS t(x, y)",
        resolve: resolve_doubles,
        accumulator: |_, _| {
            Ok(of::<Covariance>(|state| {
                let [n, _, _, c] = *state;
                Ok((n > 1.0).then(|| c / (n - 1.0)))
            }))
        },
    },
    Definition {
        name: "regr_avgx",
        usage: "regr_avgx(y, x)",
        description: "The mean of x over the pairs.",
        example: "SELECT regr_avgx(y, x) FROM VALUES (1, 2), (2, NULL), (2, 4) AS t(y, x)",
        resolve: |name, arguments| resolve_mean(name, arguments, 1),
        accumulator: |arguments, signature| mean(arguments, signature, 1),
    },
    Definition {
        name: "regr_avgy",
        usage: "regr_avgy(y, x)",
        description: "The mean of y over the pairs.",
        example: "SELECT regr_avgy(y, x) FROM VALUES (1, 2), (2, NULL), (2, 4) AS t(y, x)",
        resolve: |name, arguments| resolve_mean(name, arguments, 0),
        accumulator: |arguments, signature| mean(arguments, signature, 0),
    },
    Definition {
        name: "regr_r2",
        usage: "regr_r2(y, x)",
        description: "The coefficient of determination.",
        example: "SELECT regr_r2(y, x) FROM VALUES (1, 2), (2, 2), (2, 3), (2, 4) AS t(y, x)",
        resolve: resolve_doubles,
        accumulator: |_, _| Ok(of::<Correlation>(determination)),
    },
    Definition {
        name: "regr_sxx",
        usage: "regr_sxx(y, x)",
        description: "The sum of squares of x over the pairs: regr_count * var_pop(x).",
        example: "SELECT regr_sxx(y, x) FROM VALUES (1, 2), (2, 2), (2, 3), (2, 4) AS t(y, x)",
        resolve: resolve_doubles,
        accumulator: |_, _| Ok(Box::new(OneOfPair::new(1, sum_of_squares()))),
    },
    Definition {
        name: "regr_sxy",
        usage: "regr_sxy(y, x)",
        description: "The sum of products over the pairs: regr_count * covar_pop(y, x).",
        example: "SELECT regr_sxy(y, x) FROM VALUES (1, 2), (2, 2), (2, 3), (2, 4) AS t(y, x)",
        resolve: resolve_doubles,
        accumulator: |_, _| {
            Ok(of::<Covariance>(|state| {
                let [n, _, _, c] = *state;
                Ok((n != 0.0).then_some(c))
            }))
        },
    },
    Definition {
        name: "regr_syy",
        usage: "regr_syy(y, x)",
        description: "The sum of squares of y over the pairs: regr_count * var_pop(y).",
        example: "SELECT regr_syy(y, x) FROM VALUES (1, 2), (2, 2), (2, 3), (2, 4) AS t(y, x)",
        resolve: resolve_doubles,
        accumulator: |_, _| Ok(Box::new(OneOfPair::new(0, sum_of_squares()))),
    },
    Definition {
        name: "regr_slope",
        usage: "regr_slope(y, x)",
        description: "The slope of the regression line; null if x does not vary.",
        example: "SELECT regr_slope(y, x) FROM VALUES (1, 1), (2, 2), (3, 3), (4, 4) AS t(y, x)",
        resolve: resolve_doubles,
        accumulator: |_, _| {
            Ok(of::<Regression>(|state| {
                let [_, _, _, c, m2] = *state;
                Ok((m2 != 0.0).then(|| c / m2))
            }))
        },
    },
    Definition {
        name: "regr_intercept",
        usage: "regr_intercept(y, x)",
        description: "The intercept of the regression line; null if x does not vary.",
        example: "SELECT regr_intercept(y, x) FROM VALUES (1, 1), (2, 2), (3, 3), (4, 4) AS t(y, x)",
        resolve: resolve_doubles,
        accumulator: |_, _| {
            Ok(of::<Regression>(|state| {
                let [_, x_mean, y_mean, c, m2] = *state;
                Ok((m2 != 0.0).then(|| y_mean - c / m2 * x_mean))
            }))
        },
    },
];

fn resolve_doubles(name: &'static str, arguments: &[Expr]) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    let wanted = [Wanted::Exactly(DataType::Float64)];
    Ok(Signature {
        arguments: vec![
            argument_type(name, arguments, 0, &wanted)?,
            argument_type(name, arguments, 1, &wanted)?,
        ],
        returns: DataType::Float64,
        is_nullable: true,
    })
}

fn resolve_mean(name: &'static str, arguments: &[Expr], index: usize) -> Result<Signature> {
    count_arguments(name, arguments, 2, 2)?;
    let types = vec![
        argument_type(name, arguments, 0, &[Wanted::Numeric])?,
        argument_type(name, arguments, 1, &[Wanted::Numeric])?,
    ];
    let argument = types.get(index).unwrap_or(&DataType::Float64);
    Ok(Signature {
        returns: average::mean_type(argument),
        arguments: types,
        is_nullable: true,
    })
}

fn mean(arguments: &[Expr], signature: &Signature, index: usize) -> Result<Box<dyn Accumulator>> {
    let argument = arguments.get(index..=index).unwrap_or_default();
    let mean = average::accumulator_of_mean(argument, signature)?;
    Ok(Box::new(OneOfPair::new(index, mean)))
}

fn correlation(state: &[f64; 6]) -> Option<f64> {
    let [n, _, _, c, x_m2, y_m2] = *state;
    let spread = (x_m2 * y_m2).sqrt();
    (n > 1.0 && spread != 0.0).then(|| c / spread)
}

/// Of y (the first column) by x (the second).
fn determination(state: &[f64; 6]) -> Result<Option<f64>> {
    let [_, _, _, c, y_m2, x_m2] = *state;
    if x_m2 == 0.0 {
        return Ok(None);
    }
    if y_m2 == 0.0 {
        return Ok(Some(1.0));
    }
    let correlation = quotient(c, (y_m2 * x_m2).sqrt())?;
    Ok(Some(correlation * correlation))
}

/// How far the second mean is from the first, and that by the number of both.
fn distance(first: f64, second: f64, n: f64) -> (f64, f64) {
    let delta = second - first;
    (delta, if n == 0.0 { 0.0 } else { delta / n })
}

/// Count, both means, co-moment.
#[derive(Debug)]
struct Covariance;

impl Statistic for Covariance {
    type State = [f64; 4];

    #[inline]
    fn fold(state: &mut [f64; 4], x: f64, y: f64) {
        let [n, x_mean, y_mean, c] = state;
        *n += 1.0;
        let dx = x - *x_mean;
        *x_mean += dx / *n;
        *y_mean += (y - *y_mean) / *n;
        *c += dx * (y - *y_mean);
    }

    fn merge(state: &mut [f64; 4], other: &[f64; 4]) {
        let ([n1, x1, y1, c1], [n2, x2, y2, c2]) = (*state, *other);
        let n = n1 + n2;
        let (dx, dx_n) = distance(x1, x2, n);
        let (_, dy_n) = distance(y1, y2, n);
        *state = [
            n,
            x1 + dx_n * n2,
            y1 + dy_n * n2,
            c1 + c2 + dx * dy_n * n1 * n2,
        ];
    }
}

/// Count, both means, co-moment, both second moments.
#[derive(Debug)]
struct Correlation;

impl Statistic for Correlation {
    type State = [f64; 6];

    #[inline]
    fn fold(state: &mut [f64; 6], x: f64, y: f64) {
        let [n, x_mean, y_mean, c, x_m2, y_m2] = state;
        *n += 1.0;
        let dx = x - *x_mean;
        let dy = y - *y_mean;
        *x_mean += dx / *n;
        *y_mean += dy / *n;
        *c += dx * (y - *y_mean);
        *x_m2 += dx * (x - *x_mean);
        *y_m2 += dy * (y - *y_mean);
    }

    fn merge(state: &mut [f64; 6], other: &[f64; 6]) {
        let [n1, x1, y1, c1, x_m1, y_m1] = *state;
        let [n2, x2, y2, c2, x_m2, y_m2] = *other;
        let n = n1 + n2;
        let (dx, dx_n) = distance(x1, x2, n);
        let (dy, dy_n) = distance(y1, y2, n);
        *state = [
            n,
            x1 + dx_n * n2,
            y1 + dy_n * n2,
            c1 + c2 + dx * dy_n * n1 * n2,
            x_m1 + x_m2 + dx * dx_n * n1 * n2,
            y_m1 + y_m2 + dy * dy_n * n1 * n2,
        ];
    }
}

/// Of y (the first column) by x (the second): count, means of x and y, co-moment, second moment of x.
#[derive(Debug)]
struct Regression;

impl Statistic for Regression {
    type State = [f64; 5];

    #[inline]
    fn fold(state: &mut [f64; 5], y: f64, x: f64) {
        let [n, x_mean, y_mean, c, m2] = state;
        *n += 1.0;
        let dx = x - *x_mean;
        let dx_n = dx / *n;
        *x_mean += dx_n;
        *y_mean += (y - *y_mean) / *n;
        *c += dx * (y - *y_mean);
        *m2 += dx * (dx - dx_n);
    }

    fn merge(state: &mut [f64; 5], other: &[f64; 5]) {
        let ([n1, x1, y1, c1, m1], [n2, x2, y2, c2, m2]) = (*state, *other);
        let n = n1 + n2;
        let (dx, dx_n) = distance(x1, x2, n);
        let (_, dy_n) = distance(y1, y2, n);
        *state = [
            n,
            x1 + dx_n * n2,
            y1 + dy_n * n2,
            c1 + c2 + dx * dy_n * n1 * n2,
            m1 + m2 + dx * dx_n * n1 * n2,
        ];
    }
}

/// An aggregate of one of two columns over the rows in which neither is null.
#[derive(Debug)]
struct OneOfPair {
    index: usize,
    inner: Box<dyn Accumulator>,
}

impl OneOfPair {
    fn new(index: usize, inner: Box<dyn Accumulator>) -> OneOfPair {
        OneOfPair { index, inner }
    }
}

impl Accumulator for OneOfPair {
    fn state_types(&self) -> Vec<DataType> {
        self.inner.state_types()
    }

    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
    }

    fn update(
        &mut self,
        arguments: &[ArrayRef],
        groups: &[u32],
        filter: Option<&BooleanArray>,
    ) -> Result<()> {
        let Some(column) = arguments.get(self.index..=self.index) else {
            return Err(Error::internal("regressions fold two columns"));
        };
        let counted = counted_rows(arguments, filter)
            .map(|counted| BooleanArray::new(counted.into_inner(), None));
        self.inner.update(column, groups, counted.as_ref())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: &[u32]) -> Result<()> {
        self.inner.merge(state, groups)
    }

    fn state(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        self.inner.state(groups)
    }

    fn finish(&self, groups: &[u32]) -> Result<ArrayRef> {
        self.inner.finish(groups)
    }

    fn clear(&mut self, groups: &[u32]) {
        self.inner.clear(groups);
    }

    fn memory_bytes(&self) -> usize {
        self.inner.memory_bytes()
    }
}
