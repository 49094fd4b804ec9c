//! `upper`, `lower`, `initcap`: full Unicode case mapping, with a fast path for columns of ASCII.

use crate::error::Result;
use crate::function::kernel::{Column, Text, text_into};
use crate::function::signature::{TEXT, rule};
use crate::function::{Call, ScalarFunction};
use arrow::array::{Array, ArrayRef, StringArray};
use arrow::buffer::Buffer;
use arrow::datatypes::DataType;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![
        ScalarFunction {
            name: "upper",
            usage: "upper(str)",
            description: "The string in upper case.",
            example: "SELECT upper('tide')",
            resolve: |arguments| rule("upper", arguments, &[TEXT], 1, DataType::Utf8),
            kernel: |call| {
                mapped(call, <[u8]>::make_ascii_uppercase, |text, out| {
                    out.push_str(&text.to_uppercase());
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "lower",
            usage: "lower(str)",
            description: "The string in lower case.",
            example: "SELECT lower('TIDE')",
            resolve: |arguments| rule("lower", arguments, &[TEXT], 1, DataType::Utf8),
            kernel: |call| {
                mapped(call, <[u8]>::make_ascii_lowercase, |text, out| {
                    out.push_str(&text.to_lowercase());
                })
            },
            is_deterministic: true,
        },
        ScalarFunction {
            name: "initcap",
            usage: "initcap(str)",
            description: "The string with the first letter of each word in upper case and all others in lower case; words are separated by spaces.",
            example: "SELECT initcap('tide mill')",
            resolve: |arguments| rule("initcap", arguments, &[TEXT], 1, DataType::Utf8),
            kernel: |call| mapped(call, initcap_ascii, initcap),
            is_deterministic: true,
        },
    ]
}

/// Maps a column: all its bytes at once if they are ASCII, else each string.
fn mapped(
    call: &Call<'_>,
    map_ascii: fn(&mut [u8]),
    map: fn(&str, &mut String),
) -> Result<ArrayRef> {
    let column: Text<'_> = Column::of(call, 0)?;
    let array = column.array();
    if let Some(mapped) = mapped_ascii(array, map_ascii) {
        return Ok(Arc::new(mapped));
    }
    text_into(array.len(), |row, out| {
        map(array.is_valid(row).then(|| array.value(row))?, out);
        Some(())
    })
}

/// `None` if a byte is not ASCII.
fn mapped_ascii(array: &StringArray, map_ascii: fn(&mut [u8])) -> Option<StringArray> {
    let first = usize::try_from(*array.value_offsets().first()?).ok()?;
    let last = usize::try_from(*array.value_offsets().last()?).ok()?;
    let values = array.value_data().get(first..last)?;
    if !values.is_ascii() {
        return None;
    }
    let mut mapped = values.to_vec();
    let mut start = 0;
    for length in array.offsets().lengths() {
        map_ascii(mapped.get_mut(start..start + length)?);
        start += length;
    }
    let offsets = arrow::buffer::OffsetBuffer::from_lengths(array.offsets().lengths());
    StringArray::try_new(offsets, Buffer::from(mapped), array.nulls().cloned()).ok()
}

fn initcap_ascii(bytes: &mut [u8]) {
    let mut starts_word = true;
    for byte in bytes {
        if starts_word {
            byte.make_ascii_uppercase();
        } else {
            byte.make_ascii_lowercase();
        }
        starts_word = *byte == b' ';
    }
}

fn initcap(text: &str, out: &mut String) {
    let mut starts_word = true;
    for (index, character) in text.char_indices() {
        if starts_word {
            title_case(character, out);
        } else {
            push_lower(text, index, character, out);
        }
        starts_word = character == ' ';
    }
}

/// The lower case of a character within a text: a capital sigma at the end of a word has a form of its own.
fn push_lower(text: &str, index: usize, character: char, out: &mut String) {
    if character == 'Σ' {
        let before = text.get(..index).unwrap_or_default();
        let after = text.get(index + character.len_utf8()..).unwrap_or_default();
        let is_final = is_cased(before.chars().rev()) && !is_cased(after.chars());
        out.push(if is_final { 'ς' } else { 'σ' });
    } else {
        out.extend(character.to_lowercase());
    }
}

/// Whether the next character that is not a mark or an apostrophe is a letter with case.
fn is_cased(characters: impl Iterator<Item = char>) -> bool {
    characters
        .into_iter()
        .find(|character| {
            !matches!(
                character,
                '\'' | '’' | '.' | ':' | '·' | '\u{300}'..='\u{36f}' | '\u{ad}'
            )
        })
        .is_some_and(|character| character.is_lowercase() || character.is_uppercase())
}

/// The title case of a character: its upper case, except for digraphs that are one character.
fn title_case(character: char, out: &mut String) {
    match character {
        'Ǆ' | 'ǅ' | 'ǆ' => out.push('ǅ'),
        'Ǉ' | 'ǈ' | 'ǉ' => out.push('ǈ'),
        'Ǌ' | 'ǋ' | 'ǌ' => out.push('ǋ'),
        'Ǳ' | 'ǲ' | 'ǳ' => out.push('ǲ'),
        'ა'..='ჿ' => out.push(character),
        _ => {
            let mut upper = character.to_uppercase();
            if let Some(first) = upper.next() {
                out.push(first);
            }
            // What becomes several characters (ß, ligatures) has only its first in upper case.
            for rest in upper {
                out.extend(rest.to_lowercase());
            }
        }
    }
}
