//! `sentences(str[, language, country])`: the words of each sentence.
//!
//! The rules are those of Unicode for sentences and words, as Java applies them to European text: a sentence ends behind `!` or `?`, and
//! behind a full stop that white space and no small letter follows; a word goes on over `'`, `.`, `-` and `_` between letters and over
//! `,` between digits. Language and country change nothing.

use crate::error::Result;
use crate::function::kernel::{Column, Text};
use crate::function::signature::{TEXT, argument_types};
use crate::function::{Call, ScalarFunction, Signature};
use crate::types;
use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::DataType;
use std::sync::Arc;

pub(super) fn functions() -> Vec<ScalarFunction> {
    vec![ScalarFunction {
        name: "sentences",
        usage: "sentences(str[, lang[, country]])",
        description: "An array for each sentence of a text, with its words.",
        example: "SELECT sentences('Hi there! Good morning.')",
        resolve: |arguments| {
            let wanted = argument_types("sentences", arguments, &[TEXT, TEXT, TEXT], 1)?;
            Ok(Signature {
                arguments: wanted,
                returns: types::list_of(types::list_of(DataType::Utf8)),
                is_nullable: arguments.first().is_none_or(|text| text.is_nullable),
            })
        },
        kernel,
        is_deterministic: true,
    }]
}

fn kernel(call: &Call<'_>) -> Result<ArrayRef> {
    let texts: Text<'_> = Column::of(call, 0)?;
    let words =
        ListBuilder::new(StringBuilder::new()).with_field(types::list_field(DataType::Utf8));
    let mut lists =
        ListBuilder::new(words).with_field(types::list_field(types::list_of(DataType::Utf8)));
    for row in 0..call.rows {
        if let Some(text) = texts.get(row) {
            for sentence in sentences(text) {
                let list = lists.values();
                for word in words_of(sentence) {
                    list.values().append_value(word);
                }
                list.append(true);
            }
        }
        lists.append(texts.get(row).is_some());
    }
    Ok(Arc::new(lists.finish()))
}

/// The sentences of a text.
fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if !matches!(character, '.' | '!' | '?' | '\u{2029}' | '。') {
            continue;
        }
        let behind = at + character.len_utf8();
        let rest = text.get(behind..).unwrap_or_default();
        let closed =
            rest.trim_start_matches([')', ']', '}', '"', '\'', '”', '’', '»', '.', '!', '?']);
        let after = closed.trim_start();
        let is_spaced = after.is_empty() || after.len() < closed.len();
        let next_letter = after.chars().find(|c| c.is_alphabetic());
        let goes_on = character == '.' && next_letter.is_some_and(char::is_lowercase);
        if is_spaced && !goes_on {
            let end = text.len() - after.len();
            sentences.push(text.get(start..end).unwrap_or_default());
            start = end;
            while characters.next_if(|(next, _)| *next < end).is_some() {}
        }
    }
    let last = text.get(start..).unwrap_or_default();
    if !last.trim().is_empty() {
        sentences.push(last);
    }
    sentences
}

/// The words of a sentence.
fn words_of(sentence: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let joins = |before: char, middle: char, after: char| match middle {
        '\'' | '.' | '-' | '’' => is_word(before) && is_word(after),
        ',' => before.is_numeric() && after.is_numeric(),
        _ => false,
    };
    let characters: Vec<(usize, char)> = sentence.char_indices().collect();
    let character = |index: usize| characters.get(index).map(|(_, character)| *character);
    let mut words = Vec::new();
    let mut start = None;
    for (index, (at, current)) in characters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(character);
        let is_inside = is_word(*current)
            || matches!((before, character(index + 1)), (Some(before), Some(after)) if joins(before, *current, after));
        match (start, is_inside) {
            (None, true) => start = Some(*at),
            (Some(from), false) => {
                words.push(sentence.get(from..*at).unwrap_or_default());
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        words.push(sentence.get(from..).unwrap_or_default());
    }
    words.retain(|word| word.starts_with(char::is_alphanumeric));
    words
}

#[cfg(test)]
mod tests {
    use super::{sentences, words_of};

    fn split(text: &str) -> Vec<Vec<&str>> {
        sentences(text).into_iter().map(words_of).collect()
    }

    #[test]
    fn texts_are_split_as_java_does() {
        assert_eq!(
            split("Hi there! Good morning. How are you? 3.5 is e.g. x."),
            [
                vec!["Hi", "there"],
                vec!["Good", "morning"],
                vec!["How", "are", "you"],
                vec!["3.5", "is", "e.g", "x"]
            ]
        );
        assert_eq!(
            split("Hi, there-you (it's) me_you. a@b.c"),
            [["Hi", "there-you", "it's", "me_you", "a", "b.c"]]
        );
        assert_eq!(
            split("Dr. Smith went."),
            [vec!["Dr"], vec!["Smith", "went"]]
        );
        assert_eq!(
            split("One. two. Three"),
            [vec!["One", "two"], vec!["Three"]]
        );
        assert_eq!(
            split("He said: \"Stop!\" and left. (Really.) Yes"),
            [
                vec!["He", "said", "Stop"],
                vec!["and", "left"],
                vec!["Really"],
                vec!["Yes"]
            ]
        );
        assert_eq!(
            split("U.S.A. is big. OK?"),
            [vec!["U.S.A", "is", "big"], vec!["OK"]]
        );
        assert_eq!(
            split("e-mail me_at foo.bar@x.com or 1,000.5 times"),
            [[
                "e-mail", "me_at", "foo.bar", "x.com", "or", "1,000.5", "times"
            ]]
        );
        assert!(split("").is_empty());
    }
}
