//! What was measured, as a table for people and as JSON.
//!
//! Owns the comparison with the aims; the aims stand beside the measurements.

use std::fmt::Write;

use serde_json::{Value, json};

/// What a figure is held to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Aim {
    /// The router's figure over the proxy's is at most this.
    Ratio(f64),
    /// The router's figure is at most this.
    Value(f64),
    /// The router's figure is at most this above the proxy's.
    Added(f64),
    /// It is shown beside another figure that is held to something.
    None,
}

/// One measured thing.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) unit: &'static str,
    /// The figure of the proxy; none where it has no counterpart.
    pub(super) proxy: Option<f64>,
    pub(super) router: f64,
    /// The router's figure over the proxy's; the median of the rounds', where there are several.
    pub(super) ratio: Option<f64>,
    pub(super) aim: Aim,
}

impl Row {
    fn is_met(&self) -> bool {
        match self.aim {
            Aim::Ratio(most) => self.ratio.is_some_and(|ratio| ratio <= most),
            Aim::Value(most) => self.router <= most,
            Aim::Added(most) => self.proxy.is_some_and(|proxy| self.router <= proxy + most),
            Aim::None => true,
        }
    }

    fn verdict(&self) -> &'static str {
        if matches!(self.aim, Aim::None) {
            return "";
        }
        if self.is_met() { "met" } else { "MISSED" }
    }

    fn aim_text(&self) -> String {
        match self.aim {
            Aim::Ratio(most) => format!("≤ {most}x"),
            Aim::Value(most) => format!("≤ {most} {}", self.unit),
            Aim::Added(most) => format!("≤ +{most} {}", self.unit),
            Aim::None => String::new(),
        }
    }
}

/// A table, one line a row.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let head = ["measured", "unit", "proxy", "router", "ratio", "aim", "verdict"];
    line(&mut text, head.map(str::to_owned));
    line(&mut text, ["---"; 7].map(str::to_owned));
    for row in rows {
        let optional = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
        let cells = [
            row.what.clone(),
            row.unit.to_owned(),
            optional(row.proxy),
            format!("{:.2}", row.router),
            optional(row.ratio),
            row.aim_text(),
            row.verdict().to_owned(),
        ];
        line(&mut text, cells);
    }
    text
}

fn line(text: &mut String, [what, unit, proxy, router, ratio, aim, verdict]: [String; 7]) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "| {what:<46} | {unit:<8} | {proxy:>9} | {router:>9} | {ratio:>6} | {aim:<12} | {verdict:<7} |"
    );
}

/// The rows as JSON.
pub(super) fn json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "what": row.what, "unit": row.unit, "proxy": row.proxy, "router": row.router,
            "ratio": row.ratio, "aim": row.aim_text(), "met": row.is_met(),
        })
    };
    rows.iter().map(row).collect()
}

/// The middle of some values; 0 of none.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = values.len() / 2;
    let at = |place: usize| values.get(place).copied().unwrap_or_default();
    if values.len() % 2 == 1 {
        at(upper)
    } else {
        f64::midpoint(at(upper.saturating_sub(1)), at(upper))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_and_a_value_are_held_to_their_aims() {
        let row = |router, ratio, aim| Row {
            what: "x".into(),
            unit: "ms",
            proxy: None,
            router,
            ratio,
            aim,
        };
        assert!(row(3.0, Some(1.5), Aim::Ratio(1.5)).is_met());
        assert!(!row(3.0, Some(1.6), Aim::Ratio(1.5)).is_met());
        assert!(!row(3.0, None, Aim::Ratio(1.5)).is_met(), "nothing to compare with");
        assert!(row(15.0, None, Aim::Value(15.0)).is_met());
        assert!(!row(15.1, None, Aim::Value(15.0)).is_met());
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median([]).abs() < 1e-9);
    }
}
