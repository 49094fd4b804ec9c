//! A number by a format, as `to_char` writes it.
//!
//! Places for digits that the number does not fill are spaces (`9`) or zeros (`0`); a number that does not fit is shown as `#`.

use super::{NumberFormat, Token};

/// The digits of a number without sign: before the point without leading zeros, behind it without trailing ones.
struct Digits {
    before: String,
    behind: String,
    is_negative: bool,
}

impl Digits {
    fn of(unscaled: i128, scale: u32) -> Digits {
        let digits = unscaled.unsigned_abs().to_string();
        let scale = scale as usize;
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (before, behind) = padded.split_at(padded.len() - scale);
        Digits {
            before: before.trim_start_matches('0').to_owned(),
            behind: behind.trim_end_matches('0').to_owned(),
            is_negative: unscaled < 0,
        }
    }
}

impl NumberFormat {
    /// The text of a number; `None` if nothing but a sign would be left.
    pub(super) fn write(&self, unscaled: i128, scale: u32) -> Option<String> {
        let digits = Digits::of(unscaled, scale);
        let (before, behind) = self.places();
        let fits = digits.before.len() <= before && digits.behind.len() <= behind;
        let mut out = String::new();
        if self.count(Token::Brackets) > 0 && digits.is_negative {
            out.push('<');
        }
        // The places before the point that are still to come, and those behind it that were.
        let (mut left, mut done) = (before, 0);
        let mut is_behind = false;
        for token in &self.tokens {
            match token {
                Token::Digits(places, is_exact) => {
                    for _ in 0..*places {
                        let digit = if !fits {
                            '#'
                        } else if is_behind {
                            done += 1;
                            digits.behind.chars().nth(done - 1).unwrap_or('0')
                        } else {
                            left -= 1;
                            let filler = if *is_exact { '0' } else { ' ' };
                            let position = digits.before.len().checked_sub(left + 1);
                            position
                                .and_then(|position| digits.before.chars().nth(position))
                                .unwrap_or(filler)
                        };
                        push_digit(&mut out, digit);
                    }
                }
                Token::Separator => {
                    if out.ends_with(|last: char| last.is_ascii_digit()) {
                        out.push(',');
                    } else {
                        push_digit(&mut out, ' ');
                    }
                }
                Token::Point => {
                    is_behind = true;
                    if out.ends_with(' ') {
                        out.pop();
                        out.push('0');
                    }
                    out.push('.');
                }
                Token::Currency => out.push('$'),
                Token::Sign => {
                    let sign = if digits.is_negative { '-' } else { '+' };
                    push_sign(&mut out, sign);
                }
                Token::Minus if digits.is_negative => push_sign(&mut out, '-'),
                Token::Brackets if digits.is_negative => push_sign(&mut out, '>'),
                Token::Minus | Token::Brackets => {
                    strip_lone_point(&mut out);
                    // As wide as the sign or the brackets of a negative number.
                    out.push_str(if *token == Token::Minus { " " } else { "  " });
                }
            }
        }
        strip_lone_point(&mut out);
        let is_empty = out.is_empty() || out == "+" || out == "-";
        (!is_empty).then_some(out)
    }
}

/// A space for a digit that is not there goes before a sign, so that the sign stands right before the number.
fn push_digit(out: &mut String, digit: char) {
    match out.pop() {
        Some(sign @ ('+' | '-' | '<')) if digit == ' ' => {
            out.push(' ');
            out.push(sign);
        }
        last => {
            out.extend(last);
            out.push(digit);
        }
    }
}

/// A sign stands right behind the number: before spaces at its end.
fn push_sign(out: &mut String, sign: char) {
    strip_lone_point(out);
    let end = out.trim_end_matches(' ').len();
    if end > 0 && end < out.len() {
        out.insert(end, sign);
    } else {
        out.push(sign);
    }
}

/// A point without digits behind it becomes a space.
fn strip_lone_point(out: &mut String) {
    if out.ends_with('.') {
        out.pop();
        out.push(' ');
    }
}
