//! From a regular expression of Java to ones of the engines.
//!
//! What means the same in both is copied; what does not is spelled out: `\d`, `\w` and `\s` are ASCII, `.` stops at every line break of
//! Unicode, `(?i)` knows ASCII letters only, `$` also stands before a final line break, classes and quotes have Java's
//! syntax. Flags are resolved here, each atom carries its own meaning, and none reach the engines.

mod atom;
mod class;
mod property;

use std::iter::Peekable;
use std::str::Chars;

/// A pattern for the engines.
#[derive(Debug, Default)]
pub(super) struct Translated {
    /// For the linear engine; `None` if it cannot do it.
    pub(super) linear: Option<String>,
    /// For the backtracking engine.
    pub(super) backtracking: String,
    /// Whether `$` or `\Z` stands in it, which the linear engine takes for the very end.
    pub(super) has_end_anchor: bool,
    /// How many groups it has.
    pub(super) groups: usize,
    /// The names of named groups.
    pub(super) names: Vec<String>,
    /// The numbers of named groups.
    pub(super) named_groups: Vec<usize>,
}

/// What `(?…)` can switch.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a letter of the syntax"
)]
struct Flags {
    /// `i`.
    ignores_case: bool,
    /// `u`: case of all letters, not only ASCII.
    is_unicode_case: bool,
    /// `m`.
    is_multiline: bool,
    /// `s`.
    dot_matches_all: bool,
    /// `d`: only `\n` breaks lines.
    has_unix_lines: bool,
    /// `x`.
    has_comments: bool,
}

/// Translates a pattern.
///
/// # Errors
///
/// Why it is not valid, or not supported.
pub(super) fn translate(source: &str) -> Result<Translated, String> {
    let mut translator = Translator::new(source);
    translator.alternatives(0)?;
    if translator.input.peek().is_some() {
        return Err("an unmatched `)`".to_owned());
    }
    Ok(translator.finish())
}

/// How deep groups may be nested: deeper ones would overflow the stack.
const DEEPEST: usize = 200;

struct Translator<'a> {
    input: Peekable<Chars<'a>>,
    flags: Flags,
    linear: String,
    backtracking: String,
    is_linear: bool,
    result: Translated,
}

impl<'a> Translator<'a> {
    fn new(source: &'a str) -> Translator<'a> {
        Translator {
            input: source.chars().peekable(),
            flags: Flags::default(),
            linear: String::new(),
            backtracking: String::new(),
            is_linear: true,
            result: Translated::default(),
        }
    }

    fn finish(self) -> Translated {
        Translated {
            linear: self.is_linear.then_some(self.linear),
            backtracking: self.backtracking,
            ..self.result
        }
    }

    /// Writes what both engines understand.
    fn push(&mut self, text: &str) {
        self.linear.push_str(text);
        self.backtracking.push_str(text);
    }

    /// Writes what only the backtracking engine understands.
    fn push_backtracking(&mut self, text: &str) {
        self.is_linear = false;
        self.backtracking.push_str(text);
    }

    fn eat(&mut self, character: char) -> bool {
        self.input.next_if_eq(&character).is_some()
    }

    /// Up to `)` or the end.
    fn alternatives(&mut self, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err("too many nested groups".to_owned());
        }
        let outer = self.flags;
        while let Some(character) = self.input.peek().copied() {
            match character {
                ')' => break,
                '|' => {
                    self.input.next();
                    self.push("|");
                }
                _ => self.quantified(depth)?,
            }
        }
        self.flags = outer;
        Ok(())
    }

    /// An atom and what follows it: `*`, `+?`, `{2,3}`, …
    fn quantified(&mut self, depth: usize) -> Result<(), String> {
        self.skip_comments();
        let Some(character) = self.input.peek().copied() else {
            return Ok(());
        };
        if character == ')' || character == '|' {
            return Ok(());
        }
        self.input.next();
        let is_atom = match character {
            '(' => self.group(depth)?,
            '*' | '+' | '?' => return Err(format!("a dangling `{character}`")),
            '{' => return Err("an illegal repetition".to_owned()),
            _ => self.atom(character)?,
        };
        self.skip_comments();
        if is_atom { self.quantifier() } else { Ok(()) }
    }

    fn skip_comments(&mut self) {
        if !self.flags.has_comments {
            return;
        }
        while let Some(character) = self.input.peek().copied() {
            if character.is_ascii_whitespace() || character == '\u{b}' {
                self.input.next();
            } else if character == '#' {
                while self
                    .input
                    .next()
                    .is_some_and(|skipped| !matches!(skipped, '\n' | '\r'))
                {}
            } else {
                break;
            }
        }
    }

    fn quantifier(&mut self) -> Result<(), String> {
        match self.input.peek().copied() {
            Some(character @ ('*' | '+' | '?')) => {
                self.input.next();
                self.push(&character.to_string());
            }
            Some('{') => {
                self.input.next();
                self.counted_repetition()?;
            }
            _ => return Ok(()),
        }
        if self.eat('?') {
            self.push("?");
        } else if self.eat('+') {
            self.push_backtracking("+");
        }
        Ok(())
    }

    /// Behind `{`: `n}`, `n,}` or `n,m}`.
    fn counted_repetition(&mut self) -> Result<(), String> {
        let illegal = || "an illegal repetition".to_owned();
        let least = self.digits().ok_or_else(illegal)?;
        let mut repetition = format!("{{{least}");
        if self.eat(',') {
            repetition.push(',');
            if let Some(most) = self.digits() {
                if most < least {
                    return Err(illegal());
                }
                repetition.push_str(&most.to_string());
            }
        }
        if !self.eat('}') {
            return Err(illegal());
        }
        repetition.push('}');
        self.push(&repetition);
        Ok(())
    }

    fn digits(&mut self) -> Option<u32> {
        let mut digits = String::new();
        while let Some(digit) = self.input.next_if(char::is_ascii_digit) {
            digits.push(digit);
        }
        digits.parse().ok()
    }

    /// Behind `(`. Answers whether it can be repeated: flags alone cannot.
    fn group(&mut self, depth: usize) -> Result<bool, String> {
        if !self.eat('?') {
            self.result.groups += 1;
            self.push("(");
            return self.group_body(depth);
        }
        match self.input.next() {
            Some(':') => self.push("(?:"),
            Some('=') => self.push_backtracking("(?="),
            Some('!') => self.push_backtracking("(?!"),
            Some('>') => self.push_backtracking("(?>"),
            Some('<') => match self.input.peek() {
                Some('=' | '!') => {
                    let kind = if self.eat('=') { "(?<=" } else { "(?<!" };
                    self.eat('!');
                    self.push_backtracking(kind);
                }
                _ => self.named_group()?,
            },
            Some(flag) => {
                let outer = self.flags;
                if !self.flag_group(flag)? {
                    return Ok(false);
                }
                self.push("(?:");
                let is_atom = self.group_body(depth)?;
                self.flags = outer;
                return Ok(is_atom);
            }
            None => return Err("an unclosed group".to_owned()),
        }
        self.group_body(depth)
    }

    fn group_body(&mut self, depth: usize) -> Result<bool, String> {
        self.alternatives(depth + 1)?;
        if !self.eat(')') {
            return Err("an unclosed group".to_owned());
        }
        self.push(")");
        Ok(true)
    }

    /// Behind `(?<`.
    fn named_group(&mut self) -> Result<(), String> {
        let mut name = String::new();
        while let Some(letter) = self.input.next_if(char::is_ascii_alphanumeric) {
            name.push(letter);
        }
        let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic());
        if !starts_well || !self.eat('>') {
            return Err("a group has no valid name".to_owned());
        }
        if self.result.names.contains(&name) {
            return Err("two groups have one name".to_owned());
        }
        self.result.groups += 1;
        self.push(&format!("(?<{name}>"));
        self.result.names.push(name);
        self.result.named_groups.push(self.result.groups);
        Ok(())
    }

    /// Behind `(?` and a flag. Answers whether a body follows; without one the flags hold up to the end of the surrounding
    /// group.
    fn flag_group(&mut self, first: char) -> Result<bool, String> {
        let mut next = Some(first);
        let mut is_on = true;
        loop {
            match next {
                Some('i') => self.flags.ignores_case = is_on,
                Some('u') => self.flags.is_unicode_case = is_on,
                Some('m') => self.flags.is_multiline = is_on,
                Some('s') => self.flags.dot_matches_all = is_on,
                Some('d') => self.flags.has_unix_lines = is_on,
                Some('x') => self.flags.has_comments = is_on,
                Some('-') if is_on => is_on = false,
                Some(':') => return Ok(true),
                Some(')') => return Ok(false),
                Some(other) => return Err(format!("the flag `{other}` is not supported")),
                None => return Err("an unclosed group".to_owned()),
            }
            next = self.input.next();
        }
    }
}
