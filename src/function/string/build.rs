//! Strings made of strings: `concat`, `concat_ws`, `repeat`, `space`, `lpad`, `rpad`, `reverse`, `replace`, `translate`, `chr`, `elt`, `mask`,
//! `quote`. `concat` and `reverse` also take arrays.

mod join;
mod pad;

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::function::kernel::{
    Bytes, Column, Ints, Longs, Text, argument, bytes_of, text_into, text_of, try_bytes_into,
    try_text_into,
};
use crate::function::signature::{
    BIGINT, BINARY, INT, TEXT, Wanted, argument_type, argument_types, count_arguments,
    null_if_any_is, nullable, rule, unexpected_type,
};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array};
use arrow::datatypes::DataType;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = join::functions();
    functions.extend(pad::functions());
    functions.extend(replacing());
    functions.extend(making());
    functions
}

fn replacing() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "reverse",
            usage: "reverse(expr)",
            description: "The characters of a string, the bytes of a binary or the elements of an array, in reverse order.",
            example: "SELECT reverse('tide')",
            resolve: resolve_reverse,
            kernel: reverse,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "replace",
            usage: "replace(str, search[, replace])",
            description: "The string with every occurrence of search replaced, or removed.",
            example: "SELECT replace('ABCabc', 'abc', 'DEF')",
            resolve: |arguments| rule("replace", arguments, &[TEXT, TEXT, TEXT], 2, DataType::Utf8),
            kernel: replace,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "translate",
            usage: "translate(input, from, to)",
            description: "The input with each character in from replaced by the one at the same place in to, or removed if there is none.",
            example: "SELECT translate('AaBbCc', 'abc', '123')",
            resolve: |arguments| {
                rule(
                    "translate",
                    arguments,
                    &[TEXT, TEXT, TEXT],
                    3,
                    DataType::Utf8,
                )
            },
            kernel: translate,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "mask",
            usage: "mask(input[, upper[, lower[, digit[, other]]]])",
            description: "The input with upper case letters as X, lower case ones as x, digits as n; a null keeps the characters of its kind.",
            example: "SELECT mask('abcd-EFGH-8765-4321')",
            resolve: resolve_mask,
            kernel: mask,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "quote",
            usage: "quote(str)",
            description: "The string in single quotes, with the quotes in it escaped.",
            example: "SELECT quote('tide')",
            resolve: |arguments| rule("quote", arguments, &[TEXT], 1, DataType::Utf8),
            kernel: |call| {
                let text: Text<'_> = Column::of(call, 0)?;
                text_into(call.rows, |row, out| {
                    let text = text.get(row)?;
                    out.push('\'');
                    for character in text.chars() {
                        if character == '\'' {
                            out.push('\\');
                        }
                        out.push(character);
                    }
                    out.push('\'');
                    Some(())
                })
            },
            is_deterministic: true,
        },
    ]
}

fn making() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "repeat",
            usage: "repeat(str, n)",
            description: "The string n times.",
            example: "SELECT repeat('123', 2)",
            resolve: |arguments| rule("repeat", arguments, &[TEXT, INT], 2, DataType::Utf8),
            kernel: repeat,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "space",
            usage: "space(n)",
            description: "A string of n spaces.",
            example: "SELECT concat(space(2), '1')",
            resolve: |arguments| rule("space", arguments, &[INT], 1, DataType::Utf8),
            kernel: |call| {
                let count: Ints<'_> = Column::of(call, 0)?;
                text_into(call.rows, |row, out| {
                    let count = usize::try_from(count.get(row)?).unwrap_or_default();
                    out.extend(std::iter::repeat_n(' ', count));
                    Some(())
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "chr",
            usage: "chr(n)",
            description: "The character with the code n modulo 256; the empty string for negative ones.",
            example: "SELECT chr(65)",
            resolve: |arguments| rule("chr", arguments, &[BIGINT], 1, DataType::Utf8),
            kernel: |call| {
                let code: Longs<'_> = Column::of(call, 0)?;
                text_into(call.rows, |row, out| {
                    let code = code.get(row)?;
                    if code >= 0 {
                        out.push(char::from(code.to_le_bytes().first().copied()?));
                    }
                    Some(())
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "elt",
            usage: "elt(n, input1[, input2...])",
            description: "Input number n, from 1.",
            example: "SELECT elt(1, 'tide', 'mill')",
            resolve: resolve_elt,
            kernel: elt,
            is_deterministic: true,
        },
    ]
}

fn resolve_reverse(arguments: &[Expr]) -> Result<Signature> {
    let wanted: &[&[Wanted]] = &[&[
        Wanted::Exactly(DataType::Utf8),
        Wanted::Exactly(DataType::Binary),
        Wanted::Array,
    ]];
    let types = argument_types("reverse", arguments, wanted, 1)?;
    let returns = types.first().cloned().unwrap_or(DataType::Utf8);
    Ok(null_if_any_is(arguments, types, returns))
}

fn reverse(call: &Call<'_>) -> Result<ArrayRef> {
    if argument(call, 0)?.data_type() == &DataType::Utf8 {
        let text: Text<'_> = Column::of(call, 0)?;
        return text_into(call.rows, |row, out| {
            out.extend(text.get(row)?.chars().rev());
            Some(())
        });
    }
    if argument(call, 0)?.data_type() == &DataType::Binary {
        let bytes: Bytes<'_> = Column::of(call, 0)?;
        return try_bytes_into(call.rows, |row, out| {
            Ok(bytes.get(row).map(|bytes| out.extend(bytes.iter().rev())))
        });
    }
    let lists = argument(call, 0)?.array().as_list::<i32>();
    let mut indices = Vec::with_capacity(lists.values().len());
    for window in lists.value_offsets().windows(2) {
        if let [start, end] = window {
            indices.extend((*start..*end).rev().map(i32::cast_unsigned));
        }
    }
    let elements = arrow::compute::take(lists.values(), &UInt32Array::from(indices), None)?;
    let offsets = arrow::buffer::OffsetBuffer::from_lengths(lists.offsets().lengths());
    let field = types::list_field(lists.value_type());
    let nulls = lists.nulls().cloned();
    Ok(Arc::new(ListArray::try_new(
        field, offsets, elements, nulls,
    )?))
}

fn replace(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, search): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let replacement: Option<Text<'_>> = Column::optional(call, 2)?;
    text_into(call.rows, |row, out| {
        let (text, search) = (text.get(row)?, search.get(row)?);
        let replacement = match replacement {
            Some(replacement) => replacement.get(row)?,
            None => "",
        };
        if search.is_empty() {
            out.push_str(text);
            return Some(());
        }
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(search) {
            out.push_str(before);
            out.push_str(replacement);
            rest = after;
        }
        out.push_str(rest);
        Some(())
    })
}

/// What each character becomes; `None` if it is removed. The first mention of a character counts.
type Translation = HashMap<char, Option<char>>;

fn translation(from: &str, to: &str) -> Translation {
    let mut translation = Translation::new();
    let mut to = to.chars();
    for character in from.chars() {
        let replacement = to.next().filter(|replacement| *replacement != '\0');
        translation.entry(character).or_insert(replacement);
    }
    translation
}

fn translate(call: &Call<'_>) -> Result<ArrayRef> {
    let text: Text<'_> = Column::of(call, 0)?;
    let (from, to): (Text<'_>, Text<'_>) = (Column::of(call, 1)?, Column::of(call, 2)?);
    let mut last: Option<(&str, &str, Translation)> = None;
    text_into(call.rows, |row, out| {
        let (text, from, to) = (text.get(row)?, from.get(row)?, to.get(row)?);
        if !matches!(last, Some((last_from, last_to, _)) if last_from == from && last_to == to) {
            last = Some((from, to, translation(from, to)));
        }
        let (_, _, translation) = last.as_ref()?;
        for character in text.chars() {
            match translation.get(&character) {
                None => out.push(character),
                Some(replacement) => out.extend(*replacement),
            }
        }
        Some(())
    })
}

fn resolve_mask(arguments: &[Expr]) -> Result<Signature> {
    let wanted = [TEXT, TEXT, TEXT, TEXT, TEXT];
    let types = argument_types("mask", arguments, &wanted, 1)?;
    for index in 1..arguments.len() {
        let value = crate::function::signature::constant("mask", arguments, index)?;
        let characters = value.as_string_opt::<i32>().filter(|text| text.is_valid(0));
        if characters.is_some_and(|text| text.value(0).chars().count() != 1) {
            return Err(
                Error::invalid("a replacement of `mask` must be one character, or null")
                    .with_condition("DATATYPE_MISMATCH.INPUT_SIZE_NOT_ONE"),
            );
        }
    }
    Ok(nullable(types, DataType::Utf8))
}

fn mask(call: &Call<'_>) -> Result<ArrayRef> {
    let text: Text<'_> = Column::of(call, 0)?;
    let mut replacements = [Some('X'), Some('x'), Some('n'), None];
    for (index, replacement) in replacements.iter_mut().enumerate() {
        if let Some(given) = Column::<arrow::array::StringArray>::optional(call, index + 1)? {
            *replacement = given.get(0).and_then(|given| given.chars().next());
        }
    }
    let [upper, lower, digit, other] = replacements;
    text_into(call.rows, |row, out| {
        for character in text.get(row)?.chars() {
            let replacement = if character.is_uppercase() {
                upper
            } else if character.is_lowercase() {
                lower
            } else if is_decimal_digit(character) {
                digit
            } else {
                other
            };
            out.push(replacement.unwrap_or(character));
        }
        Some(())
    })
}

/// Whether it is a decimal digit of any script.
fn is_decimal_digit(character: char) -> bool {
    static DIGIT: LazyLock<Option<regex::Regex>> =
        LazyLock::new(|| regex::Regex::new(r"^\p{Nd}$").ok());
    if character.is_ascii() {
        return character.is_ascii_digit();
    }
    let mut buffer = [0; 4];
    let text = character.encode_utf8(&mut buffer);
    DIGIT.as_ref().is_some_and(|digit| digit.is_match(text))
}

fn repeat(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, times): (Text<'_>, Ints<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    try_text_into(call.rows, |row, out| {
        let (Some(text), Some(times)) = (text.get(row), times.get(row)) else {
            return Ok(None);
        };
        let times = usize::try_from(times).unwrap_or_default();
        pad::check_size(text.len().saturating_mul(times))?;
        for _ in 0..times {
            out.push_str(text);
        }
        Ok(Some(()))
    })
}

fn resolve_elt(arguments: &[Expr]) -> Result<Signature> {
    count_arguments("elt", arguments, 2, usize::MAX)?;
    let inputs = arguments.get(1..).unwrap_or_default();
    let is_binary = inputs
        .iter()
        .all(|input| input.data_type == DataType::Binary);
    let (wanted, returns) = if is_binary {
        (BINARY, DataType::Binary)
    } else {
        (TEXT, DataType::Utf8)
    };
    let mut types = vec![argument_type("elt", arguments, 0, INT)?];
    for index in 1..arguments.len() {
        types.push(argument_type("elt", arguments, index, wanted)?);
    }
    Ok(nullable(types, returns))
}

fn elt(call: &Call<'_>) -> Result<ArrayRef> {
    let number: Ints<'_> = Column::of(call, 0)?;
    let count = call.arguments.len() - 1;
    let mut failed = None;
    let mut chosen = |row: usize| {
        let number = number.get(row)?;
        let input = usize::try_from(number).ok().filter(|number| *number > 0);
        let input = input.filter(|number| *number <= count);
        if input.is_none() {
            failed = Some(number);
        }
        Some(input? - 1)
    };
    let result = if call.returns == &DataType::Binary {
        let inputs = (1..=count).map(|index| Column::of(call, index));
        let inputs: Vec<Bytes<'_>> = inputs.collect::<Result<_>>()?;
        bytes_of(call.rows, |row| inputs.get(chosen(row)?)?.get(row))?
    } else {
        let inputs = (1..=count).map(|index| Column::of(call, index));
        let inputs: Vec<Text<'_>> = inputs.collect::<Result<_>>()?;
        text_of(call.rows, |row| inputs.get(chosen(row)?)?.get(row))?
    };
    match failed {
        None => Ok(result),
        Some(number) => Err(Error::data(format!(
            "`elt` has no input with this number. number=`{number}` inputs=`{count}`"
        ))
        .with_condition("INVALID_ARRAY_INDEX")),
    }
}

/// The type that all arguments of `concat` have or become: `BINARY` if all are, an array if all are, else `STRING`.
fn joined_type(arguments: &[Expr]) -> Result<DataType> {
    let is_array = |argument: &Expr| matches!(argument.data_type, DataType::List(_));
    if arguments
        .iter()
        .all(|argument| argument.data_type == DataType::Binary)
    {
        return Ok(DataType::Binary);
    }
    if arguments.iter().any(is_array) {
        if arguments
            .iter()
            .any(|argument| argument.data_type == DataType::Null)
        {
            return Err(Error::invalid(
                "the arguments of `concat` must all be arrays of one type, not an untyped null",
            )
            .with_condition("DATATYPE_MISMATCH.DATA_DIFF_TYPES"));
        }
        let types = arguments.iter().map(|argument| &argument.data_type);
        return types::common_type_of(types).ok_or_else(|| {
            Error::invalid("the arguments of `concat` must all be arrays of one type, or strings")
                .with_condition("DATATYPE_MISMATCH.DATA_DIFF_TYPES")
        });
    }
    for (index, argument) in arguments.iter().enumerate() {
        if !types::can_implicitly_cast(&argument.data_type, &DataType::Utf8) {
            return Err(unexpected_type(
                "concat",
                argument,
                index,
                "STRING, BINARY or ARRAY",
            ));
        }
    }
    Ok(DataType::Utf8)
}
