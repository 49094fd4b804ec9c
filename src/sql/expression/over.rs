//! Windows of window functions: `OVER (PARTITION BY … ORDER BY … ROWS …)`, and the `WINDOW` clause that names them.

use crate::error::Result;
use crate::expr::{Frame, FrameBound, FrameUnit, Over};
use crate::sql::parser::Parser;

impl Parser<'_> {
    /// What stands after `OVER`: a window, or the name of one.
    pub(super) fn window_reference(&mut self) -> Result<Over> {
        if self.is_symbol("(") {
            return self.window_specification();
        }
        Ok(Over {
            name: Some(self.identifier("a window")?.value),
            ..Over::default()
        })
    }

    /// `WINDOW name AS (…), …`, if it comes next.
    pub(in crate::sql) fn window_clause(&mut self) -> Result<Vec<(String, Over)>> {
        if !self.eat("WINDOW") {
            return Ok(Vec::new());
        }
        self.comma_separated(|parser| {
            let name = parser.identifier("the name of a window")?;
            parser.expect("AS")?;
            Ok((name.value, parser.window_reference()?))
        })
    }

    /// `([name] [PARTITION BY …] [ORDER BY …] [ROWS … | RANGE …])`; `DISTRIBUTE BY` and `SORT BY` are other words for the first two.
    fn window_specification(&mut self) -> Result<Over> {
        self.expect_symbol("(")?;
        let mut over = Over::default();
        let clauses = ["PARTITION", "DISTRIBUTE", "ORDER", "SORT", "ROWS", "RANGE"];
        if !self.is_symbol(")") && !self.is_one_of(&clauses) {
            over.name = Some(self.identifier("a window")?.value);
        }
        if self.eat_all(&["PARTITION", "BY"]) || self.eat_all(&["DISTRIBUTE", "BY"]) {
            over.partition_by = self.comma_separated(Parser::expression)?;
        }
        if self.eat_all(&["ORDER", "BY"]) || self.eat_all(&["SORT", "BY"]) {
            over.order_by = self.comma_separated(Parser::sort_item)?;
        }
        if self.is_one_of(&["ROWS", "RANGE"]) {
            over.frame = Some(self.frame()?);
        }
        self.expect_symbol(")")?;
        Ok(over)
    }

    /// `ROWS BETWEEN start AND end`, or `ROWS start` up to the current row.
    fn frame(&mut self) -> Result<Frame> {
        let unit = if self.eat("ROWS") {
            FrameUnit::Rows
        } else {
            self.expect("RANGE")?;
            FrameUnit::Range
        };
        if !self.eat("BETWEEN") {
            return Ok(Frame {
                unit,
                start: self.frame_bound()?,
                end: FrameBound::CurrentRow,
            });
        }
        let start = self.frame_bound()?;
        self.expect("AND")?;
        let end = self.frame_bound()?;
        Ok(Frame { unit, start, end })
    }

    fn frame_bound(&mut self) -> Result<FrameBound> {
        if self.eat_all(&["UNBOUNDED", "PRECEDING"]) {
            return Ok(FrameBound::UnboundedPreceding);
        }
        if self.eat_all(&["UNBOUNDED", "FOLLOWING"]) {
            return Ok(FrameBound::UnboundedFollowing);
        }
        if self.eat_all(&["CURRENT", "ROW"]) {
            return Ok(FrameBound::CurrentRow);
        }
        let offset = self.value_expression()?;
        if self.eat("PRECEDING") {
            return Ok(FrameBound::Preceding(offset));
        }
        if self.eat("FOLLOWING") {
            return Ok(FrameBound::Following(offset));
        }
        Err(self.unexpected("`PRECEDING` or `FOLLOWING`"))
    }
}
