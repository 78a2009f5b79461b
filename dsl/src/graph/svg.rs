//! The picture as an SVG that stands on its own: a card a role, a row an arm, colours by provider,
//! light and dark by the reader's setting.
//!
//! Owns sizes and places. Widths of texts are estimated, since no font is at hand; boxes leave
//! room for a font that is a tenth wider.

use std::fmt::Write;

use super::{ArmPicture, LinkPicture, Picture, RolePicture};

const MARGIN: u32 = 24;
const CARD_GAP: u32 = 20;
const CARD_PADDING: u32 = 18;
const HEADER: u32 = 50;
const BOX: (u32, u32) = (212, 46);
const ROW_GAP: u32 = 14;
const ARROW: u32 = 40;

/// What the dashes mean.
const FAILED: &str = "when the one before failed";

/// What the numbers in a box are.
const FACTS: &str = "window in tokens · $ per million tokens in / out";

const COLORS: [&str; 8] =
    ["#c2653b", "#0f9d7a", "#3b6fd4", "#8a5cd1", "#b8860b", "#c23b74", "#4a7d2c", "#5b6b7b"];

const STYLE: &str = "text{font-family:ui-sans-serif,system-ui,'Segoe UI','Noto Sans','Noto Sans JP',sans-serif;fill:#1d2733}\
.page{fill:#f5f7f9}.card{fill:#fff;stroke:#dde3e9}.link{fill:#fff;stroke:#c9d2db}.name{font-size:16px;font-weight:650}\
.about,.notes,.facts{fill:#5b6b7b}.about{font-size:12.5px}.notes{font-size:11.5px}.facts{font-size:11px}.model{font-size:13px;font-weight:550}\
.when{font-size:12px;font-family:ui-monospace,'SF Mono','Cascadia Mono',Consolas,'Noto Sans Mono',monospace}.pill{fill:#eef2f6}\
.share{font-size:12px;font-weight:600}.wire{fill:none;stroke:#8b99a8;stroke-width:1.5}.else{stroke-dasharray:4 3}.tip{fill:#8b99a8}\
@media (prefers-color-scheme:dark){text{fill:#e6ebf0}.page{fill:#12171d}.card{fill:#1a2129;stroke:#2c3641}.link{fill:#1f2831;stroke:#3a4653}\
.about,.notes,.facts{fill:#9aa8b6}.pill{fill:#26303a}.wire{stroke:#6b7a8a}.tip{fill:#6b7a8a}}";

/// The colour of the provider with this number.
pub(super) fn color(number: usize) -> &'static str {
    COLORS.iter().cycle().nth(number % COLORS.len()).unwrap_or(&"#5b6b7b")
}

/// The whole picture.
pub fn svg(picture: &Picture) -> String {
    let label_width = picture.roles.iter().flat_map(|role| &role.arms).map(pill_width).max();
    let label_width = label_width.unwrap_or(0);
    let cards: Vec<_> = picture.roles.iter().map(|role| Card::of(role, label_width)).collect();
    let width = cards.iter().map(|card| card.width).max().unwrap_or(320).max(legend_width(picture));
    let mut body = String::new();
    let mut top = MARGIN;
    for card in &cards {
        card.draw(picture, (MARGIN, top, width), &mut body);
        top += card.height + CARD_GAP;
    }
    draw_legend(picture, top + 6, &mut body);
    let (width, height) = (width + 2 * MARGIN, top + 34);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Roles and their chains\">\n<style>{STYLE}</style>\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"tip\" d=\"M0 0 8 4 0 8z\"/></marker></defs>\n<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>\n{body}</svg>\n"
    )
}

struct Card<'p> {
    role: &'p RolePicture,
    label_width: u32,
    width: u32,
    height: u32,
}

impl<'p> Card<'p> {
    fn of(role: &'p RolePicture, label_width: u32) -> Self {
        let row_width = |arm: &ArmPicture| {
            let links = arm.chain.len() as u32 + u32::from(!arm.draw.is_empty());
            label_width + links * (BOX.0 + ARROW)
        };
        let rows = role.arms.iter().map(row_width).max().unwrap_or(0);
        let title = text_width(&role.name, 9.2)
            + 14
            + text_width(role.about.as_deref().unwrap_or_default(), 6.6);
        let notes = text_width(&role.notes.join("  ·  "), 6.2);
        let heights: u32 = role.arms.iter().map(|arm| row_height(arm) + ROW_GAP).sum();
        Self {
            role,
            label_width,
            width: rows.max(title).max(notes) + 2 * CARD_PADDING,
            height: HEADER + heights + 26,
        }
    }

    fn draw(&self, picture: &Picture, (left, top, width): (u32, u32, u32), to: &mut String) {
        let role = self.role;
        // Writing to a String cannot fail.
        let _ = writeln!(
            to,
            "<rect class=\"card\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{}\" rx=\"12\"/>",
            self.height
        );
        let (x, y) = (left + CARD_PADDING, top + 31);
        let about = role.about.as_deref().map(|about| {
            format!(
                "<tspan class=\"about\" dx=\"14\" font-weight=\"400\">{}</tspan>",
                escape(about)
            )
        });
        let _ = writeln!(
            to,
            "<text class=\"name\" x=\"{x}\" y=\"{y}\">{}{}</text>",
            escape(&role.name),
            about.unwrap_or_default()
        );
        let mut row_top = top + HEADER;
        for arm in &role.arms {
            self.draw_arm(picture, arm, (x, row_top), to);
            row_top += row_height(arm) + ROW_GAP;
        }
        let _ = writeln!(
            to,
            "<text class=\"notes\" x=\"{x}\" y=\"{}\">{}</text>",
            row_top + 8,
            escape(&role.notes.join("  ·  "))
        );
    }

    fn draw_arm(&self, picture: &Picture, arm: &ArmPicture, at: (u32, u32), to: &mut String) {
        let (left, top) = at;
        let middle = top + row_height(arm) / 2;
        draw_pill(words(arm), (left, middle), to);
        // Where the wires to the next box begin: by their heights, all at one place.
        let (mut x, mut heights) = (left + pill_width(arm), vec![middle]);
        let mut next = left + self.label_width + ARROW;
        if !arm.draw.is_empty() {
            heights.clear();
            for (number, (percent, link)) in arm.draw.iter().enumerate() {
                let y = top + number as u32 * (BOX.1 + ROW_GAP / 2);
                let center = y + BOX.1 / 2;
                draw_wire((x, middle), (next, center), false, to);
                draw_box(picture, link, Some(*percent), (next, y), to);
                heights.push(center);
            }
            x = next + BOX.0;
            next = x + ARROW;
        }
        for (number, link) in arm.chain.iter().enumerate() {
            let is_fallback = number > 0 || !arm.draw.is_empty();
            for height in std::mem::replace(&mut heights, vec![middle]) {
                draw_wire((x, height), (next, middle), is_fallback, to);
            }
            draw_box(picture, link, None, (next, middle - BOX.1 / 2), to);
            x = next + BOX.0;
            next = x + ARROW;
        }
    }
}

fn row_height(arm: &ArmPicture) -> u32 {
    let drawn = arm.draw.len().max(1) as u32;
    drawn * BOX.1 + (drawn - 1) * (ROW_GAP / 2)
}

/// What stands before an arm's links.
fn words(arm: &ArmPicture) -> &str {
    arm.when.as_deref().unwrap_or("every request")
}

fn pill_width(arm: &ArmPicture) -> u32 {
    text_width(words(arm), 7.4) + 20
}

fn draw_pill(when: &str, (left, middle): (u32, u32), to: &mut String) {
    let width = text_width(when, 7.4) + 20;
    let _ = writeln!(
        to,
        "<rect class=\"pill\" x=\"{left}\" y=\"{}\" width=\"{width}\" height=\"26\" rx=\"13\"/><text class=\"when\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        middle - 13,
        left + width / 2,
        middle + 4,
        escape(when)
    );
}

/// A link, with its share where it is drawn.
fn draw_box(
    picture: &Picture,
    link: &LinkPicture,
    percent: Option<u32>,
    (left, top): (u32, u32),
    to: &mut String,
) {
    let number = picture.providers.iter().position(|name| *name == link.provider).unwrap_or(0);
    let facts: Vec<&str> = std::iter::once(link.provider.as_str())
        .chain(link.facts.iter().map(String::as_str))
        .collect();
    let room = if percent.is_some() { BOX.0 - 66 } else { BOX.0 - 26 };
    let model = shortened(&link.model, room, 7.3);
    let _ = writeln!(
        to,
        "<g><title>{}/{}</title><rect class=\"link\" x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"8\"/><rect x=\"{left}\" y=\"{}\" width=\"4\" height=\"{}\" rx=\"2\" fill=\"{}\"/><text class=\"model\" x=\"{}\" y=\"{}\">{}</text><text class=\"facts\" x=\"{}\" y=\"{}\">{}</text></g>",
        escape(&link.provider),
        escape(&link.model),
        BOX.0,
        BOX.1,
        top + 8,
        BOX.1 - 16,
        color(number),
        left + 14,
        top + 20,
        escape(&model),
        left + 14,
        top + 36,
        escape(&shortened(&facts.join(" · "), BOX.0 - 26, 6.0)),
    );
    if let Some(percent) = percent {
        let (right, base) = (left + BOX.0 - 12, top + 20);
        let _ = writeln!(
            to,
            "<text class=\"share\" x=\"{right}\" y=\"{base}\" text-anchor=\"end\">{percent} %</text>"
        );
    }
}

/// A line from one box to the next, as a curve where they are not level.
fn draw_wire(from: (u32, u32), to: (u32, u32), is_fallback: bool, out: &mut String) {
    let class = if is_fallback { "wire else" } else { "wire" };
    let half = from.0.midpoint(to.0);
    let _ = writeln!(
        out,
        "<path class=\"{class}\" marker-end=\"url(#tip)\" d=\"M{} {}C{half} {} {half} {} {} {}\"/>",
        from.0, from.1, from.1, to.1, to.0, to.1
    );
}

fn draw_legend(picture: &Picture, top: u32, to: &mut String) {
    let mut x = MARGIN + 4;
    for (number, provider) in picture.providers.iter().enumerate() {
        let _ = writeln!(
            to,
            "<rect x=\"{x}\" y=\"{}\" width=\"10\" height=\"10\" rx=\"3\" fill=\"{}\"/><text class=\"notes\" x=\"{}\" y=\"{top}\">{}</text>",
            top.saturating_sub(9),
            color(number),
            x + 16,
            escape(provider)
        );
        x += 16 + text_width(provider, 6.6) + 22;
    }
    let _ = writeln!(
        to,
        "<path class=\"wire else\" d=\"M{x} {}h28\"/><text class=\"notes\" x=\"{}\" y=\"{top}\">{FAILED}</text><text class=\"notes\" x=\"{}\" y=\"{top}\">{FACTS}</text>",
        top - 4,
        x + 36,
        x + 36 + text_width(FAILED, 6.0) + 22
    );
}

fn legend_width(picture: &Picture) -> u32 {
    let providers: u32 = picture.providers.iter().map(|name| text_width(name, 6.6) + 38).sum();
    providers + 80 + text_width(FAILED, 6.0) + text_width(FACTS, 6.0)
}

/// An estimate in pixels: characters beyond Latin are twice as wide.
fn text_width(text: &str, pixels_a_character: f64) -> u32 {
    let units: u32 = text.chars().map(units).sum();
    (f64::from(units) * pixels_a_character).ceil() as u32
}

fn units(character: char) -> u32 {
    if u32::from(character) >= 0x1100 { 2 } else { 1 }
}

/// The text, or as much of it as fits, with `…`.
fn shortened(text: &str, room: u32, pixels_a_character: f64) -> String {
    if text_width(text, pixels_a_character) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        if text_width(&short, pixels_a_character) + text_width("……", pixels_a_character) > room
        {
            break;
        }
        short.push(character);
    }
    short.push('…');
    short
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // What XML cannot hold at all.
            other if other.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}
