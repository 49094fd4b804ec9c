//! Functions of strings, with Spark's semantics: positions count characters from 1, negative ones from the end; only the space
//! (U+0020) counts as blank; comparison is byte by byte.
//!
//! Kernels work on whole columns and hand slices of their input on where they can.

mod build;
mod case;
mod encode;
mod format;
mod measure;
mod search;
mod sentences;
mod slice;
mod split;
#[cfg(test)]
mod tests;
mod trim;

use crate::function::ScalarFunction;

/// Every function of this module.
pub(crate) fn functions() -> Vec<ScalarFunction> {
    [
        case::functions(),
        measure::functions(),
        slice::functions(),
        split::functions(),
        trim::functions(),
        search::functions(),
        build::functions(),
        encode::functions(),
        format::functions(),
        sentences::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Other names, each with the name it stands for.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("ucase", "upper"),
    ("lcase", "lower"),
    ("char_length", "length"),
    ("character_length", "length"),
    ("len", "length"),
    ("substr", "substring"),
    ("position", "locate"),
    ("char", "chr"),
    ("printf", "format_string"),
    ("to_varchar", "to_char"),
];
