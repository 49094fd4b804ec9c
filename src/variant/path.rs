//! Paths into a value: `$`, then any of `.name`, `['name']`, `["name"]`, `[0]`.

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// To a field of an object.
    Field(String),
    /// To an element of an array, from 0.
    Index(usize),
}

/// The steps of a path; `None` if it is none.
pub(crate) fn parse_path(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = next_step(rest)?;
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

fn next_step(rest: &str) -> Option<(Step, &str)> {
    if let Some(named) = rest.strip_prefix('.') {
        let end = named.find(['.', '[']).unwrap_or(named.len());
        let (name, after) = named.split_at(end);
        return (!name.is_empty()).then(|| (Step::Field(name.to_owned()), after));
    }
    let inner = rest.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(quoted) = inner.strip_prefix(quote) {
            let (name, after) = quoted.split_once(quote)?;
            return Some((Step::Field(name.to_owned()), after.strip_prefix(']')?));
        }
    }
    let (digits, after) = inner.split_once(']')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let index = digits.parse().ok().filter(|_| is_number)?;
    Some((Step::Index(index), after))
}

/// A path as text, up to its first `count` steps.
pub(super) fn path_text(steps: &[Step], count: usize) -> String {
    let mut text = "$".to_owned();
    for step in steps.iter().take(count) {
        match step {
            Step::Field(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Index(index) => {
                text.push_str(&format!("[{index}]"));
            }
        }
    }
    text
}
