//! The picture as a Mermaid flowchart, which GitHub draws in comments and Markdown.

use std::fmt::Write;

use super::{ArmPicture, LinkPicture, Picture, RolePicture};

/// The whole chart.
pub fn mermaid(picture: &Picture) -> String {
    let mut chart = String::from("flowchart LR\n");
    for (number, role) in picture.roles.iter().enumerate() {
        push_role(&mut chart, number, role);
    }
    for (number, provider) in picture.providers.iter().enumerate() {
        let color = super::svg::color(number);
        // Writing to a String cannot fail.
        let _ = writeln!(chart, "  classDef p{number} fill:{}22,stroke:{}", color, color);
        let of: Vec<_> = ids(picture, provider);
        if !of.is_empty() {
            let _ = writeln!(chart, "  class {} p{number}", of.join(","));
        }
    }
    chart
}

fn push_role(chart: &mut String, number: usize, role: &RolePicture) {
    let _ = writeln!(chart, "  r{number}([\"{}\"])", text(&role.name));
    for (at, arm) in role.arms.iter().enumerate() {
        push_arm(chart, &format!("r{number}"), &format!("r{number}a{at}"), arm);
    }
}

fn push_arm(chart: &mut String, from: &str, id: &str, arm: &ArmPicture) {
    let label = |percent: Option<u32>| {
        let percent = percent.map(|percent| format!("{percent} %"));
        let words: Vec<_> = arm.when.as_deref().map(text).into_iter().chain(percent).collect();
        if words.is_empty() { String::new() } else { format!("|\"{}\"|", words.join(", ")) }
    };
    for (at, (percent, link)) in arm.draw.iter().enumerate() {
        let _ = writeln!(chart, "  {from} -->{} {id}d{at}{}", label(Some(*percent)), node(link));
    }
    for (at, link) in arm.chain.iter().enumerate() {
        let here = format!("{id}c{at}{}", node(link));
        match at.checked_sub(1) {
            Some(before) => {
                let _ = writeln!(chart, "  {id}c{before} -.-> {here}");
            }
            None if arm.draw.is_empty() => {
                let _ = writeln!(chart, "  {from} -->{} {here}", label(None));
            }
            None => {
                let _ = writeln!(chart, "  {here}");
                for drawn in 0..arm.draw.len() {
                    let _ = writeln!(chart, "  {id}d{drawn} -.-> {id}c{at}");
                }
            }
        }
    }
}

fn node(link: &LinkPicture) -> String {
    format!("[\"{}<br/><small>{}</small>\"]", text(&link.model), text(&link.provider))
}

/// The ids of the nodes of a provider.
fn ids(picture: &Picture, provider: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for (number, role) in picture.roles.iter().enumerate() {
        for (at, arm) in role.arms.iter().enumerate() {
            let drawn = arm.draw.iter().enumerate().map(|(n, (_, link))| ('d', n, link));
            let chained = arm.chain.iter().enumerate().map(|(n, link)| ('c', n, link));
            let of = drawn.chain(chained).filter(|(_, _, link)| link.provider == provider);
            ids.extend(of.map(|(kind, n, _)| format!("r{number}a{at}{kind}{n}")));
        }
    }
    ids
}

/// Text between quotes in a chart: Mermaid has entities of its own.
fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => safe.push_str("#quot;"),
            '#' => safe.push_str("#35;"),
            '<' => safe.push_str("#lt;"),
            '>' => safe.push_str("#gt;"),
            '&' => safe.push_str("#amp;"),
            other if other.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}
