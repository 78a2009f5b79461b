//! The picture in the language of Graphviz.

use std::fmt::Write;

use super::{ArmPicture, LinkPicture, Picture};

/// The whole graph.
pub fn dot(picture: &Picture) -> String {
    let mut graph = String::from(
        "digraph routes {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fillcolor=white];\n  edge [fontname=\"Helvetica\", fontsize=10];\n",
    );
    for (number, role) in picture.roles.iter().enumerate() {
        let id = format!("r{number}");
        // Writing to a String cannot fail.
        let _ = writeln!(graph, "  {id} [shape=oval, label=\"{}\"];", text(&role.name));
        for (at, arm) in role.arms.iter().enumerate() {
            push_arm(&mut graph, picture, (&id, at), arm);
        }
    }
    graph.push_str("}\n");
    graph
}

fn push_arm(graph: &mut String, picture: &Picture, (role, at): (&str, usize), arm: &ArmPicture) {
    let id = format!("{role}a{at}");
    let when = arm.when.as_deref().unwrap_or_default();
    for (n, (percent, link)) in arm.draw.iter().enumerate() {
        push_node(graph, picture, &format!("{id}d{n}"), link);
        let label =
            if when.is_empty() { format!("{percent} %") } else { format!("{when}, {percent} %") };
        let _ = writeln!(graph, "  {role} -> {id}d{n} [label=\"{}\"];", text(&label));
    }
    for (n, link) in arm.chain.iter().enumerate() {
        push_node(graph, picture, &format!("{id}c{n}"), link);
        match n.checked_sub(1) {
            Some(before) => {
                let _ = writeln!(graph, "  {id}c{before} -> {id}c{n} [style=dashed];");
            }
            None if arm.draw.is_empty() => {
                let _ = writeln!(graph, "  {role} -> {id}c{n} [label=\"{}\"];", text(when));
            }
            None => {
                for drawn in 0..arm.draw.len() {
                    let _ = writeln!(graph, "  {id}d{drawn} -> {id}c{n} [style=dashed];");
                }
            }
        }
    }
}

fn push_node(graph: &mut String, picture: &Picture, id: &str, link: &LinkPicture) {
    let number = picture.providers.iter().position(|name| *name == link.provider).unwrap_or(0);
    let color = super::svg::color(number);
    let (model, provider) = (text(&link.model), text(&link.provider));
    let _ = writeln!(graph, "  {id} [label=\"{model}\\n{provider}\", color=\"{color}\"];");
}

/// Text between quotes in a graph.
fn text(text: &str) -> String {
    let plain: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    plain.replace('\\', "\\\\").replace('"', "\\\"")
}
