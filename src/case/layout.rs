//! JSON that people read and compare: what fits on a line stands on one, so that a row is a line.

use serde_json::Value;

/// How long a line may get.
const WIDTH: usize = 120;

/// A value as JSON over as many lines as it needs, with a line feed at the end.
pub(super) fn layout(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, 0, &mut text);
    text.push('\n');
    text
}

/// Writes a value that stands at `indent`, behind `before` characters of its line.
fn write(value: &Value, indent: usize, before: usize, text: &mut String) {
    let line = on_one_line(value);
    // The outermost object is never a line: its keys are what one looks for.
    if (indent > 0 && indent + before + line.len() <= WIDTH) || !has_children(value) {
        text.push_str(&line);
        return;
    }
    let inner = indent + 2;
    let mut children = Vec::new();
    let (open, close) = match value {
        Value::Array(items) => {
            children.extend(items.iter().map(|item| (String::new(), item)));
            ('[', ']')
        }
        Value::Object(fields) => {
            let key = |name: &String| format!("{}: ", Value::from(name.as_str()));
            children.extend(fields.iter().map(|(name, value)| (key(name), value)));
            ('{', '}')
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    text.push(open);
    let last = children.len() - 1;
    for (number, (key, child)) in children.into_iter().enumerate() {
        text.push('\n');
        text.push_str(&" ".repeat(inner));
        text.push_str(&key);
        write(child, inner, key.len() + 1, text);
        if number < last {
            text.push(',');
        }
    }
    text.push('\n');
    text.push_str(&" ".repeat(indent));
    text.push(close);
}

fn has_children(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn on_one_line(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(on_one_line).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), on_one_line(value))
            };
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_fits_on_a_line_stands_on_one_and_reads_back() {
        let row = json!({"k": "a \"b\"", "v": [1, 2.5, null], "empty": {}});
        let value = json!({"name": "n", "rows": vec![row; 4], "none": []});
        let text = layout(&value);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        let line = "    {\"k\": \"a \\\"b\\\"\", \"v\": [1, 2.5, null], \"empty\": {}},";
        assert!(text.starts_with("{\n  \"name\": \"n\",\n"), "{text}");
        assert_eq!(text.lines().filter(|found| *found == line).count(), 3);
        assert!(text.ends_with("  ],\n  \"none\": []\n}\n"), "{text}");
    }
}
