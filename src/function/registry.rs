//! All functions by name: the one list that the analyzer, `SHOW FUNCTIONS` and the documentation read.
//!
//! A module of functions hands in a `Module`: its scalar functions, its aggregates, and other names for them. A name stands for
//! one function; the first module that claims it wins, and a test refuses a second claim.

use crate::function::{
    AggregateFunction, ScalarFunction, aggregate, arithmetic, assertion, bitwise, collection,
    comparison, csv, datetime, encryption, hash_functions, json, math, predicate, random, regexp,
    sketch, string, system, url, variant, vector, window,
};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// What one module of functions brings.
pub(crate) struct Module {
    /// Its functions of one row.
    pub(crate) scalars: fn() -> Vec<ScalarFunction>,
    /// Its functions of a group of rows.
    pub(crate) aggregates: fn() -> Vec<Arc<dyn AggregateFunction>>,
    /// Other names: the alias, then the name it stands for.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
}

impl Module {
    /// A module of scalar functions, with their aliases.
    pub(crate) const fn scalars(
        scalars: fn() -> Vec<ScalarFunction>,
        aliases: &'static [(&'static str, &'static str)],
    ) -> Module {
        Module {
            scalars,
            aggregates: Vec::new,
            aliases,
        }
    }

    /// A module of aggregates, with their aliases.
    pub(crate) const fn aggregates(
        aggregates: fn() -> Vec<Arc<dyn AggregateFunction>>,
        aliases: &'static [(&'static str, &'static str)],
    ) -> Module {
        Module {
            scalars: Vec::new,
            aggregates,
            aliases,
        }
    }
}

/// Every module of functions, one a line: append yours.
const MODULES: &[Module] = &[
    Module::scalars(window::functions, &[]),
    Module::scalars(super::item::functions, &[]),
    Module::aggregates(aggregate::functions, aggregate::ALIASES),
    Module::scalars(arithmetic::functions, arithmetic::ALIASES),
    Module::scalars(bitwise::functions, bitwise::ALIASES),
    Module::scalars(comparison::functions, comparison::ALIASES),
    Module::scalars(predicate::functions, predicate::ALIASES),
    Module::scalars(datetime::functions, datetime::ALIASES),
    Module::scalars(math::functions, math::ALIASES),
    Module::scalars(json::functions, &[]),
    Module::scalars(csv::functions, &[]),
    Module::scalars(encryption::functions, &[]),
    Module::scalars(collection::functions, collection::ALIASES),
    Module::scalars(assertion::functions, &[]),
    Module::scalars(string::functions, string::ALIASES),
    Module::scalars(regexp::functions, regexp::ALIASES),
    Module::scalars(hash_functions::functions, hash_functions::ALIASES),
    Module::scalars(url::functions, &[]),
    Module::scalars(vector::functions, &[]),
    Module::scalars(sketch::functions, &[]),
    Module::aggregates(sketch::aggregates, &[]),
    Module::scalars(variant::functions, &[]),
    Module::scalars(system::functions, system::ALIASES),
    Module::scalars(random::functions, random::ALIASES),
    Module::aggregates(variant::aggregates, &[]),
];

/// The scalar function of this name or alias (without regard to case).
pub fn scalar(name: &str) -> Option<Arc<ScalarFunction>> {
    registry().scalars.get(&*lower(name)).cloned()
}

/// The aggregate of this name or alias (without regard to case).
pub fn aggregate(name: &str) -> Option<Arc<dyn AggregateFunction>> {
    registry().aggregates.get(&*lower(name)).cloned()
}

/// Every scalar function once, in the order of the modules. Names that start with `__` are not for users.
pub fn scalar_functions() -> impl Iterator<Item = &'static Arc<ScalarFunction>> {
    registry().scalar_list.iter()
}

/// Every aggregate once, in the order of the modules.
pub fn aggregate_functions() -> impl Iterator<Item = &'static Arc<dyn AggregateFunction>> {
    registry().aggregate_list.iter()
}

/// Every alias, with the name it stands for.
pub fn aliases() -> impl Iterator<Item = (&'static str, &'static str)> {
    MODULES
        .iter()
        .flat_map(|module| module.aliases.iter().copied())
}

/// The lists of all modules, and the same by name.
struct Registry {
    scalar_list: Vec<Arc<ScalarFunction>>,
    aggregate_list: Vec<Arc<dyn AggregateFunction>>,
    scalars: HashMap<&'static str, Arc<ScalarFunction>>,
    aggregates: HashMap<&'static str, Arc<dyn AggregateFunction>>,
}

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let scalar_list: Vec<_> = MODULES
            .iter()
            .flat_map(|module| (module.scalars)().into_iter().map(Arc::new))
            .collect();
        let aggregate_list: Vec<_> = MODULES
            .iter()
            .flat_map(|module| (module.aggregates)())
            .collect();
        let mut scalars = HashMap::new();
        for function in &scalar_list {
            scalars
                .entry(function.name)
                .or_insert_with(|| Arc::clone(function));
        }
        let mut aggregates = HashMap::new();
        for function in &aggregate_list {
            aggregates
                .entry(function.name())
                .or_insert_with(|| Arc::clone(function));
        }
        for (alias, name) in aliases() {
            if let Some(function) = scalars.get(name).cloned() {
                scalars.entry(alias).or_insert(function);
            }
            if let Some(function) = aggregates.get(name).cloned() {
                aggregates.entry(alias).or_insert(function);
            }
        }
        Registry {
            scalar_list,
            aggregate_list,
            scalars,
            aggregates,
        }
    })
}

/// The name in lower case, without an allocation if it is already.
fn lower(name: &str) -> std::borrow::Cow<'_, str> {
    if name.chars().any(char::is_uppercase) {
        name.to_lowercase().into()
    } else {
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_stands_for_one_function() {
        let mut seen = HashSet::new();
        let names = scalar_functions()
            .map(|function| function.name)
            .chain(aggregate_functions().map(|function| function.name()))
            .chain(aliases().map(|(alias, _)| alias));
        for name in names {
            assert!(seen.insert(name), "`{name}` is claimed twice");
        }
    }

    #[test]
    fn every_alias_stands_for_a_function_that_is_there() {
        for (alias, name) in aliases() {
            assert!(
                scalar(alias).is_some() || aggregate(alias).is_some(),
                "`{alias}` stands for `{name}`, which is not there"
            );
        }
    }
}
