//! Text that may be shown: option values may be passwords, and errors draw the line they are about.
//!
//! Every string that is a value in `OPTIONS (…)`, `TBLPROPERTIES (…)` or `WITH (…)` becomes asterisks, character for character, so
//! that all places stay where they are.

use super::token::{Token, TokenKind};
use crate::error::Span;
use std::sync::Arc;

/// The text with the values of options masked.
pub(super) fn masked(text: &str, tokens: &[Token]) -> Arc<str> {
    let mut result = String::with_capacity(text.len());
    let mut copied = 0;
    for (start, end) in option_values(tokens) {
        result.push_str(text.get(copied..start).unwrap_or_default());
        let value = text.get(start..end).unwrap_or_default();
        result.extend(value.chars().map(|own| if own == '\n' { own } else { '*' }));
        copied = end;
    }
    result.push_str(text.get(copied..).unwrap_or_default());
    Arc::from(result)
}

/// The line that an error of the tokenizer is about, with everything in quotes masked; the other lines are empty.
pub(super) fn masked_line(text: &str, span: Span) -> String {
    let number = usize::try_from(span.start.line).unwrap_or(usize::MAX);
    let line = text
        .lines()
        .nth(number.saturating_sub(1))
        .unwrap_or_default();
    let mut quote = None;
    let shown = line.chars().map(|own| match quote {
        None => {
            quote = Some(own).filter(|own| matches!(own, '\'' | '"'));
            own
        }
        Some(open) if own == open => {
            quote = None;
            own
        }
        Some(_) => '*',
    });
    "\n".repeat(number.saturating_sub(1)) + &shown.collect::<String>()
}

/// Where the values of options stand, in bytes: strings in parentheses behind one of the words, that follow a key.
fn option_values(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mut values = Vec::new();
    let mut in_options = false;
    for window in tokens.windows(2) {
        let [before, token] = window else {
            continue;
        };
        match (&before.kind, &token.kind) {
            (TokenKind::Word(word), TokenKind::Symbol("(")) => {
                let words = ["OPTIONS", "TBLPROPERTIES", "WITH"];
                in_options = words.iter().any(|own| word.eq_ignore_ascii_case(own));
            }
            (_, TokenKind::Symbol(")" | ";")) => in_options = false,
            (TokenKind::Symbol("(" | ","), TokenKind::Text(_)) => {}
            (_, TokenKind::Text(_)) if in_options => values.push(token.bytes),
            _ => {}
        }
    }
    values
}
