//! Tables as text for a terminal and as Markdown. Knows nothing of what stands in them.

/// A heading and rows of cells; every row has as many cells as the heading.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Stands above the table.
    pub title: String,
    /// The heading's cells.
    pub heading: Vec<String>,
    /// The rows' cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Columns padded to one width. The first two, names, are aligned left, the rest, figures, right.
    pub fn to_text(&self) -> String {
        let widths = self.widths();
        let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        let mut text = format!("{}\n", self.title);
        for row in [&self.heading, &rule].into_iter().chain(&self.rows) {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(index, (cell, &width))| match index {
                    0 | 1 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                })
                .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }

    /// A table of GitHub's Markdown.
    pub fn to_markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<String> =
            (0..self.heading.len()).map(|index| if index < 2 { "---" } else { "---:" }.to_owned()).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("**{}**\n\n{}{}{rows}", self.title, line(&self.heading), line(&rule))
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            let rows = self.rows.iter().map(|row| &row[column]);
            rows.chain([&self.heading[column]]).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..self.heading.len()).map(width).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let cells = |text: &str| text.split(' ').map(str::to_owned).collect();
        Table { title: "T".to_owned(), heading: cells("row server x"), rows: vec![cells("a bb 10")] }
    }

    #[test]
    fn text_columns_line_up() {
        assert_eq!(table().to_text(), "T\nrow  server   x\n---  ------  --\na    bb      10\n");
    }

    #[test]
    fn markdown_has_a_rule_under_its_heading() {
        let expected = "**T**\n\n| row | server | x |\n| --- | --- | ---: |\n| a | bb | 10 |\n";
        assert_eq!(table().to_markdown(), expected);
    }
}
