//! The statements of providers and models.
//!
//! Owns what follows each of their keywords; blocks and declarations are in [`super::lower`].

use super::cursor::Cursor;
use super::pieces::Kind;
use super::statement;
use super::tree::{ApiKey, Broken, Header, KeyStore, ModelStatement, ProviderStatement};
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
    match keyword {
        "context" => {
            ModelStatement::Context(statement::setting(start, "a number of tokens", cursor))
        }
        "output" => ModelStatement::Output(statement::setting(start, "a number of tokens", cursor)),
        "price" => {
            let what = "an amount such as `$3`";
            ModelStatement::Price(statement::entries(start, place, what, cursor))
        }
        "accepts" => {
            ModelStatement::Accepts(statement::names(start, place, "a capability", cursor))
        }
        meant => ModelStatement::Broken(Broken { span: start, meant: Some(meant), name: None }),
    }
}
