//! Functions that give a number for a string: lengths, codes, distances; and `soundex`.

use crate::error::{Error, Result};
use crate::function::kernel::{Bytes, Column, Ints, Text, argument, primitive_of, text_into};
use crate::function::signature::{INT, TEXT, TEXT_OR_BINARY, rule};
use crate::function::{Call, ScalarFunction};
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Float64Type, Int32Type};

pub(super) fn functions() -> Vec<ScalarFunction> {
    let mut functions = lengths();
    functions.extend(codes_and_distances());
    functions
}

fn lengths() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "length",
            usage: "length(expr)",
            description: "The number of characters of a string, or of bytes of a binary.",
            example: "SELECT length('tide mill ')",
            resolve: |arguments| rule("length", arguments, &[TEXT_OR_BINARY], 1, DataType::Int32),
            kernel: |call| measure(call, |text| text.chars().count(), <[u8]>::len),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "octet_length",
            usage: "octet_length(expr)",
            description: "The number of bytes.",
            example: "SELECT octet_length('tide')",
            resolve: |arguments| {
                rule(
                    "octet_length",
                    arguments,
                    &[TEXT_OR_BINARY],
                    1,
                    DataType::Int32,
                )
            },
            kernel: |call| measure(call, str::len, <[u8]>::len),
            is_deterministic: true,
        },
        ScalarFunction {
            name: "bit_length",
            usage: "bit_length(expr)",
            description: "The number of bits.",
            example: "SELECT bit_length('tide')",
            resolve: |arguments| {
                rule(
                    "bit_length",
                    arguments,
                    &[TEXT_OR_BINARY],
                    1,
                    DataType::Int32,
                )
            },
            kernel: |call| measure(call, |text| text.len() * 8, |bytes| bytes.len() * 8),
            is_deterministic: true,
        },
    ]
}

fn codes_and_distances() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "ascii",
            usage: "ascii(str)",
            description: "The code point of the first character; 0 for an empty string.",
            example: "SELECT ascii('222')",
            resolve: |arguments| rule("ascii", arguments, &[TEXT], 1, DataType::Int32),
            kernel: ascii,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "levenshtein",
            usage: "levenshtein(str1, str2[, threshold])",
            description: "The number of changed characters between two strings; -1 if it is above the threshold.",
            example: "SELECT levenshtein('kitten', 'sitting')",
            resolve: |arguments| {
                rule(
                    "levenshtein",
                    arguments,
                    &[TEXT, TEXT, INT],
                    2,
                    DataType::Int32,
                )
            },
            kernel: levenshtein,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "jaro_winkler_similarity",
            usage: "jaro_winkler_similarity(str1, str2)",
            description: "How alike two strings are, from 0 to 1, after Jaro and Winkler.",
            example: "SELECT jaro_winkler_similarity('MARTHA', 'MARHTA')",
            resolve: |arguments| {
                rule(
                    "jaro_winkler_similarity",
                    arguments,
                    &[TEXT, TEXT],
                    2,
                    DataType::Float64,
                )
            },
            kernel: jaro_winkler,
            is_deterministic: true,
        },
        ScalarFunction {
            name: "soundex",
            usage: "soundex(str)",
            description: "The Soundex code of a string.",
            example: "SELECT soundex('Miller')",
            resolve: |arguments| rule("soundex", arguments, &[TEXT], 1, DataType::Utf8),
            kernel: soundex,
            is_deterministic: true,
        },
    ]
}

/// A number as an `INT`: lengths of Arrow strings always fit.
fn int(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn measure(
    call: &Call<'_>,
    of_text: fn(&str) -> usize,
    of_bytes: fn(&[u8]) -> usize,
) -> Result<ArrayRef> {
    if argument(call, 0)?.data_type() == &DataType::Binary {
        let column: Bytes<'_> = Column::of(call, 0)?;
        return primitive_of::<Int32Type>(call, |row| Some(int(of_bytes(column.get(row)?))));
    }
    let column: Text<'_> = Column::of(call, 0)?;
    primitive_of::<Int32Type>(call, |row| Some(int(of_text(column.get(row)?))))
}

fn ascii(call: &Call<'_>) -> Result<ArrayRef> {
    let column: Text<'_> = Column::of(call, 0)?;
    primitive_of::<Int32Type>(call, |row| {
        let first = column.get(row)?.chars().next();
        Some(first.map_or(0, |first| {
            i32::try_from(u32::from(first)).unwrap_or(i32::MAX)
        }))
    })
}

fn levenshtein(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    let threshold: Option<Ints<'_>> = Column::optional(call, 2)?;
    primitive_of::<Int32Type>(call, |row| {
        let distance = int(strsim::levenshtein(left.get(row)?, right.get(row)?));
        match threshold {
            None => Some(distance),
            Some(threshold) if distance <= threshold.get(row)? => Some(distance),
            Some(_) => Some(-1),
        }
    })
}

fn jaro_winkler(call: &Call<'_>) -> Result<ArrayRef> {
    let (left, right): (Text<'_>, Text<'_>) = (Column::of(call, 0)?, Column::of(call, 1)?);
    primitive_of::<Float64Type>(call, |row| {
        let left: Vec<u16> = left.get(row)?.encode_utf16().collect();
        let right: Vec<u16> = right.get(row)?.encode_utf16().collect();
        Some(similarity(&left, &right))
    })
}

/// The similarity of Jaro, raised by Winkler's for up to four equal first characters. As Spark does, it counts UTF-16 units and
/// half a transposition for each pair out of order.
#[expect(
    clippy::cast_precision_loss,
    reason = "strings have less than 2^53 characters"
)]
fn similarity(left: &[u16], right: &[u16]) -> f64 {
    if left.is_empty() && right.is_empty() {
        return 1.0;
    }
    let (left_matches, right_matches) = matching(left, right);
    let matches = left_matches.len() as f64;
    if left_matches.is_empty() {
        return 0.0;
    }
    let pairs = left_matches.iter().zip(&right_matches);
    let transpositions = pairs.filter(|(left, right)| left != right).count() as f64;
    let jaro = (matches / left.len() as f64
        + matches / right.len() as f64
        + (matches - transpositions / 2.0) / matches)
        / 3.0;
    let pairs = left.iter().zip(right).take(4);
    let prefix = pairs.take_while(|(left, right)| left == right).count() as f64;
    jaro + prefix * 0.1 * (1.0 - jaro)
}

/// The characters of both that match within the window of half the longer one, each in its own order.
fn matching(left: &[u16], right: &[u16]) -> (Vec<u16>, Vec<u16>) {
    let window = (left.len().max(right.len()) / 2).saturating_sub(1);
    let mut is_taken = vec![false; right.len()];
    let mut left_matches = Vec::new();
    for (index, character) in left.iter().enumerate() {
        let start = index.saturating_sub(window);
        let candidates = right.iter().zip(&mut is_taken).skip(start);
        let found = candidates
            .take((index + window + 1).saturating_sub(start))
            .find(|(other, taken)| *other == character && !**taken);
        if let Some((_, taken)) = found {
            *taken = true;
            left_matches.push(*character);
        }
    }
    let right_matches = right.iter().zip(&is_taken).filter(|(_, taken)| **taken);
    (
        left_matches,
        right_matches.map(|(character, _)| *character).collect(),
    )
}

/// The code of each letter from A to Z; 0 for vowels, 7 for H and W, which do not separate equal codes.
const SOUNDEX: &[u8; 26] = b"01230127022455012623017202";

fn soundex(call: &Call<'_>) -> Result<ArrayRef> {
    let column: Text<'_> = Column::of(call, 0)?;
    text_into(call.rows, |row, out| {
        write_soundex(column.get(row)?, out);
        Some(())
    })
}

fn code_of(letter: u8) -> Option<u8> {
    let index = letter.to_ascii_uppercase().checked_sub(b'A')?;
    SOUNDEX.get(usize::from(index)).copied()
}

/// The first letter and three digits. What does not start with a letter stays as it is.
fn write_soundex(text: &str, out: &mut String) {
    let Some((first, rest)) = text.as_bytes().split_first() else {
        return;
    };
    let Some(mut last) = code_of(*first) else {
        out.push_str(text);
        return;
    };
    out.push(char::from(first.to_ascii_uppercase()));
    for byte in rest {
        match code_of(*byte) {
            None => last = b'0',
            Some(b'7') => {}
            Some(code) => {
                if code != b'0' && code != last {
                    out.push(char::from(code));
                    if out.len() > 3 {
                        return;
                    }
                }
                last = code;
            }
        }
    }
    while out.len() < 4 {
        out.push('0');
    }
}

/// An error of a position that counts from 1 and is 0.
pub(super) fn index_of_zero() -> Error {
    Error::data("positions count from 1, or from -1 backwards: 0 is none")
        .with_condition("INVALID_INDEX_OF_ZERO")
}
