//! A tree as lines of text: for golden files, and to tell whether two trees say the same.
//!
//! Owns that notation alone. Every node is taken apart completely, so that a new field cannot be
//! forgotten here.

mod condition;
mod promise;
mod role;
mod service;

use std::fmt::Write as _;

use super::tree::{
    Broken, Client, Declaration, Defaults, Entries, Entry, Env, File, Let, Model, ModelId, Name,
    Part, Prompt, PromptBody, Provider, Role, Setting, TestCase, Value, ValueKind,
};
use crate::span::Span;

/// Whether the byte spans are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    /// `@12..20` after each node.
    Shown,
    /// Then two trees that differ in layout alone give the same lines.
    Hidden,
}

/// The lines of a tree. Comments are not among them.
pub fn dump(file: &File, places: Places) -> String {
    let File { file: _, declarations, comments: _ } = file;
    let mut dump = Dump { out: String::new(), depth: 0, places };
    dump.declarations(declarations);
    dump.out
}

struct Dump {
    out: String,
    depth: usize,
    places: Places,
}

impl Dump {
    fn line(&mut self, text: &str, span: Option<Span>) {
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
        self.out.push_str(text);
        if let (Places::Shown, Some(span)) = (self.places, span) {
            // Writing to a string cannot fail.
            let _ = write!(self.out, " @{}..{}", span.start, span.end);
        }
        self.out.push('\n');
    }

    fn nested(&mut self, write: impl FnOnce(&mut Self)) {
        self.depth += 1;
        write(self);
        self.depth -= 1;
    }

    fn declarations(&mut self, declarations: &[Declaration]) {
        for declaration in declarations {
            self.line(keyword(declaration), Some(declaration.span()));
            self.nested(|dump| dump.declaration(declaration));
        }
    }

    fn declaration(&mut self, declaration: &Declaration) {
        match declaration {
            Declaration::Provider(Provider { span: _, name, statements }) => {
                self.name("name", name.as_ref());
                statements.iter().for_each(|statement| self.provider_statement(statement));
            }
            Declaration::Model(Model { span: _, name, target, statements }) => {
                self.name("name", name.as_ref());
                self.value("target", target.as_ref());
                statements.iter().for_each(|statement| self.model_statement(statement));
            }
            Declaration::Prompt(Prompt { span: _, name, body }) => {
                self.name("name", name.as_ref());
                match body {
                    None => self.line("body ?", None),
                    Some(PromptBody::Text(value)) => self.value("body", Some(value)),
                    Some(PromptBody::File { span, path }) => {
                        self.line("file", Some(*span));
                        self.nested(|dump| dump.value("path", path.as_ref()));
                    }
                }
            }
            Declaration::Defaults(Defaults { span: _, statements }) => self.statements(statements),
            Declaration::Role(Role { span: _, name, like, statements }) => {
                self.name("name", name.as_ref());
                if like.is_some() {
                    self.name("like", like.as_ref());
                }
                self.statements(statements);
            }
            Declaration::Let(Let { span: _, name, value }) => {
                self.name("name", name.as_ref());
                self.value("value", value.as_ref());
            }
            Declaration::Env(Env { span: _, name, declarations }) => {
                self.name("name", name.as_ref());
                self.declarations(declarations);
            }
            Declaration::Client(Client { span: _, name, statements }) => {
                self.name("name", name.as_ref());
                statements.iter().for_each(|statement| self.client_statement(statement));
            }
            Declaration::Ensure(ensure) => self.ensure(ensure),
            Declaration::Test(TestCase { span: _, name, statements }) => {
                self.name("name", name.as_ref());
                statements.iter().for_each(|statement| self.test_statement(statement));
            }
            Declaration::Broken(broken) => self.broken(broken),
        }
    }

    fn setting(&mut self, setting: &Setting) {
        let Setting { span: _, value } = setting;
        self.value("value", value.as_ref());
    }

    fn entries(&mut self, entries: &Entries) {
        let Entries { span: _, entries } = entries;
        for Entry { span: _, key, value } in entries {
            self.name("key", Some(key));
            self.value("value", value.as_ref());
        }
    }

    fn broken(&mut self, broken: &Broken) {
        let Broken { span: _, meant, name } = broken;
        self.line(&format!("meant {}", meant.unwrap_or("?")), None);
        if name.is_some() {
            self.name("name", name.as_ref());
        }
    }

    fn name(&mut self, label: &str, name: Option<&Name>) {
        match name {
            Some(Name { text, span }) => self.line(&format!("{label} {text:?}"), Some(*span)),
            None => self.line(&format!("{label} ?"), None),
        }
    }

    fn names(&mut self, label: &str, names: &[Name]) {
        names.iter().for_each(|name| self.name(label, Some(name)));
    }

    fn value(&mut self, label: &str, value: Option<&Value>) {
        let Some(Value { span, kind }) = value else {
            self.line(&format!("{label} ?"), None);
            return;
        };
        match kind {
            ValueKind::String(parts) | ValueKind::Text(parts) => {
                let quotes = if matches!(kind, ValueKind::Text(_)) { "text" } else { "string" };
                self.line(&format!("{label} {quotes}"), Some(*span));
                self.nested(|dump| parts.iter().for_each(|part| dump.part(part)));
            }
            ValueKind::ModelId(id) => {
                let ModelId { provider, id } = &**id;
                self.line(&format!("{label} model id"), Some(*span));
                self.nested(|dump| {
                    dump.name("provider", Some(provider));
                    dump.name("id", Some(id));
                });
            }
            _ => self.line(&format!("{label} {}", scalar(kind)), Some(*span)),
        }
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Literal(text) => self.line(&format!("{text:?}"), None),
            Part::Hole(name) => self.name("hole", Some(name)),
        }
    }
}

fn scalar(kind: &ValueKind) -> String {
    match kind {
        ValueKind::Number(number) => format!("{number:?}"),
        ValueKind::Duration(duration) => format!("{duration:?}"),
        ValueKind::Share(percent) => format!("{percent}%"),
        ValueKind::Money(money) => format!("{money:?}"),
        ValueKind::Size(bytes) => format!("{bytes} bytes"),
        ValueKind::Ident(text) => format!("ident {text:?}"),
        ValueKind::Broken => "broken".to_owned(),
        // Those of several lines are written by `value`.
        ValueKind::String(_) | ValueKind::Text(_) | ValueKind::ModelId(_) => String::new(),
    }
}

fn keyword(declaration: &Declaration) -> &'static str {
    match declaration {
        Declaration::Provider(_) => "provider",
        Declaration::Model(_) => "model",
        Declaration::Prompt(_) => "prompt",
        Declaration::Defaults(_) => "defaults",
        Declaration::Role(_) => "role",
        Declaration::Let(_) => "let",
        Declaration::Env(_) => "env",
        Declaration::Client(_) => "client",
        Declaration::Ensure(_) => "ensure",
        Declaration::Test(_) => "test",
        Declaration::Broken(_) => "broken",
    }
}
