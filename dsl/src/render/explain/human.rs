//! A role explained to people.
//!
//! Owns the drawing.

use crate::analysis::describe;
use crate::explain::{Clause, Explained, Field, Reason, Verdict, Way};
use crate::render::{counted, written};
use crate::span::{Sources, Span};
use crate::spell;

/// The request, the arms, the guarded blocks, the fields and the chains, one below the other.
pub fn human(sources: &Sources, explained: &Explained) -> String {
    let mut text = format!("role {}  {}\n", explained.role, sources.place(explained.span));
    if let Some(about) = &explained.about {
        text.push_str(&format!("  {about}\n"));
    }
    text.push_str(&request(explained));
    if !explained.may_ask {
        let client = explained.facts.client.as_deref().unwrap_or_default();
        let client = spell::name(client);
        text.push_str(&format!("\nrefused: client {client} may not ask for this role\n"));
        return text;
    }
    text.push_str("\nwhich arm takes it\n");
    text.push_str(&clauses(sources, &explained.arms));
    if !explained.guards.is_empty() {
        text.push_str("\nwhich blocks apply\n");
        text.push_str(&clauses(sources, &explained.guards));
    }
    text.push_str("\nwhat is in effect\n");
    text.push_str(&fields(sources, &explained.fields));
    explained.ways.iter().for_each(|one| text.push_str(&way(sources, one)));
    text
}

fn request(explained: &Explained) -> String {
    // Described with the prompt in it: the tokens are already those that conditions see.
    let words = describe::request(&explained.facts, 0);
    let prompt = match explained.prompt_tokens {
        0 => String::new(),
        own => format!(", {} of them the role's prompt", spell::number(own)),
    };
    format!("\n{words}{prompt}\n")
}

fn clauses(sources: &Sources, clauses: &[Clause]) -> String {
    let places: Vec<_> = clauses.iter().map(|clause| sources.place(clause.span)).collect();
    let width = places.iter().map(|place| place.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (clause, place) in clauses.iter().zip(&places) {
        let verdict = match clause.verdict {
            Verdict::Applies => "yes",
            Verdict::Fails => "no",
            Verdict::NotAsked => "-",
        };
        let shown = written(sources, clause.span);
        text.push_str(&format!("  {verdict:3}  {place:width$}  {shown}\n"));
        text.push_str(&reasons(&clause.reasons));
    }
    text
}

fn reasons(reasons: &[Reason]) -> String {
    let width = reasons.iter().map(|reason| reason.test.chars().count()).max().unwrap_or(0);
    let line = |reason: &Reason| {
        let verdict = if reason.holds { "yes" } else { "no" };
        format!("         {verdict:3}  {:width$}  {}\n", reason.test, reason.has)
    };
    reasons.iter().map(line).collect()
}

fn fields(sources: &Sources, fields: &[Field]) -> String {
    let width = |of: fn(&Field) -> &str| {
        fields.iter().map(|field| of(field).chars().count()).filter(|it| *it <= WIDE).max()
    };
    let names = width(|field| field.name).unwrap_or(0);
    let values = width(|field| &field.value).unwrap_or(0);
    let line = |field: &Field| {
        let (name, value, place) = (field.name, &field.value, place(sources, field.span));
        format!("  {name:names$}  {value:values$}  {place}\n")
    };
    fields.iter().map(line).collect()
}

/// A longer value does not move the column of places.
const WIDE: usize = 40;

fn place(sources: &Sources, span: Option<Span>) -> String {
    span.map_or_else(|| "built in".to_owned(), |span| sources.place(span))
}

fn way(sources: &Sources, way: &Way) -> String {
    let drawn = match (way.percent, way.is_drawn) {
        (None, _) => String::new(),
        (Some(percent), Some(true)) => format!(" of {percent}%, this conversation's"),
        (Some(percent), _) => format!(" of {percent}%"),
    };
    let mut text = format!("\nthe chain{drawn}\n");
    let width = |of: fn(&crate::explain::Step) -> &str| {
        way.links.iter().map(|link| of(link).chars().count()).max().unwrap_or(0)
    };
    let (aliases, keys) = (width(|link| &link.alias), width(|link| &link.key));
    for (count, link) in (1..).zip(&way.links) {
        let tries = if link.tries == 1 { "1 try" } else { &format!("{} tries", link.tries) };
        let (alias, key, by) = (&link.alias, &link.key, spell::seconds(link.given_up_by));
        let place = sources.place(link.span);
        text.push_str(&format!(
            "  {count}  {alias:aliases$}  {key:keys$}  {place}  {tries}, given up by {by}\n"
        ));
    }
    let attempts = counted(usize::try_from(way.attempts).unwrap_or(usize::MAX), "attempt");
    let cost = way.micro_dollars.map_or("an unknown cost".to_owned(), spell::dollars);
    let longest = spell::seconds(way.longest);
    text.push_str(&format!("  at most {longest} until an answer begins, {attempts}, {cost}\n"));
    text
}
