//! The statements of providers, models and clients as lines.
//!
//! Owns these alone.

use super::Dump;
use crate::syntax::tree::{
    ApiKey, Budget, ClientStatement, Header, KeyStore, ModelStatement, Names, PriceOver,
    ProviderStatement, RateLimit,
};

impl Dump {
    pub(super) fn provider_statement(&mut self, statement: &ProviderStatement) {
        let keyword = match statement {
            ProviderStatement::Protocol(_) => "protocol",
            ProviderStatement::BaseUrl(_) => "base_url",
            ProviderStatement::ApiKey(_) => "api_key",
            ProviderStatement::Header(_) => "header",
            ProviderStatement::MaxConnections(_) => "max_connections",
            ProviderStatement::Allow(_) => "allow",
            ProviderStatement::Broken(_) => "broken",
        };
        self.line(keyword, Some(statement.span()));
        self.nested(|dump| match statement {
            ProviderStatement::Protocol(setting)
            | ProviderStatement::BaseUrl(setting)
            | ProviderStatement::MaxConnections(setting)
            | ProviderStatement::Allow(setting) => dump.setting(setting),
            ProviderStatement::ApiKey(key) => dump.api_key(key),
            ProviderStatement::Header(Header { span: _, name, value }) => {
                dump.value("name", name.as_ref());
                dump.value("value", value.as_ref());
            }
            ProviderStatement::Broken(broken) => dump.broken(broken),
        });
    }

    pub(super) fn model_statement(&mut self, statement: &ModelStatement) {
        let keyword = match statement {
            ModelStatement::Context(_) => "context",
            ModelStatement::Input(_) => "input",
            ModelStatement::Output(_) => "output",
            ModelStatement::Price(_) => "price",
            ModelStatement::PriceOver(_) => "price over",
            ModelStatement::Accepts(_) => "accepts",
            ModelStatement::Sampling(_) => "sampling",
            ModelStatement::Efforts(_) => "efforts",
            ModelStatement::ThinkingBudgetMin(_) => "thinking_budget_min",
            ModelStatement::OutputLimitKey(_) => "output_limit_key",
            ModelStatement::StopSequences(_) => "stop_sequences",
            ModelStatement::SystemRole(_) => "system_role",
            ModelStatement::SystemTurns(_) => "system_turns",
            ModelStatement::EffortWithTools(_) => "effort_with_tools",
            ModelStatement::Endpoints(_) => "endpoints",
            ModelStatement::PastReasoning(_) => "past_reasoning",
            ModelStatement::CallIds(_) => "call_ids",
            ModelStatement::Prefill(_) => "prefill",
            ModelStatement::Broken(_) => "broken",
        };
        self.line(keyword, Some(statement.span()));
        self.nested(|dump| match statement {
            ModelStatement::Context(setting)
            | ModelStatement::Input(setting)
            | ModelStatement::Output(setting)
            | ModelStatement::Sampling(setting)
            | ModelStatement::ThinkingBudgetMin(setting)
            | ModelStatement::OutputLimitKey(setting)
            | ModelStatement::StopSequences(setting)
            | ModelStatement::SystemRole(setting)
            | ModelStatement::EffortWithTools(setting)
            | ModelStatement::PastReasoning(setting)
            | ModelStatement::CallIds(setting) => dump.setting(setting),
            ModelStatement::Price(entries) => dump.entries(entries),
            ModelStatement::PriceOver(PriceOver { span: _, tokens, price }) => {
                dump.value("tokens", tokens.as_ref());
                dump.entries(price);
            }
            ModelStatement::Accepts(Names { span: _, names })
            | ModelStatement::Efforts(Names { span: _, names })
            | ModelStatement::Endpoints(Names { span: _, names }) => dump.names("name", names),
            ModelStatement::Prefill(_) | ModelStatement::SystemTurns(_) => {}
            ModelStatement::Broken(broken) => dump.broken(broken),
        });
    }

    fn api_key(&mut self, key: &ApiKey) {
        let ApiKey { span: _, store, value } = key;
        let store = match store {
            Some(KeyStore::Secret) => "store secret",
            Some(KeyStore::Env) => "store env",
            None => "store ?",
        };
        self.line(store, None);
        self.value("name", value.as_ref());
    }

    pub(super) fn client_statement(&mut self, statement: &ClientStatement) {
        let keyword = match statement {
            ClientStatement::Key(_) => "key",
            ClientStatement::Allow(_) => "allow",
            ClientStatement::Limit(_) => "limit",
            ClientStatement::Budget(_) => "budget",
            ClientStatement::Broken(_) => "broken",
        };
        self.line(keyword, Some(statement.span()));
        self.nested(|dump| match statement {
            ClientStatement::Key(key) => dump.api_key(key),
            ClientStatement::Allow(Names { span: _, names }) => dump.names("role", names),
            ClientStatement::Limit(RateLimit { span: _, count, of, per }) => {
                dump.value("count", count.as_ref());
                if of.is_some() {
                    dump.name("of", of.as_ref());
                }
                dump.value("per", per.as_ref());
            }
            ClientStatement::Budget(Budget { span: _, amount, per }) => {
                dump.value("amount", amount.as_ref());
                dump.name("per", per.as_ref());
            }
            ClientStatement::Broken(broken) => dump.broken(broken),
        });
    }
}
