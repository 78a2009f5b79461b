//! Columns of text beside each other.
//!
//! Owns widths and alignment, and what gives way when there is no room.

/// Between two columns.
const GAP: &str = "  ";

/// Columns of the same number of cells.
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
}

/// One column.
pub(super) struct Column {
    title: &'static str,
    cells: Vec<String>,
    is_right: bool,
    /// How long it stays when the room gets scarce; without, for ever.
    weight: Option<u8>,
}

impl Column {
    /// A column that is aligned to the left and never left out.
    pub(super) fn new(title: &'static str, cells: Vec<String>) -> Self {
        Self { title, cells, is_right: false, weight: None }
    }

    /// Aligned to the right, as numbers are.
    pub(super) fn right(self) -> Self {
        Self { is_right: true, ..self }
    }

    /// Left out before those of a greater weight.
    pub(super) fn weight(self, weight: u8) -> Self {
        Self { weight: Some(weight), ..self }
    }

    fn is_empty(&self) -> bool {
        self.cells.iter().all(String::is_empty)
    }

    fn width(&self) -> usize {
        let texts = self.cells.iter().map(String::as_str).chain([self.title]);
        texts.map(|text| text.chars().count()).max().unwrap_or_default()
    }

    fn padded(&self, text: &str) -> String {
        let width = self.width();
        if self.is_right { format!("{text:>width$}") } else { format!("{text:<width$}") }
    }
}

impl Table {
    /// The text, and the titles of what had to be left out. Columns without content are not missed.
    pub(super) fn draw(mut self, width: Option<usize>) -> (String, Vec<&'static str>) {
        self.columns.retain(|column| !column.is_empty());
        let mut left_out = Vec::new();
        while width.is_some_and(|width| self.width() > width) {
            let weights = self.columns.iter().filter_map(|column| column.weight);
            let Some(least) = weights.min() else { break };
            let light = self.columns.extract_if(.., |column| column.weight == Some(least));
            left_out.extend(light.map(|column| column.title));
        }
        (self.text(), left_out)
    }

    fn width(&self) -> usize {
        let widths: usize = self.columns.iter().map(Column::width).sum();
        widths + GAP.len() * self.columns.len().saturating_sub(1)
    }

    fn text(&self) -> String {
        let titles = self.columns.iter().map(|column| column.padded(column.title));
        let mut padded: Vec<_> = self
            .columns
            .iter()
            .map(|column| column.cells.iter().map(|cell| column.padded(cell)))
            .collect();
        let mut text = line(titles);
        let rows = self.columns.first().map_or(0, |column| column.cells.len());
        for _ in 0..rows {
            text.push_str(&line(padded.iter_mut().filter_map(Iterator::next)));
        }
        text
    }
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<_> = cells.collect();
    cells.join(GAP).trim_end().to_owned() + "\n"
}
