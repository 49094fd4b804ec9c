//! A number out of a text of a format, as `to_number` reads it.

use super::{NumberFormat, Token};

impl NumberFormat {
    /// The digits of the number, with as many behind the point as the format has places; `None` if the text is not of the format.
    pub(super) fn read(&self, text: &str) -> Option<i128> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let mut rest = text.as_str();
        let mut is_negative = false;
        if self.count(Token::Brackets) > 0
            && let Some(inner) = rest.strip_prefix('<')
        {
            rest = inner.strip_suffix('>')?;
            is_negative = true;
        }
        let mut parts = Parts::default();
        for token in &self.tokens {
            match token {
                Token::Digits(..) | Token::Separator | Token::Point => parts.push(*token),
                Token::Currency => rest = parts.flush(rest)?.strip_prefix('$')?,
                Token::Sign | Token::Minus => {
                    rest = parts.flush(rest)?;
                    if let Some(after) = rest.strip_prefix('-') {
                        is_negative = true;
                        rest = after;
                    } else if *token == Token::Sign {
                        rest = rest.strip_prefix('+').unwrap_or(rest);
                    }
                }
                Token::Brackets => {}
            }
        }
        let rest = parts.flush(rest)?;
        if !rest.is_empty() {
            return None;
        }
        let (_, places) = self.places();
        let digits = format!("{}{:0<places$}", parts.before, parts.behind);
        let has_digits = !(parts.before.is_empty() && parts.behind.is_empty());
        let number: i128 = digits.parse().ok().filter(|_| has_digits)?;
        Some(if is_negative { -number } else { number })
    }
}

/// The digits that were read, and the tokens whose text is still to be read.
#[derive(Default)]
struct Parts {
    tokens: Vec<Token>,
    before: String,
    behind: String,
}

impl Parts {
    fn push(&mut self, token: Token) {
        self.tokens.push(token);
    }

    /// Reads the digits that the tokens so far ask for; gives what is left of the text.
    fn flush<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let tokens = std::mem::take(&mut self.tokens);
        if tokens.is_empty() {
            return Some(text);
        }
        let point = tokens.iter().position(|token| *token == Token::Point);
        let (before, behind) = tokens.split_at(point.unwrap_or(tokens.len()));
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != ',')
            .unwrap_or(text.len());
        let (whole, rest) = text.split_at(end);
        self.before = read_groups(whole, before)?;
        let Some(fraction) = rest.strip_prefix('.').filter(|_| point.is_some()) else {
            return Some(rest);
        };
        let end = fraction
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(fraction.len());
        let (digits, rest) = fraction.split_at(end);
        let places: usize = behind
            .iter()
            .map(|token| match token {
                Token::Digits(places, _) => *places,
                _ => 0,
            })
            .sum();
        if digits.len() > places {
            return None;
        }
        digits.clone_into(&mut self.behind);
        Some(rest)
    }
}

/// The digits of groups with commas between, matched with those of the format from the right.
fn read_groups(text: &str, tokens: &[Token]) -> Option<String> {
    let wanted: Vec<(usize, bool)> = tokens
        .split(|token| *token == Token::Separator)
        .map(|group| {
            group
                .iter()
                .fold((0, false), |(sum, exact), token| match token {
                    Token::Digits(places, is_exact) => (sum + places, exact || *is_exact),
                    _ => (sum, exact),
                })
        })
        .collect();
    let given: Vec<&str> = text.split(',').collect();
    if given.len() > wanted.len() {
        return None;
    }
    let missing = wanted.len() - given.len();
    let mut digits = String::new();
    for (index, (places, is_exact)) in wanted.into_iter().enumerate() {
        let group = index
            .checked_sub(missing)
            .and_then(|index| given.get(index))
            .copied()
            .unwrap_or_default();
        if group.len() > places || (is_exact && group.len() != places) {
            return None;
        }
        digits.push_str(group);
    }
    Some(digits)
}
