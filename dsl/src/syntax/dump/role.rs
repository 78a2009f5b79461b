//! The statements of roles as lines.
//!
//! Owns these alone; conditions are in [`super::condition`].

use super::Dump;
use crate::syntax::tree::{
    Backoff, Classes, Link, Names, Otherwise, Retry, Route, Statement, System, SystemMode, Then,
    Weighted, When,
};

impl Dump {
    pub(super) fn statements(&mut self, statements: &[Statement]) {
        for statement in statements {
            let keyword = match statement {
                Statement::Broken(_) => "broken",
                _ => statement.keyword().unwrap_or("broken"),
            };
            self.line(keyword, Some(statement.span()));
            self.nested(|dump| dump.statement(statement));
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::About(setting) => self.setting(setting),
            Statement::System(system) => self.system(system),
            Statement::Route(route) => self.route(route),
            Statement::When(When { span: _, condition, then }) => {
                self.condition(condition);
                self.then(then);
            }
            Statement::Otherwise(Otherwise { span: _, route }) => self.arm(route.as_ref()),
            Statement::Fallback(Classes { span: _, classes }) => self.names("class", classes),
            Statement::Deny(Names { span: _, names }) => self.names("name", names),
            Statement::Accept(Names { span: _, names }) => self.names("name", names),
            Statement::Hedge(setting)
            | Statement::Commit(setting)
            | Statement::Cache(setting)
            | Statement::Audit(setting) => self.setting(setting),
            Statement::Resume(_) | Statement::Strict(_) => {}
            Statement::Timeout(entries) | Statement::Set(entries) | Statement::Limit(entries) => {
                self.entries(entries);
            }
            Statement::Retry(retry) => self.retry(retry),
            Statement::Broken(broken) => self.broken(broken),
        }
    }

    fn then(&mut self, then: &Then) {
        match then {
            Then::Route(route) => self.arm(route.as_ref()),
            Then::Block(statements) => {
                self.line("block", None);
                self.nested(|dump| dump.statements(statements));
            }
        }
    }

    fn arm(&mut self, route: Option<&Route>) {
        match route {
            Some(route) => {
                self.line("route", Some(route.span));
                self.nested(|dump| dump.route(route));
            }
            None => self.line("route ?", None),
        }
    }

    fn route(&mut self, route: &Route) {
        let Route { span: _, draw, chain } = route;
        for Weighted { span, share, link } in draw {
            self.line("drawn", Some(*span));
            self.nested(|dump| {
                dump.value("share", share.as_ref());
                dump.link(link);
            });
        }
        chain.iter().for_each(|link| self.link(link));
    }

    fn link(&mut self, link: &Link) {
        let Link { span: _, model } = link;
        self.name("link", Some(model));
    }

    fn system(&mut self, system: &System) {
        let System { span: _, mode, mode_span, prompts } = system;
        if let Some(mode) = mode {
            let mode = match mode {
                SystemMode::Prepend => "mode prepend",
                SystemMode::Append => "mode append",
                SystemMode::Replace => "mode replace",
            };
            self.line(mode, *mode_span);
        }
        prompts.iter().for_each(|prompt| self.value("prompt", Some(prompt)));
    }

    fn retry(&mut self, retry: &Retry) {
        let Retry { span: _, count, on, on_span, backoff } = retry;
        self.value("count", count.as_ref());
        if on_span.is_some() {
            self.line("on", *on_span);
        }
        on.iter().for_each(|class| self.name("class", Some(class)));
        if let Some(backoff) = backoff {
            let Backoff { span, min, max } = &**backoff;
            self.line("backoff", Some(*span));
            self.nested(|dump| {
                dump.value("min", min.as_ref());
                dump.value("max", max.as_ref());
            });
        }
    }
}
