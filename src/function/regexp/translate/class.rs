//! Classes: `[a-z&&[^aeiou]]`, `\d` and the like.

use super::Translator;
use super::atom::escaped;
use super::property;

impl Translator<'_> {
    /// Behind `[`, up to its `]`. The result has its brackets.
    pub(super) fn class(&mut self) -> Result<String, String> {
        let is_negated = self.eat('^');
        let mut class = String::from(if is_negated { "[^" } else { "[" });
        let (mut is_first, mut has_parts) = (true, false);
        loop {
            let Some(character) = self.input.next() else {
                return Err("an unclosed class".to_owned());
            };
            if self.flags.has_comments && character.is_ascii_whitespace() {
                continue;
            }
            match character {
                ']' if !is_first => break,
                '[' => {
                    has_parts = true;
                    class.push_str(&self.class()?);
                }
                '&' if self.input.peek() == Some(&'&') => {
                    self.input.next();
                    if is_first || self.input.peek() == Some(&']') {
                        return Err("an intersection without two sides".to_owned());
                    }
                    has_parts = true;
                    class.push_str("&&");
                }
                '\\' => self.class_item_escape(&mut class)?,
                other => self.class_range(other, &mut class)?,
            }
            is_first = false;
        }
        if is_negated && has_parts {
            return Err("a negated class with classes in it is not supported".to_owned());
        }
        class.push(']');
        Ok(class)
    }

    /// Behind `\` in a class.
    fn class_item_escape(&mut self, class: &mut String) -> Result<(), String> {
        let Some(character) = self.input.next() else {
            return Err("an unclosed class".to_owned());
        };
        match character {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'h' | 'H' | 'v' | 'V' | 'p' | 'P' => {
                class.push_str(&self.class_escape(character)?);
            }
            'Q' => {
                while let Some(quoted) = self.input.next() {
                    if quoted == '\\' && self.eat('E') {
                        break;
                    }
                    self.class_characters(quoted, quoted, class);
                }
            }
            other => {
                let literal = self.escaped_character(other)?;
                self.class_range(literal, class)?;
            }
        }
        Ok(())
    }

    /// A character, or a range that starts with it.
    fn class_range(&mut self, first: char, class: &mut String) -> Result<(), String> {
        let mut ahead = self.input.clone();
        let is_range = ahead.next() == Some('-') && !matches!(ahead.peek(), None | Some(']' | '['));
        if !is_range {
            self.class_characters(first, first, class);
            return Ok(());
        }
        self.input.next();
        let last = match self.input.next() {
            Some('\\') => {
                let escape = self.input.next().ok_or("an unclosed class")?;
                self.escaped_character(escape)?
            }
            Some(last) => last,
            None => return Err("an unclosed class".to_owned()),
        };
        if last < first {
            return Err("an illegal range of characters".to_owned());
        }
        self.class_characters(first, last, class);
        Ok(())
    }

    /// The characters from one to another; under `(?i)` with both cases of the ASCII letters among them.
    fn class_characters(&self, first: char, last: char, class: &mut String) {
        let mut push = |first: char, last: char| {
            class.push_str(&escaped(first));
            if first != last {
                class.push('-');
                class.push_str(&escaped(last));
            }
        };
        push(first, last);
        if !self.flags.ignores_case {
            return;
        }
        for (start, end, to_other) in [
            ('a', 'z', char::to_ascii_uppercase as fn(&char) -> char),
            ('A', 'Z', char::to_ascii_lowercase),
        ] {
            let (start, end) = (first.max(start), last.min(end));
            if start <= end {
                push(to_other(&start), to_other(&end));
            }
        }
    }

    /// `\d` and its like as a class with brackets, which may also stand in another class.
    pub(super) fn class_escape(&mut self, letter: char) -> Result<String, String> {
        let set = match letter.to_ascii_lowercase() {
            'd' => "0-9".to_owned(),
            'w' => "0-9A-Za-z_".to_owned(),
            's' => r"\t\n\x0B\x0C\r\x20".to_owned(),
            'h' => {
                r"\t\x20\x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}".to_owned()
            }
            'v' => r"\n\x0B\x0C\r\x{85}\x{2028}\x{2029}".to_owned(),
            _ => self.property()?,
        };
        let negation = if letter.is_ascii_uppercase() { "^" } else { "" };
        Ok(format!("[{negation}{set}]"))
    }

    /// Behind `\p` or `\P`: `L` or `{name}`.
    fn property(&mut self) -> Result<String, String> {
        let mut name = String::new();
        if self.eat('{') {
            loop {
                match self.input.next() {
                    Some('}') => break,
                    Some(letter) => name.push(letter),
                    None => return Err("an unclosed property".to_owned()),
                }
            }
        } else {
            name.extend(self.input.next());
        }
        property::set_of(&name, self.flags.ignores_case)
            .ok_or_else(|| format!("the property `{name}` is not supported"))
    }
}
