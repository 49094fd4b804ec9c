//! Functions that a program registers in a session, from closures over columns.
//!
//! [`ScalarUdf`] computes a column of columns; [`AggregateUdf`] folds the rows of each group, with a partial, a merge and a finish, so that it
//! streams with durable state. Both are called by name in SQL and by [`crate::functions::call`].
//!
//! A name is bound where text or expressions become an [`Ast`]: a call carries the function it stands for, so that nothing below asks a session.
//! The names of built-in functions cannot be taken. A closure that panics fails the batch with an error that names the function.

mod aggregate;
mod columns;
mod scalar;
#[cfg(test)]
mod tests;

pub use aggregate::{AggregateUdf, GroupAccumulator};
pub use columns::ColumnFold;
pub use scalar::ScalarUdf;

use crate::arrow_bridge::plan_type;
use crate::error::{Error, Result};
use crate::expr::{Ast, AstKind};
use crate::function::{AggregateFunction, over, registry};
use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A function of a session.
#[derive(Debug, Clone)]
pub enum UserFunction {
    /// Of one row.
    Scalar(Arc<ScalarUdf>),
    /// Of a group of rows.
    Aggregate(Arc<AggregateUdf>),
}

impl UserFunction {
    fn name(&self) -> &str {
        match self {
            UserFunction::Scalar(function) => function.name(),
            UserFunction::Aggregate(function) => function.name(),
        }
    }

    /// Refuses types that columns never have, such as unsigned integers: no argument would ever fit.
    fn check_types(&self) -> Result<()> {
        let mut types: Box<dyn Iterator<Item = &DataType>> = match self {
            UserFunction::Scalar(function) => Box::new(function.types()),
            UserFunction::Aggregate(function) => Box::new(function.types()),
        };
        let foreign = types.find(|own| plan_type(own).ok().as_ref() != Some(*own));
        foreign.map_or(Ok(()), |foreign| {
            Err(Error::invalid(format!(
                "a function is declared with the types that columns have: signed integers, Utf8, Binary, timestamps of microseconds and so on. function=`{}` type=`{foreign}`",
                self.name()
            )))
        })
    }
}

impl From<ScalarUdf> for UserFunction {
    fn from(function: ScalarUdf) -> UserFunction {
        UserFunction::Scalar(Arc::new(function))
    }
}

impl From<AggregateUdf> for UserFunction {
    fn from(function: AggregateUdf) -> UserFunction {
        UserFunction::Aggregate(Arc::new(function))
    }
}

/// The functions of a session, by name in lower case. A copy shares the functions.
#[derive(Debug, Clone, Default)]
pub struct UserFunctions {
    functions: Arc<BTreeMap<String, UserFunction>>,
}

impl UserFunctions {
    /// Adds a function.
    ///
    /// # Errors
    ///
    /// `Invalid` with `ROUTINE_ALREADY_EXISTS`, if a built-in function or one of the session has the name; `Invalid`, if it is no name or was
    /// declared with a type that no column has.
    pub fn register(&mut self, function: UserFunction) -> Result<()> {
        let name = function.name().to_lowercase();
        let is_name = name
            .chars()
            .enumerate()
            .all(|(place, c)| c == '_' || c.is_alphabetic() || (place > 0 && c.is_alphanumeric()));
        if name.is_empty() || name.starts_with("__") || !is_name {
            return Err(Error::invalid(format!(
                "a function needs a name of letters, digits and underscores that does not begin with a digit or two underscores. name=`{name}`"
            ))
            .with_condition("INVALID_IDENTIFIER"));
        }
        function.check_types()?;
        let owner = if is_built_in(&name) {
            "a built-in function"
        } else if self.functions.contains_key(&name) {
            "a function of this session"
        } else {
            Arc::make_mut(&mut self.functions).insert(name, function);
            return Ok(());
        };
        Err(Error::invalid(format!(
            "{owner} has this name already, register it under another one. name=`{name}`"
        ))
        .with_condition("ROUTINE_ALREADY_EXISTS"))
    }

    /// The function of this name, in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&UserFunction> {
        self.functions.get(name)
    }

    /// The same expression with its calls of functions of the session bound to them.
    pub(crate) fn bind(&self, ast: &Ast) -> Ast {
        if self.functions.is_empty() {
            return ast.clone();
        }
        ast.map(&|ast| {
            let AstKind::Call(call) = &ast.kind else {
                return None;
            };
            let function = self.get(&call.name)?;
            let mut call = (**call).clone();
            call.user = Some(function.clone());
            call.arguments = call.arguments.iter().map(|ast| self.bind(ast)).collect();
            call.filter = call.filter.map(|filter| Box::new(self.bind(&filter)));
            call.within_group = call
                .within_group
                .iter()
                .map(|key| key.map(|ast| self.bind(ast)))
                .collect();
            call.over = call
                .over
                .map(|over| Box::new(over.map(&|ast: &Ast| self.bind(ast))));
            Some(Ast::new(AstKind::Call(Box::new(call))))
        })
    }
}

/// Whether a call of this name means something without any session.
fn is_built_in(name: &str) -> bool {
    registry::scalar(name).is_some()
        || registry::aggregate(name).is_some()
        || over::find(name).is_some()
        || crate::analyze::call::is_form(name)
}

/// Runs a closure of a program; a panic becomes an error that names the function.
fn guarded<T>(name: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(|cause| {
            Error::data(format!(
                "the function failed. function=`{name}` reason=`{}`",
                cause.message()
            ))
            .with_condition("FAILED_EXECUTE_UDF")
            .with_source(cause)
        }),
        Err(panic) => {
            let reason = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".to_owned());
            Err(Error::data(format!(
                "the function panicked. function=`{name}` reason=`{reason}`"
            ))
            .with_condition("FAILED_EXECUTE_UDF"))
        }
    }
}

/// Checks what a closure gave.
fn checked(name: &str, given: ArrayRef, (data_type, rows): (&DataType, usize)) -> Result<ArrayRef> {
    if given.data_type() == data_type && given.len() == rows {
        return Ok(given);
    }
    Err(Error::data(format!(
        "the function gave something else than it promised. function=`{name}` promised=`{rows} rows of {}` given=`{} rows of {}`",
        crate::types::sql_name(data_type),
        given.len(),
        crate::types::sql_name(given.data_type())
    ))
    .with_condition("FAILED_EXECUTE_UDF"))
}

/// How a function is called: `name(arg1, arg2)`.
fn usage(name: &str, arguments: usize) -> String {
    let arguments: Vec<String> = (1..=arguments)
        .map(|number| format!("arg{number}"))
        .collect();
    format!("{name}({})", arguments.join(", "))
}

/// A closure of a program, which has no text.
struct Closure;

impl fmt::Debug for Closure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closure")
    }
}
