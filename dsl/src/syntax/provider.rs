//! The statements of providers and models.
//!
//! Owns what follows each of their keywords; blocks and declarations are in [`super::lower`].

use super::cursor::Cursor;
use super::pieces::Kind;
use super::statement;
use super::tree::{ApiKey, Broken, Header, KeyStore, ModelStatement, PriceOver, ProviderStatement};
use super::words::Place;
use crate::span::Span;

/// The statement of a known keyword, which has just been taken.
pub(crate) fn provider_statement(
    keyword: &'static str,
    start: Span,
    _: Place,
    cursor: &mut Cursor,
) -> ProviderStatement {
    let setting = |what, cursor: &mut Cursor| statement::setting(start, what, cursor);
    match keyword {
        "protocol" => ProviderStatement::Protocol(setting("a protocol", cursor)),
        "base_url" => ProviderStatement::BaseUrl(setting("an address in quotes", cursor)),
        "max_connections" => ProviderStatement::MaxConnections(setting("a number", cursor)),
        "allow" => ProviderStatement::Allow(setting("`plain_http`", cursor)),
        "api_key" => ProviderStatement::ApiKey(api_key(start, cursor)),
        "header" => {
            cursor.no_equals();
            let name = cursor.value("the header's name in quotes");
            let value = name.as_ref().and_then(|_| cursor.value("the header's value in quotes"));
            ProviderStatement::Header(Header { span: cursor.since(start), name, value })
        }
        meant => ProviderStatement::Broken(Broken { span: start, meant: Some(meant), name: None }),
    }
}

/// What follows `api_key`, or `key` in a client.
pub(crate) fn api_key(start: Span, cursor: &mut Cursor) -> ApiKey {
    cursor.no_equals();
    let store = match cursor.peek().filter(|piece| piece.kind == Kind::Word) {
        Some(piece) if cursor.is_word(piece, "secret") => Some(KeyStore::Secret),
        Some(piece) if cursor.is_word(piece, "env") => Some(KeyStore::Env),
        _ => None,
    };
    if store.is_some() {
        cursor.next();
    } else {
        cursor.wanted("`secret \"NAME\"` or `env \"NAME\"`");
        while cursor.next().is_some() {}
        return ApiKey { span: cursor.since(start), store, value: None };
    }
    let value = cursor.value("the key's name in quotes");
    ApiKey { span: cursor.since(start), store, value }
}

/// The fact of a known keyword, which has just been taken.
pub(crate) fn model_statement(
    keyword: &'static str,
    start: Span,
    place: Place,
    cursor: &mut Cursor,
) -> ModelStatement {
    let tokens = "a number of tokens";
    match keyword {
        "context" => ModelStatement::Context(statement::setting(start, tokens, cursor)),
        "input" => ModelStatement::Input(statement::setting(start, tokens, cursor)),
        "output" => ModelStatement::Output(statement::setting(start, tokens, cursor)),
        "thinking_budget_min" => {
            ModelStatement::ThinkingBudgetMin(statement::setting(start, tokens, cursor))
        }
        "price" => price(start, place, cursor),
        "accepts" => {
            ModelStatement::Accepts(statement::names(start, place, "a capability", cursor))
        }
        "efforts" => ModelStatement::Efforts(statement::names(start, place, "an effort", cursor)),
        "sampling" => {
            let what = "`any`, `one` or `refused`";
            ModelStatement::Sampling(statement::setting(start, what, cursor))
        }
        "output_limit_key" => {
            let what = "`max_tokens` or `max_completion_tokens`";
            ModelStatement::OutputLimitKey(statement::setting(start, what, cursor))
        }
        "stop_sequences" => {
            ModelStatement::StopSequences(statement::setting(start, "a number", cursor))
        }
        "system_role" => {
            let what = "`system` or `developer`";
            ModelStatement::SystemRole(statement::setting(start, what, cursor))
        }
        "system_turns" => ModelStatement::SystemTurns(start),
        "effort_with_tools" => {
            let what = "`taken` or `refused`";
            ModelStatement::EffortWithTools(statement::setting(start, what, cursor))
        }
        "endpoints" => {
            ModelStatement::Endpoints(statement::names(start, place, "an endpoint", cursor))
        }
        "past_reasoning" => {
            let what = "`taken` or `refused`";
            ModelStatement::PastReasoning(statement::setting(start, what, cursor))
        }
        "call_ids" => ModelStatement::CallIds(statement::setting(start, "`any` or `nine`", cursor)),
        "prefill" => ModelStatement::Prefill(start),
        meant => ModelStatement::Broken(Broken { span: start, meant: Some(meant), name: None }),
    }
}

/// `price KEY AMOUNT, …`, `price over TOKENS KEY AMOUNT, …`
fn price(start: Span, place: Place, cursor: &mut Cursor) -> ModelStatement {
    let what = "an amount such as `$3`";
    if cursor.take_word("over").is_none() {
        return ModelStatement::Price(statement::entries(start, place, what, cursor));
    }
    let tokens = cursor.value("a number of tokens");
    let price = statement::entries(start, place, what, cursor);
    ModelStatement::PriceOver(PriceOver { span: cursor.since(start), tokens, price })
}
